"""`leaderboard`: all declared versions of a model and all that were ever built, best first, and the YAML of any of them."""

from collections.abc import Iterator, Mapping, Sequence
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
from leptonctl.commands.recorded.results import direction, gated_metrics, metrics_of, put_gated_first
from leptonctl.commands.recorded.search_story import chosen_params
from leptonctl.commands.session import Session
from leptonctl.core.address import document, full, name_and_version, parse
from leptonctl.core.diagnostic import did_you_mean, fail
from leptonctl.core.plan import Settled
from leptonctl.core.result import Result
from leptonctl.core.state import State
from leptonctl.core.values import Json
from leptonctl.kinds.environment.kind import bindings
from leptonctl.kinds.model.package import package_name
from leptonctl.kinds.model.recipes import origin_of

FORMAT = "1.0"
USUAL = {"classification": "accuracy", "regression": "r2", "clustering": "silhouette", "anomaly": "roc_auc"}
"""The metric that orders a board when neither a gate nor the YAML names one, by task."""


def leaderboard(session: Session, name: str, by: str | None = None, yaml: str | None = None) -> dict[str, Json]:
    """The object of `leaderboard --json`. `by`: the metric that orders it. `yaml`: also the YAML of the version of this name or digest.

    Failure `unknown-address`, `unknown-metric`, `cannot-write-back`.
    """
    state = session.pointers.read()
    settled, _ = settle(session, state)
    model = parse(full(name, settled.by_address, session.address_kinds)).name if "/" in name else name_and_version(name, "model")[0]
    versions = _versions(session, settled, model)
    if not versions:
        models = sorted({parse(a).name for a in settled.by_address if parse(a).kind == "model"})
        detail = f"no version of a model {name} is declared or built"
        raise fail("unknown-address", "No such address", detail, hint=did_you_mean(name, models))
    task = str(versions[0].recipe.get("task"))
    entries = [(version, _figures(version)) for version in versions]
    names = sorted({name for _, figures in entries for name in figures})
    metric = _metric(session, model, task, by, names)
    better = direction(session.catalog, task, metric)
    entries.sort(key=lambda entry: _rank(entry[1].get(metric), better))
    board: dict[str, Json] = {
        "format_version": FORMAT,
        "model": document("model", model),
        "task": task,
        "metric": metric,
        "better": better,
        "directions": {
            name: direction(session.catalog, task, name) for name in put_gated_first(gated_metrics(session), dict.fromkeys(names))
        },
        "rows": [*_rows(session, state, entries, metric)],
    }
    return {**board, "entry": version_yaml(session, find_version(versions, model, yaml))} if yaml else board


def _versions(session: Session, settled: Settled, model: str) -> list[BuiltVersion]:
    """All declared versions of a model, then the former ones, with their results."""
    declared = with_recorded_recipes(session, settled, declared_versions(settled, model))
    return with_results(session, [*declared, *former_versions(session, model, declared)], damaged="omit")


def _rows(
    session: Session, state: State | None, entries: Sequence[tuple[BuiltVersion, dict[str, Json]]], metric: str
) -> Iterator[dict[str, Json]]:
    """The rows of the board, in the order of these versions with their figures."""
    versions = [version for version, _ in entries]
    steps = [(v, name) for v in versions for name in ("train", package_name(v.keys))]
    freed = session.store.lost_keys(v.keys[name] for v, name in steps if name in v.keys and name not in v.results)
    bound, ours = _bound_environments(state, parse(versions[0].address).name), ownership(session, state)
    for version, figures in entries:
        yield {
            **_row(version, figures, metric, bound.get(version.digest, [])),
            "project": _builder(version, ours),
            "freed": not freed.isdisjoint(version.keys.values()),
        }


def _figures(version: BuiltVersion) -> dict[str, Json]:
    """All numbers of a version: of its evaluation, then of its folds."""
    return {**metrics_of(version.results.get("evaluate")), **metrics_of(version.results.get("cross_validate"))}


def _metric(session: Session, model: str, task: str, by: str | None, names: Sequence[str]) -> str:
    """The metric `by`; else the first with a gate, the first that the model lists, or the usual one of the task.

    `names`: of all figures.
    """
    usable = [name for name in names if direction(session.catalog, task, name) is not None]
    if by is not None:
        if by not in usable and direction(session.catalog, task, by) is None:
            detail = f"{by} is not a number of a {task} that is better when higher or lower"
            raise fail("unknown-metric", "There is no such metric to order by", detail, hint=did_you_mean(by, usable))
        return by
    gated = (g.metric for b in bindings(session.declarations).values() if b.model.declared.name == model for g in b.gates)
    declared = session.project.of("Model").get(model)
    evaluate = declared.value.get("evaluate") if declared else None
    listed = evaluate.get("metrics") if isinstance(evaluate, dict) else None
    candidates = [*gated, *map(str, listed if isinstance(listed, list) else []), *USUAL.values(), *usable]
    return next((name for name in candidates if name in usable), USUAL.get(task, "r2"))


def _rank(value: Json, better: str | None) -> tuple[bool, float]:
    """The key by which the best comes first and versions without the figure last. Ties stay in the order of the YAML."""
    number = float(value) if isinstance(value, int | float) else None
    return number is None, 0.0 if number is None else number if better == "lower" else -number


def _bound_environments(state: State | None, model: str) -> dict[str, list[Json]]:
    """The environments that bind each digest of the model."""
    bound: dict[str, list[Json]] = {}
    for address, pointer in sorted(state.current.items()) if state else ():
        place = parse(address)
        if place.member == model:
            bound.setdefault(pointer.digest, []).append(place.name)
    return bound


def _row(version: BuiltVersion, figures: dict[str, Json], metric: str, bound: list[Json]) -> dict[str, Json]:
    package = version.package
    model = package if "import" in version.recipe else version.results.get("train")
    provenance: Mapping[str, Json] = model.provenance if model else {}
    return {
        "address": version.address,
        "version": version.name,
        "digest": version.digest,
        "declared": version.declared,
        "built": model is not None and package is not None,
        "value": figures.get(metric),
        "metrics": figures,
        "bound": bound,
        "algorithm": version.recipe.get("algorithm"),
        "origin": origin_of(version.recipe),
        "params": {**cast("dict[str, Json]", version.recipe.get("params") or {}), **chosen_params(version)},
        "dataset": version.recipe.get("dataset"),
        "test_rows": _test_rows(version.results.get("prepare")),
        "package": package.outputs.get("package") if package else None,
        "decision": package.outputs.get("decision") if package else None,
        "size": package.outputs.get("size") if package else None,
        "at": provenance.get("at"),
        "by": provenance.get("by"),
        "host": provenance.get("host"),
        "commit": provenance.get("commit"),
        "seconds": model.seconds if model else None,
    }


def _builder(version: BuiltVersion, ours: Ownership) -> str | None:
    """The project that built a version, if it is another one."""
    result = version.results.get("export" if "import" in version.recipe else "train")
    return ours.builder(result) if result else None


def _test_rows(prepare: Result | None) -> Json:
    """The digest of the rows that it was evaluated on."""
    digests = cast("dict[str, Json]", prepare.outputs.get("rows_digest") or {}) if prepare else {}
    return digests.get("test")
