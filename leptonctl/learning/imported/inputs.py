"""Assigns columns to the inputs of an imported graph, by its declared shapes. Changes nothing."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

import onnx

from leptonctl.core.contract import Column
from leptonctl.core.diagnostic import did_you_mean
from leptonctl.core.frozen import Frozen
from leptonctl.learning.imported.refusal import bad_inputs

Type = onnx.TensorProto
FLOATS = (Type.FLOAT, Type.DOUBLE)
WHOLE = (Type.INT64, Type.INT32, Type.BOOL)
TYPES = (*FLOATS, *WHOLE, Type.STRING)
MATRIX = 2
Declared: TypeAlias = Sequence[str] | Mapping[str, str | Sequence[str]] | None
"""The value of `inputs:`: the columns of the one tensor, or input -> column or columns."""


class Tensor(Frozen):
    """An input as the graph declares it. type: of its elements. rank: 1 or 2. width: its number of columns, None where it is open."""

    name: str
    type: int
    rank: int
    width: int | None

    @property
    def type_name(self) -> str:
        """The name of the type in ONNX."""
        return str(Type.DataType.Name(self.type)).lower()


class Entry(Frozen):
    """An input of the graph with the columns that it takes, in order."""

    tensor: Tensor
    columns: tuple[str, ...]


def read_tensors(graph: onnx.GraphProto) -> list[Tensor]:
    """The inputs of a graph, without those that have a value already. Raises ProviderError: import-inputs."""
    weights = {initializer.name for initializer in graph.initializer}
    tensors = [_tensor(value) for value in graph.input if value.name not in weights]
    if not tensors:
        raise bad_inputs("The graph has no inputs.", "export the model with its inputs")
    return tensors


def assign(tensors: Sequence[Tensor], columns: Mapping[str, Column], declared: Declared) -> list[Entry]:
    """Each input with its columns. `columns`: the features by name, in the order of the dataset. Raises ProviderError: import-inputs."""
    entries = _declared_entries(tensors, declared) if declared else _inferred_entries(tensors, tuple(columns))
    for entry in entries:
        problem = next(_problems(entry, columns), None)
        if problem is not None:
            raise bad_inputs(*problem)
    return entries


def _tensor(value: onnx.ValueInfoProto) -> Tensor:
    of = value.type.tensor_type
    if value.type.WhichOneof("value") != "tensor_type" or of.elem_type not in TYPES:
        kind = Type.DataType.Name(of.elem_type).lower() if value.type.WhichOneof("value") == "tensor_type" else "no tensor"
        types = ", ".join(Type.DataType.Name(one).lower() for one in TYPES)
        raise bad_inputs(f"The input {value.name} is {kind}; columns enter as {types}.", "export the model with inputs of these types")
    if not of.HasField("shape"):
        raise bad_inputs(f"The input {value.name} has no declared rank.", "export the model with inputs of the shape [None, COLUMNS]")
    sizes = [dim.dim_value or None for dim in of.shape.dim]
    if len(sizes) not in (1, MATRIX):
        detail = f"The input {value.name} has the rank {len(sizes)}; rows of a table have the shape [rows, columns]."
        raise bad_inputs(detail, "export the model with inputs of the shape [None, COLUMNS]")
    if sizes[0] is not None:
        detail = f"The input {value.name} takes exactly {sizes[0]} row{'s' if sizes[0] > 1 else ''} at a time."
        raise bad_inputs(detail, "export the model with an open first dimension (torch: `dynamic_shapes`)")
    return Tensor(name=value.name, type=of.elem_type, rank=len(sizes), width=sizes[1] if len(sizes) == MATRIX else 1)


def _declared_entries(tensors: Sequence[Tensor], declared: Sequence[str] | Mapping[str, str | Sequence[str]]) -> list[Entry]:
    names = [tensor.name for tensor in tensors]
    if not isinstance(declared, Mapping):
        if len(tensors) > 1:
            raise bad_inputs(f"The graph has the inputs {', '.join(names)}, and `inputs` is a list.", "write `inputs: {INPUT: COLUMN}`")
        return [Entry(tensor=tensors[0], columns=tuple(declared))]
    unknown = next((name for name in declared if name not in names), None)
    if unknown is not None:
        raise bad_inputs(f"The graph has no input {unknown}; it has {', '.join(names)}.", did_you_mean(unknown, names) or "name these")
    missing = [name for name in names if name not in declared]
    if missing:
        raise bad_inputs(f"`inputs` does not say what {', '.join(missing)} takes.", "name every input of the graph")
    columns = {name: (value,) if isinstance(value, str) else tuple(value) for name, value in declared.items()}
    return [Entry(tensor=tensor, columns=columns[tensor.name]) for tensor in tensors]


def _inferred_entries(tensors: Sequence[Tensor], columns: tuple[str, ...]) -> list[Entry]:
    if len(tensors) == 1 and not (tensors[0].width == 1 and len(columns) > 1):
        return [Entry(tensor=tensors[0], columns=columns)]
    wide = next((tensor for tensor in tensors if tensor.width not in (1, None)), None)
    if wide is not None:
        detail = f"The graph has {len(tensors)} inputs, and {wide.name} takes {wide.width} columns."
        raise bad_inputs(detail, f"write which: `inputs: {{{wide.name}: [COLUMN, …]}}`")
    names = {column: column for column in columns} | converter_names(columns)
    unknown = next((tensor.name for tensor in tensors if tensor.name not in names), None)
    if unknown is not None:
        features = ", ".join(columns[:8]) + (" …" if len(columns) > 8 else "")  # noqa: PLR2004
        detail = f"The input {unknown} has the name of no feature; the features are {features}."
        raise bad_inputs(detail, f"write which column it takes: `inputs: {{{unknown}: COLUMN}}`")
    return [Entry(tensor=tensor, columns=(names[tensor.name],)) for tensor in tensors]


def converter_names(columns: Sequence[str]) -> dict[str, str]:
    """Columns by the names that converters give their inputs, with `_` for other characters than letters and digits. Only unique names."""
    columns_by_name: dict[str, list[str]] = {}
    for column in columns:
        name = re.sub(r"\W", "_", column, flags=re.ASCII)
        columns_by_name.setdefault(f"_{name}" if name[:1].isdigit() else name, []).append(column)
    return {name: of[0] for name, of in columns_by_name.items() if len(of) == 1 and name not in columns}


def _problems(entry: Entry, columns: Mapping[str, Column]) -> Iterator[tuple[str, str]]:
    """(why an input cannot take its columns, what to do) for each problem."""
    tensor, count = entry.tensor, len(entry.columns)
    unknown = next((name for name in entry.columns if name not in columns), None)
    if unknown is not None:
        yield f"{unknown} is not a feature of the dataset.", did_you_mean(unknown, columns) or "name features"
        return
    if (tensor.width or count) != count or (tensor.rank == 1 and count != 1):
        words = f"{tensor.width} column{'' if tensor.width == 1 else 's'}"
        detail = f"The input {tensor.name} takes {words}, and the dataset gives it {count}."
        yield detail, "list the columns in the order of training: `inputs: [COLUMN, …]`, or leave some out with `features:`"
        return
    for column in (columns[name] for name in entry.columns):
        is_text = column.type == "string"
        if is_text != (tensor.type == Type.STRING):
            detail = f"The input {tensor.name} takes {tensor.type_name}, and {column.name} is a column of type {column.type}."
            yield detail, f"declare the column as the model takes it: `{column.name}: {{type: {'number' if is_text else 'string'}}}`"
        elif tensor.type in WHOLE and (column.type == "number" or (tensor.type == Type.BOOL and column.type != "boolean")):
            kind = "boolean" if tensor.type == Type.BOOL else "integer"
            detail = f"The input {tensor.name} takes {tensor.type_name}, and {column.name} is a column of type {column.type}."
            yield detail, f"declare `{column.name}: {{type: {kind}}}` under `columns:` of the dataset"
        elif tensor.type in WHOLE and column.nullable and column.fill is None:
            detail = f"The input {tensor.name} takes {tensor.type_name}, which cannot say that a cell of {column.name} is missing."
            way = "{missing: VALUE}` or `{nullable: false}`"
            yield detail, f"declare `{column.name}: {way} under `columns:` of the dataset"
