"""`leaderboard`: all declared versions of a model and all that were ever built, best first, and the YAML of any of them."""

from collections.abc import Mapping, Sequence
from typing import cast

from leptonctl.commands.editing.version_yaml import version_yaml
from leptonctl.commands.planning.line import settle
from leptonctl.commands.recorded.built_versions import (
    BuiltVersion,
    declared_versions,
    find_version,
    former_versions,
    with_recorded_recipes,
    with_results,
)
from leptonctl.commands.recorded.ownership import Ownership, ownership
from leptonctl.commands.recorded.results import gated_first, gated_metrics, metrics_of
from leptonctl.commands.recorded.search_story import chosen
from leptonctl.commands.session import Session
from leptonctl.commands.showing.show_version import direction
from leptonctl.core.address import document, full, parse
from leptonctl.core.diagnostic import did_you_mean, fail
from leptonctl.core.result import Result
from leptonctl.core.state import State
from leptonctl.core.values import Json
from leptonctl.kinds.environment.kind import bindings
from leptonctl.kinds.model.package import package_name
from leptonctl.kinds.model.recipes import origin_of

FORMAT = "1.0"
USUAL = {"classification": "accuracy", "regression": "r2", "clustering": "silhouette", "anomaly": "roc_auc"}
"""The metrics that count where neither a gate nor the YAML names one."""


def leaderboard(session: Session, name: str, by: str | None = None, yaml: str | None = None) -> dict[str, Json]:
    """The object of `leaderboard --json`. `by`: the metric that orders it. `yaml`: also the YAML of the version of this name or digest.

    Failure `unknown-address`, `unknown-metric`, `cannot-write-back`.
    """
    state = session.pointers.read()
    settled, _ = settle(session, state)
    model = parse(full(name, settled.by_address, session.address_kinds)).name if "/" in name else name.partition("@")[0]
    declared = with_recorded_recipes(session, settled, declared_versions(settled, model))
    versions = with_results(session, [*declared, *former_versions(session, model, declared)], damaged="omit")
    if not versions:
        known = sorted({parse(a).name for a in settled.by_address if parse(a).kind == "model"})
        raise fail(
            "unknown-address", "No such address", f"no version of a model {name} is declared or built", hint=did_you_mean(name, known)
        )
    task = str(versions[0].recipe.get("task"))
    figures = [_figures(version) for version in versions]
    metric = _metric(session, model, task, by, figures)
    better = direction(session.catalog, task, metric)
    order = sorted(range(len(versions)), key=lambda i: _rank(figures[i].get(metric), better))
    bound = _bound(state, model)
    ours = ownership(session, state)
    steps = [(v, name) for v in versions for name in ("train", package_name(v.keys))]
    gone = session.store.lost_keys(v.keys[name] for v, name in steps if name in v.keys and name not in v.results)
    rows: list[dict[str, Json]] = [
        {
            **_row(versions[i], figures[i], metric, bound.get(versions[i].digest, [])),
            "project": _builder(versions[i], ours),
            "freed": not gone.isdisjoint(versions[i].keys.values()),
        }
        for i in order
    ]
    numbers: dict[str, Json] = dict.fromkeys(sorted({name for each in figures for name in each}))
    board: dict[str, Json] = {
        "format_version": FORMAT,
        "model": document("model", model),
        "task": task,
        "metric": metric,
        "better": better,
        "directions": {name: direction(session.catalog, task, name) for name in gated_first(gated_metrics(session), numbers)},
        "rows": [*rows],
    }
    return {**board, "entry": version_yaml(session, find_version(versions, model, yaml))} if yaml else board


def _figures(version: BuiltVersion) -> dict[str, Json]:
    """All numbers of a version: of its evaluation, then of its folds."""
    return {**metrics_of(version.results.get("evaluate")), **metrics_of(version.results.get("cross_validate"))}


def _metric(session: Session, model: str, task: str, by: str | None, figures: Sequence[Mapping[str, Json]]) -> str:
    """The metric asked for; else the first gated one, the first that the model names, or the usual one of the task."""
    found = {name for each in figures for name in each}
    usable = [name for name in found if direction(session.catalog, task, name) is not None]
    if by is not None:
        if by not in usable and direction(session.catalog, task, by) is None:
            detail = f"{by} is not a number of a {task} that has a better end"
            raise fail("unknown-metric", "There is no such metric to order by", detail, hint=did_you_mean(by, usable))
        return by
    gated = (g.metric for b in bindings(session.declarations).values() if b.model.declared.name == model for g in b.gates)
    written = session.project.of("Model").get(model)
    evaluate = written.value.get("evaluate") if written else None
    named = evaluate.get("metrics") if isinstance(evaluate, dict) else None
    candidates = [*gated, *map(str, named if isinstance(named, list) else []), *USUAL.values(), *sorted(usable)]
    return next((name for name in candidates if name in usable), USUAL.get(task, "r2"))


def _rank(value: Json, better: str | None) -> tuple[bool, float]:
    """Best first, versions without the figure last. Sorting is stable: ties stay in the order of the YAML."""
    number = float(value) if isinstance(value, int | float) else None
    return number is None, 0.0 if number is None else number if better == "lower" else -number


def _bound(state: State | None, model: str) -> dict[str, list[Json]]:
    """The environments that bind each digest of the model."""
    found: dict[str, list[Json]] = {}
    for address, pointer in sorted(state.current.items()) if state else ():
        place = parse(address)
        if place.kind == "environment" and place.member == model:
            found.setdefault(pointer.digest, []).append(place.name)
    return found


def _row(version: BuiltVersion, figures: dict[str, Json], metric: str, bound: list[Json]) -> dict[str, Json]:
    train, prepare, package = version.results.get("train"), version.results.get("prepare"), version.package
    imported = "import" in version.recipe
    made = package if imported else train
    built: Mapping[str, Json] = made.provenance if made else {}
    return {
        "address": version.address,
        "version": version.name,
        "digest": version.digest,
        "declared": version.declared,
        "built": made is not None and package is not None,
        "value": figures.get(metric),
        "metrics": figures,
        "bound": bound,
        "algorithm": version.recipe.get("algorithm"),
        "origin": origin_of(version.recipe),
        "params": {**cast("dict[str, Json]", version.recipe.get("params") or {}), **chosen(version)},
        "dataset": version.recipe.get("dataset"),
        "test_rows": _test_rows(prepare),
        "package": package.outputs.get("package") if package else None,
        "decision": package.outputs.get("decision") if package else None,
        "size": package.outputs.get("size") if package else None,
        "at": built.get("at"),
        "by": built.get("by"),
        "host": built.get("host"),
        "commit": built.get("commit"),
        "seconds": made.seconds if made else None,
    }


def _builder(version: BuiltVersion, ours: Ownership) -> str | None:
    made = version.results.get("export" if "import" in version.recipe else "train")
    return ours.builder(made) if made else None


def _test_rows(prepare: Result | None) -> Json:
    """The digest of the rows that it was evaluated on."""
    digests = cast("dict[str, Json]", prepare.outputs.get("rows_digest") or {}) if prepare else {}
    return digests.get("test")
