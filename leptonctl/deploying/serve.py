"""`python -P -m leptonctl.deploying.serve`: one server process of an environment, in the foreground."""

if __name__ == "__main__":
    # first, since no import below may come from the working folder
    from leptonctl.safe_path import leave_working_folder

    leave_working_folder()

import argparse
import os
import socket
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from leptonctl.core.codec import BadRecord, decode, encode
from leptonctl.core.deployment import ServerRecord
from leptonctl.core.diagnostic import ERROR, OK, Failure
from leptonctl.core.values import Json
from leptonctl.deploying.processes import default_id
from leptonctl.project.catalog import load_catalog
from leptonctl.project.secrets import read_secret
from leptonctl.serving.condition import Identity
from leptonctl.serving.server import serve
from leptonctl.serving.settings import Settings
from leptonctl.spi.learning import ProviderError
from leptonctl.storage.durable import make_folder
from leptonctl.storage.open import open_objects
from leptonctl.storage.owner import boot_id, machine_id, pid_namespace, process_start

__all__ = ["default_id", "main", "run"]

DEFAULTS = Settings()


def run(
    *,
    store: str,
    root: Path,
    lineage: str,
    environment: str,
    host: str,
    port: int,
    server_id: str,
    record: Path | None = None,
    settings: Settings = DEFAULTS,
    url: str = "",
) -> None:
    """Serve until SIGTERM, SIGINT or SIGHUP. `record`: the file for the process's record, by which it can be found again.

    `url`: where clients reach it, if not at its own address.

    Raises Failure when the store cannot be opened or the server cannot listen on the address.
    """
    serve(
        open_objects(store, root, load_catalog(root / ".leptonctl" / "cache" / "providers.json").stores),
        identity(server_id, lineage, environment),
        host=host,
        port=port,
        read_secret=secrets_of(root),
        settings=settings,
        url=url,
        on_listen=lambda who: _announce(who, record),
        log=lambda line: _say(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {line}"),
    )


def identity(server_id: str, lineage: str, environment: str) -> Identity:
    """This process as a server of an environment."""
    return Identity(
        id=server_id, lineage=lineage, environment=environment, host=socket.gethostname(), machine=machine_id(), pid=os.getpid(),
        start=process_start(os.getpid()), boot=boot_id(), namespace=pid_namespace(),
    )  # fmt: skip


def secrets_of(root: Path) -> Callable[[Json], bytes]:
    """A reader of typed secrets, with files relative to `root`. It raises ValueError with the reason, never with the secret."""

    def read(written: Json) -> bytes:
        try:
            return read_secret(written if isinstance(written, dict) else {}, root)
        except ProviderError as problem:
            # the detail names the variable or the file, which is what the operator needs
            raise ValueError(problem.detail) from problem

    return read


def _announce(who: ServerRecord, record: Path | None) -> None:
    if record is not None:
        write_record(record, who)
    print(f"serving {who.environment} at {who.url} as {who.id}", flush=True)  # noqa: T201 (the one line on standard output)


def write_record(path: Path, who: ServerRecord) -> None:
    """Write the record. The server does this itself, so that it can be found even if the process that started it crashes."""
    make_folder(path.parent)
    temporary = path.with_suffix(f".{who.pid}")
    temporary.write_bytes(encode(who))
    temporary.replace(path)


def _say(line: str) -> None:
    """Write a line to standard error, which is the log of a server process."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    parsed = parser.parse_args(arguments)
    try:
        settings = decode(parsed.settings.encode(), Settings)
    except BadRecord as problem:
        parser.error(f"--settings: {problem}")
    try:
        run(
            store=parsed.store,
            root=parsed.project,
            lineage=parsed.lineage,
            environment=parsed.environment,
            host=parsed.host,
            port=parsed.port,
            server_id=parsed.id or default_id(parsed.project),
            record=parsed.record,
            settings=settings,
        )
    except Failure as failure:
        for diagnostic in failure.diagnostics:
            _say(f"error[{diagnostic.id}]: {diagnostic.summary}\n  {diagnostic.detail}\n  hint: {diagnostic.hint}")
        return ERROR
    return OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -P -m leptonctl.deploying.serve", description="Serve an environment until stopped.")
    parser.add_argument("--store", required=True, help="where the store is, as in leptonctl.yaml")
    parser.add_argument("--project", required=True, type=Path, help="the project folder")
    parser.add_argument("--lineage", required=True, help="the lineage of the project's state")
    parser.add_argument("--environment", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", required=True, type=int, help="0 for any free port")
    parser.add_argument("--id", default=None, help="name of this server in the store (default: from host and folder)")
    parser.add_argument("--record", default=None, type=Path, help="write the process's record to this file")
    parser.add_argument("--settings", default="{}", help="a JSON object of periods in seconds and limits in bytes (serving.settings)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
