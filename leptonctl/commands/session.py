"""One command's view of a project: its files read once, resolved once, with its store and state opened when asked for."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, cast

from leptonctl.core.diagnostic import INVALID, Diagnostic, Failure, fail, has_errors
from leptonctl.core.observed import SourceFacts, SourceKey
from leptonctl.core.values import KINDS, Document
from leptonctl.kinds.configuration import Configuration, configure
from leptonctl.kinds.dataset import source_keys
from leptonctl.language.load import load
from leptonctl.language.resolve import Project, resolve
from leptonctl.language.template import render
from leptonctl.language.validate import not_available, validate
from leptonctl.project.catalog import Loaded, load_catalog
from leptonctl.project.digests import Digests
from leptonctl.project.files import find_root, read_project
from leptonctl.project.observe import source_facts
from leptonctl.project.schemas import load_checks, load_schema
from leptonctl.spi.catalog import Catalog
from leptonctl.storage.durable import ensure_dot_folder
from leptonctl.storage.pointers import Pointers
from leptonctl.storage.state import open_state
from leptonctl.storage.store import Store, open_store

SCHEMAS: Mapping[str, dict[str, Any]] = Loaded({kind: partial(load_schema, kind) for kind in KINDS})
STATE, STORE = ".leptonctl/state", ".leptonctl/store"


@dataclass(kw_only=True)
class Session:
    """The project below `root`. Every property is computed once; Failure (exit 3) for an invalid configuration."""

    root: Path

    @classmethod
    def open(cls, directory: Path | None) -> "Session":
        """The project around a folder (default: the working folder)."""
        start = (directory or Path.cwd()).resolve()
        if not start.is_dir():
            raise fail("no-folder", "The folder does not exist", str(start), hint="give an existing folder to -C")
        root = find_root(start)
        if root is None:
            detail = f"no leptonctl.yaml with `kind: Project` in {start} or above"
            raise fail("no-project", "This is not a leptonctl project", detail, hint="leptonctl init", exit_code=INVALID)
        return cls(root=root)

    @cached_property
    def _read(self) -> tuple[dict[str, str], tuple[Diagnostic, ...]]:
        return read_project(self.root)

    @property
    def sources(self) -> Mapping[str, str]:
        """The texts of the project's YAML files."""
        return self._read[0]

    @cached_property
    def documents(self) -> tuple[Document, ...]:
        """The documents as written: templates are not filled in."""
        return self._loaded[0]

    @cached_property
    def _loaded(self) -> tuple[tuple[Document, ...], tuple[Diagnostic, ...]]:
        documents, problems = load(self.sources)
        return documents, (*self._read[1], *problems)

    @cached_property
    def checked(self) -> tuple[tuple[Document, ...], tuple[Diagnostic, ...]]:
        """The documents filled in and checked against their schemas, with everything that is wrong so far."""
        documents, problems = self._loaded
        if has_errors(problems):
            return documents, problems
        documents, unfilled = render(documents)
        wrong = () if has_errors(unfilled) else (*validate(documents, SCHEMAS, load_checks()), *not_available(documents))
        return documents, (*problems, *unfilled, *wrong)

    @cached_property
    def project(self) -> Project:
        documents, problems = self.checked
        refuse(problems)
        return resolve(documents)

    @cached_property
    def cache(self) -> Path:
        """The folder for what may be lost. `.leptonctl` keeps itself out of Git before anything is written into it."""
        with suppress(Failure):
            ensure_dot_folder(self.root)
        return self.root / ".leptonctl" / "cache"

    @cached_property
    def catalog(self) -> Catalog:
        return load_catalog(self.cache / "providers.json")

    @cached_property
    def facts(self) -> dict[SourceKey, SourceFacts]:
        """What was seen of the data files."""
        digests = Digests(self.cache / "digests.json")
        return source_facts(source_keys(self.project), self.root, self.project.roots, self.catalog, digests)

    @cached_property
    def resolved(self) -> tuple[Configuration, tuple[Diagnostic, ...]]:
        """Everything declared, with what is wrong with it."""
        return configure(self.project, self.catalog, self.facts)

    @property
    def configuration(self) -> Configuration:
        """Everything declared; Failure when anything is wrong."""
        configuration, problems = self.resolved
        refuse(problems)
        return configuration

    @property
    def store_uri(self) -> str:
        return str(self.project.settings.get("store") or STORE)

    @property
    def parallelism(self) -> int:
        executor = self.project.settings.get("executor")
        return int(cast("int", executor.get("parallelism", 2))) if isinstance(executor, dict) else 2

    @cached_property
    def store(self) -> Store:
        return open_store(self.store_uri, self.root)

    @cached_property
    def pointers(self) -> Pointers:
        states = open_state(str(self.project.settings.get("state") or STATE), self.root)
        return Pointers(states=states, store=self.store, project=self.project.name)


def refuse(problems: tuple[Diagnostic, ...]) -> None:
    """Failure with exit 3 when there is an error among them."""
    if has_errors(problems):
        raise Failure(problems, INVALID)
