"""The kind Project: its settings, checked against the installed back ends. Declares no node."""

from collections.abc import Iterator, Mapping

from leptonctl.core.diagnostic import Diagnostic, did_you_mean, error
from leptonctl.core.frozen import Frozen, field
from leptonctl.core.values import Json
from leptonctl.kinds.defaults import with_defaults
from leptonctl.kinds.kind import Declarations, Kind, Problems
from leptonctl.kinds.not_yet import not_yet
from leptonctl.kinds.project_schema import PROJECT
from leptonctl.language.resolve import Declared, whole

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
KEEP_BUILDS, KEEP_DEPLOYMENTS = "14d", 10
EXECUTOR, STATE, STORE = "local", ".leptonctl/state", ".leptonctl/store"


class Settings(Frozen):
    """How a project runs: its executor with the declared settings, and the URIs of its state and store.

    keep_builds_s, keep_deployments: what `gc` spares, in seconds and in deployments of each environment. warnings: show or error.
    """

    executor: str = EXECUTOR
    executor_settings: Mapping[str, Json] = field(default_factory=dict)
    warnings: str = "show"
    state: str = STATE
    store: str = STORE
    keep_builds_s: float = 14 * 86400.0
    keep_deployments: int = KEEP_DEPLOYMENTS


def declare(declarations: Declarations) -> tuple[dict[str, Settings], Problems]:
    """The one project's settings under its name, and what is wrong with them."""
    declared = whole(declarations.project.document)
    executor = declared.fields.get("executor")
    block = executor if isinstance(executor, dict) else {}
    name = str(block.get("type", EXECUTOR))
    problems = list(_schemes(declared, declarations))
    executor_settings = {key: value for key, value in block.items() if key != "type"}
    if name not in declarations.catalog.executors:
        hint = did_you_mean(name, declarations.catalog.executors)
        detail = f"no executor of type `{name}` is installed"
        span = declared.at("executor", "type")
        problems.append(error("unknown-executor", "Project names an executor that is not installed", detail, span=span, hint=hint))
    elif executor_settings:
        schemas = declarations.catalog.executors[name].settings
        values, errors = with_defaults(executor_settings, schemas, declared, ("executor",), what=f"executor {name}")
        executor_settings = {key: values.get(key) for key in executor_settings}
        problems += errors
    keep = declared.fields.get("keep")
    kept = keep if isinstance(keep, dict) else {}
    builds, deployments = str(kept.get("builds") or KEEP_BUILDS), kept.get("deployments")
    settings = Settings(
        executor=name,
        executor_settings=executor_settings,
        warnings=str(declared.fields.get("warnings") or "show"),
        state=str(declared.fields.get("state") or STATE),
        store=str(declared.fields.get("store") or STORE),
        keep_builds_s=float(builds[:-1]) * SECONDS[builds[-1]],
        keep_deployments=deployments if isinstance(deployments, int) else KEEP_DEPLOYMENTS,
    )
    return {declared.name: settings}, tuple(problems)


def settings(declarations: Declarations) -> Settings:
    """How this project runs."""
    value: Settings = declarations.of("Project")[declarations.project.name]
    return value


def is_alone(declarations: Declarations) -> bool:
    """Whether state and store lie in the project's folder, as they are written: no other machine or clone shares them."""
    fields = whole(declarations.project.document).fields
    return all(_is_inside(str(fields.get(key) or default)) for key, default in (("state", STATE), ("store", STORE)))


def _is_inside(uri: str) -> bool:
    depth = 0
    for part in uri.split("/"):
        depth += {"..": -1, ".": 0, "": 0}.get(part, 1)
        if depth < 0:
            return False
    return "://" not in uri and not uri.startswith(("/", "~"))


def _schemes(declared: Declared, declarations: Declarations) -> Iterator[Diagnostic]:
    catalog = declarations.catalog
    for key, known in (("state", catalog.states), ("store", catalog.stores)):
        uri = str(declared.fields.get(key) or "")
        scheme, separator, _ = uri.partition("://")
        if separator and scheme not in known:
            others = ", ".join(f"{name}://" for name in sorted(known) if name)
            detail = f"`{key}: {uri}` names a back end with the scheme `{scheme}`, which no installed package provides"
            hint = f"use a folder, for example `{key}: .leptonctl/{key}`" + (f", or one of {others}" if others else "")
            yield error("not-available", "This is not implemented yet", detail, span=declared.at(key), hint=hint)


KIND = Kind(name="Project", address="project", schema=PROJECT, not_yet=not_yet("Project", PROJECT), declare=declare)
