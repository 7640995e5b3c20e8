"""Who holds a lock or runs an apply: recorded as JSON, judged alive or dead, and described for people."""

import os
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from leptonctl.core.values import Json

DEAD = ("Z", "X")


def current_owner(command: str, commit: str | None) -> dict[str, Json]:
    """This process, as it is recorded in leases and states. `started` is in clock ticks since boot, to tell reused pids."""
    return {
        "user": user_name(),
        "host": socket.gethostname(),
        "boot_id": _boot_id(),
        "pid": os.getpid(),
        "started": process_started(os.getpid()),
        "command": command,
        "commit": commit,
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def is_alive(owner: Mapping[str, Json]) -> bool | None:
    """Whether the recorded process lives. None when that cannot be told from here: another host, or no pid recorded."""
    pid = owner.get("pid")
    if owner.get("host") != socket.gethostname() or not isinstance(pid, int) or pid <= 0:
        return None
    if owner.get("boot_id") != _boot_id():
        return False
    started = process_started(pid)
    if owner.get("started") is None or (started is None and not Path("/proc/self/stat").exists()):
        return _exists(pid)
    return started == owner["started"]


def describe(owner: Mapping[str, Json]) -> str:
    """`anna@host pid 123: leptonctl apply, commit abc1234, since 14:03:11`, with the date when it was not today."""
    who = f"{owner.get('user') or 'somebody'}@{owner.get('host') or 'an unknown host'}"
    parts = [str(owner.get("command") or "leptonctl")]
    if commit := owner.get("commit"):
        parts.append(f"commit {str(commit)[:7]}")
    if since := _local_time(owner.get("since")):
        parts.append(f"since {since}")
    pid = f" pid {owner['pid']}" if owner.get("pid") else ""
    return f"{who}{pid}: {', '.join(parts)}"


def user_name() -> str:
    """The login name, or the number of a user without one (containers)."""
    for variable in ("LOGNAME", "USER"):
        if name := os.environ.get(variable):
            return name
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        return str(os.getuid())


def process_started(pid: int) -> int | None:
    """Start of a living process in clock ticks since boot; None when there is none, or no /proc to ask."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    # the command stands in brackets and may hold anything, brackets and blanks too
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in DEAD else int(fields[19])


def _boot_id() -> str | None:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _local_time(since: Json) -> str:
    try:
        moment = datetime.fromisoformat(str(since)).astimezone()
    except ValueError:
        return ""
    today = moment.date() == datetime.now(UTC).astimezone().date()
    return moment.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M:%S")
