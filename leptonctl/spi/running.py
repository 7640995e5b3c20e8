"""What a step works with: where the bytes are, where to put them, and whom to tell. Handed to every step function.

A step is `run(inputs, needs, bench) -> Made`. It runs in a worker process, reads and writes artifacts through the bench,
records nothing: the executor writes the result record after the step returned.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias

from leptonctl.core.values import Json, Result
from leptonctl.spi.learning import Progress


class Artifacts(Protocol):
    """The part of the store that steps see. Digests are `sha256:<hex>`."""

    def put_artifact(self, data: bytes) -> str:
        """Store bytes durably under their digest and return it; storing what is there already is free."""
        ...

    def get_artifact(self, digest: str) -> bytes:
        """The bytes, checked against the digest. Raises KeyError when absent, ValueError when they do not match."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """`project` is the folder that data paths are relative to. `progress` may be called as often as one likes.

    `check_key(key_id, mark)` compares `mark` with the one recorded for this key id in the store (recording it when it is
    the first) and says whether they are equal: how a wrong secret key is noticed without storing the key.
    """

    project: Path
    artifacts: Artifacts
    progress: Progress
    check_key: Callable[[str, str], bool] = lambda _id, _mark: True


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a step made: artifacts by file name, and its outputs. Becomes a Result."""

    artifacts: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, Json] = field(default_factory=dict)


Needs: TypeAlias = Mapping[str, Result]
StepFunction: TypeAlias = Callable[[dict[str, Json], Needs, Bench], Made]
