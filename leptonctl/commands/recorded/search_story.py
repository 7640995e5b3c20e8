"""What is known about the search of a version: its trials, their scores and the winner. Reads only results."""

from collections.abc import Iterator, Mapping
from typing import cast

from leptonctl.commands.recorded.built_versions import BuiltVersion
from leptonctl.commands.session import Session
from leptonctl.core.result import Result
from leptonctl.core.values import Json
from leptonctl.kinds.model.search import SEARCH
from leptonctl.kinds.model.search_steps import RUNG, TRIAL, place_of

COPIED = ("chosen", "trial", "mean", "std")


def search_story(session: Session, version: BuiltVersion) -> dict[str, Json] | None:
    """The object `search` of `show ADDR --json`; None for a version without a search.

    While it is not finished nothing is chosen, and the trials that have ended are listed, failed ones with their reasons.
    """
    spec = version.recipe.get(SEARCH)
    if not isinstance(spec, dict):
        return None
    result = version.results.get(SEARCH)
    metric = session.catalog.metrics.get((str(version.recipe.get("task")), str(spec.get("metric"))))
    outputs: Mapping[str, Json] = result.outputs if result else {}
    trials: list[Json] = [*_trials(session, result)] if result else [*_ended_trials(version)]
    return {
        "method": spec.get("method"),
        "parameters": spec.get("parameters"),
        "metric": spec.get("metric"),
        "better": None if metric is None else "higher" if metric.greater_is_better else "lower",
        "folds": spec.get("cross_validation"),
        **{name: outputs.get(name) for name in COPIED},
        "failed": result is None and _has_no_winner(version),
        "trials": trials,
    }


def chosen_params(version: BuiltVersion) -> dict[str, Json]:
    """The parameters that the search of a version has chosen; {} without a search, or before it is finished."""
    result = version.results.get(SEARCH)
    return cast("dict[str, Json]", result.outputs.get("chosen") or {}) if result else {}


def winner(search: Result) -> dict[str, Json]:
    """The winner in the result of a search, and the number of its trials."""
    trials = search.outputs.get("trials")
    return {
        **{name: search.outputs.get(name) for name in ("chosen", "metric", "mean", "std")},
        "trials": len(trials) if isinstance(trials, list) else 0,
    }


def _trials(session: Session, search: Result) -> Iterator[Json]:
    """Every trial with its time, in the order of the rungs."""
    seconds = _seconds(session, search)
    for trial in cast("list[dict[str, Json]]", search.outputs.get("trials") or []):
        yield {**trial, "seconds": seconds.get(str(trial.get("name")))}


def _ended_trials(version: BuiltVersion) -> Iterator[Json]:
    """The trials with a result of a search that is not finished, or failed, in the order of the rungs."""
    for name in sorted(filter(_is_trial, version.results), key=place_of):
        result = version.results[name]
        scored = {part: result.outputs.get(part) for part in ("chosen", "rows", "mean", "std", "reason")}
        yield {"name": name, "rung": place_of(name)[0], **scored, "seconds": result.seconds}


def _has_no_winner(version: BuiltVersion) -> bool:
    """Whether every trial of a rung ended without a score."""
    rungs: dict[int, list[Result | None]] = {}
    for name in filter(_is_trial, version.keys):
        rungs.setdefault(place_of(name)[0], []).append(version.results.get(name))
    return any(all(trial is not None and trial.outputs.get("mean") is None for trial in trials) for trials in rungs.values())


def _is_trial(name: str) -> bool:
    return name.startswith(f"{TRIAL}_")


def _seconds(session: Session, search: Result) -> dict[str, float]:
    """How long each trial took, by the name of its step. The result of the search names the results that it read."""
    seconds: dict[str, float] = {}
    read = search.provenance.get("read")
    keys = {role: str(key) for role, key in read.items() if role != "prepare"} if isinstance(read, dict) else {}
    results = session.results(keys.values())
    for role, key in keys.items():
        if key in results:
            seconds |= _seconds(session, results[key]) if role == RUNG else {role: results[key].seconds}
    return seconds
