"""The files of a dataset version: one, a list, a folder or a glob, and what is appended. Pure, given the observed files."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
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
    """One path that a version names, at `at` in `declared`. reader: the version whose options read it. pin: of an appended version."""

    path: str
    reader: Declared
    declared: Declared
    at: Path
    pin: str | None = None

    @property
    def span(self) -> Span:
        """Where it is written, looked up only for a problem."""
        return self.declared.at(*self.at)


class Part(Frozen):
    """One of several files of a version. digest: as observed."""

    path: str
    digest: str
    reader: Declared


class Content(Frozen):
    """The content of a block. digest: as observed, None while it cannot be read. parts: the files, () for the path of a single file."""

    path: str
    provider: Source
    digest: str | None
    columns: tuple[str, ...] | None
    outside: bool
    parts: tuple[Part, ...] = ()


def entries(declared: Declared, at: Path, versions: Mapping[str, Declared]) -> Iterator[Entry | Diagnostic]:
    """The paths that the block at `at` names, with those of what it appends; an error in place of a version that cannot be appended."""
    yield from _own_entries(declared, at)
    if not at:
        yield from _appended_entries(declared, versions, (declared.version,))


def content_of(
    declared: Declared, at: Path, versions: Mapping[str, Declared], catalog: Catalog, facts: Mapping[SourceKey, SourceFacts]
) -> tuple[Content | None, list[Diagnostic]]:
    """The content of the block at `at`, and what is wrong with it. Pinned content is returned even if its files are gone."""
    listed = [*entries(declared, at, versions)]
    problems = [entry for entry in listed if isinstance(entry, Diagnostic)]
    if problems:
        return None, problems
    sources = [entry for entry in listed if isinstance(entry, Entry)]
    block = _block(declared, at)
    if not sources:
        detail, span = "`source` is missing: the file to read the rows from", declared.span_without("source")
        return None, [error("missing-source", "Dataset version names no source file", detail, span=span, hint="add `source: PATH`")]
    observed = {entry.path: facts.get(source_key(entry.reader, entry.path), SourceFacts()) for entry in sources}
    is_pinned = isinstance(block.get("digest"), str)
    if not any(_is_foreign(entry.path, observed[entry.path], catalog) for entry in sources):
        problems = [problem for entry in sources for problem in _path_problems(entry, observed[entry.path], is_pinned=is_pinned)]
    provider, problems = (None, problems) if problems else _provider(sources, observed, catalog)
    if provider is None:
        return None, problems
    first = observed[sources[0].path]
    if isinstance(block.get("source"), str) and len(sources) == 1 and not first.files:
        return Content(
            path=sources[0].path, provider=provider, digest=first.digest, columns=first.columns, outside=first.outside
        ), []  # fmt: skip
    return _several_files(sources, observed, provider)


def _several_files(sources: list[Entry], observed: Mapping[str, SourceFacts], provider: Source) -> tuple[Content, list[Diagnostic]]:
    """The content of several files, or of a folder or glob."""
    # sorted by path, as in the digest: their order in the YAML changes no row
    parts = tuple(sorted((part for entry in sources for part in _parts(entry, observed[entry.path])), key=lambda part: part.path))
    is_complete = all(facts.digest is not None for facts in observed.values())
    content = Content(
        path=_short_list([entry.path for entry in sources]),
        provider=provider,
        digest=files_digest((part.path, part.digest) for part in parts) if is_complete else None,
        columns=observed[sources[0].path].columns,
        outside=any(facts.outside for facts in observed.values()),
        parts=parts,
    )
    return content, [*_repeated_file(sources, parts)]


def _block(declared: Declared, at: Path) -> Mapping[str, Json]:
    block = declared.fields.get(str(at[0])) if at else declared.fields
    return block if isinstance(block, Mapping) else {}


def _own_entries(declared: Declared, at: Path) -> Iterator[Entry]:
    source = _block(declared, at).get("source")
    if isinstance(source, str):
        yield Entry(path=source, reader=declared, declared=declared, at=(*at, "source"))
    for place, path in enumerate(source if isinstance(source, list) else ()):
        yield Entry(path=str(path), reader=declared, declared=declared, at=(*at, "source", place))


def _appended_entries(declared: Declared, versions: Mapping[str, Declared], path: tuple[str, ...]) -> Iterator[Entry | Diagnostic]:
    """What a version appends, and what that appends in turn. path: the names of the versions from the first one to this."""
    for place, item in enumerate(cast("list[dict[str, Json]]", declared.fields.get("append") or [])):
        if "file" in item:
            yield Entry(path=str(item["file"]), reader=declared, declared=declared, at=("append", place, "file"))
            continue
        name = str(item.get("version"))
        other = versions.get(name)
        if other is None:
            span = declared.at("append", place)
            detail, hint = "this dataset has no version of this name", did_you_mean(name, versions)
            yield error("unknown-dataset-version", "A version appends one that is not declared", detail, span=span, hint=hint)
        elif name in path:
            span = declared.at("append", place)
            detail, hint = f"{name} appends itself" + (f", by way of {declared.version}" if path[1:] else ""), "remove it from `append`"
            yield error("append-circle", "A version appends itself", detail, span=span, hint=hint)
        else:
            own, digest = [*_own_entries(other, ())], other.fields.get("digest")
            pin = digest if isinstance(digest, str) and len(own) == 1 and "append" not in other.fields else None
            here: Path = ("append", place)
            yield from (Entry(path=entry.path, reader=other, declared=declared, at=here, pin=pin) for entry in own)
            yield from _appended_entries(other, versions, (*path, name))


def _path_problems(entry: Entry, facts: SourceFacts, *, is_pinned: bool) -> Iterator[Diagnostic]:
    """Why a path cannot be used. A pinned one may be gone, since its results may exist."""
    if facts.problem is not None and (not is_pinned or facts.problem[0] in ("outside-project", "too-many-files")):
        name, summary, detail, hint = facts.problem
        yield error(name, summary, detail, span=entry.span, hint=hint)
    elif entry.pin is not None and facts.digest is not None and facts.digest != entry.pin and not is_pinned:
        detail = f"{entry.path} no longer has the bytes that the appended version pins"
        hint = "restore the file, or append another version"
        yield error("source-changed", "A pinned file does not have the pinned bytes", detail, span=entry.span, hint=hint)


def _is_foreign(path: str, facts: SourceFacts, catalog: Catalog) -> bool:
    """Whether a missing file is of a format that no source reads: then the format is the error."""
    absent = facts.problem is not None and facts.problem[0] == "missing-file"
    return absent and "." in path.rpartition("/")[2] and catalog.source_for(path) is None


def _provider(sources: list[Entry], observed: Mapping[str, SourceFacts], catalog: Catalog) -> tuple[Source | None, list[Diagnostic]]:
    """The format of all the files."""
    providers: dict[str, tuple[Source, str]] = {}
    for entry in sources:
        for path in [name for name, _ in observed[entry.path].files] or [entry.path]:
            provider = catalog.source_for(path)
            if provider is None:
                known = ", ".join(sorted(s for source in catalog.sources.values() for s in source.suffixes))
                detail = f"known: {known}" if path == entry.path else f"{path}; known: {known}"
                hint = "save the data as CSV, JSON Lines or Parquet"
                return None, [error("unknown-format", "No source reads files with this ending", detail, span=entry.span, hint=hint)]
            providers.setdefault(provider.name, (provider, path))
        if len(providers) > 1:
            detail = " and ".join(f"{path} is {name}" for name, (_, path) in providers.items())
            hint = 'convert the files to one format, or name those of one format, as in `source: "data/*.csv"`'
            return None, [error("mixed-formats", "The files of a version have several formats", detail, span=entry.span, hint=hint)]
    return next(iter(providers.values()))[0], []


def _parts(entry: Entry, facts: SourceFacts) -> Iterator[Part]:
    for path, content in facts.files or ([(entry.path, facts.digest)] if facts.digest is not None else []):
        yield Part(path=path, digest=content, reader=entry.reader)


def _repeated_file(sources: list[Entry], parts: tuple[Part, ...]) -> Iterator[Diagnostic]:
    # the parts are sorted by path
    repeated = next((part.path for part, following in pairwise(parts) if part.path == following.path), None)
    if repeated is not None:
        detail, hint = f"{repeated} is named more than once, so its rows would count twice", "name each file once"
        yield error("repeated-file", "A version reads a file twice", detail, span=sources[-1].span, hint=hint)


def _short_list(paths: list[str]) -> str:
    more = f" and {len(paths) - MOST_NAMED} more" if len(paths) > MOST_NAMED else ""
    return ", ".join(paths[:MOST_NAMED]) + more
