"""Wrong command lines, addresses, saved plans, damaged states and stores: a diagnostic, the documented exit code, and nothing lost."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from leptonctl.cli.main import main
from leptonctl.core import layout
from leptonctl.core.diagnostic import ERROR, INVALID, STALE
from tests import projects
from tests.laws import matrix
from tests.laws.matrix import Edit, both, swap, write

LINE, DATA, PROJECT, PLACES = "models/line.yaml", "data.yaml", "leptonctl.yaml", "environments.yaml"
STATE = ".leptonctl/state/state.json"
STRANGER = "x,z\n1,2\n"


def nothing(root: Path) -> None:
    del root


def remove(file: str) -> Edit:
    return lambda root: (root / file).unlink()


def saved(*edits: Edit) -> Edit:
    """Save a plan, then edit."""

    def act(root: Path) -> None:
        swap(LINE, "C: 2.0", "C: 3.0")(root)
        made = projects.run("plan", "--out", "saved.plan", cwd=root)
        assert made.returncode == 0, made.stderr
        both(*edits)(root)

    return act


def in_plan(**fields: object) -> Edit:
    """Set fields of the saved plan."""
    return lambda root: projects.edit_plan(root / "saved.plan", **fields)


def damaged(path: Callable[[str], str]) -> Edit:
    """Damage an object of the store; `path` returns its path for a lineage."""
    return lambda root: projects.stored(root, path(projects.recorded(root).lineage)).write_text("nonsense") and None


def in_json(file: str, **fields: object) -> Edit:
    """Set top-level fields of a JSON file; None removes one."""

    def act(root: Path) -> None:
        value = {**json.loads((root / file).read_text(encoding="utf-8")), **fields}
        (root / file).write_text(json.dumps({k: v for k, v in value.items() if v is not None}), encoding="utf-8")

    return act


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """`leptonctl WORDS` after an edit: the id of the only error, its exit code, and words of the hint."""

    words: str
    id: str
    code: int = ERROR
    edit: Edit = nothing
    hint: str = ""
    name: str = ""


COMMANDS = [
    Wrong(words="aply", id="unknown-command", hint='did you mean "apply"?'),
    Wrong(words="lock remove", id="unknown-command", hint="list"),
    Wrong(words="plan --ouut x", id="unknown-option", hint="--out"),
    Wrong(words="plan extra", id="usage"),
    Wrong(words="rollback", id="usage", hint="rollback --help"),
    Wrong(words="rollback dev --to soon", id="usage"),
    Wrong(words="predict line@v1 --input rows.csv --format xml", id="usage"),
    Wrong(words="serve dev --port 70000", id="usage"),
    Wrong(words="-C nowhere plan", id="no-folder"),
    Wrong(words="-C loop plan", id="no-folder", edit=lambda root: (root / "loop").symlink_to("loop")),
    Wrong(words="-C data.yaml plan", id="usage"),
    Wrong(words="-C .. plan", id="no-project", code=INVALID, hint="leptonctl init"),
    Wrong(words="schema Modell", id="unknown-kind", hint="Model"),
    Wrong(words="init", id="project-exists"),
    Wrong(words="-C empty init --from nowhere.csv --target y", id="missing-file", edit=lambda root: (root / "empty").mkdir()),
    Wrong(words="-C empty init --target y", id="usage", hint="--from", edit=lambda root: (root / "empty").mkdir()),
    Wrong(words="-C empty init --from ../data/first.csv --target sid", id="unknown-column", hint='did you mean "side"?', edit=lambda root: (root / "empty").mkdir()),
    Wrong(words="-C empty init --from ../data/first.xlsx --target y", id="unknown-format", edit=both(lambda root: (root / "empty").mkdir(), write("data/first.xlsx", "x"))),
    Wrong(words="apply", id="consent-missing", edit=swap(LINE, "C: 2.0", "C: 3.0"), hint="--yes"),
]  # fmt: skip
ADDRESSES = [
    Wrong(words="plan --only line@v9", id="unknown-address", hint="model/line@v"),
    Wrong(words="apply --yes --only tree@smal", id="unknown-address", hint="tree@small"),
    Wrong(words="build modell/line@v1", id="unknown-address"),
    Wrong(words="history line@v9", id="unknown-address"),
    Wrong(words="explain line@v9", id="unknown-address", hint="model/line@v"),
    Wrong(words="diff line@v1 line@v9", id="unknown-address", hint="model/line@v"),
    Wrong(words="verify line@v9", id="unknown-address", hint="model/line@v"),
    Wrong(words="pin points@third", id="unknown-address", hint="points@"),
    Wrong(words="rollback produ", id="unknown-environment", hint='did you mean "prod"?'),
    Wrong(words="rollback dev/lime", id="not-bound", hint="line"),
    Wrong(words="rollback dev", id="nothing-earlier"),
    Wrong(words="rollback dev --to 99", id="unknown-deployment"),
    Wrong(words="promote line dev produ --yes", id="unknown-environment", hint='did you mean "prod"?'),
    Wrong(words="promote lime dev prod --yes", id="not-bound"),
    Wrong(words="promote tree prod dev --yes", id="not-bound"),
    Wrong(words="serve produ", id="unknown-environment", hint='did you mean "prod"?'),
    Wrong(words="destroy produ --yes", id="unknown-environment", hint='did you mean "prod"?'),
    Wrong(words="lock release 123", id="unknown-lock", hint="lock list"),
    Wrong(words="predict lime@v1 --input data/first.csv", id="unknown-address"),
    Wrong(words="predict line@v1 --input data/nowhere.csv", id="missing-file"),
    Wrong(words="predict line@v1 --input rows.xlsx", id="unknown-format", edit=write("rows.xlsx", "x")),
    Wrong(words="predict line@v1 --input data/first.csv --output nowhere/out.csv", id="cannot-write"),
    Wrong(words="predict line@v1 --input rows.csv", id="missing-column", edit=write("rows.csv", STRANGER)),
    Wrong(words="predict line@v4 --input data/first.csv", id="not-built", edit=swap(LINE, "  v1: {}\n", "  v1: {}\n  v4: {seed: 3}\n"), hint="build"),
    Wrong(words="verify line@v4", id="not-built", edit=swap(LINE, "  v1: {}\n", "  v1: {}\n  v4: {seed: 3}\n"), hint="build"),
]  # fmt: skip
PLANS = [
    Wrong(words="apply nowhere.plan", id="bad-plan", hint="plan --out"),
    Wrong(words="show nowhere.plan", id="bad-plan", hint="plan --out"),
    Wrong(words="apply data/first.csv", id="bad-plan", hint="plan --out"),
    Wrong(words="apply list.json", id="bad-plan", edit=write("list.json", "[]"), hint="plan --out"),
    Wrong(words="apply half.json", id="bad-plan", edit=write("half.json", '{"binding": 3, "plan": 4}'), hint="plan --out", name="a plan with fields of another type"),
    Wrong(words="apply saved.plan", id="stale-plan", code=STALE, edit=saved(swap(LINE, "C: 3.0", "C: 4.0")), name="a saved plan of another configuration"),
    Wrong(words="apply saved.plan", id="stale-plan", code=STALE, edit=saved(lambda root: (root / "data/first.csv").write_text(projects.points(81, 3)) and None), name="a saved plan of other data"),
    Wrong(words="apply saved.plan", id="stale-plan", code=STALE, edit=saved(in_plan(expires=1.0)), name="a saved plan that has expired"),
    Wrong(words="apply saved.plan", id="bad-plan", edit=saved(in_json("saved.plan", expires=9e9)), hint="plan --out", name="a saved plan that was edited"),
    Wrong(words="apply saved.plan", id="bad-plan", edit=saved(in_plan(expires="soon")), name="a saved plan without a valid date"),
    Wrong(words="plan --out nowhere/saved.plan", id="cannot-write", name="a plan saved nowhere"),
    Wrong(words="apply --yes --expect sha256:0", id="stale-effect", code=STALE, edit=swap(LINE, "C: 2.0", "C: 3.0")),
]  # fmt: skip
DAMAGE = [
    Wrong(words="plan", id="corrupt-state", edit=write(STATE, '{"format_version": "1", '), name="half a state"),
    Wrong(words="plan", id="corrupt-state", edit=write(STATE, "[]"), name="a state that is a list"),
    Wrong(words="plan", id="corrupt-state", edit=write(STATE, "{}"), name="a state without a revision"),
    Wrong(words="plan", id="corrupt-state", edit=in_json(STATE, current=3), name="a state whose pointers are a number"),
    Wrong(words="plan", id="corrupt-state", edit=in_json(STATE, current={"model/line@v1": {"digest": 3}}), name="a state whose entry is damaged"),
    Wrong(words="plan", id="newer-format", edit=in_json(STATE, format_version="9"), name="a state of the future"),
    Wrong(words="plan", id="lost-state", edit=both(remove(STATE)), name="a state that was removed"),
    Wrong(words="plan", id="missing-state", edit=both(remove(STATE), remove(STATE + ".backup")), name="a state that was removed with its backup"),
    Wrong(words="status", id="corrupt-state", edit=write(STATE, "nonsense"), name="status of a damaged state"),
    Wrong(words="apply --yes", id="corrupt-state", edit=write(STATE, "nonsense"), name="apply of a damaged state"),
    Wrong(words="plan", id="corrupt-record", edit=damaged(lambda lineage: layout.head(lineage, "dev")), name="a damaged head"),
    Wrong(words="plan", id="corrupt-record", edit=damaged(layout.owner), name="a damaged owner"),
    Wrong(words="plan", id="corrupt-record", edit=damaged(lambda _: layout.IDENTITY), name="a damaged identity"),
    Wrong(words="diff line@v1 line@v2", id="corrupt-record", edit=lambda root: [f.write_text("nonsense") for f in (root / ".leptonctl/store/results").iterdir()] and None, name="damaged results"),
    Wrong(words="apply --yes", id="wrong-store", edit=both(lambda root: shutil.rmtree(root / ".leptonctl/store"), write(".leptonctl/store", "x")), hint="mount", name="a file in place of the store"),
    Wrong(words="build", id="store-failed", edit=both(lambda root: shutil.rmtree(root / ".leptonctl"), write(".leptonctl/.gitignore", "*\n"), write(".leptonctl/store", "x")), name="a file in place of the first store"),
    Wrong(words="build", id="cannot-write", edit=both(lambda root: shutil.rmtree(root / ".leptonctl"), write(".leptonctl", "x")), name="a file in place of .leptonctl"),
]  # fmt: skip
CASES = [*COMMANDS, *ADDRESSES, *PLANS, *DAMAGE]


@pytest.mark.parametrize("wrong", CASES, ids=lambda wrong: wrong.name or wrong.words)
def test_an_impossible_command_gives_one_diagnostic(
    wrong: Wrong, copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong.edit(copy)
    before = _content(copy)
    monkeypatch.chdir(copy)
    code = main([*wrong.words.split(), "--json"])
    captured = capsys.readouterr()
    diagnostics = _diagnostics(captured.out, by_line=wrong.words.startswith(("apply", "build")))
    assert [d["id"] for d in diagnostics] == [wrong.id]
    assert diagnostics[0]["hint"]
    assert wrong.hint in diagnostics[0]["hint"]
    assert code == wrong.code
    assert main(wrong.words.split()) == wrong.code
    captured = capsys.readouterr()
    assert f"error[{wrong.id}]" in captured.out + captured.err
    assert "Traceback" not in captured.out + captured.err
    assert _content(copy) == before


def _diagnostics(output: str, *, by_line: bool) -> list[dict]:
    """A command that runs steps prints one line per event; once it has begun, its last line is `apply_finished`."""
    if not by_line:
        return matrix.read_json(output)["diagnostics"]
    events = projects.events(output)
    if events[0].get("type") != "apply_started":
        return events[-1]["diagnostics"]
    assert (events[-1]["type"], events[-1]["ok"]) == ("apply_finished", False)
    return [event["diagnostic"] for event in events if event["type"] == "step_failed"]


def _content(root: Path) -> dict[str, bytes]:
    """What must not be lost: project files, state, results, artifacts, records."""
    kept = [f for f in root.rglob("*") if f.is_file() and not {"cache", "logs", "servers"} & set(f.relative_to(root).parts)]
    return {str(f.relative_to(root)): f.read_bytes() for f in kept}
