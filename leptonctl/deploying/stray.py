"""A server that this folder started for another state, as after `.leptonctl` was removed: found by its socket, stopped on request."""

from leptonctl.core.deployment import ServerRecord
from leptonctl.core.diagnostic import Failure, fail
from leptonctl.deploying import addresses, processes
from leptonctl.deploying.addresses import Listener
from leptonctl.spi.platforms import Say, Site
from leptonctl.storage.owner import boot_id, process_start

KILLED_S = 5.0


def is_stray(site: Site, process: Listener | None) -> bool:
    """Whether a process that listens is a server which was started from this folder, but not for this state."""
    if process is None or processes.is_for(site.root, process.pid) is not True:
        return False
    return process.argument("--lineage") != site.lineage


def stop_stray(site: Site, say: Say) -> bool:
    """Stop the stray server that listens on the environment's address; False when nothing listens there.

    Failure `not-ours` for any other process, `not-stopped`.
    """
    host, port = str(site.settings["host"]), int(str(site.settings["port"]))
    process = addresses.listener(host, port)
    if process is None:
        if addresses.port_free(host, port):
            return False
        raise _not_ours(f"what listens on {host}:{port} cannot be inspected")
    if not is_stray(site, process):
        where = f", started in {process.folder}" if process.folder else ""
        raise _not_ours(f"pid {process.pid}{where} listens on {host}:{port}")
    say(f"stopping pid {process.pid}, a server of lineage {process.argument('--lineage')}")
    identity = ServerRecord(
        id=process.argument("--id"), lineage=process.argument("--lineage"), environment=process.argument("--environment"), host="",
        pid=process.pid, url=addresses.url_of(host, port), started=0.0, start=process_start(process.pid), boot=boot_id(),
    )  # fmt: skip
    processes.stop_process(identity, float(str(site.settings["stop_s"])) + KILLED_S)
    left = addresses.listener(host, port)
    if left is not None and left.pid == process.pid:
        raise fail("not-stopped", "The server did not stop", f"pid {process.pid} still listens on {host}:{port}", hint="read its log")
    return True


def _not_ours(detail: str) -> Failure:
    hint = "stop it yourself if it may go, or choose another port under `platform:` of the environment"
    return fail("not-ours", "The process is not a server that this folder left behind", detail, hint=hint)
