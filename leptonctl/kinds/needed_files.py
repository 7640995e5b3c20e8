"""Pinned files that a step of the plan would read and that are gone or have other bytes. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from leptonctl.core.change import Change
from leptonctl.core.diagnostic import Diagnostic, error
from leptonctl.core.observed import SourceFacts, SourceKey
from leptonctl.kinds.dataset import Dataset

SOURCES = ((), ("test",))
"""Where a version names a file: the blocks of its rows and of its test rows."""


def unreadable(dataset: Dataset, facts: Mapping[SourceKey, SourceFacts]) -> Iterator[tuple[tuple[str, ...], str, str, str | None]]:
    """The pinned files of a version without their pinned bytes: path of the block, file, pin, digest of the file (None: it is gone)."""
    by_path = {key[0]: file for key, file in facts.items()}
    for at in SOURCES:
        block = dataset.declared.fields.get(at[0]) if at else dataset.declared.fields
        path, pin = (block.get("source"), block.get("digest")) if isinstance(block, Mapping) else (None, None)
        file = by_path.get(path) if isinstance(path, str) else None
        if file is not None and isinstance(path, str) and isinstance(pin, str) and file.digest != pin:
            yield at, path, pin, file.digest


def prepared(changes: Sequence[Change]) -> frozenset[str]:
    """The dataset versions whose rows the changes prepare: each reads its files."""
    return frozenset(step.address for change in changes for step in change.steps if step.op == "prepare" and not step.cached)


def needed_files(
    datasets: Mapping[str, Dataset], changes: Sequence[Change], facts: Mapping[SourceKey, SourceFacts], but: Collection[str] = ()
) -> Iterator[Diagnostic]:
    """An error for each of those files that a step needs, at its pin. `but`: addresses of which something else is reported."""
    addresses = prepared(changes)
    for dataset in datasets.values():
        if dataset.address not in addresses or dataset.address in but:
            continue
        for at, path, pin, digest in unreadable(dataset, facts):
            hint = "restore the file, or declare a new version for the new data and run `leptonctl pin`"
            if digest is None:
                detail, hint = f"{path} is gone, and its rows have to be prepared: nothing has them any more", "restore the file"
            else:
                detail = f"{path} has {digest[:19]}…, not {pin[:19]}…, and its rows have to be prepared"
            yield error(
                "source-changed", "A pinned file does not have its bytes", detail, span=dataset.declared.at(*at, "digest"), hint=hint
            )
