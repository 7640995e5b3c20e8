"""Selects the columns of each preprocess step and orders them for the algorithm. Owns the meaning of selectors; fits nothing.

A frame is an ordered list of columns, each a place in a tensor. The first tensors are the graph inputs, then one per step. The same
slices select numpy columns in training and become Gather and Concat nodes in the exported graph, so the two cannot differ.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from leptonctl.core.frozen import Frozen
from leptonctl.learning.inputs import PreprocessStep
from leptonctl.learning.tables.prepared import Columns, as_number, as_text, kind_of
from leptonctl.spi.learning import Preprocessor, ProviderError

Matrix: TypeAlias = Any
"""Columns side by side [N, k]: a float32 or object ndarray, or (numbers only) a CSR matrix of scipy, which has no type stubs."""
Cell: TypeAlias = tuple[int, int]
"""A column's place: the index of its tensor and its position in it."""
SPARSE_BELOW = 0.3  # ColumnTransformer's sparse_threshold


class Slice(Frozen):
    """Some columns of one tensor, in order."""

    tensor: int
    columns: tuple[int, ...]


class Inputs(Frozen):
    """The graph inputs: `numbers` are stacked in one FP32 tensor `features` [N, k]; each of `strings` is its own string input [N, 1]."""

    numbers: tuple[str, ...]
    strings: tuple[str, ...]

    def arrays(self, columns: Columns) -> list[np.ndarray]:
        """The input tensors in order: `features` if there are numbers, then the strings."""
        stacked = [np.column_stack([as_number(columns[name]) for name in self.numbers])] if self.numbers else []
        return stacked + [as_text(columns[name]).reshape(-1, 1) for name in self.strings]

    def place(self, name: str) -> Cell:
        """The place of a column."""
        if name in self.numbers:
            return 0, self.numbers.index(name)
        return self.strings.index(name) + bool(self.numbers), 0

    @property
    def count(self) -> int:
        return bool(self.numbers) + len(self.strings)


@dataclass(slots=True)
class Frame:
    """The columns between two steps.

    `kinds` maps the model's columns to their types in file order. `places` are the current columns in order, `named` the places of
    those that still have their name, `vectorised` the columns that a text step takes by name.
    """

    kinds: Mapping[str, str]
    places: list[Cell]
    named: dict[str, Cell]
    vectorised: frozenset[str]

    def select(self, columns: str | Sequence[str], step: str) -> list[Cell]:
        """The places that a step takes. Selectors match columns in file order; `all` is the whole frame in its current order."""
        if columns == "all":
            return list(self.places)
        names = _names(columns, self.kinds, self.vectorised)
        if not isinstance(columns, str):
            for name in names:
                self._check(name, step)
        return [self.named[name] for name in names if name in self.named]

    def replace(self, places: Sequence[Cell], tensor: int, width: int, *, keeps: bool) -> None:
        """Replace the columns at these places by a step's output, which comes first. `keeps`: its columns keep their names."""
        replaced = set(places)
        position = {place: index for index, place in enumerate(places)}
        renamed = keeps and width == len(places)
        moved = {name: (tensor, position[place]) for name, place in self.named.items() if renamed and place in replaced}
        self.named = {name: place for name, place in self.named.items() if place not in replaced} | moved
        self.places = [(tensor, index) for index in range(width)] + [place for place in self.places if place not in replaced]

    def drop(self, places: Sequence[Cell]) -> None:
        """Leave out the columns at these places."""
        dropped = set(places)
        self.named = {name: place for name, place in self.named.items() if place not in dropped}
        self.places = [place for place in self.places if place not in dropped]

    def names_at(self, places: Sequence[Cell]) -> list[str]:
        """The names of the file columns at these places."""
        at = set(places)
        return [name for name in self.kinds if self.named.get(name) in at]

    def _check(self, name: str, step: str) -> None:
        if name in self.named:
            return
        if name in self.kinds:
            raise ProviderError(
                "A preprocess step takes a column that an earlier step replaced",
                detail=f"{name} no longer exists under its name when {step} runs.",
                hint="select it with `columns: all`, or put this step first",
                id="replaced-column",
                column=name,
            )
        raise ProviderError(
            "A preprocess step takes a column that the model does not have",
            detail=f"{step} names {name}.",
            hint="use one of the model's columns: " + ", ".join(list(self.kinds)[:12]),
            id="unknown-column",
            column=name,
        )


def plan_inputs(columns: Columns, steps: Sequence[tuple[PreprocessStep, Preprocessor]]) -> tuple[Inputs, Frame]:
    """The graph inputs and the first frame. A boolean enters as a string when the first step that takes it encodes strings."""
    kinds = {name: kind_of(values) for name, values in columns.items()}
    vectorised = frozenset(
        name for step, provider in steps if provider.one_column and not isinstance(step.columns, str) for name in step.columns
    )
    strings = []
    for name, kind in kinds.items():
        first = next((provider for step, provider in steps if name in _names(step.columns, kinds, vectorised)), None)
        if kind == "string" or (kind == "boolean" and first is not None and first.takes == "string"):
            strings.append(name)
    inputs = Inputs(numbers=tuple(name for name in kinds if name not in strings), strings=tuple(strings))
    named = {name: inputs.place(name) for name in kinds}
    return inputs, Frame(kinds=kinds, places=list(named.values()), named=named, vectorised=vectorised)


def slices_of(places: Sequence[Cell]) -> tuple[Slice, ...]:
    """The places in order as slices; consecutive places in one tensor share a slice."""
    runs: list[tuple[int, list[int]]] = []
    for tensor, column in places:
        if runs and runs[-1][0] == tensor:
            runs[-1][1].append(column)
        else:
            runs.append((tensor, [column]))
    return tuple(Slice(tensor=tensor, columns=tuple(columns)) for tensor, columns in runs)


def take(tensors: Sequence[Matrix], slices: Sequence[Slice], *, sparse: bool | None = None, whole: bool = False) -> Matrix:
    """The columns of these slices, side by side. `sparse` is the form chosen at fit; None chooses as a ColumnTransformer does.

    `whole`: a tensor whose columns are all taken is not copied. A copy by columns has another memory order, which changes how BLAS
    rounds.
    """
    from scipy.sparse import hstack, issparse

    parts = [_select(tensors[piece.tensor], piece.columns, whole=whole) for piece in slices]
    if sparse is None:
        sparse = any(issparse(part) for part in parts) and _density(parts) < SPARSE_BELOW
    if sparse:
        return hstack(parts).tocsr()
    dense = [part.toarray() if issparse(part) else part for part in parts]
    return dense[0] if len(dense) == 1 else np.hstack(dense)


def _density(parts: Sequence[Matrix]) -> float:
    cells = sum(part.size for part in parts)
    return float(cells / max(1, sum(part.shape[0] * part.shape[1] for part in parts)))


def _select(tensor: Matrix, columns: tuple[int, ...], *, whole: bool) -> Matrix:
    if whole and columns == tuple(range(tensor.shape[1])):
        return tensor
    return tensor[:, list(columns)]


def _names(columns: str | Sequence[str], kinds: Mapping[str, str], vectorised: frozenset[str]) -> list[str]:
    if columns == "all":
        return list(kinds)
    if columns == "numeric":
        return [name for name, kind in kinds.items() if kind == "number"]
    if columns == "categorical":
        return [name for name, kind in kinds.items() if kind != "number" and name not in vectorised]
    return [columns] if isinstance(columns, str) else list(columns)
