"""What was observed of the world before planning, as values: files, results, live servers, commits."""

from collections.abc import Mapping
from typing import TypeAlias

from leptonctl.core.deployment import Head, ServerRecord
from leptonctl.core.frozen import Frozen, field

SourceKey: TypeAlias = tuple[str, str, str | None]
"""(project-relative path, encoding, delimiter)."""


class SourceFacts(Frozen):
    """One data file. `digest` is None when it could not be read; then `problem` (id, summary, detail, hint) says why."""

    digest: str | None = None
    columns: tuple[str, ...] | None = None
    problem: tuple[str, str, str, str] | None = None


class Live(Frozen):
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


class Checkout(Frozen):
    """The project's commit. `commit` None: no repository. `contains[c]`: HEAD contains commit c (None: unknown)."""

    commit: str | None = None
    dirty: tuple[str, ...] = ()
    contains: Mapping[str, bool | None] = field(default_factory=dict)
