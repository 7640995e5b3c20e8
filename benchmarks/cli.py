"""What start-up, a plan with nothing to do and one small fit cost, each beside doing the same without leptonctl.

    python benchmarks/cli.py [--versions 10 1000] [--runs 5]

Whole processes, in turns (ours, theirs, ours, theirs) after one warm-up each. Prints a table of medians.
"""

import argparse
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import small_project
from processes import LEPTONCTL, Cost, cost, medians

PLAIN_FIT = """
import csv, numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
rows = list(csv.reader(open("data.csv")))[1:]
x = np.array([r[:-1] for r in rows], dtype=np.float32); y = np.array([r[-1] for r in rows])
a, b, ya, yb = train_test_split(x, y, test_size=0.25, random_state=0, stratify=y)
print(make_pipeline(StandardScaler(), LogisticRegression()).fit(a, ya).score(b, yb))
"""


def compare(ours: Sequence[str], theirs: Sequence[str], folder: Path, *, runs: int, before: Sequence[str] = ()) -> tuple[Cost, Cost]:
    """The medians of both. `before`: folders that are removed before each run."""
    costs: tuple[list[Cost], list[Cost]] = ([], [])
    for turn in range(runs + 1):
        for command, of_command in zip((ours, theirs), costs, strict=True):
            for name in before:
                shutil.rmtree(folder / name, ignore_errors=True)
            measured = cost(command, folder)
            if turn:
                of_command.append(measured)
    return medians(costs[0]), medians(costs[1])


def figures(costs: Cost) -> str:
    return f"{costs.cpu:8.3f} {costs.wall:8.3f} {costs.memory:7.1f}"


def print_row(what: str, beside: str, pair: tuple[Cost, Cost]) -> None:
    """Print both costs and the ratio of their CPU seconds."""
    ours, theirs = pair
    print(f"{what:40} {figures(ours)}   {beside:24} {figures(theirs)}  {ours.cpu / theirs.cpu:9.1f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--versions", type=int, nargs="+", default=[10, 1000])
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    bare = (sys.executable, "-c", "pass")
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, median of {options.runs} runs in turns")
    print(f"{'what':40} {'CPU s':>8} {'wall s':>8} {'MiB':>7}   {'beside':24} {'CPU s':>8} {'wall s':>8} {'MiB':>7}  {'CPU ratio':>9}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print_row("leptonctl --help", "python -c pass", compare((*LEPTONCTL, "--help"), bare, folder, runs=options.runs))
        for versions in options.versions:
            root = folder / str(versions)
            root.mkdir()
            small_project.write(root, versions)
            print(f"{f'apply of {versions} versions, once':40} {figures(cost((*LEPTONCTL, 'apply', '--yes'), root))}", flush=True)
            pair = compare((*LEPTONCTL, "plan", "--detailed-exitcode"), bare, root, runs=options.runs)
            print_row(f"no-op plan of {versions} versions", "python -c pass", pair)
        small = folder / "small"
        small.mkdir()
        small_project.write(small, 1)
        (small / "fit.py").write_text(PLAIN_FIT, encoding="utf-8")
        script = (sys.executable, "fit.py")
        pair = compare((*LEPTONCTL, "apply", "--yes"), script, small, runs=options.runs, before=(".leptonctl",))
        print_row("apply of one small fit", "plain scikit-learn fit", pair)


if __name__ == "__main__":
    main()
