"""`pin`: writes the digest of each unpinned source into its dataset version. An existing digest is never changed."""

from collections.abc import Mapping, Sequence

from leptonctl.commands.editing.written_digest import write_digest
from leptonctl.commands.session import Session
from leptonctl.core.address import expand
from leptonctl.core.diagnostic import Diagnostic, error
from leptonctl.core.frozen import replace
from leptonctl.core.values import Json, Path, Span
from leptonctl.kinds.dataset.version import Dataset, datasets
from leptonctl.project.own_edits import OwnEdits


def pin(session: Session, addresses: Sequence[str], edits: OwnEdits | None = None) -> dict[str, Json]:
    """Pin these dataset versions (none: all). `edits`: of the command that this is a part of."""
    edits = edits or OwnEdits(root=session.root)
    declared = {dataset.address: dataset for dataset in datasets(session.declarations).values()}
    selected = expand(addresses, declared.keys(), ["dataset"]) if addresses else list(declared)
    pins: list[Json] = []
    warnings: list[Diagnostic] = []
    for address in selected:
        dataset = declared[address]
        for at, content in dataset.contents.items():
            block = dataset.declared.fields.get(str(at[0])) if at else dataset.declared.fields
            pinned_digest = block.get("digest") if isinstance(block, Mapping) else None
            if pinned_digest is None and content.digest is not None:
                pins.append(_pin_source(session, edits, dataset, at, content.digest))
                session = session.reopen()
            elif pinned_digest != content.digest:
                warnings.append(_unpinned_change(address, dataset.declared.at(*at, "source"), content.digest))
    return {"pinned": pins, "diagnostics": [warning.to_json() for warning in warnings]}


def _pin_source(session: Session, edits: OwnEdits, dataset: Dataset, at: Path, digest: str) -> Json:
    """Insert `digest:` next to the `source:` or `append:` that this version reads, which is in the version or in the base block."""
    document = session.project.of("Dataset")[dataset.declared.name]
    holder = write_digest(session, edits, document, dataset.declared.version, digest=digest, at=at)
    span = document.at(*holder, "source" if (*holder, "source") in document.values else "append")
    return {"address": dataset.address, "file": document.file, "line": span.line, "digest": digest}


def _unpinned_change(address: str, span: Span, digest: str | None) -> Diagnostic:
    change = f"the file now has {digest}" if digest else "the file is missing"
    problem = error(
        "pinned-already",
        "A pinned source has changed",
        f"{address}: {change}; the pinned digest stays",
        span=span,
        hint="declare a new version for the new data",
    )
    return replace(problem, severity="warning")
