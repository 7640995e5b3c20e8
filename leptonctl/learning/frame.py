"""Which columns each preprocess step takes, and in what order the algorithm sees them. Owns the semantics of selectors; fits nothing.

A frame is an ordered list of columns, each a place in a tensor. Tensors 0.. are the graph inputs, then one per step. The same
slices cut numpy arrays in training and wire Gather and Concat in the exported graph, so the two cannot differ.
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
"""Some columns side by side: float32 or object [N,k], an ndarray or (numbers only) a CSR matrix of scipy, which has no types."""
Cell: TypeAlias = tuple[int, int]
"""A column's tensor and its position there."""
SPARSE_BELOW = 0.3  # ColumnTransformer's sparse_threshold


class Slice(Frozen):
    """Some columns of one tensor, in order."""

    tensor: int
    columns: tuple[int, ...]


class Inputs(Frozen):
    """The graph inputs: `numbers` are stacked in one FP32 `features` [N,k]; each of `texts` is a string input [N,1] of its own."""

    numbers: tuple[str, ...]
    texts: tuple[str, ...]

    def arrays(self, columns: Columns) -> list[np.ndarray]:
        """The input tensors in order: `features` when there is a number, then the texts."""
        stacked = [np.column_stack([as_number(columns[name]) for name in self.numbers])] if self.numbers else []
        return stacked + [as_text(columns[name]).reshape(-1, 1) for name in self.texts]

    def place(self, name: str) -> Cell:
        """Tensor and position of a column."""
        if name in self.numbers:
            return 0, self.numbers.index(name)
        return self.texts.index(name) + bool(self.numbers), 0

    @property
    def count(self) -> int:
        return bool(self.numbers) + len(self.texts)


@dataclass(slots=True)
class Frame:
    """The columns as they stand between two steps: their places in order, and where the named ones are."""

    kinds: Mapping[str, str]
    places: list[Cell]
    named: dict[str, Cell]
    vectorised: frozenset[str]

    def select(self, columns: str | Sequence[str], step: str) -> list[Cell]:
        """The places a step takes. Selectors name columns in file order; `all` is the frame as it stands."""
        if columns == "all":
            return list(self.places)
        names = _names(columns, self.kinds, self.vectorised)
        if not isinstance(columns, str):
            for name in names:
                self._check(name, step)
        return [self.named[name] for name in names if name in self.named]

    def replace(self, places: Sequence[Cell], tensor: int, width: int, *, keeps: bool) -> None:
        """The columns at these places leave; the step's output comes first. `keeps`: it still answers to their names."""
        gone = set(places)
        position = {place: index for index, place in enumerate(places)}
        moved = {name: (tensor, position[place]) for name, place in self.named.items() if place in gone and keeps and width == len(places)}
        self.named = {name: place for name, place in self.named.items() if place not in gone} | moved
        self.places = [(tensor, index) for index in range(width)] + [place for place in self.places if place not in gone]

    def names_at(self, places: Sequence[Cell]) -> list[str]:
        """The file columns among some places."""
        among = set(places)
        return [name for name in self.kinds if self.named.get(name) in among]

    def _check(self, name: str, step: str) -> None:
        if name in self.named:
            return
        if name in self.kinds:
            raise ProviderError(
                "A preprocess step takes a column that an earlier step replaced",
                detail=f"{name} no longer stands under its name when {step} runs",
                hint="take it with columns: all, or put this step first",
                id="replaced-column",
                column=name,
            )
        raise ProviderError(
            "A preprocess step takes a column that the model does not have",
            detail=f"{step} names {name}",
            hint="columns: " + ", ".join(list(self.kinds)[:12]),
            id="unknown-column",
            column=name,
        )


def plan_inputs(columns: Columns, steps: Sequence[tuple[PreprocessStep, Preprocessor]]) -> tuple[Inputs, Frame]:
    """How the columns enter: a boolean is text when the first step that takes it is an encoder of text."""
    kinds = {name: kind_of(values) for name, values in columns.items()}
    vectorised = frozenset(
        name for step, provider in steps if provider.one_column and not isinstance(step.columns, str) for name in step.columns
    )
    texts = []
    for name, kind in kinds.items():
        first = next((provider for step, provider in steps if name in _names(step.columns, kinds, vectorised)), None)
        if kind == "string" or (kind == "boolean" and first is not None and first.takes == "string"):
            texts.append(name)
    inputs = Inputs(numbers=tuple(name for name in kinds if name not in texts), texts=tuple(texts))
    named = {name: inputs.place(name) for name in kinds}
    return inputs, Frame(kinds=kinds, places=list(named.values()), named=named, vectorised=vectorised)


def slices_of(places: Sequence[Cell]) -> tuple[Slice, ...]:
    """The places in order; adjacent ones of one tensor are one slice."""
    runs: list[tuple[int, list[int]]] = []
    for tensor, column in places:
        if runs and runs[-1][0] == tensor:
            runs[-1][1].append(column)
        else:
            runs.append((tensor, [column]))
    return tuple(Slice(tensor=tensor, columns=tuple(columns)) for tensor, columns in runs)


def take(tensors: Sequence[Matrix], slices: Sequence[Slice], *, sparse: bool | None = None, whole: bool = False) -> Matrix:
    """The columns that slices name, side by side. `sparse` says what the fit decided; None decides as a ColumnTransformer does.

    `whole`: a tensor taken whole is not copied. A copy by columns has another order in memory, and BLAS rounds by that order.
    """
    from scipy.sparse import hstack, issparse

    parts = [_cut(tensors[piece.tensor], piece.columns, whole=whole) for piece in slices]
    if sparse is None:
        sparse = any(issparse(part) for part in parts) and _density(parts) < SPARSE_BELOW
    if sparse:
        return hstack(parts).tocsr()
    dense = [part.toarray() if issparse(part) else part for part in parts]
    return dense[0] if len(dense) == 1 else np.hstack(dense)


def _density(parts: Sequence[Matrix]) -> float:
    stored = sum(part.size for part in parts)
    return float(stored / max(1, sum(part.shape[0] * part.shape[1] for part in parts)))


def _cut(tensor: Matrix, columns: tuple[int, ...], *, whole: bool) -> Matrix:
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
