"""`serve`: serves an environment in the foreground until it is stopped."""

import gc

from leptonctl.commands.bind_yaml import environment_document
from leptonctl.commands.folder import own_folder
from leptonctl.commands.session import Session
from leptonctl.core.diagnostic import OK, fail
from leptonctl.kinds.environment import environments


def serve(session: Session, environment: str, host: str | None, port: int | None) -> int:
    """Serve at the declared address, or at the given host or port."""
    from leptonctl.deploying import server
    from leptonctl.deploying.processes import default_id
    from leptonctl.deploying.serve import run

    environment_document(session, environment)
    platform = environments(session.declarations)[environment].platform
    state = session.pointers.read()
    if state is None:
        raise fail(
            "nothing-applied",
            "Nothing has been applied yet",
            f"{environment} has no deployment to serve",
            hint="run `leptonctl apply`",
        )
    own_folder(session, state, [environment])
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
