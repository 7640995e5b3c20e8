"""The status of an environment from the answers or records of its servers: health, drift, reasons. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime

from leptonctl.core.address import parse
from leptonctl.core.deployment import ServerRecord
from leptonctl.core.observed import Live
from leptonctl.core.state import Environment, Pointer
from leptonctl.core.values import Json
from leptonctl.kinds.environment.drift import unhealthy, unserved


def answering(live: Live, deployment: int) -> ServerRecord | None:
    """The server that represents an environment: the one that answered here, else a living one, preferably of the bound deployment."""
    if live.here:
        return live.answering
    living = living_servers(live)
    return next((server for server in living if server.deployment == deployment), living[0] if living else None)


def living_servers(live: Live) -> list[ServerRecord]:
    """The registered servers that seem to be alive."""
    return [server for server in live.servers if server.id in live.alive]


def is_healthy(live: Live, record: Environment, entries: Mapping[str, Pointer]) -> bool | None:
    """Whether there is a living server, and each serves what is bound. None if nothing is bound, or nothing could be observed."""
    if not entries or (live.placement == "here" and not live.here and not live.servers):
        return None
    if not live.here and any(unhealthy(server, live, record.deployment) for server in living_servers(live)):
        return False
    answers = answering(live, record.deployment)
    return answers is not None and all(_differs(answers, parse(address).member or "", p) is None for address, p in entries.items())


def reason_of(name: str, live: Live, deployment: int) -> str:
    """Why an environment is not healthy, according to its servers."""
    if live.here:
        answers = live.answering
        return live.reason or (unhealthy(answers, live, deployment) if answers else "the server does not answer")
    reasons = [reason for server in living_servers(live) or live.servers if (reason := unhealthy(server, live, deployment))]
    return "; ".join(reasons) or (unserved(name, live) if not live.servers else "")


def drift_of(name: str, model: str, pointer: Pointer, *, live: Live, deployment: int) -> str | None:
    """How what is served differs from a binding; None if it does not, or cannot be observed."""
    answers = answering(live, deployment)
    if answers is not None:
        return _differs(answers, model, pointer)
    if live.here:
        return "not running" + (f": {live.reason}" if live.reason else "")
    return None if live.placement == "here" and not live.servers else reason_of(name, live, deployment)


def server_json(server: ServerRecord, live: Live, deployment: int) -> dict[str, Json]:
    """One server of `status --json`. `since` and `seen` are RFC 3339; `seen` is by this machine's clock."""
    since = max((model.since for model in server.models.values()), default="") or _moment(server.started)
    return {
        "id": server.id,
        "host": server.host,
        "url": server.url,
        "deployment": server.deployment,
        "ready": list(server.ready),
        "stopped": server.stopped,
        "alive": server.id in live.alive,
        "since": since,
        "seen": _moment(live.seen.get(server.id, server.heartbeat)),
        "heartbeat": server.heartbeat,
        "reason": "" if server.stopped else unhealthy(server, live, deployment, naming=False),
    }


def _differs(answers: ServerRecord, model: str, pointer: Pointer) -> str | None:
    served = answers.models.get(model)
    if served is None:
        return "not served" + (f": {answers.note}" if answers.note else "")
    return None if served.package == pointer.package else "serves another package"


def _moment(seconds: float) -> str | None:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if seconds else None
