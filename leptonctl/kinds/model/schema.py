"""Every key of a Model, as JSON Schema. Data only; `kinds.schema` adds what depends on the catalog."""

from leptonctl.kinds.model.schema_command import COMMAND
from leptonctl.kinds.model.schema_deciding import DECIDING
from leptonctl.kinds.model.schema_import import IMPORT
from leptonctl.kinds.model.schema_search import SEARCH
from leptonctl.kinds.schema_parts import (
    DESCRIPTION,
    SCALAR,
    block,
    choice,
    document,
    flag,
    integer,
    kind,
    name,
    string,
    strings,
    table,
    versions_schema,
)
from leptonctl.language.fits import NAME_PATTERN
from leptonctl.spi.learning import Schema

PREPROCESS_STEP = block(
    "One step, applied to some columns; the others pass through.",
    {
        "columns": {
            "description": "`numeric`, `categorical`, `all`, or a list of column names.",
            "anyOf": [
                {"enum": ["numeric", "categorical", "all"]},
                {"type": "array", "items": string("A column.", minLength=1), "minItems": 1, "uniqueItems": True},
            ],
            "default": "all",
        },
        "use": string("Name of the step.", minLength=1),
        "params": {"description": "Its parameters, with scikit-learn's names.", "type": "object", "default": {}},
    },
    required=["use"],
)


_MODEL: dict[str, Schema] = {
    "kind": kind("Model"),
    "name": name("model"),
    "description": DESCRIPTION,
    "labels": table("Your own labels. Not part of any digest.", {"description": "A label.", "type": SCALAR}, examples=[{"team": "mail"}]),
    "dataset": string("The dataset and its version, `NAME@VERSION`.", pattern="^[^@]+(@[^@]+)?$", examples=["mail@2024-06"]),
    "task": choice("What the model learns to do.", ["classification", "regression", "clustering", "anomaly"]),
    "seed": integer("Seed of all randomness in training.", minimum=0, maximum=2**32 - 1, default=0),
    "revision": integer("Raise it to train the same recipe again.", minimum=1, default=1),
    "features": strings("Columns to learn from. Default: all but the target.", "A column.", minItems=1),
    "preprocess": {
        "description": "Steps before the algorithm, in order. Part of the model: the same in training and in serving.",
        "type": "array",
        "items": PREPROCESS_STEP,
        "default": [],
        "examples": [[{"columns": "numeric", "use": "standard_scaler"}]],
    },
    "algorithm": string("Name of the algorithm.", minLength=1, examples=["logistic_regression"]),
    "params": {
        "description": "Parameters of the algorithm, with scikit-learn's names. A version merges its own into those of the base block; "
        "one that names another algorithm does not inherit those, and the plan lists them.",
        "type": "object",
        "default": {},
    },
    **DECIDING,
    "warm_start": {
        "description": "The version of this model to continue from, instead of training from the beginning: its name, or a mapping.",
        "anyOf": [
            string("The version.", pattern=NAME_PATTERN),
            block(
                "The version to continue from, and how.",
                {
                    "version": string("The version.", pattern=NAME_PATTERN),
                    "refit": flag(
                        "Fit the preprocess steps again, on the rows of this version. Otherwise they stay as in the other version.",
                        default=False,
                    ),
                },
                required=["version"],
            ),
        ],
        "examples": ["v1", {"version": "v1", "refit": True}],
    },
    "search": SEARCH,
    "evaluate": block(
        "How versions are evaluated on the test rows. Not part of the model's digest.",
        {
            "metrics": strings("Names of the metrics. Default: the usual ones of the task.", "A metric.", minItems=1),
            "cross_validation": integer("Number of folds on the training rows. Default: no cross-validation.", minimum=2, maximum=100),
            "positive": {"description": "The positive class of binary metrics. Default: the last of the sorted classes.", "type": SCALAR},
            "average": choice(
                "How a metric is averaged over classes. Default: binary; macro for more than two classes.",
                ["binary", "macro", "micro", "weighted"],
            ),
        },
        examples=[{"metrics": ["accuracy", "f1"], "cross_validation": 5}],
    ),
    **IMPORT,
    **COMMAND,
    "export": block(
        "How the ONNX file is written.", {"opset": integer("Version of the ONNX operator set.", minimum=17, maximum=21, default=18)}
    ),
}
MODEL = document(
    "Model",
    "A model and its versions: what it learns from, and how.",
    {
        **_MODEL,
        "versions": versions_schema(
            "The versions by name, at least one. A version overrides any key of the base block; null removes a key. All are built.",
            _MODEL,
            {"v1": {"params": {"C": 1.0}}},
        ),
    },
    ["name", "versions"],
)
