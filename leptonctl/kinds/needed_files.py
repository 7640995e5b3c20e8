"""Pinned files that a step of the plan would read and that are gone or have other bytes. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from leptonctl.core.change import Change
from leptonctl.core.diagnostic import Diagnostic, error
from leptonctl.core.observed import SourceFacts, SourceKey
from leptonctl.kinds.dataset.version import Dataset, unreadable
from leptonctl.kinds.model.command import COMMAND, needed_program, not_allowed
from leptonctl.kinds.model.imported import needed_import
from leptonctl.kinds.model.version import Model
from leptonctl.language.resolve import Project


def prepared(changes: Sequence[Change]) -> frozenset[str]:
    """The dataset versions whose rows the changes prepare: each reads its files."""
    return frozenset(step.address for change in changes for step in change.steps if step.op == "prepare" and not step.cached)


def needed_files(datasets: Mapping[str, Dataset], changes: Sequence[Change], but: Collection[str] = ()) -> Iterator[Diagnostic]:
    """An error for each of those files that a step needs, at its pin. `but`: addresses of which something else is reported."""
    addresses = prepared(changes)
    for dataset in datasets.values():
        if dataset.address not in addresses or dataset.address in but:
            continue
        for at, path, pin, digest in unreadable(dataset):
            hint = "restore the file, or declare a new version for the new data and run `leptonctl pin`"
            if digest is None:
                detail, hint = f"{path} is gone, and its rows have to be prepared: nothing has them any more", "restore the file"
            else:
                detail = f"{path} has {digest[:19]}…, not {pin[:19]}…, and its rows have to be prepared"
            yield error(
                "source-changed", "A pinned file does not have its bytes", detail, span=dataset.declared.at(*at, "digest"), hint=hint
            )


def needed_imports(
    models: Mapping[str, Model], changes: Sequence[Change], facts: Mapping[SourceKey, SourceFacts], project: Project
) -> Iterator[Diagnostic]:
    """An error for each pinned file that a step imports, or that a program has, and that does not have its bytes; and for each program
    that would run and may not.
    """
    steps = {(step.address, step.op) for change in changes for step in change.steps if not step.cached}
    for model in models.values():
        if model.imported is not None and (model.address, "import") in steps:
            yield from needed_import(model.declared, model.imported, facts)
        elif (model.address, COMMAND) in steps:
            yield from not_allowed(model.declared, project)
            yield from needed_program(model.declared, facts)
