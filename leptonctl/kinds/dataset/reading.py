"""How the files of a dataset version are read: its options, as the key of an observed file and as part of a recipe. Pure."""

import codecs
from collections.abc import Iterator
from typing import cast

from leptonctl.core.diagnostic import Diagnostic, error
from leptonctl.core.observed import SourceKey
from leptonctl.core.values import Json
from leptonctl.language.resolve import Declared

DEFAULTS: dict[str, Json] = {"decimal": ".", "thousands": None, "header": True, "skip_rows": 0}
"""Options that enter a recipe only where they differ from these, so that earlier recipes stay the same."""
OPTIONS = ("encoding", "delimiter", "missing_values", *DEFAULTS)

NO_DELIMITER = '"\r\n\0'


def source_key(declared: Declared, path: str) -> SourceKey:
    """The file at a path, with the options that its header depends on."""
    fields = declared.fields
    encoding, delimiter, header = fields.get("encoding"), fields.get("delimiter"), fields.get("header")
    thousands, skip_rows = fields.get("thousands"), fields.get("skip_rows")
    return SourceKey(
        path=path,
        encoding=encoding if isinstance(encoding, str) else "utf-8",
        delimiter=delimiter if isinstance(delimiter, str) else None,
        decimal="," if fields.get("decimal") == "," else ".",
        thousands=thousands if isinstance(thousands, str) else None,
        header=tuple(map(str, header)) if isinstance(header, list) else header is not False,
        skip_rows=skip_rows if isinstance(skip_rows, int) else 0,
    )


def recipe_options(declared: Declared) -> dict[str, Json]:
    """The options as a recipe holds them."""
    fields, key = declared.fields, source_key(declared, "")
    more = {name: fields[name] for name, default in DEFAULTS.items() if fields.get(name) not in (None, default)}
    return {"encoding": key.encoding, "delimiter": key.delimiter, "missing_values": fields.get("missing_values"), **more}


def problems(declared: Declared) -> Iterator[Diagnostic]:
    """What is wrong with the options, whatever is in the file."""
    key = source_key(declared, "")
    if key.thousands == key.decimal:
        other = "." if key.decimal == "," else ","
        yield error(
            "same-separator",
            "One character cannot separate both thousands and decimals",
            f'`thousands` and `decimal` are both "{key.decimal}"' + ("" if "decimal" in declared.fields else ", which is the default"),
            span=declared.at("thousands"),
            hint=f'write `decimal: "{other}"`' if "decimal" not in declared.fields else f'write `thousands: "{other}"`',
        )
    if key.delimiter is not None and (len(key.delimiter) != 1 or key.delimiter in NO_DELIMITER):
        yield error(
            "bad-delimiter",
            "This string cannot be a delimiter",
            "a delimiter is one character other than a quote or a line break",
            span=declared.at("delimiter"),
            hint='write for example `delimiter: ";"`',
        )
    if not _is_text(key.encoding):
        yield error(
            "unknown-encoding",
            "Unknown text encoding",
            f'"{key.encoding}" is not the name of a text encoding',
            span=declared.at("encoding"),
            hint="write for example `encoding: utf-8`, `encoding: latin-1` or `encoding: cp1252`",
        )


def _is_text(encoding: str) -> bool:
    try:
        codec = codecs.lookup(encoding)
    except (LookupError, ValueError):
        return False
    return cast("bool", getattr(codec, "_is_text_encoding", True))
