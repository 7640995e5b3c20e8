"""Finds the lines with which a version is declared again as it was bound, from its recipe in the store (law 9)."""

from collections.abc import Iterable, Mapping

from leptonctl.commands.recorded.recorded_recipes import dataset_of, has_dataset, recipe_of, recipe_trained, recipes_before
from leptonctl.commands.session import Session
from leptonctl.core.address import parse, reference, version_of
from leptonctl.core.deployment import Deployment, Route
from leptonctl.core.diagnostic import Failure, fail
from leptonctl.core.diff import becauses
from leptonctl.core.frozen import Frozen, replace
from leptonctl.core.store_records import Recipe
from leptonctl.core.values import Document, Json, Node
from leptonctl.kinds.model.override import digest_of, override_of
from leptonctl.kinds.model.recipe_edits import edits_since, keep_lines
from leptonctl.kinds.model.recipes import recipe_keys
from leptonctl.kinds.model.warm import parent_name, parent_train_key

CONTENT = "data.source.digest"
"""Where the recipe of a model has the digest of its files."""


class Lines(Frozen):
    """The lines of one version to write back: its override as a JSON value, and the digest that it must have then.

    `bound`: the version that is bound again: this one, or one that continues its training. `override`: None if its lines have not changed.
    `dataset`, `content`: the dataset version that it learned from, and the digest to write there if its file has other bytes now, else "".
    """

    model: str
    version: str
    bound: str
    override: dict[str, Json] | None
    digest: str
    dataset: str = ""
    content: str = ""


def lines_to_write_back(session: Session, environment: str, record: Deployment, routes: Mapping[str, Route]) -> list[Lines]:
    """What to write back so that the versions of a deployment are declared as it bound them, each after those whose training it continues.

    Failure: `lines-gone` when the model, a dataset version or a recipe no longer exists; `recipe-changed` when more of its data has changed
    than its bytes, or when it has another recipe and depends on more than its lines: a program, a file, a parent.
    """
    return [line for model, route in routes.items() for line in _lines(session, environment, record, model, route)]


def check_written_back(session: Session, lines: Iterable[Lines]) -> None:
    """Failure `lines-gone` when a version that was written back has another digest than the one that was bound."""
    for one in lines:
        node = session.declarations.built.get(version_of("model", one.model, one.version))
        if node is None or node.digest != one.digest:
            detail = f"written back, {one.model}@{one.version} has another digest: its data, or a default, has changed"
            raise fail("lines-gone", "A version cannot be declared as it was", detail, hint=_git_hint(None))


def _lines(session: Session, environment: str, record: Deployment, model: str, route: Route) -> list[Lines]:
    address = version_of("model", model, route.version)
    node = session.declarations.built.get(address)
    if node is not None and node.digest == route.digest:
        return []
    document = session.project.of("Model").get(model)
    where = f"deployment {record.deployment} of {environment} bound {model}@{route.version}"
    if document is None:
        raise _missing(f"{where}, and no document declares the model {model} any more", record)
    recipe = recipe_of(session, address, route.digest)
    if recipe is None:
        raise _missing(f"{where}, and its recipe is not in the store", record)
    if node is not None:
        return [_replacing(session, document, recipe, node, where)]
    _require_dataset(session, recipe, where, record)
    before = _lines_before(session, record, document, recipe, where=where, bound=route.version)
    return [*before, _line(session, document, route.version, recipe, bound=route.version)]


def _line(session: Session, document: Document, version: str, recipe: Recipe, *, bound: str) -> Lines:
    override = override_of(recipe, document, session.catalog)
    dataset, content = _pin(session, recipe)
    digest = digest_of(recipe) or ""
    return Lines(model=str(document.name), version=version, bound=bound, override=override, digest=digest, dataset=dataset, content=content)


def _replacing(session: Session, document: Document, recipe: Recipe, node: Node, where: str) -> Lines:
    """The lines for a version that is declared differently now: its own, if they have changed, and the digest of its data."""
    edits = {because.path for because in becauses(recipe, node)}
    own = {path for path in edits if not path.startswith("data.")}
    only_bytes = edits - own <= {CONTENT}
    is_independent = "algorithm" in recipe.recipe and parent_name(recipe.recipe) is None
    version = parse(node.address).version or ""
    line = _line(session, document, version, recipe, bound=version)
    if not edits or not only_bytes or (own and not is_independent) or (CONTENT in edits and not line.content and "dataset" not in own):
        raise _changed_recipe(session, f"{where} with another recipe", recipe, node)
    return line if own else replace(line, override=None)


def _pin(session: Session, recipe: Recipe) -> tuple[str, str]:
    """The dataset version of a recipe and the digest of its files, if that version has other bytes now; else "", ""."""
    name, version = dataset_of(recipe)
    dataset = session.declarations.built.get(version_of("dataset", name, version))
    before, now = (_content(fields) for fields in (recipe.recipe.get("data"), dataset.recipe if dataset is not None else None))
    return (reference(name, version), before) if before and now and before != now else ("", "")


def _content(data: Json | Mapping[str, Json]) -> str:
    source = data.get("source") if isinstance(data, Mapping) else None
    return str(source.get("digest") or "") if isinstance(source, dict) else ""


def _lines_before(session: Session, record: Deployment, document: Document, recipe: Recipe, *, where: str, bound: str) -> list[Lines]:
    """The lines of the versions whose training the recipe continues, oldest first, down to one that is still declared as it was."""
    name, train = parent_name(recipe.recipe), parent_train_key(recipe.recipe)
    if name is None or train is None:
        return []
    address, where = version_of("model", str(document.name), name), f"{where}, which continues the training of {document.name}@{name}"
    node = session.declarations.built.get(address)
    if node is not None and recipe_keys(node.recipe).train == train:
        return []
    before = recipe_trained(session, address, train)
    if before is None:
        raise _missing(f"{where}, whose recipe is not in the store", record)
    if node is not None:
        raise _changed_recipe(session, f"{where}, which now has another recipe", before, node)
    _require_dataset(session, before, where, record)
    earlier = _lines_before(session, record, document, before, where=where, bound=bound)
    return [*earlier, _line(session, document, name, before, bound=bound)]


def _changed_recipe(session: Session, change: str, recipe: Recipe, node: Node) -> Failure:
    before = recipes_before(session, node.address, recipe)
    keep = keep_lines(edits_since(recipe, node, session.declarations.built, before))
    detail = change + (f"; to declare it as it was: {keep}" if keep else "")
    hint = "write these lines again, or declare what is new as another version"
    return fail("recipe-changed", "A version is declared differently now", detail, span=node.span, hint=hint)


def _require_dataset(session: Session, recipe: Recipe, where: str, record: Deployment) -> None:
    """Failure when the dataset version that it learned from is not declared. A recipe has no paths, so it cannot be written back."""
    if has_dataset(session, recipe):
        return
    name, version = dataset_of(recipe)
    data = recipe.recipe["data"]
    source = data.get("source") if isinstance(data, dict) else None
    content = source.get("digest") if isinstance(source, dict) else None
    pin = f', digest: "{content}"' if content else ""
    detail = f"{where}, which learned from {name}@{version}, and that is no longer declared"
    document = session.project.of("Dataset").get(name)
    file = f" of {document.file}" if document is not None else ""
    raise _missing(detail, record, f'under `versions:`{file} write `"{version}": {{source: FILE{pin}}}` first')


def _missing(detail: str, record: Deployment, hint: str = "") -> Failure:
    return fail("lines-gone", "A version cannot be declared as it was", detail, hint=hint or _git_hint(record.commit))


def _git_hint(commit: str | None) -> str:
    return f"restore its lines from Git: it was applied at commit {commit[:12]}" if commit else "restore its lines from Git"
