"""Observes the world before planning, as values: data files and the commit. Changes nothing but a cache."""

import os
from collections.abc import Iterable
from pathlib import Path

from leptonctl.core.observed import Checkout, SourceFacts, SourceKey
from leptonctl.project import git
from leptonctl.project.digests import DataFiles, Digests
from leptonctl.spi.catalog import Catalog
from leptonctl.spi.learning import ProviderError, SourceOptions


def source_facts(
    keys: Iterable[SourceKey], root: Path, roots: tuple[str, ...], catalog: Catalog, digests: Digests
) -> dict[SourceKey, SourceFacts]:
    """The content digest and the header of every file that a dataset names."""
    files = DataFiles(root, roots)
    home = Path(os.path.realpath(root))
    facts = {key: _facts(key, home, files, catalog, digests) for key in dict.fromkeys(keys)}
    digests.save()
    return facts


def _facts(key: SourceKey, home: Path, files: DataFiles, catalog: Catalog, digests: Digests) -> SourceFacts:
    path, source = key.path, catalog.source_for(key.path)
    try:
        file = files.file(path)
        content = digests.digest(file)
    except ProviderError as problem:
        return SourceFacts(problem=(problem.id, problem.summary, problem.detail, problem.hint))
    if source is None:
        return SourceFacts(digest=content)
    try:
        columns = digests.columns(file, source, _options(key))
    except ProviderError:
        # errors inside the file are reported with their line when it is read
        return SourceFacts(digest=content)
    return SourceFacts(digest=content, columns=tuple(columns), outside=not file.is_relative_to(home))


def _options(key: SourceKey) -> SourceOptions:
    return SourceOptions(**{name: value for name, value in key._asdict().items() if name != "path"})


def checkout(root: Path, files: Iterable[str], commits: Iterable[str]) -> Checkout:
    """The current commit, the declared files that differ from it, and which of `commits` it contains."""
    commit = git.head(root, files)
    if commit is None:
        commits = tuple(commits)
        return Checkout(contains=dict.fromkeys(commits), unreadable=bool(commits) and git.is_unreadable(root))
    return Checkout(commit=commit.hash, dirty=commit.dirty, contains={c: git.contains(root, c, commit.hash) for c in commits})
