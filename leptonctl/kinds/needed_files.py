"""Errors for pinned files that a step of the plan would read and that are gone or have other bytes. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from leptonctl.core.change import Change
from leptonctl.core.diagnostic import Diagnostic, error
from leptonctl.core.observed import SourceFacts, SourceKey
from leptonctl.kinds.dataset.version import Dataset, broken_pins
from leptonctl.kinds.model.command import COMMAND, needed_program, not_allowed
from leptonctl.kinds.model.imported import needed_import
from leptonctl.kinds.model.version import Model
from leptonctl.language.resolve import Project


def prepared_datasets(changes: Sequence[Change]) -> frozenset[str]:
    """The dataset versions that the changes prepare, and whose files are read for that."""
    return frozenset(step.address for change in changes for step in change.steps if step.op == "prepare" and not step.cached)


def needed_files(datasets: Mapping[str, Dataset], changes: Sequence[Change], but: Collection[str] = ()) -> Iterator[Diagnostic]:
    """An error at the pin of each of these files. but: addresses with another problem that is reported elsewhere."""
    addresses = prepared_datasets(changes)
    for dataset in datasets.values():
        if dataset.address not in addresses or dataset.address in but:
            continue
        for broken in broken_pins(dataset):
            detail = f"{broken.path} is gone, and its rows have to be prepared"
            hint = "restore the file"
            if broken.digest is not None:
                detail = f"{broken.path} has {broken.digest[:19]}…, not {broken.pin[:19]}…, and its rows have to be prepared"
                hint = "restore the file, or declare a new version for the new data and run `leptonctl pin`"
            span = dataset.declared.at(*broken.at, "digest")
            yield error("source-changed", "A pinned file does not have the pinned bytes", detail, span=span, hint=hint)


def needed_imports(
    models: Mapping[str, Model], changes: Sequence[Change], facts: Mapping[SourceKey, SourceFacts], project: Project
) -> Iterator[Diagnostic]:
    """An error for each pinned file that a step imports or a program needs and that has other bytes, and for each program that would
    run without permission.
    """
    steps = {(step.address, step.op) for change in changes for step in change.steps if not step.cached}
    for model in models.values():
        if model.imported is not None and (model.address, "import") in steps:
            yield from needed_import(model.declared, model.imported, facts)
        elif (model.address, COMMAND) in steps:
            yield from not_allowed(model.declared, project)
            yield from needed_program(model.declared, facts)
