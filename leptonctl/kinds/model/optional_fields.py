"""Fields that a model's recipe has only when the YAML declares them, converted back to YAML. Pure."""

from collections.abc import Mapping

from leptonctl.core.values import Json
from leptonctl.kinds.model.decision import CALIBRATE, METHOD, POSITIVE, THRESHOLD
from leptonctl.kinds.model.weights import WEIGHTS
from leptonctl.language.resolve import override_for

OPTIONAL = (*WEIGHTS, THRESHOLD, CALIBRATE)


def optional_fields(recipe: Mapping[str, Json], base: Mapping[str, Json]) -> dict[str, Json]:
    """The override of the base block with which a version has these fields of the recipe. Null removes one of the base block."""
    entry = {name: override_for(recipe.get(name), _whole(name, base.get(name))) for name in OPTIONAL if _differs(name, recipe, base)}
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
