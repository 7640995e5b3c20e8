"""The steps of a search: a step for each trial, one for each rung of a halving, and the choice of the winner. Pure.

The key of a trial is made of what it fits and scores, not of its search, so another search or version reuses its result.
The keys of the trials of a later rung contain the survivors of the rung before, which are known when that has finished.
"""

from collections.abc import Iterator, Mapping
from typing import cast

from leptonctl.core.canonical import digest
from leptonctl.core.frozen import Frozen
from leptonctl.core.values import Json, Step, StepPlace
from leptonctl.kinds.model.search import SEARCH

TRIAL = "trial"
PARAMS = f"{SEARCH}.outputs.params"
"""The winner's parameters, as the keys of a version without a search have them."""
RUNG = "rung"


class Searching(Frozen):
    """The search of a version, as its steps need it. key_fields: of its train step. search: as in `Model`."""

    address: str
    prepare_key: str | None
    rows: StepPlace
    train: Mapping[str, Json]
    key_fields: Mapping[str, Json]
    search: Mapping[str, Json]

    @property
    def spec(self) -> dict[str, Json]:
        return cast("dict[str, Json]", self.search["spec"])

    @property
    def forecast_group(self) -> str:
        return str(self.train["algorithm"])


def search_steps(searching: Searching) -> Iterator[Step]:
    """The steps in order. The last one, `search`, decides the parameters."""
    trials = cast("list[dict[str, Json]]", searching.search["trials"])
    rungs = cast("list[int]", searching.search["rungs"])
    steps = [_trial(searching, (1, number), share(searching, len(rungs), 1), trial) for number, trial in enumerate(trials, 1)]
    yield from steps
    before: Step | None = None
    for rung in range(1, len(rungs)):
        before = _choice(searching, f"{RUNG}_{rung}", steps, before, keep=rungs[rung], rung=rung)
        yield before
        fraction = share(searching, len(rungs), rung + 1)
        steps = [_survivor(searching, (rung + 1, number), fraction, before) for number in range(1, rungs[rung] + 1)]
        yield from steps
    yield _choice(searching, SEARCH, steps, before)


def share(searching: Searching, rungs: int, rung: int) -> float:
    """The share of the training rows that the trials of a rung fit and score; the last rung has them all."""
    return 1.0 if rung == rungs else 1.0 / int(cast("int", searching.spec["factor"])) ** (rungs - rung)


def _scoring(searching: Searching, fraction: float) -> dict[str, Json]:
    """How a trial is scored. fraction: the share of the rows, which is left out when it is 1."""
    spec = searching.spec
    scoring: dict[str, Json] = {"metric": spec["metric"], "folds": spec["cross_validation"]}
    scoring |= {name: spec[name] for name in ("positive", "average") if name in spec}
    return scoring if fraction == 1 else {**scoring, "share": fraction}


def _name(place: tuple[int, int]) -> str:
    rung, number = place
    return f"{TRIAL}_{number}" if rung == 1 else f"{TRIAL}_{rung}_{number}"


def place_of(name: str) -> tuple[int, int]:
    """The rung of a trial and its number there, from the name of its step."""
    *rung, number = map(int, name.removeprefix(f"{TRIAL}_").split("_"))
    return (rung[0] if rung else 1), number


def _trial(searching: Searching, place: tuple[int, int], fraction: float, trial: Mapping[str, Json]) -> Step:
    scoring = _scoring(searching, fraction)
    own = {**_base(searching), "params": trial["params"], **scoring}
    fields = {"prepare": searching.prepare_key, **own}
    key = digest({"op": TRIAL, **fields})
    inputs: dict[str, Json] = {"train": {**searching.train, "params": trial["params"]}, "chosen": trial["chosen"], **scoring}
    return Step(
        name=_name(place), op=TRIAL, address=searching.address, key=key, spec=key, fields=fields, own=own, inputs=inputs,
        needs={"prepare": searching.rows}, forecast_group=searching.forecast_group,
    )  # fmt: skip


def _survivor(searching: Searching, place: tuple[int, int], fraction: float, before: Step) -> Step:
    """A trial of a later rung: of the survivor with its number."""
    slot = str(place[1])
    scoring = _scoring(searching, fraction)
    own = {**_base(searching), "params": None, **scoring}
    fields = {"prepare": searching.prepare_key, **own}
    spec = digest({"op": TRIAL, "of": before.spec, "slot": slot, **fields})
    inputs: dict[str, Json] = {"train": dict(searching.train), "slot": slot, **scoring}
    return Step(
        name=_name(place), op=TRIAL, address=searching.address, key=None, spec=spec, fields=fields,
        own={**own, "slot": slot}, reads=(f"{RUNG}.outputs.survivors.{slot}",), inputs=inputs,
        needs={"prepare": searching.rows, RUNG: before.place}, forecast_group=searching.forecast_group,
    )  # fmt: skip


def _choice(
    searching: Searching, name: str, trials: list[Step], before: Step | None, *, keep: int | None = None, rung: int | None = None
) -> Step:
    """The step that ranks trials: the best is the winner, or the best `keep` go on to the next rung."""
    extra: dict[str, Json] = {} if rung is None else {RUNG: rung}
    fields: dict[str, Json] = {"prepare": searching.prepare_key, **searching.key_fields, **extra}
    key = digest({"op": SEARCH, **fields})
    inputs: dict[str, Json] = {
        "metric": searching.spec["metric"], "greater_is_better": searching.search["greater_is_better"],
        "trials": [step.name for step in trials], "keep": keep,
    }  # fmt: skip
    needs = {step.name: step.place for step in trials} | ({RUNG: before.place} if before is not None else {})
    return Step(
        name=name, op=SEARCH, address=searching.address, key=key, spec=key, fields=fields, own={"op": SEARCH, **extra, "keep": keep},
        inputs=inputs, needs=needs, forecast_group=searching.forecast_group, decides="" if keep else "chosen",
    )  # fmt: skip


def _base(searching: Searching) -> dict[str, Json]:
    """What a trial learns from and how, without its parameters."""
    return {name: value for name, value in searching.key_fields.items() if name not in (SEARCH, "params")}
