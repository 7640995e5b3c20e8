"""The nouns of the pipeline as frozen values. No behaviour beyond small pure look-ups."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from leptonctl.core.frozen import Frozen, field

if TYPE_CHECKING:
    Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
else:
    # the codec resolves annotations at run time and accepts any JSON value for `Json`
    Json = Any
Path: TypeAlias = tuple[str | int, ...]
StepPlace: TypeAlias = tuple[str, str]
"""(address, step name): where a step belongs in a project, its state and JSON. Keys and results never hold it."""
Action: TypeAlias = Literal["create", "update", "remove", "forget", "keep"]


def value_at(value: Json | Mapping[str, Json], path: Path) -> Json:
    """The part of a JSON value at a path; None when it is absent."""
    here: Any = value
    for part in path:
        if isinstance(here, Mapping) and isinstance(part, str):
            here = here.get(part)
        elif isinstance(here, list) and isinstance(part, int) and part < len(here):
            here = here[part]
        else:
            return None
    return cast("Json", here)


class Span(Frozen):
    """A range of characters in a project file. Lines and columns count from 1; `end_column` is exclusive and on the same line."""

    file: str
    line: int
    column: int
    end_column: int


class Document(Frozen):
    """One YAML document with a `kind:`, as plain JSON values with the span of every key and value.

    `keys[path]` is where the key (or list item) at `path` is written, `values[path]` where its value is.
    The empty path is the document itself. `outline`: how an earlier command resolved each version of the same text, in order.
    """

    kind: str
    name: str
    file: str
    value: Mapping[str, Json]
    keys: Mapping[Path, Span]
    values: Mapping[Path, Span]
    outline: Sequence[Any] | None = None

    def at(self, *path: str | int) -> Span:
        """The span of the value at `path`, or of its nearest written ancestor."""
        while path not in self.values and path:
            path = path[:-1]
        return self.values[path]

    def key_at(self, *path: str | int) -> Span:
        """The span of the key at `path`, or of its nearest written ancestor."""
        return self.keys[path] if path in self.keys else self.at(*path)


class Op(Frozen):
    """One kind of work. `done` is its past participle, which names its counter.

    `run` is the step function, "module:function"; None for an op without a worker. `identity`: the outputs that count,
    in addition to all artifacts, when two results are compared for early cutoff; None: all outputs. `aside`: artifacts that do not count.
    `plain`: from a step's own fields and the results it needs, the fields that count for early cutoff: without values that equal
    the defaults which only these results determine.
    """

    name: str
    done: str
    run: str | None = None
    identity: tuple[str, ...] | None = None
    aside: tuple[str, ...] = ()
    plain: Callable[[Mapping[str, Json], Mapping[str, Any]], Mapping[str, Json]] | None = None


Ops: TypeAlias = Mapping[str, Op]
"""The table of ops passed to the engine, in the order in which they are counted and shown."""


class Step(Frozen):
    """One unit of work of a node. `name` is unique among the node's steps; `op` is its kind of work.

    `fields` are the JSON values that determine the result, without what `reads` names. `key` is None while it depends on
    bytes that are not built yet; `reads` then names the parts of the needed results that complete it, as "role.artifacts.NAME"
    or "role.outputs.NAME.NAME", with "?" at the end for a part that a result may lack. `spec` is a digest of the same by
    declaration; it is always known, so a plan can name the step before it is built. `own` are the fields without the
    keys of other steps: the step may be adopted when the contents it reads are those of an earlier build (early cutoff); None: its
    key is by content already. `inputs` is the JSON payload for the worker. `needs`: role -> place of a step whose result it
    reads; `needed_keys`: role -> key of a result that exists already.
    `fills`: dotted field of `own` -> the part of a needed result, as in `reads`, whose value takes its place; by content the step then
    equals one that declares this value. `decides` names the output that is shown as soon as it is known.
    `forecast_group`: steps of one op and group have comparable durations in all families. `effect`: it moves a pointer and has no result.
    `makes` names the artifact of its result that becomes the pointer's own.
    """

    name: str
    op: str
    address: str
    key: str | None
    spec: str
    fields: Mapping[str, Json] = field(default_factory=dict)
    reads: tuple[str, ...] = ()
    own: Mapping[str, Json] | None = None
    fills: Mapping[str, str] = field(default_factory=dict)
    decides: str = ""
    inputs: Mapping[str, Json] = field(default_factory=dict)
    needs: Mapping[str, StepPlace] = field(default_factory=dict)
    needed_keys: Mapping[str, str] = field(default_factory=dict)
    forecast_group: str = ""
    effect: bool = False
    makes: str | None = None

    @property
    def place(self) -> StepPlace:
        return self.address, self.name


class Node(Frozen):
    """A declared thing with its recipe, its digest and the steps that make it.

    `origins[path]` is where the recipe field at `path` is written. `effect`: undone when it is no longer declared
    (environments and bindings); other nodes are forgotten. `version` is the bound version's name on bindings. `needs` are
    addresses that must be in place before. `notes` are shown and recorded, but `digest` does not cover them. `declaration` is
    the digest of recipe, notes and (except for effects) the specs of the steps: when it is unchanged, no results are read.
    """

    address: str
    digest: str
    declaration: str
    recipe: Mapping[str, Json]
    origins: Mapping[Path, Span]
    span: Span
    steps: tuple[Step, ...] = ()
    needs: tuple[str, ...] = ()
    effect: bool = False
    version: str | None = None
    notes: Mapping[str, Json] = field(default_factory=dict)

    def step(self, name: str) -> Step:
        """The step of this name. Raises StopIteration when there is none."""
        return next(step for step in self.steps if step.name == name)
