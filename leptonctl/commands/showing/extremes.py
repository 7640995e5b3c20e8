"""The smallest and largest values of columns in the record of a snapshot. They are values of rows, so a purge removes them."""

from leptonctl.core.frozen import replace
from leptonctl.core.result import Result
from leptonctl.core.values import Json

ENDS = ("min", "max")
HOLDS = "the smallest and largest values of {}"


def columns_with_extremes(result: Result) -> list[str]:
    """The columns of which a record holds an extreme."""
    profile = result.outputs.get("profile")
    figures = profile.items() if isinstance(profile, dict) else ()
    return [name for name, column in figures if isinstance(column, dict) and any(column.get(end) is not None for end in ENDS)]


def without_extremes(result: Result) -> Result:
    """The result without its extremes."""
    profile = result.outputs.get("profile")
    if not isinstance(profile, dict):
        return result
    bare: dict[str, Json] = {
        name: {key: None if key in ENDS else value for key, value in column.items()} if isinstance(column, dict) else column
        for name, column in profile.items()
    }
    return replace(result, outputs={**result.outputs, "profile": bare})
