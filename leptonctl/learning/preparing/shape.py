"""Gives each column of a data file its role: target, feature, private or none. Owns the errors about names that do not fit the data.

Never a feature: the target, the id, dropped and ignored columns, the column of a split, and the one that a split goes `by` (an identity,
not a property). A column of dates is replaced by its parts.
"""

from collections.abc import Mapping, Sequence

from leptonctl.core.contract import ColumnType
from leptonctl.core.dates import part_name
from leptonctl.core.frozen import Frozen
from leptonctl.learning.prepare_inputs import ColumnSplit, DeclaredColumn, HashSplit, PrepareInputs, Privacy, Split, TimeSplit
from leptonctl.learning.preparing.identity import ROW_ID, ROW_MARK
from leptonctl.learning.tables.cells import check_columns
from leptonctl.learning.tables.dates import date_type
from leptonctl.learning.tables.infer import infer
from leptonctl.learning.tables.table import Table
from leptonctl.spi.learning import ProviderError

OTHER_COLUMNS = "choose other columns, or rename the column in the data"


class Shape(Frozen):
    """The role of each column. `target_type` is never boolean: a boolean target becomes the strings "true" and "false".

    `dates` are the columns whose parts are among the `features` and `types`.
    """

    target: str
    target_type: ColumnType
    features: tuple[str, ...]
    types: Mapping[str, ColumnType]
    declared: Mapping[str, DeclaredColumn]
    hashed: frozenset[str]
    id: str | None = None
    dates: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()

    @property
    def inferred_texts(self) -> tuple[str, ...]:
        """The features and the target that are text because their cells are."""
        names = (name for name in (*self.features, self.target) if self.types[name] == "string" and name not in self.hashed)
        return tuple(name for name in names if name not in self.declared or self.declared[name].type is None)


def shape_of(inputs: PrepareInputs, tables: Sequence[Table]) -> Shape:
    """The shape of the first table; the others must have its columns too. Raises ProviderError."""
    target, privacy, declared = inputs.target, inputs.privacy or Privacy(), inputs.columns
    names = [] if inputs.id is None else [inputs.id]
    _check_names(inputs, privacy, names, tables[0])
    ignored = tuple(name for name, column in declared.items() if column.ignore)
    bare = (name for name, column in declared.items() if date_type(column) and not column.parts)
    left_out = {target, *privacy.drop, *names, *ignored, *bare, *_no_features(inputs)}
    present = tuple(name for name in tables[0].frame.columns if name not in left_out)
    dates = tuple(name for name in present if date_type(declared.get(name)))
    features = tuple(part for name in present for part in (_parts(name, declared[name]) if name in dates else (name,)))
    _check_features(features, dates, target, tables[0])
    typed = (name for name in (*present, target, *declared) if name not in ignored and not date_type(declared.get(name)))
    types: dict[str, ColumnType] = {name: _type_of(name, declared.get(name), tables, privacy) for name in typed}
    types |= {part: "integer" for name in dates for part in _parts(name, declared[name])}
    for other in tables[1:]:
        check_columns(other, (*present, target, *names), id="missing-column", summary="The test data does not have all columns")
    target_type: ColumnType = "string" if types[target] == "boolean" else types[target]
    return Shape(
        target=target, target_type=target_type, features=features, types=types, declared=declared,
        hashed=frozenset(privacy.hash) - frozenset(privacy.drop), id=inputs.id, dates=dates, ignored=ignored,
    )  # fmt: skip


def text_columns(inputs: PrepareInputs) -> set[str]:
    """The columns whose text is needed, even where all cells are numbers."""
    texts = {name for name, declared in inputs.columns.items() if declared.type in ("string", "boolean") or date_type(declared)}
    # a time may be a number
    by = [] if isinstance(inputs.split, TimeSplit) else _split_columns(inputs.split)
    return texts.union(by, (inputs.privacy or Privacy()).hash, [] if inputs.id is None else [inputs.id])


def _no_features(inputs: PrepareInputs) -> list[str]:
    """The columns that the split uses. The parts of a column of times are features all the same."""
    names = _split_columns(inputs.split)
    return [name for name in names if not (isinstance(inputs.split, TimeSplit) and date_type(inputs.columns.get(name)))]


def _parts(name: str, declared: DeclaredColumn) -> tuple[str, ...]:
    return tuple(part_name(name, part) for part in declared.parts)


def _check_features(features: Sequence[str], dates: Sequence[str], target: str, table: Table) -> None:
    """Raises ProviderError (reserved-column, no-features) unless there are features, each with a name of its own."""
    twice = next((name for place, name in enumerate(features) if name in features[:place]), None) if dates else None
    if twice is not None:
        raise ProviderError(
            "A part has the name of another column",
            detail=f'"{twice}" is a column of the data and a part of a date.',
            hint="rename the column in the data, or leave the part out of `parts`",
            id="reserved-column",
            column=twice,
        )
    if not features:
        raise ProviderError(
            "No feature column is left",
            detail=f"{table.name} has only columns that are the target, dropped or used for the split.",
            hint="add columns to the data, or drop fewer",
            id="no-features",
            column=target,
        )


def _check_names(inputs: PrepareInputs, privacy: Privacy, ids: Sequence[str], table: Table) -> None:
    """Raises ProviderError: unknown-column, private-target, reserved-column."""
    others = [*privacy.drop, *privacy.hash, *_split_columns(inputs.split), *ids]
    check_columns(table, [inputs.target, *inputs.columns, *others], id="unknown-column", summary="A column is not in the data")
    _check_target(inputs.target, others, table)


def _split_columns(split: Split) -> list[str]:
    if isinstance(split, HashSplit):
        return [split.by]
    if isinstance(split, TimeSplit):
        return [split.time]
    return [split.column] if isinstance(split, ColumnSplit) else []


def _check_target(target: str, others: Sequence[str], table: Table) -> None:
    if target in others:
        raise ProviderError(
            "The target cannot be dropped, hashed or used for the split",
            detail=f'"{target}" is the target.',
            hint=OTHER_COLUMNS,
            id="private-target",
            column=target,
        )
    reserved = next((name for name in (ROW_ID, ROW_MARK) if name in table.frame.columns), None)
    if reserved is not None:
        raise ProviderError(
            "A column has a reserved name",
            detail=f'{table.name} has a column "{reserved}".',
            hint=OTHER_COLUMNS,
            id="reserved-column",
            column=reserved,
        )


def _type_of(name: str, declared: DeclaredColumn | None, tables: Sequence[Table], privacy: Privacy) -> ColumnType:
    kind = None if declared is None else declared.type
    if kind is not None and kind != "date" and kind != "datetime":  # noqa: PLR1714 - so that the type is narrowed
        return kind
    return "string" if name in privacy.hash else infer(tables, name)
