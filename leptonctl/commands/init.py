"""`init`: writes a project that can be applied at once, with settings inferred from its table."""

import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import cast

from leptonctl.commands.predict import from_provider
from leptonctl.core.contract import ColumnType
from leptonctl.core.dates import DateColumn
from leptonctl.core.diagnostic import did_you_mean, fail
from leptonctl.core.frozen import Frozen
from leptonctl.core.values import Json
from leptonctl.deploying.addresses import port_free
from leptonctl.learning.tables.profile import Profile, profile
from leptonctl.project.catalog import load_catalog
from leptonctl.project.edits import write_text, writing
from leptonctl.spi.learning import ProviderError
from leptonctl.storage.durable import ensure_dot_folder

FIRST_PORT = 8080
LONG_TEXT = 30.0
"""The mean length in characters from which a string column is text for tfidf, not a category or an id."""


class _Guess(Frozen):
    """The settings inferred from a table. `ids`: columns with (nearly) as many values as rows, which are not features.

    drops: there are rows without a target, which are left out.
    """

    name: str
    path: str
    target: str
    task: str
    algorithm: str
    preprocess: tuple[str, ...]
    ids: tuple[str, ...]
    dates: tuple[DateColumn, ...] = ()
    drops: bool = False


def init(directory: Path, from_file: Path | None, target: str | None) -> dict[str, Json]:
    """Write leptonctl.yaml, and a small table if none is given. Never overwrites a file; on a Failure it writes nothing."""
    # a path that cannot lead to a folder is refused here, before anything asks where it leads
    with writing(directory), suppress(FileNotFoundError):
        directory.stat()
    config = directory / "leptonctl.yaml"
    if config.exists():
        raise fail("project-exists", "The folder is a project already", str(config), hint="run `leptonctl plan`")
    if from_file is None:
        if target is not None:
            raise fail("usage", "A target needs a table", "--target names a column of the file given by --from", hint="add --from FILE")
        path, target = "data/points.csv", "side"
        _refuse_existing(directory / path)
        with writing(directory / "data"):
            (directory / "data").mkdir(parents=True, exist_ok=True)
        write_text(directory / path, _points())
        files, table_file = ["leptonctl.yaml", path], directory / path
    else:
        path, copied = _path_inside(directory, from_file)
        files, table_file = ["leptonctl.yaml", *([path] if copied else [])], from_file
    table = _profile(table_file)
    guess = _guess(directory, path, target, table)
    port = next(p for p in range(FIRST_PORT, FIRST_PORT + 1000) if port_free("127.0.0.1", p))
    with writing((directory / path).parent):
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
    ensure_dot_folder(directory)
    if table_file != directory / path and path in files:
        with writing(directory / path):
            shutil.copyfile(table_file, directory / path)
    write_text(config, _yaml(guess, port))
    inferred: dict[str, Json] = {
        "rows": table.rows,
        "target": guess.target,
        "target_from": "data" if from_file is None else "--target" if target is not None else "the last column",
        "task": guess.task,
        "algorithm": guess.algorithm,
        "columns": cast("Json", dict(table.types)),
        "missing": {name: count for name, count in table.missing.items() if count},
        "left_out": list(guess.ids),
        "dates": {column.name: {"type": column.type, "format": column.format, "parts": list(column.parts)} for column in guess.dates},
        "port": port,
    }
    return {"files": cast("Json", files), "inferred": inferred}


def _refuse_existing(path: Path) -> None:
    if path.exists():
        raise fail("file-exists", "A file of that name exists already", str(path), hint="use it with --from, or move it away")


def _path_inside(directory: Path, file: Path) -> tuple[str, bool]:
    """The file's path within the project, and whether it must be copied there: a file from elsewhere goes to data/."""
    if not file.is_file():
        raise fail(
            "missing-file",
            "The table does not exist",
            str(file),
            hint="pass an existing file to --from; with -C it is relative to that folder",
        )
    if file.resolve().is_relative_to(directory.resolve()):
        return file.resolve().relative_to(directory.resolve()).as_posix(), False
    _refuse_existing(directory / "data" / file.name)
    return f"data/{file.name}", True


def _profile(path: Path) -> Profile:
    source = load_catalog().source_for(path.name)
    if source is None:
        raise fail("unknown-format", "No source reads files with this ending", path.name, hint="use a .csv, .parquet or .jsonl file")
    try:
        return profile(path, source)
    except ProviderError as problem:
        raise from_provider(problem) from problem


def _guess(directory: Path, path: str, target: str | None, table: Profile) -> _Guess:
    target = target or list(table.types)[-1]
    if target not in table.types:
        raise fail("unknown-column", "The table has no such column", f"--target {target}", hint=did_you_mean(target, table.types))
    classes = table.distinct[target]
    few = table.types[target] == "integer" and classes <= 20 and classes < table.rows / 5  # noqa: PLR2004 - digits yes, prices no
    task = "classification" if table.types[target] in {"string", "boolean"} or few else "regression"
    dates = tuple(column for name, column in table.dates.items() if name != target)
    ids = tuple(n for n, kind in table.types.items() if n != target and n not in table.dates and _is_id(kind, table, n))
    features = {n: kind for n, kind in table.types.items() if n != target and n not in ids}
    return _Guess(
        name=re.sub(r"[^a-z0-9._-]+", "-", directory.resolve().name.lower()).strip("-._")[:63] or "project",
        path=path,
        target=target,
        task=task,
        algorithm="logistic_regression" if task == "classification" else "ridge",
        preprocess=tuple(_preprocess(features, table)),
        ids=ids,
        dates=dates,
        drops=table.missing[target] > 0,
    )


def _is_id(kind: ColumnType, table: Profile, name: str) -> bool:
    if kind not in {"string", "integer"} or table.distinct[name] <= 0.9 * table.rows:
        return False
    return (kind == "string" and table.length[name] < LONG_TEXT) or name.lower() in {"id", "index", "rowid"}


def _preprocess(features: Mapping[str, ColumnType], table: Profile) -> list[str]:
    texts = [n for n, kind in features.items() if kind == "string" and n not in table.dates]
    strings = [n for n in texts if table.length[n] >= LONG_TEXT]
    # the parts of a date are numbers
    numbers = [n for n, kind in features.items() if kind in {"number", "integer"} or n in table.dates]
    categories = [n for n in texts if n not in strings]
    steps = []
    if any(table.missing[n] for n in numbers):
        steps.append("{columns: numeric, use: imputer}")
    if numbers:
        steps.append("{columns: numeric, use: standard_scaler}")
    steps += [f"{{columns: [{_scalar(n)}], use: tfidf}}" for n in strings]
    if categories:
        steps.append(f"{{columns: [{', '.join(map(_scalar, categories))}], use: one_hot}}")
    return steps


def _date(column: DateColumn) -> str:
    """The line that declares it."""
    form = f", format: {_quoted(column.format)}" if column.format else ""
    return f"{_scalar(column.name)}: {{type: {column.type}{form}, parts: [{', '.join(column.parts)}]}}"


def _scalar(text: str) -> str:
    """A YAML scalar that reads back as this string."""
    plain = re.fullmatch(r"[A-Za-z_]([A-Za-z0-9_ -]*[A-Za-z0-9_])?", text)
    return text if plain and text not in {"null", "true", "false"} else _quoted(text)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


def _yaml(guess: _Guess, port: int) -> str:
    steps = "".join(f"\n  - {step}" for step in guess.preprocess)
    preprocess = f"\npreprocess:                        # part of the model: the same in training and in serving{steps}" if steps else ""
    privacy = f"\nprivacy: {{drop: [{', '.join(map(_scalar, guess.ids))}]}}   # one value per row: not a feature" if guess.ids else ""
    missing = "\ntarget_missing: drop               # rows without a target are left out, and counted" if guess.drops else ""
    columns = "".join(f"\n  {_date(column)}" for column in guess.dates)
    columns = f"\ncolumns:                           # requests carry dates as text; the parts are features{columns}" if columns else ""
    gate = "accuracy: {min: 0.5}" if guess.task == "classification" else "r2: {min: 0.0}"
    return f"""\
kind: Project
name: {_scalar(guess.name)}
format: 1
---
kind: Dataset
name: data
target: {_scalar(guess.target)}{missing}{columns}{privacy}
split: {{test: 0.25, seed: 0}}
versions:
  first: {{source: {_scalar_path(guess.path)}}}    # `leptonctl pin` writes its digest here
---
kind: Model
name: model
dataset: data@first
task: {guess.task}{preprocess}
algorithm: {guess.algorithm}
versions:
  v1: {{description: First try}}
---
kind: Environment
name: dev
platform: {{type: server, host: 127.0.0.1, port: {port}}}
models:
  model: v1
gates:                             # what a version must reach to enter this environment
  {gate}
"""


def _scalar_path(path: str) -> str:
    return path if re.fullmatch(r"[A-Za-z0-9_./-]+", path) else _quoted(path)


def _points() -> str:
    """Two hundred points labelled by their side of a line, a few of them wrongly; the same every time."""
    rows = ["x,y,side"]
    seed = 1
    for _ in range(200):
        seed = seed * 48271 % 2147483647
        x = seed % 1000 / 100
        seed = seed * 48271 % 2147483647
        y = seed % 1000 / 100
        noise = (seed // 1000 % 100 - 50) / 40
        rows.append(f"{x:.2f},{y:.2f},{'above' if y + noise > x else 'below'}")
    return "\n".join(rows) + "\n"
