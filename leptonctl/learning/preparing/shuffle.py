"""Draws training and test rows at random: the same rows in the same order as scikit-learn's `train_test_split`.

Importing that takes 0.6 s and 60 MiB, which `prepare` needs for nothing else, and its stratified split holds each row as an object. Numpy's
legacy generators are frozen, so their numbers never change.
"""

import math

import numpy as np


def shuffle_split(rows: int, test: float, seed: int, classes: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of the training and test rows. `test`: their number, or their share where it is below one.

    classes: the class of each row [N]; each side gets its share of every class. Raises ValueError when a side gets no row.
    """
    held_out = math.ceil(test * rows) if test < 1 else int(test)
    if not 0 < held_out < rows:
        msg = f"{held_out} of {rows} rows"
        raise ValueError(msg)
    random = np.random.RandomState(seed)
    if classes is None:
        order = random.permutation(rows)
        return order[held_out:], order[:held_out]
    _, places, counts = np.unique(classes, return_inverse=True, return_counts=True)
    train_counts = _shares(counts, rows - held_out, random)
    test_counts = _shares(counts - train_counts, held_out, random)
    members = np.split(np.argsort(places, kind="stable"), np.cumsum(counts)[:-1])
    orders = [of_class[random.permutation(len(of_class))] for of_class in members]
    train = [order[:count] for order, count in zip(orders, train_counts, strict=True)]
    test_rows = [order[first : first + count] for order, first, count in zip(orders, train_counts, test_counts, strict=True)]
    return random.permutation(np.concatenate(train)), random.permutation(np.concatenate(test_rows))


def _shares(counts: np.ndarray, draws: int, random: np.random.RandomState) -> np.ndarray:
    """How many of `draws` rows each class gets: in proportion, the rest by largest remainder; equal remainders draw lots."""
    exact = counts / counts.sum() * draws
    rows = np.floor(exact)
    open_rows, remainders = int(draws - rows.sum()), exact - rows
    for remainder in np.unique(remainders)[::-1]:
        if open_rows <= 0:
            break
        alike = np.flatnonzero(remainders == remainder)
        extra = random.choice(alike, size=min(len(alike), open_rows), replace=False)
        rows[extra] += 1
        open_rows -= len(extra)
    shares: np.ndarray = rows.astype(int)
    return shares
