"""The keys of a Model by what a version is made from, and which of them a version inherits from the base block. Pure."""

from collections.abc import Mapping

from leptonctl.core.values import Json

RESETS_PARAMS = ("algorithm", "import", "command")
"""Keys that make the params of the base block meaningless where a version overrides one of them."""
OF_ALGORITHM = ("params", "search")
"""Keys of the base block that a version with another algorithm does not inherit."""
OF_IMPORT = ("import", "inputs", "classes", "outputs")
"""Keys of a version that is imported."""
OF_TRAINING = (
    "algorithm", "params", "preprocess", "seed", "revision", "export", "class_weight", "sample_weight", "monotonic", "search", "warm_start",
)  # fmt: skip
"""Keys of a version that is trained."""
OF_PROGRAM = ("command", "limits")
"""Keys of a version that a program of the user makes."""
PROGRAM_INPUTS = ("seed", "revision")
"""Keys of a training that a program gets too."""
OF_DECISION = ("threshold", "calibrate")
"""Keys of what is chosen on folds of the training rows. An imported version does not inherit them."""


def inherit(base: Mapping[str, Json], override: Mapping[str, Json]) -> Mapping[str, Json]:
    """The base block without the keys for another origin or another algorithm than that of the version."""
    return _of_origin(base, override) if resets_params(base, override) else base


def resets_params(base: Mapping[str, Json], override: Mapping[str, Json]) -> bool:
    """Whether a version starts with empty `params` and no `search`, since those of the base are for another algorithm."""
    return any(key in override and override[key] != base.get(key) for key in RESETS_PARAMS)


def _of_origin(base: Mapping[str, Json], override: Mapping[str, Json]) -> Mapping[str, Json]:
    if override.get("import") is not None:
        dropped = {*OF_TRAINING, *OF_DECISION, *OF_PROGRAM, *(OF_IMPORT if base.get("import") is not None else ())}
    elif override.get("command") is not None:
        if base.get("command") is not None:
            return base
        dropped = {*OF_TRAINING, *OF_DECISION, *(OF_IMPORT if base.get("import") is not None else ())} - {*PROGRAM_INPUTS}
    elif override.get("algorithm") is not None:
        dropped = {*OF_ALGORITHM, *OF_IMPORT, *OF_PROGRAM}
    else:
        dropped = {*OF_ALGORITHM}
    return {k: v for k, v in base.items() if k not in dropped}
