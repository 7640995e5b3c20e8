"""The role of each column of a data file: target, feature, private or none. Owns the errors about names that do not fit the data.

Never a feature: the target, the id, dropped columns, the `split` column, and the one that a split goes `by` (an identity, not a property).
"""

from collections.abc import Mapping, Sequence

from leptonctl.core.contract import ColumnType
from leptonctl.core.frozen import Frozen
from leptonctl.learning.inputs import ColumnSplit, DeclaredColumn, HashSplit, PrepareInputs, Privacy, Split
from leptonctl.learning.tables.cells import check_columns, infer
from leptonctl.learning.tables.identity import ROW_ID, ROW_MARK
from leptonctl.learning.tables.table import Table
from leptonctl.spi.learning import ProviderError

OTHER_COLUMNS = "choose other columns, or rename the column in the data"


class Shape(Frozen):
    """The role of each column. `target_type` is never boolean: a boolean target becomes the strings "true" and "false"."""

    target: str
    target_type: ColumnType
    features: tuple[str, ...]
    types: Mapping[str, ColumnType]
    declared: Mapping[str, DeclaredColumn]
    hashed: frozenset[str]
    id: str | None = None

    @property
    def inferred_texts(self) -> tuple[str, ...]:
        """The features and the target that are text because their cells are."""
        names = (name for name in (*self.features, self.target) if self.types[name] == "string" and name not in self.hashed)
        return tuple(name for name in names if name not in self.declared or self.declared[name].type is None)


def shape_of(inputs: PrepareInputs, tables: Sequence[Table]) -> Shape:
    """The shape of the first table; the others must have its columns too. Raises ProviderError."""
    target, privacy, first = inputs.target, inputs.privacy or Privacy(), tables[0]
    names = [] if inputs.id is None else [inputs.id]
    by = [*_split_columns(inputs.split), *names]
    check_columns(
        first, [target, *inputs.columns, *privacy.drop, *privacy.hash, *by], id="unknown-column", summary="A column is not in the data"
    )
    _check_target(inputs.target, (*privacy.drop, *privacy.hash, *by), first)
    features = tuple(name for name in first.frame.columns if name not in (target, *privacy.drop, *by))
    if not features:
        raise ProviderError(
            "No feature column is left",
            detail=f"{first.name} has only columns that are the target, dropped or used for the split.",
            hint="add columns to the data, or drop fewer",
            id="no-features",
            column=target,
        )
    types = {name: _type_of(name, inputs.columns.get(name), tables, privacy) for name in (*features, target, *inputs.columns)}
    for other in tables[1:]:
        check_columns(
            other,
            (*features, target, *names),
            id="missing-column",
            summary="The test data does not have all columns",
        )
    return Shape(
        target=target,
        target_type="string" if types[target] == "boolean" else types[target],
        features=features,
        types=types,
        declared=inputs.columns,
        hashed=frozenset(privacy.hash) - frozenset(privacy.drop),
        id=inputs.id,
    )


def text_columns(inputs: PrepareInputs) -> set[str]:
    """The columns whose text is needed, whatever their cells look like."""
    texts = {name for name, declared in inputs.columns.items() if declared.type in ("string", "boolean")}
    return texts.union(_split_columns(inputs.split), (inputs.privacy or Privacy()).hash, [] if inputs.id is None else [inputs.id])


def _split_columns(split: Split) -> list[str]:
    if isinstance(split, HashSplit):
        return [split.by]
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
    if declared is not None and declared.type is not None:
        return declared.type
    return "string" if name in privacy.hash else infer(tables, name)
