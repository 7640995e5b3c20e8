"""`init`: writes a project that can be applied at once, with settings inferred from its table."""

import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import cast

from leptonctl.commands.editing.init_yaml import FIRST_PORT, FirstProject, first_yaml, gate, options_of
from leptonctl.commands.files.problems import provider_failure
from leptonctl.core.diagnostic import fail
from leptonctl.core.frozen import Frozen, replace
from leptonctl.core.values import Json
from leptonctl.deploying.addresses import port_free
from leptonctl.learning.findings.findings import Findings, Wishes
from leptonctl.project.catalog import load_catalog
from leptonctl.project.edits import write_text, writing
from leptonctl.project.files import MARKER
from leptonctl.spi.learning import ProviderError
from leptonctl.storage.durable import ensure_dot_folder

SAMPLE, SAMPLE_TARGET, SAMPLE_GATE = "data/points.csv", "side", "accuracy: {min: 0.5}"


class _Table(Frozen):
    """The table to learn from: its path in the project, its file, and whether that is to be copied to the path."""

    path: str
    file: Path
    is_outside: bool = False


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
    """Write leptonctl.yaml, and a small table if none is passed. Never overwrites a file; after a Failure at most that table is written.

    The other parameters describe the table, see `Wishes`. `header`: False when it has none.
    """
    wishes = Wishes(target=target, encoding=encoding, header=None if header else False, id=row_id, drop=tuple(drop))
    config = _new_config(directory)
    if from_file is None:
        _refuse_wishes(wishes)
        table, wishes = _write_sample(directory), replace(wishes, target=SAMPLE_TARGET)
    else:
        table = _table(directory, from_file)
    findings = _observe(table.file, wishes)
    port = next(p for p in range(FIRST_PORT, FIRST_PORT + 1000) if port_free("127.0.0.1", p))
    _copy(directory, table)
    project = FirstProject(name=_name(directory), path=table.path, port=port, gate=gate(findings) if from_file is not None else SAMPLE_GATE)
    write_text(config, first_yaml(findings, project))
    files: list[Json] = [MARKER, *([table.path] if table.is_outside or from_file is None else [])]
    return {"files": files, "inferred": _report(findings, port, "data" if from_file is None else findings.target_from)}


def _new_config(directory: Path) -> Path:
    """The path of leptonctl.yaml. Failure `project-exists` when there is one."""
    # refused here, before anything asks where the path leads
    with writing(directory), suppress(FileNotFoundError):
        directory.stat()
    config = directory / MARKER
    if config.exists():
        hint = "run `leptonctl plan`; to start over, as for another target, move leptonctl.yaml away, or use another folder: `-C DIR`"
        raise fail("project-exists", "The folder is a project already", str(config), hint=hint)
    return config


def _refuse_wishes(wishes: Wishes) -> None:
    """Failure `usage` when an option describes a table, and none is passed."""
    options = {
        "--target": wishes.target, "--encoding": wishes.encoding, "--id": wishes.id, "--drop": wishes.drop,
        "--no-header": wishes.header is False,
    }  # fmt: skip
    option = next((option for option, value in options.items() if value), None)
    if option is not None:
        raise fail("usage", f"{option} needs a table", f"{option} describes the file of --from", hint="add --from FILE")


def _write_sample(directory: Path) -> _Table:
    """Write a small table to begin with."""
    _refuse_existing(directory / SAMPLE)
    with writing(directory / "data"):
        (directory / "data").mkdir(parents=True, exist_ok=True)
    write_text(directory / SAMPLE, _points())
    return _Table(path=SAMPLE, file=directory / SAMPLE)


def _table(directory: Path, file: Path) -> _Table:
    """A file as the table to learn from. One from outside the project is to be copied to data/."""
    if not file.is_file():
        hint = "pass an existing file to --from; with -C it is relative to that folder"
        raise fail("missing-file", "The table does not exist", str(file), hint=hint)
    if file.resolve().is_relative_to(directory.resolve()):
        return _Table(path=file.resolve().relative_to(directory.resolve()).as_posix(), file=file)
    _refuse_existing(directory / "data" / file.name)
    return _Table(path=f"data/{file.name}", file=file, is_outside=True)


def _copy(directory: Path, table: _Table) -> None:
    """Create the folders of the project, and copy a table from outside into it."""
    target = directory / table.path
    with writing(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
    ensure_dot_folder(directory)
    if table.is_outside:
        with writing(target):
            shutil.copyfile(table.file, target)


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
        raise provider_failure(problem) from problem


def _name(directory: Path) -> str:
    return re.sub(r"[^a-z0-9._-]+", "-", directory.resolve().name.lower()).strip("-._")[:63] or "project"


def _report(findings: Findings, port: int, target_from: str) -> dict[str, Json]:
    dates = [column for column in findings.declared if column.date is not None and not column.ignore]
    booleans = [column for column in findings.declared if column.type == "boolean"]
    return {
        "rows": findings.rows,
        "target": findings.target,
        "target_from": target_from,
        "task": findings.task,
        "algorithm": findings.algorithm,
        "columns": cast("Json", dict(findings.columns)),
        "missing": cast("Json", dict(findings.missing)),
        "id": findings.id,
        "left_out": list(findings.ignored),
        "dates": {
            column.name: {"type": column.date.type, "format": column.date.format, "parts": list(column.date.parts)}
            for column in dates
            if column.date is not None
        },
        "booleans": [column.name for column in booleans],
        "reading": cast("Json", options_of(findings.options)),
        "reasons": [{"about": reason.about, "detail": reason.detail} for reason in findings.reasons],
        "port": port,
    }


def _refuse_existing(path: Path) -> None:
    if path.exists():
        raise fail("file-exists", "A file of that name exists already", str(path), hint="use it with --from, or move it away")


def _points() -> str:
    """The same two hundred points every time, labelled by their side of a line, a few of them wrongly."""
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
