"""The folder in which a program runs: its declared files, and the prepared training rows in `prepared/`."""

import json
import stat
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from leptonctl.core.contract import PREPARED, Column, Contract
from leptonctl.core.values import Json
from leptonctl.learning.inputs import CommandInputs, Program
from leptonctl.project.digests import digest_of
from leptonctl.spi.learning import ProviderError

FORMAT = 1
TYPES: dict[str, type[pl.DataType]] = {"number": pl.Float32, "integer": pl.Float32, "boolean": pl.Boolean, "string": pl.String}
"""Type in the contract -> type in the files for the program: the one that the graph gets in a request."""


def write_files(program: Program, project: Path, work: Path) -> None:
    """Copy the declared files. Raises ProviderError (source-changed) when one is not as it was planned."""
    for name, digest in program.files.items():
        target = work / name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            source = project / name
            target.write_bytes(source.read_bytes())
            target.chmod(0o700 if source.stat().st_mode & stat.S_IXUSR else 0o600)
        except OSError as problem:
            raise _layout_change(name, f"{name} cannot be read: {problem.strerror}.") from problem
        # the copy is what counts: the file may change meanwhile
        if digest_of(target) != digest:
            raise _layout_change(name, f"{name} has changed.")


def write_rows(frame: pl.DataFrame, columns: Sequence[Column], contract: Contract, request: CommandInputs, work: Path) -> None:
    """Write the training rows as Parquet and as lines of JSON, and their description as `contract.json`."""
    folder = work / PREPARED
    folder.mkdir(exist_ok=True)
    target = frame[contract.target]
    rows = frame.select(*(pl.col(column.name).cast(TYPES[column.type]) for column in columns), target)
    rows.write_parquet(folder / "train.parquet")
    rows.write_ndjson(folder / "train.jsonl")
    classes = sorted(target.unique().to_list()) if request.task == "classification" else None
    description: dict[str, Json] = {
        "format": FORMAT,
        "task": request.task,
        "features": [{"name": column.name, "type": column.type} for column in columns],
        "target": contract.target,
        "classes": classes,
        "rows": len(rows),
        "seed": request.seed,
        "output": request.command.output,
    }
    (folder / "contract.json").write_text(json.dumps(description, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _layout_change(name: str, detail: str) -> ProviderError:
    return ProviderError("A file is not the one that was planned", detail=detail, hint="plan again", id="source-changed", file=name)
