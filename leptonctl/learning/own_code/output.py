"""Reads the model that a program has written. The error without one lists the files that it did write. Writes nothing."""

import os
import stat
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from leptonctl.core.contract import PREPARED
from leptonctl.learning.imported.source import read_model
from leptonctl.learning.inputs import Program
from leptonctl.spi.learning import ProviderError

LARGEST = 512 * 2**20
"""Bytes of a file that a program may write as its model."""
NAMED = 8
"""How many files a message names."""
MOST_LISTED = 2000
"""At most so many files are listed, since a program may write any number."""
GRAPH = ".onnx"


def read_output(program: Program, work: Path) -> bytes:
    """The bytes of the ONNX file that the program has written. Raises ProviderError (command-output)."""
    name = program.output
    data = _bytes(program, work)
    try:
        # a result with anything else would be kept, and the version fail for good
        read_model(data)
    except ProviderError as problem:
        raise _no_output(f"{name}: {problem.detail or problem.summary}", problem.hint, program, work) from problem
    return data


def _bytes(program: Program, work: Path) -> bytes:
    name = program.output
    path = Path(os.path.realpath(work)) / name
    try:
        # a link could lead anywhere, and a pipe would never end
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as problem:
        raise _no_output(f"It ended without writing {name}: {problem.strerror}.", "", program, work) from problem
    try:
        about = os.fstat(handle)
        if stat.S_ISDIR(about.st_mode):
            raise _no_output(f"{name} is a folder.", "write the model as one ONNX file", program, work)
        if not stat.S_ISREG(about.st_mode) or Path(os.path.realpath(path)) != path:
            raise _no_output(f"{name} is not a regular file in its folder.", "write the ONNX file itself", program, work)
        if about.st_size > LARGEST:
            size = f"{about.st_size / 2**20:,.0f} MiB; at most {LARGEST / 2**20:,.0f} MiB are taken"
            raise _no_output(f"{name} has {size}.", "make the model smaller", program, work)
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(handle)


def _no_output(detail: str, hint: str, program: Program, work: Path) -> ProviderError:
    names = sorted(islice(_written_files(program, work), MOST_LISTED))
    others = [name for name in names if name != program.output]
    more = f" and {len(others) - NAMED:,} more" if len(others) > NAMED else ""
    sentence = f"It wrote {', '.join(others[:NAMED])}{more}." if others else "It wrote no other file." if names else "It wrote no file."
    graphs = [name for name in others if name.endswith(GRAPH)]
    if len(graphs) == 1:
        hint = f"write `output: {graphs[0]}`"
    return ProviderError(
        "A command wrote no model",
        detail=f"{detail}\n{sentence}",
        hint=hint or f"write the model to {program.output}, or correct `output:`",
        id="command-output",
    )


def _written_files(program: Program, work: Path) -> Iterator[str]:
    """The files in the program's folder that it was not given, by their paths there. Links are not followed."""
    inputs = {os.path.normpath(name) for name in program.files}
    for folder, _, names in os.walk(work):
        for name in names:
            path = os.path.relpath(Path(folder) / name, work)
            if path not in inputs and Path(path).parts[0] != PREPARED:
                # a name may be any bytes
                yield path.encode("utf-8", "backslashreplace").decode()
