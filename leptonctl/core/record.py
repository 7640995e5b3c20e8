"""State as a value: small pointers, and the pure moves from one state to the next. Never reads a clock: times are handed in."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from leptonctl.core.values import Json

FORMAT = "1.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The pointer of one address. `steps`: op -> step key; `reads`: "op.part" -> value, what dependants' keys are made of.

    `artifact` is the model's ONNX digest (None on datasets and environments). `seconds`: op -> how long it took, for forecasts.
    `version` and `deployment` stand on bindings only.
    """

    digest: str
    artifact: str | None = None
    steps: Mapping[str, str] = field(default_factory=dict)
    recipe: Mapping[str, Json] = field(default_factory=dict)
    reads: Mapping[str, Json] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    metadata: Mapping[str, Json] = field(default_factory=dict)
    version: str | None = None
    deployment: int | None = None
    effect: bool = False
    at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One JSON object. `revision` grows by one with every write, `serial` with every change of a pointer.

    environments: name -> {platform, protected, requests, host, url, deployment, commit, served}; `served` maps a model to
    the artifacts that this environment has served healthily. pending: environment -> the deployment being switched to.
    applies: id -> registration of a running apply. locks: environment -> owner. sealed: model version -> recipe.
    history: {serial, id} of the newest history record.
    """

    lineage: str
    project: str
    revision: int = 0
    serial: int = 0
    current: Mapping[str, Entry] = field(default_factory=dict)
    environments: Mapping[str, dict[str, Json]] = field(default_factory=dict)
    sealed: Mapping[str, dict[str, Json]] = field(default_factory=dict)
    pending: Mapping[str, dict[str, Json]] = field(default_factory=dict)
    applies: Mapping[str, dict[str, Json]] = field(default_factory=dict)
    locks: Mapping[str, dict[str, Json]] = field(default_factory=dict)
    history: dict[str, Json] | None = None

    def entries(self, prefix: str) -> dict[str, Entry]:
        return {address: entry for address, entry in self.current.items() if address.startswith(prefix)}

    def without(self, lost: Collection[str]) -> "State":
        """The state less the built things among these addresses. What is bound stays known: it is what a binding is compared with."""
        return replace(self, current={a: e for a, e in self.current.items() if e.effect or a not in lost})

    def moved(self, entries: Mapping[str, Entry | None]) -> "State":
        """The pointers set (or dropped, for None), as one change: serial + 1."""
        current = {a: e for a, e in self.current.items() if entries.get(a, e) is not None}
        current.update({a: e for a, e in entries.items() if e is not None})
        return replace(self, current=current, serial=self.serial + 1)


_ENTRY = ("digest", "artifact", "steps", "recipe", "reads", "seconds", "metadata", "version", "deployment", "effect", "at")
_KINDS = {
    "digest": str, "artifact": str | None, "steps": dict | None, "recipe": dict | None, "reads": dict | None, "seconds": dict | None,
    "metadata": dict | None, "version": str | None, "deployment": int | None,
}  # fmt: skip
_TABLES = ("environments", "sealed", "pending", "applies", "locks")


def to_json(state: State) -> dict[str, Json]:
    """The JSON object of a state, addresses sorted."""
    return {
        "format_version": FORMAT,
        "lineage": state.lineage,
        "project": state.project,
        "revision": state.revision,
        "serial": state.serial,
        "current": {address: entry_to_json(state.current[address]) for address in sorted(state.current)},
        **{table: cast("Json", dict(sorted(getattr(state, table).items()))) for table in _TABLES},
        "history": state.history,
    }


def from_json(value: Mapping[str, Json]) -> State:
    """The state of a JSON object of this format. Raises ValueError when it is none."""
    wrong = next(_misshapen(value), None)
    if wrong is not None:
        msg = f"its `{wrong}` is not what a state holds"
        raise ValueError(msg)
    current = cast("dict[str, dict[str, Json]]", value["current"])
    return State(
        lineage=str(value["lineage"]),
        project=str(value["project"]),
        revision=cast("int", value["revision"]),
        serial=cast("int", value["serial"]),
        current={address: entry_from_json(entry) for address, entry in current.items()},
        history=cast("dict[str, Json] | None", value.get("history")),
        **{table: cast("dict[str, dict[str, Json]]", value.get(table) or {}) for table in _TABLES},
    )


def _misshapen(value: Mapping[str, Json]) -> Iterator[str]:
    """The parts of a JSON object that are not those of a state."""
    for name, kind in (("lineage", str), ("project", str), ("revision", int), ("serial", int), ("current", dict)):
        if type(value.get(name)) is not kind:
            yield name
    for table in ("current", *_TABLES):
        rows = value.get(table, {})
        if not isinstance(rows, dict) or not all(isinstance(row, dict) for row in rows.values()):
            yield table
    current = value.get("current")
    for address, entry in current.items() if isinstance(current, dict) else ():
        for name, field_kinds in _KINDS.items():
            if isinstance(entry, dict) and not isinstance(entry.get(name), field_kinds):
                yield f"current.{address}.{name}"


def entry_to_json(entry: Entry) -> dict[str, Json]:
    """What an entry says; what it leaves out is at its default."""
    given = {name: getattr(entry, name) for name in _ENTRY}
    return {name: dict(v) if isinstance(v, Mapping) else v for name, v in given.items() if v not in (None, {}, False, "")}


def entry_from_json(value: Mapping[str, Json]) -> Entry:
    """The entry of its JSON; fields of a later minor format are passed over."""
    return Entry(**{name: value[name] for name in _ENTRY if name in value})  # type: ignore[arg-type]
