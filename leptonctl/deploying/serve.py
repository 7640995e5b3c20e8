"""`python -m leptonctl.deploying.serve`: one server process of an environment, in the foreground of whoever starts it."""

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from leptonctl.core.diagnostic import ERROR, OK, Failure
from leptonctl.deploying.processes import default_id, process_mark
from leptonctl.project.secrets import read_secret
from leptonctl.serving.follow import Identity
from leptonctl.serving.server import serve
from leptonctl.spi.learning import ProviderError
from leptonctl.storage.durable import make_folder
from leptonctl.storage.objects import open_objects

__all__ = ["default_id", "main", "run"]


def run(*, store: str, root: Path, environment: str, host: str, port: int, server_id: str, record: Path | None = None) -> None:
    """Serve until SIGTERM or SIGINT. `record`: where to write who serves, for those who want to find the process again.

    Raises Failure when the store cannot be opened or the address cannot be listened on.
    """

    def secret(written: Mapping[str, Any]) -> bytes:
        try:
            return read_secret(written, root)
        except ProviderError as problem:
            # the detail names the variable or the file, which is what the operator needs
            raise ValueError(problem.detail) from problem

    def listening(who: Identity) -> None:
        if record is not None:
            write_record(record, who)
        print(f"serving {environment} at {who.url} as {who.id}", flush=True)  # noqa: T201 (the one line on standard output)

    serve(
        open_objects(store, root),
        environment=environment,
        host=host,
        port=port,
        server_id=server_id,
        read_secret=secret,
        on_listen=listening,
        log=lambda line: _say(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {line}"),
    )


def write_record(path: Path, who: Identity) -> None:
    """Written by the server itself, so that no crash of its starter leaves it unknown."""
    value = {"id": who.id, "environment": who.environment, "url": who.url, "started": who.started, **process_mark(who.pid)}
    make_folder(path.parent)
    temporary = path.with_suffix(f".{who.pid}")
    temporary.write_text(json.dumps(value), encoding="utf-8")
    temporary.replace(path)


def _say(line: str) -> None:
    """Standard error is the log of a server process."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m leptonctl.deploying.serve", description="Serve an environment until told to stop.")
    parser.add_argument("--store", required=True, help="where the store is, as in leptonctl.yaml")
    parser.add_argument("--project", required=True, type=Path, help="the project folder")
    parser.add_argument("--environment", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", required=True, type=int, help="0: any free port")
    parser.add_argument("--id", default=None, help="name of this server in the store (default: by host and folder)")
    parser.add_argument("--record", default=None, type=Path, help="write the process's record to this file")
    given = parser.parse_args(arguments)
    try:
        run(
            store=given.store,
            root=given.project,
            environment=given.environment,
            host=given.host,
            port=given.port,
            server_id=given.id or default_id(given.project),
            record=given.record,
        )
    except Failure as failure:
        for problem in failure.diagnostics:
            _say(f"error[{problem.id}]: {problem.summary}\n  {problem.detail}\n  hint: {problem.hint}")
        return ERROR
    return OK


if __name__ == "__main__":
    sys.exit(main())
