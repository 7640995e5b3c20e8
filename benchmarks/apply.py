"""What an apply costs beside a plain script that does the same.

    python benchmarks/apply.py [1 10 100] [--runs 3] [--dvc] [--peers FOLDER]

COUNT versions of a logistic regression over 200 rows. The script reads, splits, fits, converts to ONNX, compares both models and
computes the metrics, all in one process. An apply does so too, from an empty state, and records everything. Processes are run in turns,
after one warm-up each. Prints medians.

`--dvc`: compares with `dvc repro` too, whose stages run the same script, once for all versions and once for each version. DVC is
installed from PyPI into an environment of its own (in --peers, kept when that is named) and starts without recorded results.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import peers
import small_project
from processes import LEPTONCTL, Cost, cost, medians

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
for number in range(*map(int, sys.argv[1:])):
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01 * (number + 1))).fit(train, train_y)
    graph = to_onnx(model, train[:1], options={"zipmap": False}, target_opset=18).SerializeToString()
    label, chance = onnxruntime.InferenceSession(graph).run(None, {"X": test})
    assert (label == model.predict(test)).all() and abs(chance - model.predict_proba(test)).max() < 1e-4
    scores = [score(test_y, label, pos_label="below") for score in (f1_score, precision_score, recall_score)]
    scores += [accuracy_score(test_y, label), log_loss(test_y, chance), roc_auc_score(test_y, chance[:, 1])]
    open(f"model-{number}.onnx", "wb").write(graph)
"""


def stages(count: int, *, each: bool) -> str:
    """A pipeline of DVC with one stage for all versions, or with a stage for each."""
    ranges = [(number, number + 1) for number in range(count)] if each else [(0, count)]

    def stage(start: int, end: int) -> dict[str, object]:
        outs = [f"model-{number}.onnx" for number in range(start, end)]
        return {"cmd": f"{sys.executable} plain.py {start} {end}", "deps": ["data.csv", "plain.py"], "outs": outs}

    return json.dumps({"stages": {f"m{start}": stage(start, end) for start, end in ranges}})


def forget(folder: Path) -> None:
    """Remove what a run has recorded, so that the next one does everything."""
    for name in (".leptonctl", ".dvc/cache", ".dvc/tmp"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for path in (folder / "dvc.lock", folder / "dvc.yaml", *folder.glob("model-*.onnx")):
        path.unlink(missing_ok=True)


def compare(folder: Path, count: int, runs: int, dvc: Path | None) -> None:
    """An apply of `count` versions beside the script, and beside DVC when there is a command of that name."""
    small_project.write(folder, count)
    (folder / "plain.py").write_text(PLAIN, encoding="utf-8")
    commands: dict[str, Sequence[str]] = {
        "apply": (*LEPTONCTL, "apply", "--yes"),
        "script": (sys.executable, "plain.py", "0", str(count)),
    }
    if dvc is not None:
        cost((str(dvc), "init", "--no-scm", "-q"), folder)
        commands |= {"dvc repro, one stage": (str(dvc), "repro", "-q")}
        commands |= {"dvc repro, a stage each": (str(dvc), "repro", "-q")} if count > 1 else {}
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for turn in range(runs + 1):
        for name, command in commands.items():
            forget(folder)
            if name.startswith("dvc"):
                (folder / "dvc.yaml").write_text(stages(count, each=name.endswith("each")), encoding="utf-8")
            measured = cost(command, folder)
            costs[name] += [measured] if turn else []
    print(f"{count} versions")
    for name, of_command in costs.items():
        typical = medians(of_command)
        ratio = statistics.median(ours.cpu / theirs.cpu for ours, theirs in zip(costs["apply"], of_command, strict=True))
        print(f"  {name:24} {typical.cpu:7.2f} CPU s {typical.wall:7.2f} s; apply takes {ratio:.2f} of it", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counts", nargs="*", type=int, default=[1, 10, 100])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--dvc", action="store_true")
    parser.add_argument("--peers", type=Path)
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, one BLAS thread, medians of {options.runs} runs in turns")
    with tempfile.TemporaryDirectory() as name:
        dvc = peers.install("dvc", options.peers or Path(name)) / "bin" / "dvc" if options.dvc else None
        for count in options.counts:
            folder = Path(name) / str(count)
            folder.mkdir()
            compare(folder, count, options.runs, dvc)


if __name__ == "__main__":
    main()
