"""`validate` and `schema`: report what is wrong with the project files, and what they may contain."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator

from leptonctl.commands.planning.folder import local_states
from leptonctl.commands.planning.libraries import missing_in_project
from leptonctl.commands.session import Session
from leptonctl.core.address import family
from leptonctl.core.diagnostic import Diagnostic, did_you_mean, fail, has_errors
from leptonctl.core.frozen import replace
from leptonctl.core.values import Document, Json
from leptonctl.kinds.environment.kind import environments
from leptonctl.kinds.kind import PROJECT
from leptonctl.kinds.registry import KINDS
from leptonctl.kinds.rules import unpinned_bindings
from leptonctl.project.schemas import load_schema

REFERENCES = ("unknown-dataset", "unknown-model", "unknown-dataset-version", "unknown-version")
"""Errors that may follow from another document's error: the document that is named was left out."""


def validate(session: Session) -> tuple[Diagnostic, ...]:
    """Everything that is wrong with the project and can be known without its state and without training.

    Each stage continues with the documents that are valid so far, so that independent errors are reported at once.
    """
    if not any(document.kind == PROJECT for document in session.reading.loaded[0]):
        return session.reading.loaded[1]
    if has_errors(session.reading.checked[1]):
        return _independent(session)
    declarations, errors = session.declared
    problems = (*session.reading.checked[1], *errors, *unpinned_bindings(environments(declarations).values()))
    return problems if has_errors(errors) else (*problems, *dict.fromkeys(missing_in_project(session)), *local_states(session))


def _independent(session: Session) -> tuple[Diagnostic, ...]:
    """What is wrong with a project in which some document is invalid by itself."""
    documents, problems = session.reading.loaded
    has_unreadable = has_errors(problems)
    filled, unfilled = session.reading.fill(documents)
    valid = _valid(filled, (*problems, *unfilled))
    mistakes = session.reading.mistakes(valid)
    problems = (*problems, *unfilled, *mistakes)
    valid = _valid(valid, mistakes)
    # a file that cannot be read may contain anything that other documents name
    if has_unreadable or not any(document.kind == PROJECT for document in valid):
        return problems
    declarations, errors = session.only_with(valid).declared
    invalid = {(d.kind, d.name) for d in documents} - {(d.kind, d.name) for d in valid}
    return (*problems, *_independent_errors(session, errors, invalid), *unpinned_bindings(environments(declarations).values()))


def _valid(documents: tuple[Document, ...], problems: tuple[Diagnostic, ...]) -> tuple[Document, ...]:
    """The documents without an error. A problem belongs to the last document that begins at or above its line."""
    if not has_errors(problems):
        return documents
    by_file: dict[str, list[Document]] = defaultdict(list)
    for document in sorted(documents, key=_first_line):
        by_file[document.file].append(document)
    broken: set[tuple[str, str]] = set()
    for problem in problems:
        if problem.severity == "error" and problem.span is not None:
            place = bisect_right(by_file[problem.span.file], problem.span.line, key=_first_line)
            broken.update((d.kind, d.name) for d in by_file[problem.span.file][max(0, place - 1) : place])
    return tuple(document for document in documents if (document.kind, document.name) not in broken)


def _first_line(document: Document) -> int:
    return document.at().line


def _independent_errors(session: Session, errors: Iterable[Diagnostic], invalid: set[tuple[str, str]]) -> Iterator[Diagnostic]:
    """The errors without those that only follow from the absence of invalid documents, (kind, name)."""
    names = {name for _, name in invalid}
    lines: dict[str, list[str]] = {}
    for problem in errors:
        if problem.id not in REFERENCES:
            yield problem
        elif (name := family(_text(session, problem, lines))) not in names:
            similar = did_you_mean(name, names)
            yield replace(problem, hint=problem.hint or (similar if similar.startswith("did") else ""))


def _text(session: Session, problem: Diagnostic, lines: dict[str, list[str]]) -> str:
    """What is written at the place of a problem. `lines`: of the files that were needed before, by path."""
    span = problem.span
    if span is None:
        return ""
    if span.file not in lines:
        lines[span.file] = session.sources.get(span.file, "").splitlines()
    in_file = lines[span.file]
    return in_file[span.line - 1][span.column - 1 : span.end_column - 1].strip("'\"") if span.line <= len(in_file) else ""


def schema(kind: str | None) -> dict[str, Json]:
    """The JSON Schema of one kind, or of all by kind."""
    if kind is None:
        return {name: load_schema(name, each.schema) for name, each in KINDS.items()}
    name = kind.capitalize()
    if name not in KINDS:
        raise fail("unknown-kind", "No such kind", f"{kind} has no schema", hint=did_you_mean(name, KINDS))
    return load_schema(name, KINDS[name].schema)
