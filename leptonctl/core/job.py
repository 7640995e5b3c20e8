"""The CI job that a process is part of, as a record."""

from leptonctl.core.codec import Record


class Job(Record):
    """The CI job that a process is part of, as its variables say. `system` is GitHub Actions or GitLab CI.

    `actor` is the login of who started it, `url` the page of the run. `request` is the number of the pull or merge request that it
    is for, or that was merged; `request_url` is its page. What is not known is empty.
    """

    system: str
    actor: str = ""
    url: str = ""
    request: int | None = None
    request_url: str = ""
