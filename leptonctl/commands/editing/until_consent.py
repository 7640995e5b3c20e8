"""An edit that waits for consent is taken back also when the terminal is closed, or the process is told to end."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from leptonctl.commands.apply import Consent
from leptonctl.core.change import Plan

ENDS = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def until_consent(consent: Consent) -> Iterator[Consent]:
    """A block in which these signals raise SystemExit until consent is there. From then on they end the process at once, as ever: what an
    apply has done stays done, and the YAML says so. A signal that is ignored (`nohup`) stays ignored.
    """
    # only the main thread may set handlers
    own = threading.current_thread() is threading.main_thread()
    numbers = [number for number in ENDS if own and signal.getsignal(number) is signal.SIG_DFL]

    def end(number: int, _frame: object) -> None:
        # a second one must not cut off what the first one leads to
        listen(signal.SIG_IGN)
        raise SystemExit(128 + number)

    def listen(handler: Callable[[int, object], None] | signal.Handlers) -> None:
        for number in numbers:
            signal.signal(number, handler)

    def ask(plan: Plan) -> bool:
        # an apply that has met another one plans and asks again
        listen(end)
        answer = consent(plan)
        if answer:
            listen(signal.SIG_DFL)
        return answer

    listen(end)
    try:
        yield ask
    finally:
        listen(signal.SIG_DFL)
