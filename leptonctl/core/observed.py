"""What was observed of the world before planning, as values: files, results, live servers, commits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from leptonctl.core.values import Json

SourceKey: TypeAlias = tuple[str, str, str | None]
"""(project-relative path, encoding, delimiter)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFacts:
    """One data file. `digest` is None when it could not be read; then `problem` (id, summary, detail, hint) says why."""

    digest: str | None = None
    columns: tuple[str, ...] | None = None
    problem: tuple[str, str, str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What serves an environment now.

    here: this host may start and heal its server. status: the server's own status object, None when it does not answer.
    head: the deployment in force by the store, None when there is none. servers: records of all registered servers.
    """

    here: bool = False
    running: bool = False
    status: Mapping[str, Json] | None = None
    head: Mapping[str, Json] | None = None
    servers: tuple[Mapping[str, Json], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """The project's commit. `commit` None: no repository. `contains[c]`: HEAD contains commit c (None: unknown)."""

    commit: str | None = None
    dirty: tuple[str, ...] = ()
    contains: Mapping[str, bool | None] = field(default_factory=dict)
