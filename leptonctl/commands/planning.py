"""The straight line to a plan: project -> nodes -> changes -> plan. Reads the world first; writes nothing but a cache and `--out`."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from leptonctl import __version__
from leptonctl.commands.session import Session
from leptonctl.commands.variables import variable_becauses
from leptonctl.core import plan as planning
from leptonctl.core.change import Change, Drift, Keep, Plan
from leptonctl.core.diagnostic import INVALID, STALE, Diagnostic, Failure, did_you_mean, error, fail, has_errors
from leptonctl.core.diff import diff
from leptonctl.core.graph import Keys, resolve_keys
from leptonctl.core.observed import Checkout, Live
from leptonctl.core.plan import make_plan, unmet, wanted_keys, with_steps
from leptonctl.core.record import State
from leptonctl.core.values import Json, Node, Result
from leptonctl.deploying import fleet
from leptonctl.kinds import rules
from leptonctl.kinds.configuration import Configuration, all_nodes, is_return
from leptonctl.kinds.environment import unbound
from leptonctl.kinds.gates import judgements
from leptonctl.kinds.live import drift, interrupted, recovered
from leptonctl.project import observe
from leptonctl.project.edits import write_text
from leptonctl.storage.pointers import now

PLAN_HOURS = 24
SAVED: Mapping[str, type | tuple[type, ...]] = {"binding": dict, "plan": dict, "only": list, "expires": (int, float), "saved_at": str}


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan with all it was made from, for apply."""

    plan: Plan
    state: State | None
    nodes: tuple[Node, ...]
    keys: Keys
    results: dict[str, Result]
    live: Mapping[str, Live]
    checkout: Checkout
    prerequisites: frozenset[str]
    configuration: Configuration


def plan(session: Session, *, only: Sequence[str] = (), out: Path | None = None) -> Plan:
    """What would change and why. Failure (exit 3) when the configuration is invalid. `out`: also save it."""
    planned = make(session, addresses=only)
    if out is not None:
        save(planned.plan, out, only)
    return planned.plan


def make(session: Session, *, addresses: Sequence[str] = (), allow_rewind: bool = False) -> Planned:
    """The plan for these addresses (none: all)."""
    configuration = session.configuration
    state = session.pointers.read()
    live = fleet.live(state, session.store, session.root)
    recorded = recovered(state, {name: one.head for name, one in live.items()}) if state else None
    nodes, keys, results, changes, sound = _settle(session, configuration, recorded)
    prerequisites: frozenset[str] = frozenset()
    if addresses:
        addresses = expanded(addresses, {node.address for node in nodes} | {c.address for c in changes})
        changes, prerequisites = planning.only(changes, nodes, addresses)
    changes = tuple(_judged(unbound(c), configuration, keys, sound, results) for c in changes)
    changes = tuple(variable_becauses(c, session.documents) for c in changes)
    checkout = _checkout(session, configuration, recorded, changes)
    diagnostics = _rules(configuration, nodes, changes, recorded, checkout, allow_rewind=allow_rewind)
    diagnostics = (*diagnostics, *_ports(session, configuration, recorded, live, changes))
    drifts: list[Drift] = list(interrupted(state, live)) if state else []
    drifts += drift(recorded, live, configuration.datasets, session.facts, time.time())
    if addresses:
        drifts = [d for d in drifts if any(d.address == a or a.startswith(d.address + "/") for a in addresses)]
    made = make_plan(
        state=state,
        changes=changes,
        drift=drifts,
        diagnostics=diagnostics,
        configuration={node.address: node.digest for node in nodes},
        data={key[0]: seen.digest for key, seen in session.facts.items()},
        live=fleet.live_digest(live),
        tool=__version__,
    )
    return Planned(
        plan=made, state=recorded, nodes=nodes, keys=keys, results=results, live=live, checkout=checkout,
        prerequisites=prerequisites, configuration=configuration,
    )  # fmt: skip


def expanded(addresses: Sequence[str], known: set[str]) -> list[str]:
    """The known addresses that are meant: a model is its versions, an environment its bindings. Failure when one is not known."""
    wanted = [full_address(a, known) for a in addresses]
    unknown = [
        error("unknown-address", "No such address", f"{a} is neither declared nor recorded", hint=did_you_mean(a, known))
        for a in wanted
        if a not in known and not any(k.startswith((a + "/", a + "@")) for k in known)
    ]
    if unknown:
        raise Failure(unknown)
    return sorted(k for k in known if any(k == a or k.startswith((a + "/", a + "@")) for a in wanted))


def full_address(written: str, known: set[str]) -> str:
    """`m@v` means `model/m@v`, `prod/m` means `environment/prod/m`. Failure where that is not clear."""

    def known_as(address: str) -> bool:
        return address in known or any(k.startswith(address + "@") for k in known)

    meant = [prefix + written for prefix in ("model/", "environment/", "dataset/") if known_as(prefix + written)]
    if known_as(written) or not meant:
        return written
    if len(meant) > 1:
        detail = f"{written} may be {' or '.join(meant)}"
        raise fail("ambiguous-address", "More than one thing has this name", detail, hint=f"write {meant[0]}")
    return meant[0]


def _settle(
    session: Session, configuration: Configuration, state: State | None
) -> tuple[tuple[Node, ...], Keys, dict[str, Result], tuple[Change, ...], State | None]:
    """Nodes, keys and changes with every result that decides them: asked for until nothing new is wanted.

    The state given back is the one they were made from: less what stands on results that are gone.
    """
    results: dict[str, Result] = {}
    asked: set[str] = set()
    lost = fleet.lost(state, session.store)
    while True:
        sound = state.without(lost) if state else None
        current = sound.current if sound else {}
        nodes = all_nodes(configuration, sound, results)
        keys = resolve_keys(nodes, current, results)
        changes = diff(nodes, state.current if state else {}, keys, lost)
        missing = wanted_keys(nodes, changes, keys, current) - asked
        if missing:
            asked |= missing
            results.update(session.store.results(missing))
            continue
        changes = with_steps(changes, nodes, keys, current, results)
        gone = unmet(changes, nodes, keys, current, results)
        if not gone:
            return nodes, keys, results, changes, sound
        lost |= gone


def _judged(change: Change, configuration: Configuration, keys: Keys, state: State | None, results: Mapping[str, Result]) -> Change:
    """A binding's change with its gates judged, and whether it is a return."""
    binding = configuration.bindings.get(change.address)
    if binding is None or isinstance(change, Keep):
        return change
    returning = is_return(binding, configuration, state, results)
    found = judgements(binding, configuration, keys, state, results, is_return=returning)
    unknown = () if returning else tuple(f"gates.{j.gate.metric}.{j.gate.rule}" for j in found if j.passed is None)
    moves = (change.before, change.before_version) != (change.after, change.after_version)
    reason = f"return to {change.after_version}, served here before" if returning and moves else change.reason
    return replace(change, judgements=found, is_return=returning, reason=reason, known_after_apply=(*change.known_after_apply, *unknown))


def _checkout(session: Session, configuration: Configuration, state: State | None, changes: Sequence[Change]) -> Checkout:
    """The commit, looked at only when a protected environment would move: Git costs milliseconds."""
    guarded = [e for e in configuration.environments.values() if e.protected]
    moving = {c.address for c in changes if not isinstance(c, Keep)}
    if not any(e.holds(a) for e in guarded for a in moving):
        return observe.checkout(session.root, (), ()) if moving else Checkout()
    commits = [c for e in guarded if state and isinstance(c := state.environments.get(e.name, {}).get("commit"), str)]
    return observe.checkout(session.root, sorted(session.sources), commits)


def _rules(
    configuration: Configuration,
    nodes: Sequence[Node],
    changes: Sequence[Change],
    state: State | None,
    checkout: Checkout,
    *,
    allow_rewind: bool,
) -> tuple[Diagnostic, ...]:
    problems: list[Diagnostic] = []
    if state is not None:
        problems += rules.sealed(nodes, state)
    problems += rules.protection(configuration.environments, changes, state)
    if has_errors(problems):
        raise Failure(problems, INVALID)
    going_back = list(rules.rewind(configuration.environments, changes, state, checkout))
    if allow_rewind:
        going_back = [p for p in going_back if not p.id.startswith("rewind")]
    return tuple(going_back)


def _ports(
    session: Session, configuration: Configuration, state: State | None, live: Mapping[str, Live], changes: Sequence[Change]
) -> Iterator[Diagnostic]:
    """Environments that this host would have to start a server for, at an address that something else uses."""
    moving = [c.address for c in changes if not isinstance(c, Keep)]
    for environment in configuration.environments.values():
        one = live.get(environment.name)
        recorded = state.environments.get(environment.name, {}) if state else {}
        elsewhere = one is not None and not one.here
        # a server of ours that hangs holds its own port: the switch starts it anew
        in_place = one is not None and (bool(one.status) or one.running) and recorded.get("platform") == environment.platform
        if elsewhere or in_place or not any(a.startswith(environment.address + "/") for a in moving):
            continue
        host, port = str(environment.platform["host"]), int(cast("int", environment.platform["port"]))
        taken = fleet.port_problem(environment.name, host, port, session.store)
        if taken is not None:
            hint = "choose another port, or stop what uses it"
            span = environment.declared.at("platform", "port")
            yield error("port-in-use", "The port of this environment is taken", taken, span=span, hint=hint)


def save(made: Plan, out: Path, addresses: Sequence[str]) -> None:
    """Write a plan that `apply` can be given: what it is bound to, and its text for people."""
    from leptonctl.views.plan_json import plan_to_json

    saved = {
        "format_version": "1", "saved_at": now(), "expires": time.time() + PLAN_HOURS * 3600, "only": list(addresses),
        "binding": dict(made.binding), "plan": plan_to_json(made),
    }  # fmt: skip
    write_text(out, json.dumps(saved, ensure_ascii=False, indent=1) + "\n")


def read_saved(file: Path) -> dict[str, Any]:
    """A saved plan. Failure when the file is none."""
    try:
        saved = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as reason:
        why = reason.strerror if isinstance(reason, OSError) else "it is not JSON"
        raise fail(
            "bad-plan", "The saved plan cannot be read", f"{file}: {why}", hint="make it with `leptonctl plan --out FILE`"
        ) from reason
    if not isinstance(saved, dict) or not all(isinstance(saved.get(name), kind) for name, kind in SAVED.items()):
        raise fail("bad-plan", "The file is not a saved plan", str(file), hint="make it with `leptonctl plan --out FILE`")
    return cast("dict[str, Any]", saved)


def check_saved(saved: Mapping[str, Any], made: Plan) -> None:
    """Failure (exit 5) when the saved plan has expired or anything it is bound to has moved, naming which."""
    if time.time() > saved["expires"]:
        raise fail("stale-plan", "The saved plan has expired", f"it was made at {saved['saved_at']}", hint="plan again", exit_code=STALE)
    moved = [part for part, value in made.binding.items() if saved["binding"].get(part) != value]
    if moved:
        raise fail(
            "stale-plan",
            "What the saved plan was made from has moved",
            f"moved: {', '.join(moved)}",
            hint="plan again and review it",
            exit_code=STALE,
        )


def show_plan(_: Session, file: Path) -> dict[str, Json]:
    """The plan inside a saved plan file, in the form of `plan --json`."""
    return cast("dict[str, Json]", read_saved(file)["plan"])
