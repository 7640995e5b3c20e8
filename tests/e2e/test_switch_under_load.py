"""v1 -> v2 in prod and back, by `git revert` and by `leptonctl rollback`: nothing is computed, no request fails, the answers are byte for byte the same as before."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import projects
from tests.e2e import load, rows

URL = "/v2/models/spam-filter/infer"
NOTHING = {
    "prepared": 0,
    "tried": 0,
    "searched": 0,
    "trained": 0,
    "exported": 0,
    "decided": 0,
    "evaluated": 0,
    "cross_validated": 0,
    "compared": 0,
    "failed": 0,
    "skipped": 0,
}


def applied(root: Path, *arguments: str, **variables: str) -> dict:
    """The last event of a command that must work."""
    done = projects.run(*(arguments or ("apply",)), "--yes", "--json", cwd=root, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return projects.finished(done)


def returned(finished: dict) -> None:
    """A return: one binding moved, nothing computed, under a second of work."""
    assert {name: finished[name] for name in NOTHING} == NOTHING
    assert (finished["ok"], finished["bound"]) == (True, 1)
    assert finished["seconds"] < 1


def switched(root: Path, old: str, new: str) -> None:
    """prod's line in the YAML."""
    file = root / "environments.yaml"
    head, prod = file.read_text(encoding="utf-8").split("name: prod")
    assert f"spam-filter: {old}" in prod
    file.write_text(f"{head}name: prod" + prod.replace(f"spam-filter: {old}", f"spam-filter: {new}"), encoding="utf-8")


def to_v2(root: Path) -> dict:
    switched(root, "v1", "v2")
    projects.commit(root, "Serve v2 in prod")
    return applied(root)


def bound(root: Path) -> tuple[str, str, str, str]:
    """What prod serves, as recorded and as observed."""
    model = projects.served(root, "prod")["models"][0]
    return model["digest"], model["artifact"], model["live_digest"], model["live_artifact"]


def by_revert(root: Path) -> dict:
    projects.git(root, "revert", "--no-edit", "HEAD")
    return applied(root)


def by_rollback(root: Path) -> dict:
    finished = applied(root, "rollback", "prod")
    projects.commit(root, "Roll back prod")
    return finished


@pytest.mark.parametrize("back", [by_revert, by_rollback])
def test_a_switch_and_its_return_under_load(back: Callable[[Path], dict], spam: Path, tmp_path: Path) -> None:
    applied(spam)
    url = projects.served(spam, "prod")["url"] + URL
    names, test = rows.spam_test_rows(spam)
    requests = [rows.request(names, [row]) for row in test]
    first, digests = load.answers(url, [*requests, rows.request(names, test)]), bound(spam)

    with load.Load(url, requests, tmp_path) as running:
        moments = [time.monotonic()]
        there = to_v2(spam)
        moments.append(time.monotonic())
        second, other = load.answers(url, requests), bound(spam)
        moments.append(time.monotonic())
        finished = back(spam)
        moments.append(time.monotonic())
        last = load.answers(url, [*requests, rows.request(names, test)])
    assert (there["trained"], there["exported"], there["evaluated"], there["compared"], there["bound"]) == (0, 0, 0, 1, 1)
    returned(finished)
    assert bound(spam) == digests
    assert other[0] == other[2] != digests[0]
    assert last == first
    assert projects.run("plan", "--detailed-exitcode", cwd=spam).returncode == 0

    assert running.failures == []
    assert len(running.answers) >= load.LEAST
    assert {status for _, status, _, _, _ in running.answers} == {200}
    versions = {"v1": [load.digest(a) for a in first], "v2": [load.digest(a) for a in second]}
    seen = [([v for v, of in versions.items() if of[row] == answer], sent, received) for row, _, answer, sent, received in running.answers]
    assert all(len(of) == 1 for of, _, _ in seen), "an answer belongs to exactly one of the two versions"
    # from the moment that a command has returned every server answers with what it bound
    begun, there_done, back_begun, back_done = moments
    assert {of[0] for of, _, received in seen if received < begun} == {"v1"}
    assert {of[0] for of, sent, received in seen if there_done < sent and received < back_begun} == {"v2"}
    assert {of[0] for of, sent, _ in seen if sent > back_done} == {"v1"}
    slowest = max(received - sent for _, sent, received in seen)
    print(
        f"{back.__name__}: {len(seen)} requests, {sum(of == ['v2'] for of, _, _ in seen)} of them answered by v2, 0 failed, "
        f"slowest {slowest * 1000:.0f} ms; compared and there in {there['seconds']} s, back in {finished['seconds']} s"
    )
