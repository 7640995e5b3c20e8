"""Checks documents and parameters against their schemas: all mistakes at once, each with its span, as a sentence. Pure.

A compiled check or `fits` accepts what is valid; jsonschema, which is slow, only explains what is not.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from leptonctl.core.diagnostic import Diagnostic, did_you_mean, error
from leptonctl.core.values import Document, Json, Path, Span
from leptonctl.language.fits import TYPES, first_duplicate, fits, matches, same

if TYPE_CHECKING:
    from leptonctl.language.explain_schema import KeyHint, Mistake

__all__ = ["SpanSource", "check_value", "validate"]

Check = Callable[[Json], bool]
NO_CHECKS: Mapping[str, Check] = MappingProxyType({})


class SpanSource(Protocol):
    """A value that knows where its parts are written: a document, or a version merged from one."""

    def at(self, *path: str | int) -> Span: ...

    def key_at(self, *path: str | int) -> Span: ...


def similar_key(key: str, known: Mapping[str, Json], _value: Json, *, parameter: bool) -> str:  # noqa: ARG001
    """The hint for an unknown key where nothing is known of other tools."""
    return did_you_mean(key, known)


def validate(
    documents: Iterable[Document],
    schemas: Mapping[str, dict[str, Any]],
    checks: Mapping[str, Check] = NO_CHECKS,
    key_hint: "KeyHint" = similar_key,
) -> tuple[Diagnostic, ...]:
    """What is wrong with the documents by the schemas of their kinds. checks: kind -> compiled check of the same schema."""
    problems: list[Diagnostic] = []
    for document in documents:
        schema = schemas[document.kind]
        check = checks.get(document.kind)
        value = dict(document.value)
        valid = check(value) if check is not None else fits(value, schema)
        if not valid:
            mistakes = _mistakes(value, schema, document.kind, key_hint)
            problems += (_diagnostic(mistake, document, ()) for mistake in mistakes)
    return tuple(dict.fromkeys(problems))


def check_value(
    value: Json,
    schema: Mapping[str, Any],
    document: SpanSource,
    path: Path,
    *,
    what: str,
    parameters: bool = True,
    key_hint: "KeyHint" = similar_key,
) -> tuple[Diagnostic, ...]:
    """What is wrong with the settings at `path`. what: their owner, as in "algorithm mlp". parameters: messages call them so."""
    if fits(value, schema):
        return ()
    mistakes = _mistakes(value, schema, what, key_hint, parameters=parameters)
    return tuple(dict.fromkeys(_diagnostic(mistake, document, path) for mistake in mistakes))


def _diagnostic(mistake: "Mistake", document: SpanSource, prefix: Path) -> Diagnostic:
    path = (*prefix, *mistake.path)
    return error(mistake.id, mistake.summary, mistake.detail, span=_span(mistake, document, path), hint=mistake.hint)


def _span(mistake: "Mistake", document: SpanSource, path: Path) -> Span:
    if not mistake.on_key:
        return document.at(*path)
    # the document itself has no key: what it lacks is reported at its kind
    return document.key_at(*path) if path else document.at("kind")


def _mistakes(value: Json, schema: Mapping[str, Any], what: str, key_hint: "KeyHint", *, parameters: bool = False) -> "Iterator[Mistake]":
    from leptonctl.language.explain_schema import explain

    for problem in _validator_class()(dict(schema)).iter_errors(value):
        yield from explain(problem, what, key_hint, parameters=parameters)


@cache
def _validator_class() -> Any:
    """Draft 7 with our definitions of an integer, of `$`, and of equality."""
    from jsonschema import Draft7Validator, TypeChecker, ValidationError
    from jsonschema.validators import extend

    def pattern(_validator: object, rule: str, value: object, _schema: object) -> Iterator[ValidationError]:
        if isinstance(value, str) and not matches(rule, value):
            yield ValidationError(f"{value!r} does not match {rule!r}")

    def unique(_validator: object, rule: bool, value: Any, _schema: object) -> Iterator[ValidationError]:
        if rule and isinstance(value, list) and first_duplicate(value) is not None:
            yield ValidationError("items repeat")

    def enum(_validator: object, rule: list[Json], value: Any, _schema: object) -> Iterator[ValidationError]:
        if not any(same(value, option) for option in rule):
            yield ValidationError(f"{value!r} is not one of {rule!r}")

    def type_check(test: Callable[[object], bool]) -> Any:
        return lambda _checker, value: test(value)

    types = TypeChecker({name: type_check(test) for name, test in TYPES.items()})
    words = {"pattern": pattern, "uniqueItems": unique, "enum": enum}
    return extend(Draft7Validator, words, type_checker=types)  # type: ignore[no-untyped-call]
