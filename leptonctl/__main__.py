"""`python -m leptonctl`, and the command `leptonctl`."""

import gc
import os
import signal
import sys

from leptonctl.safe_path import leave_working_folder


def main() -> int:
    """Run the command line. Ctrl-C while it is still being loaded ends it as quietly as later.

    A short command ends the process here.
    """
    _prepare_streams()
    for number in (signal.SIGTERM, signal.SIGHUP):
        # a closed window, or whoever stops a job: the command takes back what is not applied, as with Ctrl-C
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _interrupt)
    # thousands of documents and pointers hold no cycle; what runs for long turns the collector on again
    gc.disable()
    # `python -m` puts the working folder, which is the project's, before everything that is installed
    leave_working_folder()
    try:
        from leptonctl.cli.main import main as run
        from leptonctl.cli.terminal import Terminal

        terminal = Terminal()
        code = run(terminal=terminal)
        # the terminal still holds what the command has read
        _end_short(code)
    except KeyboardInterrupt:
        return 130
    return code


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _prepare_streams() -> None:
    """Open what a daemon or a scheduler has closed (`2>&-`): what is written there goes nowhere, also from the processes of an apply.

    A pipe that another program has set not to block would take the first 64 kB and lose the rest.
    """
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is not None:
            if descriptor and not os.get_blocking(descriptor):
                os.set_blocking(descriptor, True)
            continue
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, descriptor)
        if null != descriptor:
            os.close(null)
        os.set_inheritable(descriptor, True)  # noqa: FBT003 - the only argument
        setattr(sys, name, open(descriptor, "w" if descriptor else "r", encoding="utf-8", closefd=False))  # noqa: SIM115 - a descriptor


def _end_short(code: int) -> None:
    """End the process of a short command: to take its values and modules apart takes a quarter of the time of a plan, and frees nothing.

    What may run for long, has threads or is profiled returns, and ends as any other program.
    """
    import atexit
    import threading

    if gc.isenabled() or threading.active_count() > 1 or sys.getprofile() is not None:
        return
    atexit._run_exitfuncs()  # noqa: SLF001 - there is no other way to run them
    try:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except OSError:
        return  # as the interpreter reports it
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
