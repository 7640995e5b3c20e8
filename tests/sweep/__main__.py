"""Build every listed estimator of scikit-learn on real tables, compare it with scikit-learn, and write docs/algorithms.md.

    python -m tests.sweep [NAME …]

Each classifier and regressor alone, behind a scaler, and on a table with missing cells with and without an imputer; each preprocess step
before a linear model and before trees. With names only these, and nothing is written. It ends with 1 if an answer differs without a word.
"""

import os
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

from tests.sweep.cases import CRASHED, WRONG, Outcome, outcome  # noqa: E402
from tests.sweep.page import page  # noqa: E402
from tests.sweep.subjects import cases  # noqa: E402

PAGE = Path(__file__).parents[2] / "docs" / "algorithms.md"


def main() -> int:
    warnings.simplefilter("ignore")
    only, started = set(sys.argv[1:]), time.monotonic()
    outcomes = [*_outcomes(only)]
    bad = [found for found in outcomes if found.result in (WRONG, CRASHED)]
    for result in sorted({found.result for found in outcomes}):
        sys.stdout.write(f"{sum(found.result == result for found in outcomes):6} {result}\n")
    sys.stdout.write(f"{len(outcomes):6} cases in {time.monotonic() - started:.0f} s; silently wrong or crashed: {len(bad)}\n")
    if not only and not bad:
        PAGE.write_text(page(outcomes), encoding="utf-8")
        sys.stdout.write(f"wrote {PAGE}\n")
    return 1 if bad else 0


def _outcomes(only: set[str]) -> Iterator[Outcome]:
    for case in cases():
        if only and case.subject not in only:
            continue
        found = outcome(case)
        sys.stdout.write(f"{found.result:9} {found.difference:.0e} {case.name} {found.reason}\n")
        sys.stdout.flush()
        yield found


if __name__ == "__main__":
    sys.exit(main())
