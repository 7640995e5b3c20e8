"""Owners of locks: alive, dead or unknown, and readable."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

from leptonctl.storage.owner import current_owner, describe, is_alive, process_started


def test_this_process_lives() -> None:
    owner = current_owner("leptonctl apply", "abc1234")
    assert is_alive(owner) is True
    assert owner["pid"] == os.getpid()
    assert set(owner) == {"user", "host", "boot_id", "pid", "started", "command", "commit", "since"}


def test_an_ended_process_is_dead_also_before_it_was_waited_for() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    owner = {**current_owner("x", None), "pid": child.pid, "started": process_started(child.pid)}
    assert is_alive(owner) is True
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert is_alive(owner) is False
    child.communicate()
    assert is_alive(owner) is False


def test_a_number_used_again_is_another_process() -> None:
    assert is_alive({**current_owner("x", None), "started": 1}) is False


def test_before_the_last_boot_everything_has_ended() -> None:
    assert is_alive({**current_owner("x", None), "boot_id": "another"}) is False


def test_another_host_is_unknown() -> None:
    assert is_alive({**current_owner("x", None), "host": "elsewhere"}) is None
    assert is_alive({}) is None


def test_without_a_start_only_the_number_counts() -> None:
    assert is_alive({**current_owner("x", None), "started": None}) is True


def test_an_owner_is_described_in_one_line() -> None:
    now = datetime.now(UTC)
    owner = {**current_owner("leptonctl apply", "abc1234def"), "user": "anna", "host": "host", "pid": 123, "since": now.isoformat()}
    clock = now.astimezone().strftime("%H:%M:%S")
    assert describe(owner) == f"anna@host pid 123: leptonctl apply, commit abc1234, since {clock}"
    before = now - timedelta(days=3)
    assert describe({**owner, "since": before.isoformat()}).endswith(before.astimezone().strftime("since %Y-%m-%d %H:%M:%S"))


def test_a_half_written_owner_is_still_described() -> None:
    assert describe({}) == "somebody@an unknown host: leptonctl"
