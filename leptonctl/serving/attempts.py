"""Failed loads of deployments, and when each is due for another try."""

import time

from leptonctl.core.frozen import Frozen


class Attempt(Frozen):
    """A failed load: when, in monotonic seconds, and how long to wait before the next try, which may succeed."""

    at: float
    pause_s: float


class Attempts:
    """The last failed load of each deployment. The pause begins at `retry_s` and doubles with every failure up to `retry_most_s`."""

    def __init__(self, retry_s: float, retry_most_s: float) -> None:
        self._retry_s, self._retry_most_s = retry_s, retry_most_s
        self._by_number: dict[int, Attempt] = {}

    def is_due(self, number: int) -> bool:
        """Whether to load a deployment: it has not failed, or its pause is over."""
        attempt = self._by_number.get(number)
        return attempt is None or time.monotonic() >= attempt.at + attempt.pause_s

    def record_failure(self, number: int) -> None:
        """Begin the next pause of a deployment that failed to load now."""
        previous = self._by_number.get(number)
        pause_s = min(2 * previous.pause_s, self._retry_most_s) if previous is not None else self._retry_s
        self._by_number[number] = Attempt(at=time.monotonic(), pause_s=pause_s)

    def clear(self) -> None:
        """Make every deployment due."""
        self._by_number.clear()
