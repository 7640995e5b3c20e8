"""The `gates:` of an environment, read for one model. Pure."""

from collections.abc import Collection, Iterator
from fnmatch import fnmatchcase
from typing import cast

from leptonctl.core.change import Gate
from leptonctl.core.diagnostic import Diagnostic, did_you_mean, error
from leptonctl.core.values import Json, Path
from leptonctl.kinds.model import Model
from leptonctl.language.resolve import Declared
from leptonctl.spi.catalog import Catalog

FLIPS = "flips"
RULES = ("min", "max", "max_drop")


def gates_of(declared: Declared, model: Model, catalog: Catalog, problems: list[Diagnostic]) -> Iterator[Gate]:
    """The gates of an environment that guard this model. What is wrong with them is added to `problems`, once."""
    for at, pattern, block in _blocks(declared):
        if not fnmatchcase(model.declared.name, pattern):
            continue
        for metric, rules in block.items():
            if isinstance(rules, dict):
                yield from _metric_gates(declared, (*at, metric), metric, rules, model, catalog, problems)


def guarding_nothing(declared: Declared, models: Collection[str]) -> Iterator[Diagnostic]:
    """Gates for models that nobody declares: a slip of the pen would leave the door open."""
    for at, pattern, _ in _blocks(declared):
        if pattern != "*" and not any(fnmatchcase(name, pattern) for name in models):
            detail = f"gates are set for `{pattern}`, and no model is called so"
            span = declared.at(*at, "models")
            yield error(
                "unknown-model", "Environment names a model that is not declared", detail, span=span, hint=did_you_mean(pattern, models)
            )


def _blocks(declared: Declared) -> Iterator[tuple[Path, str, dict[str, Json]]]:
    """Where each group of gates is written, the glob of the models it is for, and what it says by metric."""
    written = declared.fields.get("gates")
    if isinstance(written, dict):
        yield ("gates",), "*", written
    elif isinstance(written, list):
        for index, block in enumerate(cast("list[dict[str, Json]]", written)):
            yield ("gates", index), str(block.get("models") or "*"), {k: v for k, v in block.items() if k != "models"}


def _metric_gates(
    declared: Declared,
    at: tuple[str | int, ...],
    metric: str,
    rules: dict[str, Json],
    model: Model,
    catalog: Catalog,
    problems: list[Diagnostic],
) -> Iterator[Gate]:
    provider = catalog.metrics.get((model.task, metric))
    if provider is None and metric != FLIPS:
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
                hint=did_you_mean(metric, _numbers(model, catalog)),
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
                hint=did_you_mean(metric, _numbers(model, catalog)),
            ),
        )
        return
    for rule, limit in rules.items():
        if rule not in RULES or (metric == FLIPS and rule != "max"):
            hint = "write `max`: the largest share of rows whose label may change" if metric == FLIPS else did_you_mean(rule, RULES)
            _once(
                problems,
                error(
                    "unknown-rule",
                    "Gate has a rule that does not exist",
                    f"a gate on {metric} has no `{rule}`",
                    span=declared.key_at(*at, rule),
                    hint=hint,
                ),
            )
        elif isinstance(limit, int | float) and not isinstance(limit, bool):
            yield Gate(metric=metric, rule=rule, limit=float(limit), span=declared.at(*at, rule))


def _numbers(model: Model, catalog: Catalog) -> list[str]:
    """What a gate may guard."""
    return [FLIPS, *(name for (task, name), metric in catalog.metrics.items() if task == model.task and metric.score is not None)]


def _once(problems: list[Diagnostic], problem: Diagnostic) -> None:
    if problem not in problems:
        problems.append(problem)
