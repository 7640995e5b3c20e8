"""Project files -> documents. Decides what is a leptonctl document and checks that names are unique. Reads nothing itself.

Skipped: documents with `apiVersion` (Kubernetes), and everything in a folder in which no document has one of our kinds.
"""

import gc
import re
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from types import MappingProxyType

from leptonctl.core.diagnostic import LONGEST_WORD, Diagnostic, did_you_mean, error, short
from leptonctl.core.frozen import Frozen
from leptonctl.core.values import Document, Json, Span
from leptonctl.language.yaml12 import parse
from leptonctl.language.yaml12_convert import Parsed

KIND_KEY = re.compile(r"""^["']?kind["']?\s*:""", re.MULTILINE)
MOST_VERSIONS = 30_000
NONE: Mapping[str, Sequence[Document]] = MappingProxyType({})
API_VERSION_KEY = re.compile(r"""^["']?apiVersion["']?\s*:""", re.MULTILINE)


def load(
    files: Mapping[str, str], kinds: Collection[str], restored: Mapping[str, Sequence[Document]] = NONE
) -> tuple[tuple[Document, ...], tuple[Diagnostic, ...]]:
    """The documents, by file name, then by line. The form of names is checked by `validate`.

    kinds: the known ones, the first that of the one document that every project has.
    restored: the documents of files that are known to be sound and need not be read.
    """
    collecting = gc.isenabled()
    # no cycles are made here, and with thousands of new values the collector takes two to four times as long as the work itself
    gc.disable()
    try:
        return _load(files, kinds, restored)
    finally:
        if collecting:
            gc.enable()


def documents_of(file: str, text: str, kinds: Collection[str]) -> list[Document]:
    """The documents of one file by itself."""
    return _read(file, text, kinds).documents


def _load(
    files: Mapping[str, str], kinds: Collection[str], restored: Mapping[str, Sequence[Document]]
) -> tuple[tuple[Document, ...], tuple[Diagnostic, ...]]:
    contents = [_restored_file(file, restored[file]) if file in restored else _read(file, files[file], kinds) for file in sorted(files)]
    our_folders = {content.folder for content in contents if content.is_ours}
    documents = [document for content in contents for document in content.documents]
    problems = [p for content in contents for p in (*content.problems, *(content.doubtful if content.folder in our_folders else ()))]
    root = next(iter(kinds))
    problems += _duplicates(documents, root)
    problems += _projects(documents, root, broken=bool(problems))
    problems += _too_many_versions(documents)
    return tuple(documents), tuple(problems)


class _File(Frozen):
    """What one file contains. doubtful: problems with what may belong to another tool, which count only in a folder of ours."""

    folder: str
    is_ours: bool
    documents: list[Document]
    problems: list[Diagnostic]
    doubtful: list[Diagnostic]


def _restored_file(file: str, documents: Sequence[Document]) -> _File:
    return _File(folder=file.rpartition("/")[0], is_ours=True, documents=[*documents], problems=[], doubtful=[])


def _read(file: str, text: str, kinds: Collection[str]) -> _File:
    documents: list[Document] = []
    problems: list[Diagnostic] = []
    parsed, syntax = parse(file, text)
    doubtful: list[Diagnostic] = list(syntax)
    for content in parsed:
        value = content.value
        if isinstance(value, dict) and "apiVersion" in value:
            continue
        if not isinstance(value, dict) or "kind" not in value:
            doubtful += (*content.problems, *_missing_kind(file, content, kinds))
            continue
        problems += content.problems
        document = _document(file, value, content, kinds)
        if isinstance(document, Diagnostic):
            problems.append(document)
        else:
            documents.append(document)
    # a file that could not be read counts as ours when it looks like it
    is_ours = bool(documents) or (bool(doubtful) and KIND_KEY.search(text) is not None and API_VERSION_KEY.search(text) is None)
    return _File(folder=file.rpartition("/")[0], is_ours=is_ours, documents=documents, problems=problems, doubtful=doubtful)


def _document(file: str, value: dict[str, Json], content: Parsed, kinds: Collection[str]) -> Document | Diagnostic:
    kind, name = value["kind"], value.get("name")
    if kind not in kinds:
        word = str(kind)
        detail = f"leptonctl has no kind `{short(word)}`"
        hint = _similar_kind(word, tuple(kinds))
        return error("unknown-kind", "A document's kind is not known", detail, span=content.values["kind",], hint=hint)
    return Document(
        kind=str(kind),
        name=name if isinstance(name, str) else "",
        file=file,
        value=value,
        keys=content.keys,
        values=content.values,
    )


@lru_cache
def _similar_kind(word: str, kinds: tuple[str, ...]) -> str:
    similar = get_close_matches(word.capitalize(), kinds, n=1) if len(word) <= LONGEST_WORD else []
    if similar:
        return f'did you mean "{similar[0]}"?'
    return did_you_mean(word, kinds) + f"; list other tools' files under `ignore:` of the {kinds[0]}"


def _missing_kind(file: str, content: Parsed, kinds: Collection[str]) -> tuple[Diagnostic, ...]:
    # the document is empty, or could not be read at all
    if content.value is None:
        return ()
    at = content.values[()]
    root, *others = kinds
    *first, last = (f"`kind: {kind}`" for kind in others or [root])
    add = f"{', '.join(first)} or {last}" if first else last
    return (
        error(
            "missing-kind",
            "A document has no kind",
            "this document has no `kind:`, but its folder holds leptonctl documents",
            span=Span(file=file, line=at.line, column=at.column, end_column=max(at.end_column, at.column + 1)),
            hint=f"add {add}; or list the file under `ignore:` of the {root}",
        ),
    )


def _duplicates(documents: list[Document], root: str) -> list[Diagnostic]:
    first: dict[tuple[str, str], Document] = {}
    problems: list[Diagnostic] = []
    for document in documents:
        if not document.name or document.kind == root:
            continue
        earlier = first.setdefault((document.kind, document.name), document)
        if earlier is not document:
            at = earlier.at("name")
            problems.append(
                error(
                    "duplicate-name",
                    "Two documents of one kind have the same name",
                    f"{document.kind} `{document.name}` is already declared at {at.file}:{at.line}:{at.column}",
                    span=document.at("name"),
                    hint="rename one of the two; variants of a model are its `versions`",
                )
            )
    return problems


def _too_many_versions(documents: list[Document]) -> list[Diagnostic]:
    """An error at the document with which the project has more versions than a plan can hold."""
    count = 0
    for document in documents:
        versions = document.outline or document.value.get("versions")
        count += len(versions) if isinstance(versions, Sequence | dict) else 0
        if count > MOST_VERSIONS:
            detail = f"with this document, the project declares more than {MOST_VERSIONS:,} versions"
            hint = "remove versions that nothing binds (their results stay), or divide the project"
            return [error("project-too-large", "A project is too large", detail, span=document.at("versions"), hint=hint)]
    return []


def _projects(documents: list[Document], root: str, *, broken: bool) -> list[Diagnostic]:
    projects = [d for d in documents if d.kind == root]
    if not projects and not broken:
        return [
            error(
                "no-project",
                "No project is declared",
                f"no document has `kind: {root}`",
                hint=f"run `leptonctl init`, or write leptonctl.yaml with `kind: {root}`, `name:` and `format: 1`",
            )
        ]
    return [
        error(
            "duplicate-project",
            "A project has two project documents",
            f"the first one is at {projects[0].file}:{projects[0].at('kind').line}",
            span=other.at("kind"),
            hint="keep one; a nested project is a folder with its own leptonctl.yaml",
        )
        for other in projects[1:]
    ]
