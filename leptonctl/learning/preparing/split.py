"""Divides rows into training and test rows, by one of five reproducible methods. Owns the errors about impossible splits."""

import json
from collections.abc import Mapping

import numpy as np
import polars as pl

from leptonctl.core.contract import share
from leptonctl.learning.prepare_inputs import ColumnSplit, DeclaredColumn, HashSplit, RandomSplit, Split, TimeSplit
from leptonctl.learning.preparing.shuffle import shuffle_split
from leptonctl.learning.preparing.times import newest
from leptonctl.learning.tables.cells import as_text
from leptonctl.learning.tables.faults import Fault, contract_error
from leptonctl.learning.tables.table import Table
from leptonctl.spi.learning import ProviderError

SHOWN_CLASSES = 3
FEW_CLASSES = 20
"""An integer target with more distinct values is stratified only when the YAML asks for it."""


def split_rows(split: Split, table: Table, target: pl.Series, columns: Mapping[str, DeclaredColumn]) -> tuple[np.ndarray, np.ndarray, bool]:
    """The row numbers of the training and test rows in order, and whether they were stratified. Raises ProviderError."""
    train, test, stratified = _sides(split, table, target, columns)
    for rows, side in ((train, "training"), (test, "test")):
        if not len(rows):
            raise ProviderError(
                "A side of the split has no rows",
                detail=f"None of the {table.frame.height} rows is a {side} row.",
                hint="change `split.test`, or add rows",
                id="empty-split",
                file=table.name,
            )
    return train, test, stratified


def _sides(split: Split, table: Table, target: pl.Series, columns: Mapping[str, DeclaredColumn]) -> tuple[np.ndarray, np.ndarray, bool]:
    if isinstance(split, RandomSplit):
        return _random(split, table, target)
    if isinstance(split, HashSplit):
        return *_by_hash(table, split.by, split.test), False
    if isinstance(split, ColumnSplit):
        return *_by_column(table, split.column), False
    if isinstance(split, TimeSplit):
        return *newest(split, table, columns.get(split.time)), False
    raise _impossible("`method: source` reads the test rows from a test source, but none is declared.", "name the file under `test:`")


def _random(split: RandomSplit, table: Table, target: pl.Series) -> tuple[np.ndarray, np.ndarray, bool]:
    """The row numbers split as by scikit-learn's train_test_split."""
    # a share below one, or a number of rows
    test = int(split.test) if split.test >= 1 else split.test
    problem = _stratify_problem(test, table, target)
    stratified = problem is None and _has_classes(target) if split.stratify is None else split.stratify
    if stratified and problem is not None:
        if target.dtype == pl.Float64:
            raise _impossible(f"The target is numeric: {problem}", "use `task: regression`, or set `split: {stratify: false}`")
        raise _impossible(problem, "correct the class if it is a typing error, add rows of it, or set `split: {stratify: false}`")
    try:
        train, held_out = shuffle_split(len(target), test, split.seed, _codes(target) if stratified else None)
    except ValueError as error:
        raise _impossible(f"{len(target)} rows cannot be split with test: {test}.", "change `split.test`, or add rows") from error
    return train, held_out, stratified


def _codes(target: pl.Series) -> np.ndarray:
    """The classes as numbers in the same order, which are faster to sort than strings."""
    return target.cast(pl.Enum(target.unique().sort())).to_physical().to_numpy() if target.dtype == pl.String else target.to_numpy()


def _has_classes(target: pl.Series) -> bool:
    return target.dtype == pl.String or (target.dtype == pl.Int64 and target.n_unique() <= FEW_CLASSES)


def _stratify_problem(test: float, table: Table, target: pl.Series) -> str | None:
    """Why the classes cannot be stratified, or None. Checked first, because scikit-learn's own messages are harder to understand."""
    size = len(target)
    counts = target.value_counts()["count"]
    rare = int((counts < 2).sum())  # noqa: PLR2004 - one row cannot be on both sides
    if rare:
        what = f"{rare} of {len(counts)} classes {'has' if rare == 1 else 'have'} only one row{_rare(table, target)}"
        return f"{what}; a stratified split needs two rows of each class."
    test_rows = int(test) if test >= 1 else int(np.ceil(test * size))
    smaller = min(test_rows, size - test_rows)
    if smaller < len(counts):
        return f"{size} rows with test: {test} leave {smaller} rows on one side, fewer than the {len(counts)} classes."
    return None


def _rare(table: Table, target: pl.Series) -> str:
    """The first classes with a single row, each with its file and line; "" for a target of numbers, which has no classes."""
    if target.dtype == pl.Float64:
        return ""
    rows = target.is_unique().arg_true().head(SHOWN_CLASSES).to_list()
    places = table.places(rows)
    names = [json.dumps(str(target[row]), ensure_ascii=False) for row in rows]
    return ": " + ", ".join(f"{name} ({file}:{line})" for name, (file, line) in zip(names, places, strict=True))


def _by_hash(table: Table, name: str, test: float) -> tuple[np.ndarray, np.ndarray]:
    """A row's side depends only on the string in this column, so no row changes side as the data grows."""
    strings = as_text(table, name)
    _refuse(table, name, "missing, but the split needs a value", strings.is_null())
    sides = {text: share(text) < test for text in strings.unique().to_list()}
    mask = np.fromiter((sides[text] for text in strings), dtype=bool, count=len(strings))
    return np.flatnonzero(~mask), np.flatnonzero(mask)


def _by_column(table: Table, name: str) -> tuple[np.ndarray, np.ndarray]:
    strings = as_text(table, name)
    _refuse(table, name, 'neither "train" nor "test"', ~strings.is_in(["train", "test"]).fill_null(value=False))
    mask = (strings == "test").to_numpy()
    return np.flatnonzero(~mask), np.flatnonzero(mask)


def _refuse(table: Table, name: str, description: str, mask: pl.Series) -> None:
    if mask.any():
        raise contract_error([Fault(table=table, column=name, check="split", description=description, rows=mask.arg_true())])


def _impossible(detail: str, hint: str) -> ProviderError:
    return ProviderError("The rows cannot be split as declared", detail=detail, hint=hint, id="split-impossible")
