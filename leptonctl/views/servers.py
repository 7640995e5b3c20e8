"""The short output of `server` and `log`. Values in, text out."""

import json
from collections.abc import Mapping
from typing import Any

from leptonctl.views.status import problem_text, servers_table
from leptonctl.views.style import Style, printable


def list_text(obj: Mapping[str, Any], *, color: bool, width: int, now: float) -> str:
    """One line for each server, and why a server is not healthy."""
    servers = obj["servers"]
    if not servers:
        return "No server is registered."
    problems = [problem_text(f"{s['environment']}: {s['id']} {s['reason']}", Style(color), width) for s in servers if s["reason"]]
    return "\n".join([servers_table(servers, color=color, width=width, now=now, first="environment"), *problems])


def forgotten_text(obj: Mapping[str, Any], *, color: bool) -> str:
    """The records that were removed."""
    del color
    return "\n".join(f"Forgot {printable(s['id'])} of {printable(s['environment'])}." for s in obj["forgotten"])


def action_text(obj: Mapping[str, Any], *, color: bool) -> str:
    """What was stopped or started."""
    del color
    name, server = printable(obj["environment"]), obj["server"]
    if obj["action"] == "stop":
        running = f"Stopped the server of {name}; the next `leptonctl apply` starts it again."
        return running if obj["was_running"] else f"No server of {name} runs here."
    if server is None:
        return f"Nothing is bound in {name}, so no server runs."
    return f"The server of {name} serves deployment #{server['deployment']} at {printable(server['url'])}."


def log_text(obj: Mapping[str, Any], *, color: bool) -> str:
    """The lines of a log, with control characters as escapes."""
    del color
    return "\n".join(printable(line) for line in obj["lines"])


def line_json(line: str) -> str:
    """One line of `log --follow --json`."""
    return json.dumps({"line": line})
