"""Removes the working folder from the import path, so that no process of ours runs a file of a project.

`python -P` does the same earlier; this covers a start without it and an empty entry in PYTHONPATH. It imports only modules that
every interpreter has already loaded, because any other could come from the folder.
"""

import os
import sys


def without_folder(path: list[str], folder: str, package: str) -> list[str]:
    """The import path without the entries that mean `folder`, unless our own `package` is in it."""
    real = os.path.realpath(folder)
    if real == os.path.realpath(package):
        return list(path)
    return [entry for entry in path if entry and os.path.realpath(entry) != real]


def leave_working_folder() -> None:
    """Remove the working folder from `sys.path`. Call it before importing anything that is not ours."""
    package = os.path.join(os.path.dirname(__file__), os.pardir)  # noqa: PTH118, PTH120
    try:
        folder = os.getcwd()  # noqa: PTH109
    except OSError:
        # it was removed: nothing can be imported from it, and commands that need a folder report it
        return
    sys.path[:] = without_folder(sys.path, folder, package)
