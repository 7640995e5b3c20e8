"""`python -m leptonctl`, and the command `leptonctl`."""

import gc
import os
import signal
import sys

from leptonctl.safe_path import leave_working_folder


def main() -> int:
    """Run the command line. Ctrl-C ends it quietly, even while it is still being loaded.

    A short command ends the process here.
    """
    _prepare_streams()
    for number in (signal.SIGTERM, signal.SIGHUP):
        # when the window is closed or the job is stopped, the command undoes what is not applied, as with Ctrl-C
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _interrupt)
    # thousands of documents and pointers contain no cycles; long commands turn the collector on again
    gc.disable()
    # `python -m` puts the working folder, which is the project's, first on the import path
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
    """Open the standard streams that a daemon or a scheduler has closed (`2>&-`) on /dev/null, for the processes of an apply too.

    A pipe that another program has made non-blocking would take the first 64 kB and lose the rest, so pipes are made to block.
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
    """End the process of a short command at once: a regular exit takes a quarter of the time of a plan and frees nothing of use.

    Returns for a command that may run for long, has threads or is profiled, which then exits as usual.
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
