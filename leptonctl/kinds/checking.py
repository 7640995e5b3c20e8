"""Checks documents against their schemas, and names what is not implemented yet instead of calling it unknown. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from leptonctl.core.diagnostic import Diagnostic
from leptonctl.core.values import Document
from leptonctl.kinds.kind import Kind
from leptonctl.kinds.not_yet import uses_of
from leptonctl.language.validate import NO_CHECKS, Check, validate


def check(
    documents: Sequence[Document], kinds: Mapping[str, Kind], schemas: Mapping[str, dict[str, Any]], checks: Mapping[str, Check] = NO_CHECKS
) -> tuple[Diagnostic, ...]:
    """What is wrong with each document by itself. `checks`: kind -> compiled check of the same schema."""
    not_yet = tuple(problem for document in documents for problem in uses_of(document, kinds[document.kind].not_yet))
    places = {_place(problem) for problem in not_yet}
    mistakes = validate(documents, schemas, checks)
    return (*(problem for problem in mistakes if problem.span is None or _place(problem) not in places), *not_yet)


def _place(problem: Diagnostic) -> tuple[str, int, int] | None:
    span = problem.span
    return (span.file, span.line, span.column) if span is not None else None
