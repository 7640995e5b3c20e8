"""The keys of a model version for weights, directions, threshold and calibration. Data only."""

from leptonctl.kinds.schema_parts import block, choice, integer, number, string, table
from leptonctl.spi.learning import Schema

SHARE = number("A share between 0 and 1.", exclusiveMinimum=0, maximum=1)
DECIDING: dict[str, Schema] = {
    "class_weight": {
        "description": "How much the rows of each class count in training: `balanced` weighs them by the inverse of the class's "
        "share; or a weight for each class, 1 for those that are not named. Evaluation uses no weights.",
        "anyOf": [
            {"enum": ["balanced"]},
            table("Class, as the data has it -> weight.", number("Weight of each of its rows.", exclusiveMinimum=0), minProperties=1),
        ],
        "examples": ["balanced", {"y": 5}],
    },
    "sample_weight": string(
        "Column of numbers with the weight of each row in training. It is never a feature, and requests need not have it. "
        "Evaluation uses no weights.",
        minLength=1,
        examples=["weight"],
    ),
    "monotonic": table(
        "Feature -> direction. With a larger value and all else equal, the prediction does not fall (`up`) or does not rise (`down`). "
        "For two classes this is the probability of the last one in sorted order.",
        choice("Direction of the feature.", ["up", "down"]),
        examples=[{"income": "up"}],
    ),
    "threshold": {
        "description": "The probability from which the label is the positive class: a number, or how to choose it on held-out folds of the "
        "training rows. Only for two classes. Default: the label is the class with the largest probability.",
        "anyOf": [
            {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            block(
                "How the threshold is chosen: by one of these keys.",
                {
                    "metric": string("The best value of this metric.", minLength=1),
                    "recall": block("The best precision with at least this recall.", {"min": SHARE}, required=["min"]),
                    "precision": block("The best recall with at least this precision.", {"min": SHARE}, required=["min"]),
                },
                minProperties=1,
            ),
        ],
        "examples": [0.35, {"metric": "f1"}, {"recall": {"min": 0.95}}],
    },
    "calibrate": block(
        "Calibrates the probabilities on held-out folds of the training rows, as scikit-learn's "
        "`CalibratedClassifierCV(ensemble=False)` does. Part of the ONNX graph.",
        {
            "method": choice(
                "`sigmoid` is Platt scaling; `isotonic` is isotonic regression, for a thousand rows or more.",
                ["sigmoid", "isotonic"],
                default="sigmoid",
            ),
            "cross_validation": integer("Number of folds.", minimum=2, maximum=100, default=5),
        },
        examples=[{"method": "sigmoid", "cross_validation": 5}],
    ),
}
