"""Judges which columns of a table are not features, and which may be the target. Reads no file."""

import re
from collections.abc import Mapping, Sequence

from leptonctl.core.contract import LARGEST_FLOAT32
from leptonctl.learning.findings.table_column import TableColumn
from leptonctl.learning.preparing.copies import tells
from leptonctl.learning.tables.number_like import number_like
from leptonctl.learning.tables.table import Table

FEWEST_TARGETS = 3
LONG_TEXT, FEW_TEXTS = 30.0, 20
"""From this mean length in characters on, strings of more than so many values are text for tfidf."""
NEARLY_ALL, FEWEST_ROWS = 0.9, 10
LEAST_CATEGORIES, MOST_CATEGORIES, ROWS_A_CATEGORY = 50, 200, 10
INDEX_NAMES = re.compile(
    r"index|unnamed: ?\d+(_level_\d+)?|__index_level_\d+__|_c0|\.?row_?names?|row(_?(id|no|nr|num|number|index))?|lfd\.? ?nr\.?|n°",
    re.IGNORECASE,
)
ID_WORDS = frozenset(
    {"id", "ids", "uuid", "guid", "identifier", "key", "pk", "nr", "number", "nummer", "numero", "kennung", "rowid", "sku"}
)
TARGET_NAMES = ("target", "label", "class", "outcome")


def is_index(column: TableColumn) -> bool:
    """A column that pandas, R or a spreadsheet wrote to count the rows."""
    if column.nested is not None or INDEX_NAMES.fullmatch(column.name.strip()) is None:
        return False
    return column.is_distinct or re.match(r"unnamed|__index", column.name, re.IGNORECASE) is not None


def is_id(column: TableColumn) -> bool:
    """A column that is named like an id, with a different integer or short text in each row."""
    return column.type in ("integer", "string") and column.is_distinct and column.length < LONG_TEXT and is_named_id(column.name)


def is_named_id(name: str) -> bool:
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_]+", name.replace("ID", "Id"))
    words = [part.casefold() for part in parts]
    return bool(words) and (words[-1] in ID_WORDS or words[0] in ("id", "uuid", "guid") or words in (["no"], ["num"]))


def is_text(column: TableColumn) -> bool:
    """Sentences, for tfidf."""
    return column.type == "string" and column.nested is None and column.length >= LONG_TEXT and column.distinct > FEW_TEXTS


def useless(column: TableColumn, table: Table, *, first: bool) -> str | None:
    """Why nothing can be learned from a feature; None if something can."""
    if why := _without_values(column):
        return why
    if column.large or _is_large(column):
        return "its integers are too large for 64 bits" if column.large else "some of its numbers are infinite, or too large for 32 bits"
    if column.distinct == 1 and (column.missing == 0 or column.type != "string"):
        return "all its cells are equal"
    if column.wrong:
        return f"{_cells_are(column.wrong)} not a number although the others are"
    if first and column.counts_rows and column.rows >= FEWEST_ROWS and not is_time(column.name):
        return "it counts the rows"
    return _scatter(column, table) if column.type == "string" and not is_text(column) else None


def _without_values(column: TableColumn) -> str | None:
    if column.nested is not None:
        return f"its values are {column.nested}"
    return "it is empty" if column.present == 0 else None


def is_time(name: str) -> bool:
    """Whether the name of sorted numbers says that they are times, from which something may be learned."""
    return re.search(r"time|year|month|week|day|hour|period|quarter|step|date|jahr|monat|tag|zeit|^t$", name, re.IGNORECASE) is not None


def relabels(column: TableColumn, target: TableColumn) -> bool:
    """Whether a column is the target under other names or in other units."""
    if column.nested is not None or column.missing != target.missing:
        return False
    present = target.values.is_not_null()
    return tells(column.values.filter(present), target.values.filter(present))


def unpredictable(column: TableColumn) -> str | None:
    """Why a column cannot be a target; None if it can."""
    if why := _without_values(column):
        return why
    if column.wrong or (column.type == "number" and column.values.is_infinite().any()):
        wrong = f"{_cells_are(column.wrong)} not a number although the others are; correct the file, or add what means missing to it"
        return wrong if column.wrong else "some of its numbers are infinite"
    if column.distinct == 1 or column.present < FEWEST_TARGETS:
        return "all its cells are equal" if column.distinct == 1 else "two cells are too few for training and test rows"
    if column.distinct == 2 and column.rarest == 1 and column.type != "number":  # noqa: PLR2004
        return "all its cells but one are equal"
    if column.type == "string" and column.distinct > max(2, min(MOST_CATEGORIES, column.present / 2)):
        return f"it has {column.distinct} different texts in {column.present} rows, too many for classes"
    return None


def default_target(columns: Mapping[str, TableColumn], others: Sequence[str]) -> tuple[str | None, str]:
    """The target where none is named, and the rule: a column named like one, else the last one that can be predicted, but for `others`."""
    able = [n for n, column in columns.items() if n not in others and unpredictable(column) is None and _is_likely_target(column)]
    target = next((name for usual in TARGET_NAMES for name in reversed(able) if name.strip().casefold() == usual), None)
    if target is not None:
        return target, "its name"
    last = able[-1] if able else None
    return last, "the last column" if last == list(columns)[-1] else "the last column that can be predicted"


def likely_target(names: Sequence[str]) -> str:
    """The target by the names of all columns alone, before it is known which can be predicted."""
    return next((name for usual in TARGET_NAMES for name in reversed(names) if name.strip().casefold() == usual), names[-1])


def _is_large(column: TableColumn) -> bool:
    return column.values.dtype.is_numeric() and not float(column.values.abs().max() or 0) <= LARGEST_FLOAT32  # type: ignore[arg-type]


def _is_likely_target(column: TableColumn) -> bool:
    return column.present > column.rows / 2 and column.length < LONG_TEXT


def _scatter(column: TableColumn, table: Table) -> str | None:
    most = max(LEAST_CATEGORIES, min(MOST_CATEGORIES, column.rows / ROWS_A_CATEGORY))
    few = column.rows >= FEWEST_ROWS and column.distinct > max(2, NEARLY_ALL * column.present) and column.distinct > 2  # noqa: PLR2004
    if not few and column.distinct <= most:
        return None
    notice = number_like([table], column.name)
    if notice is not None and notice.check == "signed_numbers":
        return f"its numbers have {notice.detail}, which no option reads: write plain numbers to learn from it"
    return f"it has {column.distinct} different texts in {column.present} rows"


def _cells_are(cells: int) -> str:
    return "1 cell is" if cells == 1 else f"{cells} cells are"
