"""Every key of a Dataset, as JSON Schema. Data only."""

from leptonctl.core.dates import PARTS
from leptonctl.kinds.dataset.schema_reading import READING
from leptonctl.kinds.schema_parts import (
    DESCRIPTION,
    DIGEST_PATTERN,
    SCALAR,
    block,
    choice,
    document,
    flag,
    forbid,
    integer,
    kind,
    name,
    number,
    secret,
    string,
    strings,
    table,
    versions_schema,
    words,
)
from leptonctl.spi.learning import Schema

COLUMN = block(
    "The contract of one column. What it does not declare is inferred.",
    {
        "type": choice("Type of its cells.", ["number", "integer", "boolean", "string", "date", "datetime"]),
        "ignore": flag("The column is never read: it is not a feature, and requests and input files may have it or not.", default=False),
        "min": number("Smallest value allowed."),
        "max": number("Largest value allowed."),
        "values": {
            "description": "All values allowed.",
            "type": "array",
            "items": {"description": "A value.", "type": SCALAR},
            "minItems": 1,
            "uniqueItems": True,
        },
        "missing": {"description": "Fill value for missing cells, in the data and in requests.", "type": SCALAR},
        "nullable": {"description": "Whether a cell may be missing. Default: inferred from the data.", "type": "boolean"},
        "unique": flag("No two rows may have the same value.", default=False),
        "pattern": string(
            "A regular expression that each string must match as a whole. Without look-around and back references, so that matching takes "
            "linear time. Not checked on requests.",
            minLength=1,
            maxLength=200,
            examples=["[A-Z]{2}[0-9]{6}"],
        ),
        "max_missing": number("Largest share of cells that may be missing, after filling.", minimum=0, maximum=1),
        "min_share": number("For the target: the smallest share of the rows that each class must have.", exclusiveMinimum=0, maximum=0.5),
        "min_date": string(
            "For a column of dates: the earliest date allowed, in ISO 8601. Not checked on requests.", examples=["2020-01-01"]
        ),
        "max_date": string("For a column of dates: the latest date allowed, in ISO 8601. Not checked on requests."),
        "when_true": words("The words that mean true, in upper or lower case; requests may use them too. Default: true, yes and 1.", "Ja"),
        "when_false": words("The words that mean false, in upper or lower case. Default: false, no and 0.", "Nein"),
        "format": string(
            "How the dates are written, in the directives of `strptime`: %Y %m %d %H %M %S and others. Default: ISO 8601.",
            minLength=1,
            maxLength=200,
            examples=["%d.%m.%Y %H:%M"],
        ),
        "parts": {
            "description": "The parts of a date that are features, with names such as `COLUMN.year`. Requests contain the date as text.",
            "type": "array",
            "items": choice("A part.", [*PARTS]),
            "minItems": 1,
            "uniqueItems": True,
            "examples": [["year", "month", "weekday", "hour"]],
        },
        "description": string("What the column means."),
    },
    dependencies={"when_true": ["when_false"], "when_false": ["when_true"]},
)
COLUMN["type"] = ["object", "null"]

DIGEST = string(
    "Digest of the file's bytes, or of the paths and digests of several files, written by `leptonctl pin`. Pins the version to this "
    "content.",
    pattern=DIGEST_PATTERN,
)

SPLIT = block(
    "How the rows are split into training and test rows.",
    {
        "test": number("Share of the rows that are used for testing.", exclusiveMinimum=0, exclusiveMaximum=1, default=0.25),
        "seed": integer("Seed of the random split.", minimum=0, maximum=2**32 - 1, default=0),
        "stratify": {
            "description": "Keep the shares of the classes the same in training and test rows. Default: true for classification.",
            "type": "boolean",
        },
        "by": string("Split by a stable hash of this column: a row stays on its side as the data grows.", minLength=1),
        "column": string("Column whose cells say `train` or `test`.", minLength=1),
        "time": string("Split by this column of times or numbers: the newest rows are the test rows.", minLength=1),
    },
    dependencies={
        "by": {"properties": {k: forbid(f"`{k}` cannot be combined with `by`") for k in ("seed", "stratify", "column")}},
        "column": {"properties": {k: forbid(f"`{k}` cannot be combined with `column`") for k in ("test", "seed", "stratify")}},
        "time": {"properties": {k: forbid(f"`{k}` cannot be combined with `time`") for k in ("seed", "stratify", "by", "column")}},
    },
    examples=[
        {"test": 0.25, "seed": 7, "stratify": True},
        {"test": 0.25, "by": "message_id"},
        {"column": "part"},
        {"test": 0.2, "time": "received"},
    ],
)

PATH = string("A file, a folder or a glob, relative to the project folder.", minLength=1)

_DATASET: dict[str, Schema] = {
    "kind": kind("Dataset"),
    "name": name("dataset"),
    "description": DESCRIPTION,
    "source": {
        "description": "The data file, relative to the project folder: CSV (also .gz), Parquet or JSON Lines. Or several files of "
        "one format, read as one table: a list, a folder, or a glob.",
        "anyOf": [PATH, {"type": "array", "items": PATH, "minItems": 1, "uniqueItems": True}],
        "examples": ["data/mail.csv", "data/mail-*.csv", ["data/a.csv", "data/b.csv"]],
    },
    "append": {
        "description": "More rows after those of the source: from another version of this dataset, or from a file.",
        "type": "array",
        "items": block(
            "One of the two keys.",
            {"version": string("A version of this dataset, read with its own options.", minLength=1), "file": PATH},
            minProperties=1,
            maxProperties=1,
        ),
        "minItems": 1,
        "examples": [[{"version": "2024-06"}, {"file": "data/more.csv"}]],
    },
    "digest": DIGEST,
    **READING,
    "target": string(
        "The column to predict. Clustering and anomaly detection need none; where there is one, their metrics compare with it.",
        minLength=1,
    ),
    "target_missing": choice(
        "How rows without a target are treated: `drop` leaves them out and counts them, `error` refuses the data.",
        ["drop", "error"],
        default="error",
    ),
    "id": string(
        "The column that identifies a row: a string or an integer, never missing, unique. It is not a feature; `purge --id` finds "
        "rows by it.",
        minLength=1,
        examples=["message_id"],
    ),
    "columns": table(
        "The contract, checked when data is read, in training and on every request.",
        COLUMN,
        examples=[{"age": {"type": "integer", "min": 0, "max": 130}}],
    ),
    "checks": {
        "description": "Rules for every row, as comparisons of its cells. A missing cell breaks no comparison.",
        "type": "array",
        "items": block(
            "One rule.",
            {
                "rule": string(
                    "For example `start <= end`, `total == net + tax`, `age is not missing or kind in ['a', 'b']`. A column name "
                    "that is not a single word is written in backquotes.",
                    minLength=1,
                    maxLength=500,
                ),
                "severity": choice("`fail` refuses the data, `warn` counts the rows.", ["warn", "fail"], default="fail"),
            },
            required=["rule"],
        ),
        "minItems": 1,
        "examples": [[{"rule": "start <= end", "severity": "warn"}]],
    },
    "privacy": block(
        "Columns that must not be learned from, or must not be stored in the clear.",
        {
            "drop": strings("Columns that are left out.", "A column."),
            "hash": strings("Columns whose cells are replaced by a keyed hash (HMAC).", "A column."),
            "key": secret("The key of the hash."),
            "key_id": string("Name of the key. It is part of the identity of the prepared rows; the key itself is not.", minLength=1),
        },
        dependencies={"hash": ["key", "key_id"]},
    ),
    "split": SPLIT,
    "test": block(
        "A separate file of test rows, in place of `split`.",
        {"source": string("The file of test rows, relative to the project folder.", minLength=1), "digest": DIGEST},
        required=["source"],
    ),
}
DATASET = document(
    "Dataset",
    "Data to learn from: its files, the contract of its columns, and its split.",
    {
        **_DATASET,
        "versions": versions_schema(
            "The versions by name, at least one. A version overrides any key of the base block; null removes a key.",
            _DATASET,
            {"2024-06": {"source": "data/mail-2024-06.csv"}},
        ),
    },
    ["name", "versions"],
)
