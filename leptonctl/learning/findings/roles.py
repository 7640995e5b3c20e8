"""Which columns of a table are no features, and why: row numbers, ids, columns with one value, texts that never repeat. Reads no file."""

import re
from collections.abc import Mapping, Sequence

from leptonctl.core.contract import LARGEST_FLOAT32
from leptonctl.learning.findings.seen import Seen
from leptonctl.learning.tables.copies import tells
from leptonctl.learning.tables.number_like import number_like
from leptonctl.learning.tables.table import Table

FEWEST_TARGETS = 3
LONG_TEXT, FEW_TEXTS = 30.0, 20
"""From this mean length in characters on, and this many different ones, strings are text for tfidf."""
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


def is_index(seen: Seen) -> bool:
    """A column that pandas, R or a spreadsheet wrote to count the rows."""
    has_name = INDEX_NAMES.fullmatch(seen.name.strip()) is not None
    return seen.nested is None and has_name and (seen.is_distinct or re.match(r"unnamed|__index", seen.name, re.IGNORECASE) is not None)


def is_id(seen: Seen) -> bool:
    """A column that is named like an id, with another integer or short text in each row."""
    return seen.type in ("integer", "string") and seen.is_distinct and seen.length < LONG_TEXT and is_named_id(seen.name)


def is_named_id(name: str) -> bool:
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_]+", name.replace("ID", "Id"))
    words = [part.casefold() for part in parts]
    return bool(words) and (words[-1] in ID_WORDS or words[0] in ("id", "uuid", "guid") or words in (["no"], ["num"]))


def is_text(seen: Seen) -> bool:
    """Sentences, for tfidf."""
    return seen.type == "string" and seen.nested is None and seen.length >= LONG_TEXT and seen.distinct > FEW_TEXTS


def useless(seen: Seen, table: Table, *, first: bool) -> str | None:
    """Why nothing can be learned from a feature as it is; None if something can."""
    if why := _without_values(seen):
        return why
    if seen.large or _is_large(seen):
        return "its integers are too large for 64 bits" if seen.large else "some of its numbers are infinite, or too large for 32 bits"
    if seen.distinct == 1 and (seen.missing == 0 or seen.type != "string"):
        return "all its cells are equal"
    if seen.wrong:
        return f"{_cells_are(seen.wrong)} no number although the others are"
    if first and seen.counts_rows and seen.rows >= FEWEST_ROWS and not is_time(seen.name):
        return "it counts the rows"
    return _scattered(seen, table) if seen.type == "string" and not is_text(seen) else None


def _without_values(seen: Seen) -> str | None:
    if seen.nested is not None:
        return f"its values are {seen.nested}"
    return "it is empty" if seen.present == 0 else None


def is_time(name: str) -> bool:
    """A name that says that numbers in order are times, from which something may be learned."""
    return re.search(r"time|year|month|week|day|hour|period|quarter|step|date|jahr|monat|tag|zeit|^t$", name, re.IGNORECASE) is not None


def relabels(seen: Seen, target: Seen) -> bool:
    """Whether a column is the target under other names or in other units."""
    if seen.nested is not None or seen.missing != target.missing:
        return False
    present = target.values.is_not_null()
    return tells(seen.values.filter(present), target.values.filter(present))


def unpredictable(seen: Seen) -> str | None:
    """Why a column cannot be a target; None if it can."""
    if why := _without_values(seen):
        return why
    if seen.wrong or (seen.type == "number" and seen.values.is_infinite().any()):
        wrong = f"{_cells_are(seen.wrong)} no number although the others are; correct the file, or add what means missing to it"
        return wrong if seen.wrong else "some of its numbers are infinite"
    if seen.distinct == 1 or seen.present < FEWEST_TARGETS:
        return "all its cells are equal" if seen.distinct == 1 else "two cells are too few to learn from one and to test on the other"
    if seen.distinct == 2 and seen.rarest == 1 and seen.type != "number":  # noqa: PLR2004
        return "all its cells but one are equal"
    if seen.type == "string" and seen.distinct > max(2, min(MOST_CATEGORIES, seen.present / 2)):
        return f"it has {seen.distinct} different texts in {seen.present} rows, too many for classes"
    return None


def default_target(columns: Mapping[str, Seen], others: Sequence[str]) -> tuple[str | None, str]:
    """The target where none is named, and the rule: a column named like one, else the last one that can be predicted. others: never."""
    able = [n for n, seen in columns.items() if n not in others and unpredictable(seen) is None and _is_likely_target(seen)]
    target = next((name for usual in TARGET_NAMES for name in reversed(able) if name.strip().casefold() == usual), None)
    if target is not None:
        return target, "its name"
    last = able[-1] if able else None
    return last, "the last column" if last == list(columns)[-1] else "the last column that can be predicted"


def likely_target(names: Sequence[str]) -> str:
    """The target by the names of all columns alone, before it is known which can be predicted."""
    return next((name for usual in TARGET_NAMES for name in reversed(names) if name.strip().casefold() == usual), names[-1])


def _is_large(seen: Seen) -> bool:
    return seen.values.dtype.is_numeric() and not float(seen.values.abs().max() or 0) <= LARGEST_FLOAT32  # type: ignore[arg-type]


def _is_likely_target(seen: Seen) -> bool:
    return seen.present > seen.rows / 2 and seen.length < LONG_TEXT


def _scattered(seen: Seen, table: Table) -> str | None:
    most = max(LEAST_CATEGORIES, min(MOST_CATEGORIES, seen.rows / ROWS_A_CATEGORY))
    few = seen.rows >= FEWEST_ROWS and seen.distinct > max(2, NEARLY_ALL * seen.present) and seen.distinct > 2  # noqa: PLR2004
    if not few and seen.distinct <= most:
        return None
    notice = number_like([table], seen.name)
    if notice is not None and notice.check == "signed_numbers":
        return f"its numbers have {notice.detail}, which no option reads: write plain numbers to learn from it"
    return f"it has {seen.distinct} different texts in {seen.present} rows"


def _cells_are(cells: int) -> str:
    return "1 cell is" if cells == 1 else f"{cells} cells are"
