"""`init`: writes a project that can be applied at once, with settings inferred from its table."""

import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import cast

from leptonctl.commands.editing.init_yaml import FirstProject, first_yaml, gate, options_of
from leptonctl.commands.predict import from_provider
from leptonctl.core.diagnostic import fail
from leptonctl.core.frozen import replace
from leptonctl.core.values import Json
from leptonctl.deploying.addresses import port_free
from leptonctl.learning.findings.findings import Findings, Wishes
from leptonctl.project.catalog import load_catalog
from leptonctl.project.edits import write_text, writing
from leptonctl.spi.learning import ProviderError
from leptonctl.storage.durable import ensure_dot_folder

FIRST_PORT = 8080
SAMPLE, SAMPLE_TARGET, SAMPLE_GATE = "data/points.csv", "side", "accuracy: {min: 0.5}"


def init(
    directory: Path,
    from_file: Path | None,
    *,
    target: str | None = None,
    encoding: str | None = None,
    header: bool = True,
    row_id: str | None = None,
    drop: Sequence[str] = (),
) -> dict[str, Json]:
    """Write leptonctl.yaml, and a small table if none is given. Never overwrites a file; on a Failure it writes nothing but that table.

    The others say something of the table: see `Wishes`; header False: it has none.
    """
    wishes = Wishes(target=target, encoding=encoding, header=None if header else False, id=row_id, drop=tuple(drop))
    # a path that cannot lead to a folder is refused here, before anything asks where it leads
    with writing(directory), suppress(FileNotFoundError):
        directory.stat()
    config = directory / "leptonctl.yaml"
    if config.exists():
        hint = "run `leptonctl plan`; to begin anew, as for another target, move leptonctl.yaml away, or begin in another folder: `-C DIR`"
        raise fail("project-exists", "The folder is a project already", str(config), hint=hint)
    if from_file is None:
        path, table_file, copied, wishes = *_sample(directory, wishes), replace(wishes, target=SAMPLE_TARGET)
    else:
        (path, copied), table_file = _path_inside(directory, from_file), from_file
    found = _observe(table_file, wishes)
    port = next(p for p in range(FIRST_PORT, FIRST_PORT + 1000) if port_free("127.0.0.1", p))
    with writing((directory / path).parent):
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
    ensure_dot_folder(directory)
    if copied and from_file is not None:
        with writing(directory / path):
            shutil.copyfile(table_file, directory / path)
    place = FirstProject(name=_name(directory), path=path, port=port, gate=gate(found) if from_file is not None else SAMPLE_GATE)
    write_text(config, first_yaml(found, place))
    files: list[Json] = ["leptonctl.yaml", *([path] if copied else [])]
    return {"files": files, "inferred": _report(found, port, "data" if from_file is None else found.target_from)}


def _sample(directory: Path, wishes: Wishes) -> tuple[str, Path, bool]:
    """Write a table to begin with: its path in the project, its file, and that it was written."""
    given = next(
        (flag for flag, value in (("--target", wishes.target), ("--encoding", wishes.encoding), ("--id", wishes.id)) if value), None
    )
    given = given or ("--drop" if wishes.drop else "--no-header" if wishes.header is False else None)
    if given is not None:
        detail = f"{given} says something of the file given by --from"
        raise fail("usage", f"{given} needs a table", detail, hint="add --from FILE")
    _refuse_existing(directory / SAMPLE)
    with writing(directory / "data"):
        (directory / "data").mkdir(parents=True, exist_ok=True)
    write_text(directory / SAMPLE, _points())
    return SAMPLE, directory / SAMPLE, True


def _observe(table_file: Path, wishes: Wishes) -> Findings:
    from leptonctl.learning.findings.observe import observe

    source = load_catalog().source_for(table_file.name)
    if source is None:
        raise fail("unknown-format", "No source reads files with this ending", table_file.name, hint="use a .csv, .parquet or .jsonl file")
    try:
        return observe(table_file, source, wishes)
    except ProviderError as problem:
        # there is no YAML yet to declare it in
        hint = problem.hint.replace("declare the file's encoding; `encoding: ", "pass `--encoding E`; `").replace("`encoding: ", "`")
        problem.hint = hint.replace("say `header: false`", "pass `--no-header`")
        raise from_provider(problem) from problem


def _name(directory: Path) -> str:
    return re.sub(r"[^a-z0-9._-]+", "-", directory.resolve().name.lower()).strip("-._")[:63] or "project"


def _report(found: Findings, port: int, target_from: str) -> dict[str, Json]:
    dates = [column for column in found.declared if column.date is not None and not column.ignore]
    booleans = [column for column in found.declared if column.type == "boolean"]
    return {
        "rows": found.rows,
        "target": found.target,
        "target_from": target_from,
        "task": found.task,
        "algorithm": found.algorithm,
        "columns": cast("Json", dict(found.columns)),
        "missing": cast("Json", dict(found.missing)),
        "id": found.id,
        "left_out": list(found.ignored),
        "dates": {
            column.name: {"type": column.date.type, "format": column.date.format, "parts": list(column.date.parts)}
            for column in dates
            if column.date is not None
        },
        "booleans": [column.name for column in booleans],
        "reading": cast("Json", options_of(found.options)),
        "reasons": [{"about": reason.about, "detail": reason.detail} for reason in found.reasons],
        "port": port,
    }


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
