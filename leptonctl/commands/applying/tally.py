"""What became of bindings and environments in one run, for the last event and the exit code."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Tally:
    """The counts so far, which only the methods change.

    `codes`: the exit codes of everything that went wrong. `effects`: the op of each pointer that moved. `failed`: how many steps or
    bindings failed or are newly held. `held`: the addresses of all bindings that are held. `mended`: the environments that were to be
    healed, `healed`: those that were. `changed`: environments of which only settings moved. `withdrawn`: as in the last event.
    """

    codes: list[int] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)
    failed: int = 0
    skipped: int = 0
    held: list[str] = field(default_factory=list)
    mended: set[str] = field(default_factory=set)
    healed: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    withdrawn: list[Mapping[str, str]] = field(default_factory=list)

    def count_error(self, code: int) -> None:
        """Something went wrong: the command ends with this exit code, or one that comes before it."""
        self.codes.append(code)

    def count_failed(self) -> None:
        """A step or a binding failed, or is newly held."""
        self.failed += 1

    def count_skipped(self) -> None:
        """A step or a binding was skipped."""
        self.skipped += 1

    def count_held(self, address: str) -> None:
        """A binding is held, newly or still."""
        self.held.append(address)

    def count_effect(self, op: str) -> None:
        """The effect of an op has moved a pointer."""
        self.effects.append(op)

    def count_changed(self, environment: str) -> None:
        """An environment has other settings, and no other bindings."""
        self.changed.append(environment)

    def count_withdrawn(self, withdrawal: Mapping[str, str]) -> None:
        """A package was withdrawn."""
        self.withdrawn.append(withdrawal)

    def begin_heal(self, environment: str) -> None:
        """An environment is about to be healed."""
        self.mended.add(environment)

    def end_heal(self, environment: str) -> None:
        """An environment was healed."""
        self.healed.append(environment)
