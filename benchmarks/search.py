"""A search of ten trials beside the same loop in scikit-learn: `python benchmarks/search.py [--rows N] [--repeat N]`.

The loop is a script of its own: it reads the CSV, splits it, scores each combination with `cross_val_score` on two processes (joblib),
fits the best and scores it on the test rows. Ours is `leptonctl build` into an empty store, which also exports, compares and evaluates.
Both are whole processes, imports and all. Prints wall and CPU times, the best of the repeats, and what our steps took.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

VALUES = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12)
PROJECT = """\
kind: Project
name: beside
format: 1
executor: {parallelism: 2}
---
kind: Dataset
name: rows
target: y
versions:
  it: {source: rows.csv}
---
kind: Model
name: forest
dataset: rows@it
task: classification
seed: 7
preprocess: [{columns: numeric, use: standard_scaler}]
algorithm: random_forest
params: {n_estimators: TREES}
search: {parameters: {max_depth: VALUES}, metric: accuracy, cross_validation: 5}
evaluate: {metrics: [accuracy]}
versions: {v1: {}}
"""
LOOP = """\
import sys
import numpy as np
from joblib import Parallel, delayed
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

table = np.genfromtxt("rows.csv", delimiter=",", skip_header=1, dtype=np.float32, usecols=range(20))
y = np.genfromtxt("rows.csv", delimiter=",", skip_header=1, dtype=str, usecols=20)
a, b, ya, yb = train_test_split(table, y, test_size=0.25, random_state=0, stratify=y)
folds = StratifiedKFold(5, shuffle=True, random_state=7)

def model(depth):
    return make_pipeline(StandardScaler(), RandomForestClassifier(TREES, max_depth=depth, random_state=7))

def mean(depth):
    return cross_val_score(model(depth), a, ya, cv=folds, scoring="accuracy").mean()

scores = Parallel(n_jobs=2)(delayed(mean)(depth) for depth in VALUES)
best = VALUES[int(np.argmax(scores))]
print(best, max(scores), model(best).fit(a, ya).score(b, yb))
"""


def write(root: Path, rows: int, trees: int) -> None:
    from sklearn.datasets import make_classification

    x, y = make_classification(rows, 20, n_informative=8, flip_y=0.1, random_state=3)
    lines = [",".join([*(f"c{i}" for i in range(20)), "y"])]
    lines += [",".join([*(f"{v:.4f}" for v in row), "yes" if t else "no"]) for row, t in zip(x, y, strict=True)]
    (root / "rows.csv").write_text("\n".join(lines) + "\n")
    names = {"TREES": str(trees), "VALUES": str(list(VALUES))}
    for file, text in (("leptonctl.yaml", PROJECT), ("loop.py", LOOP)):
        filled = text
        for name, value in names.items():
            filled = filled.replace(name, value)
        (root / file).write_text(filled)


class Cost(NamedTuple):
    """What a command took, with all its processes."""

    wall: float
    cpu: float


def run(command: list[str], root: Path) -> tuple[Cost, str]:
    """What a command cost, and what it printed."""
    threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, env={**os.environ, **threads})
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall=wall, cpu=cpu), done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--trees", type=int, default=40)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write(root, options.rows, options.trees)
        loops, builds, alone, parts = [], [], [], []
        for _ in range(options.repeat):
            taken, printed = run([sys.executable, "loop.py"], root)
            loops.append(taken)
            shutil.rmtree(root / ".leptonctl", ignore_errors=True)
            taken, lines = run([sys.executable, "-m", "leptonctl", "build", "--json"], root)
            builds.append(taken)
            done = [e for e in map(json.loads, lines.splitlines()) if e["type"] == "step_finished"]
            alone.append(sum(e["seconds"] for e in done if e["op"] == "trial"))
            parts.append({e["name"]: round(e["seconds"], 2) for e in done})
        winner = next(e["message"] for e in done if e["op"] == "search")
    print(f"scikit-learn: {printed.strip()}; ours: {winner}")
    for what in ("wall", "cpu"):
        loop, build = (min(getattr(cost, what) for cost in costs) for costs in (loops, builds))
        print(f"{what}: loop {loop:.2f} s, build {build:.2f} s: {build / loop:.2f} times")
    fastest = parts[builds.index(min(builds, key=lambda cost: cost.wall))]
    print(f"trials: {min(alone) / len(VALUES):.2f} s each; steps of the fastest build: {fastest}")


if __name__ == "__main__":
    main()
