"""Recipes of model versions as the store has them: by digest, by train key, and those of the versions that a recipe goes on from."""

from collections.abc import Callable, Iterator

from leptonctl.commands.session import Session
from leptonctl.core.address import parse, version_of
from leptonctl.core.state import Recipe
from leptonctl.kinds.model.override import digest_of
from leptonctl.kinds.model.recipes import recipe_keys
from leptonctl.kinds.model.warm import parent_name, parent_train_key


def recipe_of(session: Session, address: str, digest: str) -> Recipe | None:
    """The recipe of a digest, preferably with declared rows: equal recipes may name equal rows by several names.

    The store keeps one record for equal declarations, whichever version declared it first.
    """
    recorded = session.store.recipes([declaration for declaration, of in _recorded(session, address) if of == digest])
    found = [*recorded.values(), *_all(session, lambda recipe: digest_of(recipe) == digest)]
    return next((recipe for recipe in found if has_dataset(session, recipe)), next(iter(found), None))


def recipe_trained(session: Session, address: str, train: str) -> Recipe | None:
    """A recipe with this train key: what the address has or had if it is that, so that what follows on the training is the same too."""

    def is_trained(recipe: Recipe) -> bool:
        return digest_of(recipe) is not None and recipe_keys(recipe.recipe).train == train

    recorded = session.store.find_recipes([declaration for declaration, _ in _recorded(session, address)]).recipes
    found = [*filter(is_trained, recorded.values())] or [*_all(session, is_trained)]
    return next((recipe for recipe in found if has_dataset(session, recipe)), next(iter(found), None))


def recipes_before(session: Session, address: str, recipe: Recipe) -> dict[str, Recipe]:
    """The recipes of the versions that a recipe goes on from, by train key, as far as the store has them."""
    name, train = parent_name(recipe.recipe), parent_train_key(recipe.recipe)
    if name is None or train is None:
        return {}
    before = version_of("model", parse(address).name, name)
    found = recipe_trained(session, before, train)
    return {} if found is None else {train: found, **recipes_before(session, before, found)}


def has_dataset(session: Session, recipe: Recipe) -> bool:
    """Whether the rows that a version learned from are declared."""
    name, _, version = str(recipe.recipe["dataset"]).partition("@")
    return version_of("dataset", name, version) in session.declarations.built


def _recorded(session: Session, address: str) -> Iterator[tuple[str, str]]:
    """The declarations of an address's seal and pointer, each with the digest that it had."""
    state = session.pointers.read()
    if state is not None:
        for one in (state.sealed.get(address), state.current.get(address)):
            if one is not None:
                yield one.declaration, one.digest


def _all(session: Session, is_wanted: Callable[[Recipe], bool]) -> Iterator[Recipe]:
    return (recipe for recipe in session.store.all_recipes() if is_wanted(recipe))
