"""Does a rebuild give the recorded bytes, for every algorithm and for every one that continues from another version?

    python -m tests.rebuilds [NAME …]

Builds a small project with a version of each installed trainer and of each class of scikit-learn that can be named, and a second one with
`warm_start` where the trainer can continue; then `verify --rebuild` of each, in a fresh process; then one cell of the data is changed, and each
has to fail and to name its line. Prints a line for each version, and ends with 1 when one is not as it should be. Takes a quarter of an
hour: it is not part of the suite.
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from leptonctl.project.catalog import load_catalog
from leptonctl.providers.estimators.listed import TRAINERS
from leptonctl.spi.learning import Trainer
from tests import projects
from tests.sweep.subjects import PARAMS

CHANGED = 17
QUICK = {"n_estimators": 8, "max_iter": 60, "epochs": 20}
SHIFT = 20.0
"""Added to the target of regressions, since some are for positive ones only."""
STEPS = {"CategoricalNB": "{columns: numeric, use: KBinsDiscretizer}"}
SCALER = "{columns: numeric, use: min_max_scaler}"
DATASETS = {
    "classification": ("target: side\n", ("height",)),
    "regression": ("target: height\n", ("side",)),
    "clustering": ("", ("side", "height")),
    "anomaly": ("", ("side", "height")),
}
"""Task -> the line of the target, and the columns that are left out."""


def trainers() -> Iterator[tuple[str, str, Trainer]]:
    """Task, name and trainer of all that can be named and are installed."""
    catalog = load_catalog()
    named = [(task, name) for task, names in TRAINERS.items() for name in names]
    for task, name in sorted({*catalog.trainers, *named}):
        trainer = catalog.trainers[task, name]
        if trainer.library is None or find_spec(trainer.library.module) is not None:
            yield task, name, trainer


def write(root: Path, names: list[str]) -> list[str]:
    """The project; returns its versions."""
    (root / "data").mkdir(parents=True)
    for name, seed, rows in (("old", 1, 160), ("new", 2, 80)):
        header, *lines = projects.points(rows, seed).splitlines()
        cells = [f"{line},{float(line.split(',')[0]) * 2 - float(line.split(',')[1]) + SHIFT:.3f}" for line in lines]
        (root / "data" / f"{name}.csv").write_text("\n".join([f"{header},height", *cells]) + "\n", encoding="utf-8")
    text = ["kind: Project\nname: rebuilds\nformat: 1\nexecutor: {parallelism: 2}\n"]
    for task, (target, left) in DATASETS.items():
        ignored = ", ".join(f"{column}: {{ignore: true}}" for column in left)
        text.append(
            f"kind: Dataset\nname: {task}\n{target}columns: {{{ignored}}}\n"
            "versions: {old: {source: data/old.csv}, new: {source: data/new.csv}}\n"
        )
    found: list[str] = []
    for task, name, trainer in trainers():
        if names and name not in names:
            continue
        model = f"{task}-{name.replace('_', '-').lower()}"
        quick = {key: value for key, value in QUICK.items() if (trainer.params.get(key, {}).get("default") or 0) > value}
        params = json.dumps(quick | PARAMS.get(name, {}))
        more = f", v2: {{warm_start: v1, dataset: {task}@new}}" if trainer.resume is not None else ""
        text.append(
            f"kind: Model\nname: {model}\ntask: {task}\ndataset: {task}@old\nalgorithm: {name}\nparams: {params}\n"
            f"preprocess: [{STEPS.get(name, SCALER)}]\nversions: {{v1: {{}}{more}}}\n"
        )
        found += [f"{model}@v1", *([f"{model}@v2"] if more else [])]
    (root / "leptonctl.yaml").write_text("---\n".join(text), encoding="utf-8")
    return found


def verdict(root: Path, version: str) -> tuple[int, str, list[str]]:
    """Exit code, verdict of the rebuild, and what failed."""
    done = projects.run("verify", version, "--rebuild", "--json", cwd=root, timeout=600)
    answer = json.loads(done.stdout)
    if "rebuild" not in answer:
        return done.returncode, answer["diagnostics"][0]["detail"], []
    return done.returncode, answer["rebuild"]["verdict"], [check["detail"] for check in answer["checks"] if not check["ok"]]


def main(names: list[str]) -> int:
    """Build, verify, change a cell, verify again."""
    with tempfile.TemporaryDirectory(prefix="leptonctl-rebuilds-") as folder:
        root = Path(folder) / "project"
        known = write(root, names)
        for command in (("pin",), ("apply", "--yes")):
            done = projects.run(*command, cwd=root, timeout=2400)
            if done.returncode:
                print(done.stdout + done.stderr)
                if command[0] == "pin":
                    return 1
        wrong = 0
        for version in known:
            code, said, failed = verdict(root, version)
            wrong += (code, said) != (0, "identical")
            print(f"{version:45} {said}{': ' + '; '.join(failed) if failed else ''}", flush=True)
        for name in ("old", "new"):
            file = root / "data" / f"{name}.csv"
            lines = file.read_text(encoding="utf-8").splitlines()
            lines[CHANGED - 1] = "0.123" + lines[CHANGED - 1][lines[CHANGED - 1].index(",") :]
            file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        for version in known:
            code, _, failed = verdict(root, version)
            named = code == 1 and any(f".csv:{CHANGED}:" in detail for detail in failed)
            wrong += not named
            print(f"{version:45} one cell changed: {'fails, ' + '; '.join(failed) if named else f'exit {code}, {failed}'}", flush=True)
        print(f"{len(known)} versions, {wrong} not as they should be")
        return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
