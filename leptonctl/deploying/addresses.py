"""Addresses of this host: whether one is free, which process listens on it, and what a server there reports. Light to import."""

import errno
import re
import socket
from contextlib import suppress
from pathlib import Path

from leptonctl.core.codec import BadRecord, decode_message
from leptonctl.core.deployment import ServerRecord
from leptonctl.core.frozen import Frozen, replace

PAGE_BYTES = 1_000_000
SERVER_MODULE = "leptonctl.deploying.serve"
LISTENING = "0A"


class Listener(Frozen):
    """A process that listens on an address. `arguments`: of our server, None for any other program.

    `folder`: the project's for our server, otherwise the working folder of the process; "" if it cannot be read.
    """

    pid: int
    command: str
    folder: str
    arguments: tuple[str, ...] | None = None

    def argument(self, name: str) -> str:
        """The value of a command-line option of our server; "" when it was started without."""
        words = self.arguments or ()
        return words[words.index(name) + 1] if name in words[:-1] else ""


def url_of(host: str, port: int) -> str:
    """The URL at which clients on this host reach a server that listens there."""
    name = "127.0.0.1" if host in {"0.0.0.0", "::"} else f"[{host}]" if ":" in host else host  # noqa: S104
    return f"http://{name}:{port}"


def port_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    return refusal(host, port) is None


def refusal(host: str, port: int) -> OSError | None:
    """The error of listening there now, None when it is possible."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, kind, protocol) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(1)
    except UnicodeError:
        # the name cannot be encoded as a host name, so the resolver is not even asked
        return socket.gaierror(socket.EAI_NONAME, "it is not the name of a host")
    except OSError as refused:
        return refused
    return None


def in_use(refused: OSError) -> bool:
    """Whether the error means that another process listens there; otherwise we may not listen on the address at all."""
    return refused.errno == errno.EADDRINUSE


def probe(url: str, timeout: float = 1.0) -> ServerRecord | None:
    """The status page of a server, or None when no server of ours answers.

    Uses a plain socket, because every plan asks and urllib costs 13 ms to import; no configured proxy can answer either.
    """
    host, _, port = url.removeprefix("http://").rpartition(":")
    request = f"GET /leptonctl/v1/status HTTP/1.0\r\nHost: {host}:{port}\r\n\r\n"
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout) as connection, connection.makefile("rb") as answer:
            connection.sendall(request.encode("ascii"))
            head, _, body = answer.read(PAGE_BYTES).partition(b"\r\n\r\n")
        return decode_message(body, ServerRecord) if head.split(b" ", 2)[1:2] == [b"200"] else None
    except (OSError, ValueError, BadRecord):
        return None


def listener(host: str, port: int) -> Listener | None:
    """The process that listens on a port of this host; None without one, or when we may not inspect it."""
    sockets = {f"socket:[{inode}]" for inode in _inodes(host, port)}
    if not sockets:
        return None
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and _holds(folder, sockets):
            return _listener(int(folder.name))
    return None


def arguments_of(pid: int) -> tuple[str, ...] | None:
    """The arguments of one of our server processes; None when the process is another program, or gone."""
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
    process = Listener(pid=pid, command=command, folder=folder, arguments=arguments_of(pid))
    return replace(process, folder=process.argument("--project") or folder)


def _inodes(host: str, port: int) -> set[str]:
    """The inodes of the sockets that listen on a port, on this address or on all addresses."""
    inodes = set()
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port and _covers(fields[1], host):
                    inodes.add(fields[9])
    return inodes


def _covers(local: str, host: str) -> bool:
    """Whether a listening address from the kernel's table prevents us from listening on a host."""
    address = local.rpartition(":")[0]
    if re.fullmatch(r"0+", address) or host in {"", "0.0.0.0", "::"}:  # noqa: S104
        return True
    try:
        resolved = str(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0])
        packed = socket.inet_pton(socket.AF_INET6 if ":" in resolved else socket.AF_INET, resolved)
    except (OSError, UnicodeError):
        return False
    # the table has 32-bit words in the machine's byte order
    words = [packed[i : i + 4][::-1].hex().upper() for i in range(0, len(packed), 4)]
    return address.endswith("".join(words))


def _holds(process: Path, sockets: set[str]) -> bool:
    with suppress(OSError):
        for entry in (process / "fd").iterdir():
            with suppress(OSError):
                if str(entry.readlink()) in sockets:
                    return True
    return False
