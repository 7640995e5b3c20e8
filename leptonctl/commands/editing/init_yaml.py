"""The first YAML of a project, from the findings in its table: only settings that change the result. Pure."""

import json
import re
from collections.abc import Iterator

from leptonctl.core.frozen import Frozen
from leptonctl.learning.findings.findings import Declared, Findings, PreprocessLine
from leptonctl.spi.learning import SourceOptions

WIDTH = 34
FIRST_PORT = 8080
"""The ports of new environments are the first free ones from here on."""
NAMES = re.compile(r"[A-Za-z_]([A-Za-z0-9_ -]*[A-Za-z0-9_])?")
WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan"})


class FirstProject(Frozen):
    """The name of the project, the path of its table, the port of its first server and the line of its first gate."""

    name: str
    path: str
    port: int
    gate: str


def first_yaml(findings: Findings, project: FirstProject) -> str:
    """The documents of the project, one of each kind."""
    positive = f"\nevaluate: {{positive: {scalar(findings.positive)}}}" if findings.positive is not None else ""
    return f"""\
kind: Project
name: {scalar(project.name)}
format: 1
---
kind: Dataset
name: data
target: {scalar(findings.target)}
{"".join(f"{line}{chr(10)}" for line in dataset_lines(findings))}versions:
  first: {{source: {path_scalar(project.path)}}}    # `leptonctl pin` writes its digest here
---
kind: Model
name: model
dataset: data@first
task: {findings.task}
{"".join(f"{line}{chr(10)}" for line in preprocess_lines(findings.preprocess))}algorithm: {findings.algorithm}{positive}
versions:
  v1: {{description: First try}}
---
kind: Environment
name: dev
platform: {{type: server, host: 127.0.0.1, port: {project.port}}}
models:
  model: v1
gates:                             # what a version must reach to enter this environment
  {project.gate}
"""


def gate(findings: Findings) -> str:
    """The line of the first gate."""
    metric, drop = findings.gate
    return f"{metric}: {{max_drop: {drop}}}    # against the version that serves"


def options_of(options: SourceOptions) -> dict[str, object]:
    """The options that are not the default, by their key in the YAML."""
    listed: dict[str, object] = {
        "encoding": None if options.encoding == "utf-8" else options.encoding,
        "delimiter": options.delimiter,
        "decimal": None if options.decimal == "." else options.decimal,
        "thousands": options.thousands,
        "header": None if options.header is True else options.header if options.header is False else list(options.header),
        "skip_rows": options.skip_rows or None,
        "missing_values": list(options.missing) or None,
    }
    return {name: value for name, value in listed.items() if value is not None}


def dataset_lines(findings: Findings) -> Iterator[str]:
    """The lines of a dataset that say how its table is read."""
    because = {reason.about: reason.detail for reason in findings.reasons}
    if findings.id is not None:
        yield _add_comment(f"id: {scalar(findings.id)}", "never a feature; names a row")
    if findings.drops_rows:
        yield _add_comment("target_missing: drop", because.get("target_missing", ""))
    for name, value in options_of(findings.options).items():
        yield _add_comment(f"{name}: {_value(value)}", because.get(name, ""))
    if not findings.stratify:
        yield _add_comment("split: {stratify: false}", because.get("split", ""))
    if findings.declared:
        yield "columns:"
        yield from (f"  {_add_comment(_column(column), column.why, WIDTH - 2)}" for column in findings.declared)


def preprocess_lines(steps: tuple[PreprocessLine, ...]) -> Iterator[str]:
    """The lines of `preprocess:`; none without a step."""
    if steps:
        yield _add_comment("preprocess:", "part of the model: the same in training and in serving")
    for step in steps:
        columns = step.columns if isinstance(step.columns, str) else f"[{', '.join(map(scalar, step.columns))}]"
        yield f"  - {{columns: {columns}, use: {step.use}}}"


def _column(column: Declared) -> str:
    if column.ignore:
        return f"{scalar(column.name)}: {{ignore: true}}"
    keys: dict[str, str] = {}
    if column.date is not None:
        form = {"format": _quote(column.date.format)} if column.date.format else {}
        keys = {"type": column.date.type, **form, "parts": f"[{', '.join(column.date.parts)}]"}
    elif column.type is not None and column.words is None:
        keys = {"type": column.type}
    if column.words is not None:
        keys |= {"when_true": f"[{_quote(column.words.true[0])}]", "when_false": f"[{_quote(column.words.false[0])}]"}
    keys |= {"nullable": "true"} if column.nullable else {}
    return f"{scalar(column.name)}: {{{', '.join(f'{key}: {value}' for key, value in keys.items())}}}"


def _add_comment(line: str, why: str, width: int = WIDTH) -> str:
    """The line with its reason, on one line."""
    plain = "".join(c if c.isprintable() else " " for c in why)
    return f"{line.ljust(width)} # {plain}" if plain.strip() else line


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(_quote(str(item)) for item in value)}]"
    if not isinstance(value, str):
        return str(value)
    return value if re.fullmatch(r"[a-z][a-z0-9_-]*", value) else _quote(value)


def scalar(text: str) -> str:
    """A YAML scalar that reads back as this string."""
    return text if NAMES.fullmatch(text) and text.casefold() not in WORDS else _quote(text)


def path_scalar(path: str) -> str:
    """A path as a YAML scalar."""
    return path if re.fullmatch(r"[A-Za-z0-9_./-]+", path) else _quote(path)


def _quote(text: str) -> str:
    """In double quotes, as JSON writes it, which YAML 1.2 reads."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" if ord(c) < 0x10000 else f"\\U{ord(c):08x}" for c in quoted)  # noqa: PLR2004
