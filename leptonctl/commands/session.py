"""One command's view of a project: reads its files once, and opens its store and state when they are needed."""

import os
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leptonctl.core.diagnostic import INVALID, Diagnostic, Failure, fail, has_errors
from leptonctl.core.frozen import replace
from leptonctl.core.observed import SourceFacts, SourceKey
from leptonctl.core.result import Result
from leptonctl.core.state import Author, Recipe, State
from leptonctl.core.values import Document, Ops
from leptonctl.kinds.checking import check
from leptonctl.kinds.kind import Declarations, Kind, declare
from leptonctl.kinds.project import Settings, settings
from leptonctl.kinds.table import KINDS, OPS
from leptonctl.language.load import load
from leptonctl.language.resolve import Project, resolve
from leptonctl.language.template import render
from leptonctl.project.catalog import Loaded, load_catalog
from leptonctl.project.compiled import load_checks
from leptonctl.project.digests import Digests
from leptonctl.project.files import find_root, odd_file, read_project
from leptonctl.project.observe import source_facts
from leptonctl.project.schemas import load_schema
from leptonctl.spi.catalog import Catalog
from leptonctl.spi.platforms import Say, Site, placement
from leptonctl.spi.storage import Objects
from leptonctl.storage.durable import ensure_dot_folder
from leptonctl.storage.lineage import LineageStore
from leptonctl.storage.liveness import Liveness, beats_file
from leptonctl.storage.open import open_state, open_store
from leptonctl.storage.pointers import Pointers
from leptonctl.storage.records import BadRecordAt
from leptonctl.storage.store import Store

if TYPE_CHECKING:
    from leptonctl.deploying.switch import Switch
    from leptonctl.storage.claims import Registration


@dataclass(kw_only=True)
class Session:
    """The project below `root`. Every property is computed once; Failure (exit 3) for an invalid configuration.

    `kinds` and `ops`: the tables of the engine. `suspects`: as passed to `suspect`; `needed`: address -> the files of what is bound.
    `left_out`: the damaged records that the command did without.
    """

    root: Path
    kinds: Mapping[str, Kind] = field(default_factory=lambda: KINDS)
    ops: Ops = field(default_factory=lambda: OPS)
    suspects: Mapping[str, Collection[str]] = field(default_factory=dict)
    needed: Mapping[str, Collection[str]] = field(default_factory=dict)
    left_out: list[Diagnostic] = field(default_factory=list)

    @classmethod
    def open(cls, directory: Path | None) -> "Session":
        """The project around a folder (default: the working folder)."""
        # not Path.resolve, which raises for links that lead in a circle before Python 3.13 only
        start = Path(os.path.realpath(folder_of(directory)))
        if not os.path.isdir(start):  # noqa: PTH112 - is_dir raises for a name that is too long
            raise fail("no-folder", "The folder does not exist", str(start), hint="pass an existing folder to -C")
        root = find_root(start)
        if root is None:
            detail = f"no leptonctl.yaml with `kind: Project` in {start} or above"
            raise fail("no-project", "This is not a leptonctl project", detail, hint="leptonctl init", exit_code=INVALID)
        if (odd := odd_file(root)) is not None:
            detail = f"{odd} is a link, a pipe or a device"
            hint = f"remove {odd}; name folders elsewhere with `state:` and `store:` of the Project"
            raise fail("odd-file", "A file of leptonctl's own is not a file or folder", detail, hint=hint)
        return cls(root=root)

    def reopen(self) -> "Session":
        """A session of the same project that reads its files again, after an edit."""
        return Session(root=self.root, kinds=self.kinds, ops=self.ops)

    # --- what is written -------------------------------------------------------------------------------------------

    @cached_property
    def _read(self) -> tuple[dict[str, str], tuple[Diagnostic, ...]]:
        return read_project(self.root)

    @property
    def sources(self) -> Mapping[str, str]:
        """The contents of the project's YAML files, by path."""
        return self._read[0]

    @cached_property
    def documents(self) -> tuple[Document, ...]:
        """The documents as written: templates are not filled in."""
        return self.loaded[0]

    @cached_property
    def loaded(self) -> tuple[tuple[Document, ...], tuple[Diagnostic, ...]]:
        """The documents as written, and what is wrong with the files."""
        documents, problems = load(self.sources, tuple(self.kinds))
        return documents, (*self._read[1], *problems)

    @cached_property
    def schemas(self) -> Mapping[str, dict[str, Any]]:
        """Kind -> its schema, which explains mistakes."""
        return Loaded({name: partial(load_schema, name, kind.schema) for name, kind in self.kinds.items()})

    @cached_property
    def checked(self) -> tuple[tuple[Document, ...], tuple[Diagnostic, ...]]:
        """The documents with templates filled in and checked against their schemas, and all diagnostics so far."""
        documents, problems = self.loaded
        if has_errors(problems):
            return documents, problems
        documents, unfilled = render(documents)
        if has_errors(unfilled):
            return documents, (*problems, *unfilled)
        return documents, (*problems, *unfilled, *check(documents, self.kinds, self.schemas, load_checks()))

    def only_with(self, documents: tuple[Document, ...]) -> "Session":
        """A session of the same project in which these checked documents are all there is: `validate` goes on with the sound ones."""
        part = self.reopen()
        part.__dict__["checked"] = (documents, ())  # what the property would compute
        return part

    # --- what is declared ------------------------------------------------------------------------------------------

    @cached_property
    def project(self) -> Project:
        """The documents by kind and name."""
        documents, problems = self.checked
        refuse(problems)
        return resolve(documents)

    @cached_property
    def catalog(self) -> Catalog:
        """The installed providers and back ends."""
        return load_catalog(self.cache / "providers.json")

    @cached_property
    def facts(self) -> dict[SourceKey, SourceFacts]:
        """The facts observed about the data files."""
        digests = Digests(self.cache / "digests.json")
        keys = (key for kind in self.kinds.values() for key in kind.files(self.project))
        return source_facts(keys, self.root, self.project.roots, self.catalog, digests)

    @cached_property
    def declared(self) -> tuple[Declarations, tuple[Diagnostic, ...]]:
        """Everything declared, with its diagnostics."""
        return declare(self.kinds.values(), self.project, self.catalog, self.facts)

    @property
    def declarations(self) -> Declarations:
        """Everything declared; Failure when a diagnostic is an error."""
        declarations, problems = self.declared
        refuse(problems)
        return declarations

    @cached_property
    def settings(self) -> Settings:
        """The settings of the project."""
        return settings(self.declarations)

    @property
    def address_kinds(self) -> tuple[str, ...]:
        """How addresses begin, in the order in which a short one is completed: what changes most often first."""
        return tuple(kind.address for kind in reversed(tuple(self.kinds.values())))

    # --- what is recorded ------------------------------------------------------------------------------------------

    @cached_property
    def cache(self) -> Path:
        """The folder for files that may be lost. `.leptonctl` gets its `.gitignore` before anything is written into it."""
        with suppress(Failure):
            ensure_dot_folder(self.root)
        return self.root / ".leptonctl" / "cache"

    @property
    def objects(self) -> Objects:
        """The store's objects; an error of its medium is a Failure."""
        return self.store.objects

    @cached_property
    def store(self) -> Store:
        """The part of the store that projects share."""
        return open_store(self.settings.store, self.root, self.catalog.stores)

    def leave_out(self, *damaged: BadRecordAt) -> None:
        """Go on without these records. The command names them after its output."""
        self.left_out += (d for failure in damaged for d in failure.diagnostics if d not in self.left_out)

    def results(self, keys: Iterable[str]) -> Mapping[str, Result]:
        """The results in force of the step keys that can be read; for a command that can do without the others."""
        lookup = self.store.find(keys)
        self.leave_out(*lookup.damaged.values())
        return lookup.results

    def recipes(self, declarations: Iterable[str]) -> dict[str, Recipe]:
        """The recipes of the declarations that can be read; for a command that can do without the others."""
        lookup = self.store.find_recipes(declarations)
        self.leave_out(*lookup.damaged)
        return dict(lookup.recipes)

    def suspect(self, files: Mapping[str, Collection[str]]) -> None:
        """Check the bytes of these artifacts wherever they are counted on. `files`: address -> the digests that it needs."""
        self.suspects = files
        self.store = replace(self.store, suspects=frozenset(digest for digests in files.values() for digest in digests))

    @cached_property
    def pointers(self) -> Pointers:
        """The state of the project."""
        states = open_state(self.settings.state, self.root, self.catalog.states)
        return Pointers(states=states, objects=self.objects, project=self.project.name)

    def lineage(self, state: State) -> LineageStore:
        """The part of the store that belongs to this project."""
        return self.pointers.lineage(state)

    @cached_property
    def liveness(self) -> Liveness:
        """Whether recorded processes live, from the beats that this and earlier commands have seen here."""
        return Liveness(memory=beats_file(self.cache))

    def site(self, state: State, environment: str, platform: Mapping[str, Any], *, here: bool) -> Site:
        """An environment in the form that its platform takes. `platform`: its settings as recorded or declared, with `type`.

        `here`: this folder on this host may start what serves, unless the placement says that it runs elsewhere.
        """
        return Site(
            root=self.root,
            store=self.settings.store,
            objects=self.objects,
            lineage=state.lineage,
            environment=environment,
            settings={name: value for name, value in platform.items() if name != "type"},
            here=here and placement(platform) == "here",
        )

    def switch(self, claim: "Registration", author: Author, say: Say = lambda _line: None) -> "Switch":
        """A switch that moves environments under `claim`. `say`: called with lines of progress."""
        # imported here, since commands that only plan move nothing
        from leptonctl.deploying.switch import Switch

        return Switch(
            pointers=self.pointers,
            claim=claim,
            author=author,
            platforms=self.catalog.platforms,
            root=self.root,
            store=self.settings.store,
            say=say,
        )


def folder_of(directory: Path | None) -> Path:
    """The folder that a command works in: that of -C, else the working folder. Failure `no-folder` when that was removed."""
    try:
        return Path.cwd() / (directory or "")
    except OSError as problem:
        hint = "change to an existing folder"
        raise fail("no-folder", "The working folder does not exist", "it was removed or renamed", hint=hint) from problem


def refuse(problems: tuple[Diagnostic, ...]) -> None:
    """Failure (exit 3) when one of the diagnostics is an error."""
    if has_errors(problems):
        raise Failure(problems, INVALID)
