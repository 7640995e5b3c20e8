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
from leptonctl.deploying.sites import Sites
from leptonctl.kinds.checking import check
from leptonctl.kinds.kind import Declarations, Kind, declare
from leptonctl.kinds.model.outline import KINDS as OUTLINED
from leptonctl.kinds.model.outline import Outlines, outlines_of, variables_digest
from leptonctl.kinds.model.restore import fill, restore_documents, restore_versions
from leptonctl.kinds.project import Settings, settings
from leptonctl.kinds.registry import KINDS, OPS
from leptonctl.language.load import load
from leptonctl.language.resolve import PROJECT, Project, resolve
from leptonctl.language.template import render
from leptonctl.project.catalog import Loaded, load_catalog
from leptonctl.project.compiled import load_checks
from leptonctl.project.digests import Digests
from leptonctl.project.files import MARKER, Files, find_root, odd_file, read_project
from leptonctl.project.observe import source_facts
from leptonctl.project.outlines import read_outlines, write_outlines
from leptonctl.project.schemas import load_schema
from leptonctl.spi.catalog import Catalog
from leptonctl.spi.platforms import Say
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

    `caller`: the command that claims and locks name; "" for the command line of this process. `kinds` and `ops`: the tables of the
    engine. `suspects`: as passed to `suspect`; `needed`: address -> the files of what is bound. `left_out`: the damaged records that
    the command did without. `is_part`: it has some of the documents only, as `only_with` says.
    """

    root: Path
    caller: str = ""
    kinds: Mapping[str, Kind] = field(default_factory=lambda: KINDS)
    ops: Ops = field(default_factory=lambda: OPS)
    suspects: Mapping[str, Collection[str]] = field(default_factory=dict)
    needed: Mapping[str, Collection[str]] = field(default_factory=dict)
    left_out: list[Diagnostic] = field(default_factory=list)
    is_part: bool = False

    @classmethod
    def open(cls, directory: Path | None, caller: str = "") -> "Session":
        """The project around a folder (default: the working folder)."""
        # not Path.resolve, which raises for links that lead in a circle before Python 3.13 only
        start = Path(os.path.realpath(folder_of(directory)))
        if not os.path.isdir(start):  # noqa: PTH112 - is_dir raises for a name that is too long
            raise fail("no-folder", "The folder does not exist", str(start), hint="pass an existing folder to -C")
        root = find_root(start)
        if root is None:
            if (start / MARKER).is_file():
                detail = f"{start / MARKER} has no line `kind: Project`"
                hint = f"write `kind: Project`, `name: NAME` and `format: 1` at its top, or move {MARKER} away and run `leptonctl init`"
                raise fail("no-project", "This is not a leptonctl project", detail, hint=hint, exit_code=INVALID)
            detail = f"no leptonctl.yaml with `kind: Project` in {start} or above"
            raise fail("no-project", "This is not a leptonctl project", detail, hint="leptonctl init", exit_code=INVALID)
        if (odd := odd_file(root)) is not None:
            detail = f"{odd} is a link, a pipe or a device"
            hint = f"remove {odd}; name folders elsewhere with `state:` and `store:` of the Project"
            raise fail("odd-file", "A file of leptonctl's own is not a file or folder", detail, hint=hint)
        return cls(root=root, caller=caller)

    def reopen(self) -> "Session":
        """A session of the same project that reads its files again, after an edit."""
        return Session(root=self.root, caller=self.caller, kinds=self.kinds, ops=self.ops)

    # --- what is written -------------------------------------------------------------------------------------------

    @cached_property
    def files(self) -> Files:
        """The project's YAML files."""
        return read_project(self.root, {file: one.text for file, one in self._outlines.files.items()})

    @property
    def sources(self) -> Mapping[str, str]:
        """The contents of the project's YAML files, by path."""
        return self.files.texts

    @cached_property
    def documents(self) -> tuple[Document, ...]:
        """The documents as written: templates are not filled in."""
        return self.loaded[0]

    @cached_property
    def loaded(self) -> tuple[tuple[Document, ...], tuple[Diagnostic, ...]]:
        """The documents as written, and what is wrong with the files."""
        documents, problems = load(self.sources, tuple(self.kinds), self._restored)
        if any(problem.span is not None and problem.span.file == MARKER for problem in self.files.problems):
            # the project is declared in a file that cannot be read
            problems = tuple(problem for problem in problems if problem.id != "no-project")
        return documents, (*self.files.problems, *problems)

    @cached_property
    def _outlines(self) -> Outlines:
        """What the cache knows of the files. Nothing where a package of other people's decides what a model or a dataset is."""
        return read_outlines(self.cache / "outlines") if self._has_outlines else Outlines()

    @cached_property
    def _has_outlines(self) -> bool:
        return all(self.kinds.get(name) is KINDS[name] for name in OUTLINED) and not self.catalog.extended

    @cached_property
    def _restored(self) -> dict[str, tuple[Document, ...]]:
        """The documents of files that are as an earlier command found them, as written."""
        kinds, files = tuple(self.kinds), self.files
        known = {file: one for file, one in self._outlines.files.items() if files.digests.get(file) == one.text}
        if any(one.vars for one in known.values()):
            others, _ = load({file: text for file, text in files.texts.items() if file not in known}, kinds)
            variables = variables_digest(others)
            known = {file: one for file, one in known.items() if one.vars in ("", variables)}
        return {file: restore_documents(file, files.texts[file], one, kinds) for file, one in known.items()}

    def fill(self, documents: tuple[Document, ...]) -> tuple[tuple[Document, ...], tuple[Diagnostic, ...]]:
        """The documents with templates filled in, and what is wrong with the templates. Of a restored one it is known that nothing is."""
        rest, problems = render(document for document in documents if document.outline is None)
        filled = iter(rest)
        project = next((document for document in rest if document.kind == PROJECT), None)

        def one(document: Document) -> Document:
            if document.outline is None:
                return next(filled)
            uses_variables = self._outlines.files[document.file].vars
            return fill(document, project) if uses_variables and project is not None else document

        return tuple(map(one, documents)), problems

    def mistakes(self, documents: tuple[Document, ...]) -> tuple[Diagnostic, ...]:
        """What is wrong with the filled documents according to the schemas. Of a restored one it is known that nothing is."""
        unknown = tuple(document for document in documents if document.outline is None)
        return check(unknown, self.kinds, self.schemas, load_checks())

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
        documents, unfilled = self.fill(documents)
        if has_errors(unfilled):
            return documents, (*problems, *unfilled)
        return documents, (*problems, *unfilled, *self.mistakes(documents))

    def only_with(self, documents: tuple[Document, ...]) -> "Session":
        """A session of the same project in which these checked documents are all there is: `validate` goes on with the sound ones."""
        part = self.reopen()
        part.is_part = True
        # what the properties would compute; of a file without some of its documents no outline may be kept
        part.__dict__.update(checked=(documents, ()), files=self.files, catalog=self.catalog)
        part.__dict__.update(_outlines=self._outlines, _has_outlines=False)
        return part

    def as_recorded(self) -> "Session":
        """For a command that goes by the state: this session, or where the files are invalid one in which the Project document is all
        there is. What is wrong is then left out, as warnings. Failure (exit 3) when the Project document itself is wrong.
        """
        try:
            refuse(self.declared[1])
        except Failure as failure:
            projects, unfilled = self.fill(tuple(document for document in self.loaded[0] if document.kind == PROJECT))
            if len(projects) != 1 or has_errors((*unfilled, *self.mistakes(projects))):
                raise
            part = self.only_with(projects)
            if has_errors(part.declared[1]):
                raise
            self.left_out += (problem for problem in failure.diagnostics if problem not in self.left_out)
            part.left_out = self.left_out
            return part
        return self

    # --- what is declared ------------------------------------------------------------------------------------------

    @cached_property
    def project(self) -> Project:
        """The documents by kind and name."""
        documents, problems = self.checked
        refuse(problems)
        project = resolve(documents)
        project.merged.update({(d.kind, d.name): restore_versions(d, self._outlines) for d in documents if d.outline is not None})
        return project

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
        declarations, problems = declare(self.kinds.values(), self.project, self.catalog, self.facts)
        if not has_errors(problems):
            self._remember(declarations, problems)
        return declarations, problems

    def _remember(self, declarations: Declarations, problems: tuple[Diagnostic, ...]) -> None:
        """Keep the outlines of what is declared, if they are not those that are kept already."""
        if not self._has_outlines:
            return
        documents, found = self.checked
        troubled = {problem.span.file for problem in (*found, *problems) if problem.span is not None}
        texts = {file: (text, self.files.digests[file]) for file, text in self.files.texts.items()}
        outlines = outlines_of(documents, troubled, declarations, texts, self._outlines)
        if outlines != self._outlines:
            write_outlines(self.cache / "outlines", outlines)

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

    def release(self) -> None:
        """Let go of what was read of the project's files, for a command that goes on with what is recorded. What is asked for again is
        read again, so that a part keeps what it has.
        """
        for name in () if self.is_part else ("files", "loaded", "_outlines", "_restored", "checked", "project", "facts", "declared"):
            self.__dict__.pop(name, None)

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

    @property
    def sites(self) -> Sites:
        """The project's environments in the form that platforms take."""
        return Sites(root=self.root, store=self.settings.store, objects=self.objects, platforms=self.catalog.platforms)

    def switch(self, claim: "Registration", author: Author, say: Say = lambda _line: None) -> "Switch":
        """A switch that moves environments under `claim`. `say`: called with lines of progress."""
        # imported here, since commands that only plan move nothing
        from leptonctl.deploying.switch import Switch

        return Switch(
            pointers=self.pointers,
            claim=claim,
            author=author,
            sites=self.sites,
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
