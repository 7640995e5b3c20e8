"""What was observed of the world before planning, as values: files, results, live servers, commits."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from leptonctl.core.canonical import digest
from leptonctl.core.deployment import Head, ServerRecord
from leptonctl.core.diagnostic import Diagnostic
from leptonctl.core.frozen import Frozen, field


class SourceKey(NamedTuple):
    """A data file by its path in the project, and the options that its header depends on. `largest`: a file of more bytes is not read."""

    path: str
    encoding: str = "utf-8"
    delimiter: str | None = None
    decimal: str = "."
    thousands: str | None = None
    header: bool | tuple[str, ...] = True
    skip_rows: int = 0
    largest: int | None = None


class SourceFacts(Frozen):
    """One data file, or the files of a folder or a glob. `digest` is None when it could not be read; `problem` (id, summary, detail, hint)
    then says why.

    `files`: of a folder or a glob, each with its digest, by name. `outside`: it lies below one of the `roots:`, so that no message
    lists its columns.
    """

    digest: str | None = None
    columns: tuple[str, ...] | None = None
    problem: tuple[str, str, str, str] | None = None
    outside: bool = False
    files: tuple[tuple[str, str], ...] = ()


def files_digest(files: Iterable[tuple[str, str]]) -> str:
    """The digest of several files, from their paths and digests."""
    return digest([[path, content] for path, content in sorted(files)])


class Live(Frozen):
    """What serves an environment now.

    here: this host may start and heal its server. placement: `here` or `elsewhere`, as recorded. running: a process of ours lives.
    answering: the answer of this host's server. head: the environment's head in the store, None when absent. servers: all
    registered servers; alive: the ids of those that seem to live; seen: when each was last heard of, by this machine's clock
    (seconds since 1970). was_served: a server has served it before. reason: what is wrong, as the server itself reports it. problem: the
    record of the head, which is then None, is damaged.
    """

    here: bool = False
    placement: str = "here"
    running: bool = False
    answering: ServerRecord | None = None
    head: Head | None = None
    servers: tuple[ServerRecord, ...] = ()
    alive: frozenset[str] = frozenset()
    seen: Mapping[str, float] = field(default_factory=dict)
    was_served: bool = False
    reason: str = ""
    problem: Diagnostic | None = None


class Checkout(Frozen):
    """The project's commit. `commit` None: no repository, one without a commit, or one that cannot be read (`unreadable`).

    `contains[c]`: HEAD contains commit c (None: unknown).
    """

    commit: str | None = None
    unreadable: bool = False
    dirty: tuple[str, ...] = ()
    contains: Mapping[str, bool | None] = field(default_factory=dict)
