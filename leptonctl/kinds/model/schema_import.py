"""The keys of a model version that is imported. Data only."""

from leptonctl.kinds.schema_parts import DIGEST_PATTERN, block, string, strings, table
from leptonctl.spi.learning import Schema

_FILE = string("An ONNX file, or a model that XGBoost (.json, .ubj) or LightGBM (.txt) saved, relative to the project folder.", minLength=1)
_COLUMNS = strings("Columns, in the order of the tensor.", "A column.", minItems=1)
_OUTPUT = string("Name of an output of the graph.", minLength=1)

IMPORT: dict[str, Schema] = {
    "import": {
        "description": "A finished model instead of an `algorithm`: the path of its ONNX file, or of a file that XGBoost or "
        "LightGBM saved; or a mapping of the path and the digest that the file must have.",
        "anyOf": [
            _FILE,
            block(
                "The file and its digest.",
                {"file": _FILE, "digest": string("Digest of the file's bytes.", pattern=DIGEST_PATTERN)},
                required=["file"],
            ),
        ],
        "examples": ["vendor/filter.onnx", "vendor/trees.json"],
    },
    "inputs": {
        "description": "For an imported file: the columns of its single tensor in order, or input of the graph -> its column or columns. "
        "Default: one tensor takes all features in the order of the dataset; several inputs take the columns of their names.",
        "anyOf": [_COLUMNS, table("Input -> column or columns.", {"anyOf": [string("A column.", minLength=1), _COLUMNS]}, minProperties=1)],
        "examples": [["age", "income"], {"float_input": ["age", "income"], "city_input": "city"}],
    },
    "classes": {
        "description": "For an imported file: its classes in the order of its probabilities. Default: as the graph lists them. "
        "Needed if it lists none, unless the classes are 0, 1, ….",
        "type": "array",
        "items": {"description": "A class.", "type": ["string", "integer", "boolean"]},
        "minItems": 2,
        "uniqueItems": True,
        "examples": [["n", "y"]],
    },
    "outputs": {
        "description": "For an imported file: what its single output of numbers holds (`probabilities` or `logits`), or which "
        "output is which.",
        "anyOf": [
            {"enum": ["probabilities", "logits"]},
            block(
                "Names of outputs.",
                {"label": _OUTPUT, "probabilities": _OUTPUT, "logits": _OUTPUT, "prediction": _OUTPUT},
                minProperties=1,
            ),
        ],
        "examples": ["logits", {"label": "output_label", "probabilities": "output_probability"}],
    },
}
