"""What a warm start on new rows costs beside training from the beginning on all rows.

    python benchmarks/warm_start.py [NAME …] [--rows 50000] [--runs 3]

NAME is an algorithm. A version is trained on the old rows. For 10 % new rows, one version continues from it on these alone, and one is
trained from the beginning on all rows. All are evaluated on the same file of test rows. Seconds are those of the step `train`, as recorded;
each run has a store of its own. Prints the medians and the metrics.
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path

import numpy as np
import processes

COLUMNS = 20
ALGORITHMS = {
    "logistic_regression": ("{max_iter: 300}", "{}"),
    "sgd": ("{max_iter: 50, tol: null}", "{max_iter: 50}"),
    "mlp": ("{hidden_layer_sizes: [32], max_iter: 30}", "{}"),
    "naive_bayes": ("{}", "{}"),
    "gradient_boosting": ("{n_estimators: 60}", "{n_estimators: 6}"),
    "hist_gradient_boosting": ("{max_iter: 100}", "{max_iter: 10}"),
    "random_forest": ("{n_estimators: 60}", "{n_estimators: 6}"),
}
"""Algorithm -> its parameters, and those that the warm start overrides: it adds a tenth of the trees or stages."""


def table(file: Path, rows: int, seed: int) -> None:
    """Two classes with a curved border, and a tenth of the labels at random."""
    rng, border = np.random.default_rng(seed), np.random.default_rng(0).normal(size=COLUMNS)
    x = rng.normal(size=(rows, COLUMNS))
    y = np.where(rng.random(rows) < 0.1, rng.random(rows) < 0.5, x @ border + 1.5 * np.sin(2 * x[:, 0]) * x[:, 1] > 0)
    header = ",".join([*(f"c{number}" for number in range(COLUMNS)), "y"])
    lines = (",".join([*(f"{cell:.4f}" for cell in row), "yes" if label else "no"]) for row, label in zip(x, y, strict=True))
    file.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")


def project(root: Path, name: str, rows: int) -> None:
    """The project with the three versions."""
    (root / "data").mkdir(parents=True)
    for part, count, seed in (("old", rows, 1), ("new", rows // 10, 2), ("test", rows // 5, 3)):
        table(root / "data" / f"{part}.csv", count, seed)
    params, more = ALGORITHMS[name]
    (root / "leptonctl.yaml").write_text(
        "kind: Project\nname: warm\nformat: 1\nexecutor: {parallelism: 1}\n---\n"
        "kind: Dataset\nname: d\ntarget: y\ntest: {source: data/test.csv}\nversions:\n"
        "  old: {source: data/old.csv}\n  new: {source: data/new.csv}\n  all: {append: [{version: old}, {file: data/new.csv}]}\n---\n"
        f"kind: Model\nname: m\ndataset: d@old\ntask: classification\nalgorithm: {name}\nparams: {params}\n"
        "preprocess: [{columns: numeric, use: standard_scaler}]\nevaluate: {metrics: [accuracy, log_loss]}\nversions:\n"
        f"  before: {{}}\n  warm: {{warm_start: before, dataset: d@new, params: {more}}}\n  full: {{dataset: d@all}}\n",
        encoding="utf-8",
    )


def run(root: Path, *arguments: str) -> str:
    """What a command prints."""
    return processes.run((*processes.LEPTONCTL, *arguments), root)[1]


def measure(name: str, rows: int) -> dict[str, tuple[float, float, float]]:
    """Version -> seconds of `train`, accuracy, log loss."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        project(root, name, rows)
        run(root, "apply", "--yes")
        figures = {}
        for version in ("before", "warm", "full"):
            record = json.loads(run(root, "show", f"m@{version}", "--json"))["version"]
            seconds = next(step["seconds"] for step in record["steps"] if step["name"] == "train")
            numbers = {metric["name"]: metric["value"] for metric in record["metrics"]}
            figures[version] = seconds, numbers["accuracy"], numbers["log_loss"]
        return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=[*ALGORITHMS])
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    print("| algorithm | full fit s | warm start s | ratio | accuracy before | full | warm | log loss before | full | warm |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for name in arguments.names:
        runs = [measure(name, arguments.rows) for _ in range(arguments.runs)]
        full, warm = (statistics.median(run[version][0] for run in runs) for version in ("full", "warm"))
        numbers = [f"{runs[0][version][index]:.4f}" for index in (1, 2) for version in ("before", "full", "warm")]
        print(f"| {name} | {full:.2f} | {warm:.2f} | {warm / full:.2f} | {' | '.join(numbers)} |", flush=True)


if __name__ == "__main__":
    main()
