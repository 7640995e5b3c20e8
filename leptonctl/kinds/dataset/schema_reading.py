"""The keys of a dataset that say how its files are read. Data only."""

from typing import Final

from leptonctl.kinds.schema_parts import integer, string, strings
from leptonctl.spi.learning import Schema

READING: Final[dict[str, Schema]] = {
    "encoding": string("Encoding of a text file.", minLength=1, default="utf-8", examples=["latin-1"]),
    "delimiter": string("Separator of the cells of a CSV line. Default: detected.", minLength=1, maxLength=1, examples=[";"]),
    "decimal": {
        "description": "The decimal separator of numbers that are written as text.",
        "enum": [".", ","],
        "default": ".",
    },
    "thousands": {
        "description": "The thousands separator of numbers that are written as text. A space also stands for a no-break space. "
        "Default: none.",
        "enum": [".", ",", " ", "'", "_"],
        "examples": ["."],
    },
    "header": {
        "description": "Whether a CSV file has a header line. false: it has none, and the columns are named `column_1`, `column_2`, …. "
        "A list: it has none, and these are the names of the columns.",
        "anyOf": [{"type": "boolean"}, strings("The names of the columns.", "A name.", minItems=1)],
        "default": True,
        "examples": [False, ["age", "bmi", "outcome"]],
    },
    "skip_rows": integer(
        "Number of lines of a CSV file to skip before its header, or before its first row if it has no header.", minimum=0, default=0
    ),
    "missing_values": {
        "description": "Strings read as missing in every column, in addition to the built-in markers of number and boolean columns; "
        "`{only: […]}` replaces those.",
        "anyOf": [
            {"type": "array", "items": string("A string."), "uniqueItems": True},
            {
                "type": "object",
                "properties": {"only": {"description": "The strings.", "type": "array", "items": string("A string."), "uniqueItems": True}},
                "required": ["only"],
                "additionalProperties": False,
            },
        ],
        "examples": [["?", "-"], {"only": ["?"]}],
    },
}
