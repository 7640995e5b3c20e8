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

PATHS = (("source",), ("test", "source"))


def pin(session: Session, addresses: Sequence[str]) -> dict[str, Json]:
    """Pin these dataset versions (none: all)."""
    declared = {dataset.address: dataset for dataset in datasets(session.declarations).values()}
    selected = expand(addresses, declared.keys(), ["dataset"]) if addresses else list(declared)
    pins: list[Json] = []
    warnings: list[Diagnostic] = []
    digests = {key[0]: facts.digest for key, facts in session.facts.items()}
    for address in selected:
        for path in PATHS:
            source, pinned_digest = _source_and_digest(declared[address].declared.fields, path)
            if source is None:
                continue
            digest = digests.get(source)
            if pinned_digest is None and digest is not None:
                pins.append(_pin_source(session, declared[address], path, digest))
                session = session.reopen()
            elif pinned_digest != digest:
                warnings.append(_changed_since_pin(address, declared[address].declared.at(*path), digest))
    return {"pinned": pins, "diagnostics": [warning.to_json() for warning in warnings]}


def _source_and_digest(fields: Mapping[str, Json], path: tuple[str, ...]) -> tuple[str | None, Json]:
    """The source at a path of a dataset version, and the digest that pins it."""
    block: Json = dict(fields)
    for part in path[:-1]:
        block = block.get(part) if isinstance(block, dict) else None
    if not isinstance(block, dict):
        return None, None
    source = block.get("source")
    return (source if isinstance(source, str) else None), block.get("digest")


def _pin_source(session: Session, dataset: Dataset, path: tuple[str, ...], digest: str) -> Json:
    """Insert `digest:` next to the `source:` that this version reads, which is in the version or in the base block."""
    document = session.project.of("Dataset")[dataset.declared.name]
    holder = ("versions", dataset.declared.version, *path[:-1])
    if (*holder, "source") not in document.values:
        holder = path[:-1]
    text = session.sources[document.file]
    write_text(session.root / document.file, insert_key(text, as_written(session, document), holder, "digest", digest))
    span = document.at(*holder, "source")
    return {"address": dataset.address, "file": document.file, "line": span.line, "digest": digest}


def _changed_since_pin(address: str, span: Span, digest: str | None) -> Diagnostic:
    what = f"the file now has {digest}" if digest else "the file is missing"
    problem = error(
        "pinned-already",
        "A pinned source has changed",
        f"{address}: {what}; the pinned digest stays",
        span=span,
        hint="declare a new version for the new data",
    )
    return replace(problem, severity="warning")
