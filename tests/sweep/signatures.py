"""Writes the parameters of scikit-learn's estimators as data: their schemas and defaults, as the installed release has them.

    python -m tests.sweep.signatures

What is shipped is what was written then: a plan reads the file and never asks the installed library, so that an upgrade of scikit-learn
moves no digest. A parameter that takes an estimator, a function or rows is left out, and keeps scikit-learn's default.
"""

import importlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from inspect import signature
from math import inf
from numbers import Integral, Real
from typing import Any

from leptonctl.providers.estimators.listed import ALIASES, STEPS, TRAINERS
from leptonctl.providers.estimators.shipped import FILE
from tests.sweep.words import describe

LEFT_OUT = frozenset({
    "random_state", "n_jobs", "verbose", "warm_start", "copy", "copy_X", "copy_X_train", "copy_x", "callbacks", "estimator", "estimators", "oob_score", "store_cv_results", "store_covariance", "store_precision", "store_cv_values",
    "compute_score", "cache_size", "scoring", "n_restarts_optimizer", "sparse_output", "dtype", "encoded_missing_value", "predict_params", "refit", "gcv_mode", "force_alpha", "monotonic_cst", "categorical_features", "interaction_cst", "class_weight_", "X_idx_sorted", "novelty", "precompute", "transform_algorithm", "verbose_interval", "fit_inverse_transform", "probability", "break_ties", "decision_function_shape", "check_inverse", "validate", "importance_getter", "prefit", "target_type", "alpha_init", "lambda_init", "max_fun", "metric_params", "add_indicator", "constant", "input", "decode_error", "strip_accents", "flatten_transform", "voting", "stack_method", "compute_labels", "compute_inverse_components", "categories", "n_targets", "alpha_per_target", "encode", "seeds", "bin_seeding", "support_fraction_", "assume_centered",
})  # fmt: skip
"""Not a matter of what is learned, or not of one value."""
NO_CHOICE = frozenset({"precomputed", "interior-point", "revised simplex"})
"""Values that need other data than rows, or that scipy no longer has."""
DEPRECATED = ("deprecated", "warn")


def schemas_of(kind: type) -> dict[str, dict[str, Any]]:
    """Parameter name -> JSON Schema with default and description."""
    constraints = getattr(kind, "_parameter_constraints", {})
    found: dict[str, dict[str, Any]] = {}
    for name, parameter in signature(kind.__init__).parameters.items():
        if name == "self" or name in LEFT_OUT or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        default = parameter.default
        if isinstance(default, str) and default in DEPRECATED:
            continue
        if isinstance(default, tuple):
            default = list(default)
        alternatives = [*_alternatives(constraints.get(name, []), default)]
        schema = _joined(alternatives)
        if schema is None or default == inf or not _allows(schema, default) or json.loads(json.dumps(default)) != default:
            continue
        found[name] = {**schema, "default": default, "description": describe(name)}
    return found


def _alternatives(constraints: Any, default: Any) -> Iterator[dict[str, Any]]:
    from sklearn.utils import _param_validation as checks

    if constraints == "no_validation":
        return
    for constraint in constraints:
        if constraint is None:
            yield {"enum": [None]}
        elif constraint == "boolean" or constraint is bool:
            yield {"type": "boolean"}
        elif constraint == "cv_object":
            yield from ({"type": "integer", "minimum": 2}, {"enum": [None]})
        elif isinstance(constraint, checks.Interval):
            yield _interval(constraint)
        elif isinstance(constraint, checks.StrOptions):
            yield {"enum": sorted(constraint.options - constraint.deprecated - NO_CHOICE)}
        elif isinstance(constraint, checks.Options) and all(o is None or isinstance(o, (str, bool, int)) for o in constraint.options):
            yield {"enum": sorted(constraint.options, key=lambda o: (o is None, str(o)))}
        elif constraint is tuple and isinstance(default, list):
            yield {
                "type": "array",
                "items": {"type": "integer" if all(isinstance(i, int) for i in default) else "number"},
                "minItems": len(default),
                "maxItems": len(default),
            }
        elif constraint is Integral:
            yield {"type": "integer"}
        elif constraint is Real:
            yield {"type": "number"}


def _interval(interval: Any) -> dict[str, Any]:
    whole = interval.type is Integral
    schema: dict[str, Any] = {"type": "integer" if whole else "number"}
    for limit, word, closed in ((interval.left, "inimum", "left"), (interval.right, "aximum", "right")):
        if limit is None or limit in (float("inf"), float("-inf")):
            continue
        number = int(limit) if whole or float(limit).is_integer() else float(limit)
        schema[f"m{word}" if interval.closed in (closed, "both") else f"exclusiveM{word}"] = number
    return schema


def _joined(alternatives: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """One schema of several: the choices among them in one list."""
    choices = [option for schema in alternatives for option in schema.get("enum", ())]
    others = [schema for schema in alternatives if "enum" not in schema]
    joined = [*others, *([{"enum": [*dict.fromkeys(choices)]}] if choices else [])]
    if not joined:
        return None
    if choices == [None] and not others:
        return None
    return joined[0] if len(joined) == 1 else {"anyOf": joined}


def _allows(schema: Mapping[str, Any], value: Any) -> bool:
    from jsonschema import Draft7Validator

    return bool(Draft7Validator(schema).is_valid(value))


def estimators() -> dict[str, type]:
    """Class name -> class, of those that are listed and have no other name here."""
    from sklearn.utils import all_estimators

    known = dict(all_estimators())
    return {name: known[name] for name in sorted({*(name for names in TRAINERS.values() for name in names), *STEPS} - {*ALIASES})}


def written() -> str:
    """What the file must contain."""
    found: dict[str, Any] = {}
    for name, kind in estimators().items():
        arguments = signature(kind.__init__).parameters
        module = next(m for m in _prefixes(kind.__module__) if hasattr(importlib.import_module(m), name))
        found[name] = {
            "module": module,
            "seeded": "random_state" in arguments,
            "jobs": "n_jobs" in arguments,
            "weighs": "sample_weight" in signature(kind.fit).parameters,
            "params": schemas_of(kind),
        }
    return json.dumps(found, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _prefixes(module: str) -> Iterator[str]:
    parts = module.split(".")
    yield from (".".join(parts[:count]) for count in range(2, len(parts) + 1) if not parts[count - 1].startswith("_"))


def main() -> int:
    FILE.write_text(written(), encoding="utf-8")
    sys.stdout.write(f"wrote {FILE}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
