"""Takes the working folder off the import path: a process of ours runs no file of a project.

`python -P` does the same earlier; this is for who forgets it, and for an empty entry in PYTHONPATH. It imports only what every
interpreter has loaded already, since anything else could come from the folder.
"""

import os
import sys


def without_folder(path: list[str], folder: str, package: str) -> list[str]:
    """The import path less the entries that mean `folder`, unless our own `package` lies in it."""
    same = os.path.realpath(folder)
    if same == os.path.realpath(package):
        return list(path)
    return [entry for entry in path if entry and os.path.realpath(entry) != same]


def leave_working_folder() -> None:
    """To be called before anything is imported that is not ours."""
    package = os.path.join(os.path.dirname(__file__), os.pardir, os.pardir)  # noqa: PTH118, PTH120
    sys.path[:] = without_folder(sys.path, os.getcwd(), package)  # noqa: PTH109
