"""The search of a version as text: its winner, and its trials from the best to the worst. Writes nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

from leptonctl.views.style import Style, duration, figure, printable, value_text
from leptonctl.views.tables import table
from leptonctl.views.words import direction


def render_search(search: Mapping[str, Any] | None, style: Style, width: int, *, trials: bool = False) -> str:
    """The block `Search` of a version's screen; "" without a search. `trials`: with a line for each of them."""
    if not search:
        return ""
    names = ", ".join(map(printable, search["parameters"] or {}))
    head = f"{style.bold('Search')}  {printable(str(search['method']))} over {names}"
    listed = search["trials"]
    if not listed:
        return f"{head}: not done yet"
    lines = [f"{head}: {_count(search, style)}"]
    if search["trial"] is not None:
        best = f"{combination(search['chosen'])} with {printable(str(search['metric']))} {_score(search)} on {search['folds']} folds"
        lines.append(f"  best {best}")
    if trials:
        lines.append(_table(search, listed, style, width))
    else:
        lines.append(style.dim("  --trials lists them"))
    return "\n".join(lines)


def _count(search: Mapping[str, Any], style: Style) -> str:
    """How many trials there are, how many of them failed, and whether they are all."""
    listed = search["trials"]
    failed = sum(trial["mean"] is None for trial in listed)
    trials = f"{len(listed)} trial{'' if len(listed) == 1 else 's'}"
    if search["failed"]:
        all_of_them = "all failed" if failed == len(listed) else f"{failed} failed, none is left"
        return f"{trials}, {style.red(all_of_them)}"
    count = trials + (f", {failed} failed" if failed else "")
    return count if search["trial"] is not None else f"not done yet, {count} so far"


def adoption_text(report: Mapping[str, Any], *, color: bool) -> str:
    """The output of `adopt`: the edit, and what it stands for."""
    style = Style(color)
    score = "" if report["mean"] is None else f", {printable(str(report['metric']))} {figure(report['mean'])} in the search"
    head = f"{printable(report['address'])} now declares {combination(report['chosen'])}{score}."
    edit = "\n".join(printable(line) for line in report["edit"].splitlines())
    return f"{style.bold(head)}\n\n{edit}\n\nIt has the model that the search has trained. Next: `leptonctl plan`."


def _table(search: Mapping[str, Any], trials: Sequence[Mapping[str, Any]], style: Style, width: int) -> str:
    several = len({trial["rung"] for trial in trials}) > 1
    sign = -1 if search["better"] == "higher" else 1
    # the last rung first: only there all rows were used
    order = sorted(trials, key=lambda t: (-t["rung"], t["mean"] is None, sign * (t["mean"] or 0.0)))
    rows = [
        (
            "best" if trial["name"] == search["trial"] else "",
            printable(trial["name"].replace("_", "-")),
            *((str(trial["rows"]),) if several else ()),
            *(value_text(value, absent="null") for value in trial["chosen"].values()),
            _score(trial) if trial["mean"] is not None else style.yellow("failed"),
            "" if trial["seconds"] is None else duration(trial["seconds"]),
            printable(trial["reason"]),
        )
        for trial in order
    ]
    metric = f"{printable(str(search['metric']))} {direction(search['better'])}".rstrip()
    reason = "why" if any(trial["reason"] for trial in trials) else ""
    head = ("", "trial", *(("rows",) if several else ()), *map(printable, trials[0]["chosen"]), metric, "took", reason)
    return table(rows, head=head, indent=2, color=style.color, width=width, wrap=(len(head) - 1,))


def _score(of: Mapping[str, Any]) -> str:
    return f"{figure(of['mean'])} ± {of['std']:.2g}"


def combination(chosen: Mapping[str, Any]) -> str:
    return ", ".join(f"{printable(name)}={value_text(value, absent='null')}" for name, value in chosen.items())
