"""`log`: the log of this folder's server of an environment, or what the last build of a version in this folder printed."""

import os
from collections.abc import Iterator
from pathlib import Path

from leptonctl.commands.session import Session
from leptonctl.core.address import name_and_version, parse, short, version_of
from leptonctl.core.diagnostic import Failure, did_you_mean, fail
from leptonctl.deploying.processes import log_file
from leptonctl.spi.platforms import placement
from leptonctl.storage.durable import DOT_FOLDER, LOGS

HEADING = b"--- "
TAIL_BYTES = 1_000_000


def log_of(session: Session, target: str) -> tuple[Path, tuple[str, ...]]:
    """The log of `target`, ENV or MODEL@VERSION, and its lines. Failure: unknown-environment, unknown-address, no-log."""
    return _build(session, target) if "@" in target else _server(session.as_recorded(), name_and_version(target, "environment")[0])


def follow_log(path: Path, offset: int) -> Iterator[str | None]:
    """The lines written to a log after `offset`, and None whenever there is no new one. Starts over when the file is shortened."""
    rest = b""
    while True:
        size = path.stat().st_size if path.exists() else 0
        offset = 0 if size < offset else offset
        if size > offset:
            with path.open("rb") as file:
                file.seek(offset)
                data = file.read(TAIL_BYTES)
            offset += len(data)
            *whole, rest = (rest + data).split(b"\n")
            yield from (line.decode("utf-8", "replace") for line in whole)
        else:
            yield None


def _server(session: Session, name: str) -> tuple[Path, tuple[str, ...]]:
    state = session.pointers.read()
    record = state.environments.get(name) if state else None
    path = log_file(session.root, name)
    if record is None and name not in session.project.of("Environment"):
        names = {*session.project.of("Environment"), *(state.environments if state else ())}
        hint = did_you_mean(name, names) or "name an environment, or a version as MODEL@VERSION"
        raise fail("unknown-environment", "No such environment", name, hint=hint)
    if not path.exists():
        elsewhere = record is not None and placement(record.platform) == "elsewhere"
        hint = "`leptonctl serve` writes to its own standard error" if elsewhere else "`leptonctl apply` starts the server"
        raise _no_log(f"no server of {name} was started from this folder", hint)
    return path, _lines(path)


def _build(session: Session, target: str) -> tuple[Path, tuple[str, ...]]:
    model, version = name_and_version(target, "model")
    address = version_of("model", model, version or "")
    nodes = session.declarations.built
    if address not in nodes:
        versions = [short(name) for name in nodes if parse(name).kind == "model"]
        raise fail("unknown-address", "No such version", address, hint=did_you_mean(target, versions) or "leptonctl show")
    folder = session.root / DOT_FOLDER / LOGS
    for path in sorted(folder.glob("worker-*.log"), key=os.path.getmtime, reverse=True):
        lines = _sections(path, address)
        if lines:
            return path, lines
    raise _no_log(f"no log of a build of {address} is kept in this folder", "logs are kept for seven days, where the build ran")


def _sections(path: Path, address: str) -> tuple[str, ...]:
    """The sections of one address in a worker's log. Each begins with `--- OP ADDRESS NAME`."""
    lines: list[bytes] = []
    inside = False
    for line in path.read_bytes().split(b"\n"):
        if line.startswith(HEADING) and len(words := line.split(b" ")) == 4:  # noqa: PLR2004 - the words of a heading
            inside = words[2] == address.encode()
        if inside:
            lines.append(line)
    return tuple(line.decode("utf-8", "replace") for line in lines if line)


def _lines(path: Path) -> tuple[str, ...]:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        return tuple(file.read().decode("utf-8", "replace").splitlines())


def _no_log(detail: str, hint: str) -> Failure:
    return fail("no-log", "There is no log", detail, hint=hint)
