"""Reports what became of bindings, and counts it in the run."""

from collections.abc import Iterable

from leptonctl.commands.applying.run import Run
from leptonctl.core.change import Change, Remove
from leptonctl.core.diagnostic import GATE
from leptonctl.core.event import StepFailed, StepFinished, StepSkipped
from leptonctl.core.holds import Act
from leptonctl.core.state import State
from leptonctl.deploying.fleet import Fleet, nobody
from leptonctl.deploying.switch import Outcome
from leptonctl.kinds.environment.judging import Decision, Held, Ready, Skipped
from leptonctl.spi.platforms import placement


def report_unmoved(run: Run, decision: Decision) -> None:
    """The bindings that do not move, with the reason."""
    for outcome in decision.outcomes:
        if isinstance(outcome, Ready):
            continue
        address = outcome.change.address
        if outcome.hold is not None:
            run.tally.count_held(address)
        if isinstance(outcome, Skipped):
            run.tally.count_skipped()
            run.reporter(StepSkipped(op="bind", address=address, name="bind", key=None, because=outcome.because))
        elif outcome.is_known:
            because = outcome.hold.reason if outcome.hold else ""
            run.reporter(StepSkipped(op="bind", address=address, name="bind", key=None, because=because, diagnostic=outcome.problem))
        else:
            run.tally.count_failed()
            run.tally.count_error(outcome.exit_code)
            _report_held(run, outcome)


def report_moved(run: Run, name: str, decision: Decision, outcome: Outcome, seconds: float) -> None:
    """The bindings that have moved, with what is still to be done before they serve."""
    if not decision.outcomes:
        run.tally.count_changed(name)
    note = outcome.lagging or _missing_server(run, name, outcome.state)
    for ready in decision.ready:
        change = ready.change
        run.tally.count_effect("bind")
        message = f"{change.before_version or 'unbound'} → {change.after_version or 'unbound'}"
        if note and not isinstance(change, Remove):
            message += f"; {note}"
        run.reporter(
            StepFinished(
                op="bind", address=change.address, name="bind", key=None, seconds=seconds, judgements=ready.judgements, message=message
            )
        )


def count_withdrawn(run: Run, name: str, acts: Iterable[Act], changes: Iterable[Change]) -> None:
    """The packages that were withdrawn; with the digest of a version of which another build is bound now."""
    by_model = {change.place.member: change for change in reversed([*changes])}
    for act in acts:
        if act.kind == "withdrawn":
            change = by_model.get(act.model)
            rebuilt = change is not None and change.before is not None and change.after_version == act.version
            digest = {"digest": change.before} if rebuilt and change and change.before else {}
            run.tally.count_withdrawn({"environment": name, "id": act.withdrawal, "model": act.model, "version": act.version, **digest})


def _report_held(run: Run, held: Held) -> None:
    run.reporter(
        StepFailed(
            op="bind",
            address=held.change.address,
            name="bind",
            key=None,
            seconds=0.0,
            diagnostic=held.problem,
            gate=held.exit_code == GATE,
            judgements=held.judgements,
        )
    )


def _missing_server(run: Run, name: str, state: State) -> str:
    """What is still to be done for an environment elsewhere that no living server serves; "" if one does."""
    record = state.environments.get(name)
    if record is None or record.destroyed or placement(record.platform) == "here":
        return ""
    fleet = Fleet(lineage=run.session.lineage(state), environment=name, liveness=run.session.liveness)
    return "" if fleet.living() else nobody(name, was_served=fleet.was_served(record))
