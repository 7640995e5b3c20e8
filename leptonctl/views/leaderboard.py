"""All versions of a model as one table, best first. Reads the object of `leaderboard --json`, writes nothing."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from leptonctl.core.address import parse
from leptonctl.core.frozen import Frozen
from leptonctl.core.row_list import UNRECORDED
from leptonctl.views.decision import short_decision
from leptonctl.views.records import short, when, who
from leptonctl.views.style import Style, duration, figure, printable, text_width
from leptonctl.views.tables import GAP, paragraph, table
from leptonctl.views.words import direction

NAMES_IN_NOTES = {"by": "who built it", "bound in": "bound in"}
"""Heads of columns that the note about hidden columns words differently, or in full."""


class Column(Frozen):
    """One column. `rank`: where the table is too wide, columns of a higher rank are left out first."""

    head: str
    cells: Sequence[str]
    rank: int = 0
    right: bool = False

    @property
    def width(self) -> int:
        return max(map(text_width, (self.head, *self.cells)))


def render_text(board: Mapping[str, Any], *, color: bool, width: int, now: str | float | None = None) -> str:
    """The table without a trailing newline, or the YAML of the requested version."""
    style = Style(color)
    entry = board.get("entry")
    if entry:
        return f"# below `versions:` of {printable(board['model'])}; recipe {short(entry['digest'])}\n{entry['yaml']}"
    rows = board["rows"]
    columns = [column for column in _columns(board, style, now) if any(column.cells)]
    shown, hidden = list(columns), []
    while sum(column.width + GAP for column in shown) - GAP > width and len(shown) > 1:
        last = max(shown, key=lambda column: (column.rank, columns.index(column)))
        shown.remove(last)
        hidden.append(last.head)
    lines = [table([*zip(*(c.cells for c in shown), strict=True)], head=[c.head for c in shown], right=_right(shown), color=color)]
    title = f"{style.bold(printable(board['model']))} by {printable(board['metric'])} {direction(board['better'])}"
    notes = _notes(rows, hidden, width, style)
    return "\n\n".join([f"{title}, best first", *lines, *([notes] if notes else [])])


def _right(columns: Sequence[Column]) -> list[int]:
    return [index for index, column in enumerate(columns) if column.right]


def _columns(board: Mapping[str, Any], style: Style, now: str | float | None) -> list[Column]:
    rows, metric, directions = board["rows"], board["metric"], board["directions"]
    usual = _usual(rows)
    marks = [("*" if row["test_rows"] not in {None, usual} else "") + ("†" if _has_unknown_rows(row) else "") for row in rows]
    values = [("-" if r["value"] is None else figure(r["value"])) + mark for r, mark in zip(rows, marks, strict=True)]
    others = [n for n in directions if n != metric and not n.endswith("_std")]
    # figures of the test rows before those of the folds
    others.sort(key=lambda name: name.startswith("cv_"))
    return [
        Column(head="", cells=[str(number) for number in range(1, len(rows) + 1)], right=True),
        Column(head="version", cells=[_version(row, style) for row in rows]),
        Column(head=f"{metric} {direction(board['better'])}".strip(), cells=values, right=True),
        Column(head="bound in", cells=[", ".join(map(printable, row["bound"])) for row in rows], rank=1),
        *(_other(rows, name, directions[name], rank + 4) for rank, name in enumerate(others)),
        Column(head="algorithm", cells=[printable(str(row["algorithm"] or row["origin"])) for row in rows], rank=2),
        Column(head="label", cells=[short_decision(row.get("decision")) for row in rows], rank=3),
        Column(head="data", cells=[printable(str(row["dataset"])) for row in rows], rank=3),
        Column(head="built", cells=[_build_time(row, now) for row in rows], rank=4),
        Column(head="by", cells=[who(row) if row["at"] else "" for row in rows], rank=len(others) + 5),
    ]


def _usual(rows: Sequence[Mapping[str, Any]]) -> Any:
    """The test rows that most versions were measured on, the first of equals; None where nothing was measured."""
    counts = Counter(row["test_rows"] for row in rows if row["test_rows"])
    return max(counts, key=counts.__getitem__, default=None)


def _has_unknown_rows(row: Mapping[str, Any]) -> bool:
    """Whether the test rows may be among those that the version was trained on, which were not recorded."""
    return row.get("origin") == "imported" and row["value"] is not None


def _other(rows: Sequence[Mapping[str, Any]], name: str, better: str | None, rank: int) -> Column:
    cells = ["" if row["metrics"].get(name) is None else figure(row["metrics"][name]) for row in rows]
    return Column(head=f"{name} {direction(better)}".strip(), cells=cells, rank=rank, right=True)


def _version(row: Mapping[str, Any], style: Style) -> str:
    if row["declared"]:
        return printable(row["version"])
    return style.dim(f"{printable(row['version'])} {short(row['digest'])}")


def _build_time(row: Mapping[str, Any], now: str | float | None) -> str:
    if not row["built"]:
        return "freed" if row.get("freed") else "not built"
    return f"{when(row['at'])}" + (f" in {duration(row['seconds'])}" if now is None and row["seconds"] else "")


def _notes(rows: Sequence[Mapping[str, Any]], hidden: Sequence[str], width: int, style: Style) -> str:
    notes = []
    if any(not row["declared"] for row in rows):
        first = next(row for row in rows if not row["declared"])
        model = parse(printable(first["address"])).name
        digest = short(first["digest"])
        notes.append(
            f"With a digest: no longer declared like this. `leptonctl leaderboard {model} --yaml {digest}` prints its YAML; "
            f"`show`, `diff` and `predict` take {model}@{digest}."
        )
    measured = {row["test_rows"] for row in rows if row["test_rows"]}
    if len(measured) > 1:
        notes.append(
            "* measured on other test rows than the versions without a star, so its rank says little: compare with `leptonctl diff`."
        )
    if any(map(_has_unknown_rows, rows)):
        notes.append(f"† imported: {UNRECORDED}. If the test rows were among them, its figures are too good.")
    if hidden:
        folds = ["the means over the folds"] if any(name.startswith("cv_") for name in hidden) else []
        # without the arrow, so that no line begins with one
        names = [NAMES_IN_NOTES.get(name, name.split(" ")[0]) for name in reversed(hidden) if not name.startswith("cv_")]
        notes.append(f"Left out at this width: {', '.join([*names, *folds])} (-v shows all).")
    return "\n".join(style.dim(paragraph(note, width)) for note in notes)
