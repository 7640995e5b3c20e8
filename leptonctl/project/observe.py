"""Observes the world before planning, as values: data files and the commit. Changes nothing but a cache."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from leptonctl.core.observed import Checkout, SourceFacts, SourceKey, files_digest
from leptonctl.project import git
from leptonctl.project.digests import DataFiles, Digests, header_key, stat_of
from leptonctl.project.globs import is_glob, literal_folder, matching
from leptonctl.spi.catalog import Catalog
from leptonctl.spi.learning import ProviderError, SourceOptions


def source_facts(
    keys: Iterable[SourceKey], root: Path, roots: tuple[str, ...], catalog: Catalog, digests: Digests
) -> dict[SourceKey, SourceFacts]:
    """The content digest and the header of every source that a dataset names: a file, or the files of a folder or a glob."""
    files = DataFiles(root, roots)
    home = Path(os.path.realpath(root))
    known = _Known(files, catalog, digests)
    facts = {key: known.facts(key) or _facts(key, home, files, catalog, digests) for key in dict.fromkeys(keys)}
    digests.save()
    return facts


class _Known:
    """The facts of files that lie in the project and are as an earlier command found them: nearly all of thousands."""

    def __init__(self, files: DataFiles, catalog: Catalog, digests: Digests) -> None:
        self._files, self._catalog, self._digests = files, catalog, digests
        self._headers: dict[tuple[object, ...], str | None] = {}
        # from the first dot on, a name has all that such endings can be of
        self._dotted = all(suffix.startswith(".") for source in catalog.sources.values() for suffix in source.suffixes)

    def facts(self, key: SourceKey) -> SourceFacts | None:
        """The facts of a file; None where they have to be found out."""
        place = self._files.direct(key.path) if key.largest is None else None
        header = self._header(key) if place is not None else None
        found = self._digests.recall(*place, header) if place is not None and header is not None else None
        return SourceFacts(digest=found[0], columns=tuple(found[1])) if found is not None else None

    def _header(self, key: SourceKey) -> str | None:
        """How the header is read, which the end of the name and the options say; None where no source reads such a file."""
        name = key.path.rpartition("/")[2]
        ending = (name[name.find(".") :] if self._dotted and "." in name else name, *key[1:])
        if ending not in self._headers:
            source = self._catalog.source_for(key.path)
            self._headers[ending] = header_key(source.name, _options(key)) if source is not None else None
        return self._headers[ending]


def _facts(key: SourceKey, home: Path, files: DataFiles, catalog: Catalog, digests: Digests) -> SourceFacts:
    path = key.path
    pairs: tuple[tuple[str, str], ...] = ()
    try:
        try:
            file = files.file(path)
            _refuse_large(file, key)
            content = digests.digest(file)
        except ProviderError as problem:
            if key.largest is not None:
                raise  # a single file
            names = _several(path, files, catalog, problem)
            pairs = tuple((name, digests.digest(files.file(name))) for name in names)
            file, content = files.file(names[0]), files_digest(pairs)
    except ProviderError as problem:
        if problem.id == "missing-file" and not is_glob(path):
            problem.hint = _moved(path, home, files, digests) or problem.hint
        return SourceFacts(problem=(problem.id, problem.summary, problem.detail, problem.hint))
    outside = not all(files.file(name).is_relative_to(home) for name in ([name for name, _ in pairs] or [path]))
    source = catalog.source_for(pairs[0][0] if pairs else path)
    if source is None:
        return SourceFacts(digest=content, files=pairs, outside=outside)
    try:
        columns = digests.columns(file, source, _options(key))
    except ProviderError:
        # errors inside the file are reported with their line when it is read
        return SourceFacts(digest=content, files=pairs, outside=outside)
    return SourceFacts(digest=content, columns=tuple(columns), outside=outside, files=pairs)


def _moved(path: str, home: Path, files: DataFiles, digests: Digests) -> str:
    """The hint for a file that is gone, where another one has the bytes that it had; "" where none has."""
    with suppress(ProviderError, OSError):
        names = matching(home, f"**/*{Path(path).suffix}")
        same = digests.same_as(files.file(path), (home / name for name in names))
        return f"{same.relative_to(home).as_posix()} has its bytes: write that" if same is not None else ""
    return ""


def _several(path: str, files: DataFiles, catalog: Catalog, problem: ProviderError) -> list[str]:
    """The files of a folder or a glob. Raises `problem`, why the path is no file, where it names neither."""
    if problem.id == "not-a-file" and files.is_folder(path):
        folder = path.rstrip("/")
        names = [f"{folder}/{name}" for name in matching(files.file(path), "*") if catalog.source_for(name) is not None]
    elif problem.id == "missing-file" and is_glob(path):
        folder = literal_folder(path)
        names = [f"{folder}/{name}" if folder else name for name in matching(files.folder(folder), path.removeprefix(f"{folder}/"))]
        problem.detail = f"No file matches {path}."
        problem.hint = "check the path; `*` is any name, `**` any number of folders, and hidden names are passed over"
    else:
        names = []
    if not names:
        raise problem
    return names


def _refuse_large(file: Path, key: SourceKey) -> None:
    """Raises ProviderError for a file that is larger than its key allows: it is not worth reading."""
    if key.largest is not None and (size := stat_of(file)[0]) > key.largest:
        raise ProviderError(
            "A file is too large",
            detail=f"It has {size / 2**20:,.0f} MiB; at most {key.largest / 2**20:,.0f} MiB are read.",
            hint="make the model smaller, for example with fewer trees or by quantising its weights",
            id="file-too-large",
        )


def _options(key: SourceKey) -> SourceOptions:
    return SourceOptions(**{name: value for name, value in key._asdict().items() if name not in ("path", "largest")})


def checkout(root: Path, files: Iterable[str], commits: Iterable[str]) -> Checkout:
    """The current commit, the declared files that differ from it, and which of `commits` it contains."""
    commit = git.head(root, files)
    if commit is None:
        commits = tuple(commits)
        return Checkout(contains=dict.fromkeys(commits), unreadable=bool(commits) and git.is_unreadable(root))
    return Checkout(commit=commit.hash, dirty=commit.dirty, contains={c: git.contains(root, c, commit.hash) for c in commits})
