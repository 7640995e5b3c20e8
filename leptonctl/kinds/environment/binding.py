"""A binding of a model version to an environment: its node, the evidence for its gates, its withdrawals. Pure."""

from collections.abc import Iterator, Mapping

from leptonctl.core.address import document
from leptonctl.core.canonical import digest
from leptonctl.core.change import Change, PlannedStep, Remove
from leptonctl.core.frozen import Frozen, replace
from leptonctl.core.gate import Gate
from leptonctl.core.graph import declaration
from leptonctl.core.holds import Withdrawal
from leptonctl.core.manifest import GRAPH_FILE
from leptonctl.core.result import Result
from leptonctl.core.row_list import BOUND, CANDIDATE, IMPORTED, OWNERS
from leptonctl.core.state import Pointer, State
from leptonctl.core.values import Json, Node, Span, Step
from leptonctl.kinds.environment.comparability import not_comparable
from leptonctl.kinds.environment.gate_rules import assumes, metrics_to_compare, metrics_to_evaluate, needs_comparison
from leptonctl.kinds.model import warm
from leptonctl.kinds.model.package import package_key, package_step
from leptonctl.kinds.model.steps import PACKAGE, evaluate_step
from leptonctl.kinds.model.version import Model
from leptonctl.language.resolve import Declared

PACKAGE_OUTPUT = "package"


class Readmit(Frozen):
    """The readmission in a binding: the id of a withdrawal, and why its package comes back."""

    withdrawal: str
    reason: str


class Binding(Frozen):
    """A declared binding, and the gates that guard it."""

    address: str
    environment: str
    model: Model
    gates: tuple[Gate, ...]
    declared: Declared
    readmit: Readmit | None = None

    @property
    def version(self) -> str:
        """The name of the declared version."""
        return self.model.declared.version

    @property
    def checks(self) -> dict[str, Json]:
        """The contract's checks on requests, which take effect with the binding and are in no key."""
        return self.model.dataset.checks


def node(
    binding: Binding, built: Node, bound: Pointer | None, results: Mapping[str, Result], *, is_return: bool, comparable: bool = True
) -> Node:
    """The binding as a node with the digest of the bound version. It has evidence steps only if gates need them and it is not a return.

    built: the version's node. bound: the pointer of another version that is bound now, None when there is none.
    results: the known ones, with the training of the bound version. comparable: False if the two are known not to be comparable; then
    they are compared only for a gate that assumes otherwise.
    """
    model = binding.model
    evidence = () if is_return else tuple(_evidence(binding, package_step(built), bound, results, comparable=comparable))
    recipe: dict[str, Json] = {"model": model.declared.name, "version": binding.version}
    notes: dict[str, Json] = {"checks": binding.checks}
    return Node(
        address=binding.address,
        digest=built.digest,
        declaration=declaration(recipe, notes),
        recipe=recipe,
        origins={("model",): binding.declared.key_at("models", model.declared.name), ("version",): span_of(binding)},
        span=span_of(binding),
        steps=(*evidence, bind_step(binding.address, built.digest, binding.version)),
        needs=(model.address, document("environment", binding.environment)),
        effect=True,
        version=binding.version,
        notes=notes,
    )


def foreseeable_conflicts(binding: Binding, bound: Pointer | None, results: Mapping[str, Result]) -> tuple[str, ...]:
    """Why the declared version cannot be compared with the bound one, as far as these results show."""
    if bound is None or not needs_comparison(binding.gates):
        return ()
    model, dataset = binding.model, binding.model.dataset
    export = bound.steps.get("export")
    # the rows that a program learned are known, those of an imported model are not
    elsewhere = export is not None and export.op == "import" and "train" not in bound.steps
    imported = {BOUND: elsewhere, CANDIDATE: model.origin == "imported"}
    if any(imported.values()):
        return tuple(IMPORTED.format(OWNERS[owner]) for owner, is_imported in imported.items() if is_imported)
    theirs, own = (results.get(key or "") for key in (bound.key("prepare"), model.prepare.key))
    return not_comparable(model.task, dataset.inputs, dataset.columns, bound=theirs, own=own)


def bind_step(address: str, model_digest: str | None, version: str | None) -> Step:
    """The move of the pointer itself. Never cached: it has no result, only an effect."""
    fields: dict[str, Json] = {"address": address, "digest": model_digest, "version": version}
    return Step(name="bind", op="bind", address=address, key=None, spec=digest({"op": "bind", **fields}), fields=fields, effect=True)


def with_unbind_step(change: Change) -> Change:
    """The removal of a binding with a step that moves its pointer; any other change as it is."""
    if not isinstance(change, Remove) or change.before_version is None:
        return change
    return replace(change, steps=(PlannedStep(step=bind_step(change.address, None, None), key=None, cached=False),))


def package_of(binding: Binding, built: Mapping[str, Node], results: Mapping[str, Result]) -> str | None:
    """The package of the declared version; None when it is not built, or its result is not among `results`."""
    key = package_step(built[binding.model.address]).key
    result = results.get(key or "")
    package = result.outputs.get(PACKAGE_OUTPUT) if result else None
    return package if isinstance(package, str) else None


def is_return(binding: Binding, built: Mapping[str, Node], state: State | None, results: Mapping[str, Result]) -> bool:
    """Whether this environment has served the declared package healthily in its present incarnation (protocols 7), and has not
    withdrawn it since.
    """
    record = state.environments.get(binding.environment) if state else None
    if record is None:
        return False
    served = package_of(binding, built, results) in record.served.get(binding.model.declared.name, {})
    return served and not withdrawals_of(binding, built, state, results)


def withdrawals_of(
    binding: Binding, built: Mapping[str, Node], state: State | None, results: Mapping[str, Result]
) -> tuple[Withdrawal, ...]:
    """The withdrawals that keep the declared package out, without the one that the binding readmits; () for what is bound now."""
    withdrawals = [w for w in matching_withdrawals(binding, built, state, results) if w.readmitted is None]
    return tuple(w for w in withdrawals if binding.readmit is None or w.id != binding.readmit.withdrawal)


def matching_withdrawals(
    binding: Binding, built: Mapping[str, Node], state: State | None, results: Mapping[str, Result]
) -> tuple[Withdrawal, ...]:
    """All withdrawals of the declared recipe, package or graph from this environment, readmitted ones included."""
    record = state.environments.get(binding.environment) if state else None
    if state is None or record is None or not record.withdrawals:
        return ()
    node = built[binding.model.address]
    package = package_of(binding, built, results)
    bound = state.current.get(binding.address)
    if bound is not None and package is not None and bound.package == package:
        return ()
    export = results.get(package_step(node).key or "")
    artifact = export.artifacts.get(GRAPH_FILE) if export else None
    return record.withdrawals_of(binding.model.declared.name, digest=node.digest, package=package, artifact=artifact)


def span_of(binding: Binding) -> Span:
    """Where the version is written."""
    name = binding.model.declared.name
    at = ("models", name, "version") if ("models", name, "version") in binding.declared.origins else ("models", name)
    return binding.declared.at(*at)


def _evidence(binding: Binding, export: Step, bound: Pointer | None, results: Mapping[str, Result], *, comparable: bool) -> Iterator[Step]:
    model = binding.model
    metrics = metrics_to_evaluate(binding.gates, model.metrics)
    if metrics:
        yield evaluate_step(model, metrics, (binding.address, "evaluate"), export)
    prepare, package = (bound.key("prepare"), package_key(bound)) if bound else (None, None)
    if bound is None or prepare is None or package is None or not needs_comparison(binding.gates):
        return
    if not (comparable or assumes(binding.gates)):
        return
    fields: dict[str, Json] = {**model.scoring, "metrics": [*metrics_to_compare(binding.gates)]}
    bound_train = bound.key("train")
    before = (*warm.reads(model), *warm.reads_of_bound(results.get(bound_train or "")))
    yield replace(
        compare_step(binding.address, fields, before),
        spec=digest({"op": "compare", "of": model.address, "bound": bound.package, **fields}),
        needs={"prepare": export.needs["prepare"], "export": export.place, **warm.training(model)},
        needed_keys={"bound_prepare": prepare, "bound_export": package, **({"bound_train": bound_train} if bound_train else {})},
    )


def compare_step(address: str, fields: dict[str, Json], before: tuple[str, ...] = ()) -> Step:
    """The comparison of a candidate with the version bound now, without what it needs. fields: scoring and metrics.

    before: the parts of results with the rows that were learned by the versions which one of the two continues from.
    """
    return Step(
        name="compare",
        op="compare",
        address=address,
        key=None,
        spec="",
        fields=fields,
        reads=(
            f"bound_{PACKAGE}",
            PACKAGE,
            "prepare.outputs.rows_digest.test",
            # the contracts decide whether the versions answer the same question
            "prepare.outputs.contract",
            "bound_prepare.outputs.contract",
            "prepare.outputs.row_lists?",
            "bound_prepare.outputs.row_lists.train?",
            *before,
        ),
        inputs=fields,
    )
