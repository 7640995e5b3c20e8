"""The kind Project: its settings, checked against the installed back ends. It has no nodes."""

from collections.abc import Iterator, Mapping

from leptonctl.core.diagnostic import Diagnostic, did_you_mean, error
from leptonctl.core.frozen import Frozen, field
from leptonctl.core.values import Json
from leptonctl.kinds.defaults import with_defaults
from leptonctl.kinds.kind import PROJECT, Declarations, Kind, Problems
from leptonctl.kinds.not_yet import entries_of
from leptonctl.kinds.project_schema import PROJECT as SCHEMA
from leptonctl.kinds.project_schema import STATE, STORE
from leptonctl.language.resolve import Declared, whole
from leptonctl.spi.catalog import Catalog

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
KEEP_BUILDS, KEEP_DEPLOYMENTS = "14d", 10
EXECUTOR = "local"


class Settings(Frozen):
    """How a project runs: its executor with the declared settings, and the URIs of its state and store.

    keep_builds_s, keep_deployments: what `gc` keeps, in seconds and in deployments of each environment. warnings: show or error.
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
    executor, executor_settings, problems = _executor(declared, declarations.catalog)
    keep_block = declared.fields.get("keep")
    keep = keep_block if isinstance(keep_block, dict) else {}
    builds, deployments = str(keep.get("builds") or KEEP_BUILDS), keep.get("deployments")
    settings = Settings(
        executor=executor,
        executor_settings=executor_settings,
        warnings=str(declared.fields.get("warnings") or "show"),
        state=str(declared.fields.get("state") or STATE),
        store=str(declared.fields.get("store") or STORE),
        keep_builds_s=float(builds[:-1]) * SECONDS[builds[-1]],
        keep_deployments=deployments if isinstance(deployments, int) else KEEP_DEPLOYMENTS,
    )
    return {declared.name: settings}, (*_unknown_schemes(declared, declarations.catalog), *problems)


def _executor(declared: Declared, catalog: Catalog) -> tuple[str, dict[str, Json], Problems]:
    """The type of the executor, its declared settings, and what is wrong with them."""
    value = declared.fields.get("executor")
    block = value if isinstance(value, dict) else {}
    name = str(block.get("type", EXECUTOR))
    settings = {key: value for key, value in block.items() if key != "type"}
    if name not in catalog.executors:
        detail, hint = f"no executor of type `{name}` is installed", did_you_mean(name, catalog.executors)
        summary, span = "Project names an executor that is not installed", declared.at("executor", "type")
        return name, settings, (error("unknown-executor", summary, detail, span=span, hint=hint),)
    if not settings:
        return name, settings, ()
    values, problems = with_defaults(settings, catalog.executors[name].settings, declared, ("executor",), what=f"executor {name}")
    return name, {key: values.get(key) for key in settings}, problems


def settings(declarations: Declarations) -> Settings:
    """How this project runs."""
    value: Settings = declarations.of(PROJECT)[declarations.project.name]
    return value


def is_alone(declarations: Declarations) -> bool:
    """Whether the URIs of state and store lie in the project's folder, so that no other machine or clone shares them."""
    fields = whole(declarations.project.document).fields
    return all(_is_inside(str(fields.get(key) or default)) for key, default in (("state", STATE), ("store", STORE)))


def _is_inside(uri: str) -> bool:
    depth = 0
    for part in uri.split("/"):
        depth += {"..": -1, ".": 0, "": 0}.get(part, 1)
        if depth < 0:
            return False
    return "://" not in uri and not uri.startswith(("/", "~"))


def _unknown_schemes(declared: Declared, catalog: Catalog) -> Iterator[Diagnostic]:
    """Errors for URIs of state and store whose back end is not installed."""
    for key, known in (("state", catalog.states), ("store", catalog.stores)):
        uri = str(declared.fields.get(key) or "")
        scheme, separator, _ = uri.partition("://")
        if separator and scheme not in known:
            others = ", ".join(f"{name}://" for name in sorted(known) if name)
            detail = f"`{key}: {uri}` names a back end with the scheme `{scheme}`, which no installed package provides"
            hint = f"use a folder, for example `{key}: .leptonctl/{key}`" + (f", or one of {others}" if others else "")
            yield error("not-available", "This is not implemented yet", detail, span=declared.at(key), hint=hint)


KIND = Kind(name=PROJECT, address="project", schema=SCHEMA, not_yet=entries_of(PROJECT, SCHEMA), declare=declare)
