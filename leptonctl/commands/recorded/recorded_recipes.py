"""Recipes of model versions in the store: by digest, by train key, and those of the versions whose training a recipe continues."""

from collections.abc import Callable, Iterator, Sequence

from leptonctl.commands.session import Session
from leptonctl.core.address import name_and_version, parse, version_of
from leptonctl.core.store_records import Recipe
from leptonctl.kinds.model.override import digest_of
from leptonctl.kinds.model.recipes import recipe_keys
from leptonctl.kinds.model.warm import parent_name, parent_train_key


def recipe_of(session: Session, address: str, digest: str) -> Recipe | None:
    """The recipe with a digest; preferably one whose dataset is declared, since equal recipes may have different names for equal rows.

    The store keeps one record for equal declarations, under the address that declared it first.
    """
    recorded = session.store.recipes([declaration for declaration, of in _recorded_declarations(session, address) if of == digest])
    return _preferred_recipe(session, [*recorded.values(), *_all(session, lambda recipe: digest_of(recipe) == digest)])


def recipe_trained(session: Session, address: str, train: str) -> Recipe | None:
    """A recipe with this train key. First that of the address itself, so that the steps after the training are the same too."""

    def is_trained(recipe: Recipe) -> bool:
        return digest_of(recipe) is not None and recipe_keys(recipe.recipe).train == train

    recorded = session.store.find_recipes([declaration for declaration, _ in _recorded_declarations(session, address)]).recipes
    return _preferred_recipe(session, [*filter(is_trained, recorded.values())] or [*_all(session, is_trained)])


def _preferred_recipe(session: Session, recipes: Sequence[Recipe]) -> Recipe | None:
    """The first recipe whose dataset is declared, else the first one."""
    return next((recipe for recipe in recipes if has_dataset(session, recipe)), next(iter(recipes), None))


def recipes_before(session: Session, address: str, recipe: Recipe) -> dict[str, Recipe]:
    """The recipes of the versions whose training a recipe continues, by train key, as far as the store has them."""
    name, train = parent_name(recipe.recipe), parent_train_key(recipe.recipe)
    if name is None or train is None:
        return {}
    parent = version_of("model", parse(address).name, name)
    parent_recipe = recipe_trained(session, parent, train)
    return {} if parent_recipe is None else {train: parent_recipe, **recipes_before(session, parent, parent_recipe)}


def dataset_of(recipe: Recipe) -> tuple[str, str]:
    """The name and version of the dataset that a version learned from."""
    name, version = name_and_version(str(recipe.recipe["dataset"]))
    return name, version or ""


def has_dataset(session: Session, recipe: Recipe) -> bool:
    """Whether the rows that a version learned from are declared."""
    name, version = dataset_of(recipe)
    return version_of("dataset", name, version) in session.declarations.built


def _recorded_declarations(session: Session, address: str) -> Iterator[tuple[str, str]]:
    """The declarations in the seal and the pointer of an address, each with its digest."""
    state = session.pointers.read()
    if state is not None:
        for one in (state.sealed.get(address), state.current.get(address)):
            if one is not None:
                yield one.declaration, one.digest


def _all(session: Session, is_wanted: Callable[[Recipe], bool]) -> Iterator[Recipe]:
    return (recipe for recipe in session.store.all_recipes() if is_wanted(recipe))
