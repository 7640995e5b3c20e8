"""Check 1 in small: tables that scikit-learn ships, written in each habit, are read as the plain file is. The large one: `benchmarks/tables.py`."""

import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from leptonctl.commands.editing.init_yaml import FirstProject, first_yaml, gate
from leptonctl.commands.session import Session
from leptonctl.core.result import Result
from leptonctl.kinds.dataset.version import datasets
from leptonctl.learning.findings.findings import Wishes
from leptonctl.learning.findings.observe import observe
from leptonctl.learning.steps import prepare
from leptonctl.learning.tables.prepared import read_side_cells
from leptonctl.project.catalog import load_catalog
from leptonctl.spi.running import Bench
from tests.habits import HABITS, Habit, Rows, written
from tests.learning.test_prepare import Shelf


def bundled(load: str) -> Rows:
    """A table of scikit-learn with two more columns, a date and whether it is a Monday or Tuesday, and a cell missing now and then."""
    from sklearn import datasets as bundles

    bunch = getattr(bundles, load)()
    goal = (
        [str(bunch.target_names[int(t)]) for t in bunch.target]
        if hasattr(bunch, "target_names")
        else [repr(float(t)) for t in bunch.target]
    )
    days = [date(2021, 1, 1) + timedelta(days=3 * place) for place in range(len(goal))]
    rows = []
    for place, (cells, day, target) in enumerate(zip(bunch.data, days, goal, strict=True)):
        numbers = ["" if place % 17 == 3 + column else repr(round(float(cell) * 1000, 3)) for column, cell in enumerate(cells)]
        rows.append([*numbers, str(day), "yes" if day.weekday() < 2 else "no", target])
    return Rows(names=[*(f"f {n}" for n in range(len(bunch.data[0]))), "day", "early", "goal"], cells=rows)


def read(folder: Path, table: Rows, habit: Habit) -> list[np.ndarray]:
    """The training rows that the project of `init` has, by column without its name."""
    folder.mkdir()
    (folder / "t.csv").write_bytes(written(table, habit))
    source = load_catalog().source_for("t.csv")
    assert source is not None
    found = observe(folder / "t.csv", source, Wishes(target="goal" if habit.header else f"column_{len(table.names)}"))
    (folder / "leptonctl.yaml").write_text(
        first_yaml(found, FirstProject(name="t", path="t.csv", port=1, gate=gate(found))), encoding="utf-8"
    )
    (one,) = datasets(Session.open(folder).declarations).values()
    shelf = Shelf()
    bench = Bench(project=folder, artifacts=shelf, progress=lambda **_: None, check_key=lambda *_: True)
    inputs = one.prepare(stratify=found.task == "classification").inputs
    prepared = prepare.run(json.loads(json.dumps(inputs)), {}, bench)
    rows = read_side_cells(Result(key="", op="prepare", artifacts=prepared.artifacts), "train", shelf)
    texts = len([name for name in rows.columns if rows[name].dtype == pl.String])
    assert texts <= 2, "the target, and the texts of the date"
    return [cells.cast(pl.Float64).to_numpy() for cells in rows.get_columns() if cells.dtype != pl.String]


@pytest.mark.parametrize("load", ["load_iris", "load_wine", "load_diabetes"])
def test_tables_as_people_write_them(tmp_path: Path, load: str) -> None:
    table = bundled(load)
    plain = read(tmp_path / "plain", table, Habit(name="plain"))
    assert len(plain) >= len(table.names) - 1
    for habit in HABITS:
        columns = read(tmp_path / habit.name, table, habit)
        assert len(columns) == len(plain), habit.name
        for mine, theirs in zip(columns, plain, strict=True):
            np.testing.assert_array_equal(mine, theirs, err_msg=habit.name)
