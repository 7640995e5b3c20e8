"""Times, people, places, metrics and digests on one line each, for all views. Reads JSON values, writes nothing."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from leptonctl.views.style import duration, figure, printable, text_width, value_text

UNLIMITED = 10_000
"""A width at which nothing is shortened."""
ROOMY = 100
"""From this width on, times also say how long ago they are."""
SHORT = 12
"""How many hex digits of a digest are shown to people."""


REQUESTS = {"GitHub Actions": "pull request", "GitLab CI": "merge request"}
"""CI system -> its word for a proposed change."""


def place(of: Mapping[str, Any]) -> str:
    """`models/spam.yaml:12:9`, as much of it as is known."""
    if not of.get("file"):
        return ""
    return printable(":".join(str(part) for part in (of["file"], of.get("line"), of.get("column")) if part is not None))


def when(at: str | float | None, now: str | float | None = None) -> str:
    """`2026-11-21 18:12 UTC`, and how long ago that was if `now` is given. A time that cannot be parsed is shown unchanged."""
    moment = _moment(at)
    if moment is None:
        return printable(str(at)) if at else "unknown"
    text = moment.strftime("%Y-%m-%d %H:%M UTC")
    present = _moment(now)
    return text if present is None else f"{text} ({ago((present - moment).total_seconds())})"


def ago(seconds: float) -> str:
    """`just now`, `5 min ago`, `3 h ago`, `12 days ago`."""
    if seconds < 60:  # noqa: PLR2004 - a minute
        return "just now"
    if seconds < 2 * 86400:
        return f"{duration(seconds - seconds % 60).split(' min')[0]} min ago" if seconds < 3600 else f"{seconds // 3600:.0f} h ago"  # noqa: PLR2004
    return f"{seconds // 86400:.0f} days ago"


def since_text(at: str | float | None, now: str | float | None = None) -> str:
    """`3 h ago`, or the moment if the present time is not known."""
    moment, present = _moment(at), _moment(now)
    return when(at) if moment is None or present is None else ago((present - moment).total_seconds())


def seen_text(at: str | float | None, now: str | float | None = None) -> str:
    """As `since_text`, with seconds: `4 s ago`."""
    moment, present = _moment(at), _moment(now)
    seconds = (present - moment).total_seconds() if moment and present else None
    return f"{max(0, round(seconds))} s ago" if seconds is not None and seconds < 60 else since_text(at, now)  # noqa: PLR2004 - a minute


def sort_key(at: str | float | None) -> float:
    """Seconds since 1970, 0 for a time that cannot be parsed."""
    moment = _moment(at)
    return moment.timestamp() if moment else 0.0


def who(record: Mapping[str, Any]) -> str:
    """`mara on build7, GitHub Actions, pull request 12, commit 1a2b3c4`, as much of it as is known.

    `project mail` when another project built it; `commit 1a2b3c4 + edits` when declared files differed from it, `without a commit`
    when there was none.
    """
    by = " on ".join(printable(str(record[k])) for k in ("by", "host") if record.get(k))
    commit = commit_text(record) or ("without a commit" if by and "commit" in record else "")
    project = f"project {printable(str(record['project']))}" if record.get("project") else ""
    return ", ".join(part for part in (by, project, job_text(record.get("job")), commit) if part) or "unknown"


def job_text(job: Mapping[str, Any] | None) -> str:
    """`GitHub Actions, pull request 12` (a merge request for GitLab); empty without a CI job."""
    if not job:
        return ""
    request = f"{REQUESTS.get(job['system'], 'request')} {job['request']}" if job.get("request") else ""
    return ", ".join(filter(None, [printable(str(job["system"])), request]))


def commit_text(record: Mapping[str, Any]) -> str:
    """`commit 1a2b3c4 + edits`; empty without a commit."""
    if not record.get("commit"):
        return ""
    return f"commit {printable(str(record['commit']))[:SHORT]}" + (" + edits" if record.get("dirty") else "")


def short(digest: str | None) -> str:
    """The first digits of a digest."""
    return printable(digest.removeprefix("sha256:"))[:SHORT] if digest else "none"


def whole_value(value: object, width: int, *, absent: str = "unset") -> str:
    """A JSON value on one line, never cut; only digests are shortened where the width is limited."""
    if isinstance(value, str) and width < UNLIMITED and value.startswith("sha256:") and len(value) == len("sha256:") + 64:
        return f"sha256:{short(value)}"
    return value_text(value, UNLIMITED, absent=absent)


def metrics_text(metrics: Mapping[str, Any] | None, most: int = 4, columns: int | None = None) -> str:
    """`accuracy 0.9312, f1 0.91, …`: the first few, none of them cut off. Standard deviations over folds are only in the JSON."""
    figures = [f"{printable(name)} {figure(value)}" for name, value in (metrics or {}).items() if not name.endswith("_std")]
    first = figures[:most]
    while first and columns is not None and text_width(_join(first, of=figures)) > columns:
        first.pop()
    return _join(first, of=figures) if first else ""


def _join(first: list[str], *, of: list[str]) -> str:
    return ", ".join(first) + (", …" if len(first) < len(of) else "")


def _moment(at: str | float | None) -> datetime | None:
    try:
        if isinstance(at, int | float):
            return datetime.fromtimestamp(at, UTC)
        moment = datetime.fromisoformat(at) if at else None
    except (ValueError, OverflowError, OSError):
        return None
    return moment.astimezone(UTC) if moment and moment.tzinfo else moment.replace(tzinfo=UTC) if moment else None
