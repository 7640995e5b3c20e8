"""Project files -> documents. Decides what is a leptonctl document and keeps names unique. Reads nothing itself.

Skipped: documents with `apiVersion` (Kubernetes'), and all of a folder in which no document has a `kind:` of ours.
"""

import gc
import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches

from leptonctl.core.diagnostic import Diagnostic, did_you_mean, error
from leptonctl.core.frozen import Frozen
from leptonctl.core.values import Document, Json, Span
from leptonctl.language.yaml12 import Parsed, parse

SAYS_KIND = re.compile(r"""^["']?kind["']?\s*:""", re.MULTILINE)
FOREIGN = re.compile(r"""^["']?apiVersion["']?\s*:""", re.MULTILINE)


def load(files: Mapping[str, str], kinds: Collection[str]) -> tuple[tuple[Document, ...], tuple[Diagnostic, ...]]:
    """Documents in the order of file names, then of lines. `kinds` are the known ones. Names are checked by `validate`."""
    collecting = gc.isenabled()
    # nothing here is cyclic, and the collector costs two to four times the work while thousands of values appear
    gc.disable()
    try:
        return _load(files, kinds)
    finally:
        if collecting:
            gc.enable()


def _load(files: Mapping[str, str], kinds: Collection[str]) -> tuple[tuple[Document, ...], tuple[Diagnostic, ...]]:
    read = [_read(file, files[file], kinds) for file in sorted(files)]
    ours = {one.folder for one in read if one.ours}
    documents = [document for one in read for document in one.documents]
    problems = [problem for one in read for problem in (*one.problems, *(one.doubtful if one.folder in ours else ()))]
    problems += _duplicates(documents)
    problems += _projects(documents, broken=bool(problems))
    return tuple(documents), tuple(problems)


class _File(Frozen):
    """What one file holds. `doubtful` are problems of what may belong to another tool: they count only in a folder of ours."""

    folder: str
    ours: bool
    documents: list[Document]
    problems: list[Diagnostic]
    doubtful: list[Diagnostic]


def _read(file: str, text: str, kinds: Collection[str]) -> _File:
    documents: list[Document] = []
    problems: list[Diagnostic] = []
    parsed, syntax = parse(file, text)
    doubtful: list[Diagnostic] = list(syntax)
    for one in parsed:
        value = one.value
        if isinstance(value, dict) and "apiVersion" in value:
            continue
        if not isinstance(value, dict) or "kind" not in value:
            doubtful += (*one.problems, *_missing_kind(file, one))
            continue
        problems += one.problems
        document = _document(file, value, one, kinds)
        if isinstance(document, Diagnostic):
            problems.append(document)
        else:
            documents.append(document)
    # what could not be read counts as ours when it looks so
    ours = bool(documents) or (bool(doubtful) and SAYS_KIND.search(text) is not None and FOREIGN.search(text) is None)
    return _File(folder=file.rpartition("/")[0], ours=ours, documents=documents, problems=problems, doubtful=doubtful)


def _document(file: str, value: dict[str, Json], one: Parsed, kinds: Collection[str]) -> Document | Diagnostic:
    kind, name = value["kind"], value.get("name")
    if kind not in kinds:
        word = str(kind)
        near = get_close_matches(word.capitalize(), kinds, n=1)
        return error(
            "unknown-kind",
            "A document's kind is not known",
            f"leptonctl has no kind `{word}`",
            span=one.values["kind",],
            hint=f'did you mean "{near[0]}"?'
            if near
            else did_you_mean(word, kinds) + "; other tools' files go to `ignore:` of the Project",
        )
    return Document(
        kind=str(kind),
        name=name if isinstance(name, str) else "",
        file=file,
        value=value,
        keys=one.keys,
        values=one.values,
    )


def _missing_kind(file: str, one: Parsed) -> tuple[Diagnostic, ...]:
    # an empty document, or one of which nothing could be read
    if one.value is None:
        return ()
    at = one.values[()]
    return (
        error(
            "missing-kind",
            "A document does not say what it is",
            "no `kind:` in this document, though its folder holds leptonctl documents",
            span=Span(file=file, line=at.line, column=at.column, end_column=max(at.end_column, at.column + 1)),
            hint="add `kind: Dataset`, `kind: Model` or `kind: Environment`; or list the file under `ignore:` of the Project",
        ),
    )


def _duplicates(documents: list[Document]) -> list[Diagnostic]:
    first: dict[tuple[str, str], Document] = {}
    problems: list[Diagnostic] = []
    for document in documents:
        if not document.name or document.kind == "Project":
            continue
        before = first.setdefault((document.kind, document.name), document)
        if before is not document:
            at = before.at("name")
            problems.append(
                error(
                    "duplicate-name",
                    "Two documents of one kind have the same name",
                    f"{document.kind} `{document.name}` is declared at {at.file}:{at.line}:{at.column} already",
                    span=document.at("name"),
                    hint="rename one of the two; variants of a model are its `versions`",
                )
            )
    return problems


def _projects(documents: list[Document], *, broken: bool) -> list[Diagnostic]:
    projects = [d for d in documents if d.kind == "Project"]
    if not projects and not broken:
        return [
            error(
                "no-project",
                "No project is declared",
                "no document has `kind: Project`",
                hint="run `leptonctl init`, or write leptonctl.yaml with `kind: Project`, `name:` and `format: 1`",
            )
        ]
    return [
        error(
            "duplicate-project",
            "A project has two project documents",
            f"the first stands at {projects[0].file}:{projects[0].at('kind').line}",
            span=other.at("kind"),
            hint="keep one; a nested project is a folder with its own leptonctl.yaml",
        )
        for other in projects[1:]
    ]
