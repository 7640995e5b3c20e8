"""The CI job of a process, from the variables of GitHub Actions and GitLab CI."""

import json
import os
from pathlib import Path

import pytest

from leptonctl.core.job import Job
from leptonctl.project.ci import EVENT_BYTES, NAME_LENGTH, current_job

GITHUB = {
    "GITHUB_ACTIONS": "true", "GITHUB_ACTOR": "octocat", "GITHUB_SERVER_URL": "https://github.example", "GITHUB_REPOSITORY": "acme/mail",
    "GITHUB_RUN_ID": "9182736", "GITHUB_REF": "refs/heads/main",
}  # fmt: skip
GITLAB = {
    "GITLAB_CI": "true", "GITLAB_USER_LOGIN": "mara", "CI_JOB_URL": "https://gitlab.example/acme/mail/-/jobs/5",
    "CI_PIPELINE_URL": "https://gitlab.example/acme/mail/-/pipelines/3",
}  # fmt: skip
RUN = "https://github.example/acme/mail/actions/runs/9182736"


def test_outside_ci_there_is_no_job() -> None:
    assert current_job({}) is None
    assert current_job({"GITHUB_ACTOR": "octocat", "GITLAB_USER_LOGIN": "mara"}) is None
    assert current_job({**GITHUB, "GITHUB_ACTIONS": "false"}) is None


def test_a_pull_request_on_github() -> None:
    assert current_job({**GITHUB, "GITHUB_REF": "refs/pull/12/merge"}) == Job(
        system="GitHub Actions", actor="octocat", url=RUN, request=12, request_url="https://github.example/acme/mail/pull/12"
    )


def test_who_starts_a_run_again_is_its_actor() -> None:
    job = current_job({**GITHUB, "GITHUB_TRIGGERING_ACTOR": "mara"})
    assert job is not None and (job.actor, job.request) == ("mara", None)


def test_a_merge_request_on_gitlab() -> None:
    merge = {"CI_MERGE_REQUEST_IID": "7", "CI_MERGE_REQUEST_PROJECT_URL": "https://gitlab.example/acme/mail"}
    assert current_job({**GITLAB, **merge}) == Job(
        system="GitLab CI", actor="mara", url=GITLAB["CI_JOB_URL"], request=7,
        request_url="https://gitlab.example/acme/mail/-/merge_requests/7",
    )  # fmt: skip
    job = current_job({name: value for name, value in GITLAB.items() if name != "CI_JOB_URL"})
    assert job is not None and (job.url, job.request) == (GITLAB["CI_PIPELINE_URL"], None)


@pytest.mark.parametrize(
    ("payload", "request_number"),
    [
        ({"pull_request": {"number": 31}}, 31),
        ({"head_commit": {"message": "Merge pull request #44 from acme/c\n\nTitle"}}, 44),
        ({"head_commit": {"message": "Lower C (#45)\n\n* a (#1)"}}, 45),
        ({"head_commit": {"message": "Fixes #46"}}, None),
        ({"head_commit": None, "pull_request": {"number": "31; rm"}}, None),
        ({"pull_request": {"number": True}}, None),
        ([], None),
    ],
)
def test_what_a_push_merged_is_in_its_event(payload: object, request_number: int | None, tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text(json.dumps(payload), encoding="utf-8")
    job = current_job({**GITHUB, "GITHUB_EVENT_PATH": str(event)})
    assert job is not None and job.request == request_number


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe{", b"[" * 100_000, b" " * (EVENT_BYTES + 1), None], ids=["", "utf", "deep", "large", "fifo"]
)
def test_an_event_that_cannot_be_read_says_nothing(content: bytes | None, tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    if content is None:
        os.mkfifo(event)
    else:
        event.write_bytes(content)
    for path in (str(event), str(tmp_path), str(tmp_path / "absent"), "x\0y"):
        job = current_job({**GITHUB, "GITHUB_EVENT_PATH": path})
        assert job is not None and (job.url, job.request) == (RUN, None)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GITHUB_SERVER_URL", "javascript:alert(1)"), ("GITHUB_SERVER_URL", "https://user:secret@github.example"),
        ("GITHUB_SERVER_URL", "https://github.example/\x1b[2J"), ("GITHUB_SERVER_URL", "https://[bad"), ("GITHUB_SERVER_URL", "https://"),
        ("GITHUB_SERVER_URL", "https://" + "x" * 600), ("GITHUB_REPOSITORY", "acme/../../x"), ("GITHUB_REPOSITORY", "mail"),
        ("GITHUB_RUN_ID", "1/../2"), ("GITHUB_RUN_ID", ""),
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_left_out(variable: str, value: str) -> None:
    job = current_job({**GITHUB, variable: value})
    assert job == Job(system="GitHub Actions", actor="octocat")


def test_a_name_is_bounded_and_can_be_shown() -> None:
    job = current_job({**GITHUB, "GITHUB_ACTOR": "\x1b[31m" + "a\n\u202e" * 500})
    assert job is not None
    assert job.actor == ("[31m" + "a" * 500)[:NAME_LENGTH]
    assert current_job({"GITHUB_ACTIONS": "true"}) == Job(system="GitHub Actions")
