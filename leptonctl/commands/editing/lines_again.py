"""Edits the files so that a version is declared as it was bound: its lines, and the digest of its data."""

from typing import cast

from leptonctl.commands.editing.write_back import Lines
from leptonctl.commands.editing.written_digest import write_digest
from leptonctl.commands.session import Session
from leptonctl.core.values import Document, Json
from leptonctl.language.edit import insert_key, remove_key
from leptonctl.project.edits import write_text

NOT_OF_RECIPE = frozenset(("description", "labels", "evaluate", "limits"))
"""Fields of a version that its recipe does not have: they stay as they are written now."""


def with_lines(session: Session, lines: Lines) -> Session:
    """The session after the edits."""
    if lines.content:
        name, _, version = lines.dataset.partition("@")
        write_digest(session, session.project.of("Dataset")[name], version, lines.content)
        session = session.reopen()
    if lines.override is None:
        return session
    filled = session.project.of("Model")[lines.model]
    declared = filled.value.get("versions")
    if not isinstance(declared, dict) or lines.version not in declared:
        raw = _as_written(session, filled)
        text = insert_key(session.sources[filled.file], raw, ("versions",), lines.version, cast("Json", lines.override))
        write_text(session.root / filled.file, text)
        return session.reopen()
    present = declared[lines.version]
    return _with_fields(session, filled, lines, present if isinstance(present, dict) else {})


def _with_fields(session: Session, filled: Document, lines: Lines, present: dict[str, Json]) -> Session:
    """The session after the fields of a version that is there were replaced; those that say the same stay as they are written."""
    wanted, place = lines.override or {}, ("versions", lines.version)
    for name, value in present.items():
        if wanted.get(name) != value and (name not in NOT_OF_RECIPE or name in wanted):
            text = remove_key(session.sources[filled.file], _as_written(session, filled), place, name)
            write_text(session.root / filled.file, text)
            session = session.reopen()
    for name, value in wanted.items():
        if present.get(name) != value or name not in present:
            text = insert_key(session.sources[filled.file], _as_written(session, filled), place, name, value)
            write_text(session.root / filled.file, text)
            session = session.reopen()
    return session


def _as_written(session: Session, filled: Document) -> Document:
    """The document before its templates were filled in."""
    return next(d for d in session.documents if d.kind == filled.kind and d.name == filled.name)
