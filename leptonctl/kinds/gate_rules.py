"""The `gates:` of an environment, read for one model. Pure."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import cast

from leptonctl.core.catalog import Catalog
from leptonctl.core.change import Gate
from leptonctl.core.diagnostic import Diagnostic, did_you_mean, error
from leptonctl.core.resolve import Declared
from leptonctl.core.values import Json
from leptonctl.kinds.model import Model

FLIPS = "flips"
RULES = ("min", "max", "max_drop")


def gates_of(declared: Declared, model: Model, catalog: Catalog, problems: list[Diagnostic]) -> Iterator[Gate]:
    """The gates of an environment that guard this model. What is wrong with them is added to `problems`, once."""
    written = declared.fields.get("gates")
    blocks: list[tuple[tuple[str | int, ...], dict[str, Json]]] = []
    if isinstance(written, dict):
        blocks.append((("gates",), written))
    elif isinstance(written, list):
        blocks += [(("gates", i), cast("dict[str, Json]", block)) for i, block in enumerate(written)]
    for at, block in blocks:
        pattern = block.get("models") if isinstance(block.get("models"), str) else "*"
        if not fnmatchcase(model.declared.name, str(pattern)):
            continue
        for metric, rules in block.items():
            if metric != "models" and isinstance(rules, dict):
                yield from _metric_gates(declared, (*at, metric), metric, rules, model, catalog, problems)


def _metric_gates(
    declared: Declared,
    at: tuple[str | int, ...],
    metric: str,
    rules: dict[str, Json],
    model: Model,
    catalog: Catalog,
    problems: list[Diagnostic],
) -> Iterator[Gate]:
    known = (*catalog.names(catalog.metrics, model.task), FLIPS)
    provider = catalog.metrics.get((model.task, metric))
    if metric not in known:
        elsewhere = sorted(task for task, name in catalog.metrics if name == metric)
        detail = (
            f"{metric} is for {' and '.join(elsewhere)}, model {model.declared.name} is {model.task}"
            if elsewhere
            else f"no metric for {model.task} has this name"
        )
        _once(
            problems,
            error(
                "unknown-metric",
                "Gate names a metric that this model does not have",
                detail,
                span=declared.key_at(*at),
                hint=did_you_mean(metric, known),
            ),
        )
        return
    if provider is not None and provider.score is None:
        _once(
            problems,
            error(
                "no-number",
                "Gate names a curve or matrix",
                f"{metric} is not one number",
                span=declared.key_at(*at),
                hint="gate a metric that is a number",
            ),
        )
        return
    for rule, limit in rules.items():
        if rule not in RULES or (metric == FLIPS and rule != "max"):
            hint = "flips take `max`" if metric == FLIPS else did_you_mean(rule, RULES)
            _once(
                problems,
                error(
                    "unknown-rule",
                    "Gate has a rule that does not exist",
                    f"`{rule}` on {metric}",
                    span=declared.key_at(*at, rule),
                    hint=hint,
                ),
            )
        elif isinstance(limit, int | float) and not isinstance(limit, bool):
            yield Gate(metric=metric, rule=rule, limit=float(limit), span=declared.at(*at, rule))


def _once(problems: list[Diagnostic], problem: Diagnostic) -> None:
    if problem not in problems:
        problems.append(problem)
