"""`diff`: compares two versions or bindings: recipe fields, metrics, flips if they are comparable, size, data."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from leptonctl.commands.planning.line import settle
from leptonctl.commands.planning.nodes import node_at
from leptonctl.commands.recorded.built_versions import BuiltVersion, named_version, with_results
from leptonctl.commands.recorded.results import direction, gated_metrics, join_results
from leptonctl.commands.session import Session
from leptonctl.core.address import full, parse
from leptonctl.core.frozen import Frozen, field
from leptonctl.core.gate import Gate
from leptonctl.core.plan import Settled
from leptonctl.core.result import Result
from leptonctl.core.state import State
from leptonctl.core.values import Json
from leptonctl.kinds.environment.kind import environments
from leptonctl.kinds.model.decision import POSITIVE
from leptonctl.kinds.model.search import SEARCH

if TYPE_CHECKING:
    from leptonctl.learning.outputs import CompareOutputs


class Side(Frozen):
    """One side of a comparison. `version` is the address of the version that a binding binds; `results` are by step name."""

    address: str
    recipe: Mapping[str, Json]
    version: str | None = None
    package: Result | None = None
    scoring: Mapping[str, Json] = field(default_factory=dict)
    results: Mapping[str, Result] = field(default_factory=dict)


def diff(session: Session, address_a: str, address_b: str) -> dict[str, Json]:
    """The object of `diff --json`. A binding stands for the version that is bound, or the declared one if none is bound yet."""
    from leptonctl.views.diff import diff_fields

    state = session.pointers.read()
    settled, _ = settle(session, state)
    a, b = (_side(session, settled, state, name) for name in (address_a, address_b))
    outcome_a, outcome_b = (join_results({name: name for name in side.results}, side.results) for side in (a, b))
    task = str(b.recipe.get("task"))
    metrics = _metrics(session, task, outcome_a["metrics"], outcome_b["metrics"])
    same_rows = _same_test_rows(a, b)
    # figures of the same test rows can be compared as they are
    names = [n for n, pair in metrics.items() if (task, n) in session.catalog.metrics and None not in (pair["a"], pair["b"])]
    outputs = _compare(session, a, b, [] if same_rows else names)
    return {
        "a": a.address,
        "b": b.address,
        "a_version": a.version,
        "b_version": b.version,
        "fields": [*diff_fields(*_recipes(a, b))],
        "metrics": cast("Json", metrics),
        "same_test_rows": same_rows,
        "common": _on_common_rows(outputs) if same_rows is False else None,
        "flips": {**outputs.flips.to_json(), "reason": outputs.not_comparable} if outputs else None,
        "decision": {"a": outcome_a.get("decision"), "b": outcome_b.get("decision")},
        "size": {"a": outcome_a.get("size"), "b": outcome_b.get("size")},
        "latency": None,
        "data": {"a": a.recipe.get("dataset"), "b": b.recipe.get("dataset")},
        "dataset": _datasets(session, a, b),
    }


def _datasets(session: Session, a: Side, b: Side) -> Json:
    """How two dataset versions differ; null for other addresses."""
    from leptonctl.commands.showing.diff_datasets import dataset_differences

    if any(parse(side.address).kind != "dataset" for side in (a, b)):
        return None
    return dataset_differences(session, a.address, b.address, (a.results.get("prepare"), b.results.get("prepare")))


def _side(session: Session, settled: Settled, state: State | None, name: str) -> Side:
    known = {*settled.by_address, *(state.current if state else {})}
    address = full(name, known, session.address_kinds)
    version = named_version(session, settled, state, address if address in known else name)
    if version is not None:
        (built,) = with_results(session, [version], damaged="omit")
        # figures have to be readable; where flips and rows are missing, the output says so
        session.store.results(filter(None, [built.keys.get("evaluate")]))
        return _version_side(built, address if address in known and address != version.address else version.address)
    node = node_at(session, name, settled.by_address)
    keys = {step.name: key for step in node.steps if (key := settled.keys.of(*step.place))}
    results = session.results(keys.values())
    recipe = {**node.recipe, **_bound_recipe(session, state, address)}
    return Side(address=node.address, recipe=recipe, results={n: results[k] for n, k in keys.items() if k in results})


def _bound_recipe(session: Session, state: State | None, address: str) -> dict[str, Json]:
    """The recipe of an environment: `models`, the bound version of each, or the declared one if none is bound yet, and `gates`,
    the limits of each binding. {} for other addresses.
    """
    environment = next((e for e in environments(session.declarations).values() if e.address == address), None)
    if environment is None:
        return {}
    versions: dict[str, Json] = {binding.model.declared.name: binding.version for binding in environment.bindings}
    for name, pointer in (state.current if state else {}).items():
        if environment.holds(name) and (member := parse(name).member) is not None:
            versions[member] = pointer.version
    return {"models": versions, "gates": {binding.model.declared.name: _limits(binding.gates) for binding in environment.bindings}}


def _limits(gates: Iterable[Gate]) -> Json:
    """The limits of a binding's gates: metric -> rule -> limit."""
    limits: dict[str, dict[str, Json]] = {}
    for gate in gates:
        limits.setdefault(gate.metric, {})[gate.rule] = gate.limit
    return {metric: {**rules} for metric, rules in limits.items()}


def _version_side(version: BuiltVersion, address: str) -> Side:
    evaluate = cast("dict[str, Json]", (version.notes[-1] if version.notes else {}).get("evaluate") or {})
    scoring = {"task": version.recipe.get("task"), "positive": evaluate.get("positive"), "average": evaluate.get("average")}
    return Side(
        address=address, recipe=version.recipe, version=version.address, scoring=scoring, package=version.package, results=version.results
    )  # fmt: skip


def _metrics(session: Session, task: str, metrics_a: Json, metrics_b: Json) -> dict[str, dict[str, Json]]:
    """The metrics by name, each with its better direction: gated ones first, then those of both sides, then those of one side."""
    a, b = (side if isinstance(side, dict) else {} for side in (metrics_a, metrics_b))
    both = [name for name in a if name in b]
    gated = [name for name in gated_metrics(session) if name in a or name in b]
    names = dict.fromkeys([*gated, *both, *sorted(a.keys() ^ b.keys())])
    return {name: {"a": a.get(name), "b": b.get(name), "better": direction(session.catalog, task, name)} for name in names}


def _recipes(a: Side, b: Side) -> tuple[dict[str, Json], dict[str, Json]]:
    """The two recipes as they are compared. How rows are prepared is shown only if the dataset version has the same name."""
    recipes = (_with_chosen(a), _with_chosen(b))
    same_name = a.recipe.get("dataset") == b.recipe.get("dataset")
    recipe_a, recipe_b = ({n: v for n, v in recipe.items() if (same_name or n != "data") and v not in ({}, [])} for recipe in recipes)
    # a recipe has it only if a label depends on it, but metrics of the other side have a positive class too
    if POSITIVE in recipe_a:
        recipe_b.setdefault(POSITIVE, b.scoring.get(POSITIVE))
    elif POSITIVE in recipe_b:
        recipe_a[POSITIVE] = a.scoring.get(POSITIVE)
    return recipe_a, recipe_b


def _with_chosen(side: Side) -> dict[str, Json]:
    """The recipe with the parameters that its search has chosen."""
    search = side.results.get(SEARCH)
    if search is None:
        return dict(side.recipe)
    params = cast("dict[str, Json]", side.recipe.get("params") or {})
    return {**side.recipe, "params": {**params, **cast("dict[str, Json]", search.outputs.get("chosen") or {})}}


def _same_test_rows(a: Side, b: Side) -> bool | None:
    """Whether the metrics of both were computed on the same rows; None if one of them has no rows."""
    rows_a, rows_b = (_test_rows(side) for side in (a, b))
    return None if rows_a is None or rows_b is None else rows_a == rows_b


def _test_rows(side: Side) -> Json:
    """The digest of the test rows; None if there are none."""
    prepare = side.results.get("prepare")
    return cast("dict[str, Json]", prepare.outputs.get("rows_digest") or {}).get("test") if prepare is not None else None


def _compare(session: Session, a: Side, b: Side, metrics: Sequence[str]) -> "CompareOutputs | None":
    """Both compared on the test rows of b that neither was trained on; None if one is not built or they are not comparable."""
    from leptonctl.learning.reports.flips import compare_versions

    if any("prepare" not in side.results for side in (a, b)) or a.package is None or b.package is None:
        return None
    needs = {
        "bound_prepare": a.results["prepare"],
        "prepare": b.results["prepare"],
        "bound_export": a.package,
        "export": b.package,
    }
    needs |= {role: side.results["train"] for role, side in (("bound_train", a), ("train", b)) if "train" in side.results}
    return compare_versions(session.store, session.root, needs, b.scoring, metrics)


def _on_common_rows(outputs: "CompareOutputs | None") -> Json:
    """The figures on the common rows, or the reason why there are none."""
    if outputs is None:
        return {"rows": 0, "excluded": 0, "metrics": {}, "reason": "the two cannot be compared on the same rows"}
    metrics: Json = {name: {"a": pair.a, "b": pair.b} for name, pair in outputs.metrics.items()}
    reason = outputs.not_comparable or ("" if outputs.rows else "; ".join(outputs.notes))
    return {"rows": outputs.rows, "excluded": outputs.excluded, "metrics": metrics, "reason": reason}
