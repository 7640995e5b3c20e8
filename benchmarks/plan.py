"""What a plan with nothing to do costs at many versions, beside Terraform, DVC and doit doing the same.

    python benchmarks/plan.py [10 1000 10000] [--runs 3] [--peers FOLDER] [--without terraform dvc doit] [--commands]

Each count is a project of that many files with a version each, and everything in place, though nothing was trained (see `many`). The
other tools (`peers`) are installed from PyPI (in --peers, kept when that is named) and run in turns with ours. Prints medians.

`--commands`: also the other commands that only read, a first plan in a clone, a plan after an edit, and 10,000 data files.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import many
from peers import ARGUMENTS, PEERS, ROWS, cost, install
from processes import LEPTONCTL, Cost, medians

READING = (
    "validate", "plan --json", "plan --markdown", "show", "show --json", "show m1@v1", "status", "history", "history --json",
    "history m1@v1", "leaderboard m1", "explain model/m1@v1", "diff m1@v1 m2@v1", "gc", "state list", "state show m1@v1", "server list",
    "lock list", "verify --store", "version",
)  # fmt: skip
MODEL = """\
kind: Model
name: m{number}
description: Number {number} of many
dataset: d@a
task: regression
seed: 7
preprocess:
  - {{columns: numeric, use: standard_scaler}}
algorithm: ridge
params: {{alpha: {alpha}}}
evaluate: {{metrics: [r2, rmse]}}
versions:
  v1: {{description: The first}}
"""


def files(root: Path, count: int) -> None:
    """A file for each version."""
    (root / "data.csv").write_text(ROWS)
    (root / "leptonctl.yaml").write_text("kind: Project\nname: many\nformat: 1\n")
    (root / "data.yaml").write_text("kind: Dataset\nname: d\ntarget: y\nversions:\n  a: {source: data.csv}\n")
    for number in range(count):
        folder = root / "models" / str(number // 100)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"m{number}.yaml").write_text(MODEL.format(number=number, alpha=1 + number / 1000))


def in_turns(commands: dict[str, tuple[Sequence[str], Path]], runs: int, before: Callable[[], None] = lambda: None) -> None:
    """Print the medians of all commands, run in turns, and the ratio of the CPU time to that of the first.

    The first command, ours, is run once before to fill its cache; the others have none, and their set-up has run them.
    """
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    command, folder = next(iter(commands.values()))
    cost(command, folder)
    for _ in range(runs):
        for name, (command, folder) in commands.items():
            before()
            costs[name].append(cost(command, folder))
    first = medians(next(iter(costs.values()))).cpu
    for name, of_command in costs.items():
        cpu, wall, memory = medians(of_command)
        print(f"  {name:34} {cpu:8.2f} CPU s {wall:8.2f} s {memory:6.0f} MiB {cpu / first:8.2f} x", flush=True)


def in_child(set_up: Callable[[], None]) -> None:
    """Set up in a process of its own: a measured process starts with the peak memory of this one."""
    child = os.fork()
    if child == 0:
        try:
            set_up()
        except BaseException as problem:  # noqa: BLE001
            print(problem, file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1] != 0:
        raise SystemExit("the set-up failed")


def project(folder: Path, count: int, shape: Callable[[Path, int], None] = files) -> Path:
    """A project with everything in place."""
    root = folder / f"{shape.__name__}-{count}"
    root.mkdir()

    def set_up() -> None:
        shape(root, count)
        many.record(root)

    in_child(set_up)
    return root


def compare(folder: Path, count: int, *, peers: Path, names: Sequence[str], runs: int) -> Path:
    """A plan with nothing to do beside the peers. Returns the folder of our project."""
    root = project(folder, count)
    commands: dict[str, tuple[Sequence[str], Path]] = {"leptonctl plan": ((*LEPTONCTL, "plan", "--detailed-exitcode"), root)}
    for name in names:
        place = folder / f"{name}-{count}"
        place.mkdir()
        environment = install(name, peers)
        in_child(partial(PEERS[name], place, count, environment))
        commands[" ".join((name, *ARGUMENTS[name][:1]))] = ((str(environment / "bin" / name), *ARGUMENTS[name]), place)
    print(f"{count} versions, nothing to do")
    in_turns(commands, runs)
    return root


def other_commands(root: Path, runs: int) -> None:
    """The other commands that read, a first plan in a clone, and a plan after an edit of one file."""
    plan = (*LEPTONCTL, "plan")
    print("  in a clone, without a cache")
    in_turns({"plan": (plan, root)}, runs, lambda: shutil.rmtree(root / ".leptonctl" / "cache", ignore_errors=True))
    file = root / "models" / "0" / "m1.yaml"
    numbers = iter(range(10_000))

    def edit() -> None:
        file.write_text(MODEL.format(number=1, alpha=2 + next(numbers)))

    print("  after an edit of one file")
    in_turns({"plan": (plan, root)}, runs, edit)
    file.write_text(MODEL.format(number=1, alpha=1.001))
    print("  other commands")
    in_turns({name: ((*LEPTONCTL, *name.split()), root) for name in READING}, runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counts", nargs="*", type=int, default=[10, 1000, 10000])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--without", nargs="*", choices=[*PEERS], default=[])
    parser.add_argument("--commands", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for count in options.counts:
            names = [peer for peer in PEERS if peer not in options.without]
            root = compare(folder, count, peers=options.peers or folder / "peers", names=names, runs=options.runs)
            if options.commands:
                other_commands(root, options.runs)
        if options.commands:
            root = project(folder, 10_000, many.datasets)
            print("10000 data files, a dataset version each")
            in_turns({"plan": ((*LEPTONCTL, "plan"), root), "--help": ((*LEPTONCTL, "--help"), root)}, options.runs)


if __name__ == "__main__":
    main()
