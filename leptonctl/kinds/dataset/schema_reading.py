"""The keys of a dataset that say how its files are read. Data only."""

from typing import Final

from leptonctl.kinds.schema_parts import integer, string, strings
from leptonctl.spi.learning import Schema

READING: Final[dict[str, Schema]] = {
    "encoding": string("Encoding of a text file.", minLength=1, default="utf-8", examples=["latin-1"]),
    "delimiter": string("Separator of the cells of a CSV line. Default: detected.", minLength=1, maxLength=1, examples=[";"]),
    "decimal": {
        "description": "What separates whole and fraction in numbers that are written as text.",
        "enum": [".", ","],
        "default": ".",
    },
    "thousands": {
        "description": "What groups the digits of numbers that are written as text, in threes. A space is also a no-break space. "
        "Default: nothing.",
        "enum": [".", ",", " ", "'", "_"],
        "examples": ["."],
    },
    "header": {
        "description": "Whether a CSV file has a header line. false: columns are named `column_1`, `column_2`, …. "
        "A list: it has none, and these are the names of its columns.",
        "anyOf": [{"type": "boolean"}, strings("The names of the columns.", "A name.", minItems=1)],
        "default": True,
        "examples": [False, ["age", "bmi", "outcome"]],
    },
    "skip_rows": integer("Lines of a CSV file that are passed over before its header, or before its first row.", minimum=0, default=0),
    "missing_values": {
        "description": "Strings read as missing in every column, besides the built-in markers of number and boolean columns; "
        "`{only: […]}` takes the place of those.",
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
