"""Environment documents to nodes: one for the environment, one for each binding with its gates and their evidence. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import cast

from leptonctl.core.canonical import digest
from leptonctl.core.change import Change, Gate, PlannedStep, Remove
from leptonctl.core.diagnostic import Diagnostic, did_you_mean, error
from leptonctl.core.values import Json, Node, Span, Step
from leptonctl.kinds.gate_rules import FLIPS, gates_of, guarding_nothing
from leptonctl.kinds.model import Model
from leptonctl.kinds.model_steps import evaluate_step, step_of
from leptonctl.language.resolve import Declared, Project, whole
from leptonctl.spi.catalog import Catalog


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What an environment serves for a model now, from state: version, digest, artifact and the step keys that made it."""

    version: str
    digest: str
    artifact: str
    steps: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A wanted binding: environment -> model version, and the gates that guard it."""

    address: str
    environment: str
    model: Model
    gates: tuple[Gate, ...]
    declared: Declared

    @property
    def needs_evaluation(self) -> tuple[str, ...]:
        """Metrics of min and max gates that the model's own evaluation does not compute."""
        return tuple(sorted({g.metric for g in self.gates if g.rule in ("min", "max") and g.metric != FLIPS} - set(self.model.metrics)))

    @property
    def compared_metrics(self) -> tuple[str, ...]:
        return tuple(sorted({g.metric for g in self.gates if g.rule == "max_drop"}))

    @property
    def needs_comparison(self) -> bool:
        return any(g.metric == FLIPS or g.rule == "max_drop" for g in self.gates)


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """One resolved environment. `platform` has its provider's defaults filled in."""

    name: str
    declared: Declared
    platform: dict[str, Json]
    protected: bool
    require_commit: bool
    requests: str
    together: bool
    bindings: tuple[Binding, ...]

    @property
    def address(self) -> str:
        return f"environment/{self.name}"

    def holds(self, address: str) -> bool:
        """Whether it is this environment or one of its bindings."""
        return address == self.address or address.startswith(self.address + "/")


def environments(project: Project, models: Mapping[str, Model], catalog: Catalog) -> tuple[dict[str, Environment], tuple[Diagnostic, ...]]:
    """All environments by name, and what is wrong with them: references, gates, ports."""
    found: dict[str, Environment] = {}
    problems: list[Diagnostic] = []
    for document in project.environments.values():
        declared = whole(document)
        platform, wrong = _platform(declared, catalog)
        problems += wrong
        problems += guarding_nothing(declared, project.models)
        bindings = _bindings(declared, project, models, catalog, problems)
        fields = declared.fields
        found[declared.name] = Environment(
            name=declared.name,
            declared=declared,
            platform=platform,
            protected=bool(fields.get("protected", False)),
            require_commit=bool(fields.get("require_commit", False)),
            requests=str(fields.get("requests", "lenient")),
            together=fields.get("switch") == "together",
            bindings=tuple(bindings),
        )
    problems += _shared_ports(found)
    return found, tuple(problems)


def node(environment: Environment) -> Node:
    """The environment itself. A version switch leaves it alone; gates and protection are rules, not results."""
    recipe: dict[str, Json] = {"platform": environment.platform, "requests": environment.requests, "protected": environment.protected}
    return Node(
        address=environment.address,
        digest=digest({"kind": "environment", **recipe}),
        recipe=recipe,
        origins=environment.declared.origins,
        span=environment.declared.span,
        effect=True,
        metadata={"protected": environment.protected},
    )


def binding_node(binding: Binding, built: Node, bound: Bound | None, *, is_return: bool) -> Node:
    """The binding as a node whose digest is the bound version's. Evidence steps only where gates ask for them and it is no return.

    `built` is the version's node; `bound` is what is bound now, None when that is nothing else.
    """
    model = binding.model
    evidence = () if is_return else tuple(_evidence(binding, step_of(built, "export"), bound))
    return Node(
        address=binding.address,
        digest=built.digest,
        recipe={"model": model.declared.name, "version": model.declared.version},
        origins={("version",): _version_span(binding)},
        span=_version_span(binding),
        steps=(*evidence, bind_step(binding.address, built.digest, model.declared.version)),
        needs=(model.address, f"environment/{binding.environment}"),
        effect=True,
        version=model.declared.version,
        metadata={"checks": model.dataset.checks},
    )


def bind_step(address: str, model_digest: str | None, version: str | None) -> Step:
    """The move of the pointer itself. Never cached: it has no result, only an effect."""
    fields: dict[str, Json] = {"address": address, "digest": model_digest, "version": version}
    return Step(op="bind", address=address, key=None, spec=digest({"op": "bind", **fields}), fields=fields)


def unbound(change: Change) -> Change:
    """The removal of a binding with the move of its pointer as a step; every other change as it is."""
    if not isinstance(change, Remove) or change.before_version is None:
        return change
    step = bind_step(change.address, None, None)
    planned = PlannedStep(op=step.op, address=change.address, key=None, spec=step.spec, cached=False, step=step)
    return replace(change, steps=(planned,))


def _evidence(binding: Binding, export: Step, bound: Bound | None) -> Iterator[Step]:
    model = binding.model
    if binding.needs_evaluation:
        yield evaluate_step(model, binding.needs_evaluation, binding.address, export)
    if bound is None or not binding.needs_comparison:
        return
    fields: dict[str, Json] = {**model.scoring, "metrics": list(binding.compared_metrics)}
    yield Step(
        op="compare",
        address=binding.address,
        key=None,
        spec=digest({"op": "compare", "of": model.address, "bound": bound.artifact, **fields}),
        fields=fields,
        reads=(
            "bound_export.artifacts.model.onnx",
            "export.artifacts.model.onnx",
            "prepare.outputs.rows_digest.test",
            "prepare.outputs.rows_digest.train",
            "bound_prepare.outputs.rows_digest.train",
        ),
        inputs=fields,
        needs={"prepare": export.needs["prepare"], "export": (model.address, "export")},
        given={"bound_prepare": bound.steps["prepare"], "bound_export": bound.steps["export"]},
    )


def _bindings(
    declared: Declared, project: Project, models: Mapping[str, Model], catalog: Catalog, problems: list[Diagnostic]
) -> Iterator[Binding]:
    written = cast("dict[str, Json]", declared.fields.get("models") or {})
    for name, value in written.items():
        version = value.get("version") if isinstance(value, dict) else value
        span = declared.at("models", name, "version") if isinstance(value, dict) else declared.at("models", name)
        document = project.models.get(name)
        if document is None:
            hint = did_you_mean(name, project.models)
            problems.append(
                error(
                    "unknown-model",
                    "Environment names a model that is not declared",
                    "no document `kind: Model` has this name",
                    span=declared.key_at("models", name),
                    hint=hint,
                )
            )
            continue
        known = cast("dict[str, Json]", document.value.get("versions") or {})
        if version not in known:
            detail = f"model {name} has no version of this name"
            problems.append(
                error(
                    "unknown-version",
                    "Environment names a version that is not declared",
                    detail,
                    span=span,
                    hint=did_you_mean(str(version), known),
                )
            )
            continue
        model = models.get(f"{name}@{version}")
        if model is not None:
            gates = tuple(gates_of(declared, model, catalog, problems))
            yield Binding(
                address=f"environment/{declared.name}/{name}", environment=declared.name, model=model, gates=gates, declared=declared
            )


def _platform(declared: Declared, catalog: Catalog) -> tuple[dict[str, Json], list[Diagnostic]]:
    written = cast("dict[str, Json]", declared.fields.get("platform") or {"type": "server"})
    kind = str(written.get("type", "server"))
    provider = catalog.platforms.get(kind)
    if provider is None:
        return written, []
    settings = {name: written.get(name, schema.get("default")) for name, schema in provider.settings.items()}
    return {"type": kind, **settings}, []


def _shared_ports(environments: Mapping[str, Environment]) -> Iterator[Diagnostic]:
    taken: dict[tuple[Json, Json], Environment] = {}
    for environment in environments.values():
        place = (environment.platform.get("host"), environment.platform.get("port"))
        other = taken.setdefault(place, environment)
        if other is not environment and environment.platform.get("port") is not None:
            at = other.declared.at("platform", "port")
            detail = f"environment {other.name} has it already ({at.file}:{at.line}:{at.column})"
            span = environment.declared.at("platform", "port")
            yield error("port-taken", "Two environments listen on the same port", detail, span=span, hint="choose another port")


def _version_span(binding: Binding) -> Span:
    name = binding.model.declared.name
    at = ("models", name, "version") if ("models", name, "version") in binding.declared.origins else ("models", name)
    return binding.declared.at(*at)
