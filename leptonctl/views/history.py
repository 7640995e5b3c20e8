"""Every pointer change and every build, newest first, with who and why. Reads records, writes nothing.

An entry: `{serial, at, by, host, commit, dirty, reason, job, command, environment, deployment, changes: [{address, before, after,
before_version, after_version, reason?}], evidence: [gate as in plan --json, with its binding's address] | null, held?: [changes
that were held, in the form of `changes`], acts: [{kind, model, version, withdrawal, reason}]}`.
A build: `{address, ops: [op], at, by, host?, commit?, dirty, job, project, seconds, metrics, search}`; `project` only if
another one built it; `search`: `{chosen, metric, mean, std, trials}` of a search among the steps, or null.
`way_back`: the return that is possible, `{binding, version, deployment, undoes}`, or null.
A job has the fields of `core.job.Job`, or is null.
"""

from collections.abc import Mapping
from typing import Any

from leptonctl.kinds.registry import OPS
from leptonctl.views.holds import act_text
from leptonctl.views.records import metrics_text, short, sort_key, when, who
from leptonctl.views.search import combination
from leptonctl.views.style import Style, duration, figure, printable
from leptonctl.views.tables import table
from leptonctl.views.words import gate_cells, grounds

FEW = 4
"""How many metrics of a build are shown unless `verbose`."""
NOTHING = "Nothing has happened yet."


def render_text(history: Mapping[str, Any], *, color: bool = False, verbose: bool = False, now: str | float | None = None) -> str:
    """`{entries: […], builds: […], way_back}` as blocks, newest first, without a trailing newline; the last line says how to go back.

    `verbose`: all metrics of a build.
    """
    style = Style(color)
    entries, builds = history["entries"], history["builds"]
    blocks_by_time = [(sort_key(e["at"]), 1, e["serial"], _entry(e, style, now)) for e in entries]
    blocks_by_time += [(sort_key(b["at"]), 0, 0, _build(b, style, now, verbose=verbose)) for b in builds]
    if not blocks_by_time:
        return NOTHING
    blocks = [text for *_, text in sorted(blocks_by_time, key=lambda item: item[:3], reverse=True)]
    return "\n\n".join([*blocks, *_way_back(history.get("way_back"))])


def _entry(entry: Mapping[str, Any], style: Style, now: str | float | None) -> str:
    if entry.get("missing"):
        return f"{style.bold('missing')}  serial {entry['serial']}  {style.red(printable(entry['missing']))}"
    head = f"{style.bold(printable(title(entry)))}  {when(entry['at'], now)}  {printable(entry['command'])}  by {who(entry)}"
    if entry.get("replaced"):
        head += style.dim("  (of a state that was replaced)")
    if entry.get("base") is not None:
        head += f"  back to serial {entry['base']}"
    moves = [(printable(c["address"]), move(c), style.dim(printable(c.get("reason") or ""))) for c in entry["changes"]]
    for change in entry.get("held") or []:
        outcome = "held by its gates" if is_held_by_gates(entry, change) else "held"
        moves.append((printable(change["address"]), move(change), style.red(outcome)))
    lines = [head, *_circumstances(entry, style), table(moves, indent=4)]
    lines += [f"    {style.yellow(act_text(act, entry))}" for act in entry.get("acts") or []]
    gates = entry.get("evidence") or []
    if gates:
        # the address of a gate matters only where several bindings moved at once
        several = len({gate.get("address") for gate in gates}) > 1
        gates = sorted(gates, key=lambda gate: [g.get("address") for g in gates].index(gate.get("address")))
        rows = [(*gate_cells(gate), printable(gate["address"]) if several else "") for gate in gates]
        # the rows that a comparison left out are listed below the gates of its binding
        for row, gate, following in zip(table(rows, right=(2,), indent=6).splitlines(), gates, [*gates[1:], {}], strict=True):
            lines.append(row)
            if gate.get("address") != following.get("address", ""):
                own = [g for g in gates if g.get("address") == gate.get("address")]
                lines += [f"        {style.dim(printable(text))}" for text in grounds(own)]
    return "\n".join(line for line in lines if line)


def _circumstances(record: Mapping[str, Any], style: Style) -> list[str]:
    """Why it was done, and the page of the CI run that did it."""
    reason, job = record.get("reason"), record.get("job") or {}
    lines = [f"    reason: {printable(reason)}"] if reason else []
    return lines + [style.dim(f"    {printable(job[name])}") for name in ("request_url", "url") if job.get(name)]


def title(entry: Mapping[str, Any]) -> str:
    """`deployment 18 of prod`, with the number that `rollback --to` takes; an entry that moved no environment has none."""
    if entry.get("deployment"):
        return f"deployment {entry['deployment']} of {entry['environment']}"
    if entry.get("held"):
        return f"held in {entry['environment']}"
    if entry.get("environment"):
        return str(entry["environment"])
    return "recorded"


def is_held_by_gates(entry: Mapping[str, Any], change: Mapping[str, Any]) -> bool:
    """Whether a gate of this binding did not pass."""
    return any(g.get("address") == change["address"] and g["passed"] is not True for g in entry.get("evidence") or [])


def move(change: Mapping[str, Any]) -> str:
    """`v1 → v2` of a binding; `added`, `removed` or both digests of anything else."""
    before, after = change.get("before_version"), change.get("after_version")
    if (before or after) and before != after:
        return f"{printable(before or 'unbound')} → {printable(after or 'unbound')}"
    if change["before"] is None or change["after"] is None:
        return "added" if change["before"] is None else "removed"
    return f"{short(change['before'])} → {short(change['after'])}"


def _build(build: Mapping[str, Any], style: Style, now: str | float | None, *, verbose: bool) -> str:
    ops = ", ".join(op.replace("_", "-") for op in sorted(set(build["ops"]), key=_order))
    head = f"{style.dim('built')}  {when(build['at'], now)}  {printable(build['address'])}  by {who(build)}"
    metrics = metrics_text(build.get("metrics"), most=len(build.get("metrics") or {}) if verbose else FEW)
    head = "\n".join([head, *_circumstances(build, style)])
    lines = [head, f"    {ops} in {duration(build['seconds'])}" + (f": {metrics}" if metrics else "")]
    return "\n".join([*lines, *_winner(build.get("search"))])


def _winner(search: Mapping[str, Any] | None) -> list[str]:
    """The winner of a search."""
    if not search or not search["chosen"]:
        return []
    score = "" if search["mean"] is None else f" with {printable(str(search['metric']))} {figure(search['mean'])}"
    return [f"    winner of {search['trials']} trials: {combination(search['chosen'])}{score}"]


def _order(op: str) -> int:
    """The rank of an op: its position in the table of ops, unknown ones last."""
    names = list(OPS)
    return names.index(op) if op in names else len(names)


def _way_back(way: Mapping[str, Any] | None) -> list[str]:
    """How to undo the newest switch from one version to another, if that is possible."""
    if way is None:
        return []
    binding, version = printable(str(way["binding"])), printable(str(way["version"]))
    switch = f"deployment {way['undoes']} of {binding.partition('/')[0]}"
    return [f"Last switch: {switch}. `leptonctl rollback {binding}` brings {version} back."]
