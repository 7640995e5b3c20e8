"""The YAML that declares a recorded recipe of a model version again. It is resolved to check that it has the recorded digest."""

from typing import cast

from leptonctl.commands.recorded.built_versions import BuiltVersion
from leptonctl.commands.session import Session
from leptonctl.core.address import parse, reference
from leptonctl.core.diagnostic import Failure, fail
from leptonctl.core.frozen import replace
from leptonctl.core.values import Document, Json
from leptonctl.kinds.dataset.version import datasets
from leptonctl.kinds.model.recipes import recipe_keys, version_entry
from leptonctl.kinds.model.steps import node
from leptonctl.kinds.model.version import versions_of
from leptonctl.kinds.model.warm import KEY, with_parents
from leptonctl.language.edit import version_lines

NAME_DIGITS = 6
"""How many digits of the digest are added to the name of a former recipe when another version has this name now."""


def version_yaml(session: Session, version: BuiltVersion) -> dict[str, Json]:
    """`{version, digest, yaml}`: the entry to paste below `versions:` of the model. Failure `cannot-write-back`."""
    model = parse(version.address).name
    document = session.project.of("Model").get(model)
    if document is None:
        raise _cannot(version, f"no document `kind: Model` has the name {model}", f"declare the model {model} first")
    base = {name: value for name, value in document.value.items() if name != "versions"}
    entry = version_entry(version.recipe, base, _dataset(session, version))
    declared = cast("dict[str, Json]", document.value.get("versions") or {})
    name = version.name
    if name in declared and not version.declared:
        name = f"{name}-{version.digest.removeprefix('sha256:')[:NAME_DIGITS]}"
    if entry_digest(session, document, name, entry) != version.digest:
        reason = "the trainer, or a default of this release, is not the one that it was built with"
        raise _cannot(version, reason, "build it with the release that recorded it: `leptonctl show` names it")
    return {"version": name, "digest": version.digest, "yaml": version_lines(name, entry)}


def _dataset(session: Session, version: BuiltVersion) -> str:
    """The declared dataset version with the rows of the recipe: under the recorded name, else under any."""
    key = recipe_keys(version.recipe).prepare
    stratify = version.recipe.get("task") == "classification"
    declared = datasets(session.declarations)
    recorded = str(version.recipe.get("dataset"))
    for name in (recorded, *declared):
        if name in declared and declared[name].prepare(stratify=stratify).key == key:
            return name
    data = cast("dict[str, dict[str, Json]]", version.recipe.get("data") or {})
    digest = (data.get("source") or {}).get("digest")
    reason = f"no dataset version is declared as {recorded} was then: its bytes were {digest}"
    raise _cannot(version, reason, f"declare the dataset version again, with `digest: {digest}`")


def entry_digest(session: Session, document: Document, name: str, entry: dict[str, Json]) -> str | None:
    """The digest that the entry would have as the only version of the model; None when it is not valid."""
    project = session.project
    # the version whose training it continues has to be declared too
    others = cast("dict[str, Json]", document.value.get("versions") or {}) if entry.get(KEY) is not None else {}
    alone = replace(document, value={**document.value, "versions": {**others, name: entry}}, outline=None)
    changed = replace(project, documents={**project.documents, "Model": {document.name: alone}}, merged={})
    versions, _ = with_parents(*versions_of(replace(session.declarations, project=changed, facts={})), session.catalog)
    model = versions.get(reference(document.name, name))
    return node(model, "").digest if model is not None else None


def _cannot(version: BuiltVersion, reason: str, hint: str) -> Failure:
    return fail("cannot-write-back", "The recipe cannot be written as YAML of this project", f"{version.address}: {reason}", hint=hint)
