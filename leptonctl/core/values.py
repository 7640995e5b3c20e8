"""The nouns of the pipeline as frozen values. Owns no behaviour beyond small pure look-ups."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from leptonctl.core.frozen import Frozen, field

if TYPE_CHECKING:
    Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
else:
    # the codec resolves annotations when it runs and takes any JSON value where one says Json
    Json = Any
Path: TypeAlias = tuple[str | int, ...]
Place: TypeAlias = tuple[str, str]
"""(address, step name): where a step stands in a project, its state and JSON. Keys and results never hold it."""
Action: TypeAlias = Literal["create", "update", "remove", "forget", "keep"]


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


class Span(Frozen):
    """A place in a project file. Lines and columns count from 1; `end_column` is exclusive and on the same line."""

    file: str
    line: int
    column: int
    end_column: int


class Document(Frozen):
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


class Op(Frozen):
    """One kind of work. `done` is its past participle, which counters are named after.

    `run` is the step function, "module:function"; None for an op that has no worker. `identity`: the outputs
    that count when two results are compared for early cutoff, beside all artifacts; None: all outputs.
    """

    name: str
    done: str
    run: str | None = None
    identity: tuple[str, ...] | None = None


Ops: TypeAlias = Mapping[str, Op]
"""The table of ops that the engine is handed, in the order in which they are counted and shown."""


class Step(Frozen):
    """One unit of work of a node, called `name` among its steps; `op` is its kind of work.

    `fields` are the JSON values that determine the result, less what `reads` names. `key` is None while it depends on
    bytes that are not built yet: then `reads` says which parts of the needed results complete it, as "role.artifacts.NAME" or
    "role.outputs.NAME.NAME". `spec` is a digest of the same by declaration, known always, so a plan can name the step before
    its build. `own` are the fields less the keys of other steps, where the step may be adopted when the contents that it reads
    are those of an earlier build (early cutoff); None: its key is by content already. `inputs` is the JSON payload that the worker
    gets. `needs` names the steps whose results it reads: role -> place; `given` names results that exist already: role -> key.
    `kin` is what makes its duration comparable with other families' steps of this op. `effect`: it moves a pointer and has no result.
    `makes` names the artifact of its result that becomes the pointer's own.
    """

    name: str
    op: str
    address: str
    key: str | None
    spec: str
    fields: dict[str, Json] = field(default_factory=dict)
    reads: tuple[str, ...] = ()
    own: dict[str, Json] | None = None
    inputs: dict[str, Json] = field(default_factory=dict)
    needs: Mapping[str, Place] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)
    kin: str = ""
    effect: bool = False
    makes: str | None = None

    @property
    def place(self) -> Place:
        return self.address, self.name


class Node(Frozen):
    """A declared thing with its recipe, digest and the steps that make it.

    `origins[path]` is where the recipe field at `path` is written. `effect`: undone when it vanishes (environments and
    bindings); otherwise it is forgotten. `version` is the bound version's name on bindings. `needs` are addresses that
    must be in place before. `notes` are what views show and recipes record but no digest covers. `declaration` is the digest
    of recipe, notes and (but for effects) the specs of the steps: of equal declarations no result is looked at.
    """

    address: str
    digest: str
    declaration: str
    recipe: dict[str, Json]
    origins: Mapping[Path, Span]
    span: Span
    steps: tuple[Step, ...] = ()
    needs: tuple[str, ...] = ()
    effect: bool = False
    version: str | None = None
    notes: dict[str, Json] = field(default_factory=dict)

    def step(self, name: str) -> Step:
        """The step of this name. Raises StopIteration when there is none."""
        return next(step for step in self.steps if step.name == name)
