"""`python -m leptonctl`."""

import sys

from leptonctl.cli.main import main

sys.exit(main())
