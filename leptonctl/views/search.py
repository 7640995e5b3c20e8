"""The search of a version as text: its winner, and its trials from the best to the worst. Writes nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

from leptonctl.views.style import Style, count_text, duration, figure, mean_text, printable, value_text
from leptonctl.views.tables import table
from leptonctl.views.words import direction


def render_search(search: Mapping[str, Any] | None, style: Style, width: int, *, trials: bool = False) -> str:
    """The block `Search` of a version's screen; "" without a search. `trials`: with a line for each trial."""
    if not search:
        return ""
    names = ", ".join(map(printable, search["parameters"] or {}))
    head = f"{style.bold('Search')}  {printable(str(search['method']))} over {names}"
    all_trials = search["trials"]
    if not all_trials:
        return f"{head}: not done yet"
    lines = [f"{head}: {_count(search, style)}"]
    if search["trial"] is not None:
        score = f"{printable(str(search['metric']))} {mean_text(search['mean'], search['std'])}"
        lines.append(f"  best {combination(search['chosen'])} with {score} on {search['folds']} folds")
    if trials:
        lines.append(_table(search, all_trials, style, width))
    else:
        lines.append(style.dim("  --trials lists them"))
    return "\n".join(lines)


def _count(search: Mapping[str, Any], style: Style) -> str:
    """How many trials there are, how many of them failed, and whether they are all."""
    failed = sum(trial["mean"] is None for trial in search["trials"])
    trials = count_text(len(search["trials"]), "trial")
    if search["failed"]:
        failures = "all failed" if failed == len(search["trials"]) else f"{failed} failed, none is left"
        return f"{trials}, {style.red(failures)}"
    count = trials + (f", {failed} failed" if failed else "")
    return count if search["trial"] is not None else f"not done yet, {count} so far"


def adoption_text(report: Mapping[str, Any], *, color: bool) -> str:
    """The output of `adopt`: what the version now declares, the edit, and the next command."""
    style = Style(color)
    score = "" if report["mean"] is None else f", {printable(str(report['metric']))} {figure(report['mean'])} in the search"
    head = f"{printable(report['address'])} now declares {combination(report['chosen'])}{score}."
    edit = "\n".join(printable(line) for line in report["edit"].splitlines())
    return f"{style.bold(head)}\n\n{edit}\n\nIt has the model that the search has trained. Next: `leptonctl plan`."


def _table(search: Mapping[str, Any], trials: Sequence[Mapping[str, Any]], style: Style, width: int) -> str:
    several = len({trial["rung"] for trial in trials}) > 1
    sign = -1 if search["better"] == "higher" else 1
    # the last rung first: only its trials used all rows
    order = sorted(trials, key=lambda t: (-t["rung"], t["mean"] is None, sign * (t["mean"] or 0.0)))
    rows = [
        (
            "best" if trial["name"] == search["trial"] else "",
            printable(trial["name"].replace("_", "-")),
            *((str(trial["rows"]),) if several else ()),
            *(value_text(value, absent="null") for value in trial["chosen"].values()),
            mean_text(trial["mean"], trial["std"]) if trial["mean"] is not None else style.yellow("failed"),
            "" if trial["seconds"] is None else duration(trial["seconds"]),
            printable(trial["reason"]),
        )
        for trial in order
    ]
    metric = f"{printable(str(search['metric']))} {direction(search['better'])}".rstrip()
    reason = "why" if any(trial["reason"] for trial in trials) else ""
    head = ("", "trial", *(("rows",) if several else ()), *map(printable, trials[0]["chosen"]), metric, "took", reason)
    return table(rows, head=head, indent=2, color=style.color, width=width, wrap=(len(head) - 1,))


def combination(chosen: Mapping[str, Any]) -> str:
    """`C=1.0, penalty=l2`."""
    return ", ".join(f"{printable(name)}={value_text(value, absent='null')}" for name, value in chosen.items())
