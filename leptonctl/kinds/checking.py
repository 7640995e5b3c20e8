"""Checks documents against their schemas, and names what is not implemented yet instead of calling it unknown. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from leptonctl.core.diagnostic import Diagnostic
from leptonctl.core.values import Document
from leptonctl.kinds.kind import Kind
from leptonctl.kinds.not_yet import unbuilt
from leptonctl.language.validate import NO_CHECKS, Check, validate


def check(
    documents: Sequence[Document], kinds: Mapping[str, Kind], schemas: Mapping[str, dict[str, Any]], checks: Mapping[str, Check] = NO_CHECKS
) -> tuple[Diagnostic, ...]:
    """What is wrong with the documents by themselves. `checks`: kind -> compiled check of the same schema."""
    coming = tuple(problem for document in documents for problem in unbuilt(document, kinds[document.kind].not_yet))
    places = {(p.span.file, p.span.line, p.span.column) for p in coming if p.span is not None}
    mistakes = validate(documents, schemas, checks)
    return (*(p for p in mistakes if p.span is None or (p.span.file, p.span.line, p.span.column) not in places), *coming)
