"""The bytes of a native model: what skops itself writes, with numbers in place of addresses and random names."""

import io
import re
import zipfile

import numpy as np
import pytest
import scipy.sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import MinMaxScaler
from sklearn.tree import DecisionTreeClassifier

from leptonctl.learning.fitting.native import dump_native
from leptonctl.learning.fitting.skops_io import skops_io, state_of
from tests.learning.model_rows import quiet, recipe, wine

SCALAR = r'"content": ("(?:[^"\\]|\\.)*"),\s+"is_json": true,\s+'


def numbered(archive: bytes) -> dict[str, bytes]:
    """The files of an archive of skops, numbered in its text."""
    source = zipfile.ZipFile(io.BytesIO(archive))
    ids: dict[str, str] = {}
    files: dict[str, str] = {}

    def number(match: re.Match[str]) -> str:
        return (match[1] or "") + '"__id__": ' + ids.setdefault(match[2] or match[3], str(len(ids)))

    def file(match: re.Match[str]) -> str:
        suffix = match[1].rpartition(".")[2]
        return '"file": "' + files.setdefault(match[1], f"{len(files)}.{suffix}") + '"'

    text = re.sub(rf'({SCALAR})?"__id__": (\d+)', number, source.read("schema.json").decode())
    text = re.sub(r'"file": "([^"]+)"', file, text)
    return {**{new: source.read(old) for old, new in files.items()}, "schema.json": text.encode()}


def fitted_tree() -> DecisionTreeClassifier:
    return DecisionTreeClassifier(max_depth=2).fit([[0.0], [1.0], [2.0]], ["ä", "b", "b"])


SHARED = np.arange(3.0)
CONTENTS = {
    "tuples": {"range": (0, 1), "nested": ((), [], {}, (1, (2.5, None)))},
    "a shared array": {"a": SHARED, "b": [SHARED, SHARED.copy()]},
    "text": {'"__id__": 7': '"content": "é", "is_json": true, "__id__": 5', "line": "a\nb\\", "file": "0.npy"},
    "numbers that are not finite": {"n": float("nan"), "i": float("-inf"), "a": np.array([np.nan, np.inf])},
    "objects in an array": {"a": np.array(["x", None, 1], dtype=object), "b": np.array([["ü"]])},
    "bytes": {"b": b"\x00\xff", "again": b"\x00\xff", "c": bytearray(b"x")},
    "a sparse matrix": {"m": scipy.sparse.csr_matrix(np.eye(2)), "d": np.float32},
    "a scaler": {"s": MinMaxScaler().fit([[0.0], [1.0]])},
    "a vectoriser": {"v": TfidfVectorizer().fit(["one two", "two drei"])},
    "a tree": {"t": fitted_tree(), "g": np.random.RandomState(3)},
}


@pytest.mark.parametrize("what", CONTENTS)
def test_it_is_what_skops_writes_with_numbers(what: str) -> None:
    from leptonctl.learning.fitting import native

    archive = zipfile.ZipFile(io.BytesIO(native.archive(CONTENTS[what])))
    expected = numbered(skops_io().dumps(CONTENTS[what]))
    assert archive.namelist() == [*expected]
    assert {name: archive.read(name) for name in archive.namelist()} == expected


def test_no_address_is_left_in_a_model() -> None:
    """A brother: a whole model with steps, as a training writes it."""
    from leptonctl.learning.fitting.fit import fit

    columns, target = wine()
    fitted = fit(recipe("classification", "naive_bayes", ("min_max_scaler", "numeric", {})), columns, target, quiet)
    text = zipfile.ZipFile(io.BytesIO(dump_native(fitted)["model.skops"])).read("schema.json").decode()
    numbers = [int(number) for number in re.findall(r'"__id__": (\d+)', text)]
    assert sorted(set(numbers)) == [*range(len(set(numbers)))]
    assert numbers[0] == 0


def test_what_is_written_can_be_read_by_skops() -> None:
    from leptonctl.learning.fitting import native

    content = {"a": SHARED, "t": (1, "ü")}
    again = skops_io().loads(native.archive(content), trusted=[])
    assert again["t"] == (1, "ü")
    assert np.array_equal(again["a"], SHARED)


def test_the_other_files_are_handed_over_whole() -> None:
    schema, files = state_of({"a": SHARED, "b": b"x"})
    assert sorted(data[:6] for data in files.values()) == [b"x", b"\x93NUMPY"]
    assert schema["_skops_version"]
