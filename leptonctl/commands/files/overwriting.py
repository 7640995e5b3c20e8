"""Refuses to write the output of a command over what the project reads. Writes nothing itself."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from leptonctl.commands.session import Session
from leptonctl.core.diagnostic import Failure, fail
from leptonctl.storage.durable import DOT_FOLDER


def refuse_overwriting(session: Session, output: Path, source: Path | None = None) -> None:
    """Failure `overwrites-input` when the output is the input, a YAML file, a declared file, the state, or in the store.

    Links to one file are that file.
    """
    real = Path(os.path.realpath(output))
    for folder in (str(session.root / DOT_FOLDER), session.objects.describe()):
        # the description of a bucket is not a path
        if Path(folder).is_absolute() and real.is_relative_to(os.path.realpath(folder)):
            raise _refusal(f"{output} is in {folder}, which leptonctl keeps")
    if source is not None and _same(output, source):
        raise _refusal(f"{output} is the input")
    # a new file overwrites nothing
    if not output.exists():
        return
    for name, role in _inputs(session):
        if _same(output, session.root / name):
            raise _refusal(f"{output} is {name}, {role}")


def _inputs(session: Session) -> Iterator[tuple[str, str]]:
    """The files that the project reads, relative to its root, and what each is."""
    yield session.pointers.states.describe(), "the state"
    for name in session.sources:
        yield name, "a file of the configuration"
    for key, facts in session.facts.items():
        for name in [name for name, _ in facts.files] or [key.path]:
            yield name, "data that a dataset declares"


def _same(one: Path, other: Path) -> bool:
    with suppress(OSError):
        return one.samefile(other)
    return os.path.realpath(one) == os.path.realpath(other)


def _refusal(detail: str) -> Failure:
    return fail("overwrites-input", "The output would replace what is read", detail, hint="name another file")
