"""`readmit`: lets a version that was withdrawn from an environment back in. Binds nothing: that takes an apply."""

from collections.abc import Sequence

from leptonctl.commands.apply import recover
from leptonctl.commands.applying.withdrawing import act_of, add_readmission
from leptonctl.commands.planning.folder import refuse_copy
from leptonctl.commands.session import Session
from leptonctl.commands.who import author_of, owner_of, require_reason
from leptonctl.core.address import name_and_version, version_of
from leptonctl.core.codec import plain
from leptonctl.core.diagnostic import Failure, did_you_mean, fail
from leptonctl.core.frozen import replace
from leptonctl.core.holds import Withdrawal
from leptonctl.core.state import Environment, State
from leptonctl.core.values import Json
from leptonctl.deploying.look import is_here
from leptonctl.kinds.environment.target import environment_and_member
from leptonctl.storage.claims import claim_addresses
from leptonctl.storage.pointers import Note, now


def readmit(session: Session, target: str, reason: str, withdrawal: str | None = None) -> dict[str, Json]:
    """Readmit ENV/MODEL@VERSION, which must name one withdrawal. `withdrawal`: its id, if the version has several.

    Failure: `reason-missing`, `not-withdrawn`, `ambiguous-withdrawal`.
    """
    require_reason(reason, f'leptonctl readmit {target} --reason "…"')
    name, model, version = _parts(target)
    refuse_copy(session, session.pointers.read(), [name])
    recover(session)
    state = session.pointers.read()
    if state is None or name not in state.environments:
        hint = did_you_mean(name, state.environments if state else ()) or "leptonctl status"
        raise fail("unknown-environment", "No such environment is recorded", name, hint=hint)
    session.pointers.begin()
    owner = owner_of(session, reason=reason)
    author = author_of(owner, "readmit")
    with claim_addresses(session.pointers, owner, [], liveness=session.liveness) as claim:
        switch = session.switch(claim, author)
        with switch.hold(name, here=is_here(state.environments[name], session.root)) as locked:
            withdrawn = _withdrawal(session, locked.state, name, (model, version), id_=withdrawal)
            readmitted = add_readmission(withdrawn, now(), author.by, reason.strip())
            note = Note(author=author, environment=name, acts=(act_of("readmitted", readmitted),))
            locked.note(note, lambda current: _set_withdrawal(current, name, readmitted))
    return {"environment": name, "model": model, "version": version, "withdrawal": withdrawal_to_json(readmitted)}


def withdrawal_to_json(withdrawal: Withdrawal) -> dict[str, Json]:
    """A withdrawal as JSON, every key present."""
    readmitted = withdrawal.readmitted
    return {
        "id": withdrawal.id, "model": withdrawal.model, "version": withdrawal.version, "package": withdrawal.package,
        "at": withdrawal.at, "by": withdrawal.by, "reason": withdrawal.reason, "command": withdrawal.command,
        "deployment": withdrawal.deployment, "readmitted": plain(readmitted) if readmitted else None,
    }  # fmt: skip


def _parts(target: str) -> tuple[str, str, str]:
    """ENV, MODEL and VERSION of ENV/MODEL@VERSION."""
    name, member = environment_and_member(target)
    model, version = name_and_version(member)
    if not (name and model and version):
        raise fail("bad-address", "This does not name a version in an environment", target, hint="write ENV/MODEL@VERSION")
    return name, model, version


def _withdrawal(session: Session, state: State, name: str, version: tuple[str, str], *, id_: str | None) -> Withdrawal:
    """The one withdrawal in force of a version, (model, version), or with this id. Failure: ambiguous-withdrawal, not-withdrawn."""
    record = state.environments[name]
    matching = _matching(session, state, record, version)
    active = [w for w in matching if w.readmitted is None and id_ in (None, w.id)]
    if len(active) == 1:
        return active[0]
    if active:
        hint = f"add --withdrawal {active[-1].id}"
        raise fail("ambiguous-withdrawal", "More than one withdrawal matches this version", _name_list(active), hint=hint)
    raise _not_withdrawn(record, name, version, matching, id_=id_)


def _matching(session: Session, state: State, record: Environment, version: tuple[str, str]) -> list[Withdrawal]:
    """The withdrawals of a version: of its present recipe or package, else those under its name."""
    model, _ = version
    place = version_of("model", *version)
    node, pointer = session.declarations.built.get(place), state.current.get(place)
    digest, artifact = node.digest if node else None, pointer.artifact if pointer else None
    package = pointer.package if pointer else None
    same = [*record.withdrawals_of(model, digest=digest, package=package, artifact=artifact)]
    return same or [w for w in record.withdrawals if (w.model, w.version) == version]


def _not_withdrawn(record: Environment, name: str, version: tuple[str, str], matching: Sequence[Withdrawal], *, id_: str | None) -> Failure:
    used = next((w for w in reversed(matching) if w.readmitted is not None and id_ in (None, w.id)), None)
    active = [w for w in record.withdrawals if w.readmitted is None]
    if used is not None and used.readmitted is not None:
        detail = f"{used.id} was readmitted on {used.readmitted.at[:10]}"
        hint = "leptonctl plan"
    else:
        detail = f"{'@'.join(version)} is not withdrawn from {name}" + (f" as {id_}" if id_ else "")
        hint = f"withdrawn from {name}: {_name_list(active)}" if active else f"nothing is withdrawn from {name}"
    return fail("not-withdrawn", "Nothing is withdrawn under this name", detail, hint=hint)


def _name_list(withdrawals: Sequence[Withdrawal]) -> str:
    return ", ".join(f"{w.id} ({w.model}@{w.version}, {w.at[:10]})" for w in withdrawals)


def _set_withdrawal(state: State, name: str, withdrawal: Withdrawal) -> State:
    record = state.environments[name]
    withdrawals = tuple(withdrawal if w.id == withdrawal.id else w for w in record.withdrawals)
    return replace(state, environments={**state.environments, name: replace(record, withdrawals=withdrawals)})
