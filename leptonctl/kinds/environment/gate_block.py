"""The `gates:` block of an environment, read for one model. Pure."""

from collections.abc import Collection, Iterator, Mapping
from fnmatch import fnmatchcase
from math import isfinite
from typing import cast

from leptonctl.core.diagnostic import Diagnostic, did_you_mean, error
from leptonctl.core.frozen import Frozen
from leptonctl.core.gate import Gate
from leptonctl.core.values import Json, Path
from leptonctl.kinds.environment.gate_rules import (
    ASSUME,
    COMPARABLE,
    COMPARE,
    RULES,
    Rule,
    Rules,
    find_rule,
    own_metrics,
    rules_for,
)
from leptonctl.kinds.model.version import Model
from leptonctl.language.resolve import Declared
from leptonctl.spi.catalog import Catalog
from leptonctl.spi.learning import Metric

PERCENT = 100


class _Limits(Frozen):
    """The limits on one metric, as they are written at `at`. provider: the metric's; None for a metric that rules define."""

    declared: Declared
    at: Path
    metric: str
    provider: Metric | None
    limits: Mapping[str, Json]
    rules: Rules


def gates_of(declared: Declared, model: Model, catalog: Catalog, rules: Rules = RULES) -> tuple[tuple[Gate, ...], list[Diagnostic]]:
    """The gates of an environment that guard this model, and what is wrong with them."""
    gates: list[Gate] = []
    problems: list[Diagnostic] = []
    for at, pattern, block in _blocks(declared):
        if not fnmatchcase(model.declared.name, pattern):
            continue
        for metric, limits in block.items():
            if not isinstance(limits, dict):
                continue
            problem = _wrong_metric(declared, (*at, metric), model, catalog, rules)
            if problem is not None:
                problems.append(problem)
                continue
            provider = catalog.metrics.get((model.task, metric))
            written = _Limits(declared=declared, at=(*at, metric), metric=metric, provider=provider, limits=limits, rules=rules)
            entries = [*_gates(written)]
            gates += [entry for entry in entries if isinstance(entry, Gate)]
            problems += [entry for entry in entries if isinstance(entry, Diagnostic)]
    return tuple(gates), problems


def gates_for_unknown_models(declared: Declared, models: Collection[str]) -> Iterator[Diagnostic]:
    """Errors for gates whose models are not declared: with a misspelled name, the environment would be unguarded."""
    for at, pattern, _ in _blocks(declared):
        if pattern != "*" and not any(fnmatchcase(name, pattern) for name in models):
            detail = f"there are gates for `{pattern}`, but no model has this name"
            span = declared.at(*at, "models")
            yield error(
                "unknown-model", "Environment names a model that is not declared", detail, span=span, hint=did_you_mean(pattern, models)
            )


def _blocks(declared: Declared) -> Iterator[tuple[Path, str, dict[str, Json]]]:
    """Each group of gates: its path, the glob of the models that it is for, and its limits by metric."""
    gates = declared.fields.get("gates")
    if isinstance(gates, dict):
        yield ("gates",), "*", gates
    elif isinstance(gates, list):
        for index, block in enumerate(cast("list[dict[str, Json]]", gates)):
            yield ("gates", index), str(block.get("models") or "*"), {k: v for k, v in block.items() if k != "models"}


def _gates(block: _Limits) -> Iterator[Gate | Diagnostic]:
    """A gate, or what is wrong, for each limit."""
    metric, limits = block.metric, block.limits
    rules = {name: find_rule(metric, name, block.rules) for name in limits if name != COMPARABLE}
    if COMPARABLE in limits and not any(rule is not None and rule.evidence == COMPARE for rule in rules.values()):
        yield _nothing_compared(block)
    for name, rule in rules.items():
        limit = limits[name]
        if rule is None or not _fits(rule, block.provider):
            yield _unknown_rule(block, name)
        elif isinstance(limit, int | float) and not isinstance(limit, bool):
            span, provider = block.declared.at(*block.at, name), block.provider
            detail = impossible(rule, metric, float(limit), provider) or (_contradiction(metric, limits) if name == "max" else "")
            if detail:
                summary, hint = "Gate has a limit that no value can be measured against", _limit_hint(float(limit), provider)
                yield error("impossible-limit", summary, detail, span=span, hint=hint)
            else:
                assume = rule.evidence == COMPARE and limits.get(COMPARABLE) == ASSUME
                yield Gate(metric=metric, rule=name, limit=float(limit), span=span, assume=assume)


def _fits(rule: Rule, provider: Metric | None) -> bool:
    return provider is None or rule.fits(provider)


def impossible(rule: Rule, metric: str, limit: float, provider: Metric | None) -> str:
    """Why a limit holds every version, or none; "" when it can decide."""
    if not isfinite(limit):
        return f"the limit of {metric} is not a finite number"
    least, most = rule.range(provider) if provider is not None else rule.own_range
    if (least is None or limit >= least) and (most is None or limit <= most):
        return ""
    measured = rule.label(metric)
    if least is not None and most is not None:
        return f"{measured} is between {least:g} and {most:g}"
    return f"{measured} is never below {least:g}" if most is None else f"{measured} is never above {most:g}"


def _contradiction(metric: str, limits: Mapping[str, Json]) -> str:
    """Why no value meets both `min` and `max`; "" when one can."""
    low, high = limits.get("min"), limits.get("max")
    if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
        return f"no {metric} is at least {low:g} and at most {high:g}"
    return ""


def _limit_hint(limit: float, provider: Metric | None) -> str:
    if provider is not None and provider.most == 1 and 1 < limit <= PERCENT:
        return f"write {limit / PERCENT:g} for {limit:g} percent"
    return "write a limit that the metric can miss"


def _nothing_compared(block: _Limits) -> Diagnostic:
    detail = f"`{COMPARABLE}` is for gates that compare with the version bound now, and this one on {block.metric} does not"
    span = block.declared.key_at(*block.at, COMPARABLE)
    return error("unknown-rule", "Gate has a rule that does not exist", detail, span=span, hint=f"remove `{COMPARABLE}`")


def _wrong_metric(declared: Declared, at: Path, model: Model, catalog: Catalog, rules: Rules) -> Diagnostic | None:
    """The error when no gate can guard the metric whose key is at `at`, else None."""
    metric = str(at[-1])
    if metric in own_metrics(rules):
        return None
    provider = catalog.metrics.get((model.task, metric))
    if provider is None:
        other_tasks = sorted(task for task, name in catalog.metrics if name == metric)
        detail = f"no metric for {model.task} has this name"
        if other_tasks:
            detail = f"{metric} is for {' and '.join(other_tasks)}; the task of model {model.declared.name} is {model.task}"
        summary = "Gate names a metric that this model does not have"
        hint = _fold_hint(metric, model, catalog) or did_you_mean(metric, _gate_metrics(model, catalog, rules))
        return error("unknown-metric", summary, detail, span=declared.key_at(*at), hint=hint)
    if provider.score is None:
        hint = did_you_mean(metric, _gate_metrics(model, catalog, rules))
        detail = f"{metric} is not one number"
        return error("no-number", "Gate names a curve or matrix", detail, span=declared.key_at(*at), hint=hint)
    return None


def _unknown_rule(block: _Limits, name: str) -> Diagnostic:
    known = [rule for rule in rules_for(block.metric, block.rules) if _fits(rule, block.provider)]
    detail = f"a gate on {block.metric} has no `{name}`"
    hint = f"write `{known[0].name}`: {known[0].limit}" if len(known) == 1 else did_you_mean(name, (r.name for r in known))
    span = block.declared.key_at(*block.at, name)
    return error("unknown-rule", "Gate has a rule that does not exist", detail, span=span, hint=hint)


def _gate_metrics(model: Model, catalog: Catalog, rules: Rules) -> list[str]:
    """The metrics that a gate on this model may name."""
    return [
        *own_metrics(rules),
        *(name for (task, name), metric in catalog.metrics.items() if task == model.task and metric.score is not None),
    ]


def _fold_hint(metric: str, model: Model, catalog: Catalog) -> str:
    """The hint for a metric of the folds, as `leaderboard` and other tools name them; "" for any other name."""
    name = metric.removeprefix("cv_").removesuffix("_mean").removesuffix("_std").removesuffix("_cv")
    if name == metric or (model.task, name) not in catalog.metrics:
        return ""
    return f"gates use the test rows: write `{name}`; `show` and `leaderboard` have the folds of `evaluate: {{cross_validation: 5}}`"
