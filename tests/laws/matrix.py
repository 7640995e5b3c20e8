"""The project that is edited, and a notation for an edit and its cost in one line.

Several cases in one project: `line` has a version sealed in prod (v1), one bound in dev (v2) and one bound nowhere (v3);
`tree` reads data that is not pinned, and both of its versions override the same parameter of the base block.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from leptonctl.core import layout
from tests import projects

Edit = Callable[[Path], None]

FILES = {
    "leptonctl.yaml": """\
kind: Project
name: matrix
format: 1
vars: {iterations: 150, spare: 1, depth: 3}
""",
    "data.yaml": """\
kind: Dataset
name: points
target: side
columns:
  x: {type: number, min: 0}
split: {test: 0.25, seed: 7}
versions:
  first: {source: data/first.csv}
  second: {source: data/second.csv}
""",
    "models/line.yaml": """\
kind: Model
name: line
description: Which side of the line a point lies on
labels: {team: geometry}
dataset: points@second
task: classification
seed: 7
preprocess:
  - {columns: numeric, use: standard_scaler}
algorithm: logistic_regression
params: {C: 1.0, max_iter: 200}
evaluate: {metrics: [accuracy, f1]}
versions:
  v1: {}
  v2: {params: {C: 0.5}}
  v3: {dataset: points@first, params: {C: 2.0, max_iter: "{{ vars.iterations }}"}}
""",
    "models/tree.yaml": """\
kind: Model
name: tree
dataset: points@first
task: classification
algorithm: decision_tree
params: {max_depth: 3}
versions:
  small: {params: {max_depth: 2}}
  large: {params: {max_depth: 4}}
""",
    "environments.yaml": """\
kind: Environment
name: dev
platform: {type: server, host: 127.0.0.1, port: 8080}
models:
  line: v2
  tree: small
---
kind: Environment
name: prod
protected: true
platform: {type: server, host: 127.0.0.1, port: 8081}
models:
  line: v1
gates:
  accuracy: {min: 0.5}
""",
}


def write_project(root: Path) -> None:
    """The files of the project, with free ports and the data of prod pinned."""
    for name, text in FILES.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        for port in ("8080", "8081"):
            text = text.replace(f"port: {port}", f"port: {projects.free_port()}")  # noqa: PLW2901
        file.write_text(text, encoding="utf-8")
    (root / "data").mkdir()
    (root / "data" / "first.csv").write_text(projects.points(80, 1), encoding="utf-8")
    (root / "data" / "second.csv").write_text(projects.points(120, 2), encoding="utf-8")
    pinned = projects.run("pin", "points@second", cwd=root)
    assert pinned.returncode == 0, pinned.stderr


def own_servers(root: Path) -> None:
    """Give a copied project its own servers: other ports, and no records of the servers of the original."""
    shutil.rmtree(root / ".leptonctl" / "servers")
    shutil.rmtree(projects.stored(root, f"{layout.project(projects.recorded(root).lineage)}/servers"))
    file = root / "environments.yaml"
    lines = file.read_text(encoding="utf-8").splitlines()
    changed = [line.partition("port:")[0] + f"port: {projects.free_port()}}}" if "port:" in line else line for line in lines]
    file.write_text("\n".join(changed) + "\n", encoding="utf-8")


def swap(file: str, old: str, new: str) -> Edit:
    """Replace a string that occurs once in a file."""
    return lambda root: projects.edit(root / file, old, new)


def append(file: str, text: str) -> Edit:
    def act(root: Path) -> None:
        with (root / file).open("a", encoding="utf-8") as out:
            out.write(text)

    return act


def write(file: str, text: str) -> Edit:
    def act(root: Path) -> None:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(text, encoding="utf-8")

    return act


def rename(file: str, new: str) -> Edit:
    def act(root: Path) -> None:
        (root / new).parent.mkdir(parents=True, exist_ok=True)
        (root / file).rename(root / new)

    return act


def both(*edits: Edit) -> Edit:
    def act(root: Path) -> None:
        for edit in edits:
            edit(root)

    return act


def touch(file: str) -> Edit:
    """The same bytes in a new file."""

    def act(root: Path) -> None:
        content = (root / file).read_bytes()
        (root / file).unlink()
        (root / file).write_bytes(content)

    return act


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An edit and the expected plan.

    moves: address -> "action op op (op)": steps that would run, and in brackets those whose result exists.
    refused: the ids of the errors (exit 3). warned: the ids of warnings. drift: address -> class.
    """

    name: str
    edit: Edit
    moves: Mapping[str, str] = field(default_factory=dict)
    refused: tuple[str, ...] = ()
    warned: tuple[str, ...] = ()
    drift: Mapping[str, str] = field(default_factory=dict)
    exit_code: int | None = None

    @property
    def expected_exit(self) -> int:
        """With --detailed-exitcode: 3 for a refused edit, 2 when there are changes."""
        if self.exit_code is not None:
            return self.exit_code
        return 3 if self.refused else 2 if self.moves or "heal" in self.drift.values() else 0

    @property
    def binds(self) -> bool:
        """Whether applying it changes what a server serves."""
        return any(address.startswith("environment/") for address in self.moves)

    @property
    def works(self) -> bool:
        """Whether applying it needs a worker."""
        return any(op.isalpha() or op == "cross_validate" for moves in self.moves.values() for op in moves.split()[1:] if op != "bind")


def moves_of(plan: Mapping) -> dict[str, str]:
    """What a plan would do, in the form of `Case.moves`."""
    return {
        change["address"]: " ".join([change["action"], *(f"({s['op']})" if s["cached"] else s["op"] for s in change["steps"])])
        for change in plan["changes"]
    }


def counted(plan: Mapping) -> dict[str, int]:
    """The summary that follows from the changes (`keep` is not among them)."""
    summary = dict.fromkeys(("create", "update", "remove", "forget"), 0)
    ops = ("prepare", "trial", "search", "train", "command", "export", "import", "decide", "evaluate", "cross_validate", "compare", "bind")
    summary |= dict.fromkeys((*ops, "reuse", "held"), 0)
    summary["warnings"] = sum(problem["severity"] == "warning" for problem in plan["diagnostics"])
    for change in plan["changes"]:
        summary[change["action"]] += 1
        summary["held"] += not change["is_return"] and any(gate["passed"] is False for gate in change["gates"])
        for step in change["steps"]:
            summary["reuse" if step["cached"] else step["op"]] += 1
    return summary


def read_json(text: str) -> dict:
    found = json.loads(text)
    assert isinstance(found, dict)
    return found
