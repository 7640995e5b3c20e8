"""`python -m leptonctl`, and the command `leptonctl`."""

import gc
import sys

from leptonctl.safe_path import leave_working_folder


def main() -> int:
    """Run the command line. Ctrl-C while it is still being loaded ends it as quietly as later."""
    # thousands of documents and pointers hold no cycle; what runs for long turns the collector on again
    gc.disable()
    # `python -m` puts the working folder, which is the project's, before everything that is installed
    leave_working_folder()
    try:
        from leptonctl.cli.main import main as run

        return run()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
