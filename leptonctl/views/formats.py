"""docs/formats.md: every durable record with its path, fields, types and an example, written from the types themselves.

`python -m leptonctl.views.formats` prints the page. The words are those of the docstrings: a sentence that names a field in
backticks is what the field means, the others say what the record is.
"""

import json
import re
import sys
from collections.abc import Iterator

import msgspec
from msgspec import inspect

from leptonctl.core.codec import Record, encode
from leptonctl.views.format_examples import DESCRIBED, MEANINGS, Described

INTRODUCTION = """\
# State and store formats

This page is written by `python -m leptonctl.views.formats` from the types that read and write the records: what it says is what the
code does. Digests are `sha256:<64 hex digits>`. All JSON is UTF-8 and compact; the examples are laid out for reading.

A record that lies in a file carries its format as `format_version`, a text, written first. A reader passes over fields that it does
not know, and takes the default of those that are absent; a field at its default is not written. A record that is not as its type says
is `error[corrupt-record]` with its path, and only what needs it fails; one of a later format is `error[newer-format]`. What lies in a
store and is not named as a record is passed over.

Everything that is written once by content is shared among the projects of a store: `artifacts/`, `results/`, `recipes/`, `keys/`. All
that moves lies below `projects/LINEAGE/`. A folder store keeps `.temporary`, `.locks` and `.leases` beside them.
"""
NAMES = {
    inspect.AnyType: "any JSON", inspect.BoolType: "boolean", inspect.IntType: "integer", inspect.FloatType: "number",
    inspect.StrType: "text", inspect.BytesType: "base64", inspect.NoneType: "null",
}  # fmt: skip
SENTENCE = re.compile(r"(?<=[.;])\s+(?=[A-Z`])")
NAMED = re.compile(r"`([a-z_]+)`")
# a record that stands alone has a section under its title, others one under their type
TITLES: dict[type, str] = {record.kind: record.title for record in DESCRIBED}
# where the design says why
REFERENCE = re.compile(r" \((?:protocols|law) [0-9]+\)")


def page(described: tuple[Described, ...] = DESCRIBED) -> str:
    """The whole page."""
    sections = [INTRODUCTION, _contents(described)]
    parts: dict[str, type] = {}
    for record in described:
        sections.append(_section(f"## {record.title}", record.kind, [*record.paths, record.words], record.example))
        parts |= {part.__name__: part for part in _parts(record.kind)}
    top = {record.kind for record in described}
    sections.append("## Parts of records\n")
    sections += [_section(f"### {name}", part, [], None) for name, part in sorted(parts.items()) if part not in top]
    return "\n".join(sections)


def _contents(described: tuple[Described, ...]) -> str:
    rows = [f"| {', '.join(f'`{path}`' for path in record.paths)} | [{record.title}](#{_anchor(record.title)}) |" for record in described]
    return "\n".join(["| path | record |", "| --- | --- |", "| `artifacts/DIGEST` | bytes, under the hex of their SHA-256 |", *rows, ""])


def _section(heading: str, kind: type, before: list[str], example: Record | None) -> str:
    words, meanings = _docstring(kind)
    info = inspect.type_info(kind)
    lines = [heading, ""]
    if before:
        lines += [", ".join(f"`{path}`" for path in before[:-1]), ""]
    if text := " ".join(filter(None, [words, before[-1] if before else ""])):
        lines += [text, ""]
    lines += ["| field | type | when absent | meaning |", "| --- | --- | --- | --- |"]
    lines += [_row(field, meanings) for field in getattr(info, "fields", ())]
    if example is not None:
        lines += ["", "```json", json.dumps(json.loads(encode(example)), indent=1, ensure_ascii=False), "```"]
    return "\n".join([*lines, ""])


def _row(field: inspect.Field, meanings: dict[str, str]) -> str:
    absent = "required" if field.required else f"`{json.dumps(_default(field), ensure_ascii=False)}`"
    return f"| `{field.encode_name}` | {_type(field.type)} | {absent} | {meanings.get(field.name) or MEANINGS.get(field.name, '')} |"


def _default(field: inspect.Field) -> object:
    if field.default is not msgspec.NODEFAULT:
        return msgspec.to_builtins(field.default)
    factory = field.default_factory
    return msgspec.to_builtins(factory()) if callable(factory) else None


def _type(found: inspect.Type) -> str:
    match found:
        case inspect.StructType():
            return f"[{found.cls.__name__}](#{_anchor(TITLES.get(found.cls, found.cls.__name__))})"
        case inspect.DictType():
            return f"{_type(found.key_type)} → {_type(found.value_type)}"
        case inspect.VarTupleType() | inspect.ListType():
            return f"list of {_type(found.item_type)}"
        case inspect.LiteralType():
            return ", ".join(f"`{value}`" for value in found.values)
        case inspect.UnionType():
            return " or ".join(_type(part) for part in found.types)
        case _:
            return NAMES[type(found)]


def _parts(kind: type) -> Iterator[type]:
    """The records that stand inside one, at any depth, once each."""
    seen: set[type] = set()
    waiting = [inspect.type_info(kind)]
    while waiting:
        found = waiting.pop()
        if isinstance(found, inspect.StructType):
            if found.cls in seen:
                continue
            seen.add(found.cls)
            if found.cls is not kind:
                yield found.cls
            waiting += [field.type for field in found.fields]
        waiting += [getattr(found, name) for name in ("key_type", "value_type", "item_type") if hasattr(found, name)]
        waiting += getattr(found, "types", ())


def _docstring(kind: type) -> tuple[str, dict[str, str]]:
    """What a record is, and what its fields mean. A record that only narrows another one is explained by that one too."""
    classes = [cls for cls in kind.__mro__ if issubclass(cls, Record) and cls is not Record]
    fields = {field for cls in classes for field in cls.__struct_fields__}
    words: list[str] = []
    meanings: dict[str, list[str]] = {}
    for cls in classes:
        sentences = SENTENCE.split(REFERENCE.sub("", " ".join((cls.__doc__ or "").split())))
        for number, sentence in enumerate(sentences):
            named = [name for name in dict.fromkeys(NAMED.findall(sentence)) if name in fields]
            if not named or (number == 0 and not sentence.startswith("`")):
                words.append(sentence)
                continue
            for name in named:
                meanings.setdefault(name, []).append(_ended(sentence))
    return " ".join(words), {name: " ".join(found).replace("|", "\\|") for name, found in meanings.items()}


def _ended(sentence: str) -> str:
    return sentence.removesuffix(";") + "." if sentence.endswith(";") else sentence


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")


if __name__ == "__main__":
    sys.stdout.write(page())
