"""Binds a version in an environment, or leaves it, for `publish_version`, `rollback_version` and `Model.deploy`."""

from typing import Any

from leptonctl.commands.apply import Request
from leptonctl.commands.editing.bind_yaml import Rebinding, bound_version, rebind
from leptonctl.commands.editing.init_yaml import FIRST_PORT
from leptonctl.commands.outcome import Outcome
from leptonctl.commands.planning.line import plan_project
from leptonctl.commands.recorded.holds import active_withdrawals
from leptonctl.commands.rollback import rollback
from leptonctl.commands.session import Session
from leptonctl.core.address import member_of
from leptonctl.core.diagnostic import OK, did_you_mean, fail
from leptonctl.core.values import Json
from leptonctl.deploying.addresses import port_free
from leptonctl.kinds.environment.kind import environments
from leptonctl.language.edit import key_lines
from leptonctl.library.moving import consent
from leptonctl.library.work import Recorder
from leptonctl.library.writing import Draft, plain_json, versions_in


def publish(session: Session, recorder: Recorder, version_name: str, model_name: str, environment: str | None, *, reason: str) -> Outcome:
    """See `publish_version`."""
    name = environment_of(session, environment)
    declared = versions_in(session.project.of("Model").get(model_name))
    if version_name not in declared:
        if model_name not in session.project.of("Model"):
            hint = did_you_mean(model_name, session.project.of("Model"))
            raise fail("unknown-model", "No such model", f"{model_name} is not declared", hint=hint)
        hint = did_you_mean(version_name, declared)
        raise fail("unknown-version", "The model has no such version", f"{model_name} has no version {version_name}", hint=hint)
    message = f"Publish {model_name} {version_name} in {name}"
    rebinding = Rebinding(environment=name, bindings={model_name: version_name}, message=message)
    return rebind(session, rebinding, Request(reason=reason), consent=consent, reporter=recorder)


def leave(session: Session, recorder: Recorder, version_name: str, model_name: str, environment: str | None, *, reason: str) -> Outcome:
    """See `rollback_version`."""
    name = environment_of(session, environment)
    state = session.pointers.read()
    pointer = state.current.get(member_of("environment", name, model_name)) if state else None
    if pointer is not None and pointer.version == version_name:
        return rollback(session, f"{name}/{model_name}", None, Request(reason=reason), consent=consent, reporter=recorder)
    record = state.environments.get(name) if state else None
    withdrawn = active_withdrawals(record, member_of("environment", name, model_name)) if record else ()
    if any(one.version == version_name for one in withdrawn):
        # a script that is run again has the same outcome
        return Outcome(plan=plan_project(session, addresses=[member_of("environment", name, model_name)]).plan, exit_code=OK)
    bound = pointer.version if pointer is not None else bound_version(session, name, model_name)
    detail = f"{name} serves {model_name} {bound}" if pointer is not None else f"{name} serves no {model_name}"
    hint = f'publish_version("{version_name}", "{model_name}", "{name}")'
    raise fail("not-bound", "The version does not serve there, so nothing can be rolled back", detail, hint=hint)


def environment_of(session: Session, name: str | None) -> str:
    """The environment with this name, or the only one. Failure: unknown-environment, usage."""
    declared = environments(session.declarations)
    if name is None and len(declared) == 1:
        return next(iter(declared))
    if name is None:
        detail = f"the project has {', '.join(declared)}" if declared else "the project has none"
        raise fail("usage", "It is not clear which environment to use", detail, hint='pass `environment="NAME"`')
    if name not in declared:
        raise fail("unknown-environment", "No such environment", f"{name} is not declared", hint=did_you_mean(name, declared))
    return name


def declare_environment(draft: Draft, platform: str, name: str, *, port: int | None, gates: Any = None) -> None:
    """Declare an environment that binds nothing yet, or give a declared one this port and these gates."""
    document = draft.document("Environment", name)
    written_gates = None if gates is None else plain_json(gates, "gates")
    if document is None:
        settings: dict[str, Json] = {"type": platform}
        if platform == "server":
            settings |= {"host": "127.0.0.1", "port": port if port is not None else _next_port(draft.session)}
        elif port is not None:
            settings["port"] = port
        lines = key_lines("platform", settings) + key_lines("models", {})
        draft.add("Environment", name, lines if written_gates is None else lines + key_lines("gates", written_gates))
        return
    if port is not None:
        draft.put("Environment", name, ("platform", "port"), port)
    if written_gates is not None:
        draft.put("Environment", name, ("gates",), written_gates)
    if "models" not in document.value:
        draft.put("Environment", name, ("models",), {})


def _next_port(session: Session) -> int:
    """The first free port from 8080 on that no environment of the project declares."""
    platforms = (document.value.get("platform") for document in session.project.of("Environment").values())
    declared = {platform.get("port") for platform in platforms if isinstance(platform, dict)}
    return next(port for port in range(FIRST_PORT, FIRST_PORT + 1000) if port not in declared and port_free("127.0.0.1", port))
