"""`serve`: an environment in the foreground until it is stopped."""

from leptonctl.commands.bind_yaml import declared
from leptonctl.commands.session import Session
from leptonctl.core.diagnostic import OK, fail
from leptonctl.kinds.environment import environments


def serve(session: Session, environment: str, host: str | None, port: int | None) -> int:
    """Serve at the declared address, or another one."""
    from leptonctl.deploying.server import serve_here

    declared(session, environment)
    platform = environments(session.declarations)[environment].platform
    state = session.pointers.read()
    if state is None:
        raise fail(
            "nothing-applied",
            "Nothing was applied yet",
            f"there is no deployment of {environment} to serve",
            hint="leptonctl apply",
        )
    site = session.site(state, environment, platform, here=True)
    serve_here(site, host=host, port=port)
    return OK
