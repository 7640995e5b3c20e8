"""The conformance suites of trainers and preprocess steps. Builds models of small tables with the steps of an apply."""

import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

from leptonctl.core.manifest import OUTPUTS
from leptonctl.spi.learning import Params, Preprocessor, Schema, Trainer
from leptonctl.testing.abilities import check_abilities
from leptonctl.testing.declarations import GARBAGE, check_identity, check_light, check_params
from leptonctl.testing.models import BuiltModel, ModelSpec, build_model, csv_table
from leptonctl.testing.requirements import not_met, require

FILE = re.compile(r"model\.[a-z0-9]+")
ROWS = 120
ROUNDING = 1e-6
# names of files that an export or a skops model writes
RESERVED = ("model.onnx", "model.skops")


def check_trainer(trainer: Trainer, params: Params | None = None) -> None:
    """Check a trainer: its schemas, every choice they offer, training that is reproducible to the byte, and a faithful export.

    `params` are values for the training, such as fewer trees; the defaults are checked either way. Raises AssertionError.
    """
    check_identity(trainer.name, trainer.description, trainer.build)
    require(trainer.task in OUTPUTS, f"task {trainer.task} exists")
    require((trainer.distance is not None) == (trainer.task == "clustering"), "a trainer for clustering has `distance`, and no other has")
    require(trainer.epoch >= 1, "epoch counts from 1")
    require(trainer.tolerance is None or trainer.tolerance > 0, "tolerance is a positive number or None")
    check_params(trainer.params)
    _check_builds(trainer)
    _check_own_forms(trainer)
    spec = ModelSpec(algorithm=trainer.name, params=params or {})
    models = [build_model(trainer, spec, csv_table(ROWS, trainer.task)) for _ in range(2)]
    _check_models(*models)
    if trainer.native is not None:
        file = trainer.native.file
        require(models[0].native[file] == models[0].reloaded[file], f"{file} has the same bytes after `load` and `dump`")
    if trainer.fit is not None:
        require(any("iteration" in report for report in models[0].progress), "a trainer with `fit` reports its iterations")
    if trainer.task == "classification":
        build_model(trainer, spec, csv_table(ROWS, trainer.task, classes=3))
    if trainer.takes_missing:
        build_model(trainer, spec, csv_table(ROWS, trainer.task, gaps=True))
    if trainer.resume is not None:
        _check_resume(trainer, spec, models[0])
    check_abilities(trainer, params)


def _check_resume(trainer: Trainer, spec: ModelSpec, before: BuiltModel) -> None:
    """Check that `resume` continues from a model of other rows: reproducibly, to a different model, exported faithfully."""
    unknown = [name for name in trainer.resume_keeps if name not in trainer.params]
    require(not unknown, f"resume_keeps names parameters, not {unknown}")
    earlier, rows = csv_table(ROWS, trainer.task), csv_table(ROWS // 2, trainer.task)
    models = [build_model(trainer, spec, rows, before=earlier) for _ in range(2)]
    _check_models(*models)
    require(models[0].native != before.native, "`resume` learns from the new rows")


def check_preprocessor(step: Preprocessor, params: Params | None = None) -> None:
    """Check a preprocess step in front of a linear classifier, on columns of the type that it takes. Raises AssertionError."""
    check_identity(step.name, step.description, step.build)
    require(step.epoch >= 1, "epoch counts from 1")
    require(step.takes in {"number", "string"}, "takes is number or string")
    check_params(step.params)
    _check_builds(step)
    columns = ["a", "b", "c"] if step.takes == "number" else ["text"] if step.one_column else ["colour", "size"]
    spec = ModelSpec(algorithm="logistic_regression", preprocess=[{"columns": [*columns], "use": step.name, "params": dict(params or {})}])
    rows = csv_table(ROWS, "classification", strings=columns if step.takes == "string" else ())
    models = [build_model(step, spec, rows) for _ in range(2)]
    _check_models(*models)
    if step.keeps:
        require(models[0].width == len(models[0].features), "a step that keeps columns returns as many as it takes")
        if step.takes == "number" and not step.mixes:
            check_kept_columns(step, params or {})


def check_kept_columns(step: Preprocessor, params: Params) -> None:
    """Check a step that keeps columns and mixes none: each rises with its own input only. Raises AssertionError."""
    import numpy as np

    defaults = {name: schema["default"] for name, schema in step.params.items()}
    values = np.random.RandomState(0).uniform(-5, 5, (ROWS, 2)).astype(np.float32)
    fitted = step.build({**defaults, **params}, 0).fit(values, np.arange(ROWS) % 2)
    line = np.column_stack([np.linspace(-5, 5, ROWS), np.full(ROWS, 1.0)]).astype(np.float32)
    columns = np.asarray(fitted.transform(line), dtype=np.float64)
    keeps_apart = bool((np.ptp(columns[:, 1]) == 0) and not (np.diff(columns[:, 0]) < -ROUNDING).any())
    require(keeps_apart, "a step whose columns depend on others of the row declares that it `mixes`")


def _check_builds(provider: Trainer | Preprocessor) -> None:
    """The defaults and each single choice must build, and `build` must not change its parameters."""
    defaults = {name: schema["default"] for name, schema in provider.params.items()}
    refuse = provider.refuse or (lambda _params: None)
    require(refuse(defaults) is None, "the defaults are not refused")
    for choice in [{}, *({name: value} for name, schema in provider.params.items() for value in _choices(schema))]:
        params = deepcopy(defaults) | choice
        original = deepcopy(params)
        reason = refuse(params)
        require(reason is None or bool(reason.strip()), "a refusal gives its reason")
        try:
            estimator = provider.build(params, 0)
        except Exception as problem:
            raise not_met(f"it can be built with {choice or 'its defaults'}: {type(problem).__name__}: {problem}") from problem
        require(params == original, "build does not change its parameters")
        own = isinstance(provider, Trainer) and (provider.fit or provider.fit_from) is not None
        fits = own or hasattr(estimator, "fit")
        require(fits and estimator is not provider.build(params, 0), "build returns a new object to fit on every call")


def _choices(schema: Schema) -> Iterator[Any]:
    """The values that a schema enumerates."""
    if schema.get("type") == "boolean":
        yield from (True, False)
    yield from schema.get("enum", ())
    for option in schema.get("anyOf", ()):
        yield from _choices(option)


def _check_own_forms(trainer: Trainer) -> None:
    """Checks of a trainer's own graph and native file, where it has them."""
    converts = trainer.export_options is not None or trainer.repair is not None
    require(trainer.to_onnx is None or not converts, "`export_options` and `repair` apply to skl2onnx, not to `to_onnx`")
    if trainer.to_onnx is not None:
        check_light(trainer.to_onnx.__module__)
    if trainer.native is not None:
        require(FILE.fullmatch(trainer.native.file) is not None, f"the native file {trainer.native.file!r} is named like model.json")
        require(trainer.native.file not in RESERVED, f"the native file does not have the reserved name {trainer.native.file}")
        _require_unreadable(trainer.native.load)


def _require_unreadable(load: Callable[[bytes], object]) -> None:
    """`load` must raise ValueError for bytes that are not a native model."""
    try:
        load(GARBAGE)
    except ValueError:
        return
    except Exception as problem:
        raise not_met(f"`load` raises a ValueError for bytes that `dump` did not write, not {type(problem).__name__}") from problem
    raise not_met("`load` refuses bytes that `dump` did not write")


def _check_models(first: BuiltModel, second: BuiltModel) -> None:
    require(first.native == second.native, "the same rows and seed give the same native model, to the byte")
    require(first.files == second.files, "the same rows and seed give the same ONNX model, manifest and golden rows, to the byte")
    require(first.package == second.package, "the same rows and seed give the same package")
    require(first.parity.labels_differ == 0, f"the exported model predicts the labels of the native one: {first.parity}")
    require(first.score > first.chance, f"it scores better than chance on test rows: {first.score:.3f}, chance {first.chance:.3f}")
