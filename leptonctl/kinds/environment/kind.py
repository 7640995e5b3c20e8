"""The kind Environment: resolves each and makes its nodes, one for itself and one for each binding. Pure."""

from collections.abc import Iterator, Mapping
from typing import cast

from leptonctl.core import address
from leptonctl.core.address import reference
from leptonctl.core.canonical import digest
from leptonctl.core.diagnostic import Diagnostic, did_you_mean, error, warning
from leptonctl.core.frozen import Frozen
from leptonctl.core.graph import declaration
from leptonctl.core.values import Json, Node
from leptonctl.kinds.defaults import with_defaults, without_defaults
from leptonctl.kinds.environment import binding as binding_of
from leptonctl.kinds.environment.binding import Binding, Readmit
from leptonctl.kinds.environment.gate_block import gates_for_unknown_models, gates_of
from leptonctl.kinds.environment.schema import ENVIRONMENT
from leptonctl.kinds.kind import Declarations, Kind, Problems, Recorded
from leptonctl.kinds.model.kind import models
from leptonctl.kinds.not_yet import entries_of
from leptonctl.kinds.project import is_alone
from leptonctl.language.resolve import Declared, Project, whole
from leptonctl.spi.platforms import Placement, placement

PLATFORM = "server"


class Environment(Frozen):
    """One resolved environment. platform: its settings with all defaults. overrides: the settings that differ from their defaults."""

    name: str
    declared: Declared
    platform: dict[str, Json]
    overrides: dict[str, Json]
    protected: bool
    require_commit: bool
    requests: str
    together: bool
    bindings: tuple[Binding, ...]

    @property
    def address(self) -> str:
        return address.document("environment", self.name)

    @property
    def placement(self) -> Placement:
        return placement(self.platform)

    def holds(self, text: str) -> bool:
        """Whether an address is this environment or one of its bindings."""
        return address.covers(self.address, text)


def environments(declarations: Declarations) -> Mapping[str, Environment]:
    """All environments by name."""
    return declarations.of("Environment")


def bindings(declarations: Declarations) -> dict[str, Binding]:
    """The declared bindings of all environments, by address."""
    return {binding.address: binding for environment in environments(declarations).values() for binding in environment.bindings}


def declare(declarations: Declarations) -> tuple[dict[str, Environment], Problems]:
    """All environments by name, and what is wrong with them: references, gates, platforms, ports."""
    resolved: dict[str, Environment] = {}
    problems: list[Diagnostic] = []
    project = declarations.project
    for document in project.of("Environment").values():
        declared = whole(document)
        platform, overrides, errors = _platform(declared, declarations)
        problems += errors
        problems += gates_for_unknown_models(declared, project.of("Model"))
        entries = [*_bindings(declared, declarations)]
        problems += [entry for entry in entries if isinstance(entry, Diagnostic)]
        fields = declared.fields
        resolved[declared.name] = Environment(
            name=declared.name,
            declared=declared,
            platform=platform,
            overrides=overrides,
            protected=bool(fields.get("protected", False)),
            require_commit=bool(fields.get("require_commit", False)),
            requests=str(fields.get("requests", "lenient")),
            together=fields.get("switch") == "together",
            bindings=tuple(entry for entry in entries if isinstance(entry, Binding)),
        )
    problems += _shared_ports(resolved)
    # a gate for several models is checked once for each
    return resolved, tuple(dict.fromkeys(problems))


def effects(declarations: Declarations, recorded: Recorded) -> Iterator[Node]:
    """The nodes of all environments and bindings. The evidence that a binding needs depends on what is bound and what was served."""
    current = recorded.state.current if recorded.state else {}
    for environment in environments(declarations).values():
        yield node(environment)
        for binding in environment.bindings:
            bound = current.get(binding.address)
            built = declarations.built[binding.model.address]
            other = bound if bound is not None and bound.package is not None and bound.digest != built.digest else None
            returning = binding_of.is_return(binding, declarations.built, recorded.state, recorded.results)
            foreseen = binding_of.foreseeable_conflicts(binding, other, recorded.results)
            yield binding_of.node(binding, built, other, recorded.results, is_return=returning, comparable=not foreseen)


def node(environment: Environment) -> Node:
    """The environment itself as a node. Bindings, gates, and settings that a later release adds do not change it."""
    recipe: dict[str, Json] = {"platform": environment.overrides, "requests": environment.requests, "protected": environment.protected}
    return Node(
        address=environment.address,
        digest=digest({"kind": "environment", **recipe}),
        declaration=declaration(recipe, {}),
        recipe=recipe,
        origins=environment.declared.origins,
        span=environment.declared.span,
        effect=True,
    )


def _bindings(declared: Declared, declarations: Declarations) -> Iterator[Binding | Diagnostic]:
    """The bindings of an environment, and what is wrong with them."""
    for name, value in cast("dict[str, Json]", declared.fields.get("models") or {}).items():
        version = str(value.get("version") if isinstance(value, dict) else value)
        problem = _unknown_reference(declared, declarations.project, name, version)
        if problem is not None:
            yield problem
            continue
        model = models(declarations).get(reference(name, version))
        if model is None:
            continue
        gates, problems = gates_of(declared, model, declarations.catalog)
        yield from problems
        yield Binding(
            address=address.member_of("environment", declared.name, name), environment=declared.name, model=model, gates=gates,
            declared=declared, readmit=_readmit(value),
        )  # fmt: skip


def _unknown_reference(declared: Declared, project: Project, name: str, version: str) -> Diagnostic | None:
    """The error for a model or a version that is not declared."""
    document = project.of("Model").get(name)
    if document is None:
        summary, detail = "Environment names a model that is not declared", "no document `kind: Model` has this name"
        span, hint = declared.key_at("models", name), did_you_mean(name, project.of("Model"))
        return error("unknown-model", summary, detail, span=span, hint=hint)
    known = cast("dict[str, Json]", document.value.get("versions") or {})
    if version in known:
        return None
    at = ("models", name, "version") if isinstance(cast("dict[str, Json]", declared.fields["models"])[name], dict) else ("models", name)
    summary, detail = "Environment names a version that is not declared", f"model {name} has no version of this name"
    return error("unknown-version", summary, detail, span=declared.at(*at), hint=did_you_mean(version, known))


def _readmit(value: Json) -> Readmit | None:
    block = value.get("readmit") if isinstance(value, dict) else None
    return Readmit(withdrawal=str(block["withdrawal"]), reason=str(block["reason"])) if isinstance(block, dict) else None


def _platform(declared: Declared, declarations: Declarations) -> tuple[dict[str, Json], dict[str, Json], tuple[Diagnostic, ...]]:
    """The platform's settings with its provider's defaults, the settings that differ from them, and what is wrong."""
    catalog, block = declarations.catalog, declared.fields.get("platform")
    settings_block = block if isinstance(block, dict) else {}
    kind = str(settings_block.get("type", PLATFORM))
    provider = catalog.platforms.get(kind)
    if provider is None:
        detail = f"no platform of type `{kind}` is installed"
        hint = did_you_mean(kind, catalog.platforms)
        span = declared.at("platform", "type")
        problem = error("unknown-platform", "Environment names a platform that is not installed", detail, span=span, hint=hint)
        return {"type": kind}, {"type": kind}, (problem,)
    settings = {key: value for key, value in settings_block.items() if key != "type"}
    settings, problems = with_defaults(settings, provider.keys, declared, ("platform",), what=f"platform {kind}")
    overrides = without_defaults(settings, provider.keys)
    if "run" in settings:
        # a default that follows from the project counts as if it were written
        settings["run"] = settings["run"] or ("here" if is_alone(declarations) else "elsewhere")
        overrides = {name: value for name, value in overrides.items() if name != "run"}
        if settings["run"] == "elsewhere":
            overrides["run"] = "elsewhere"
    if not problems:
        problems = tuple(
            warning(w.id, w.summary, w.detail, span=declared.at("platform", w.setting or "type"), hint=w.hint)
            for w in provider.warnings(settings)
        )
    return {"type": kind, **settings}, {"type": kind, **overrides}, problems


def _shared_ports(environments: Mapping[str, Environment]) -> Iterator[Diagnostic]:
    owners: dict[tuple[Json, Json], Environment] = {}
    for environment in environments.values():
        if environment.placement == "elsewhere":
            # another host may have the same address
            continue
        place = (environment.platform.get("host"), environment.platform.get("port"))
        if any(value is None or isinstance(value, (dict, list)) for value in place):
            # already refused, or the platform has no ports
            continue
        other = owners.setdefault(place, environment)
        if other is not environment:
            at = other.declared.at("platform", "port")
            detail = f"environment {other.name} uses it already ({at.file}:{at.line}:{at.column})"
            span = environment.declared.at("platform", "port")
            yield error("port-taken", "Two environments listen on the same port", detail, span=span, hint="choose another port")


KIND = Kind(
    name="Environment",
    address="environment",
    schema=ENVIRONMENT,
    not_yet=entries_of("Environment", ENVIRONMENT),
    declare=declare,
    effects=effects,
)
