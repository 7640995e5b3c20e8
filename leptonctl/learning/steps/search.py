"""The step `search`: ranks trials by their scores, and chooses the winner or those that go on to the next rung. Fits nothing.

A trial without a score comes last; among equal scores the first in order is better.
"""

from collections.abc import Mapping, Sequence

from leptonctl.core.values import Json
from leptonctl.learning.inputs import SearchInputs, read_inputs, read_record
from leptonctl.learning.outputs import Notice, Ranked, SearchOutputs, Survivor, TrialOutputs
from leptonctl.learning.steps.trial import RUNG
from leptonctl.spi.learning import ProviderError
from leptonctl.spi.running import Bench, Needs, Produced

Entry = tuple[str, TrialOutputs]


def run(inputs: dict[str, Json], needs: Needs, bench: Bench) -> Produced:
    del bench
    request = read_inputs("search", inputs, SearchInputs)
    trials = [(name, read_record("the outputs of `trial`", needs[name].outputs, TrialOutputs)) for name in request.trials]
    before = read_record("the outputs of `search`", needs[RUNG].outputs, SearchOutputs) if RUNG in needs else None
    name, best = rank(trials, greater_is_better=request.greater_is_better)[0]
    if best.mean is None or best.std is None:
        raise _all_failed(trials)
    rung = before.trials[-1].rung + 1 if before else 1
    all_trials = [*(before.trials if before else ()), *(_as_ranked(*trial, rung) for trial in trials)]
    outputs = SearchOutputs(
        trial=name, chosen=best.chosen, params=best.params, metric=request.metric, greater_is_better=request.greater_is_better,
        mean=best.mean, std=best.std, folds=best.folds, trials=all_trials, survivors=_survivors(request, trials),
        notices=[] if request.keep else _notices(all_trials),
    )  # fmt: skip
    return Produced(outputs=outputs.to_json())


def rank(trials: Sequence[Entry], *, greater_is_better: bool) -> list[Entry]:
    """The trials from the best to the worst."""

    def place(trial: Entry) -> tuple[bool, float]:
        mean = trial[1].mean
        return mean is None, 0.0 if mean is None else -mean if greater_is_better else mean

    return sorted(trials, key=place)


def _as_ranked(name: str, trial: TrialOutputs, rung: int) -> Ranked:
    return Ranked(
        name=name, rung=rung, chosen=trial.chosen, rows=trial.rows, mean=trial.mean, std=trial.std, reason=trial.reason
    )  # fmt: skip


def _survivors(request: SearchInputs, trials: Sequence[Entry]) -> dict[str, Survivor]:
    """The best `keep` in their original order, so that ties are decided as in the first rung."""
    if request.keep is None:
        return {}
    best = {name for name, _ in rank(trials, greater_is_better=request.greater_is_better)[: request.keep]}
    survivors = [trial for name, trial in trials if name in best]
    return {str(place): Survivor(chosen=trial.chosen, params=trial.params) for place, trial in enumerate(survivors, 1)}


def _notices(trials: Sequence[Ranked]) -> list[Notice]:
    failed = [trial for trial in trials if trial.mean is None]
    if not failed:
        return []
    return [Notice(check="trials_failed", count=len(failed), detail=f"{_combination(failed[0].chosen)}: {failed[0].reason}:")]


def _all_failed(trials: Sequence[Entry]) -> ProviderError:
    name, first = trials[0]
    return ProviderError(
        "Every trial of the search failed",
        detail=f"{len(trials)} of {len(trials)} have no score. {name} ({_combination(first.chosen)}): {first.reason}",
        hint="correct what it says, or change `search.parameters` or `search.metric`",
        id="search-failed",
    )


def _combination(chosen: Mapping[str, Json]) -> str:
    return ", ".join(f"{name}={value}" for name, value in chosen.items())
