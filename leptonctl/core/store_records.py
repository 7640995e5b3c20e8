"""Smaller records of a store: its identity, owners and lineages; recipes, references, marks of `gc` and of privacy keys."""

from collections.abc import Mapping
from typing import Literal

from leptonctl.core.codec import Record
from leptonctl.core.values import Json


class OwnerRecord(Record, tag_field="format_version", tag="1"):
    """The state, by id and generation, that may change what is below `projects/LINEAGE/`. `at`, `by`: when it took over, by whom."""

    project: str
    state: str
    generation: int
    at: str = ""
    by: str = ""


class LineageName(Record, tag_field="format_version", tag="1"):
    """A lineage that was begun under a project's name. The lineage's `owner` is authoritative."""

    project: str
    lineage: str


class StoreIdentity(Record, tag_field="format_version", tag="1"):
    """The identity of a store; a state names its store by it."""

    id: str


class Reference(Record, tag_field="format_version", tag="1"):
    """What a build or a saved plan refers to, so that no gc frees it.

    `steps`: the step keys of the results by address and step name; `keys`: further ones. `until`: when it expires, in
    seconds since 1970. `seconds`: how long that is after it was written.
    """

    keys: tuple[str, ...] = ()
    steps: Mapping[str, Mapping[str, str]] = {}
    until: float
    seconds: float
    at: str = ""
    by: str = ""
    command: str = ""


class Condemned(Record, tag_field="format_version", tag="1"):
    """The mark of an artifact that nothing refers to. A writer spares an artifact in the `phase` condemned, and waits for one in sweeping.

    `nonce` is random, so that no two marks have equal bytes.
    """

    phase: Literal["condemned", "sweeping", "spared"]
    nonce: str
    at: str = ""
    by: str = ""


class KeyMark(Record, tag_field="format_version", tag="1"):
    """The mark of a privacy key: it identifies the key of this `key_id` without revealing it. `key_id`: "" in older records."""

    mark: str
    key_id: str = ""


class Recipe(Record, tag_field="format_version", tag="1"):
    """What was declared at an address when it was built, stored under the digest that its pointer holds as `declaration`.

    The record holds that digest too, so that one recipe is never read in place of another; "" in older records.
    """

    address: str
    recipe: Mapping[str, Json]
    notes: Mapping[str, Json] = {}
    declaration: str = ""
