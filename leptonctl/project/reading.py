"""What the files of a project say: read, checked, resolved, declared. Each stage is computed once, when it is first used."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from leptonctl.core.diagnostic import INVALID, Diagnostic, Failure, has_errors
from leptonctl.core.observed import SourceFacts, SourceKey
from leptonctl.core.values import Document
from leptonctl.kinds.checking import check
from leptonctl.kinds.kind import PROJECT, Declarations, Kind, declare
from leptonctl.kinds.model.outline import KINDS as OUTLINED
from leptonctl.kinds.model.outline import Outlines, outlines_of, variables_digest
from leptonctl.kinds.model.restore import fill, restore_documents, restore_versions
from leptonctl.kinds.registry import KINDS
from leptonctl.language.load import load
from leptonctl.language.resolve import Project, resolve
from leptonctl.language.template import render
from leptonctl.project.catalog import LazyMapping
from leptonctl.project.compiled import load_checks
from leptonctl.project.digests import Digests
from leptonctl.project.files import MARKER, Files, read_project
from leptonctl.project.observe import source_facts
from leptonctl.project.outlines import read_outlines, write_outlines
from leptonctl.project.schemas import load_schema
from leptonctl.spi.catalog import Catalog


@dataclass(kw_only=True)
class Reading:
    """One reading of the files below `root`. Failure (exit 3) where a stage needs files that are invalid.

    `cache`: the folder for files that may be lost. `is_part`: it has only some of the documents, see `only_with`.
    """

    root: Path
    kinds: Mapping[str, Kind]
    catalog: Catalog
    cache: Path
    is_part: bool = False

    # --- the documents ---------------------------------------------------------------------------------------------

    @cached_property
    def files(self) -> Files:
        """The project's YAML files."""
        return read_project(self.root, {file: one.text for file, one in self.outlines.files.items()})

    @cached_property
    def documents(self) -> tuple[Document, ...]:
        """The documents as written: templates are not filled in."""
        return self.loaded[0]

    @cached_property
    def loaded(self) -> tuple[tuple[Document, ...], tuple[Diagnostic, ...]]:
        """The documents as written, and what is wrong with the files."""
        documents, problems = load(self.files.texts, tuple(self.kinds), self.restored)
        if any(problem.span is not None and problem.span.file == MARKER for problem in self.files.problems):
            # the project is declared in a file that cannot be read
            problems = tuple(problem for problem in problems if problem.id != "no-project")
        return documents, (*self.files.problems, *problems)

    def fill(self, documents: tuple[Document, ...]) -> tuple[tuple[Document, ...], tuple[Diagnostic, ...]]:
        """The documents with templates filled in, and what is wrong with the templates. Restored documents have been checked before."""
        rest, problems = render((document for document in documents if document.outline is None), PROJECT)
        filled = iter(rest)
        project = next((document for document in rest if document.kind == PROJECT), None)

        def one(document: Document) -> Document:
            if document.outline is None:
                return next(filled)
            uses_variables = self.outlines.files[document.file].vars
            return fill(document, project) if uses_variables and project is not None else document

        return tuple(map(one, documents)), problems

    def mistakes(self, documents: tuple[Document, ...]) -> tuple[Diagnostic, ...]:
        """What the schemas find wrong with the filled documents. Restored documents have been checked before."""
        unchecked = tuple(document for document in documents if document.outline is None)
        return check(unchecked, self.kinds, self.schemas, load_checks())

    @cached_property
    def schemas(self) -> Mapping[str, dict[str, Any]]:
        """Kind -> its schema, which explains mistakes."""
        return LazyMapping({name: partial(load_schema, name, kind.schema) for name, kind in self.kinds.items()})

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

    def only_with(self, documents: tuple[Document, ...]) -> "Reading":
        """The same files with these checked documents alone. Outlines are not kept, since a file may lack some of its documents here."""
        part = replace(self, is_part=True)
        part.files, part.outlines, part.checked = self.files, self.outlines, (documents, ())
        return part

    # --- what is declared ------------------------------------------------------------------------------------------

    @cached_property
    def project(self) -> Project:
        """The documents by kind and name."""
        documents, problems = self.checked
        refuse(problems)
        rules = {kind.name: kind.inherit for kind in self.kinds.values()}
        project = resolve(documents, PROJECT, rules)
        restored = (d for d in documents if d.outline is not None)
        project.merged.update({(d.kind, d.name): restore_versions(d, self.outlines, rules[d.kind]) for d in restored})
        return project

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
            self._keep_outlines(declarations, problems)
        return declarations, problems

    # --- the outlines ----------------------------------------------------------------------------------------------

    @cached_property
    def outlines(self) -> Outlines:
        """What an earlier command kept about the files. Empty where other packages define what a model or a dataset is."""
        return read_outlines(self.cache / "outlines") if self._has_outlines else Outlines()

    @cached_property
    def _has_outlines(self) -> bool:
        return all(self.kinds.get(name) is KINDS[name] for name in OUTLINED) and not self.catalog.extended

    @cached_property
    def restored(self) -> dict[str, tuple[Document, ...]]:
        """The documents, as written, of the files that have not changed since an earlier command read them."""
        kinds, files = tuple(self.kinds), self.files
        unchanged = {file: one for file, one in self.outlines.files.items() if files.digests.get(file) == one.text}
        if any(one.vars for one in unchanged.values()):
            others, _ = load({file: text for file, text in files.texts.items() if file not in unchanged}, kinds)
            variables = variables_digest(others)
            unchanged = {file: one for file, one in unchanged.items() if one.vars in ("", variables)}
        return {file: restore_documents(file, files.texts[file], one, kinds) for file, one in unchanged.items()}

    def _keep_outlines(self, declarations: Declarations, problems: tuple[Diagnostic, ...]) -> None:
        """Write the outlines of what is declared, if they have changed."""
        if self.is_part or not self._has_outlines:
            return
        documents, earlier_problems = self.checked
        troubled = {problem.span.file for problem in (*earlier_problems, *problems) if problem.span is not None}
        texts = {file: (text, self.files.digests[file]) for file, text in self.files.texts.items()}
        outlines = outlines_of(documents, troubled, declarations, texts, self.outlines)
        if outlines != self.outlines:
            write_outlines(self.cache / "outlines", outlines)


def refuse(problems: tuple[Diagnostic, ...]) -> None:
    """Failure (exit 3) when one of the diagnostics is an error."""
    if has_errors(problems):
        raise Failure(problems, INVALID)
