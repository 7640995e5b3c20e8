"""docs/runbook.md, incidents of state and store: each is caused by real means and solved with the page's commands, all of them, in order."""

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from leptonctl.core import layout
from tests import projects
from tests.operations.pages import HAS_NAMESPACES, PATH, RUNBOOK, Done, Steps, apply, bind, output, serves


def test_every_section_has_a_test_and_a_row_of_the_table() -> None:
    tests = "".join(file.read_text(encoding="utf-8") for file in Path(__file__).parent.glob("test_runbook_*.py"))
    sections = re.findall(r"^## (\d+)\. (.+)$", RUNBOOK, re.MULTILINE)
    assert [int(number) for number, _ in sections] == list(range(1, 11))
    for number, heading in sections:
        name = f"test_{number}_{re.sub('[^a-z ]', '', heading.lower()).replace(' ', '_')}"
        assert f"\ndef {name}(" in tests, heading
        assert RUNBOOK.count(f"| [{number}](#{number}-") == 1


def test_4_the_store_is_gone(prod: Path) -> None:
    url = projects.served(prod, "prod")["url"]
    store, elsewhere = prod / ".leptonctl" / "store", prod / ".leptonctl" / "unmounted"
    store.rename(elsewhere)
    store.mkdir()
    with Steps(4) as steps:
        for words in (("status",), ("plan",), ("apply", "--yes")):
            steps.seen(output(*words, root=prod))
        assert projects.ask(f"{url}/v2/health/ready") == {"ready": True}
        state = projects.state_file(prod).parent
        state.rename(elsewhere.with_name("state-unmounted"))
        steps.seen(output("status", root=prod))
        elsewhere.with_name("state-unmounted").rename(state)
        shutil.rmtree(store)
        elsewhere.rename(store)
        assert "Nothing to do" in steps.run(prod)
        steps.run(prod)


def test_5_bytes_are_damaged(prod: Path) -> None:
    """While the server has them in memory, so that neither plan nor status notices."""
    route = projects.deployments_of(prod, "prod")[1].main("spam-filter")
    assert route is not None
    path = layout.artifact(route.files["model.onnx"])
    file = projects.stored(prod, path)
    whole = file.read_bytes()
    file.chmod(0o644)
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with Steps(5) as steps:
        steps.seen(output("predict", "prod/spam-filter", "--input", "data/points.csv", root=prod))
        found = steps.run(prod, 1)
        ((damaged, address),) = re.findall(
            r"mend: remove (\S+) from the store, then run `leptonctl apply --only (\S+) --yes`$", found, re.MULTILINE
        )
        assert damaged == path
        steps.run(prod, FILE=damaged)
        assert serves(prod) == "v1"
        assert "1 exported" in steps.run(prod, ADDRESS=address)
        steps.run(prod)
        steps.run(prod)
    assert file.read_bytes() == whole
    assert (serves(prod), projects.served(prod, "prod")["healthy"]) == ("v1", True)


@pytest.mark.parametrize("case", ["an older one is there", "its file is gone", "its folder is gone"])
def test_7_an_old_state_was_put_back(case: str, prod: Path) -> None:
    state = prod / ".leptonctl" / "state"
    shutil.copytree(state, prod / "old")
    bind(prod, "v2")
    apply(prod)
    if case == "its file is gone":
        projects.state_file(prod).unlink()
    else:
        shutil.rmtree(state)
    if case == "an older one is there":
        (prod / "old").rename(state)
    with Steps(7) as steps:
        steps.seen(output("plan", root=prod))
        steps.seen(apply(prod, 1))
        assert "The state is in charge" in steps.run(prod)
        assert "Nothing to do" in steps.run(prod)
        steps.run(prod)
    assert serves(prod) == "v2"
    assert [record.deployment for record in projects.history_of(prod) if record.deployment] == [1, 2]


SMALL_DISK = """
cp -a .leptonctl spare
mount -t tmpfs -o size=1m none .leptonctl
cp -a spare/. .leptonctl/
leptonctl apply --yes
sed -i s/v1/v2/ environment-prod.yaml
cat /dev/zero >.leptonctl/filler
"""


@contextlib.contextmanager
def small_disk(root: Path) -> Iterator[Callable[[str], Done]]:
    """Runs commands where the project's state and store lie on a file system of 1 MiB, which is full, in a mount namespace of their own."""
    with subprocess.Popen(
        ["unshare", "-rm", "sh"], cwd=root, env=projects.environment(PATH=PATH), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:

        def run(command: str) -> Done:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(f"{{ {command}\n}} >out 2>err </dev/null; echo $?\n")
            process.stdin.flush()
            code = int(process.stdout.readline())
            return subprocess.CompletedProcess(command, code, *((root / name).read_text(encoding="utf-8") for name in ("out", "err")))

        try:
            assert "No space left on device" in run(SMALL_DISK.strip()).stderr
            yield run
        finally:
            run("leptonctl server stop prod")
            process.stdin.close()  # type: ignore[union-attr]


@pytest.mark.skipif(not HAS_NAMESPACES, reason="no user namespaces here")
def test_9_the_disk_is_full(built: Path, tmp_path: Path) -> None:
    root = projects.copy_of(built, tmp_path / "project")
    unneeded = b"nothing refers to this" * 1000
    file = projects.stored(root, layout.artifact(f"sha256:{hashlib.sha256(unneeded).hexdigest()}"))
    file.write_bytes(unneeded)
    os.utime(file, (0, 0))
    with Steps(9) as steps, small_disk(root) as run:
        failed = run("leptonctl apply --yes")
        assert failed.returncode == 1
        steps.seen(failed.stderr)
        url = json.loads(run("leptonctl status --json").stdout)["environments"][0]["url"]
        assert projects.ask(f"{url}/v2/health/ready") == {"ready": True}
        assert projects.status_record(url).models["spam-filter"].version == "v1"
        run("rm .leptonctl/filler")
        looked = run(steps.next())
        assert ("(22.0 kB) are not needed" in looked.stdout, looked.returncode) == (True, 1), looked.stdout
        for expected in ("Freed 22.0 kB", "1 bound", "healthy"):
            command = steps.next()
            done = run(command)
            assert (done.returncode, expected in done.stdout) == (0, True), command + done.stdout + done.stderr
            steps.last = (command, 0)
        assert projects.status_record(url).models["spam-filter"].version == "v2"


def test_10_a_persons_data_must_go(prod: Path) -> None:
    record = projects.environment_of(prod, "prod")
    with Steps(10) as steps:
        for held in (r"mail@2024-06 +prepare +train\.parquet", r"spam-filter@v1 +export +golden\.json .* environment/prod/spam-filter"):
            report = steps.run(prod, 1)
            assert "error[consent-missing]" in report
            assert report.rstrip().splitlines()[-3].strip() == "hint: add --yes", "no plan can be saved of a purge"
            assert re.search(held, report), report
        rows = (prod / "data" / "points.csv").read_text(encoding="utf-8").splitlines(keepends=True)
        (prod / "data" / "new.csv").write_text("".join(row for row in rows if not row.startswith("17,")), encoding="utf-8")
        with (prod / "data.yaml").open("a", encoding="utf-8") as file:
            file.write('  "2024-07": {source: data/new.csv}\n')
        with (prod / "model-spam-filter.yaml").open("a", encoding="utf-8") as file:
            file.write("  v3: {dataset: mail@2024-07}\n")
        bind(prod, "v3")
        assert "1 trained" in steps.run(prod)
        purged = steps.run(prod)
        assert re.search(r"Removed \d+ artifacts", purged)
        assert "train.parquet" in purged
        assert "Not searched" not in purged
        steps.run(prod)
        projects.edit(prod / "data.yaml", '  "2024-06": {source: data/points.csv}\n', "")
        projects.edit(prod / "model-spam-filter.yaml", "dataset: mail@2024-06", "dataset: mail@2024-07")
        projects.edit(prod / "model-spam-filter.yaml", "  v1: {}\n  v2: {params: {C: 0.5}}\n", "")
        (prod / "data" / "points.csv").unlink()
        assert "nothing to build" in steps.run(prod)
        steps.run(prod)
        over = steps.run(prod)
        assert "Nothing in the store that can be searched holds this row" in over
        assert "dataset/" not in over.partition("Not searched")[2].partition("Out of reach")[0]
    assert serves(prod) == "v3"
    assert projects.environment_of(prod, "prod").deployment > record.deployment
