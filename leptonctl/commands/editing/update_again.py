"""Finds what an `update` would write but is already declared, so that a script can be run again."""

from collections.abc import Mapping
from typing import cast

from leptonctl.commands.editing.version_yaml import entry_digest
from leptonctl.commands.session import Session
from leptonctl.core.address import version_of
from leptonctl.core.values import Json
from leptonctl.kinds.dataset.version import Dataset, datasets

CANDIDATE = "candidate"


def same_dataset(session: Session, before: Dataset, inputs: Mapping[str, Json], name: str | None) -> Dataset | None:
    """The newest version of a dataset with these inputs of `prepare`, apart from the paths of files. `name`: only this version."""
    family = [one for one in datasets(session.declarations).values() if one.declared.name == before.declared.name]
    for one in reversed(family):
        if name in (None, one.declared.version) and _without_paths(one.inputs) == _without_paths(inputs):
            return one
    return None


def same_version(session: Session, model: str, entry: dict[str, Json], name: str | None) -> str | None:
    """The newest declared version with the recipe of this entry. `name`: only this version."""
    document = session.project.of("Model")[model]
    digest = entry_digest(session, document, CANDIDATE, entry)
    declared = [version for version in cast("dict[str, Json]", document.value["versions"]) if name in (None, version)]
    built = session.declarations.built
    return next((version for version in reversed(declared) if built[version_of("model", model, version)].digest == digest), None)


def has_appended(dataset: Dataset, digest: str) -> bool:
    """Whether a file with these bytes is one of several of a dataset version."""
    digests = _digests(cast("dict[str, Json]", dataset.inputs["source"]))
    return len(digests) > 1 and digest in digests


def _without_paths(inputs: Mapping[str, Json]) -> dict[str, Json]:
    """The inputs of `prepare` with digests instead of the paths of files."""
    source = cast("dict[str, Json]", inputs["source"])
    reading: dict[str, Json] = {key: source.get(key) for key in ("format", "options")}
    return {**inputs, "source": {**reading, "digests": [*_digests(source)]}}


def _digests(source: Mapping[str, Json]) -> list[str]:
    parts = cast("list[Mapping[str, Json]]", source.get("parts") or [source])
    return sorted(str(part.get("digest")) for part in parts)
