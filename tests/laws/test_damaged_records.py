"""A damaged record of the store is named, and only the command that needs it fails."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from leptonctl.core import layout
from leptonctl.core.state import State
from tests import projects
from tests.test_output_schemas import problems


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:20])


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def another_type(file: Path) -> None:
    file.write_bytes(b"[1]")


def binary(file: Path) -> None:
    file.write_bytes(bytes(range(256)))


DAMAGES = (cut, emptied, another_type, binary)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A record; commands that do without it and name it; commands that never read it; commands that need it.

    `warns`, `silent`: command -> what it still says.
    """

    name: str
    path: Callable[[State], str]
    warns: Mapping[str, str] = field(default_factory=dict)
    silent: Mapping[str, str] = field(default_factory=dict)
    fails: tuple[str, ...] = ()


def deployment(number: int) -> Callable[[State], str]:
    return lambda state: layout.deployment(state.lineage, "dev", number)


def recipe(address: str) -> Callable[[State], str]:
    return lambda state: layout.recipe(state.current[address].declaration)


def result(version: str, step: str) -> Callable[[State], str]:
    return lambda state: layout.result(str(state.current[f"model/line@{version}"].key(step)))


CASES = [
    Case(name="the deployment in force", path=deployment(3), warns={"status": '"version": "v2"'}, silent={"plan": "summary"}),
    Case(name="an earlier deployment", path=deployment(1), silent={"status": '"version": "v2"', "history": "serial"}),
    Case(
        name="the head",
        path=lambda state: layout.head(state.lineage, "dev"),
        warns={"status": '"healthy": true'},
        silent={"explain line@v1": "digest", "history": "serial", "plan --only model/line": "summary"},
        fails=("plan", "apply --yes"),
    ),
    Case(
        name="the owner of the lineage",
        path=lambda state: layout.owner(state.lineage),
        warns={"status": '"healthy": true'},
        silent={"history": "serial", "show": "current", "explain line@v1": "digest", "server list": "servers"},
        fails=("plan",),
    ),
    Case(
        name="a metric",
        path=result("v2", "evaluate"),
        warns={"status": '"version": "v2"', "leaderboard line": "line@v1", "explain line@v2": "digest", "history": "serial"},
        fails=("diff line@v1 line@v2",),
    ),
    Case(
        name="a training",
        path=result("v1", "train"),
        warns={"diff line@v1 line@v2": "accuracy", "leaderboard line": "line@v2", "explain line@v1": "digest", "history": "serial"},
        fails=("verify line@v1",),
    ),
    Case(name="a recipe", path=recipe("environment/dev/line"), warns={"explain dev/line": "digest"}, silent={"status": "v2"}),
]


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Version v2 serves in dev, after v1 and v3."""
    models = {"line": {"v1": "{}", "v2": "{params: {C: 0.5}}", "v3": "{params: {C: 0.1}}"}}
    root = projects.tiny_project(tmp_path_factory.mktemp("damaged"), models)
    for before, version in (("v1", "v1"), ("v1", "v3"), ("v3", "v2")):
        projects.edit(root / "environment-dev.yaml", f"line: {before}", f"line: {version}")
        assert projects.run("apply", "--yes", cwd=root).returncode == 0
    yield root
    projects.stop_servers(root)


@pytest.fixture
def damage(applied: Path) -> Iterator[Callable[[str, Callable[[Path], None]], None]]:
    """Damages a record of the store, which is whole again after the test."""
    whole: dict[Path, bytes] = {}

    def of(path: str, how: Callable[[Path], None]) -> None:
        file = projects.stored(applied, path)
        whole.setdefault(file, file.read_bytes())
        file.chmod(0o644)
        how(file)

    yield of
    for file, data in whole.items():
        file.unlink()
        file.write_bytes(data)


Damage = Callable[[str, Callable[[Path], None]], None]


@pytest.mark.parametrize("number", range(len(CASES)), ids=[case.name for case in CASES])
def test_only_what_needs_a_record_fails(number: int, applied: Path, damage: Damage) -> None:
    case, how = CASES[number], DAMAGES[number % len(DAMAGES)]
    path = case.path(projects.recorded(applied))
    damage(path, how)
    for words, part in {**case.warns, **case.silent}.items():
        done = projects.run(*words.split(), "--json", cwd=applied)
        assert (done.returncode, part in done.stdout) == (0, True), (words, done.stdout + done.stderr)
        shown = json.loads(done.stdout)
        named = [(d["severity"], path in d["detail"]) for d in shown.get("diagnostics", []) if d["id"] == "corrupt-record"]
        assert named == ([("warning", True)] if words in case.warns else []), (words, named)
        assert problems(words.split()[0], shown) == [] if words in case.warns else True
    for words in case.fails:
        done = projects.run(*words.split(), cwd=applied)
        text = done.stdout + done.stderr
        assert (done.returncode, "error[corrupt-record]" in text, path in text) == (1, True, True), (words, text)


def test_show_prints_the_rest_and_fails(applied: Path, damage: Damage) -> None:
    """As `ls` does with a folder that it cannot read; the damaged figure is not shown."""
    damage(result("v2", "evaluate")(projects.recorded(applied)), another_type)
    done = projects.run("show", "--json", cwd=applied)
    shown = json.loads(done.stdout)
    assert (done.returncode, [d["severity"] for d in shown["diagnostics"]]) == (1, ["error"])
    state = projects.recorded(applied)
    metrics = {version: shown["results"][state.current[f"model/line@{version}"].digest]["metrics"] for version in ("v1", "v2")}
    assert (metrics["v1"] != {}, metrics["v2"]) == (True, {})


def test_a_rollback_passes_over_the_records_that_it_does_not_need(applied: Path, damage: Damage, tmp_path: Path) -> None:
    """That of the deployment which it leaves, and (brother) a damaged earlier one: it goes to the newest that can be read."""
    root = projects.copy_of(applied, tmp_path / "copy")
    state = projects.recorded(root)
    for number in (3, 2):
        file = projects.stored(root, deployment(number)(state))
        file.chmod(0o644)
        cut(file)
    shown = projects.run("rollback", "dev", cwd=root)
    assert ("v2 → v1" in shown.stdout, "error[consent-missing]" in shown.stderr) == (True, True), shown.stdout + shown.stderr
    file = projects.stored(root, deployment(1)(state))
    file.chmod(0o644)
    cut(file)
    refused = projects.run("rollback", "dev", "--json", cwd=root)
    assert "corrupt-record" in refused.stdout, refused.stdout + refused.stderr
