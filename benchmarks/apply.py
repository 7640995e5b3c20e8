"""What an apply costs beside a plain script that does the same: `python benchmarks/apply.py [COUNT …]`.

    python benchmarks/apply.py [1 10 100] [--runs 3]

COUNT versions of a logistic regression over 200 rows. The script reads, splits, fits, converts to ONNX, compares both models and
computes the metrics, all in one process. Ours does so too, from an empty state, with everything recorded. Processes are run in turns,
after one warm-up each; CPU seconds are the kernel's accounting of the finished command and its workers, printed is the median.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import cli

PLAIN = """
import csv, sys
import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, log_loss, precision_score, recall_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

rows = list(csv.reader(open("data.csv")))[1:]
x, y = np.array([row[:-1] for row in rows], dtype=np.float32), np.array([row[-1] for row in rows])
train, test, train_y, test_y = train_test_split(x, y, test_size=0.25, random_state=0, stratify=y)
for number in range(int(sys.argv[1])):
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01 * (number + 1))).fit(train, train_y)
    graph = to_onnx(model, train[:1], options={"zipmap": False}, target_opset=18).SerializeToString()
    label, chance = onnxruntime.InferenceSession(graph).run(None, {"X": test})
    assert (label == model.predict(test)).all() and abs(chance - model.predict_proba(test)).max() < 1e-4
    scores = [score(test_y, label, pos_label="below") for score in (f1_score, precision_score, recall_score)]
    scores += [accuracy_score(test_y, label), log_loss(test_y, chance), roc_auc_score(test_y, chance[:, 1])]
    open(f"model-{number}.onnx", "wb").write(graph)
"""


def cost(command: Sequence[str], folder: Path) -> tuple[float, float]:
    """CPU seconds and wall seconds of a finished command with its children."""
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=folder, env=cli.ENVIRONMENT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(done.stdout + done.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.perf_counter() - began


def compare(folder: Path, count: int, runs: int) -> None:
    """An apply of `count` versions beside the script."""
    cli.project(folder, count)
    (folder / "plain.py").write_text(PLAIN, encoding="utf-8")
    ours: list[tuple[float, float]] = []
    theirs: list[tuple[float, float]] = []
    for turn in range(runs + 1):
        shutil.rmtree(folder / ".leptonctl", ignore_errors=True)
        pair = cost((*cli.LEPTONCTL, "apply", "--yes"), folder), cost((sys.executable, "plain.py", str(count)), folder)
        if turn:
            ours.append(pair[0])
            theirs.append(pair[1])
    (cpu, wall), (other, other_wall) = ([statistics.median(column) for column in zip(*found, strict=True)] for found in (ours, theirs))
    ratio = statistics.median(a[0] / b[0] for a, b in zip(ours, theirs, strict=True))
    print(
        f"{count:6} versions: apply {cpu:.2f} CPU s, {wall:.2f} s; script {other:.2f} CPU s, {other_wall:.2f} s; CPU {ratio:.2f} x",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counts", nargs="*", type=int, default=[1, 10, 100])
    parser.add_argument("--runs", type=int, default=3)
    chosen = parser.parse_args()
    print(f"{os.cpu_count()} cores, one BLAS thread, medians of {chosen.runs} runs in turns")
    for count in chosen.counts:
        with tempfile.TemporaryDirectory() as name:
            compare(Path(name), count, chosen.runs)


if __name__ == "__main__":
    main()
