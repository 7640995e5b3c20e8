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
    sources = _Sources(root, roots, catalog, digests)
    facts = {key: sources.recall(key) or sources.observe(key) for key in dict.fromkeys(keys)}
    digests.save()
    return facts


class _Sources:
    """The sources of one project."""

    def __init__(self, root: Path, roots: tuple[str, ...], catalog: Catalog, digests: Digests) -> None:
        self._home = Path(os.path.realpath(root))
        self._files, self._catalog, self._digests = DataFiles(root, roots), catalog, digests
        self._headers: dict[tuple[object, ...], str | None] = {}
        # then the part of a name from its first dot on holds its suffix
        self._dotted = all(suffix.startswith(".") for source in catalog.sources.values() for suffix in source.suffixes)

    def recall(self, key: SourceKey) -> SourceFacts | None:
        """The facts of a file in the project that is unchanged since an earlier command: nearly all of thousands. None for any other."""
        file = self._files.direct(key.path) if key.largest is None else None
        header = self._header(key) if file is not None else None
        known = self._digests.recall(*file, header) if file is not None and header is not None else None
        return SourceFacts(digest=known[0], columns=tuple(known[1])) if known is not None else None

    def _header(self, key: SourceKey) -> str | None:
        """How the header is read, from the suffix of the name and the options; None when no source reads such a file."""
        name = key.path.rpartition("/")[2]
        ending = (name[name.find(".") :] if self._dotted and "." in name else name, *key[1:])
        if ending not in self._headers:
            source = self._catalog.source_for(key.path)
            self._headers[ending] = header_key(source.name, _options(key)) if source is not None else None
        return self._headers[ending]

    def observe(self, key: SourceKey) -> SourceFacts:
        """The facts of a source, read from its files."""
        path = key.path
        pairs: tuple[tuple[str, str], ...] = ()
        try:
            try:
                file = self._files.file(path)
                _refuse_large(file, key)
                content = self._digests.digest(file)
            except ProviderError as problem:
                if key.largest is not None:
                    raise  # a single file
                names = self._expand(path, problem)
                pairs = tuple((name, self._digests.digest(self._files.file(name))) for name in names)
                file, content = self._files.file(names[0]), files_digest(pairs)
        except ProviderError as problem:
            if problem.id == "missing-file" and not is_glob(path):
                problem.hint = self._moved_hint(path) or problem.hint
            return SourceFacts(problem=(problem.id, problem.summary, problem.detail, problem.hint))
        outside = not all(self._files.file(name).is_relative_to(self._home) for name in ([name for name, _ in pairs] or [path]))
        return SourceFacts(digest=content, columns=self._columns(key, file, pairs), outside=outside, files=pairs)

    def _columns(self, key: SourceKey, file: Path, pairs: tuple[tuple[str, str], ...]) -> tuple[str, ...] | None:
        """The columns of the first file. An error inside it is reported with its line when the rows are read."""
        source = self._catalog.source_for(pairs[0][0] if pairs else key.path)
        if source is None:
            return None
        with suppress(ProviderError):
            return tuple(self._digests.columns(file, source, _options(key)))
        return None

    def _moved_hint(self, path: str) -> str:
        """The hint for a missing file whose bytes another file has; "" when there is none."""
        with suppress(ProviderError, OSError):
            names = matching(self._home, f"**/*{Path(path).suffix}")
            moved = self._digests.find_moved(self._files.file(path), (self._home / name for name in names))
            return f"{moved.relative_to(self._home).as_posix()} has its bytes: write that" if moved is not None else ""
        return ""

    def _expand(self, path: str, problem: ProviderError) -> list[str]:
        """The files of a folder or a glob. Raises `problem`, why the path is not a file, if it is neither or holds none."""
        files = self._files
        names: list[str] = []
        if problem.id == "not-a-file" and files.is_folder(path):
            folder = path.rstrip("/")
            names = [f"{folder}/{name}" for name in matching(files.file(path), "*") if self._catalog.source_for(name) is not None]
        elif problem.id == "missing-file" and is_glob(path):
            folder = literal_folder(path)
            names = [f"{folder}/{name}" if folder else name for name in matching(files.folder(folder), path.removeprefix(f"{folder}/"))]
            problem.detail = f"No file matches {path}."
            problem.hint = "check the path; `*` is any name, `**` any number of folders, and hidden names are skipped"
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
