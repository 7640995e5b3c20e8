"""Every key of the four kinds, as JSON Schema. Data only; `schema` adds what depends on the catalog."""

from collections.abc import Mapping

from leptonctl.core.dates import PARTS
from leptonctl.kinds.gate_rules import limits
from leptonctl.kinds.schema_command import COMMAND
from leptonctl.kinds.schema_deciding import DECIDING
from leptonctl.kinds.schema_import import IMPORT
from leptonctl.kinds.schema_parts import (
    DIGEST_PATTERN,
    SCALAR,
    backend,
    block,
    choice,
    document,
    flag,
    forbidden,
    integer,
    kind,
    name,
    number,
    secret,
    string,
    strings,
    table,
    versioned,
    words,
)
from leptonctl.kinds.schema_reading import READING
from leptonctl.kinds.schema_search import SEARCH
from leptonctl.language.explain_schema import NAME_PATTERN
from leptonctl.spi.learning import Schema

DESCRIPTION = string("What it is for, in one sentence. Not part of any digest.")

IGNORE = strings(
    "Globs of YAML files and folders that are not leptonctl's; `**` matches any number of folders.",
    "A glob relative to the project folder.",
    default=[],
    maxItems=1_000,
    examples=[["charts/**", "mkdocs.yml"]],
)
IGNORE["items"]["maxLength"] = 500

PROJECT = document(
    "Project",
    "Marks the project folder (leptonctl.yaml at its root) and holds the settings of the whole project.",
    {
        "kind": kind("Project"),
        "name": name("project"),
        "description": DESCRIPTION,
        "format": choice("Fixes defaults and trainer epochs, so that an upgrade of leptonctl alone moves no digest.", [1], default=1),
        "state": string(
            "Where the pointers are kept: a folder, or a URI of an installed back end.",
            minLength=1,
            default=".leptonctl/state",
            examples=["/srv/leptonctl/mail/state"],
        ),
        "store": string(
            "Where artifacts and results are kept: a folder, or a URI of an installed back end.",
            minLength=1,
            default=".leptonctl/store",
            examples=["/srv/leptonctl/store"],
        ),
        "executor": backend("Where steps run. Each type has settings of its own.", "local"),
        "keep": block(
            "What `leptonctl gc` keeps although nothing refers to it.",
            {
                "builds": string(
                    "How long artifacts are kept after they were built or last planned with: a number of seconds, minutes, hours or days.",
                    pattern=r"^[1-9][0-9]{0,5}[smhd]$",
                    default="14d",
                    examples=["36h"],
                ),
                "deployments": integer("How many of an environment's last deployments can be returned to.", minimum=1, default=10),
            },
        ),
        "vars": {
            "description": 'Values for templates: "{{ vars.NAME }}" inside any scalar of other documents. No templates or secrets here.',
            "type": "object",
            "examples": [{"max_iter": 200}],
        },
        "warnings": choice(
            "`error`: what would be a warning in a plan, a build or an apply keeps it from being applied.",
            ["show", "error"],
            default="show",
        ),
        "roots": strings("Folders outside the project that may hold data.", "A folder.", default=[], examples=[["/data/mail"]]),
        "allow": {
            "description": "What is not allowed by default. `command`: model versions may run programs of their own, with the rights of "
            "whoever builds.",
            "type": "array",
            "items": choice("What is allowed.", ["command"]),
            "uniqueItems": True,
            "default": [],
            "examples": [["command"]],
        },
        "ignore": IGNORE,
    },
    ["name"],
)

COLUMN = block(
    "The contract of one column. What is left out is inferred.",
    {
        "type": choice("What its cells hold.", ["number", "integer", "boolean", "string", "date", "datetime"]),
        "ignore": flag("Nobody reads the column: it is no feature, and requests and input files may have it or not.", default=False),
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
            "A regular expression that each text matches as a whole, without look-around and back references, so that it takes linear "
            "time. Not checked on requests.",
            minLength=1,
            maxLength=200,
            examples=["[A-Z]{2}[0-9]{6}"],
        ),
        "max_missing": number("Largest share of cells that may be missing, after filling.", minimum=0, maximum=1),
        "min_share": number("Of the target: the smallest share of the rows that each class must have.", exclusiveMinimum=0, maximum=0.5),
        "min_date": string(
            "Of a column of dates: the earliest one allowed, in ISO 8601. Not checked on requests.", examples=["2020-01-01"]
        ),
        "max_date": string("Of a column of dates: the latest one allowed, in ISO 8601. Not checked on requests."),
        "when_true": words("The words that mean true, in any case; requests may use them too. Default: true, yes and 1.", "Ja"),
        "when_false": words("The words that mean false, in any case. Default: false, no and 0.", "Nein"),
        "format": string(
            "How the dates are written, in the directives of `strptime`: %Y %m %d %H %M %S and others. Default: ISO 8601.",
            minLength=1,
            maxLength=200,
            examples=["%d.%m.%Y %H:%M"],
        ),
        "parts": {
            "description": "The parts of a date that are features, named as in `COLUMN.year`; requests carry the date as text.",
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
    "How rows are divided into training and test rows.",
    {
        "test": number("Share of the rows that are used for testing.", exclusiveMinimum=0, exclusiveMaximum=1, default=0.25),
        "seed": integer("Seed of the random split.", minimum=0, maximum=2**32 - 1, default=0),
        "stratify": {
            "description": "Keep the shares of the classes equal in training and test rows. Default: true for classification.",
            "type": "boolean",
        },
        "by": string("Split by a stable hash of this column: a row never changes side as the data grows.", minLength=1),
        "column": string("Column whose cells say `train` or `test`.", minLength=1),
        "time": string("Split by this column of times or numbers: the newest rows are the test rows.", minLength=1),
    },
    dependencies={
        "by": {"properties": {k: forbidden(f"`{k}` cannot be combined with `by`") for k in ("seed", "stratify", "column")}},
        "column": {"properties": {k: forbidden(f"`{k}` cannot be combined with `column`") for k in ("test", "seed", "stratify")}},
        "time": {"properties": {k: forbidden(f"`{k}` cannot be combined with `time`") for k in ("seed", "stratify", "by", "column")}},
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
        "description": "The data file, relative to the project folder: CSV (also .gz), Parquet or JSON Lines. Or several of one format, "
        "read as one table: a list, a folder, or a glob.",
        "anyOf": [PATH, {"type": "array", "items": PATH, "minItems": 1, "uniqueItems": True}],
        "examples": ["data/mail.csv", "data/mail-*.csv", ["data/a.csv", "data/b.csv"]],
    },
    "append": {
        "description": "What else the version is read from, after its source: another version of this dataset, or a file.",
        "type": "array",
        "items": block(
            "One of the two.",
            {"version": string("A version of this dataset, read as it declares.", minLength=1), "file": PATH},
            minProperties=1,
            maxProperties=1,
        ),
        "minItems": 1,
        "examples": [[{"version": "2024-06"}, {"file": "data/more.csv"}]],
    },
    "digest": DIGEST,
    **READING,
    "target": string(
        "The column to predict. Clustering and anomaly need none; if there is one, their metrics compare with it.",
        minLength=1,
    ),
    "target_missing": choice(
        "What becomes of rows without a target: `drop` leaves them out and counts them, `error` refuses the data.",
        ["drop", "error"],
        default="error",
    ),
    "id": string(
        "The column that names a row: a string or an integer, present and unique. Never a feature; `purge --id` finds a row by it.",
        minLength=1,
        examples=["message_id"],
    ),
    "columns": table(
        "The contract: checked when data is read, at training and on every request.",
        COLUMN,
        examples=[{"age": {"type": "integer", "min": 0, "max": 130}}],
    ),
    "checks": {
        "description": "Rules that every row must meet, as comparisons of its cells. A missing cell breaks no comparison.",
        "type": "array",
        "items": block(
            "One rule.",
            {
                "rule": string(
                    "Such as `start <= end`, `total == net + tax`, `age is not missing or kind in ['a', 'b']`. A column whose name is no "
                    "word stands in backquotes.",
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
        "Columns that must not be learned from, or not be stored in the clear.",
        {
            "drop": strings("Columns that are left out.", "A column."),
            "hash": strings("Columns whose cells are replaced by a keyed hash (HMAC).", "A column."),
            "key": secret("The key of the hash."),
            "key_id": string("Name of the key. Part of the identity of the prepared rows; the key itself is not.", minLength=1),
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
        "versions": versioned(
            "The versions by name, at least one. A version overrides any key of the base block; null removes a key.",
            _DATASET,
            {"2024-06": {"source": "data/mail-2024-06.csv"}},
        ),
    },
    ["name", "versions"],
)

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
    "task": choice("What is learned.", ["classification", "regression", "clustering", "anomaly"]),
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
        "one that names another algorithm takes over none of those, and the plan says which.",
        "type": "object",
        "default": {},
    },
    **DECIDING,
    "warm_start": {
        "description": "The version of this model to go on from, instead of training from the beginning: its name, or a mapping.",
        "anyOf": [
            string("The version.", pattern=NAME_PATTERN),
            block(
                "The version to go on from, and how.",
                {
                    "version": string("The version.", pattern=NAME_PATTERN),
                    "refit": flag(
                        "Fit the preprocess steps anew, on the rows of this version. Otherwise they stay as the other version has them.",
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
        "versions": versioned(
            "The versions by name, at least one. A version overrides any key of the base block; null removes a key. All are built.",
            _MODEL,
            {"v1": {"params": {"C": 1.0}}},
        ),
    },
    ["name", "versions"],
)

VERSION = string("Version of the model.", pattern=NAME_PATTERN)
BINDING = {
    "description": "The version that serves: its name, or a mapping with more settings.",
    "anyOf": [
        VERSION,
        block(
            "The version that serves, and what runs beside it.",
            {
                "version": VERSION,
                "readmit": block(
                    "Lets a version back in that was withdrawn from this environment, as `leptonctl readmit` does.",
                    {
                        "withdrawal": string("Id of the withdrawal, as `status` shows it.", pattern="^w[1-9][0-9]*$", examples=["w3"]),
                        "reason": string("Why it comes back.", minLength=1, pattern="[^ ]"),
                    },
                    required=["withdrawal", "reason"],
                ),
            },
            required=["version"],
        ),
    ],
}
GATE = block("Limits on one metric.", limits(), minProperties=1, examples=[{"min": 0.85}])

ENVIRONMENT = document(
    "Environment",
    "A place where models serve: which version of each, where it runs, and the gates that a version must pass.",
    {
        "kind": kind("Environment"),
        "name": name("environment"),
        "description": DESCRIPTION,
        "protected": flag("Seals every version that it has served, and accepts only pinned data.", default=False),
        "require_commit": flag("Refuse an apply whose declared files are not all committed.", default=False),
        "switch": choice("`together`: all bindings move or none does.", ["together"]),
        "requests": choice(
            "Whether a request with values outside min and max is answered or refused.", ["lenient", "strict"], default="lenient"
        ),
        "platform": backend("Where it runs. Each type has settings of its own.", "server"),
        "models": table("Model name -> version.", BINDING, propertyNames={"pattern": NAME_PATTERN}, examples=[{"spam-filter": "v1"}]),
        "gates": {
            "description": "What a version must pass to be bound here: limits by metric, or a list of such mappings by model.",
            "anyOf": [
                table("Metric -> limits, for every model. `flips` is the share of test rows whose label changes.", GATE),
                {
                    "type": "array",
                    "items": table(
                        "Metric -> limits, for some models.",
                        GATE,
                        properties={"models": string("Glob of model names.", minLength=1, default="*")},
                    ),
                },
            ],
            "examples": [{"accuracy": {"min": 0.85}, "f1": {"max_drop": 0.01}, "flips": {"max": 0.05}}],
        },
    },
    ["name"],
)

# what documents are checked against before they are resolved; compiled into `checkers` when the package is built, so this
# module and what it imports must not need more than the build has
BASE: Mapping[str, Schema] = {"Project": PROJECT, "Dataset": DATASET, "Model": MODEL, "Environment": ENVIRONMENT}
