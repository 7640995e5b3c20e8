"""`serve`: an environment in the foreground until it is stopped."""

import gc

from leptonctl.commands.bind_yaml import declared
from leptonctl.commands.session import Session
from leptonctl.core.diagnostic import OK, fail
from leptonctl.kinds.environment import environments


def serve(session: Session, environment: str, host: str | None, port: int | None) -> int:
    """Serve at the declared address, or another one."""
    from leptonctl.deploying import server
    from leptonctl.deploying.processes import default_id
    from leptonctl.deploying.serve import run

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
    gc.enable()
    site = session.site(state, environment, platform, here=True)
    launch = server.launch_of(site)
    run(
        store=session.settings.store,
        root=session.root,
        lineage=state.lineage,
        environment=environment,
        host=host or launch.host,
        port=launch.port if port is None else port,
        server_id=f"{default_id(session.root)}-{launch.port if port is None else port}",
        settings=server.settings_of(site),
    )
    return OK
