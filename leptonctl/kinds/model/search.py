"""`search:` of a model version: checks it against the algorithm, fills in defaults, and lists the trials. Pure."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, cast

from leptonctl.core.address import version_of
from leptonctl.core.diagnostic import Diagnostic, did_you_mean, error
from leptonctl.core.frozen import Frozen
from leptonctl.core.numbers import coerce
from leptonctl.core.values import Json
from leptonctl.kinds.defaults import without_defaults
from leptonctl.kinds.model.candidates import MOST_DRAWS, draws, grid, is_range, size
from leptonctl.kinds.model.inheritance import resets_params
from leptonctl.kinds.model.schema_search import FACTOR, FOLDS, MOST_TRIALS, TRIALS
from leptonctl.kinds.model.weights import CLASS_WEIGHT
from leptonctl.kinds.unknown_keys import key_hint
from leptonctl.language.fits import fits
from leptonctl.language.resolve import Declared
from leptonctl.language.validate import check_value
from leptonctl.spi.catalog import Catalog
from leptonctl.spi.learning import Params, Trainer

METRICS = {"classification": "accuracy", "regression": "r2"}
"""The metric that a search optimizes when it names none."""
BETWEEN = 0.6180339887
"""A point between the ends of a range, to test whether the parameter takes fractions."""
SEARCH = "search"


class Search(Frozen):
    """A search with all defaults. spec: what enters keys and the recipe, as YAML may have it. trials: the combinations of the first
    rung, each `{chosen, params}`: the values of the searched parameters, and all parameters that differ from their defaults.
    rungs: how many combinations each rung of a halving has; a single number for other methods.
    """

    spec: Mapping[str, Json]
    trials: tuple[Mapping[str, Json], ...]
    rungs: tuple[int, ...]
    greater_is_better: bool

    def to_json(self) -> dict[str, Json]:
        """The form in which a model carries it."""
        return {
            "spec": dict(self.spec),
            "trials": [dict(trial) for trial in self.trials],
            "rungs": list(self.rungs),
            "greater_is_better": self.greater_is_better,
        }


class SearchRequest(Frozen):
    """The version to search for, its trainer, and its `params` with defaults, of which the searched ones are ignored."""

    declared: Declared
    task: str
    trainer: Trainer
    params: Mapping[str, Json]
    catalog: Catalog

    @property
    def seed(self) -> int:
        return int(cast("int", self.declared.fields.get("seed", 0)))

    def problem(self, summary: str, detail: str, *path: str | int, hint: str = "") -> Diagnostic:
        return error("bad-search", summary, detail, span=self.declared.at(SEARCH, *path), hint=hint)


def search_parameters(declared: Declared) -> frozenset[str]:
    """The parameters that a version searches."""
    search = declared.fields.get(SEARCH)
    parameters = search.get("parameters") if isinstance(search, dict) else None
    return frozenset(parameters) if isinstance(parameters, dict) else frozenset()


def search_of(request: SearchRequest, evaluate: Mapping[str, Json]) -> tuple[Search | None, list[Diagnostic]]:
    """The search of a version, None when it has none or has errors; and its problems, with a warning for what it leaves out."""
    block = request.declared.fields.get(SEARCH)
    if not isinstance(block, dict):
        return None, []
    if request.task not in METRICS:
        detail = f"a trial is a cross-validation against known targets, which {request.task} does not have"
        hint = "write a version for each choice and compare them: `leptonctl leaderboard MODEL`"
        return None, [request.problem("This task cannot be searched", detail, hint=hint)]
    problems = [*_method_problems(request, block), *_space_problems(request, block)]
    metric, unknown = _metric(request, block)
    problems += unknown
    if problems:
        return None, problems
    spec = _spec(request, block, metric, evaluate)
    trials, problems = _trials(request, spec)
    if any(problem.severity == "error" for problem in problems):
        return None, problems
    rungs = _rungs(len(trials), int(cast("int", spec["factor"]))) if spec["method"] == "halving" else (len(trials),)
    greater = request.catalog.metrics[(request.task, metric)].greater_is_better
    return Search(spec=spec, trials=trials, rungs=rungs, greater_is_better=bool(greater)), problems


def _method_problems(request: SearchRequest, block: Mapping[str, Json]) -> Iterator[Diagnostic]:
    method, space = block.get("method", "grid"), block.get("parameters")
    if not isinstance(space, dict) or not space:
        hint = "add `parameters: {NAME: [VALUE, VALUE]}`"
        yield request.problem("A search names no parameters", "`parameters` is missing: what is searched", hint=hint)
        return
    if method == "grid" and "trials" in block:
        detail = "a grid tries every combination, so it takes no number of trials"
        yield request.problem("A grid has no `trials`", detail, "trials", hint="remove `trials`, or write `method: random`")
    if method != "halving" and "factor" in block:
        detail = "only a halving has rungs"
        yield request.problem("`factor` is for halving", detail, "factor", hint="remove `factor`, or write `method: halving`")
    ranges = [name for name, choices in space.items() if is_range(choices)]
    if method == "grid" and ranges:
        detail = f"{ranges[0]} is a range, which has infinitely many values"
        hint = "list its values, or write `method: random`"
        yield request.problem("A grid takes lists of values", detail, "parameters", ranges[0], hint=hint)


def _space_problems(request: SearchRequest, block: Mapping[str, Json]) -> Iterator[Diagnostic]:
    """What is wrong with the values and ranges, each at its place."""
    space = block.get("parameters")
    for name, choices in space.items() if isinstance(space, dict) else ():
        schema = request.trainer.params.get(name)
        inner: dict[str, Any] = {"type": "array", "items": schema}
        if is_range(choices):
            inner = {"type": "object", "additionalProperties": {"type": "array", "items": schema}}
        properties = {name: inner} if schema is not None else dict(request.trainer.params)
        check = {"type": "object", "properties": properties, "additionalProperties": False}
        at = (SEARCH, "parameters")
        owner = f"algorithm {request.trainer.name}"
        problems = check_value({name: choices}, check, request.declared, at, what=owner, key_hint=key_hint)
        yield from problems
        if problems or schema is None:
            continue
        if name == CLASS_WEIGHT and request.declared.fields.get(CLASS_WEIGHT) is not None:
            detail, hint = "`class_weight` of the model applies to every trial", "remove one of the two"
            yield request.problem("A searched parameter is declared already", detail, "parameters", name, hint=hint)
            continue
        yield from _range_problems(request, name, choices, schema) if is_range(choices) else _list_problems(request, name, choices, schema)


def _list_problems(request: SearchRequest, name: str, choices: Json, schema: Mapping[str, Any]) -> Iterator[Diagnostic]:
    earlier: list[Json] = []
    for place, item in enumerate(cast("list[Json]", choices)):
        value = coerce(item, schema)
        if any(value == other and type(value) is type(other) for other in earlier):
            yield request.problem("A value is listed twice", f"{name}: {value!r}", "parameters", name, place, hint="remove one of them")
        earlier.append(value)


def _range_problems(request: SearchRequest, name: str, choices: Json, schema: Mapping[str, Any]) -> Iterator[Diagnostic]:
    kinds = cast("dict[str, list[float]]", choices)
    if len(kinds) != 1:
        detail = f"{name} has {' and '.join(kinds)}, of the base block and of the version together"
        yield request.problem(
            "A range has two forms", detail, "parameters", name, hint=f"remove one with null: `{next(iter(kinds))}: null`"
        )
        return
    ((kind, (low, high)),) = kinds.items()
    if low >= high:
        detail = f"{name}: {low} is not below {high}"
        yield request.problem("A range has no values", detail, "parameters", name, kind, hint="write the smaller number first, or a list")
    elif kind != "int" and not fits(low + (high - low) * BETWEEN, schema):
        detail = f"{name} of {request.trainer.name} takes no numbers with a fraction"
        hint = "write `{int: [LOW, HIGH]}`, or a list"
        yield request.problem("A range does not fit its parameter", detail, "parameters", name, kind, hint=hint)


def _metric(request: SearchRequest, block: Mapping[str, Json]) -> tuple[str, list[Diagnostic]]:
    known = {name: m for (task, name), m in request.catalog.metrics.items() if task == request.task}
    name = str(block.get("metric") or METRICS.get(request.task, ""))
    metric = known.get(name)
    if metric is None:
        detail = f"no metric for {request.task} has the name {name}"
        return name, [request.problem("A search names a metric that does not exist", detail, "metric", hint=did_you_mean(name, known))]
    if metric.score is None or metric.greater_is_better is None:
        detail = f"{name} is not a number, or neither more nor less of it is better"
        fitting = [n for n, m in known.items() if m.score is not None and m.greater_is_better is not None]
        return name, [request.problem("A search cannot optimize this metric", detail, "metric", hint=f"one of {', '.join(fitting)}")]
    return name, []


def _spec(request: SearchRequest, block: Mapping[str, Json], metric: str, evaluate: Mapping[str, Json]) -> dict[str, Json]:
    """The search with its defaults. What has no effect on it is left out, so that it moves no digest."""
    method = block.get("method", "grid")
    space = {
        name: _convert(choices, request.trainer.params[name]) for name, choices in cast("dict[str, Json]", block["parameters"]).items()
    }
    spec: dict[str, Json] = {
        "method": method,
        "parameters": cast("Json", space),
        "metric": metric,
        "cross_validation": block.get("cross_validation", FOLDS),
    }
    if method == "random" or (method == "halving" and ("trials" in block or any(map(is_range, space.values())))):
        spec["trials"] = block.get("trials", int(min(TRIALS, size(space))))
    if method == "halving":
        spec["factor"] = block.get("factor", FACTOR)
    for name in ("positive", "average") if request.task == "classification" else ():
        value = block.get(name, evaluate.get(name))
        if value is not None:
            spec[name] = value
    return spec


def _convert(choices: Json, schema: Mapping[str, Any]) -> Json:
    """A list with the types of the parameter; a range with integers or floats, by its form."""
    if isinstance(choices, list):
        return [coerce(item, schema) for item in choices]
    kinds = cast("dict[str, list[float]]", choices)
    return {kind: [int(end) if kind == "int" else float(end) for end in ends] for kind, ends in kinds.items()}


def _trials(request: SearchRequest, spec: Mapping[str, Json]) -> tuple[tuple[Mapping[str, Json], ...], list[Diagnostic]]:
    """The trials that the algorithm can be trained with, and what is wrong; a warning says how many combinations it cannot take."""
    space = cast("dict[str, Json]", spec["parameters"])
    count = cast("int | None", spec.get("trials"))
    if count is None and size(space) > MOST_TRIALS:
        detail = f"there are {size(space):,} combinations, and a search has at most {MOST_TRIALS:,} trials"
        hint = "shorten the lists, or write `method: random` with `trials`"
        return (), [request.problem("A search has too many trials", detail, "parameters", hint=hint)]
    combinations = grid(space) if count is None else draws(space, request.seed, count)
    trials: list[Mapping[str, Json]] = []
    refusals: list[str] = []
    for chosen in islice(combinations, MOST_DRAWS * (count or MOST_TRIALS)):
        trial, reason = _trial(request, chosen)
        if reason:
            refusals.append(f"{combination(chosen)} ({reason})")
        else:
            trials.append(trial)
        if len(trials) == count:
            break
    return tuple(trials), _trial_problems(request, trials, refusals, count)


def _trial(request: SearchRequest, chosen: Mapping[str, Json]) -> tuple[Mapping[str, Json], str]:
    """A trial, and why the algorithm cannot take this combination; "" when it can."""
    schemas = request.trainer.params
    typed_values = {name: coerce(value, schemas[name]) for name, value in chosen.items()}
    params: Params = {**request.params, **typed_values}
    reasons = (ask(params) for ask in (request.trainer.conflict, request.trainer.refuse) if ask is not None)
    trial: dict[str, Json] = {"chosen": dict(typed_values), "params": without_defaults(params, schemas)}
    return trial, next((reason for reason in reasons if reason), "")


def _trial_problems(request: SearchRequest, trials: Sequence[object], refusals: Sequence[str], count: int | None) -> list[Diagnostic]:
    """What is wrong with the trials. count: how many the search asks for; None for all. refusals: the other combinations, and why."""
    if not trials:
        hint = "change the values, or the other `params`"
        return [request.problem("No combination can be trained", refusals[0], "parameters", hint=hint)]
    if count is not None and len(trials) < count:
        usable = f", of which the algorithm takes {len(trials)}" if refusals else ""
        detail = f"`trials` is {count}, and there are {len(trials) + len(refusals)} combinations{usable}"
        hint = f"write `trials: {len(trials)}` or less, or `method: grid`"
        return [request.problem("A search has fewer combinations than trials", detail, "trials", hint=hint)]
    if refusals:
        version = version_of("model", request.declared.name, request.declared.version)
        detail = f"{version}: {len(refusals)} of {len(trials) + len(refusals)}: {refusals[0]}"
        return [
            Diagnostic(
                id="search-leaves-out", severity="warning", summary="A search leaves out combinations that cannot be trained",
                detail=detail, span=request.declared.key_at(SEARCH, "parameters"), hint="change the values if this is not intended",
            )
        ]  # fmt: skip
    return []


def _rungs(trials: int, factor: int) -> tuple[int, ...]:
    """How many combinations each rung has. One in `factor` goes on to the next, until at most `factor` are left, which get all rows."""
    rungs = [trials]
    while rungs[-1] > factor:
        rungs.append(math.ceil(rungs[-1] / factor))
    return tuple(rungs)


def combination(chosen: Mapping[str, Json]) -> str:
    """`C=1.0, solver=saga`."""
    return ", ".join(f"{name}={value}" for name, value in chosen.items())


def dropped_search(declared: Declared) -> Iterator[Diagnostic]:
    """A warning for a search of the base block that a version with another algorithm does not inherit."""
    base = declared.document.value
    override = cast("dict[str, dict[str, Json] | None]", base.get("versions") or {}).get(declared.version) or {}
    if base.get(SEARCH) is None or SEARCH in override or not resets_params(base, override):
        return
    version = version_of("model", declared.name, declared.version)
    yield Diagnostic(
        id="dropped-search", severity="warning", summary="A version with another algorithm drops the search of the base block",
        detail=f"{version}: its parameters are those of {base.get('algorithm') or 'another algorithm'}",
        span=declared.document.key_at("versions", declared.version),
        hint="write its own `search:` in the version, or `search: null` if it needs none",
    )  # fmt: skip
