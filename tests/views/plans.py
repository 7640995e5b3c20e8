"""A plan with one of everything, for the tests of the views."""

from leptonctl.core.change import Because, Change, Create, Drift, Forget, Plan, PlannedStep, Update
from leptonctl.core.diagnostic import Diagnostic
from leptonctl.core.gate import Gate, Judgement
from leptonctl.core.values import Span, Step
from leptonctl.kinds.registry import OPS

V2 = "model/spam-filter@v2"
V1 = "model/spam-filter@v1"
BINDING = "environment/prod/spam-filter"


def span(file: str, line: int, column: int) -> Span:
    return Span(file=file, line=line, column=column, end_column=column + 3)


def step(op: str, address: str, key: str | None, *, name: str = "", cached: bool = False, forecast_s: float | None = None) -> PlannedStep:
    """A planned step, called as its op is unless it has another name."""
    made = Step(name=name or op, op=op, address=address, key=key, spec=key or f"{op} of {address}", effect=op == "bind")
    return PlannedStep(step=made, key=key, cached=cached, forecast_s=forecast_s)


def judged() -> tuple[Judgement, ...]:
    return (
        Judgement(gate=Gate(metric="accuracy", rule="min", limit=0.85), passed=True, value=0.9312),
        Judgement(gate=Gate(metric="f1", rule="max_drop", limit=0.01), passed=False, value=0.03, bound=0.94, candidate=0.91),
        Judgement(gate=Gate(metric="flips", rule="max", limit=0.05), passed=None),
    )


def new_version(address: str = V2, key: str = "2") -> Change:
    steps = (
        step("train", address, f"sha256:t{key}", forecast_s=4.1),
        step("export", address, f"sha256:e{key}", forecast_s=0.9),
        step("evaluate", address, None),
    )
    return Create(address=address, reason="new", after=f"sha256:{key}", known_after_apply=("artifact", "metrics"), steps=steps)


def binding() -> Change:
    return Update(
        address=BINDING,
        reason="bound version v1 → v2",
        before="sha256:1",
        after="sha256:2",
        before_version="v1",
        after_version="v2",
        because=(Because(path="models.spam-filter", before="v1", after="v2", span=span("env.yaml", 30, 5)),),
        steps=(step("compare", BINDING, None), step("bind", BINDING, None)),
        judgements=judged(),
    )


def edited() -> Change:
    return Update(
        address=V1,
        reason="recipe changed",
        before="sha256:1",
        after="sha256:11",
        because=(
            Because(path="params.C", before=1.0, after=0.5, span=span("models/spam.yaml", 12, 9)),
            Because(path="params.max_iter", before=None, after=200, span=span("leptonctl.yaml", 7, 9)),
        ),
        steps=(step("train", V1, "sha256:t1", cached=True),),
    )


def plan(*changes: Change, drift: tuple[Drift, ...] = (), diagnostics: tuple[Diagnostic, ...] = ()) -> Plan:
    return Plan(
        plan_id="sha256:plan",
        effect_id="sha256:effect",
        lineage="line",
        serial=3,
        changes=changes,
        drift=drift,
        diagnostics=diagnostics,
        ops=tuple(OPS),
    )


def everything() -> Plan:
    return plan(
        new_version(),
        edited(),
        binding(),
        Forget(address="model/spam-filter@v0", reason="no longer declared", before="sha256:0"),
        drift=(Drift(address="environment/prod", drift_class="heal", reason="its server is not running", recorded="v1"),),
        diagnostics=(
            Diagnostic(
                id="newer-epoch", severity="note", summary="A newer epoch exists", detail="Nothing moves by itself.", hint="format: 2"
            ),
        ),
    )
