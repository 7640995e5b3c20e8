"""Which evaluation rows a comparison leaves out: random pairs of versions, prepared from real files, against a truth written from scratch."""

import csv
import hashlib
import json
import os
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split

from leptonctl.core.frozen import replace
from leptonctl.core.result import Result
from leptonctl.core.row_list import RowList
from leptonctl.kinds.environment.comparability import not_comparable
from leptonctl.learning.preparing.row_list import ListPrivacy
from leptonctl.learning.steps import compare, prepare
from leptonctl.learning.tables.prepared import read_side_cells
from leptonctl.spi.running import Bench
from tests.learning.exported import Shelf, exported, list_rows, quiet

PAIRS = 200 if os.environ.get("LEPTONCTL_SOAK") == "1" else 30
NAMES = ("a", "b", "c", "d", "s", "g", "side")
TEXTS = ("s", "g", "side", "key", "y")
SHARE = 0.4
FEATURES = (("a",), ("a", "b"), ("b", "c"), ("a", "b", "c"), ("a", "d"))
KEYS = {"k1": "LEPTON_ROWS_KEY_1", "k2": "LEPTON_ROWS_KEY_2"}
PRIVACY: Sequence[dict[str, Any] | None] = (
    None,
    None,
    None,
    {"drop": ["s"], "key_id": None},
    {"drop": ["d", "s"], "key_id": None},
    {"drop": ["d"], "key_id": "k1"},
    {"drop": [], "hash": ["s"], "key_id": "k1"},
    {"drop": ["d"], "hash": ["s"], "key_id": "k1"},
    {"drop": [], "hash": ["s"], "key_id": "k2"},
)
Row = tuple[str, ...]
COMPARE = {"task": "classification", "metrics": ["accuracy"], "positive": None, "average": None}


def pool(draw: random.Random, keyed: bool, first: int = 0) -> list[Row]:
    """Rows of few values, so that some are equal. The last cell is the key of a row, where rows have keys."""
    rows: list[Row] = []
    for _ in range(draw.randint(40, 90)):
        a, b, c, d = (draw.choice(["0", "1", "1.0", "2.5", "", "NA", "7e0"]) for _ in range(4))
        label = draw.random() < 0.3 or a in ("2.5", "7e0")
        group, side = f"g{draw.randint(0, 9)}", draw.choice(["train", "train", "test"])
        text = draw.choice(["é", "x,y", "", "z"])
        rows.append((a, b, c, d, text, group, side, "yes" if label else "no", f"k{first + len(rows)}" if keyed else ""))
    return rows


def file_of(draw: random.Random, rows: Sequence[Row], keyed: bool) -> list[Row]:
    """The rows as some of them, more of them, in another order, repeated, or with cells that were corrected since."""
    rows = list(rows)
    way = draw.choice(["same", "some", "grown", "shuffled", "repeated", *(["corrected"] if keyed else [])])
    if way == "corrected":
        rows = [(*row[:2], "9", *row[3:]) if number % 3 else row for number, row in enumerate(rows)]
    if way == "some":
        rows = rows[: max(24, len(rows) * 2 // 3)]
    if way == "grown":
        rows += pool(draw, keyed, 1000)[:20]
    if way == "repeated":
        rows += draw.choices(rows, k=15)
    if way in ("shuffled", "repeated"):
        draw.shuffle(rows)
    return rows


class Version:
    """A version from a file that it writes itself: how its rows are read and divided is drawn."""

    def __init__(
        self, draw: random.Random, folder: Path, name: str, rows: Sequence[Row], shelf: Shelf, like: "Version | None" = None
    ) -> None:
        keyed = bool(rows[0][-1])
        self.rows, self.shelf = file_of(draw, rows, keyed), shelf
        self.format = draw.choice(["csv"] * 8 + ["jsonl"])
        extra = ["extra"] if draw.random() < 0.1 else []
        self.names: tuple[str, ...] = (*NAMES, *(["key"] if keyed else []), *extra, "y")
        self.id = "key" if keyed and draw.random() < 0.7 else None
        if self.id is not None:
            # an id is unique in its file
            self.rows = list({row[-1]: row for row in self.rows}.values())
        self.privacy = draw.choice(PRIVACY)
        if like is not None and draw.random() < 0.8:
            # most pairs can be told apart
            self.format, self.names, (_, _, key) = like.format, like.names, like.told_by
            self.privacy = draw.choice([p for p in PRIVACY if (p or {}).get("key_id") == key])
        self.private = tuple((self.privacy or {}).get("drop", ()))
        self.features = tuple(f for f in draw.choice(FEATURES) if f not in self.private)
        by_chance = {"method": "random", "stratify": False, "test": SHARE}
        self.split: dict[str, Any] = draw.choice(
            [
                {**by_chance, "seed": draw.randint(0, 5)}, {**by_chance, "seed": 1}, {"method": "hash", "test": SHARE, "by": "g"},
                {"method": "column", "column": "side"}, {"method": "source"},
            ]
        )  # fmt: skip
        self.options = options = draw.choice([{}, {"missing_values": ["NA"]}, {"missing_values": ["NA", "0"]}])
        self.path, self.header = folder / f"{name}.{self.format}", list[str]()
        self.separate = folder / f"{name}-test.{self.format}"
        self._write(draw.choice([",", ";", "\t"]), draw)
        privacy = self.privacy and {
            "hash": [],
            **self.privacy,
            "key": self.privacy["key_id"] and {"secret": {"env": KEYS[self.privacy["key_id"]]}},
        }
        inputs = {
            "source": {"path": self.path.name, "format": self.format, "digest": None, "options": options},
            "target": "y", "privacy": privacy, "split": self.split, **({"id": self.id} if self.id else {}),
            **({"test_source": {"path": self.separate.name, "format": self.format, "options": options}} if self.parted else {}),
            "columns": {n: {"type": "number", "missing": 0.0} for n in ("a", "b", "c", "d") if n not in self.private},
        }  # fmt: skip
        self.inputs: dict[str, Any] = inputs
        made = prepare.run(
            json.loads(json.dumps(inputs)), {}, Bench(project=folder, artifacts=shelf, progress=quiet, check_key=lambda *_: True)
        )
        self.prepared = Result(key="", op="prepare", artifacts=made.artifacts, outputs=made.outputs)
        train = read_side_cells(self.prepared, "train", shelf)
        self.export, self.native = exported(shelf, train, list(self.features), max_iter=300)

    def _write(self, delimiter: str, draw: random.Random) -> None:
        rows = [self.record(number) for number in range(len(self.rows))]
        names = list(self.names)
        draw.shuffle(names)
        self.header = names
        for path, part in ((self.path, rows[: self.cut]), (self.separate, rows[self.cut :])):
            with path.open("w", newline="", encoding="utf-8") as file:
                if self.format == "csv":
                    writer = csv.DictWriter(file, names, delimiter=delimiter, lineterminator=draw.choice(["\n", "\r\n"]))
                    writer.writeheader()
                    writer.writerows(part)
                else:
                    file.writelines(json.dumps({name: row[name] for name in names}) + "\n" for row in part)

    @property
    def no_features(self) -> set[Any]:
        """Columns that are never features: the id, and what a split goes by."""
        return {self.id, self.split.get("by"), self.split.get("column")}

    @property
    def parted(self) -> bool:
        """Whether the test rows are in a file of their own."""
        return self.split["method"] == "source"

    @property
    def cut(self) -> int:
        """How many rows the first file has."""
        return len(self.rows) * 2 // 3 if self.parted else len(self.rows)

    @property
    def sides(self) -> tuple[list[int], list[int]]:
        """The numbers of the training and test rows, by scikit-learn, by SHA-256, by a column, or by file."""
        numbers, method = range(len(self.rows)), self.split["method"]
        if method == "random":
            train, test = train_test_split(numbers, test_size=SHARE, random_state=self.split["seed"])
            return train, test
        if method == "hash":
            shares = [int(hashlib.sha256(row[5].encode()).hexdigest()[:12], 16) / 16**12 for row in self.rows]
            tested = {number for number in numbers if shares[number] < SHARE}
        else:
            tested = {n for n in numbers if (n >= self.cut if self.parted else self.rows[n][6] == "test")}
        return [n for n in numbers if n not in tested], [n for n in numbers if n in tested]

    @property
    def unrecorded(self) -> frozenset[str]:
        """The columns of which nothing may be kept: dropped, and no key to hide them under."""
        return frozenset(() if self.told_by[2] else self.private)

    def record(self, number: int) -> dict[str, str]:
        """A row as it stands in the file, with its number where the file has a column for it."""
        cells = {**dict(zip((*NAMES, "y", "key"), self.rows[number], strict=True)), "extra": str(number)}
        return {name: cells[name] for name in self.names}

    def value(self, name: str, text: str) -> Any:
        """A cell as it is learned from."""
        missing = ("", *(self.options.get("missing_values") or ("NA",)))
        if name in TEXTS:
            return "" if text == "" or text in (self.options.get("missing_values") or ()) else text
        return 0.0 if text in missing else float(text)

    @property
    def told_by(self) -> tuple[Any, ...]:
        """What must be equal for rows of two versions to be told apart."""
        return self.format, frozenset(self.names), self.key

    @property
    def key(self) -> str | None:
        return self.privacy["key_id"] if self.privacy else None


def marks_of(bound: Version, candidate: Version) -> Callable[[Version, int], Any] | None:
    """What tells a row of one version from those of the other; None where nothing does."""
    if bound.told_by != candidate.told_by:
        return None
    if bound.unrecorded == candidate.unrecorded:
        return lambda version, number: tuple((n, c) for n, c in version.record(number).items() if n not in version.unrecorded)
    if bound.options != candidate.options:
        return None
    left_out = bound.unrecorded | candidate.unrecorded | bound.no_features | candidate.no_features
    return lambda version, number: tuple((n, version.value(n, c)) for n, c in version.record(number).items() if n not in left_out)


def key_of(version: Version, number: int) -> Any:
    return version.rows[number][-1]


def truth(bound: Version, candidate: Version) -> tuple[int, int, float, float] | None:
    """Rows left out, rows compared, both accuracies; None where that is unknown."""
    by_id = bound.id is not None and (bound.id, bound.key) == (candidate.id, candidate.key)
    across, own = marks_of(bound, candidate), marks_of(candidate, candidate)
    if by_id and (bound.told_by != candidate.told_by or bound.unrecorded != candidate.unrecorded):
        # ids tell where records do not
        across = key_of
    if across is None or own is None or not set(bound.features).isdisjoint(candidate.private):
        return None
    learned = {across(bound, number) for number in bound.sides[0]}, {own(candidate, number) for number in candidate.sides[0]}
    named = {bound.rows[number][-1] for number in bound.sides[0]} if by_id else set()
    _, test = candidate.sides
    fair = [
        place
        for place, number in enumerate(test)
        if across(candidate, number) not in learned[0] and own(candidate, number) not in learned[1]
        and candidate.rows[number][-1] not in named
    ]  # fmt: skip
    if not fair:
        return len(test), 0, 0.0, 0.0
    frame = read_side_cells(candidate.prepared, "test", candidate.shelf)[fair]
    labels = [candidate.rows[test[place]][7] for place in fair]
    figures = [
        accuracy_score(labels, version.native.predict(frame.select(version.features).to_numpy().astype(np.float32)))
        for version in (bound, candidate)
    ]
    return len(test) - len(fair), len(fair), figures[0], figures[1]


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for number, name in enumerate(KEYS.values()):
        monkeypatch.setenv(name, f"secret {number}")


def drawn(seed: int, folder: Path) -> tuple[Version, Version, dict[str, Any]] | None:
    """A pair and the outputs of its comparison; None for a draw that cannot be trained."""
    draw, shelf = random.Random(seed), Shelf()
    rows = pool(draw, keyed=draw.random() < 0.5)
    (folder / str(seed)).mkdir()
    try:
        bound = Version(draw, folder / str(seed), "bound", rows, shelf)
        candidate = Version(draw, folder / str(seed), "candidate", rows, shelf, like=bound)
    except ValueError:
        return None
    needs = {
        "prepare": candidate.prepared, "export": candidate.export, "bound_prepare": bound.prepared, "bound_export": bound.export,
    }  # fmt: skip
    outputs = compare.run(COMPARE, needs, Bench(project=folder, artifacts=shelf, progress=quiet)).outputs
    return bound, candidate, dict(outputs)


@pytest.mark.usefixtures("keys")
def test_random_pairs_leave_out_what_the_truth_leaves_out(tmp_path: Path) -> None:
    compared = excluded = held = 0
    ways: set[str] = set()
    for seed in range(PAIRS):
        pair = drawn(seed, tmp_path)
        assert pair is not None
        bound, candidate, out = pair
        expected = truth(bound, candidate)
        assert bool(out["not_comparable"]) is (expected is None), (seed, bound.told_by, candidate.told_by, out)
        foreseen = "; ".join(
            not_comparable("classification", candidate.inputs, candidate.header, bound=bound.prepared, own=candidate.prepared)
        )
        assert out["not_comparable"].startswith(foreseen), "once the rows are prepared, the plan says what the comparison would"
        ways |= {candidate.split["method"], f"id {candidate.id is not None and bound.id is not None}"}
        declared = not_comparable("classification", candidate.inputs, candidate.header, bound=bound.prepared, own=None)
        assert not declared or expected is None, ("before, it is never wrong", seed, declared)
        held += bool(declared)
        if expected is None:
            continue
        compared += 1
        excluded += expected[0] > 0
        assert (out["excluded"], out["rows"]) == expected[:2], seed
        if expected[1]:
            assert out["metrics"]["accuracy"] == {"a": pytest.approx(expected[2]), "b": pytest.approx(expected[3])}, seed
    assert PAIRS // 3 < compared < PAIRS, "both outcomes are tested"
    assert excluded >= compared // 2
    assert ways == {"random", "hash", "column", "source", "id True", "id False"}
    assert held, "some are known before the rows are prepared"


def test_a_row_of_an_older_version_is_known_whatever_it_drops_or_reads(tmp_path: Path) -> None:
    """B3 of the faults: the old version ignores two columns, reads another split and other options; its training rows are still known."""
    text = "a,b,c,y\n" + "".join(f"{i},{i % 7},{'?' if i % 5 == 0 else i},{'n' if i % 3 else 'y'}\n" for i in range(60))
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    shelf = Shelf()

    def prepared(seed: int, **options: Any) -> Result:
        inputs = {
            "source": {"path": "t.csv", "format": "csv", "options": options}, "target": "y",
            "split": {"method": "random", "test": 0.5, "seed": seed}, "columns": {"c": {"type": "string"}},
        }  # fmt: skip
        result = prepare.run(inputs, {}, Bench(project=tmp_path, artifacts=shelf, progress=quiet))
        return Result(key="", op="prepare", artifacts=result.artifacts, outputs=result.outputs)

    old, new = prepared(1, missing_values=["?"]), prepared(2)
    train = {side: read_side_cells(result, "train", shelf) for side, result in (("old", old), ("new", new))}
    exports = [exported(shelf, train["old"], ["b"])[0], exported(shelf, train["new"], ["a", "b"])[0]]
    out = compare.run(
        COMPARE, {"prepare": new, "export": exports[1], "bound_prepare": old, "bound_export": exports[0]},
        Bench(project=tmp_path, artifacts=shelf, progress=quiet),
    ).outputs  # fmt: skip
    sides = [train_test_split(range(60), test_size=0.5, random_state=seed, stratify=[i % 3 == 0 for i in range(60)]) for seed in (1, 2)]
    shared = len(set(sides[1][1]) & set(sides[0][0]))
    assert 0 < shared < 30
    assert (out["excluded"], out["rows"], out["not_comparable"]) == (shared, 30 - shared, "")


def marks(frame: pl.DataFrame, **more: Any) -> tuple[RowList, list[bytes]]:
    rows, found = list_rows(frame, "parquet", **more)
    return rows, found.records.tolist()


def test_typed_cells_have_one_text_each() -> None:
    """A missing cell makes a column of integers float64, which must not make other rows of the others."""
    (whole, first), (part, second) = (
        marks(pl.DataFrame({"n": pl.Series(numbers, dtype=dtype), "s": ["x", "y", "z"]}))
        for numbers, dtype in (([1, 2, 3], pl.Int32), ([1.0, float("nan"), 3.0], pl.Float64))
    )
    assert whole == part
    assert [a == b for a, b in zip(first, second, strict=True)] == [True, False, True]
    assert marks(pl.DataFrame({"n": [0.1], "s": ["x"]})) != marks(pl.DataFrame({"n": pl.Series([0.1], dtype=pl.Float32), "s": ["x"]}))
    for unlike in (["12", "3"], ["1", "23"]), (["1:2", ""], ["1", "2:"]):
        one, other = (marks(pl.DataFrame({"a": [a], "b": [b]}))[1] for a, b in unlike)
        assert one != other, "cells have ends"


def test_an_id_is_known_beside_the_record_and_private_text_only_under_a_key() -> None:
    frame = pl.DataFrame({"id": ["1", "2"], "mail": ["a@x", "b@x"], "n": ["5", "5"]})
    rows, found = list_rows(frame, "csv", id="id", privacy=ListPrivacy(columns=frozenset({"mail"}), dropped=frozenset({"mail"})))
    assert ([name for name, _ in rows.columns], rows.key) == (["id", "n"], None), "a dropped column would be guessed from its hash"
    assert found.ids is not None
    keyed = ListPrivacy(columns=frozenset({"mail", "id"}), key=b"k", key_id="k1")
    secret, hidden = list_rows(frame, "csv", id="id", privacy=keyed)
    assert (secret.key, secret.id_key, len(secret.columns)) == ("k1", "k1", 3)
    plain = list_rows(frame, "csv", id="id")[1]
    for mark, other in ((hidden.records, plain.records), (hidden.ids, plain.ids)):
        assert mark is not None
        assert other is not None
        assert not {*mark.tolist()} & {*other.tolist()}
    assert replace(secret, key=None, id_key=None) == list_rows(frame, "csv", id="id")[0]
    text = hashlib.blake2b(b"1:1", digest_size=16).digest()
    assert plain.ids is not None
    assert plain.ids.tolist()[0] == text, "without a key an id is hashed as anybody would"


def test_an_id_names_a_row_in_files_of_other_columns_and_formats(tmp_path: Path) -> None:
    """With an id, corrected cells, another format and new columns leave a row what it was; its content counts as well."""
    rows = [{"key": f"k{i}", "a": str(i % 9), "y": "ny"[i % 2]} for i in range(40)]
    more = [{**row, "a": int(row["a"]) + 1, "b": i} for i, row in enumerate(reversed(rows))]
    with (tmp_path / "old.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["key", "a", "y"])
        writer.writeheader()
        writer.writerows(rows)
    (tmp_path / "new.jsonl").write_text("".join(json.dumps(row) + "\n" for row in more), encoding="utf-8")
    shelf = Shelf()

    def prepared(name: str, form: str, seed: int, **inputs: Any) -> Result:
        split = {"method": "random", "test": 0.5, "seed": seed, "stratify": False}
        source = {"path": name, "format": form, "options": {}}
        bench = Bench(project=tmp_path, artifacts=shelf, progress=quiet, check_key=lambda *_: True)
        result = prepare.run({"source": source, "target": "y", "split": split, **inputs}, {}, bench)
        return Result(key="", op="prepare", artifacts=result.artifacts, outputs=result.outputs)

    def compared(old: Result, new: Result) -> dict[str, Any]:
        frames = [read_side_cells(result, "train", shelf) for result in (old, new)]
        bound, candidate = (exported(shelf, frame, ["a"])[0] for frame in frames)
        needs = {"prepare": new, "export": candidate, "bound_prepare": old, "bound_export": bound}
        return dict(compare.run(COMPARE, needs, Bench(project=tmp_path, artifacts=shelf, progress=quiet)).outputs)

    out = compared(prepared("old.csv", "csv", 1, id="key"), prepared("new.jsonl", "jsonl", 2, id="key"))
    old_train, _ = train_test_split([row["key"] for row in rows], test_size=0.5, random_state=1)
    _, new_test = train_test_split([row["key"] for row in more], test_size=0.5, random_state=2)
    learned = len(set(old_train) & set(new_test))
    assert (out["excluded_by"], out["not_comparable"]) == ({"bound": learned, "candidate": 0}, "")
    for old, new in (({"id": "key"}, {}), ({}, {"id": "key"}), ({"id": "key"}, {"id": "b"})):
        out = compared(prepared("old.csv", "csv", 1, **old), prepared("new.jsonl", "jsonl", 2, **new))
        assert "come from a csv file" in out["not_comparable"], "one id says nothing of rows that have none"
        advice = "the same `id` column for both: one has key, the other b" if old and new else "declare `id: key` for both"
        assert advice in out["not_comparable"], "the advice fits what is declared"


def tables(folder: Path, first: str, second: str, **more: Any) -> dict[str, Any]:
    """What a comparison of two versions says, the second of 30 rows of the first written otherwise; `declared`: what a plan knows."""
    shelf = Shelf()

    def prepared(name: str, seed: int, options: dict[str, Any]) -> tuple[dict[str, Any], Result]:
        source = {"path": name, "format": "csv", "options": options}
        inputs = {"source": source, "target": "y", "split": {"method": "random", "test": 0.5, "seed": seed, "stratify": False}, **more}
        result = prepare.run(inputs, {}, Bench(project=folder, artifacts=shelf, progress=quiet))
        return inputs, Result(key="", op="prepare", artifacts=result.artifacts, outputs=result.outputs)

    for name, text in (("old.csv", first), ("new.csv", second)):
        (folder / name).write_text(text, encoding="utf-8")
    _, old = prepared("old.csv", 1, {})
    inputs, new = prepared("new.csv", 2, {"decimal": ",", "delimiter": ";"} if ";" in second else {})
    frames = [read_side_cells(result, "train", shelf) for result in (old, new)]
    bound, candidate = (exported(shelf, frame, ["a"])[0] for frame in frames)
    needs = {"prepare": new, "export": candidate, "bound_prepare": old, "bound_export": bound}
    out = dict(compare.run(COMPARE, needs, Bench(project=folder, artifacts=shelf, progress=quiet)).outputs)
    return {**out, "declared": not_comparable("classification", inputs, ("key", "a", "y"), bound=old, own=None)}


def learned_of_thirty() -> int:
    sides = [train_test_split(range(30), test_size=0.5, random_state=seed) for seed in (1, 2)]
    return len(set(sides[1][1]) & set(sides[0][0]))


def test_numbers_written_otherwise_tell_no_rows_apart_without_an_id(tmp_path: Path) -> None:
    """A record is text: 0,5 and 0.5 are two, so that what was learned would not be known again."""
    first = "key,a,y\n" + "".join(f"{i},{i}.5,{'ny'[i % 2]}\n" for i in range(30))
    second = first.replace(",", ";").replace(".", ",")
    found = tables(tmp_path, first, second)
    assert "numbers are written plain in the file of the bound version" in found["not_comparable"]
    assert found["declared"], "a plan knows it"
    found = tables(tmp_path, first, second, id="key")
    assert (found["not_comparable"], found["excluded_by"]["bound"], found["declared"]) == ("", learned_of_thirty(), ())


@pytest.mark.parametrize(
    ("written", "kind", "known"), [(" {}", None, True), ("+{}", None, True), ("00{}", "integer", True), ("00{}", None, False)]
)
def test_ids_are_compared_as_what_they_are(tmp_path: Path, written: str, kind: str | None, known: bool) -> None:
    """Integers in one writing, without white space; where zeros make a column text, they are part of the id."""
    first = "key,a,y\n" + "".join(f"{i + 1},{i},{'ny'[i % 2]}\n" for i in range(30))
    second = "key,a,y\n" + "".join(f"{written.format(i + 1)},{i}.5,{'ny'[i % 2]}\n" for i in range(30))
    found = tables(tmp_path, first, second, id="key", columns={"key": {"type": kind}} if kind else {})
    assert found["excluded_by"]["bound"] == (learned_of_thirty() if known else 0)
