"""Edits the files so that a version is declared again as it was bound: its lines, and the digest of its data."""

from typing import cast

from leptonctl.commands.editing.write_back import Lines
from leptonctl.commands.editing.written_digest import write_digest
from leptonctl.commands.session import Session
from leptonctl.core.address import name_and_version
from leptonctl.core.values import Document, Json
from leptonctl.language.edit import insert_key, set_values
from leptonctl.project.own_edits import OwnEdits

NOT_IN_RECIPE = frozenset(("description", "labels", "evaluate", "limits"))
"""Fields of a version that are not part of its recipe: they stay as they are."""


def with_lines(session: Session, lines: Lines, edits: OwnEdits) -> Session:
    """The session after the edits."""
    if lines.content:
        name, version = name_and_version(lines.dataset)
        assert version is not None, "the lines name a version"
        write_digest(session, edits, session.project.of("Dataset")[name], version, digest=lines.content)
        session = session.reopen()
    if lines.override is None:
        return session
    filled = session.project.of("Model")[lines.model]
    declared = filled.value.get("versions")
    if not isinstance(declared, dict) or lines.version not in declared:
        text = session.sources[filled.file]
        raw = session.as_written(filled)
        edits.write(filled.file, text, insert_key(text, raw, ("versions",), lines.version, cast("Json", lines.override)))
        return session.reopen()
    present = declared[lines.version]
    return _with_fields(session, filled, lines, present if isinstance(present, dict) else {}, edits)


def _with_fields(session: Session, filled: Document, lines: Lines, present: dict[str, Json], edits: OwnEdits) -> Session:
    """The session after the fields of a declared version were replaced. Fields with the same value stay as they are written."""
    override = lines.override or {}
    others = {name: value for name, value in present.items() if name in NOT_IN_RECIPE and name not in override}
    text, raw = session.sources[filled.file], session.as_written(filled)
    edits.write(filled.file, text, set_values(text, raw, ("versions", lines.version), before=present, after={**override, **others}))
    return session.reopen()
