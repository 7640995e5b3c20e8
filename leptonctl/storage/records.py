"""Reads records of a store together with their path: a damaged one is a failure that names its file."""

from typing import TypeVar

from leptonctl.core import layout
from leptonctl.core.codec import BadRecord, decode
from leptonctl.core.diagnostic import Diagnostic, Failure, error

R = TypeVar("R")
MISNAMED = "it is the record of something else, under this name"
REBUILD = ", or remove it and run `leptonctl apply --yes` to build its result again"


class BadRecordAt(Failure):
    """A record that cannot be read. `path`: within the store; `reason`: a clause that follows the path."""

    def __init__(self, path: str, problem: BadRecord) -> None:
        self.path, self.reason = path, str(problem)
        super().__init__([_newer(path, problem) if problem.newer else _damage(path, problem)])


def read_record(data: bytes, path: str, kind: type[R]) -> R:
    """Decode the bytes of the record at `path`. Raises BadRecordAt (`corrupt-record`, `newer-format`)."""
    try:
        return decode(data, kind)
    except BadRecord as problem:
        raise BadRecordAt(path, problem) from problem


def require_name(path: str, *, is_its_own: bool) -> None:
    """Raises BadRecordAt for a record that its path does not name: files were swapped or copied."""
    if not is_its_own:
        raise BadRecordAt(path, BadRecord(MISNAMED))


def _damage(path: str, problem: BadRecord) -> Diagnostic:
    return error(
        "corrupt-record",
        "A record of the store cannot be read",
        f"{path} is not a record of leptonctl ({problem}): another program has written or truncated it.",
        hint=f"restore {path} from a backup" + (REBUILD if path.startswith(f"{layout.RESULTS}/") else ""),
    )


def _newer(path: str, problem: BadRecord) -> Diagnostic:
    return error(
        "newer-format",
        "A record of the store has a format this release does not know",
        f"{path}: {problem}.",
        hint="upgrade leptonctl to the release that wrote the store",
    )
