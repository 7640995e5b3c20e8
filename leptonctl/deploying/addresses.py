"""Addresses of this host: whether one is free, who listens on it, and what a server there says of itself. Light to import."""

import errno
import re
import socket
from contextlib import suppress
from pathlib import Path

from leptonctl.core.codec import BadRecord, decode
from leptonctl.core.deployment import ServerRecord
from leptonctl.core.frozen import Frozen

PAGE_BYTES = 1_000_000
SERVER_MODULE = "leptonctl.deploying.serve"
LISTENING = "0A"


class Listener(Frozen):
    """A process that listens on an address. `arguments` are those of our server, None for any other program.

    `folder` is the project's for our server, else the one the process runs in; "" where that cannot be seen.
    """

    pid: int
    command: str
    folder: str
    arguments: tuple[str, ...] | None = None

    def argument(self, name: str) -> str:
        """What our server was started with for an option; "" when it was not."""
        found = self.arguments or ()
        return found[found.index(name) + 1] if name in found[:-1] else ""


def url_of(host: str, port: int) -> str:
    """Where clients of this host reach a server that listens there."""
    shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else f"[{host}]" if ":" in host else host  # noqa: S104
    return f"http://{shown}:{port}"


def port_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    return refusal(host, port) is None


def refusal(host: str, port: int) -> OSError | None:
    """Why nobody could listen there now, None when one could."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, kind, protocol) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(1)
    except OSError as refused:
        return refused
    return None


def in_use(refused: OSError) -> bool:
    """Another process listens there; else the address is not one to listen on for us."""
    return refused.errno == errno.EADDRINUSE


def probe(url: str, timeout: float = 1.0) -> ServerRecord | None:
    """The status page of a server, or None when nobody answers as one.

    Asked on a plain socket: every plan asks, and urllib costs 13 ms to import. No proxy of the surroundings can answer either.
    """
    host, _, port = url.removeprefix("http://").rpartition(":")
    request = f"GET /leptonctl/v1/status HTTP/1.0\r\nHost: {host}:{port}\r\n\r\n"
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout) as connection, connection.makefile("rb") as answer:
            connection.sendall(request.encode("ascii"))
            head, _, body = answer.read(PAGE_BYTES).partition(b"\r\n\r\n")
        return decode(body, ServerRecord) if head.split(b" ", 2)[1:2] == [b"200"] else None
    except (OSError, ValueError, BadRecord):
        return None


def listener(host: str, port: int) -> Listener | None:
    """Who listens on a port of this host; None when that is nobody, or a process that we may not look at."""
    sockets = {f"socket:[{inode}]" for inode in _inodes(host, port)}
    if not sockets:
        return None
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and _holds(folder, sockets):
            return _listener(int(folder.name))
    return None


def arguments_of(pid: int) -> tuple[str, ...] | None:
    """What one of our server processes was started with; None when the process is another program, or gone."""
    with suppress(OSError):
        words = [word.decode("utf-8", "surrogateescape") for word in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]]
        if SERVER_MODULE in words:
            return tuple(words[words.index(SERVER_MODULE) + 1 :])
    return None


def _listener(pid: int) -> Listener:
    command, folder = "", ""
    with suppress(OSError):
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    with suppress(OSError):
        folder = str(Path(f"/proc/{pid}/cwd").readlink())
    found = Listener(pid=pid, command=command, folder=folder, arguments=arguments_of(pid))
    project = found.argument("--project")
    return Listener(pid=pid, command=command, folder=project or folder, arguments=found.arguments)


def _inodes(host: str, port: int) -> set[str]:
    """The sockets that listen on a port, on this address or on all."""
    found = set()
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port and _covers(fields[1], host):
                    found.add(fields[9])
    return found


def _covers(local: str, host: str) -> bool:
    """Whether a listening address of the kernel's table keeps us from listening on a host."""
    address = local.rpartition(":")[0]
    if re.fullmatch(r"0+", address) or host in {"", "0.0.0.0", "::"}:  # noqa: S104
        return True
    try:
        wanted = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0]
        packed = socket.inet_pton(socket.AF_INET6 if ":" in str(wanted) else socket.AF_INET, str(wanted))
    except OSError:
        return False
    # the table holds 32-bit words in the order of the machine
    words = [packed[i : i + 4][::-1].hex().upper() for i in range(0, len(packed), 4)]
    return address.endswith("".join(words))


def _holds(process: Path, sockets: set[str]) -> bool:
    with suppress(OSError):
        for entry in (process / "fd").iterdir():
            with suppress(OSError):
                if str(entry.readlink()) in sockets:
                    return True
    return False
