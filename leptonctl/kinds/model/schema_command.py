"""The keys of a model version that a program of the user makes. Data only."""

from leptonctl.kinds.schema_parts import DIGEST_PATTERN, block, number, string, strings, table
from leptonctl.spi.learning import Schema

MEMORY_PATTERN = "^[1-9][0-9]{0,6}(MiB|GiB)$"

COMMAND: dict[str, Schema] = {
    "command": block(
        "A program of your own instead of an `algorithm`: it reads the prepared rows and writes an ONNX file. "
        "Needs `allow: [command]` in the project file.",
        {
            "run": {
                "description": "The program and its arguments, run without a shell. `python` is the interpreter that runs leptonctl.",
                "type": "array",
                "items": {"description": "The program, or an argument.", "type": "string"},
                "minItems": 1,
                "x-words": True,  # a string in its place is a command line, and the hint shows it as a list of words
                "examples": [["python", "train.py"]],
            },
            "files": {
                "description": "The only files that the program gets: paths and globs relative to the project folder, or "
                "path -> the digest that the file must have. Path and content of each are part of the version.",
                "anyOf": [
                    strings("Paths and globs.", "A path or a glob.", minItems=1),
                    table("Path -> digest.", string("Digest of the file's bytes.", pattern=DIGEST_PATTERN), minProperties=1),
                ],
                "examples": [["train.py", "lib/*.py"]],
            },
            "output": string("The ONNX file that the program writes, relative to its folder.", minLength=1, default="model.onnx"),
            "env": table(
                "Environment variables of the program. It gets none of yours. They are recorded, so write no secrets here.",
                string("The value."),
                examples=[{"SEED": "7"}],
            ),
        },
        required=["run", "files"],
        examples=[{"run": ["python", "train.py"], "files": ["train.py"]}],
    ),
    "limits": block(
        "For a `command`: limits at which it is stopped. Not part of any digest.",
        {
            "seconds": number("The longest time that it may run, in seconds.", exclusiveMinimum=0, examples=[600]),
            "memory": string("The most memory that each of its processes may allocate.", pattern=MEMORY_PATTERN, examples=["2GiB"]),
        },
    ),
}
