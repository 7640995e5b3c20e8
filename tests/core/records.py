"""Strategies for every record type, made from its annotations: values that the codec must read back unchanged."""

import inspect
import types
import typing
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from hypothesis import strategies as st

from leptonctl.building import messages
from leptonctl.core import deployment, job, manifest, result, state, store_records
from leptonctl.core.codec import Record

texts = st.text(st.characters(codec="utf-8"), max_size=5)
numbers = st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | st.integers() | numbers | texts
jsons = st.recursive(scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2), max_leaves=4)
PLAIN: Mapping[Any, st.SearchStrategy[Any]] = {
    str: texts,
    bytes: st.binary(max_size=5),
    int: st.integers(),
    float: numbers,
    bool: st.booleans(),
    Any: jsons,
    type(None): st.none(),
}


def record_types() -> Iterator[type[Record]]:
    """Every record type of the core and of the messages between processes."""
    for module in (state, store_records, job, deployment, manifest, result, messages):
        for _, found in inspect.getmembers(module, inspect.isclass):
            if issubclass(found, Record) and found.__module__ == module.__name__:
                yield found


RECORDS = sorted(record_types(), key=lambda kind: kind.__qualname__)
WITH_FORMAT = [kind for kind in RECORDS if kind.__struct_config__.tag_field == "format_version"]


@cache
def records(kind: type[Record]) -> st.SearchStrategy[Record]:
    """Any record of a type. Fields with a default may be absent."""
    hints = get_type_hints(kind)
    required = {f.name: values(hints[f.name]) for f in msgspec.structs.fields(kind) if f.required}
    optional = {f.name: values(hints[f.name]) for f in msgspec.structs.fields(kind) if not f.required}
    return st.fixed_dictionaries(required, optional=optional).map(lambda fields: kind(**fields))


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of an annotation. An unknown annotation fails the tests."""
    if hint in PLAIN:
        return PLAIN[hint]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in (typing.Union, types.UnionType):
        return st.one_of(*map(values, arguments))
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(values(arguments[0]), max_size=2).map(tuple)
    if origin is Mapping or (inspect.isclass(origin) and issubclass(origin, Mapping)):
        return st.dictionaries(texts, values(arguments[1]), max_size=2)
    if inspect.isclass(hint) and issubclass(hint, Record):
        return st.deferred(lambda: records(hint))
    msg = f"no values are known for {hint!r}"
    raise TypeError(msg)
