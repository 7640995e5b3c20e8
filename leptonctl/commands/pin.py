"""`pin`: write the digest of each unpinned source into its dataset version. An existing digest is never changed."""

from collections.abc import Mapping, Sequence

from leptonctl.commands.bind_yaml import as_written
from leptonctl.commands.session import Session
from leptonctl.core.address import expand
from leptonctl.core.diagnostic import Diagnostic, error
from leptonctl.core.frozen import replace
from leptonctl.core.values import Json, Span
from leptonctl.kinds.dataset import Dataset, datasets
from leptonctl.language.edit import insert_key
from leptonctl.project.edits import write_text

PLACES = (("source",), ("test", "source"))


def pin(session: Session, addresses: Sequence[str]) -> dict[str, Json]:
    """Pin these dataset versions (none: all)."""
    known = {dataset.address: dataset for dataset in datasets(session.declarations).values()}
    wanted = expand(addresses, known.keys(), ["dataset"]) if addresses else list(known)
    pinned: list[Json] = []
    notes: list[Diagnostic] = []
    digests = {key[0]: facts.digest for key, facts in session.facts.items()}
    for address in wanted:
        for at in PLACES:
            source, recorded = _written(known[address].declared.fields, at)
            if source is None:
                continue
            seen = digests.get(source)
            if recorded is None and seen is not None:
                pinned.append(_pinned(session, known[address], at, seen))
                session = session.again()
            elif recorded != seen:
                notes.append(_repinned(address, known[address].declared.at(*at), seen))
    return {"pinned": pinned, "diagnostics": [note.to_json() for note in notes]}


def _written(fields: Mapping[str, Json], at: tuple[str, ...]) -> tuple[str | None, Json]:
    """The source and the digest that are written at a place."""
    block: Json = dict(fields)
    for part in at[:-1]:
        block = block.get(part) if isinstance(block, dict) else None
    if not isinstance(block, dict):
        return None, None
    source = block.get("source")
    return (source if isinstance(source, str) else None), block.get("digest")


def _pinned(session: Session, dataset: Dataset, at: tuple[str, ...], digest: str) -> Json:
    """Insert `digest:` beside the `source:` that this version reads, where it is written: in the version or in the base block."""
    document = session.project.of("Dataset")[dataset.declared.name]
    holder = ("versions", dataset.declared.version, *at[:-1])
    if (*holder, "source") not in document.values:
        holder = at[:-1]
    text = session.sources[document.file]
    write_text(session.root / document.file, insert_key(text, as_written(session, document), holder, "digest", digest))
    span = document.at(*holder, "source")
    return {"address": dataset.address, "file": document.file, "line": span.line, "digest": digest}


def _repinned(address: str, span: Span, seen: str | None) -> Diagnostic:
    what = f"the file now has {seen}" if seen else "the file is gone"
    problem = error(
        "pinned-already",
        "A pinned source has other bytes now",
        f"{address}: {what}; its digest is kept",
        span=span,
        hint="declare a new version for the new data",
    )
    return replace(problem, severity="warning")
