"""What `verify --store` found, for people: the verdict, then each problem with whom it affects and what mends it."""

from collections.abc import Mapping
from typing import Any

from leptonctl.views.style import Style, printable, size_text


def render_text(report: Mapping[str, Any], *, color: bool = False, verbose: bool = False) -> str:
    """The report without a trailing newline. `verbose` lists the foreign files too."""
    style = Style(color)
    problems = report["problems"]
    size = size_text(report["bytes"])
    counts = f"{report['artifacts']} artifacts ({size}) and {report['records']} records of {printable(report['store'])}"
    if report["ok"] and not report["artifacts"] and not report["records"]:
        lines = [style.yellow(f"{printable(report['store'])} is empty, or not a store of leptonctl: is it mounted? Nothing was checked.")]
    elif report["ok"]:
        lines = [style.green(f"✓ {counts} are as they were written")]
    else:
        many = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        lines = [style.red(f"✗ {many} in {counts}")]
    if not report["state"]:
        lines.append(style.yellow("There is no state here: what a project needs of the store was not looked for."))
    for problem in problems:
        lines += ["", f"{style.bold(problem['damage'])}  {printable(problem['kind'])}  {printable(problem['path'])}"]
        lines.append(f"    {printable(problem['detail'])}")
        if problem["addresses"]:
            lines.append(f"    affects {', '.join(map(printable, problem['addresses']))}")
        lines.append(f"    {style.cyan('mend:')} {printable(problem['mend'])}")
    foreign = report["foreign"]
    if foreign:
        hint = "" if verbose else " (-v lists them)"
        lines += ["", style.dim(f"{len(foreign)} files are not leptonctl's, and were ignored{hint}")]
        lines += [style.dim(f"    {printable(path)}") for path in foreign] if verbose else []
    return "\n".join(lines)


def progress_text(*, done: int, artifacts: int, read: int, size: int) -> str:
    """One line of progress."""
    return f"Checked {done} of {artifacts} artifacts, {size_text(read)} of {size_text(size)}"
