"""Fields of a model's recipe that are only there when the YAML declares them, written back to YAML. Pure."""

from collections.abc import Mapping

from leptonctl.core.values import Json
from leptonctl.kinds.model.decision import CALIBRATE, METHOD, POSITIVE, THRESHOLD
from leptonctl.kinds.model.weights import WEIGHTS

OPTIONAL = (*WEIGHTS, THRESHOLD, CALIBRATE)


def optional_fields(recipe: Mapping[str, Json], base: Mapping[str, Json]) -> dict[str, Json]:
    """What a version has to say of them, over the base block of its model, to have this recipe: null removes what the base says."""
    entry = {name: _over(recipe.get(name), _whole(name, base.get(name))) for name in OPTIONAL if _differs(name, recipe, base)}
    evaluate = base.get("evaluate")
    positive = evaluate.get(POSITIVE) if isinstance(evaluate, dict) else None
    if THRESHOLD in recipe and positive != recipe.get(POSITIVE):
        entry["evaluate"] = {POSITIVE: recipe.get(POSITIVE)}
    return entry


def _differs(name: str, recipe: Mapping[str, Json], base: Mapping[str, Json]) -> bool:
    return recipe.get(name) != _whole(name, base.get(name))


def _whole(name: str, written: Json) -> Json:
    """The field of a base block as a recipe has it."""
    return {**METHOD, **written} if name == CALIBRATE and isinstance(written, dict) else written or None


def _over(wanted: Json, present: Json) -> Json:
    """The override that merges with what is present to what is wanted."""
    if not isinstance(wanted, dict) or not isinstance(present, dict):
        return wanted
    return {**{key: None for key in present if key not in wanted}, **wanted}
