"""Writes a version whose lines have left the YAML back into its document, from its recipe in the store (law 9)."""

from collections.abc import Iterable, Iterator, Mapping

from leptonctl.commands.session import Session
from leptonctl.core.address import version_of
from leptonctl.core.deployment import Deployment, Route
from leptonctl.core.diagnostic import Failure, fail
from leptonctl.core.diff import becauses
from leptonctl.core.frozen import Frozen
from leptonctl.core.state import Recipe
from leptonctl.core.values import Json
from leptonctl.kinds.rules import keep_lines
from leptonctl.kinds.written_back import digest_of, override_of


class Lines(Frozen):
    """The lines of one version to write back: its override as a JSON value, and the digest that it must have then."""

    model: str
    version: str
    override: dict[str, Json]
    digest: str


def lines_to_write_back(session: Session, environment: str, record: Deployment, routes: Mapping[str, Route]) -> list[Lines]:
    """What to write back so that the versions of a deployment are declared as it bound them.

    Failure: `lines-gone` when the model, the dataset version or the recipe is not there any more; `recipe-changed` when the version
    is declared with another recipe.
    """
    lines = [_lines(session, environment, record, model, route) for model, route in routes.items()]
    return [one for one in lines if one is not None]


def check_written_back(session: Session, lines: Iterable[Lines]) -> None:
    """Failure `lines-gone` when a version that was written back has another digest than the one that was bound."""
    for one in lines:
        node = session.declarations.built.get(version_of("model", one.model, one.version))
        if node is None or node.digest != one.digest:
            detail = f"written back, {one.model}@{one.version} has another digest: its data, or a default, is not what it was"
            raise fail("lines-gone", "A version cannot be declared as it was", detail, hint=_git_hint(None))


def _lines(session: Session, environment: str, record: Deployment, model: str, route: Route) -> Lines | None:
    address = version_of("model", model, route.version)
    node = session.declarations.built.get(address)
    if node is not None and node.digest == route.digest:
        return None
    document = session.project.of("Model").get(model)
    where = f"deployment {record.deployment} of {environment} bound {model}@{route.version}"
    if document is None:
        raise _gone(f"{where}, and no document declares the model {model} any more", record)
    recipes = list(_recipes(session, address, route.digest))
    if not recipes:
        raise _gone(f"{where}, and its recipe is not in the store", record)
    # equal recipes may name equal rows by several names
    recipe = next((recipe for recipe in recipes if _has_dataset(session, recipe)), recipes[0])
    if node is not None:
        keep = keep_lines(list(becauses(recipe, node)))
        detail = f"{where} with another recipe" + (f"; to declare it as it was: {keep}" if keep else "")
        hint = "undo the edit, or declare what is new as another version"
        raise fail("recipe-changed", "A version is declared differently now", detail, span=node.span, hint=hint)
    _require_dataset(session, recipe, where, record)
    return Lines(model=model, version=route.version, override=override_of(recipe, document, session.catalog), digest=route.digest)


def _require_dataset(session: Session, recipe: Recipe, where: str, record: Deployment) -> None:
    """Failure when the rows that the version learned from are not declared, which its recipe cannot bring back: it has no path."""
    if _has_dataset(session, recipe):
        return
    name, _, version = str(recipe.recipe["dataset"]).partition("@")
    data = recipe.recipe["data"]
    source = data.get("source") if isinstance(data, dict) else None
    content = source.get("digest") if isinstance(source, dict) else None
    pin = f', digest: "{content}"' if content else ""
    missing = f"{where}, which learned from {name}@{version}, and that is no longer declared"
    document = session.project.of("Dataset").get(name)
    file = f" of {document.file}" if document is not None else ""
    raise _gone(missing, record, f'under `versions:`{file} write `"{version}": {{source: FILE{pin}}}` first')


def _has_dataset(session: Session, recipe: Recipe) -> bool:
    name, _, version = str(recipe.recipe["dataset"]).partition("@")
    return version_of("dataset", name, version) in session.declarations.built


def _recipes(session: Session, address: str, wanted: str) -> Iterator[Recipe]:
    """The recipes in the store with a digest: that of the address's seal or pointer first.

    The store keeps one record for equal declarations, whichever version declared it first.
    """
    state = session.pointers.read()
    seal = state.sealed.get(address) if state else None
    pointer = state.current.get(address) if state else None
    known = [one.declaration for one in (seal, pointer) if one is not None and one.digest == wanted]
    yield from session.store.recipes(known).values()
    for recipe in session.store.all_recipes():
        if digest_of(recipe) == wanted:
            yield recipe


def _gone(detail: str, record: Deployment, hint: str = "") -> Failure:
    return fail("lines-gone", "A version cannot be declared as it was", detail, hint=hint or _git_hint(record.commit))


def _git_hint(commit: str | None) -> str:
    return f"restore its lines from Git: it was applied at commit {commit[:12]}" if commit else "restore its lines from Git"
