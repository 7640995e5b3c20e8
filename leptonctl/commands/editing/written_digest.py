"""Writes the digest of a source into its dataset version, next to its `source:` or `append:`."""

from leptonctl.commands.session import Session
from leptonctl.core.values import Document, Path
from leptonctl.language.edit import insert_key, set_scalar
from leptonctl.project.own_edits import OwnEdits


def write_digest(session: Session, edits: OwnEdits, filled: Document, version: str, *, digest: str, at: Path = ()) -> Path:
    """Write the digest of the block `at` of a version, in place of an earlier one. The path of the block, in the version or the base."""
    holder: Path = ("versions", version, *at)
    if not any((*holder, key) in filled.values for key in ("source", "append")):
        holder = at
    raw = session.as_written(filled)
    text, place = session.sources[filled.file], (*holder, "digest")
    edited = set_scalar(text, raw, place, digest) if place in filled.values else insert_key(text, raw, holder, "digest", digest)
    edits.write(filled.file, text, edited)
    return holder
