"""`python -m leptonctl`, and the command `leptonctl`."""

import gc
import sys


def main() -> int:
    """Run the command line. Ctrl-C while it is still being loaded ends it as quietly as later."""
    # thousands of documents and pointers hold no cycle; what runs for long turns the collector on again
    gc.disable()
    try:
        from leptonctl.cli.main import main as run

        return run()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
