"""What a search of ten trials costs beside the same loop in scikit-learn.

    python benchmarks/search.py [--rows 4000] [--trees 40] [--repeat 3]

The loop is a script: it reads the CSV, splits it, scores each combination with `cross_val_score` on two processes (joblib), fits the
best and scores it on the test rows. Ours is `leptonctl build` into an empty store, which also exports, compares and evaluates. Both are
whole processes, imports included. Prints wall and CPU seconds, the best of the repeats, and how long our steps took.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

from processes import LEPTONCTL, run

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
        for name, value in names.items():
            text = text.replace(name, value)  # noqa: PLW2901
        (root / file).write_text(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--trees", type=int, default=40)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write(root, options.rows, options.trees)
        loops, builds, trials, durations = [], [], [], []
        for _ in range(options.repeat):
            cost, output = run([sys.executable, "loop.py"], root)
            loops.append(cost)
            shutil.rmtree(root / ".leptonctl", ignore_errors=True)
            cost, lines = run((*LEPTONCTL, "build", "--json"), root)
            builds.append(cost)
            steps = [e for e in map(json.loads, lines.splitlines()) if e["type"] == "step_finished"]
            trials.append(sum(e["seconds"] for e in steps if e["op"] == "trial"))
            durations.append({e["name"]: round(e["seconds"], 2) for e in steps})
        winner = next(e["message"] for e in steps if e["op"] == "search")
    print(f"scikit-learn: {output.strip()}; ours: {winner}")
    for what in ("wall", "cpu"):
        loop, build = (min(getattr(cost, what) for cost in costs) for costs in (loops, builds))
        print(f"{what}: loop {loop:.2f} s, build {build:.2f} s: {build / loop:.2f} times")
    fastest = durations[builds.index(min(builds, key=lambda cost: cost.wall))]
    print(f"trials: {min(trials) / len(VALUES):.2f} s each; steps of the fastest build: {fastest}")


if __name__ == "__main__":
    main()
