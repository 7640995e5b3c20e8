"""The results that a run records: of steps that were computed, and of steps that adopted an earlier result. Values only."""

from leptonctl.building.work import Ready, Work
from leptonctl.core.codec import plain
from leptonctl.core.result import Result
from leptonctl.core.state import Owner
from leptonctl.core.values import Json
from leptonctl.spi.running import Completed
from leptonctl.storage.owner import actor


def built_result(ready: Ready, outcome: Completed, work: Work) -> Result:
    """The result of a step that was computed, with who had it built and what it read."""
    builder: dict[str, Json] = {"project": work.project, "lineage": work.lineage}
    provenance: dict[str, Json] = {**outcome.provenance, **_origin(work.owner), **builder, **_reading(ready)}
    return Result(
        key=ready.key, op=ready.planned.op, artifacts=outcome.produced.artifacts, outputs=outcome.produced.outputs,
        provenance=provenance, seconds=outcome.seconds, address=ready.planned.address, content=ready.content,
    )  # fmt: skip


def adopted_result(ready: Ready, earlier: Result) -> Result:
    """An earlier result of equal contents under the key of a step (early cutoff)."""
    return Result(
        key=ready.key, op=earlier.op, artifacts=earlier.artifacts, outputs=earlier.outputs,
        provenance={**earlier.provenance, **_reading(ready)},
        seconds=earlier.seconds, address=ready.planned.address, content=ready.content, adopted=earlier.key,
    )  # fmt: skip


def _reading(ready: Ready) -> dict[str, Json]:
    """What a step read, and with which inputs: the only record of what its artifacts hold once it is no longer declared."""
    if not ready.needs:
        return {}
    return {"read": {role: result.key for role, result in ready.needs.items()}, "inputs": dict(ready.planned.step.inputs)}


def _origin(owner: Owner) -> dict[str, Json]:
    """Who had a result built, and from which commit: the worker that computed it cannot know."""
    origin: dict[str, Json] = {"commit": owner.commit, "dirty": owner.dirty}
    if owner.job is not None:
        origin |= {"job": plain(owner.job), "by": actor(owner)}
    return origin
