"""One command's view of a project: its configuration, and the store and the state that this names, opened when they are needed."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from leptonctl.core.diagnostic import Diagnostic, Failure, fail, has_errors
from leptonctl.core.frozen import replace
from leptonctl.core.result import Result
from leptonctl.core.state import Author, State
from leptonctl.core.store_records import Recipe
from leptonctl.core.values import Ops
from leptonctl.deploying.sites import Sites
from leptonctl.kinds.kind import PROJECT
from leptonctl.kinds.registry import OPS
from leptonctl.project.configuration import Configuration, project_root
from leptonctl.project.reading import refuse
from leptonctl.spi.platforms import Say
from leptonctl.spi.storage import Objects
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
class Session(Configuration):
    """A project while one command works on it. Every property is computed once.

    `caller`: the command that claims and locks name; "" for the command line of this process. `ops`: the table of ops.
    `left_out`: diagnostics of the damaged records and invalid files that the command did without.
    """

    caller: str = ""
    ops: Ops = field(default_factory=lambda: OPS)
    left_out: list[Diagnostic] = field(default_factory=list)

    @classmethod
    def open(cls, directory: Path | None, caller: str = "") -> Self:
        """The project around a folder (default: the working folder). Failure: no-folder, no-project, odd-file."""
        # not Path.resolve, which before Python 3.13 raises for links that lead in a circle
        return cls(root=project_root(Path(os.path.realpath(folder_of(directory)))), caller=caller)

    def reopen(self) -> Self:
        """A session of the same project that reads its files again, as after an edit."""
        return type(self)(root=self.root, caller=self.caller, kinds=self.kinds, ops=self.ops)

    def as_recorded(self) -> Self:
        """For a command that goes by the state: this session, or if the files are invalid one that has only the Project document.
        What is wrong is then left out, as warnings. Failure (exit 3) when the Project document itself is invalid.
        """
        try:
            refuse(self.declared[1])
        except Failure as failure:
            projects, unfilled = self.reading.fill(tuple(document for document in self.reading.loaded[0] if document.kind == PROJECT))
            if len(projects) != 1 or has_errors((*unfilled, *self.reading.mistakes(projects))):
                raise
            part = self.only_with(projects)
            if has_errors(part.declared[1]):
                raise
            self.add_left_out(failure.diagnostics)
            part.left_out = self.left_out
            return part
        return self

    # --- the store -------------------------------------------------------------------------------------------------

    @property
    def objects(self) -> Objects:
        """The store's objects. An error of its medium is a Failure."""
        return self.store.objects

    @cached_property
    def store(self) -> Store:
        """The part of the store that projects share."""
        return open_store(self.settings.store, self.root, self.catalog.stores)

    def leave_out(self, *damaged: BadRecordAt) -> None:
        """Go on without these records. They are named after the command's output."""
        for failure in damaged:
            self.add_left_out(failure.diagnostics)

    def add_left_out(self, problems: Iterable[Diagnostic]) -> None:
        """Go on in spite of these problems. They are shown after the command's output, as warnings or with its exit code."""
        self.left_out += [problem for problem in dict.fromkeys(problems) if problem not in self.left_out]

    def results(self, keys: Iterable[str]) -> Mapping[str, Result]:
        """The results in force of the step keys. Damaged records are left out, for a command that can do without them."""
        lookup = self.store.find(keys)
        self.leave_out(*lookup.damaged.values())
        return lookup.results

    def recipes(self, declarations: Iterable[str]) -> dict[str, Recipe]:
        """The recipes of the declarations. Damaged records are left out, for a command that can do without them."""
        lookup = self.store.find_recipes(declarations)
        self.leave_out(*lookup.damaged)
        return dict(lookup.recipes)

    def suspect(self, digests: Iterable[str]) -> None:
        """Check the bytes of these artifacts wherever they are relied on from now on."""
        self.store = replace(self.store, suspects=self.store.suspects.union(digests))

    # --- the state and what it moves -------------------------------------------------------------------------------

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
        """Whether recorded processes are alive, from the beats that this and earlier commands have seen here."""
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
