"""The prepare step on real files: exactness, splits, contract, privacy, determinism, and bad data with its place."""

import csv
import hashlib
import hmac
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from leptonctl.core.contract import Column
from leptonctl.core.result import Result
from leptonctl.learning.needs import read_contract
from leptonctl.learning.preparing.identity import row_ids, rows_digest
from leptonctl.learning.steps.prepare import run
from leptonctl.learning.tables.prepared import decode_cells, read_rows
from leptonctl.project.digests import digest_of
from leptonctl.spi.learning import ProviderError
from leptonctl.spi.running import Bench, Produced

RANDOM = {"method": "random", "test": 0.25, "seed": 7, "stratify": True}
KEY = {"secret": {"env": "LEPTON_TEST_HASH_KEY"}}


class Shelf:
    """Artifacts in memory."""

    def __init__(self) -> None:
        self.bytes: dict[str, bytes] = {}
        self.marks: dict[str, str] = {}

    def put_artifact(self, data: bytes) -> str:
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        self.bytes[digest] = data
        return digest

    def get_artifact(self, digest: str) -> bytes:
        return self.bytes[digest]

    def check_key(self, key_id: str, mark: str) -> bool:
        return self.marks.setdefault(key_id, mark) == mark


class Prepared:
    """The outputs of one run, decoded."""

    def __init__(self, made: Produced, shelf: Shelf) -> None:
        self.made, self.shelf = made, shelf
        self.outputs: dict[str, Any] = dict(made.outputs)
        self.contract = read_contract(Result(key="", op="prepare", outputs=made.outputs))
        self.columns = {c.name: c for c in self.contract.columns}
        self.data = {side: shelf.bytes[made.artifacts[f"{side}.parquet"]] for side in ("train", "test")}
        task = "regression" if self.contract.target_type == "number" else "classification"
        self.train, self.test = (read_rows(self.data[side], self.contract, task) for side in ("train", "test"))

    def frame(self, side: str) -> pl.DataFrame:
        return decode_cells(self.data[side])

    def ids(self, side: str) -> list[bytes]:
        frame = self.frame(side)
        return row_ids(frame.select(self.contract.names), frame[self.contract.target])


def prepare(project: Path, name: str, *, shelf: Shelf | None = None, **fields: Any) -> Prepared:
    shelf = shelf or Shelf()
    messages: list[str] = []

    def progress(*, message: str = "", iteration: int | None = None, of: int | None = None, loss: float | None = None) -> None:
        assert iteration is None or of is None or loss is None
        messages.append(message)

    bench = Bench(project=project, artifacts=shelf, progress=progress, check_key=shelf.check_key)
    form = fields.pop("format", "csv")
    inputs = {
        "source": {"path": name, "format": form, "digest": None, "options": fields.pop("options", {})},
        "test_source": None, "target": "y", "columns": {}, "privacy": None, "split": RANDOM, **fields,
    }  # fmt: skip
    result = run(json.loads(json.dumps(inputs)), {}, bench)
    assert any(name in message for message in messages)
    json.dumps(result.outputs)
    return Prepared(result, shelf)


def table(rows: int = 40) -> list[dict[str, str]]:
    return [
        {
            "id": f"m{i}",
            "a": str(i * 7 % 13),
            "b": repr(i / 7 - 2),
            "c": ["red", "grün", "蓝", ""][i % 4],
            "d": ["True", "false", "NA"][i % 3],
            "y": ["n", "y"][i % 5 == 0],
        }
        for i in range(rows)
    ]


def write(project: Path, rows: list[dict[str, str]], name: str = "t.csv") -> str:
    with (project / name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return name


def failure(project: Path, content: str | bytes, **fields: Any) -> ProviderError:
    (project / "bad.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ProviderError) as caught:
        prepare(project, "bad.csv", **fields)
    assert caught.value.detail
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("stratify", [True, False])
@pytest.mark.parametrize("seed", [0, 7])
@pytest.mark.parametrize("test", [0.25, 0.3, 10, 10.0])
def test_random_split_is_that_of_scikit_learn(tmp_path: Path, stratify: bool, seed: int, test: float) -> None:
    rows = table(57)
    result = prepare(tmp_path, write(tmp_path, rows), split={"method": "random", "test": test, "seed": seed, "stratify": stratify})
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        plain = list(csv.DictReader(file))
    target = [row["y"] for row in plain]
    train, held = train_test_split(
        plain, test_size=test if test < 1 else int(test), random_state=seed, stratify=target if stratify else None
    )
    for side, expected in ((result.train, train), (result.test, held)):
        assert side.columns["id"].tolist() == [row["id"] for row in expected]
        assert side.y.tolist() == [row["y"] for row in expected]
        assert side.columns["c"].tolist() == [row["c"] for row in expected]
        assert np.array_equal(side.columns["b"], np.array([float(row["b"]) for row in expected]).astype(np.float32))
        flags = {"True": 1, "false": 0, "NA": -1}
        assert side.columns["d"].tolist() == [flags[row["d"]] for row in expected]
        assert {name: cells.dtype.name for name, cells in side.columns.items()} == {
            "id": "object", "a": "float32", "b": "float32", "c": "object", "d": "int8",
        }  # fmt: skip
    assert result.outputs["rows"] == {"train": len(train), "test": len(held)}
    assert result.outputs["stratified"] is stratify


def test_contract_and_files_are_as_documented(tmp_path: Path) -> None:
    result = prepare(
        tmp_path, write(tmp_path, table()), columns={"a": {"type": "number", "min": 0, "missing": 0.5}, "y": {"values": ["y", "n"]}}
    )
    assert result.contract.target_type == "string"
    assert result.contract.classes == ("n", "y")
    assert [(c.name, c.type, c.nullable, c.declared) for c in result.contract.columns] == [
        ("id", "string", False, False),
        ("a", "number", False, True),
        ("b", "number", False, False),
        ("c", "string", True, False),
        ("d", "boolean", True, False),
    ]
    assert (result.columns["a"].fill, result.columns["a"].min) == (0.5, 0)
    frame = result.frame("train")
    assert frame.schema == {
        "id": pl.String, "a": pl.Float32, "b": pl.Float32, "c": pl.String, "d": pl.Boolean, "y": pl.String,
    }  # fmt: skip
    assert result.outputs["rows_digest"]["train"] == rows_digest(result.frame("train"), result.contract)
    assert list(result.outputs) == ["rows", "rows_digest", "contract", "row_lists", "checks", "stratified", "profile", "left_out"]


@pytest.mark.parametrize(
    ("texts", "kind", "values"),
    [
        (["1", "2", "-3", "+4"], "integer", [1, 2, -3, 4]),
        (["1", "2.5", ".5", "1e3", "5."], "number", [1, 2.5, 0.5, 1000, 5]),
        (["1", " 2 ", "\t3"], "integer", [1, 2, 3]),
        (["1", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "", "  "], "integer", [1] + [None] * 9),
        (["True", "FALSE", "true", "NA", ""], "boolean", [True, False, True, None, None]),
        (["x", "NA", "", "None"], "string", ["x", "NA", None, "None"]),
        (["0x10", "ff"], "string", ["0x10", "ff"]),
        (["١٢", "٣"], "string", ["١٢", "٣"]),
        (["1_000", "2_000"], "string", ["1_000", "2_000"]),
        (["inf", "-inf"], "string", ["inf", "-inf"]),
        (["1,5", "2,5"], "string", ["1,5", "2,5"]),
        (["true", "1"], "string", ["true", "1"]),
        (["99999999999999999999", "1"], "number", [1e20, 1]),
        (["007", "08"], "string", ["007", "08"]),
        (["1.5", "02", "3"], "string", ["1.5", "02", "3"]),
        (["0.5", "0", "-0.25"], "number", [0.5, 0, -0.25]),
        (["1", "#N/A", "n/a", "<NA>"], "integer", [1, None, None, None]),
        (["1e-400", "0.1"], "number", [0, 0.1]),
        (["16777217", "1"], "integer", [16777216, 1]),
        (["", "", "NA"], "number", [None, None, None]),
        (["0.1000000000000000055511151231257827", "3.4028234e38"], "number", [0.1, 3.4028234e38]),
    ],
)
def test_types_are_inferred(tmp_path: Path, texts: list[str], kind: str, values: list[Any]) -> None:
    rows = [{"n": str(i), "x": text, "y": "ab"[i % 2], "f": "test" if i == 0 else "train"} for i, text in enumerate(["", *texts])]
    result = prepare(tmp_path, write(tmp_path, rows), split={"method": "column", "column": "f"})
    assert result.columns["x"].type == kind
    found = result.frame("train")["x"].to_list()
    expected = values if kind in ("string", "boolean") else [None if v is None else float(np.float32(v)) for v in values]
    assert found == expected


def test_number_target_stays_float64_and_integer_target_int64(tmp_path: Path) -> None:
    rows = [{"x": str(i), "y": f"{i}.1", "z": str(9007199254740993 + i), "f": ["train", "test"][i % 2]} for i in range(8)]
    split = {"method": "column", "column": "f"}
    result = prepare(tmp_path, write(tmp_path, rows), split=split)
    assert result.contract.classes is None
    assert result.train.y.dtype == np.float64
    assert result.train.y.tolist() == [0.1, 2.1, 4.1, 6.1]
    result = prepare(tmp_path, "t.csv", split=split, target="z", privacy={"drop": ["y"], "hash": [], "key": None, "key_id": None})
    assert result.train.y.dtype == np.int64
    assert result.train.y.tolist() == [9007199254740993 + i for i in (0, 2, 4, 6)]
    assert result.contract.classes == tuple(9007199254740993 + i for i in range(8))


def test_a_boolean_target_becomes_strings(tmp_path: Path) -> None:
    rows = [{"x": str(i), "y": ["True", "FALSE"][i % 2]} for i in range(12)]
    result = prepare(tmp_path, write(tmp_path, rows))
    assert (result.contract.target_type, result.contract.classes) == ("string", ("false", "true"))


def test_hash_split_keeps_every_row_on_its_side_as_data_grows(tmp_path: Path) -> None:
    split = {"method": "hash", "test": 0.3, "by": "id"}
    rows = table(400)
    before = prepare(tmp_path, write(tmp_path, rows[:150]), split=split)
    after = prepare(tmp_path, write(tmp_path, rows[::-1]), split=split)
    assert "id" not in before.columns
    sides = [{row: side for side in ("train", "test") for row in result.ids(side)} for result in (before, after)]
    assert len(sides[0]) == 150
    assert sides[0].items() <= sides[1].items()
    assert 0.2 < len(after.test.y) / 400 < 0.4
    expected = [r["b"] for r in rows[:150] if int.from_bytes(hashlib.sha256(r["id"].encode()).digest()[:6], "big") / 2**48 < 0.3]
    assert before.test.columns["b"].tolist() == [np.float32(float(b)) for b in expected]


def test_rows_of_one_group_stay_together(tmp_path: Path) -> None:
    rows = [{**row, "id": f"g{i % 20}", "n": str(i)} for i, row in enumerate(table(200))]
    result = prepare(tmp_path, write(tmp_path, rows), split={"method": "hash", "test": 0.4, "by": "id"})
    groups = [{int(n) % 20 for n in side.columns["n"]} for side in (result.train, result.test)]
    assert not groups[0] & groups[1]


def test_column_and_source_split(tmp_path: Path) -> None:
    rows = [{**row, "fold": "test" if i % 3 == 0 else "train"} for i, row in enumerate(table())]
    result = prepare(tmp_path, write(tmp_path, rows), split={"method": "column", "column": "fold"})
    assert "fold" not in result.columns
    assert result.test.columns["id"].tolist() == [f"m{i}" for i in range(0, 40, 3)]
    plain = [{k: v for k, v in row.items() if k != "fold"} for row in rows]
    write(tmp_path, plain[:30], "train.csv")
    # the column order of the second file does not matter, nor does an additional column
    write(tmp_path, [{"more": "1", **dict(reversed(row.items()))} for row in plain[30:]], "held.csv")
    held = {"path": "held.csv", "format": "csv", "digest": digest_of(tmp_path / "held.csv"), "options": {}}
    two = prepare(tmp_path, "train.csv", test_source=held, split={"method": "source"})
    assert two.outputs["rows"] == {"train": 30, "test": 10}
    assert two.test.columns["id"].tolist() == [f"m{i}" for i in range(30, 40)]


def test_types_are_those_of_all_files(tmp_path: Path) -> None:
    """C11: a fraction in the test file makes a column of integers one of numbers; a text in it is an error, as in the training file."""
    write(tmp_path, [{"x": str(i), "y": "ab"[i % 2]} for i in range(40)], "train.csv")
    write(tmp_path, [{"x": "1.5", "y": "a"}, {"x": "2", "y": "b"}], "held.csv")
    two = prepare(tmp_path, "train.csv", test_source={"path": "held.csv", "format": "csv"}, split={"method": "source"})
    assert two.columns["x"].type == "number"
    assert two.test.columns["x"].tolist() == [1.5, 2]
    pl.DataFrame({"x": [1.25, None], "y": ["a", "b"]}).write_parquet(tmp_path / "held.parquet")
    two = prepare(tmp_path, "train.csv", test_source={"path": "held.parquet", "format": "parquet"}, split={"method": "source"})
    assert two.columns["x"].type == "number"
    write(tmp_path, [{"x": "007", "y": "a"}, {"x": "2", "y": "b"}], "held.csv")
    two = prepare(tmp_path, "train.csv", test_source={"path": "held.csv", "format": "csv"}, split={"method": "source"})
    assert two.test.columns["x"].tolist() == ["007", "2"]
    assert two.train.columns["x"].tolist()[:3] == ["0", "1", "2"]
    write(tmp_path, [{"x": "1", "y": "a"}, {"x": "oops", "y": "b"}], "held.csv")
    held = {"path": "held.csv", "format": "csv", "digest": None, "options": {}}
    with pytest.raises(ProviderError) as caught:
        prepare(tmp_path, "train.csv", test_source=held, split={"method": "source"})
    assert (caught.value.id, caught.value.file, caught.value.line, caught.value.column) == ("data-contract", "held.csv", 3, "x")
    write(tmp_path, [{"z": "1", "y": "a"}], "held.csv")
    with pytest.raises(ProviderError) as caught:
        prepare(tmp_path, "train.csv", test_source=held, split={"method": "source"})
    assert (caught.value.id, caught.value.file, caught.value.column) == ("missing-column", "held.csv", "x")


def test_csv_parquet_and_jsonl_give_the_same_rows(tmp_path: Path) -> None:
    rows = table()
    result = prepare(tmp_path, write(tmp_path, rows))
    flags = {"True": True, "false": False, "NA": None}
    objects = [{**r, "a": int(r["a"]), "b": float(r["b"]), "c": r["c"] or None, "d": flags[r["d"]]} for r in rows]
    (tmp_path / "t.jsonl").write_text("\n".join(json.dumps(o) for o in objects))
    pl.DataFrame(objects).write_parquet(tmp_path / "t.parquet")
    for name, form in (("t.jsonl", "jsonl"), ("t.parquet", "parquet")):
        other = prepare(tmp_path, name, format=form)
        # only what the rows are known by differs: a row as written is another text in another format
        assert {**other.outputs, "row_lists": None} == {**result.outputs, "row_lists": None}
        assert other.outputs["row_lists"]["test"]["format"] == form
        for side in ("train.parquet", "test.parquet"):
            assert other.made.artifacts[side] == result.made.artifacts[side]


def test_parquet_types(tmp_path: Path) -> None:
    pl.DataFrame(
        {
            "code": ["01", "02", "03", "04"] * 3,
            "when": pl.Series(["2024-01-01", "2024-02-02"] * 6).str.to_date(),
            "price": pl.Series(["1.50", "2.25"] * 6).cast(pl.Decimal(10, 2)),
            "small": pl.Series([1, 2, 3] * 4, dtype=pl.UInt8),
            "kind": pl.Series(["p", "q"] * 6, dtype=pl.Categorical),
            "f": [0.5, float("nan"), -0.0] * 4,
            "y": [1.5] * 12,
        }
    ).write_parquet(tmp_path / "t.parquet")
    result = prepare(tmp_path, "t.parquet", format="parquet", split={**RANDOM, "stratify": None})
    assert {name: c.type for name, c in result.columns.items()} == {
        "code": "string", "when": "string", "price": "number", "small": "integer", "kind": "string", "f": "number",
    }  # fmt: skip
    assert set(result.train.columns["when"].tolist()) == {"2024-01-01", "2024-02-02"}
    assert result.columns["f"].nullable
    pl.DataFrame({"x": [[1], [2]], "y": ["a", "b"]}).write_parquet(tmp_path / "nested.parquet")
    with pytest.raises(ProviderError) as caught:
        prepare(tmp_path, "nested.parquet", format="parquet")
    assert (caught.value.id, caught.value.column) == ("nested-value", "x")


def test_privacy_leaves_no_raw_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEPTON_TEST_HASH_KEY", "k3y")
    rows = [{**row, "sender": f"sender-{i}@example.org", "account": f"Kontö-{i % 9}" if i % 7 else ""} for i, row in enumerate(table())]
    privacy = {"drop": ["sender"], "hash": ["account"], "key": KEY, "key_id": "k1"}
    columns = {"sender": {"type": "string", "unique": True}, "account": {"type": "string", "values": [f"Kontö-{i}" for i in range(9)]}}
    shelf = Shelf()
    result = prepare(tmp_path, write(tmp_path, rows), shelf=shelf, privacy=privacy, columns=columns)
    assert "sender" not in result.columns
    assert result.columns["account"] == Column(name="account", type="string", nullable=True, hash=True, declared=True)
    expected = {hmac.new(b"k3y", f"Kontö-{i}".encode(), hashlib.sha256).hexdigest() for i in range(9)} | {""}
    assert set(result.train.columns["account"].tolist()) <= expected
    everything = json.dumps(result.outputs).encode() + b"".join(
        json.dumps(result.frame(s).to_dicts(), ensure_ascii=False).encode() for s in ("train", "test")
    )
    everything += b"".join(result.data.values())
    for word in ("sender-", "Kontö-", "Kont", "k3y"):
        assert word.encode() not in everything
    assert "k3y" not in json.dumps(shelf.marks)
    monkeypatch.setenv("LEPTON_TEST_HASH_KEY", "another")
    with pytest.raises(ProviderError) as caught:
        prepare(tmp_path, "t.csv", shelf=shelf, privacy=privacy)
    assert caught.value.id == "wrong-key"
    prepare(tmp_path, "t.csv", shelf=shelf, privacy={**privacy, "key_id": "k2"})
    monkeypatch.delenv("LEPTON_TEST_HASH_KEY")
    with pytest.raises(ProviderError) as caught:
        prepare(tmp_path, "t.csv", shelf=shelf, privacy=privacy)
    assert caught.value.id == "missing-secret"


def test_messages_contain_no_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEPTON_TEST_HASH_KEY", "k3y")
    content = "a,who,y\n" + "".join(f"{i},{i},{'pq'[i % 2]}\n" for i in range(30)) + "SECRET-A,SECRET-B,p\n"
    columns = {"who": {"type": "integer", "max": 3}}
    error = failure(tmp_path, content, columns=columns, privacy={"drop": [], "hash": ["who"], "key": KEY, "key_id": "k"})
    assert error.id == "data-contract"
    assert "SECRET" not in error.summary + error.detail + error.hint


def test_missing_values_are_filled_before_checks(tmp_path: Path) -> None:
    rows = [{"a": str(i) if i % 3 else "", "c": "x" if i % 4 else "", "d": "true" if i % 2 else "", "y": "ab"[i % 2]} for i in range(24)]
    columns = {
        "a": {"type": "integer", "min": -1, "missing": -1},
        "c": {"type": "string", "missing": "none", "values": ["x", "none"]},
        "d": {"missing": False},
    }
    result = prepare(tmp_path, write(tmp_path, rows), columns=columns)
    assert {c.nullable for c in result.columns.values()} == {False}
    assert (result.train.columns["a"] == -1).sum() + (result.test.columns["a"] == -1).sum() == 8
    assert set(result.train.columns["c"].tolist()) == {"x", "none"}
    assert set(result.train.columns["d"].tolist()) == {0, 1}


def test_all_violations_are_reported_together_with_counts_and_lines(tmp_path: Path) -> None:
    lines = ["id,a,c,b,y"]
    lines += [f'{i},{i},"x\ny",1,{"pq"[i % 2]}' for i in range(30)]  # two file lines each
    lines += ["30,-5,x,,p", "30,99,z,1,q", "31,abc,x,1,p", "32,1,x,1,"]
    columns = {
        "id": {"type": "integer", "unique": True},
        "a": {"type": "integer", "min": 0, "max": 50},
        "c": {"type": "string", "values": ["x\ny", "x"]},
        "b": {"type": "number", "nullable": False},
    }
    error = failure(tmp_path, "\n".join(lines), columns=columns)
    assert error.id == "data-contract"
    assert error.file == "bad.csv"
    sentences = error.detail.splitlines()
    assert 'bad.csv: column "a": 1 cell is not an integer (line 64)' in sentences
    assert 'bad.csv: column "id": 1 cell is equal to a cell of an earlier row (line 63)' in sentences
    assert 'bad.csv: column "c": 1 cell is not among the allowed values (line 63): "z"' in sentences
    assert 'bad.csv: column "b": 1 cell is missing where the contract requires a value (line 62)' in sentences
    assert 'bad.csv: column "y": 1 cell is missing where the contract requires a value (line 65)' in sentences


COMMA = "a;b;y\n" + "".join(f"{i},5;{i}.{i:03},25;{'pq'[i % 2]}\n" for i in range(1, 31))


@pytest.mark.parametrize(
    ("column", "kind", "keys"),
    [
        ("a", "number", 'say how the file writes numbers, `decimal: ","`; or '),
        ("a", "integer", 'say how the file writes numbers, `decimal: ","`; or '),
        ("b", "number", 'say how the file writes numbers, `decimal: ","` and `thousands: "."`; or '),
        ("y", "number", "correct"),
        ("a", "boolean", "correct"),
    ],
)
def test_numbers_in_another_writing_have_the_keys_that_read_them_in_the_hint(tmp_path: Path, column: str, kind: str, keys: str) -> None:
    error = failure(tmp_path, COMMA, columns={column: {"type": kind}}, options={"delimiter": ";"})
    assert (error.id, error.hint.startswith(keys)) == ("data-contract", True), error.hint


def test_a_column_read_in_another_encoding_than_it_is_written_in(tmp_path: Path) -> None:
    """Also where two columns are missing, of which only the second shows it."""
    content = "a,Größe (m²),y\n1,2,p\n2,3,q\n"
    error = failure(tmp_path, content, columns={"Größe (m²)": {"min": 0}}, options={"encoding": "cp1252"})
    assert (error.id, "read as cp1252: write `encoding: utf-8`" in error.hint) == ("unknown-column", True)
    error = failure(tmp_path, content, columns={"b": {"min": 0}, "Größe (m²)": {"min": 0}}, options={"encoding": "latin-1"})
    assert "read as latin-1: write `encoding: utf-8`" in error.hint


FOLDS = {"method": "column", "column": "f"}
BODY = "".join(f"{i},{i}.5,{'pq'[i % 2]}\n" for i in range(30))
BAD = [
    # what is wrong, header and last rows, step fields, id, line, column
    ("text among numbers", f"a,b,y\n{BODY}x,1,p\n", {}, "data-contract", 32, "a"),
    ("infinity among numbers", f"a,b,y\n{BODY}1,inf,p\n", {}, "data-contract", 32, "b"),
    ("beyond float64", f"a,b,y\n{BODY}1,1e400,p\n", {}, "data-contract", 32, "b"),
    ("beyond float32", f"a,b,y\n{BODY}1,1e39,p\n", {}, "data-contract", 32, "b"),
    ("hexadecimal among numbers", f"a,b,y\n{BODY}0x1F,1,p\n", {}, "data-contract", 32, "a"),
    ("Arabic digits among numbers", f"a,b,y\n{BODY}١٢,1,p\n", {}, "data-contract", 32, "a"),
    ("thousands sign among numbers", f"a,b,y\n{BODY}1_000,1,p\n", {}, "data-contract", 32, "a"),
    ("beyond int64", f"a,b,y\n{BODY}99999999999999999999,1,p\n", {"columns": {"a": {"type": "integer"}}}, "data-contract", 32, "a"),
    ("a fraction in an integer column", f"a,b,y\n{BODY}", {"columns": {"b": {"type": "integer"}}}, "data-contract", 2, "b"),
    ("a number in a boolean column", f"a,b,y\n{BODY}", {"columns": {"a": {"type": "boolean"}}}, "data-contract", 4, "a"),
    ("below min", f"a,b,y\n{BODY}-1,1,p\n", {"columns": {"a": {"min": 0}}}, "data-contract", 32, "a"),
    ("above max", f"a,b,y\n{BODY}1,1e9,p\n", {"columns": {"b": {"max": 100}}}, "data-contract", 32, "b"),
    ("not allowed", f"a,b,y\n{BODY}1,1,r\n", {"columns": {"y": {"values": ["p", "q"]}}}, "data-contract", 32, "y"),
    ("missing", f"a,b,y\n{BODY}NA,1,p\n", {"columns": {"a": {"nullable": False}}}, "data-contract", 32, "a"),
    ("duplicate", f"a,b,y\n{BODY}3,1,p\n", {"columns": {"a": {"unique": True}}}, "data-contract", 32, "a"),
    ("missing target", f"a,b,y\n{BODY}3,1,\n", {}, "data-contract", 32, "y"),
    ("other missing texts", f"a,b,y\n{BODY}NA,1,p\n", {"options": {"missing_values": {"only": ["?"]}}}, "data-contract", 32, "a"),
    ("ragged", f"a,b,y\n{BODY}1,2\n", {}, "ragged-row", 32, None),
    ("open quote", f'a,b,y\n{BODY}"1,2,p\n', {}, "bad-quotes", 32, None),
    ("no rows", "a,b,y\n", {}, "empty-data", 1, None),
    ("no bytes", "", {}, "empty-data", 1, None),
    ("two columns of one name", f"a,a,y\n{BODY}", {}, "duplicate-column", 1, "a"),
    ("a column without name", f"a,,y\n{BODY}", {}, "empty-column-name", 1, None),
    ("not in the encoding", b"a,b,y\n1,2,\xff\n", {}, "bad-encoding", 2, None),
    ("unknown encoding", "a,y\n1,2\n", {"options": {"encoding": "klingon"}}, "unknown-encoding", None, None),
    ("unknown target", f"a,b,z\n{BODY}", {}, "unknown-column", None, "y"),
    ("unknown declared column", f"a,b,y\n{BODY}", {"columns": {"aa": {"min": 0}}}, "unknown-column", None, "aa"),
    ("unknown split column", f"a,b,y\n{BODY}", {"split": {"method": "hash", "test": 0.2, "by": "id"}}, "unknown-column", None, "id"),
    ("unknown private column", f"a,b,y\n{BODY}", {"privacy": {"drop": ["c"], "hash": []}}, "unknown-column", None, "c"),
    ("private target", f"a,b,y\n{BODY}", {"privacy": {"drop": ["y"], "hash": []}}, "private-target", None, "y"),
    ("no feature left", f"a,b,y\n{BODY}", {"privacy": {"drop": ["a", "b"], "hash": []}}, "no-features", None, "y"),
    ("reserved name", f"a,__row__,y\n{BODY}", {}, "reserved-column", None, "__row__"),
    ("fill of another type", f"a,b,y\n{BODY}", {"columns": {"a": {"missing": "none"}}}, "fill-type", None, "a"),
    ("a range on texts", f"a,b,y\n{BODY}", {"columns": {"y": {"min": 0}}}, "range-type", None, "y"),
    ("a value of another type", f"a,b,y\n{BODY}", {"columns": {"a": {"values": ["one", 0]}}}, "data-contract", 3, "a"),
    ("neither train nor test", "a,f,y\n1,train,p\n2,test,q\n3,Test,p\n", {"split": FOLDS}, "data-contract", 4, "f"),
    ("no test row", "a,f,y\n1,train,p\n2,train,q\n", {"split": FOLDS}, "empty-split", None, None),
    ("no value to split by", f"a,b,y\n{BODY},1,p\n", {"split": {"method": "hash", "test": 0.2, "by": "a"}}, "data-contract", 32, "a"),
    ("a class of one row", f"a,b,y\n{BODY}1,1,rare\n", {}, "split-impossible", None, None),
    ("more classes than test rows", f"a,b,y\n{BODY}", {"split": {**RANDOM, "test": 1}}, "split-impossible", None, None),
    ("more test rows than rows", f"a,b,y\n{BODY}", {"split": {**RANDOM, "test": 99, "stratify": False}}, "split-impossible", None, None),
    ("one row", "a,y\n1,p\n", {"split": {**RANDOM, "stratify": False}}, "split-impossible", None, None),
]  # fmt: skip


@pytest.mark.parametrize(("_what", "content", "fields", "problem", "line", "column"), BAD, ids=[case[0] for case in BAD])
def test_bad_data(
    tmp_path: Path, _what: str, content: str | bytes, fields: dict[str, Any], problem: str, line: int | None, column: str | None
) -> None:
    error = failure(tmp_path, content, **fields)
    assert (error.id, error.line, error.column) == (problem, line, column)
    if line is not None:
        assert error.file == "bad.csv"


def test_classes_of_one_row_are_named_with_their_lines(tmp_path: Path) -> None:
    error = failure(tmp_path, f"a,b,y\n{BODY}1,1,rare\n1,1,odd\n")
    assert '2 of 4 classes have only one row: "rare" (bad.csv:32), "odd" (bad.csv:33)' in error.detail


def test_a_changed_source_is_refused(tmp_path: Path) -> None:
    name = write(tmp_path, table())
    source = {"path": name, "format": "csv", "digest": digest_of(tmp_path / name), "options": {}}
    prepare(tmp_path, name, source=source)
    with (tmp_path / name).open("a") as file:
        file.write("m99,1,1,red,NA,y\n")
    with pytest.raises(ProviderError) as caught:
        prepare(tmp_path, name, source=source)
    assert (caught.value.id, caught.value.file) == ("source-changed", name)
    (tmp_path / name).unlink()
    with pytest.raises(ProviderError) as caught:
        prepare(tmp_path, name, source=source)
    assert caught.value.id == "missing-file"


def test_uninformative_columns_give_a_warning(tmp_path: Path) -> None:
    rows = [{"a": str(i), "one": "1", "none": "", "big": str(2**24 + i), "y": "ab"[i % 2]} for i in range(20)]
    result = prepare(tmp_path, write(tmp_path, rows))
    assert [(c["column"], c["check"], c["count"], c["severity"]) for c in result.outputs["checks"]] == [
        ("one", "constant", 20, "warning"),
        ("none", "all_missing", 20, "warning"),
        ("big", "rounded", 10, "warning"),
    ]
    folds = [{"a": str(i), "y": "abc"[i % 3], "f": "test" if i % 3 == 2 else "train"} for i in range(9)]
    result = prepare(tmp_path, write(tmp_path, folds), split={"method": "column", "column": "f"})
    assert result.outputs["checks"] == [
        {"column": "y", "check": "unseen_class", "count": 3, "lines": [], "severity": "warning", "detail": ""}
    ]
    assert result.contract.classes == ("a", "b", "c")


@pytest.mark.parametrize(
    ("targets", "stratified"),
    [
        (["p", "q"] * 20, True),
        (["0", "1"] * 20, True),
        ([str(i) for i in range(40)], False),
        (["0.5", "1.5"] * 20, False),
        (["p", "q"] * 20 + ["r"], False),
    ],
)
def test_stratify_by_default_where_it_makes_sense(tmp_path: Path, targets: list[str], stratified: bool) -> None:
    rows = [{"a": str(i), "y": target} for i, target in enumerate(targets)]
    assert prepare(tmp_path, write(tmp_path, rows), split={**RANDOM, "stratify": None}).outputs["stratified"] is stratified


def test_row_identity_is_the_content_of_a_row(tmp_path: Path) -> None:
    rows = [
        {"a": "1", "c": "x", "d": "y"},
        {"a": "1.0", "c": "x", "d": "y"},
        {"a": "1", "c": "xy", "d": ""},
        {"a": "1", "c": "", "d": "xy"},
    ]
    rows += [{"a": "0", "c": "-", "d": "1:x"}, {"a": "-0", "c": "-", "d": "1:x"}, {"a": "", "c": "-", "d": "1:x"}]
    rows = [{**row, "y": "t", "f": "train"} for row in rows] + [{"a": "1", "c": "x", "d": "y", "y": "u", "f": "test"}]
    split = {"method": "column", "column": "f"}
    result = prepare(tmp_path, write(tmp_path, rows), split=split)
    ids = result.ids("train")
    assert ids[0] == ids[1]
    assert ids[4] == ids[5]
    assert len(set(ids)) == 5
    assert result.ids("test")[0] not in ids
    # neither the order of columns nor a change from integer to number changes the content
    again = prepare(tmp_path, write(tmp_path, [dict(reversed(row.items())) for row in rows if row["a"] not in ("1.0", "-0")]), split=split)
    assert set(again.ids("train")) == set(ids)


EXAMPLES = Path(__file__).parents[2] / "examples"
REAL = [
    ("spam-filter/data/mail-2002-07.csv", "is_spam", "string"),
    ("car-mileage/data/cars.csv", "mpg", "number"),
    ("text/data/messages.csv", "topic", "string"),
    ("two-ten-two/data/train.csv", "moon", "string"),
]


@pytest.mark.parametrize(("name", "target", "kind"), REAL, ids=[case[0].split("/")[0] for case in REAL])
def test_real_tables_against_the_standard_library(name: str, target: str, kind: str) -> None:
    stratify = kind == "string"
    result = prepare(EXAMPLES, name, target=target, split={"method": "random", "test": 0.25, "seed": 3, "stratify": stratify})
    with (EXAMPLES / name).open(newline="", encoding="utf-8") as file:
        plain = list(csv.DictReader(file))
    sides = train_test_split(plain, test_size=0.25, random_state=3, stratify=[row[target] for row in plain] if stratify else None)
    assert result.contract.target_type == kind
    for side, expected in zip((result.train, result.test), sides, strict=True):
        assert side.y.tolist() == [row[target] if kind == "string" else float(row[target]) for row in expected]
        for column, cells in side.columns.items():
            texts = [row[column] for row in expected]
            if result.columns[column].type == "string":
                assert cells.tolist() == texts
            else:
                numbers = np.array([float(text or "nan") for text in texts]).astype(np.float32)
                assert np.array_equal(cells, numbers, equal_nan=True)
                assert result.columns[column].nullable or not np.isnan(numbers).any()


WORDS = st.sampled_from(
    ["1", "2", "2.5", "-0", "1e400", "1e39", "NA", "", "x", "true", "É", " 3 ", "inf", "99999999999999999999", "a\nb", "train", "test"]
)
SPLITS = st.sampled_from(
    [
        RANDOM,
        {**RANDOM, "stratify": None},
        {"method": "hash", "test": 0.5, "by": "a"},
        {"method": "column", "column": "b"},
        {**RANDOM, "test": 3},
    ]
)
KINDS = st.sampled_from(
    [{}, {"type": "number"}, {"type": "integer"}, {"type": "boolean"}, {"type": "string"}, {"min": 0}, {"missing": 0}, {"unique": True}]
)


@settings(max_examples=150, deadline=None)
@given(rows=st.lists(st.tuples(WORDS, WORDS, WORDS), min_size=1, max_size=12), split=SPLITS, a=KINDS, y=KINDS)
def test_any_table_is_prepared_or_refused(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]], split: dict[str, Any], a: dict[str, Any], y: dict[str, Any]
) -> None:
    project = tmp_path_factory.mktemp("any")
    write(project, [dict(zip(("a", "b", "y"), row, strict=True)) for row in rows])
    try:
        result = prepare(project, "t.csv", split=split, columns={"a": a, "y": y})
    except ProviderError as error:
        assert error.id
        assert error.detail
        assert error.hint
        return
    assert len(result.train.y) + len(result.test.y) == len(rows)
    assert min(len(result.train.y), len(result.test.y)) > 0
    assert len(set(result.columns) & {"a", "b"}) == len(result.columns) > 0
    for side in (result.train, result.test):
        for name, cells in side.columns.items():
            missing = cells == "" if cells.dtype == object else cells < 0 if cells.dtype == np.int8 else np.isnan(cells)
            assert result.columns[name].nullable or not missing.any()
            assert cells.dtype == object or not np.isinf(cells).any()


SCRIPT = """
import json, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_prepare import KEY, RANDOM, prepare, table
made = prepare(Path(sys.argv[1]), "t.csv", privacy={{"drop": [], "hash": ["id"], "key": KEY, "key_id": "k"}})
print(json.dumps([dict(made.made.artifacts), made.outputs], sort_keys=True))
"""


def test_two_processes_make_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path, table(3000))
    answers = set()
    for seed, threads in (("1", "1"), ("2", "4")):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "POLARS_MAX_THREADS": threads, "LEPTON_TEST_HASH_KEY": "k"}
        script = SCRIPT.format(tests=str(Path(__file__).parent))
        command = [sys.executable, "-c", script, str(tmp_path)]
        answers.add(subprocess.run(command, env=environment, check=True, capture_output=True, timeout=120).stdout)
    assert len(answers) == 1
