"""Documents and parameters against their schemas: every mistake at once, each at its place, as a sentence. Pure.

A compiled check or `fits` says yes to what is right; jsonschema, which is slow, only explains what is wrong.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Protocol

from leptonctl.core.diagnostic import Diagnostic, error
from leptonctl.core.values import Document, Json, Path, Span
from leptonctl.language.explain_schema import Mistake, explain
from leptonctl.language.fits import TYPES, fits, matches, repeated, same
from leptonctl.language.resolve import PROJECT

__all__ = ["Placed", "check_value", "validate"]

Check = Callable[[Json], bool]
NO_CHECKS: Mapping[str, Check] = MappingProxyType({})


class Placed(Protocol):
    """What knows where its values are written: a document, or a version merged from one."""

    def at(self, *path: str | int) -> Span: ...

    def key_at(self, *path: str | int) -> Span: ...


def validate(
    documents: Iterable[Document], schemas: Mapping[str, dict[str, Any]], checks: Mapping[str, Check] = NO_CHECKS
) -> tuple[Diagnostic, ...]:
    """What is wrong with the documents by the schema of their kind. `checks` are compiled from the same schemas, by kind."""
    problems: list[Diagnostic] = []
    for document in documents:
        schema = schemas[document.kind]
        check = checks.get(document.kind)
        right = check(document.value) if check is not None else fits(document.value, schema)
        if not right:
            mistakes = _mistakes(document.value, schema, document.kind)
            problems += (_placed(mistake, document, ()) for mistake in mistakes)
        if document.kind == PROJECT:
            problems += _secrets_in_vars(document)
    return tuple(dict.fromkeys(problems))


def check_value(
    value: Json, schema: Mapping[str, Any], document: Placed, path: Path, *, what: str, parameters: bool = True
) -> tuple[Diagnostic, ...]:
    """What is wrong with the settings at `path`. `what` has them: "algorithm mlp"; `parameters`: messages call them so."""
    if fits(value, schema):
        return ()
    mistakes = _mistakes(value, schema, what, parameters=parameters)
    return tuple(dict.fromkeys(_placed(mistake, document, path) for mistake in mistakes))


def _placed(mistake: Mistake, document: Placed, prefix: Path) -> Diagnostic:
    path = (*prefix, *mistake.path)
    return error(mistake.id, mistake.summary, mistake.detail, span=_span(mistake, document, path), hint=mistake.hint)


def _span(mistake: Mistake, document: Placed, path: Path) -> Span:
    if not mistake.on_key:
        return document.at(*path)
    # the document itself has no key: what it lacks is shown where it says what it is
    return document.key_at(*path) if path else document.at("kind")


def _mistakes(value: Json, schema: Mapping[str, Any], what: str, *, parameters: bool = False) -> Iterator[Mistake]:
    for wrong in _validator_class()(dict(schema)).iter_errors(value):
        yield from explain(wrong, what, parameters=parameters)


@cache
def _validator_class() -> Any:
    """Draft 7 with our idea of an integer, of `$`, and of equality."""
    from jsonschema import Draft7Validator, TypeChecker, ValidationError
    from jsonschema.validators import extend

    def pattern(_validator: object, rule: str, value: object, _schema: object) -> Iterator[ValidationError]:
        if isinstance(value, str) and not matches(rule, value):
            yield ValidationError(f"{value!r} does not match {rule!r}")

    def unique(_validator: object, rule: bool, value: Any, _schema: object) -> Iterator[ValidationError]:
        if rule and isinstance(value, list) and repeated(value) is not None:
            yield ValidationError("items repeat")

    def enum(_validator: object, rule: list[Json], value: Any, _schema: object) -> Iterator[ValidationError]:
        if not any(same(value, option) for option in rule):
            yield ValidationError(f"{value!r} is not one of {rule!r}")

    def checked(test: Callable[[object], bool]) -> Any:
        return lambda _checker, value: test(value)

    types = TypeChecker({name: checked(test) for name, test in TYPES.items()})
    words = {"pattern": pattern, "uniqueItems": unique, "enum": enum}
    return extend(Draft7Validator, words, type_checker=types)  # type: ignore[no-untyped-call]


def _secrets_in_vars(project: Document) -> Iterator[Diagnostic]:
    """A variable reaches plans and digests, so it cannot be a secret."""
    todo: list[tuple[Path, Json]] = [(("vars",), project.value.get("vars"))]
    while todo:
        path, value = todo.pop()
        if isinstance(value, dict):
            if "secret" in value and len(path) > 1:
                detail = "a variable stands in plans and digests, where a secret may not"
                hint = "write the secret at the field that takes one, for example `privacy.key` of a Dataset"
                yield error("misplaced-secret", "A secret stands where none may", detail, span=project.at(*path), hint=hint)
            todo += [((*path, key), item) for key, item in value.items()]
        elif isinstance(value, list):
            todo += [((*path, index), item) for index, item in enumerate(value)]
