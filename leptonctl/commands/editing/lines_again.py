"""Edits the files so that a version is declared as it was bound: its lines, and the digest of its data."""

from typing import cast

from leptonctl.commands.editing.write_back import Lines
from leptonctl.commands.editing.written_digest import as_written, write_digest
from leptonctl.commands.session import Session
from leptonctl.core.values import Document, Json
from leptonctl.language.edit import insert_key, set_values
from leptonctl.project.own_edits import OwnEdits

NOT_OF_RECIPE = frozenset(("description", "labels", "evaluate", "limits"))
"""Fields of a version that its recipe does not have: they stay as they are written now."""


def with_lines(session: Session, lines: Lines, edits: OwnEdits) -> Session:
    """The session after the edits."""
    if lines.content:
        name, _, version = lines.dataset.partition("@")
        write_digest(session, session.project.of("Dataset")[name], version, lines.content, edits)
        session = session.reopen()
    if lines.override is None:
        return session
    filled = session.project.of("Model")[lines.model]
    declared = filled.value.get("versions")
    if not isinstance(declared, dict) or lines.version not in declared:
        text = session.sources[filled.file]
        raw = as_written(session, filled)
        edits.write(filled.file, text, insert_key(text, raw, ("versions",), lines.version, cast("Json", lines.override)))
        return session.reopen()
    present = declared[lines.version]
    return _with_fields(session, filled, lines, present if isinstance(present, dict) else {}, edits)


def _with_fields(session: Session, filled: Document, lines: Lines, present: dict[str, Json], edits: OwnEdits) -> Session:
    """The session after the fields of a version that is there were replaced; those that say the same stay as they are written."""
    wanted = lines.override or {}
    kept = {name: value for name, value in present.items() if name in NOT_OF_RECIPE and name not in wanted}
    text, raw = session.sources[filled.file], as_written(session, filled)
    edits.write(filled.file, text, set_values(text, raw, ("versions", lines.version), before=present, after={**wanted, **kept}))
    return session.reopen()
