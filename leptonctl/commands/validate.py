"""`validate` and `schema`: what is wrong with the project files, and what they may contain."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator

from leptonctl.commands.planning.folder import local_states
from leptonctl.commands.planning.libraries import missing_in_project
from leptonctl.commands.session import Session
from leptonctl.core.diagnostic import Diagnostic, did_you_mean, fail, has_errors
from leptonctl.core.frozen import replace
from leptonctl.core.values import Document, Json
from leptonctl.kinds.environment.kind import environments
from leptonctl.kinds.registry import KINDS
from leptonctl.kinds.rules import unpinned
from leptonctl.language.resolve import PROJECT
from leptonctl.project.schemas import load_schema

REFERENCES = ("unknown-dataset", "unknown-model", "unknown-dataset-version", "unknown-version")
"""Errors that may follow from another document's error: the document that is named was left out."""


def validate(session: Session) -> tuple[Diagnostic, ...]:
    """Everything that is wrong with the project, as far as it can be known without its state and without training.

    A stage goes on with the documents that the stages before it found sound, so that independent mistakes come at once.
    """
    if not any(document.kind == PROJECT for document in session.loaded[0]):
        return session.loaded[1]
    if has_errors(session.checked[1]):
        return _independent(session)
    declarations, errors = session.declared
    found = (*session.checked[1], *errors, *unpinned(environments(declarations).values()))
    return found if has_errors(errors) else (*found, *dict.fromkeys(missing_in_project(session)), *local_states(session))


def _independent(session: Session) -> tuple[Diagnostic, ...]:
    """What is wrong with a project in which some document is not sound by itself."""
    documents, problems = session.loaded
    unread = has_errors(problems)
    filled, unfilled = session.fill(documents)
    sound = _sound(filled, (*problems, *unfilled))
    mistakes = session.mistakes(sound)
    problems = (*problems, *unfilled, *mistakes)
    sound = _sound(sound, mistakes)
    # in a file that cannot be read there may be anything that a document names
    if unread or not any(document.kind == PROJECT for document in sound):
        return problems
    declarations, errors = session.only_with(sound).declared
    left_out = {(d.kind, d.name) for d in documents} - {(d.kind, d.name) for d in sound}
    return (*problems, *_own(errors, left_out, session), *unpinned(environments(declarations).values()))


def _sound(documents: tuple[Document, ...], problems: tuple[Diagnostic, ...]) -> tuple[Document, ...]:
    """The documents without an error. A problem belongs to the last document that begins above it."""
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


def _own(errors: Iterable[Diagnostic], left_out: set[tuple[str, str]], session: Session) -> Iterator[Diagnostic]:
    """The errors without those that only follow from a document that was left out."""
    names = {name for _, name in left_out}
    lines: dict[str, list[str]] = {}
    for problem in errors:
        if problem.id not in REFERENCES:
            yield problem
        elif (name := _text(session, problem, lines).partition("@")[0]) not in names:
            similar = did_you_mean(name, names)
            yield replace(problem, hint=problem.hint or (similar if similar.startswith("did") else ""))


def _text(session: Session, problem: Diagnostic, lines: dict[str, list[str]]) -> str:
    """What is written at the place of a problem. `lines`: those of the files that were looked into before."""
    span = problem.span
    if span is None:
        return ""
    if span.file not in lines:
        lines[span.file] = session.sources.get(span.file, "").splitlines()
    of_file = lines[span.file]
    return of_file[span.line - 1][span.column - 1 : span.end_column - 1].strip("'\"") if span.line <= len(of_file) else ""


def schema(kind: str | None) -> dict[str, Json]:
    """The JSON Schema of one kind, or of all by kind."""
    if kind is None:
        return {name: load_schema(name, each.schema) for name, each in KINDS.items()}
    name = kind.capitalize()
    if name not in KINDS:
        raise fail("unknown-kind", "No such kind", f"{kind} has no schema", hint=did_you_mean(name, KINDS))
    return load_schema(name, KINDS[name].schema)
