"""What was observed of the world before planning, as values: files, results, live servers, commits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from leptonctl.core.deployment import Head, ServerRecord

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

    here: this host may start and heal its server. running: a process of ours lives. answering: this host's server as it answered.
    head: the head of the store, None when there is none. servers: all that are registered; alive: the ids of those that live, as
    far as can be told. reason: what is wrong, as the server itself says it.
    """

    here: bool = False
    running: bool = False
    answering: ServerRecord | None = None
    head: Head | None = None
    servers: tuple[ServerRecord, ...] = ()
    alive: frozenset[str] = frozenset()
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """The project's commit. `commit` None: no repository. `contains[c]`: HEAD contains commit c (None: unknown)."""

    commit: str | None = None
    dirty: tuple[str, ...] = ()
    contains: Mapping[str, bool | None] = field(default_factory=dict)
