"""Small real tables as columns and targets, for the tests of training and export."""

import numpy as np
import polars as pl
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

from leptonctl.core.codec import convert
from leptonctl.learning.inputs import PreprocessStep, TrainInputs
from leptonctl.learning.tables.prepared import Rows, count_rows, take_rows

WORDS = (
    "free money offer click now Привет мир naïve café 中文 消息 日本 Ünder Straße İstanbul ΟΔΟΣ hello world meeting "
    "lunch report x1 a_b don't well-known ÉCOLE"
).split()


def quiet(**_progress):
    """Progress that is discarded."""


def wine():
    features, classes = load_wine(return_X_y=True)
    return shuffled(as_columns(features), np.array(["barbera", "barolo", "grignolino"])[classes])


def cancer():
    features, classes = load_breast_cancer(return_X_y=True)
    return shuffled(as_columns(features), classes.astype(np.int64))


def diabetes():
    features, target = load_diabetes(return_X_y=True)
    return shuffled(as_columns(features), target)


def mixed():
    """Numbers, missing numbers, categories, booleans and strings in many scripts."""
    draw = np.random.RandomState(0)
    spam = draw.randint(0, 2, 160)
    texts = [" ".join(draw.choice(WORDS[:16] if one else WORDS[8:], draw.randint(0, 9))) for one in spam]
    gaps = draw.randn(160).astype(np.float32)
    gaps[::9] = np.nan
    columns = {
        "size": (draw.randn(160) + spam).astype(np.float32),
        "colour": np.array([["red", "blue", "grün", ""][i] for i in draw.randint(0, 4, 160)], dtype=object),
        "message": np.array(texts, dtype=object),
        "gaps": gaps,
        "flag": draw.randint(-1, 2, 160).astype(np.int8),
    }
    return columns, np.array(["ham", "spam"])[spam]


def as_columns(features):
    return {f"c{i}": features[:, i].astype(np.float32) for i in range(features.shape[1])}


def shuffled(columns, target):
    order = np.random.RandomState(3).permutation(len(target))
    return take_rows(columns, order), target[order]


def halves(columns, target):
    """The first three quarters to train on, the rest to evaluate on."""
    cut = count_rows(columns) * 3 // 4
    return (
        Rows(columns=take_rows(columns, slice(0, cut)), y=target[:cut]),
        Rows(columns=take_rows(columns, slice(cut, None)), y=target[cut:]),
    )


def frame_of(rows):
    """Prepared rows as `prepare` writes them."""
    cells = {}
    for name, values in rows.columns.items():
        if values.dtype == object:
            cells[name] = [text or None for text in values.tolist()]
        elif values.dtype == np.int8:
            cells[name] = pl.Series([None if v < 0 else bool(v) for v in values.tolist()], dtype=pl.Boolean)
        else:
            cells[name] = pl.Series(values, dtype=pl.Float32).fill_nan(None)
    return pl.DataFrame({**cells, "y": rows.y.tolist()})


def recipe(task, algorithm, *steps, params=None, seed=0, features=None):
    """Train inputs; a step is (use, columns) or (use, columns, params)."""
    preprocess = [{"use": s[0], "columns": s[1], "params": s[2] if len(s) > 2 else {}} for s in steps]
    return TrainInputs(
        task=task,
        target="y",
        features=None if features is None else tuple(features),
        preprocess=tuple(convert(step, PreprocessStep) for step in preprocess),
        algorithm=algorithm,
        params=params or {},
        seed=seed,
    )
