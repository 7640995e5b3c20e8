"""The process that holds a lock or runs an apply: as a record, whether it still lives, and how it is described to people."""

import os
import select
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from leptonctl.core.state import Owner


def current_owner(command: str, commit: str | None, *, dirty: bool = False) -> Owner:
    """The record of this process."""
    return Owner(
        user=user_name(),
        host=host_name(),
        machine=machine_id(),
        boot=boot_id(),
        namespace=pid_namespace(),
        pid=os.getpid(),
        start=process_start(os.getpid()),
        command=command,
        commit=commit,
        dirty=dirty,
        since=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def is_alive(owner: Owner) -> bool | None:
    """Whether the recorded process lives. None when that cannot be known here: another machine or container, or no pid."""
    if owner.pid <= 0 or (owner.host, owner.machine) != (host_name(), machine_id()):
        return None
    if owner.boot != boot_id():
        # without a machine id it may be another machine of the same name
        return False if owner.machine else None
    if owner.namespace != pid_namespace():
        return None
    start = process_start(owner.pid)
    if owner.start is None or (start is None and not Path("/proc/self/stat").exists()):
        return _exists(owner.pid)
    return start == owner.start


def describe(owner: Owner) -> str:
    """`anna@host pid 123: leptonctl apply, commit abc1234, since 14:03:11`, with the date if that is not today.

    The CI job and the reason come last, where there are any.
    """
    who = f"{actor(owner) or 'somebody'}@{owner.host or 'an unknown host'}"
    parts = [owner.command or "leptonctl"]
    if owner.commit:
        parts.append(f"commit {owner.commit[:7]}")
    if since := _local_time(owner.since):
        parts.append(f"since {since}")
    if owner.job:
        parts += filter(None, [owner.job.system, owner.job.request_url, owner.job.url])
    if owner.reason:
        parts.append(f"reason: {owner.reason}")
    pid = f" pid {owner.pid}" if owner.pid else ""
    return f"{who}{pid}: {', '.join(parts)}"


def actor(owner: Owner) -> str:
    """Who acts: who started the CI job, where that is known, else the login name."""
    return (owner.job.actor if owner.job else "") or owner.user


def host_name() -> str:
    """The name of this machine."""
    return os.uname().nodename


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


def process_start(pid: int) -> int | None:
    """Start of a living process in clock ticks since boot; None without such a process or without /proc.

    A zombie whose threads still run counts as living: it holds its files and its port.
    """
    try:
        handle = os.pidfd_open(pid)
    except AttributeError:  # not Linux
        return None
    except OSError:  # no such process, or the number now belongs to a thread
        return None
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
        has_ended = bool(select.select([handle], [], [], 0)[0])
    except OSError:
        return None
    finally:
        os.close(handle)
    # the name of the command is in brackets and may contain anything, even brackets and spaces
    return None if has_ended else int(stat.rpartition(b")")[2].split()[19])


@cache
def machine_id() -> str:
    """An id that distinguishes this machine from others of the same name; "" where the system has none."""
    for file in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
        try:
            return Path(file).read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            continue
    return ""


@cache
def boot_id() -> str | None:
    """An id of the current boot of the machine; None where the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None


def pid_namespace() -> str | None:
    """The namespace in which our pids are valid: containers on one machine have their own."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
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


def _local_time(since: str) -> str:
    try:
        moment = datetime.fromisoformat(since).astimezone()
    except ValueError:
        return ""
    today = moment.date() == datetime.now(UTC).astimezone().date()
    return moment.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M:%S")
