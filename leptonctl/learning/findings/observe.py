"""Infers the settings for a data file without a description, for `init`. Reads the file, and writes nothing."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import polars as pl

from leptonctl.core.contract import ColumnType
from leptonctl.core.diagnostic import did_you_mean
from leptonctl.core.frozen import replace
from leptonctl.learning.findings.choice import TEST, Learning, learning_of
from leptonctl.learning.findings.columns import NUMBERS_AS_TEXT, features_of
from leptonctl.learning.findings.findings import Declared, Findings, Reason, Wishes
from leptonctl.learning.findings.other_words import other_words
from leptonctl.learning.findings.roles import FEWEST_TARGETS, default_target, is_id, is_index, likely_target, unpredictable
from leptonctl.learning.findings.table_column import TableColumn, observe_column
from leptonctl.learning.findings.writing import Markers, markers, numbers_as_text, separator_reason, separators, total, two_readings
from leptonctl.learning.prepare_inputs import RandomSplit
from leptonctl.learning.preparing.split import split_rows
from leptonctl.learning.tables.cells import as_text
from leptonctl.learning.tables.date_like import guess_dates
from leptonctl.learning.tables.table import Table, read_table
from leptonctl.spi.learning import Layout, ProviderError, Source, SourceOptions

SAMPLE_ROWS = 50_000
TWO_READINGS = (
    "1.234 is read as a fraction, less than 2; if the points in this column group digits, as all of them could, "
    'declare `decimal: ","` and `thousands: "."`'
)


def observe(path: Path, source: Source, wishes: Wishes) -> Findings:
    """The settings for a table. Raises ProviderError: what reading raises, unknown-column, unsuitable-column, no-features."""
    table, reading = _read(path, source, wishes)
    numbers = {*numbers_as_text(table.frame.get_columns(), table.options)} if source.typed else set[str]()
    columns = {name: observe_column(table, name, "number" if name in numbers else None) for name in table.frame.columns}
    _check_names(wishes, list(columns))
    target, rule = _target(table, columns, wishes)
    table, columns, reading = _without_target_markers(table, columns, target, reading)
    if problem := unpredictable(columns[target]):
        _unsuitable(f'Column "{target}" cannot be the target: {problem}.', "name another column with `--target`")
    features = features_of(table, columns, target, wishes, numbers)
    learning = learning_of(columns[target], [columns[name] for name in features.names], features.declared, is_number=target in numbers)
    if learning.uneven:
        _refuse_one_class(table, columns[target])
    declared = [*features.declared, *_target_declaration(target, learning.type)]
    order = list(columns)
    return Findings(
        rows=table.frame.height, columns={name: one.type for name, one in columns.items()},
        missing={name: one.missing for name, one in columns.items() if one.missing}, options=table.options,
        target=target, target_from=rule, drops_rows=columns[target].missing > 0, stratify=learning.uneven is None,
        task=learning.task, algorithm=learning.algorithm, positive=learning.positive, id=features.id,
        declared=tuple(sorted(declared, key=lambda column: order.index(column.name))), preprocess=learning.steps, gate=learning.gate,
        reasons=(
            *reading, *_total_reasons(table, columns[target]), Reason(about="target", detail=f"{target}: {rule}"),
            *_learning_reasons(learning, columns[target], features.reasons),
        ),
    )  # fmt: skip


def _target_declaration(target: str, kind: ColumnType | None) -> Iterator[Declared]:
    if kind is not None:
        yield Declared(name=target, why=NUMBERS_AS_TEXT if kind == "number" else "classes, not numbers", type=kind)


def _learning_reasons(learning: Learning, target: TableColumn, features: Sequence[Reason]) -> Iterator[Reason]:
    if target.missing:
        yield Reason(about="target_missing", detail=f"{target.missing} of {target.rows} rows have no target and are left out")
    if learning.positive is not None:
        yield Reason(about="positive", detail=f"{learning.positive} means yes")
    yield Reason(about="task", detail=f"{learning.task}: {learning.task_reason}")
    if learning.uneven:
        yield Reason(about="split", detail=learning.uneven)
    yield from features
    yield Reason(about="algorithm", detail=" -> ".join([*(step.use for step in learning.steps), learning.algorithm]))
    yield Reason(about="gates", detail=f"{learning.gate[0]}: {learning.gate_reason}")


def _read(path: Path, source: Source, wishes: Wishes) -> tuple[Table, list[Reason]]:
    """The table with the options that read it, and the reasons."""
    layout = Layout(options=SourceOptions(), because={})
    if source.layout is not None:
        layout = source.layout(path, wishes.encoding, wishes.header)
    return _read_typed(path, source, layout) if source.typed else _read_text(path, source, layout, wishes)


def _read_typed(path: Path, source: Source, layout: Layout) -> tuple[Table, list[Reason]]:
    """A table of a format with types, some of whose strings may be numbers."""
    because = dict(layout.because)
    table = read_table(path, source, layout.options)
    options = separators(table.frame.get_columns(), layout.options, ",")
    if options != table.options and any(numbers_as_text(table.frame.get_columns(), options)):
        because[_separator_key(options)] = separator_reason(options)
        table = read_table(path, source, options)
    return table, [Reason(about=name, detail=why) for name, why in because.items()]


def _read_text(path: Path, source: Source, layout: Layout, wishes: Wishes) -> tuple[Table, list[Reason]]:
    """A table of a format without types: separators by its first rows, then texts that mean missing by all."""
    because = dict(layout.because)
    parts = source.batches(path, layout.options, SAMPLE_ROWS) if source.batches is not None else [source.read(path, layout.options)]
    sample = next(iter(parts))
    options = separators(sample.get_columns(), layout.options, layout.delimiter or "")
    if options != layout.options:
        because[_separator_key(options)] = separator_reason(options)
        if source.columns(path, options) != sample.columns:
            options = replace(options, delimiter=layout.delimiter)
            because["delimiter"] = "the numbers contain another one"
    doubtful = two_readings({cells.name: cells for cells in sample.get_columns()}, options, layout.delimiter or ",")
    doubts = [Reason(about=name, detail=TWO_READINGS) for name in doubtful]
    table = read_table(path, source, options)
    texts = {name: table.frame[name] for name in table.frame.columns if name not in table.numbers}
    target = wishes.target or likely_target(table.frame.columns)
    meaning = markers(texts, target, options)
    table, reasons = _with_markers(table, meaning.found)
    reasons += [*_value_reasons(meaning), *other_words(texts, table.options, (target, *wishes.drop, *meaning.values))]
    return table, [*(Reason(about=name, detail=why) for name, why in because.items()), *reasons, *doubts]


def _separator_key(options: SourceOptions) -> str:
    return "decimal" if options.decimal != "." else "thousands"


def _value_reasons(meaning: Markers) -> Iterator[Reason]:
    """Why a column of numbers or dates is read as text: a text that seems to mean missing in it is a value elsewhere."""
    for name, (text, other) in meaning.values.items():
        yield Reason(about=name, detail=f"read as text: {text} among its cells is a value of {other}, so it is not declared as missing")


def _with_markers(table: Table, texts_by_column: Mapping[str, tuple[str, ...]]) -> tuple[Table, list[Reason]]:
    """The table, read with texts that mean missing."""
    if not texts_by_column:
        return table, []
    missing_values = [*table.options.missing, *(text for texts in texts_by_column.values() for text in texts)]
    options = replace(table.options, missing_values=tuple(missing_values))
    words = {name: " ".join(text if text.strip() else "spaces" for text in texts) for name, texts in texts_by_column.items()}
    detail = "; ".join(f"{text} in {name}" for name, text in words.items())
    return read_table(table.path, table.source, options), [Reason(about="missing_values", detail=detail)]


def _without_target_markers(
    table: Table, columns: dict[str, TableColumn], target: str, reading: list[Reason]
) -> tuple[Table, dict[str, TableColumn], list[Reason]]:
    """The table without target cells that mean missing, or that are a total in the last row: such rows have no target."""
    if table.source.typed or target in table.numbers or table.frame[target].dtype != pl.String:
        return table, columns, reading
    cells = table.frame[target]
    texts = dict(markers({target: cells}, target, table.options).found)
    if word := total(cells):
        texts = {target: (*texts.get(target, ()), word)}
    if not texts:
        return table, columns, reading
    table, reasons = _with_markers(table, texts)
    return table, {name: observe_column(table, name) for name in columns}, [*reading, *reasons]


def _check_names(wishes: Wishes, names: list[str]) -> None:
    flags = [("--target", wishes.target), ("--id", wishes.id), *(("--drop", name) for name in wishes.drop)]
    for flag, name in flags:
        if name is not None and name not in names:
            raise ProviderError(
                "The table has no such column", detail=f"{flag} {name}", hint=did_you_mean(name, names), id="unknown-column", column=name
            )
    if wishes.target is not None and wishes.target in (wishes.id, *wishes.drop):
        _unsuitable(f'Column "{wishes.target}" is the target, and is also named by `--id` or `--drop`.', "name it once")


def _target(table: Table, columns: dict[str, TableColumn], wishes: Wishes) -> tuple[str, str]:
    """The target and the rule that chose it."""
    if wishes.target is not None:
        return wishes.target, "--target"
    never = {name for name, one in columns.items() if is_index(one) or is_id(one) or _is_dates(table, one)}
    target, rule = default_target(columns, [*never, *wishes.drop, *([wishes.id] if wishes.id else [])])
    if target is None and table.frame.height < FEWEST_TARGETS:
        _unsuitable("The table has too few rows for training and test rows.", "add rows to the table")
    if target is None:
        _unsuitable("No column of the table can be predicted: no classes repeat, no numbers differ.", "name one with `--target`")
    return target, rule


def _is_dates(table: Table, column: TableColumn) -> bool:
    return column.may_be_dates and guess_dates(as_text(table, column.name)) is not None


def _total_reasons(table: Table, target: TableColumn) -> Iterator[Reason]:
    """The reason to remove a total in the last row that has a target: no option leaves that row out."""
    if table.source.typed or target.values[-1] is None:
        return
    for name in table.frame.columns:
        if name not in table.numbers and name != target.name and total(table.frame[name]) is not None:
            yield Reason(about=name, detail="the last row seems to be a total, and would be learned from: remove it from the file")
            return


def _refuse_one_class(table: Table, target: TableColumn) -> None:
    """Raises ProviderError (unsuitable-column) where all training rows would have the same class."""
    values = target.values.drop_nulls()
    train, _, _ = split_rows(RandomSplit(test=TEST, stratify=False), table, values, {})
    classes = values.gather(train).n_unique()
    if classes < 2:  # noqa: PLR2004 - there is nothing to tell apart
        rows = f"of its {len(values)} rows, the {len(train)} that would be learned from have {classes} class"
        _unsuitable(f'Column "{target.name}" cannot be the target: {rows}.', "add rows of each class to the table")


def _unsuitable(detail: str, hint: str) -> NoReturn:
    raise ProviderError("A column does not suit its role", detail=detail, hint=hint, id="unsuitable-column")
