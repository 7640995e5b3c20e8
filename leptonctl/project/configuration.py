"""A project on disk: where it is, what its files say, and which packages it can use."""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Self

from leptonctl.core.diagnostic import INVALID, Diagnostic, Failure, fail
from leptonctl.core.observed import SourceFacts, SourceKey
from leptonctl.core.values import Document
from leptonctl.kinds.kind import Declarations, Kind
from leptonctl.kinds.project import Settings, settings
from leptonctl.kinds.registry import KINDS
from leptonctl.language.resolve import Project
from leptonctl.project.catalog import load_catalog
from leptonctl.project.files import MARKER, find_root, odd_file
from leptonctl.project.reading import Reading, refuse
from leptonctl.spi.catalog import Catalog
from leptonctl.storage.durable import DOT_FOLDER, ensure_dot_folder


@dataclass(kw_only=True)
class Configuration:
    """The project below `root`. Failure (exit 3) where something needs files that are invalid. `kinds`: the table of kinds."""

    root: Path
    kinds: Mapping[str, Kind] = field(default_factory=lambda: KINDS)

    def reopen(self) -> Self:
        """The same project, whose files are read again, as after an edit."""
        return type(self)(root=self.root, kinds=self.kinds)

    # --- what the files say ----------------------------------------------------------------------------------------

    @cached_property
    def reading(self) -> Reading:
        """The files, stage by stage."""
        return self._read()

    def _read(self) -> Reading:
        return Reading(root=self.root, kinds=self.kinds, catalog=self.catalog, cache=self.cache)

    def release(self) -> None:
        """Free the memory of what was read, for a command that goes on with what is recorded. What is used again is read again; a part
        keeps its documents.
        """
        if not self.reading.is_part:
            self.reading = self._read()

    def only_with(self, documents: tuple[Document, ...]) -> Self:
        """The same project with these checked documents alone: `validate` goes on with those that are valid."""
        part = self.reopen()
        part.catalog, part.reading = self.catalog, self.reading.only_with(documents)
        return part

    @property
    def sources(self) -> Mapping[str, str]:
        """The contents of the project's YAML files, by path."""
        return self.reading.files.texts

    @property
    def documents(self) -> tuple[Document, ...]:
        """The documents as written: templates are not filled in."""
        return self.reading.documents

    def as_written(self, filled: Document) -> Document:
        """The document before its templates were filled in, which is what an edit has to change."""
        return next(d for d in self.documents if (d.kind, d.name) == (filled.kind, filled.name))

    @property
    def project(self) -> Project:
        """The documents by kind and name."""
        return self.reading.project

    @property
    def facts(self) -> Mapping[SourceKey, SourceFacts]:
        """The facts observed about the data files."""
        return self.reading.facts

    @property
    def declared(self) -> tuple[Declarations, tuple[Diagnostic, ...]]:
        """Everything declared, with its diagnostics."""
        return self.reading.declared

    @property
    def declarations(self) -> Declarations:
        """Everything declared. Failure when a diagnostic is an error."""
        declarations, problems = self.declared
        refuse(problems)
        return declarations

    @cached_property
    def settings(self) -> Settings:
        """The settings of the project."""
        return settings(self.declarations)

    @property
    def address_kinds(self) -> tuple[str, ...]:
        """The first words of addresses, in the order in which a short one is completed: what changes most often first."""
        return tuple(kind.address for kind in reversed(tuple(self.kinds.values())))

    # --- what is installed, and the cache --------------------------------------------------------------------------

    @cached_property
    def catalog(self) -> Catalog:
        """The installed providers and back ends."""
        return load_catalog(self.cache / "providers.json")

    @cached_property
    def cache(self) -> Path:
        """The folder for files that may be lost. `.leptonctl` gets its `.gitignore` before anything is written into it."""
        with suppress(Failure):
            ensure_dot_folder(self.root)
        return self.root / DOT_FOLDER / "cache"


def project_root(start: Path) -> Path:
    """The folder of the project around a folder. Failure: no-folder, no-project, odd-file."""
    if not os.path.isdir(start):  # noqa: PTH112 - is_dir raises for a name that is too long
        raise fail("no-folder", "The folder does not exist", str(start), hint="pass an existing folder to -C")
    root = find_root(start)
    if root is None:
        detail, hint = f"no leptonctl.yaml with `kind: Project` in {start} or above", "leptonctl init"
        if (start / MARKER).is_file():
            detail = f"{start / MARKER} has no line `kind: Project`"
            hint = f"write `kind: Project`, `name: NAME` and `format: 1` at its top, or move {MARKER} away and run `leptonctl init`"
        raise fail("no-project", "This is not a leptonctl project", detail, hint=hint, exit_code=INVALID)
    if (odd := odd_file(root)) is not None:
        detail = f"{odd} is a link, a pipe or a device"
        hint = f"remove {odd}; name folders elsewhere with `state:` and `store:` of the Project"
        raise fail("odd-file", "A file of leptonctl's own is not a file or folder", detail, hint=hint)
    return root
