"""What a dataset version is read from: a file, a list, a folder or a glob, and what is appended. Pure, given the observed files."""

from collections.abc import Iterator, Mapping
from typing import cast

from leptonctl.core.diagnostic import Diagnostic, did_you_mean, error
from leptonctl.core.frozen import Frozen
from leptonctl.core.observed import SourceFacts, SourceKey, files_digest
from leptonctl.core.values import Json, Path, Span
from leptonctl.kinds.dataset.reading import source_key
from leptonctl.language.resolve import Declared
from leptonctl.spi.catalog import Catalog
from leptonctl.spi.learning import Source

MOST_NAMED = 3


class Entry(Frozen):
    """One path that a version names, and the version whose options read it. pin: of another version, appended.

    It stands at `at` in `declared`.
    """

    path: str
    reader: Declared
    declared: Declared
    at: Path
    pin: str | None = None

    @property
    def span(self) -> Span:
        """Where it stands in the YAML, looked up only for a problem."""
        return self.declared.at(*self.at)


class Part(Frozen):
    """One of several files of a version. digest: as observed."""

    path: str
    digest: str
    reader: Declared


class Content(Frozen):
    """The content of a block. digest: as observed, None while it cannot be read. parts: the files, unless the source is a single path
    of a file.
    """

    path: str
    provider: Source
    digest: str | None
    columns: tuple[str, ...] | None
    outside: bool
    parts: tuple[Part, ...] = ()


def entries(declared: Declared, at: Path, versions: Mapping[str, Declared], problems: list[Diagnostic] | None = None) -> Iterator[Entry]:
    """The paths that the block at `at` names, with those of what it appends. Mistakes are added to `problems`."""
    yield from _own(declared, at)
    if not at:
        yield from _appended(declared, versions, [] if problems is None else problems, (declared.version,))


def content_of(
    declared: Declared, at: Path, versions: Mapping[str, Declared], catalog: Catalog, facts: Mapping[SourceKey, SourceFacts]
) -> tuple[Content | None, list[Diagnostic]]:
    """The content of the block at `at`, and what is wrong with it. Pinned content may be there although its files are not."""
    problems: list[Diagnostic] = []
    named = [*entries(declared, at, versions, problems)]
    if problems:
        return None, problems
    block = _block(declared, at)
    if not named:
        detail, span = "`source` is missing: the file to read the rows from", declared.lacking("source")
        return None, [error("missing-source", "Dataset version names no source file", detail, span=span, hint="add `source: PATH`")]
    seen = {entry.path: facts.get(source_key(entry.reader, entry.path), SourceFacts()) for entry in named}
    pinned = isinstance(block.get("digest"), str)
    foreign = [entry for entry in named if _is_foreign(entry.path, seen[entry.path], catalog)]
    problems = [] if foreign else [problem for entry in named for problem in _unusable(entry, seen[entry.path], pinned=pinned)]
    provider, problems = (None, problems) if problems else _provider(named, seen, catalog)
    if provider is None:
        return None, problems
    first = seen[named[0].path]
    if isinstance(block.get("source"), str) and len(named) == 1 and not first.files:
        return Content(
            path=named[0].path, provider=provider, digest=first.digest, columns=first.columns, outside=first.outside
        ), []  # fmt: skip
    # in the order of their names, as the digest has them: how they are written changes no row
    parts = tuple(sorted((part for entry in named for part in _parts(entry, seen[entry.path])), key=lambda part: part.path))
    problems = [*_repeated(named, parts)]
    complete = all(facts.digest is not None for facts in seen.values())
    return Content(
        path=_shown([entry.path for entry in named]),
        provider=provider,
        digest=files_digest((part.path, part.digest) for part in parts) if complete else None,
        columns=first.columns,
        outside=any(facts.outside for facts in seen.values()),
        parts=parts,
    ), problems


def _block(declared: Declared, at: Path) -> Mapping[str, Json]:
    block = declared.fields.get(str(at[0])) if at else declared.fields
    return block if isinstance(block, Mapping) else {}


def _own(declared: Declared, at: Path) -> Iterator[Entry]:
    source = _block(declared, at).get("source")
    if isinstance(source, str):
        yield Entry(path=source, reader=declared, declared=declared, at=(*at, "source"))
    for place, path in enumerate(source if isinstance(source, list) else ()):
        yield Entry(path=str(path), reader=declared, declared=declared, at=(*at, "source", place))


def _appended(declared: Declared, versions: Mapping[str, Declared], problems: list[Diagnostic], passed: tuple[str, ...]) -> Iterator[Entry]:
    for place, item in enumerate(cast("list[dict[str, Json]]", declared.fields.get("append") or [])):
        if "file" in item:
            yield Entry(path=str(item["file"]), reader=declared, declared=declared, at=("append", place, "file"))
            continue
        name = str(item.get("version"))
        other = versions.get(name)
        if other is None:
            span = declared.at("append", place)
            detail, hint = "this dataset has no version of this name", did_you_mean(name, versions)
            problems.append(error("unknown-dataset-version", "A version appends one that is not declared", detail, span=span, hint=hint))
        elif name in passed:
            span = declared.at("append", place)
            detail, hint = f"{name} appends itself" + (f", by way of {declared.version}" if passed[1:] else ""), "remove it from `append`"
            problems.append(error("append-circle", "A version appends itself", detail, span=span, hint=hint))
        else:
            pin = other.fields.get("digest") if "append" not in other.fields else None
            own = [*_own(other, ())]
            pin = pin if isinstance(pin, str) and len(own) == 1 else None
            here: Path = ("append", place)
            yield from (Entry(path=entry.path, reader=other, declared=declared, at=here, pin=pin) for entry in own)
            yield from _appended(other, versions, problems, (*passed, name))


def _unusable(entry: Entry, facts: SourceFacts, *, pinned: bool) -> Iterator[Diagnostic]:
    """Why a path cannot be used. What is pinned stays usable without its file: all its results may exist."""
    if facts.problem is not None and (not pinned or facts.problem[0] in ("outside-project", "too-many-files")):
        name, summary, detail, hint = facts.problem
        yield error(name, summary, detail, span=entry.span, hint=hint)
    elif entry.pin is not None and facts.digest is not None and facts.digest != entry.pin and not pinned:
        detail = f"{entry.path} no longer has the bytes that the appended version pins"
        hint = "restore the file, or append another version"
        yield error("source-changed", "A pinned file does not have its bytes", detail, span=entry.span, hint=hint)


def _is_foreign(path: str, facts: SourceFacts, catalog: Catalog) -> bool:
    """Whether it is no use to look for the file: no source would read it."""
    absent = facts.problem is not None and facts.problem[0] == "missing-file"
    return absent and "." in path.rpartition("/")[2] and catalog.source_for(path) is None


def _provider(named: list[Entry], seen: Mapping[str, SourceFacts], catalog: Catalog) -> tuple[Source | None, list[Diagnostic]]:
    """The format of all the files."""
    found: dict[str, tuple[Source, str]] = {}
    for entry in named:
        for path in [name for name, _ in seen[entry.path].files] or [entry.path]:
            provider = catalog.source_for(path)
            if provider is None:
                known = ", ".join(sorted(s for source in catalog.sources.values() for s in source.suffixes))
                detail = f"known: {known}" if path == entry.path else f"{path}; known: {known}"
                hint = "save the data as CSV, JSON Lines or Parquet"
                return None, [error("unknown-format", "No source reads files with this ending", detail, span=entry.span, hint=hint)]
            found.setdefault(provider.name, (provider, path))
        if len(found) > 1:
            detail = " and ".join(f"{path} is {name}" for name, (_, path) in found.items())
            hint = 'convert the files to one format, or name those of one format, as in `source: "data/*.csv"`'
            return None, [error("mixed-formats", "The files of a version have several formats", detail, span=entry.span, hint=hint)]
    return next(iter(found.values()))[0], []


def _parts(entry: Entry, facts: SourceFacts) -> Iterator[Part]:
    for path, content in facts.files or ([(entry.path, facts.digest)] if facts.digest is not None else []):
        yield Part(path=path, digest=content, reader=entry.reader)


def _repeated(named: list[Entry], parts: tuple[Part, ...]) -> Iterator[Diagnostic]:
    paths = [part.path for part in parts]
    twice = next((path for place, path in enumerate(paths) if path in set(paths[:place])), None) if len({*paths}) < len(paths) else None
    if twice is not None:
        detail, hint = f"{twice} is named more than once, so its rows would count twice", "name each file once"
        yield error("repeated-file", "A version reads a file twice", detail, span=named[-1].span, hint=hint)


def _shown(paths: list[str]) -> str:
    more = f" and {len(paths) - MOST_NAMED} more" if len(paths) > MOST_NAMED else ""
    return ", ".join(paths[:MOST_NAMED]) + more
