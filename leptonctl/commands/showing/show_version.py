"""Everything about one model version: metrics, curves, data, parameters with their origin, who built it, where it is bound."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import cast

from leptonctl.commands.planning.recheck import later_notices
from leptonctl.commands.recorded.built_versions import BuiltVersion, with_results
from leptonctl.commands.recorded.results import direction, join_results, metrics_of
from leptonctl.commands.recorded.search_story import chosen_params, search_story
from leptonctl.commands.session import Session
from leptonctl.commands.showing.parameters import declared_parameters, recorded_parameters
from leptonctl.core.address import Address, parse, short
from leptonctl.core.result import Result
from leptonctl.core.state import State
from leptonctl.core.values import Json
from leptonctl.kinds.dataset.version import datasets
from leptonctl.kinds.environment.binding import Binding
from leptonctl.kinds.environment.evidence import evidence_of
from leptonctl.kinds.environment.gate_rules import EVALUATE, RULES, find_rule
from leptonctl.kinds.environment.gates import judgements
from leptonctl.kinds.environment.kind import bindings
from leptonctl.kinds.model.kind import models
from leptonctl.kinds.model.recipes import op_of, origin_of
from leptonctl.kinds.model.version import Model
from leptonctl.kinds.notices import notices, only_warning
from leptonctl.spi.catalog import Catalog

WAY = ("positive", "average")
"""The outputs of an evaluation that say what its metrics mean."""
BUILDS = ("prepare", "search", "train", "export", "decide", "evaluate", "cross_validate")


def version_story(session: Session, state: State | None, version: BuiltVersion, place: Address) -> dict[str, Json]:
    """The object `version` of `show ADDR --json`. `place`: the address on the command line."""
    (version,) = with_results(session, [version], damaged="omit")
    evaluate = cast("dict[str, Json]", (version.notes[-1] if version.notes else {}).get("evaluate") or {})
    outcome = join_results({name: name for name in version.results}, version.results)
    bound = list(_recorded_bindings(state, version))
    own = version.results.get("evaluate")
    numbers = {**_gate_metrics(session, state, bound, own), **metrics_of(own)}
    limits = list(_limits(session, version, numbers))
    return {
        **_identity(session, version, place),
        "positive": outcome.get("positive"),
        "average": outcome.get("average"),
        "package": outcome.get("package"),
        "artifacts": outcome["artifacts"],
        "size": outcome.get("size"),
        "parity": outcome["parity"],
        "decision": outcome.get("decision"),
        "training": _training(version),
        "metrics": [*_metrics(session.catalog, version, numbers, limits)],
        "cross_validation": _folds(session.catalog, version, evaluate),
        "evaluation": _evaluation(session, version, outcome, evaluate),
        "data": _data(version, outcome),
        "search": search_story(session, version),
        "parameters": [*_parameters(session, version)],
        "warnings": _warnings(session, version),
        "steps": [*_steps(session, version)],
        "bound": [*bound],
        "limits": [*limits],
    }


def _identity(session: Session, version: BuiltVersion, place: Address) -> dict[str, Json]:
    """What the version is, apart from its results."""
    model = _declared_version(session, version)
    return {
        "address": version.address,
        "asked": str(place) if place.kind == "environment" else version.address,
        "digest": version.digest,
        "declared": version.declared,
        "description": model.declared.fields.get("description") if model else None,
        "task": _task(version),
        "algorithm": version.recipe.get("algorithm"),
        "origin": origin_of(version.recipe),
    }


def _declared_version(session: Session, version: BuiltVersion) -> Model | None:
    """The version as it is declared, if it is."""
    return models(session.declarations).get(short(version.address)) if version.declared else None


def _task(version: BuiltVersion) -> str:
    return str(version.recipe.get("task"))


def _parameters(session: Session, version: BuiltVersion) -> list[dict[str, Json]]:
    model = _declared_version(session, version)
    return (
        declared_parameters(session, model, chosen_params(version))
        if model
        else recorded_parameters(version.recipe, chosen_params(version))
    )


def _training(version: BuiltVersion) -> Json:
    """The iterations and the loss that the training reported; None if it reported neither."""
    result = version.results.get("train")
    outputs = result.outputs if result is not None else {}
    reported = {name: outputs.get(name) for name in ("iterations", "loss")}
    return None if all(value is None for value in reported.values()) else reported


def _metrics(
    catalog: Catalog, version: BuiltVersion, numbers: Mapping[str, Json], limits: list[dict[str, Json]]
) -> Iterator[dict[str, Json]]:
    """Metrics with gates first, in the order of their gates."""
    task = _task(version)
    gated = dict.fromkeys(str(limit["metric"]) for limit in limits)
    for name in [*(n for n in gated if n in numbers), *(n for n in sorted(numbers) if n not in gated)]:
        yield {"name": name, "value": numbers[name], "better": direction(catalog, task, name), "gated": name in gated}


def _folds(catalog: Catalog, version: BuiltVersion, evaluate: Mapping[str, Json]) -> Json:
    """Mean and standard deviation of each metric over the folds; None without a cross-validation."""
    task = _task(version)
    figures = metrics_of(version.results.get("cross_validate"))
    if not figures:
        return None
    rows: list[Json] = []
    for name, mean in figures.items():
        if name.endswith("_mean"):
            metric = name.removeprefix("cv_").removesuffix("_mean")
            deviation = figures.get(f"{name.removesuffix('_mean')}_std")
            rows.append({"name": metric, "mean": mean, "std": deviation, "better": direction(catalog, task, metric)})
    return {"folds": evaluate.get("cross_validation"), "metrics": rows}


def _evaluation(session: Session, version: BuiltVersion, outcome: Mapping[str, Json], evaluate: Mapping[str, Json]) -> Json:
    """What was recorded, and what can be computed now from the package and its evaluation rows."""
    from leptonctl.learning.reports.details import details

    recorded = cast("dict[str, Json]", outcome["evaluation"])
    prepare, package = version.results.get("prepare"), version.package
    if prepare is None or package is None:
        return recorded
    scoring: dict[str, Json] = {name: evaluate.get(name) for name in ("positive", "average")}
    scoring["task"] = version.recipe.get("task")
    return {**details(session.store, prepare, package, scoring, recorded=recorded, train=version.results.get("train")), **recorded}


def _data(version: BuiltVersion, outcome: Mapping[str, Json]) -> Json:
    data = cast("dict[str, dict[str, Json]]", version.recipe.get("data") or {})
    prepare = version.results.get("prepare")
    evaluated = version.results.get("evaluate")
    contract = cast("dict[str, list[Json]]", outcome.get("contract") or {})
    return {
        "dataset": version.recipe.get("dataset"),
        "digest": (data.get("source") or {}).get("digest"),
        "target": version.recipe.get("target"),
        "classes": contract.get("classes"),
        "features": len(training_columns(version, contract["columns"])) if contract.get("columns") else None,
        "rows": prepare.outputs.get("rows") if prepare else None,
        "evaluated": evaluated.outputs.get("rows") if evaluated else None,
    }


def training_columns(version: BuiltVersion, columns: Sequence[Json]) -> list[Json]:
    """The columns that the version learned from: those that it lists, or all, without the weights of the rows."""
    listed, weights = version.recipe.get("features"), version.recipe.get("sample_weight")
    names = [cast("dict[str, Json]", column)["name"] for column in columns]
    return [name for name in names if name != weights and (not isinstance(listed, list) or name in listed)]


def _warnings(session: Session, version: BuiltVersion) -> Json:
    """What the steps warned about: in the data by the rules that are declared now, in training, in the evaluation."""
    dataset = datasets(session.declarations).get(str(version.recipe.get("dataset"))) if version.declared else None
    rules = only_warning(dataset.rules) if dataset is not None else None
    results = [*version.results.items()]
    if dataset is not None and "prepare" in version.results:
        later: list[Json] = [*later_notices(session, dataset, version.results["prepare"])]
        results.append(("prepare", Result(key="", op="prepare", outputs={"checks": later})))
    listed = version.recipe.get("features")
    features = {*map(str, listed), str(version.recipe.get("target"))} if isinstance(listed, list) else None
    warnings: list[Json] = []
    for name, result in results:
        for notice in notices(result, version.address, recipe=version.recipe, features=features, rules=rules):
            text = f"{notice.summary}: {notice.detail.removeprefix(f'{version.address}: ')}"
            warnings.append({"step": name, "id": notice.id, "text": text})
    return warnings


def _steps(session: Session, version: BuiltVersion) -> Iterator[Json]:
    """The steps that built the version, or would."""
    freed = session.store.lost_keys(key for name, key in version.keys.items() if name not in version.results)
    for name in BUILDS:
        if name in version.keys:
            yield _step(name, version, freed)


def _step(name: str, version: BuiltVersion, freed: Collection[str]) -> Json:
    result = version.results.get(name)
    built: Mapping[str, Json] = result.provenance if result else {}
    op = result.op if result else op_of(name, version.recipe)
    return {
        "name": name, "op": op, "key": version.keys[name], "cached": result is not None, "at": built.get("at"),
        "by": built.get("by"), "host": built.get("host"), "commit": built.get("commit"), "dirty": bool(built.get("dirty")),
        "seconds": result.seconds if result else None, "freed": version.keys[name] in freed,
    }  # fmt: skip


def _recorded_bindings(state: State | None, version: BuiltVersion) -> Iterator[dict[str, Json]]:
    """The bindings that the state records of this recipe."""
    for address, pointer in sorted(state.current.items()) if state else ():
        place = parse(address)
        if place.member == parse(version.address).name and pointer.digest == version.digest:
            yield {"environment": place.name, "address": address, "deployment": pointer.deployment, "since": pointer.at}


def _gate_metrics(session: Session, state: State | None, bound: list[dict[str, Json]], own: Result | None) -> dict[str, Json]:
    """The metrics that only gates need; the bindings have them. Not of a binding that was evaluated in another way than `own`."""
    if state is None:
        return {}
    keys = [state.current[str(binding["address"])].key("evaluate") for binding in bound]
    results = session.results({key for key in keys if key})
    alike = [result for result in results.values() if own is None or all(result.outputs.get(n) == own.outputs.get(n) for n in WAY)]
    return {name: value for result in alike for name, value in metrics_of(result).items()}


def _limits(session: Session, version: BuiltVersion, numbers: Mapping[str, Json]) -> Iterator[dict[str, Json]]:
    """The gates of the environments that declare this version, judged where the figure alone decides."""
    if not version.declared:
        return
    for binding in bindings(session.declarations).values():
        if binding.model.address == version.address:
            yield from _limits_of(binding, version.results.get("evaluate"), numbers)


def _limits_of(binding: Binding, evaluation: Result | None, numbers: Mapping[str, Json]) -> Iterator[dict[str, Json]]:
    outputs = {"metrics": dict(numbers), "rows": evaluation.outputs.get("rows", 0) if evaluation else 0}
    evidence = evidence_of([Result(key="", op=EVALUATE, outputs=outputs)], None, compares=True)
    for judgement in judgements(binding.gates, evidence, lambda _metric: True, rules=RULES):
        gate = judgement.gate
        rule = find_rule(gate.metric, gate.rule)
        decides = rule is not None and rule.evidence == EVALUATE and gate.metric in numbers
        yield {
            "environment": binding.environment,
            "metric": gate.metric,
            "rule": gate.rule,
            "limit": gate.limit,
            "passed": judgement.passed if decides else None,
        }
