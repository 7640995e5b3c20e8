"""The conformance suites of trainers, preprocess steps, metrics and sources. Builds models of small tables with the steps of an apply."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from itertools import pairwise
from math import isfinite
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from leptonctl.core.manifest import OUTPUTS, UNSUPERVISED
from leptonctl.spi.learning import (
    Metric,
    Params,
    Prediction,
    Preprocessor,
    ProviderError,
    Schema,
    Scoring,
    Source,
    SourceOptions,
    Trainer,
)
from leptonctl.testing.abilities import check_abilities
from leptonctl.testing.models import BuiltModel, ModelSpec, build_model, csv_table
from leptonctl.testing.racing import require

FILE = re.compile(r"model\.[a-z0-9]+")
NAME = re.compile(r"[a-z][a-z0-9_]*|[A-Z][A-Za-z0-9]*")
HEAVY = ("numpy", "sklearn", "skl2onnx", "onnx", "onnxruntime", "polars", "xgboost", "lightgbm", "torch")
ROWS = 120
FALLS = 1e-6
"""More than rounding."""
# names of files that an export or a skops model writes
RESERVED = ("model.onnx", "model.skops")
# the beginning of a file of no known format
GARBAGE = bytes(range(256)) * 2


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
    """Check that it goes on from a model of other rows: to the same bytes, to another model than before, exported faithfully."""
    unknown = [name for name in trainer.resume_keeps if name not in trainer.params]
    require(not unknown, f"resume_keeps names parameters, not {unknown}")
    earlier, rows = csv_table(ROWS, trainer.task), csv_table(ROWS // 2, trainer.task)
    models = [build_model(trainer, spec, rows, before=earlier) for _ in range(2)]
    _check_models(*models)
    require(models[0].native != before.native, "`resume` learns from the new rows")


def check_preprocessor(step: Preprocessor, params: Params | None = None) -> None:
    """Check a preprocess step before a linear classifier, on the type of columns that it takes. Raises AssertionError."""
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
    """Check a step that keeps columns and mixes none: each rises with its own input, and with no other. Raises AssertionError."""
    import numpy as np

    defaults = {name: schema["default"] for name, schema in step.params.items()}
    values = np.random.RandomState(0).uniform(-5, 5, (ROWS, 2)).astype(np.float32)
    fitted = step.build({**defaults, **params}, 0).fit(values, np.arange(ROWS) % 2)
    line = np.column_stack([np.linspace(-5, 5, ROWS), np.full(ROWS, 1.0)]).astype(np.float32)
    found = np.asarray(fitted.transform(line), dtype=np.float64)
    told = "a step whose columns depend on others of the row says that it `mixes`"
    require(bool((np.ptp(found[:, 1]) == 0) and not (np.diff(found[:, 0]) < -FALLS).any()), told)


def check_metric(metric: Metric) -> None:
    """Check a metric: defined on ordinary answers, independent of the order of rows, better for better answers. Raises AssertionError."""
    check_identity(metric.name, metric.description, metric.score or metric.detail)
    require(metric.score is not None or metric.detail is not None, "a metric has a score, a detail, or both")
    if metric.task in UNSUPERVISED:
        return  # what they measure is not how close an answer is to a target
    cases = [(False, 2), (True, 2), (True, 3)] if metric.task == "classification" else [(False, 0)]
    for with_probabilities, classes in cases:
        if with_probabilities or not metric.needs_probabilities:
            _check_scores(metric, classes, with_probabilities=with_probabilities)


def check_source(source: Source, files: Sequence[Path], options: SourceOptions | None = None) -> None:
    """Check a source on sample files of at least two rows: header, rows and lines agree, and other files are refused.

    Raises AssertionError.
    """
    check_identity(source.name, source.description, source.read)
    require(bool(source.suffixes) and all(s == s.lower() and s.startswith(".") for s in source.suffixes), "suffixes look like .csv")
    require(bool(files), "there is at least one sample file")
    reading = options or SourceOptions()
    for file in files:
        require(file.name.lower().endswith(source.suffixes), f"{file.name} has one of the suffixes")
        _check_reading(source, file, reading)
    with TemporaryDirectory() as folder:
        for name, data in (("empty", b""), ("garbage", GARBAGE)):
            file = Path(folder) / f"{name}{source.suffixes[0]}"
            file.write_bytes(data)
            for function in (source.columns, source.read):
                requirement = f"{function.__name__} of {'an empty file' if not data else 'a file of another format'}"
                _require_refused(requirement, function, file, reading)


# --- shared checks -------------------------------------------------------------------------------------------------


def check_identity(name: str, description: str, function: Callable[..., object] | None) -> None:
    """Raises AssertionError unless there is a valid name, a description, and a module that is light to import."""
    require(NAME.fullmatch(name) is not None, f"the name {name!r} is lower-case letters, digits and underscores, or the name of a class")
    require(bool(description.strip()), f"{name} has a description")
    if function is not None:
        check_light(function.__module__)


def check_light(module: str) -> None:
    """Importing the module must load no heavy library, since plans import providers."""
    code = f"import sys; sys.path[:] = {sys.path!r}; import {module}; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    require(process.returncode == 0, f"{module} can be imported: {process.stderr[-300:]}")
    require(not process.stdout.strip(), f"{module} imports {process.stdout.strip()} only inside its functions")


def check_params(params: Mapping[str, Schema]) -> None:
    """Schemas of parameters or settings must be valid and have a description and a default that is one of their values."""
    from jsonschema import Draft7Validator, SchemaError

    for name, schema in params.items():
        try:
            Draft7Validator.check_schema(schema)
        except SchemaError as problem:
            raise _not_met(f"the schema of {name} is valid: {problem.message}") from problem
        require(bool(str(schema.get("description", "")).strip()), f"{name} has a description")
        require("default" in schema, f"{name} has a default")
        require(Draft7Validator(schema).is_valid(schema["default"]), f"the default of {name} is one of its values")
        require(json.loads(json.dumps(schema)) == schema, f"the schema of {name} is plain JSON")


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
            raise _not_met(f"it can be built with {choice or 'its defaults'}: {type(problem).__name__}: {problem}") from problem
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
        raise _not_met(f"`load` raises a ValueError for bytes that `dump` did not write, not {type(problem).__name__}") from problem
    raise _not_met("`load` refuses bytes that `dump` did not write")


def _check_models(first: BuiltModel, second: BuiltModel) -> None:
    require(first.native == second.native, "the same rows and seed give the same native model, to the byte")
    require(first.files == second.files, "the same rows and seed give the same ONNX model, manifest and golden rows, to the byte")
    require(first.package == second.package, "the same rows and seed give the same package")
    require(first.parity.labels_differ == 0, f"the exported model predicts the labels of the native one: {first.parity}")
    require(first.score > first.chance, f"it scores better than chance on test rows: {first.score:.3f}, chance {first.chance:.3f}")


# --- metrics -------------------------------------------------------------------------------------------------------


def _check_scores(metric: Metric, classes: int, *, with_probabilities: bool) -> None:
    y, right, partly_wrong = _answers(classes, with_probabilities=with_probabilities)
    scoring = Scoring(positive="b", average="binary") if classes == 2 else Scoring(average="macro")  # noqa: PLR2004
    order = list(range(len(y)))[::-2] + list(range(len(y)))[-2::-2]
    if metric.detail is not None:
        text = json.dumps(metric.detail(y, partly_wrong, scoring), allow_nan=False, sort_keys=True)
        again = json.dumps(metric.detail(y, partly_wrong, scoring), allow_nan=False, sort_keys=True)
        require(text == again, "a detail is the same every time")
    if metric.score is None:
        return
    low, high = metric.score(y, partly_wrong, scoring), metric.score(y, right, scoring)
    require(isfinite(low) and isfinite(high), f"a score is finite, not {low!r} and {high!r}")
    reordered = metric.score(y[order], _select_rows(partly_wrong, order), scoring)
    require(abs(reordered - low) <= 1e-9 * max(1.0, abs(low)), "the order of rows does not matter")
    if metric.greater_is_better is not None:
        better, worse = (high, low) if metric.greater_is_better else (low, high)
        require(better > worse, f"better answers score better: all right {high}, partly wrong {low}")


def _answers(classes: int, *, with_probabilities: bool) -> tuple[Any, Prediction, Prediction]:
    """True values, answers that are all right, and answers that are partly wrong."""
    import numpy as np

    rng = np.random.RandomState(0)
    if not classes:
        y = rng.uniform(1, 10, 60)
        return y, Prediction(values=y.copy()), Prediction(values=y + rng.normal(0, 2, 60))
    names = np.array(["a", "b", "c"][:classes])
    truth = np.arange(60) % classes
    partly_wrong = np.where(rng.uniform(size=60) < 0.3, (truth + 1) % classes, truth)  # noqa: PLR2004
    right, wrong = (_prediction(names, places, with_probabilities=with_probabilities) for places in (truth, partly_wrong))
    return names[truth], right, wrong


def _prediction(names: Any, places: Any, *, with_probabilities: bool) -> Prediction:
    import numpy as np

    probabilities = np.full((len(places), len(names)), 0.1)
    probabilities[np.arange(len(places)), places] = 1 - 0.1 * (len(names) - 1)
    return Prediction(labels=names[places], probabilities=probabilities if with_probabilities else None, classes=tuple(names.tolist()))


def _select_rows(prediction: Prediction, rows: list[int]) -> Prediction:
    parts = (prediction.labels, prediction.probabilities, prediction.values)
    labels, probabilities, values = (None if part is None else part[rows] for part in parts)
    return Prediction(labels=labels, probabilities=probabilities, values=values, classes=prediction.classes)


# --- sources -------------------------------------------------------------------------------------------------------


def _check_reading(source: Source, file: Path, options: SourceOptions) -> None:
    import polars as pl

    rows = source.read(file, options)
    require(source.columns(file, options) == rows.columns, f"{file.name}: the header has the columns of the rows")
    require(rows.height > 1, f"{file.name}: there are at least two rows")
    require(source.typed or set(rows.dtypes) == {pl.String}, f"{file.name}: a format without types returns strings")
    require(rows.equals(source.read(file, options)), f"{file.name}: reading again gives the same rows")
    if source.batches is not None:
        parts = [*source.batches(file, options, 1)]
        require(len(parts) == rows.height, f"{file.name}: batches of one row are as many as the rows")
        require(rows.equals(pl.concat(parts, how="vertical_relaxed")), f"{file.name}: the batches together are the rows")
    lines = source.line_of(file, options, range(rows.height))
    require(len(lines) == rows.height and lines[0] >= 1, f"{file.name}: every row has a line, counted from 1")
    require(all(a < b for a, b in pairwise(lines)), f"{file.name}: the lines of the rows increase")
    require(source.line_of(file, options, [rows.height - 1]) == lines[-1:], f"{file.name}: one row has the same line as among all rows")


def _require_refused(call: str, function: Callable[..., object], *arguments: object) -> None:
    try:
        function(*arguments)
    except ProviderError as problem:
        require(bool(problem.summary), f"{call} is refused with a summary")
    except Exception as problem:
        raise _not_met(f"{call} raises a ProviderError, not {type(problem).__name__}: {problem}") from problem
    else:
        raise _not_met(f"{call} is refused")


def _not_met(requirement: str) -> AssertionError:
    return AssertionError(f"not met: {requirement}")
