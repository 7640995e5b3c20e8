"""Predictions in memory, for rows from a file, from mappings or from a data frame."""

import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leptonctl.core.diagnostic import Diagnostic, Failure, fail
from leptonctl.core.frozen import Frozen, replace
from leptonctl.library.reports import Answer

if TYPE_CHECKING:
    from leptonctl.commands.session import Session

MISSING = frozenset({"NAType", "NaTType"})
"""The types of missing values in pandas, by name, since pandas need not be installed."""
IN_FILE = "correct the file, or read it with pandas or polars and pass the data frame"
IN_MEMORY = "correct the rows; a cell may be missing where its column has a fill value: `columns: {COLUMN: {missing: VALUE}}`"
LINES = re.compile(r"\(line ([\d, ]*)")
FIRST = 20
"""How many predictions `text` shows."""


class Prediction(Frozen):
    """The answer to one row. A classification has `label` and `probabilities`, by class; a regression has `prediction`."""

    id: str | None = None
    label: str | int | None = None
    probabilities: Mapping[str, float | None] = {}
    prediction: float | None = None


class Predictions(Answer):
    """The answers to rows, in their order. `outside`: column -> number of cells outside the declared range. `classes`: of a
    classification, else None.
    """

    target: str
    rows: int
    predictions: tuple[Prediction, ...]
    artifact: str | None = None
    package: str | None = None
    classes: tuple[str | int | float | bool, ...] | None = None
    outside: Mapping[str, int] = {}

    def __len__(self) -> int:
        return self.rows

    def __iter__(self) -> Iterator[Prediction]:
        return iter(self.predictions)

    @property
    def labels(self) -> list[str | int | None]:
        """The label of each row."""
        return [one.label for one in self.predictions]

    @property
    def probabilities(self) -> list[Mapping[str, float | None]]:
        """The probabilities of each row, by class; {} for a regression."""
        return [one.probabilities for one in self.predictions]

    @property
    def values(self) -> list[float | None]:
        """The predicted number of each row."""
        return [one.prediction for one in self.predictions]

    def text(self, *, color: bool = False) -> str:
        from leptonctl.views.style import rows_text
        from leptonctl.views.tables import table

        lines = [(str(place), *_cells(one)) for place, one in enumerate(self.predictions[:FIRST], start=1)]
        more = f"\n… and {self.rows - FIRST} more" if self.rows > FIRST else ""
        head = ("row", "label", "probability") if self.classes is not None else ("row", "prediction")
        return f"{self.target}: {rows_text(self.rows)}\n{table(lines, head=head, color=color, right=(0,))}{more}"


def _cells(one: Prediction) -> tuple[str, ...]:
    from leptonctl.views.style import printable

    if one.label is None:
        return ("" if one.prediction is None else f"{one.prediction:.6g}",)
    likely = max((p for p in one.probabilities.values() if p is not None), default=None)
    return (printable(str(one.label)), "" if likely is None else f"{likely:.4g}")


def predictions_of(session: "Session", target: str, rows: Any) -> Predictions:
    """See `Project.predict`."""
    from leptonctl.commands.predict import predict

    if isinstance(rows, str | os.PathLike):
        file = Path(rows)
        if not file.exists():
            raise fail(
                "missing-file", "The file does not exist", str(file), hint="pass the path of an existing file, or the rows themselves"
            )
        with _hints_of_calls():
            return Predictions.of(predict(session, target, file, form="records"))
    import tempfile

    records = records_of(rows, dates=True)
    if not any(records):
        detail = "they have no columns" if records else "the list is empty"
        raise fail("usage", "There are no rows to predict", detail, hint="pass at least one row, with every column of the model")
    with tempfile.TemporaryDirectory(prefix="leptonctl-") as folder:
        file = _write(records, Path(folder))
        with _hints_of_calls(file):
            return Predictions.of(predict(session, target, file, form="records"))


def _write(records: Sequence[Mapping[str, Any]], folder: Path) -> Path:
    """Write the rows to a file: JSON Lines, or Parquet if a cell is a date, since its text might not have the declared format."""
    if any(isinstance(value, date) for record in records for value in record.values()):
        import polars as pl

        file = folder / "rows.parquet"
        pl.DataFrame([dict(record) for record in records], infer_schema_length=None, strict=False).write_parquet(file)
        return file
    file = folder / "rows.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return file


@contextmanager
def _hints_of_calls(hidden: Path | None = None) -> Iterator[None]:
    """Failures of the block with hints for a caller, without options of the command line.

    `hidden`: a temporary file with one row a line. Its lines are called rows.
    """
    try:
        yield
    except Failure as failure:
        problems = tuple(_for_caller(problem, hidden) for problem in failure.diagnostics)
        raise Failure(problems, failure.exit_code) from failure


def _for_caller(problem: Diagnostic, hidden: Path | None) -> Diagnostic:
    hint = (IN_MEMORY if hidden else IN_FILE) if "`--" in problem.hint else problem.hint
    if hidden is None:
        likely = problem.hint.partition("; ")[2].replace("`--encoding ", "`") if problem.id == "bad-encoding" else ""
        return replace(problem, hint=f"{hint}; {likely}" if likely else hint)
    detail = problem.detail.removeprefix(f"{hidden}: ").replace(f"{hidden} has", "a row has").replace(str(hidden), "the rows")
    return replace(problem, detail=LINES.sub(lambda match: f"(row{'s' if ',' in match[1] else ''} {match[1]}", detail), hint=hint)


def records_of(rows: Any, *, dates: bool = False) -> list[dict[str, Any]]:
    """Rows as JSON objects. `dates`: keep dates as they are. Failure `usage` for rows of an unknown form."""
    _check_names([*rows.columns] if hasattr(rows, "columns") else [])
    if hasattr(rows, "to_dicts"):  # polars
        listed = rows.to_dicts()
    elif hasattr(rows, "to_dict") and hasattr(rows, "columns"):  # pandas
        listed = rows.to_dict(orient="records")
    else:
        listed = rows
    if not isinstance(listed, Sequence) or isinstance(listed, str | bytes) or not all(isinstance(row, Mapping) for row in listed):
        hint = "pass the path of a file, a list of mappings from column to value, or a data frame"
        raise fail("usage", "These rows have an unknown form", type(rows).__name__, hint=hint)
    for row in listed:
        if any(not isinstance(name, str) for name in row):
            _check_names([*row])
    return [
        {str(name): _date(value) if dates and _is_date(value) else _plain(value, place, str(name)) for name, value in row.items()}
        for place, row in enumerate(listed, start=1)
    ]


def _date(value: Any) -> date:
    """A date or timestamp of pandas or Python as one of Python."""
    plain: date = value.to_pydatetime() if hasattr(value, "to_pydatetime") else value
    return plain


def _is_date(value: Any) -> bool:
    return isinstance(value, date) and type(value).__name__ not in MISSING


def _check_names(names: Sequence[Any]) -> None:
    """Failure `duplicate-column` when two columns have one name, since only one of them would be read."""
    twice = next((name for name, count in Counter(map(str, names)).items() if count > 1), None)
    if twice is not None:
        detail, hint = f"{twice} occurs more than once", "rename or drop one of them"
        raise fail("duplicate-column", "A column name is repeated", detail, hint=hint)


def _plain(value: Any, row: int, column: str) -> Any:
    """A cell as JSON: numbers of numpy as those of Python, NaN, NA and NaT as missing, dates as strings."""
    if value is None or type(value).__name__ in MISSING:
        return None
    if isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if math.isinf(value):
            raise fail("usage", "These rows cannot be read", f"row {row}, {column}: the number is infinite", hint="pass finite numbers")
        return None if math.isnan(value) else value
    if isinstance(value, date):
        return value.isoformat(sep=" ") if isinstance(value, datetime) else value.isoformat()
    if hasattr(value, "item"):
        return _plain(value.item(), row, column)
    detail = f"row {row}, {column}: a {type(value).__name__} is not a cell"
    raise fail("usage", "These rows cannot be read", detail, hint="pass text and numbers")
