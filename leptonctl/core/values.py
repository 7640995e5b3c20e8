"""The nouns of the pipeline as frozen values. Owns no behaviour beyond small pure look-ups."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
else:
    # the codec resolves annotations when it runs and takes any JSON value where one says Json
    Json = Any
Path: TypeAlias = tuple[str | int, ...]
Op: TypeAlias = Literal["prepare", "train", "export", "evaluate", "cross_validate", "compare", "bind"]
Action: TypeAlias = Literal["create", "update", "remove", "forget", "keep"]

OPS: tuple[Op, ...] = ("prepare", "train", "export", "evaluate", "cross_validate", "compare", "bind")
KINDS = ("Project", "Dataset", "Model", "Environment")


def value_at(value: Json, path: Path) -> Json:
    """The part of a JSON value at a path; None when it is absent."""
    for part in path:
        if isinstance(value, dict) and isinstance(part, str):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A place in a project file. Lines and columns count from 1; `end_column` is exclusive and on the same line."""

    file: str
    line: int
    column: int
    end_column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One YAML document that holds `kind:`, as plain JSON values with the place of every key and value.

    `keys[path]` is where the key (or list item) at `path` is written, `values[path]` where its value is.
    The empty path is the document itself.
    """

    kind: str
    name: str
    file: str
    value: dict[str, Json]
    keys: Mapping[Path, Span]
    values: Mapping[Path, Span]

    def at(self, *path: str | int) -> Span:
        """The place of the value at `path`, or of its nearest written ancestor."""
        while path not in self.values and path:
            path = path[:-1]
        return self.values[path]

    def key_at(self, *path: str | int) -> Span:
        """The place of the key at `path`, or of its nearest written ancestor."""
        return self.keys[path] if path in self.keys else self.at(*path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One unit of work of a node.

    `fields` are the JSON values that determine the result, less what `reads` names. `key` is None while it depends on
    bytes that are not built yet (evaluate and compare are keyed by artifact): then `reads` says which parts of the needed
    results complete it, as "role.artifacts.NAME" or "role.outputs.NAME.NAME".
    `spec` is a digest of the same by declaration, known always, so a plan can name the step before its build.
    `inputs` is the JSON payload that the worker gets. `needs` names the steps whose results it reads: role -> (address, op);
    `given` names results that exist already: role -> key. `exposes` are the parts of its own result that other steps read,
    in the form of `reads` without the role: state keeps them, so that a plan need not open results of what is in place.
    """

    op: Op
    address: str
    key: str | None
    spec: str
    fields: dict[str, Json] = field(default_factory=dict)
    reads: tuple[str, ...] = ()
    inputs: dict[str, Json] = field(default_factory=dict)
    needs: Mapping[str, tuple[str, Op]] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)
    exposes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A declared thing with its recipe, digest and the steps that make it.

    `origins[path]` is where the recipe field at `path` is written. `effect`: undone when it vanishes (environments and
    bindings); otherwise it is forgotten. `version` is the bound version's name on bindings. `needs` are addresses that
    must be in place before. `metadata` is what views show and state records but no digest covers.
    """

    address: str
    digest: str
    recipe: dict[str, Json]
    origins: Mapping[Path, Span]
    span: Span
    steps: tuple[Step, ...] = ()
    needs: tuple[str, ...] = ()
    effect: bool = False
    version: str | None = None
    metadata: dict[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a step produced, immutable under its key.

    `artifacts` maps file names to `sha256:<hex>` of their bytes in the store; `outputs` is the op's own JSON
    (metrics, row counts, parity …); `provenance` is recorded and shown, never part of a key.
    """

    key: str
    op: Op
    artifacts: Mapping[str, str]
    outputs: Mapping[str, Json]
    provenance: Mapping[str, Json]
    seconds: float
