"""The CI job that this process is part of, from the variables that GitHub Actions and GitLab CI set. Recorded and shown, never trusted.

Anybody can set a variable, so every value is bounded and checked for its form; one that is missing or malformed is left out.
"""

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import quote, urlsplit

from leptonctl.core.job import Job

NAME_LENGTH = 100
URL_LENGTH = 500
EVENT_BYTES = 8 << 20
"""A larger event file is not read."""

_RUN = re.compile(r"[0-9]{1,20}")
_NUMBER = re.compile(r"[1-9][0-9]{0,9}")
_REPOSITORY = re.compile(r"[A-Za-z0-9._-]{1,100}/[A-Za-z0-9._-]{1,100}")
_PULL = re.compile(r"refs/pull/([1-9][0-9]{0,9})/(?:merge|head)")
# the messages that GitHub writes for a merge commit and for a squashed one
_MERGED = re.compile(r"Merge pull request #([1-9][0-9]{0,9}) from |[^\n]{0,400} \(#([1-9][0-9]{0,9})\)\s*(?:\n|$)")


def current_job(variables: Mapping[str, str] | None = None) -> Job | None:
    """The job of this process; None outside GitHub Actions and GitLab CI. `variables`: default those of the process."""
    values = os.environ if variables is None else variables
    if values.get("GITHUB_ACTIONS") == "true":
        return _github(values)
    if values.get("GITLAB_CI") == "true":
        return _gitlab(values)
    return None


def _github(values: Mapping[str, str]) -> Job:
    server = _url(values.get("GITHUB_SERVER_URL"))
    repository = values.get("GITHUB_REPOSITORY", "")
    page = f"{server}/{repository}" if server and _REPOSITORY.fullmatch(repository) else ""
    run = values.get("GITHUB_RUN_ID", "")
    request = _pull_request(values)
    return Job(
        system="GitHub Actions",
        # who started this run, which for a run started again is not who started the first one
        actor=_name(values.get("GITHUB_TRIGGERING_ACTOR")) or _name(values.get("GITHUB_ACTOR")),
        url=_url(f"{page}/actions/runs/{run}") if page and _RUN.fullmatch(run) else "",
        request=request,
        request_url=_url(f"{page}/pull/{request}") if page and request else "",
    )


def _pull_request(values: Mapping[str, str]) -> int | None:
    """The pull request that the run is for, or that the pushed commit merged."""
    match = _PULL.fullmatch(values.get("GITHUB_REF", ""))
    if match is not None:
        return int(match[1])
    event = _event(values.get("GITHUB_EVENT_PATH", ""))
    request, commit = event.get("pull_request"), event.get("head_commit")
    if isinstance(request, dict) and isinstance(request.get("number"), int) and _NUMBER.fullmatch(str(request["number"])):
        return int(request["number"])
    message = commit.get("message") if isinstance(commit, dict) else None
    merged = _MERGED.match(message) if isinstance(message, str) else None
    return int(merged[1] or merged[2]) if merged else None


def _event(path: str) -> dict[str, object]:
    """The payload of the event that started the run; empty when it cannot be read."""
    with suppress(OSError, ValueError, RecursionError):
        # a pipe or a device would block
        if path and os.path.isfile(path) and os.path.getsize(path) <= EVENT_BYTES:  # noqa: PTH113, PTH202 - Path raises for odd names
            with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123
                payload = json.load(file)
            return payload if isinstance(payload, dict) else {}
    return {}


def _gitlab(values: Mapping[str, str]) -> Job:
    number = values.get("CI_MERGE_REQUEST_IID", "")
    request = int(number) if _NUMBER.fullmatch(number) else None
    project = _url(values.get("CI_MERGE_REQUEST_PROJECT_URL"))
    return Job(
        system="GitLab CI",
        actor=_name(values.get("GITLAB_USER_LOGIN")),
        url=_url(values.get("CI_JOB_URL")) or _url(values.get("CI_PIPELINE_URL")),
        request=request,
        request_url=_url(f"{project}/-/merge_requests/{request}") if project and request else "",
    )


def _name(value: str | None) -> str:
    """A login name without what cannot be shown, of at most NAME_LENGTH characters."""
    return "".join(c for c in (value or "") if c.isprintable()).strip()[:NAME_LENGTH]


def _url(value: str | None) -> str:
    """A web address without a trailing slash; "" for anything else, for one that contains a password, and for one that is too long."""
    text = (value or "").strip().rstrip("/")
    if not text or len(text) > URL_LENGTH or not text.isprintable() or quote(text, safe="%/:?#[]@!$&'()*+,;=~") != text:
        return ""
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    return text if parts.scheme in {"http", "https"} and parts.hostname and "@" not in parts.netloc else ""
