"""How `prepare` reads columns that are declared as words, dates, ignored or the target; rows without a target; splits by time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from leptonctl.core.result import Result
from leptonctl.learning.needs import read_contract
from leptonctl.spi.learning import ProviderError
from tests.learning.test_prepare import Prepared, failure, prepare

FORMAT = "%d.%m.%Y %H:%M"
START = datetime(2024, 2, 26, 22)
PLAIN = {"method": "random", "test": 0.25, "seed": 0, "stratify": False}


def csv(project: Path, *rows: str, name: str = "t.csv") -> str:
    (project / name).write_text("\n".join(rows) + "\n", encoding="utf-8")
    return name


def dated(project: Path, form: str = FORMAT, count: int = 24, **columns: dict) -> Prepared:
    lines = [f"{(START + timedelta(hours=7 * i)).strftime(form)},{i},{'ab'[i % 2]}" for i in range(count)]
    return prepare(project, csv(project, "when,x,y", *lines), split=PLAIN, columns=columns)


def both(made: Prepared) -> pl.DataFrame:
    return pl.concat([made.frame("train"), made.frame("test")])


def test_parts_stand_in_the_place_of_their_column(tmp_path: Path) -> None:
    result = dated(tmp_path, when={"type": "datetime", "format": FORMAT, "parts": ["hour", "weekday", "day"]})
    assert result.contract.names == ("when.hour", "when.weekday", "when.day", "x")
    assert {(c.name, c.type, c.nullable) for c in result.contract.columns if "." in c.name} == {
        ("when.hour", "integer", False), ("when.weekday", "integer", False), ("when.day", "integer", False),
    }  # fmt: skip
    for row in both(result).to_dicts():
        date = START + timedelta(hours=7 * int(row["x"]))
        assert (row["when.hour"], row["when.weekday"], row["when.day"]) == (date.hour, date.isoweekday(), date.day)
        assert row["when"] == date.strftime(FORMAT)
    assert result.train.texts["when"].tolist() == result.frame("train")["when"].to_list()
    # the same instants in ISO 8601 are the same rows
    other = dated(tmp_path, "%Y-%m-%dT%H:%M", when={"type": "datetime", "parts": ["hour", "weekday", "day"]})
    assert other.outputs["rows_digest"] == result.outputs["rows_digest"]


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_timestamps_of_parquet_with_a_zone_are_read_in_utc(tmp_path: Path, unit: str) -> None:
    # the night in which the clocks of Berlin skip an hour
    utc = [datetime(2024, 3, 30, 20, tzinfo=UTC) + timedelta(hours=i) for i in range(20)]
    zoned = pl.Series("when", utc).dt.cast_time_unit(unit).dt.convert_time_zone("Europe/Berlin")
    frame = pl.DataFrame({"when": zoned, "x": range(20), "y": ["a", "b"] * 10})
    frame.write_parquet(tmp_path / "t.parquet")
    declared = {"type": "datetime", "parts": ["day", "hour"]}
    result = prepare(tmp_path, "t.parquet", format="parquet", split=PLAIN, columns={"when": declared})
    assert result.contract.dates[0].zoned
    assert {int(r["x"]): (r["when.day"], r["when.hour"]) for r in both(result).to_dicts()} == {
        i: (m.day, m.hour) for i, m in enumerate(utc)
    }
    # dates and times without a zone are read as they are; a format says how requests carry them
    naive = frame.with_columns(pl.col("when").dt.replace_time_zone(None))
    naive.write_parquet(tmp_path / "n.parquet")
    result = prepare(tmp_path, "n.parquet", format="parquet", split=PLAIN, columns={"when": {**declared, "format": FORMAT}})
    texts = dict(zip(both(result)["x"].to_list(), both(result)["when"].to_list(), strict=True))
    assert texts == {i: moment.strftime(FORMAT) for i, moment in enumerate(naive["when"].to_list())}


def test_missing_dates(tmp_path: Path) -> None:
    rows = [f"{'' if i % 5 == 0 else f'2024-01-{i:02}'},{i},{'ab'[i % 2]}" for i in range(1, 25)]
    name = csv(tmp_path, "when,x,y", *rows)
    result = prepare(tmp_path, name, split=PLAIN, columns={"when": {"type": "date", "parts": ["day"]}})
    assert result.contract.dates[0].nullable
    assert {r["x"]: r["when.day"] for r in both(result).to_dicts()} == {i: None if i % 5 == 0 else i for i in range(1, 25)}
    filled = prepare(tmp_path, name, split=PLAIN, columns={"when": {"type": "date", "parts": ["day"], "missing": "2024-01-31"}})
    assert {r["when.day"] for r in both(filled).to_dicts() if r["x"] % 5 == 0} == {31}
    assert not filled.contract.columns[0].nullable
    error = failure(
        tmp_path, "\n".join(["when,x,y", *rows]), split=PLAIN, columns={"when": {"type": "date", "parts": ["day"], "nullable": False}}
    )
    assert 'column "when": 4 cells are missing where the contract requires a value (line 6, 11, 16, 21)' in error.detail
    error = failure(
        tmp_path, "\n".join(["when,x,y", *rows]), split=PLAIN, columns={"when": {"type": "date", "parts": ["day"], "missing": "31.1."}}
    )
    assert (error.id, error.column) == ("fill-type", "when")


@pytest.mark.parametrize(
    ("cells", "declared", "wrong", "line"),
    [
        (["01.02.2024", "30.02.2024"], {"type": "date", "format": "%d.%m.%Y"}, "30.02.2024", 3),
        (["2024-02-01T10:00", "2024-02-01T10:00Z", "2024-02-02"], {"type": "datetime"}, "2024-02-01T10:00Z", 3),
        (["2024-02-01T10:00Z", "2024-02-01T10:00", "2024-02-01T11:00+01:00"], {"type": "datetime"}, "2024-02-01T10:00", 3),
        (["2024-02-01", "soon"], {"type": "date"}, "soon", 3),
        (["2024-02-01 00:00:00", "2024-02-01 10:00:00"], {"type": "date"}, "2024-02-01 10:00:00", 3),
    ],
)
def test_a_cell_that_is_no_date_is_named(tmp_path: Path, cells: list[str], declared: dict, wrong: str, line: int) -> None:
    rows = [f"{cell},{i},{'ab'[i % 2]}" for i, cell in enumerate(cells * 4)]
    error = failure(tmp_path, "\n".join(["when,x,y", *rows]), split=PLAIN, columns={"when": {**declared, "parts": ["month"]}})
    assert (error.id, error.column, error.line) == ("data-contract", "when", line)
    assert f'"{wrong}"' in error.detail


@pytest.mark.parametrize(
    ("cells", "declared"),
    [
        (["Ja", "nein", "JA ", ""], {"when_true": ["Ja"], "when_false": ["Nein"]}),
        (["yes", "No", "YES", "NA"], {}),
        (["1", "0", "1", ""], {}),
        (["True", "FALSE", "true", "NaN"], {}),
        (["None", "0", "none", ""], {"when_true": ["None"], "when_false": ["0"]}),
        (["x", "-", "X", ""], {"when_true": ["X"], "when_false": ["-"]}),
    ],
)
def test_words_of_booleans(tmp_path: Path, cells: list[str], declared: dict) -> None:
    rows = [f"{cell},{i},{'ab'[i % 2]}" for i, cell in enumerate(cells * 5)]
    result = prepare(tmp_path, csv(tmp_path, "active,x,y", *rows), split=PLAIN, columns={"active": {"type": "boolean", **declared}})
    meant = {int(row["x"]): row["active"] for row in both(result).to_dicts()}
    assert [meant[i] for i in range(4)] == [True, False, True, None]


def test_numbers_of_typed_files_are_booleans_too(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [1.0, 0.0, None, 1.0] * 5, "b": [1, 0, 1, 0] * 5, "y": ["a", "b"] * 10})
    frame.write_parquet(tmp_path / "t.parquet")
    columns = {"a": {"type": "boolean"}, "b": {"type": "boolean"}}
    result = prepare(tmp_path, "t.parquet", format="parquet", split=PLAIN, columns=columns)
    assert both(result)["a"].value_counts().sort("a").rows() == [(None, 5), (False, 5), (True, 10)]
    frame.with_columns(pl.col("a") * 0.5).write_parquet(tmp_path / "half.parquet")
    with pytest.raises(ProviderError) as caught:
        prepare(tmp_path, "half.parquet", format="parquet", split=PLAIN, columns=columns)
    assert '10 cells are not a boolean (line 1, 4, 5, 8, 9, 12, 13, 16, 17, 20): "0.5"' in caught.value.detail


def test_words_that_are_none_are_shown_unless_they_are_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"{cell},{cell},{i},{'ab'[i % 2]}" for i, cell in enumerate(["Ja", "Nein", "Vielleicht", "?" * 60] * 4)]
    text = "\n".join(["active,secret,x,y", *rows])
    error = failure(tmp_path, text, split=PLAIN, columns={"active": {"type": "boolean"}})
    assert error.line == 2
    assert (
        '16 cells are not a boolean (line 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, …): "Ja", "Nein", "Vielleicht", "' + "?" * 40 + '…"'
        in error.detail
    )
    assert "when_true: [WORD], when_false: [WORD]" in error.hint
    private = {"drop": ["secret"], "hash": [], "key": None, "key_id": None}
    words = {"type": "boolean", "when_true": ["Ja"], "when_false": ["Nein"]}
    error = failure(tmp_path, text, split=PLAIN, columns={"active": words, "secret": words}, privacy=private)
    shown, hidden = error.detail.splitlines()
    assert '"Vielleicht"' in shown
    assert 'column "secret": 8 cells are not a boolean' in hidden
    assert "Vielleicht" not in hidden


def test_a_fill_value_outside_the_allowed_values_is_named(tmp_path: Path) -> None:
    rows = [f"{cell},{i},{'ab'[i % 2]}" for i, cell in enumerate(["red", "green", "", "blue"] * 4)]
    text = "\n".join(["colour,x,y", *rows])
    error = failure(tmp_path, text, split=PLAIN, columns={"colour": {"values": ["red", "green"], "missing": "none"}})
    assert (
        '8 cells are not among the allowed values, as the fill value is not (line 4, 5, 8, 9, 12, 13, 16, 17): "none", "blue"'
        in error.detail
    )


def test_an_ignored_column_is_read_by_nobody(tmp_path: Path) -> None:
    # two types in one column would be an error anywhere else
    rows = [f"{'x' if i == 30 else i},{i},{'ab'[i % 2]}" for i in range(40)]
    text = "\n".join(["row,x,y", *rows])
    assert failure(tmp_path, text, split=PLAIN).id == "data-contract"
    result = prepare(tmp_path, csv(tmp_path, "row,x,y", *rows), split=PLAIN, columns={"row": {"ignore": True}})
    assert result.contract.names == ("x",)
    assert result.contract.ignored == ("row",)
    assert "row" not in result.outputs["profile"]
    # a row is still known by all of its cells
    assert ["row", "text"] in [list(column) for column in result.outputs["row_lists"]["train"]["columns"]]


def test_rows_without_a_target_are_left_out_and_counted(tmp_path: Path) -> None:
    rows = [f"{i},{'' if i % 10 == 3 else 'NA' if i % 10 == 7 else i * 2}" for i in range(40)]
    text = "\n".join(["x,y", *rows])
    error = failure(tmp_path, text, split=PLAIN)
    assert "8 cells are missing" in error.detail
    assert "`target_missing: drop`" in error.hint
    name = csv(tmp_path, "x,y", *rows)
    result = prepare(tmp_path, name, split=PLAIN, target_missing="drop")
    assert sorted(both(result)["x"].to_list()) == [i for i in range(40) if i % 10 not in (3, 7)]
    assert (sum(result.outputs["rows"].values()), result.outputs["left_out"]) == (32, 8)
    notice = next(c for c in result.outputs["checks"] if c["check"] == "no_target")
    assert (notice["column"], notice["count"], notice["lines"], notice["severity"]) == ("y", 8, [5, 9, 15, 19, 25, 29, 35, 39], "note")
    # the file without these rows gives the same rows, and they are known by the same records
    less = prepare(tmp_path, csv(tmp_path, "x,y", *[row for row in rows if row.split(",")[1] not in ("", "NA")], name="l.csv"), split=PLAIN)
    assert less.outputs["rows_digest"] == result.outputs["rows_digest"]
    assert less.made.artifacts == result.made.artifacts


def test_a_wrong_target_is_no_missing_one_and_lines_stay_right(tmp_path: Path) -> None:
    rows = [f"{i},{'' if i < 5 else 'x' if i == 20 else i * 2}" for i in range(60)]
    error = failure(tmp_path, "\n".join(["x,y", *rows]), split=PLAIN, target_missing="drop")
    assert (error.id, error.line) == ("data-contract", 22)
    with_options = {"missing_values": ["-"]}
    dashes = csv(tmp_path, "x,y", *[f"{i},{'-' if i < 5 else i}" for i in range(40)])
    result = prepare(tmp_path, dashes, split=PLAIN, target_missing="drop", options=with_options)
    assert result.outputs["left_out"] == 5
    assert failure(tmp_path, "x,y\n1,\n2,\n", split=PLAIN, target_missing="drop").id == "no-rows"


@pytest.mark.parametrize(
    ("form", "declared"),
    [
        ("%Y-%m-%d", None), ("%Y-%m-%d %H:%M", None), ("%d.%m.%y", {"type": "date", "format": "%d.%m.%y"}), ("%Y", None),
        ("%b %d %Y", {"type": "date", "format": "%b %d %Y", "parts": ["month"]}),
    ],
)  # fmt: skip
def test_the_newest_rows_are_the_test_rows(tmp_path: Path, form: str, declared: dict | None) -> None:
    dates = [datetime(1990 + 7 * i % 50, 3, 5) for i in range(50)]
    rows = [f"{date.strftime(form)},{i},{'ab'[i % 2]}" for i, date in enumerate(dates)]
    columns = {} if declared is None else {"received": declared}
    result = prepare(
        tmp_path, csv(tmp_path, "received,x,y", *rows), split={"method": "time", "test": 0.2, "time": "received"}, columns=columns
    )
    oldest = sorted(range(50), key=lambda i: dates[i])
    assert set(result.frame("test")["x"].to_list()) == set(oldest[40:])
    assert result.frame("train")["x"].to_list() == sorted(oldest[:40])
    assert result.contract.names == (("received.month", "x") if declared and "parts" in declared else ("x",))
    assert read_contract(Result(key="", op="prepare", outputs=result.made.outputs)).names == result.contract.names


def test_rows_of_one_time_stay_together(tmp_path: Path) -> None:
    rows = [f"2024-01-{1 + i // 4:02},{i},{'ab'[i % 2]}" for i in range(20)]
    result = prepare(tmp_path, csv(tmp_path, "received,x,y", *rows), split={"method": "time", "test": 0.25, "time": "received"})
    # a quarter would be five rows: the last day has four, so both last days are test rows
    assert result.frame("test")["x"].to_list() == [*range(12, 20)]
    text = "\n".join(["received,x,y", *["2024-01-01,1,a", "2024-01-01,2,b"] * 5])
    assert failure(tmp_path, text, split={"method": "time", "test": 0.2, "time": "received"}).id == "empty-split"


@pytest.mark.parametrize(("cell", "words"), [("", "missing, but the split needs a time"), ("soon", "not a time to split by")])
def test_a_row_without_a_time_is_refused(tmp_path: Path, cell: str, words: str) -> None:
    rows = [f"{cell if i == 3 else f'2024-01-{i + 1:02}'},{i},{'ab'[i % 2]}" for i in range(20)]
    error = failure(tmp_path, "\n".join(["received,x,y", *rows]), split={"method": "time", "test": 0.25, "time": "received"})
    assert (error.id, error.line, error.column) == ("data-contract", 5, "received")
    assert words in error.detail


def test_snapshots_are_the_same_bytes_each_time(tmp_path: Path) -> None:
    first, second = (dated(tmp_path, when={"type": "datetime", "format": FORMAT, "parts": ["hour"]}) for _ in range(2))
    assert first.made.artifacts == second.made.artifacts
    assert first.frame("train").columns[0] == "when.hour"
