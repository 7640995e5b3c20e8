"""The settings of a server process: intervals, timeouts and limits, passed in when it starts."""

from leptonctl.core.codec import Record

MIB = 2**20


class Settings(Record):
    """Times are in seconds, sizes in bytes; all are above 0.

    `follow_s`: interval between reads of the head. `heartbeat_s`: interval between writes of the server's record. `max_body`: the
    largest request body. `stop_s`: how long a stop waits for requests in flight. `keep_alive_s`: how long an idle connection stays
    open. `head_s`: how long a connection may take to send the head of a request, `body_s` its body. `max_bodies`: the size of all
    bodies together that are being received or answered; a body of at most 32 KiB is always accepted. `max_connections`: how many
    may be open. `backlog`: how many connections may wait to be accepted. `retry_s`: the pause after a deployment failed to load, doubled
    with every failure up to `retry_most_s`.
    """

    follow_s: float = 0.1
    heartbeat_s: float = 2.0
    max_body: int = 16 * MIB
    stop_s: int = 10
    keep_alive_s: int = 75
    head_s: float = 30.0
    body_s: float = 60.0
    max_bodies: int = 64 * MIB
    max_connections: int = 800
    backlog: int = 1024
    retry_s: float = 5.0
    retry_most_s: float = 300.0

    def __post_init__(self) -> None:
        for field in self.__struct_fields__:
            if not getattr(self, field) > 0:
                msg = f"{field} must be above 0"
                raise ValueError(msg)
