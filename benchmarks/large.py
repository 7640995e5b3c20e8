"""What an apply on a large table costs beside a plain script that does the same.

    python benchmarks/large.py [1000000] [--algorithms logistic_regression hist_gradient_boosting] [--runs 1]

A table of 20 columns as CSV. The script reads it with polars, splits, fits, converts to ONNX, compares both models on the test rows and
computes the metrics. An apply does so too, from an empty state, and records everything. Processes are run in turns. Prints medians
of CPU seconds.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

import reading
from processes import LEPTONCTL, cost

PROJECT = """kind: Project
name: large
format: 1
---
kind: Dataset
name: d
target: y
versions: {{a: {{source: data.csv}}}}
---
kind: Model
name: m
dataset: d@a
task: classification
preprocess: [{preprocess}]
algorithm: {algorithm}
features: [{features}]
versions: {{v1: {{}}}}
"""
SCALED = "{columns: numeric, use: standard_scaler}"
PLAIN = """
import sys
import numpy as np, onnxruntime, polars as pl
from skl2onnx import to_onnx
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, log_loss, precision_score, recall_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

frame = pl.read_csv("data.csv")
x, y = frame.select(pl.exclude("y", "colour").cast(pl.Float32)).to_numpy(), np.array(frame["y"].to_list())
train, test, train_y, test_y = train_test_split(x, y, test_size=0.25, random_state=0, stratify=y)
if sys.argv[1] == "logistic_regression":
    model = make_pipeline(StandardScaler(), LogisticRegression())
else:
    model = HistGradientBoostingClassifier(random_state=0)
model.fit(train, train_y)
graph = to_onnx(model, train[:1], options={"zipmap": False}, target_opset=18).SerializeToString()
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
label, chance = onnxruntime.InferenceSession(graph, options).run(None, {"X": test})
chances = model.predict_proba(test)
print((label != model.predict(test)).sum(), abs(chance - chances).max())
scores = [score(test_y, label, pos_label="yes") for score in (f1_score, precision_score, recall_score)]
scores += [accuracy_score(test_y, label), log_loss(test_y, chance), roc_auc_score(test_y, chance[:, 1])]
open("model.onnx", "wb").write(graph)
"""


def write(path: Path, rows: int) -> None:
    """The table of `reading`, but with classes that depend on the columns: on random classes every fit is short."""
    import numpy as np
    import polars as pl

    reading.write(path, rows, 20)
    noise = pl.Series("noise", np.random.default_rng(1).normal(0, 8, rows))
    signal = pl.col("n0") + pl.col("n1") * (pl.col("n2") > 0) + (pl.col("n3") / 4).sin() * 10 + pl.col("i0") / 10_000 + noise
    frame = pl.read_csv(path)
    frame.with_columns(pl.when(signal > 5).then(pl.lit("yes")).otherwise(pl.lit("no")).alias("y")).write_csv(path)


def compare(folder: Path, algorithm: str, runs: int) -> None:
    """An apply of one version beside the script."""
    names = (folder / "data.csv").open(encoding="utf-8").readline().strip().split(",")
    features = ", ".join(name for name in names if name not in ("y", "colour"))
    text = PROJECT.format(algorithm=algorithm, features=features, preprocess=SCALED if algorithm == "logistic_regression" else "")
    (folder / "leptonctl.yaml").write_text(text, encoding="utf-8")
    (folder / "plain.py").write_text(PLAIN, encoding="utf-8")
    pairs = []
    for _ in range(runs):
        shutil.rmtree(folder / ".leptonctl", ignore_errors=True)
        ours = cost((*LEPTONCTL, "apply", "--yes"), folder).cpu
        pairs.append((ours, cost((sys.executable, "plain.py", algorithm), folder).cpu))
    ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    print(f"{algorithm}: apply {ours:.1f} CPU s, script {theirs:.1f} CPU s; {ratio:.2f} x", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--algorithms", nargs="+", default=["logistic_regression", "hist_gradient_boosting"])
    parser.add_argument("--runs", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        write(Path(name) / "data.csv", options.rows)
        for algorithm in options.algorithms:
            compare(Path(name), algorithm, options.runs)


if __name__ == "__main__":
    main()
