"""Checks documents against their schemas, and names what is not implemented yet instead of calling it unknown. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from leptonctl.core.diagnostic import Diagnostic, error
from leptonctl.core.values import Document, Json, Path
from leptonctl.kinds.kind import PROJECT, Kind
from leptonctl.kinds.not_yet import uses_of
from leptonctl.kinds.unknown_keys import key_hint
from leptonctl.language.validate import NO_CHECKS, Check, validate


def check(
    documents: Sequence[Document], kinds: Mapping[str, Kind], schemas: Mapping[str, dict[str, Any]], checks: Mapping[str, Check] = NO_CHECKS
) -> tuple[Diagnostic, ...]:
    """What is wrong with each document by itself. `checks`: kind -> compiled check of the same schema."""
    not_yet = tuple(problem for document in documents for problem in uses_of(document, kinds[document.kind].not_yet))
    places = {_place(problem) for problem in not_yet}
    secrets = (problem for document in documents if document.kind == PROJECT for problem in _secrets_in_vars(document))
    mistakes = (*validate(documents, schemas, checks, key_hint), *secrets)
    return (*(problem for problem in mistakes if problem.span is None or _place(problem) not in places), *not_yet)


def _place(problem: Diagnostic) -> tuple[str, int, int] | None:
    span = problem.span
    return (span.file, span.line, span.column) if span is not None else None


def _secrets_in_vars(project: Document) -> Iterator[Diagnostic]:
    """Errors for secrets among the variables, since variables get into plans and digests."""
    queue: list[tuple[Path, Json]] = [(("vars",), project.value.get("vars"))]
    while queue:
        path, value = queue.pop()
        if isinstance(value, dict):
            if "secret" in value and len(path) > 1:
                detail = "variables get into plans and digests, where a secret must not appear"
                hint = "write the secret at the field that takes one, for example `privacy.key` of a Dataset"
                yield error("misplaced-secret", "A secret is not allowed here", detail, span=project.at(*path), hint=hint)
            queue += [((*path, key), item) for key, item in value.items()]
        elif isinstance(value, list):
            queue += [((*path, index), item) for index, item in enumerate(value)]
