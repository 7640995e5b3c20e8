"""Owners of locks: alive, dead or unknown, and readable."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from leptonctl.core.frozen import replace
from leptonctl.core.job import Job
from leptonctl.core.state import Owner
from leptonctl.storage import owner as module
from leptonctl.storage.owner import current_owner, describe, is_alive, process_start

ME = current_owner("x", None)


def test_this_process_lives() -> None:
    owner = current_owner("leptonctl apply", "abc1234")
    assert is_alive(owner) is True
    assert (owner.pid, owner.command, owner.commit) == (os.getpid(), "leptonctl apply", "abc1234")
    assert owner.user
    assert owner.since


def test_an_ended_process_is_dead_even_before_it_is_waited_for() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    owner = replace(ME, pid=child.pid, start=process_start(child.pid))
    assert is_alive(owner) is True
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert is_alive(owner) is False
    child.communicate()
    assert is_alive(owner) is False


def test_a_reused_pid_is_another_process() -> None:
    assert is_alive(replace(ME, start=1)) is False


def test_before_the_last_boot_everything_has_ended() -> None:
    assert is_alive(replace(ME, machine="m", boot="another")) is (False if ME.machine == "m" else None)
    if ME.machine:
        assert is_alive(replace(ME, boot="another")) is False


def test_where_machines_have_no_id_another_boot_may_be_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "machine_id", lambda: "")
    assert is_alive(replace(ME, machine="", boot="another")) is None
    assert is_alive(replace(ME, machine="")) is True


@pytest.mark.parametrize("change", [{"host": "elsewhere"}, {"machine": "elsewhere"}, {"namespace": "pid:[1]"}, {"pid": 0}])
def test_a_process_that_cannot_be_seen_from_here_is_unknown(change: dict) -> None:
    assert is_alive(replace(ME, **change)) is None
    assert is_alive(Owner()) is None


def test_without_a_start_time_only_the_pid_counts() -> None:
    assert is_alive(replace(ME, start=None)) is True


def test_an_owner_is_described_in_one_line() -> None:
    now = datetime.now(UTC)
    owner = Owner(user="anna", host="host", pid=123, command="leptonctl apply", commit="abc1234def", since=now.isoformat())
    clock = now.astimezone().strftime("%H:%M:%S")
    assert describe(owner) == f"anna@host pid 123: leptonctl apply, commit abc1234, since {clock}"
    job = Job(system="GitLab CI", actor="mara", url="https://gitlab.example/j/5", request=7, request_url="https://gitlab.example/m/7")
    assert describe(replace(owner, job=job, reason="too slow")) == (
        f"mara@host pid 123: leptonctl apply, commit abc1234, since {clock}, GitLab CI, https://gitlab.example/m/7,"
        " https://gitlab.example/j/5, reason: too slow"
    )
    before = now - timedelta(days=3)
    assert describe(replace(owner, since=before.isoformat())).endswith(before.astimezone().strftime("since %Y-%m-%d %H:%M:%S"))


@pytest.mark.parametrize("since", ["", "soon"])
def test_an_owner_with_few_fields_is_still_described(since: str) -> None:
    assert describe(Owner(since=since)) == "somebody@an unknown host: leptonctl"
