"""How a model is served, as lines for people. Values in, text out."""

from collections.abc import Mapping
from typing import Any

from leptonctl.views.records import metrics_text
from leptonctl.views.style import Style, printable
from leptonctl.views.tables import table


def render_text(monitoring: Mapping[str, Any], *, color: bool = False) -> str:
    """The environment and its health, the requests since the servers started, and the cells outside the data contract."""
    style, environment, model = Style(color), monitoring["environment"], monitoring["model"]
    health = {True: style.green("healthy"), False: style.red("unhealthy")}.get(environment["healthy"], "health not known here")
    what = printable(f"{model['name']} {model['version']}")
    lines = [f"{style.bold(printable(environment['name']))}  {what}  {printable(environment['url'] or '')}  {health}"]
    lines += [style.red(printable(environment["reason"]))] if environment["reason"] else []
    requests = ", ".join(f"{count} with {code}" for code, count in monitoring["requests"].items()) or "none yet"
    rows: list[tuple[str, str]] = [("requests", requests), ("rows", str(monitoring["rows"]))]
    if monitoring["seconds"] is not None:
        rows.append(("mean time", f"{monitoring['seconds'] * 1000:.2f} ms"))
    rows.append(("test rows", metrics_text(model["metrics"])))
    cells = [f"{printable(column)} {check} {count}" for column, checks in monitoring["breaches"].items() for check, count in checks.items()]
    rows.append(("outside the contract", style.yellow(", ".join(cells)) if cells else "no cell"))
    rows += [("not reached", printable(f"{url}: {why}")) for url, why in monitoring["unreachable"].items()]
    return "\n".join([*lines, table(rows, indent=2)])
