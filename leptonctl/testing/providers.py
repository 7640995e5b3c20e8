"""What every trainer, preprocess step, metric and source must keep. Learns on small tables with the very steps of an apply."""

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
from leptonctl.testing.lessons import Exercise, Lesson, learn, table
from leptonctl.testing.racing import require

FILE = re.compile(r"model\.[a-z0-9]+")
NAME = re.compile(r"[a-z][a-z0-9_]*")
HEAVY = ("numpy", "sklearn", "skl2onnx", "onnx", "onnxruntime", "polars")
ROWS = 120
# files that an export or a native model has beside
RESERVED = ("model.onnx", "model.skops")
# the first letters of a file that no format knows
GARBAGE = bytes(range(256)) * 2


def check_trainer(trainer: Trainer, params: Params | None = None) -> None:
    """An algorithm: its schemas, every choice it offers, learning that repeats to the byte, and an export that answers alike.

    params: values for the learning, such as fewer trees; the defaults are checked either way.
    """
    check_about(trainer.name, trainer.description, trainer.build)
    require(trainer.task in {"classification", "regression"}, f"task {trainer.task} is one that can be learnt")
    require(trainer.epoch >= 1, "epoch counts from 1")
    require(trainer.tolerance is None or trainer.tolerance > 0, "tolerance is a positive number or None")
    check_params(trainer.params)
    _check_builds(trainer)
    _check_own_forms(trainer)
    exercise = Exercise(algorithm=trainer.name, params=params or {})
    lessons = [learn(trainer, exercise, table(ROWS, trainer.task)) for _ in range(2)]
    _check_lessons(*lessons)
    if trainer.native is not None:
        file = trainer.native.file
        require(lessons[0].native[file] == lessons[0].again[file], f"{file} keeps its bytes when it is read and written again")
    if trainer.fit is not None:
        require(any("iteration" in told for told in lessons[0].progress), "a trainer with `fit` tells its iterations")
    if trainer.task == "classification":
        learn(trainer, exercise, table(ROWS, trainer.task, classes=3))
    if trainer.takes_missing:
        learn(trainer, exercise, table(ROWS, trainer.task, gaps=True))


def check_preprocessor(step: Preprocessor, params: Params | None = None) -> None:
    """A preprocess step, on numbers or on texts as it takes them, before a linear classifier."""
    check_about(step.name, step.description, step.build)
    require(step.epoch >= 1, "epoch counts from 1")
    require(step.takes in {"number", "string"}, "takes is number or string")
    check_params(step.params)
    _check_builds(step)
    columns = ["a", "b", "c"] if step.takes == "number" else ["text"] if step.one_column else ["colour", "size"]
    exercise = Exercise(
        algorithm="logistic_regression", preprocess=[{"columns": [*columns], "use": step.name, "params": dict(params or {})}]
    )
    rows = table(ROWS, "classification", texts=columns if step.takes == "string" else ())
    lessons = [learn(step, exercise, rows) for _ in range(2)]
    _check_lessons(*lessons)
    if step.keeps:
        require(lessons[0].width == len(lessons[0].features), "a step that keeps columns gives as many as it takes")


def check_metric(metric: Metric) -> None:
    """A metric: defined on plain answers, the same for rows in another order, and better for better answers."""
    check_about(metric.name, metric.description, metric.score or metric.detail)
    require(metric.score is not None or metric.detail is not None, "a metric has a score, a detail, or both")
    cases = [(False, 2), (True, 2), (True, 3)] if metric.task == "classification" else [(False, 0)]
    for probable, classes in cases:
        if probable or not metric.needs_probabilities:
            _check_scores(metric, classes, probable=probable)


def check_source(source: Source, files: Sequence[Path], options: SourceOptions | None = None) -> None:
    """A file format, on sample files of at least two rows: header, rows and lines agree; what is no such file is said to be none."""
    check_about(source.name, source.description, source.read)
    require(bool(source.suffixes) and all(s == s.lower() and s.startswith(".") for s in source.suffixes), "suffixes are like .csv")
    require(bool(files), "a source is checked with a sample file")
    reading = options or SourceOptions()
    for file in files:
        require(file.name.lower().endswith(source.suffixes), f"{file.name} has one of the suffixes")
        _check_reading(source, file, reading)
    with TemporaryDirectory() as folder:
        for name, data in (("empty", b""), ("garbage", GARBAGE)):
            file = Path(folder) / f"{name}{source.suffixes[0]}"
            file.write_bytes(data)
            for act in (source.columns, source.read):
                _require_refused(f"{act.__name__} of {'an empty file' if not data else 'bytes that are no such file'}", act, file, reading)


# --- what all share ------------------------------------------------------------------------------------------------


def check_about(name: str, description: str, function: Callable[..., object] | None) -> None:
    """A name, a description, and a module that is light to import."""
    require(NAME.fullmatch(name) is not None, f"the name {name!r} is lower-case letters, digits and underscores")
    require(bool(description.strip()), f"{name} has a description")
    if function is not None:
        check_light(function.__module__)


def check_light(module: str) -> None:
    """Plans import providers: theirs must not cost what training costs."""
    code = f"import sys; sys.path[:] = {sys.path!r}; import {module}; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    require(done.returncode == 0, f"{module} can be imported: {done.stderr[-300:]}")
    require(not done.stdout.strip(), f"{module} imports {done.stdout.strip()} only inside its functions")


def check_params(params: Mapping[str, Schema]) -> None:
    """Schemas of parameters or settings: valid, described, with a default that is one of their values."""
    from jsonschema import Draft7Validator, SchemaError

    for name, schema in params.items():
        try:
            Draft7Validator.check_schema(schema)
        except SchemaError as wrong:
            raise _broken(f"the schema of {name} is one: {wrong.message}") from wrong
        require(bool(str(schema.get("description", "")).strip()), f"{name} has a description")
        require("default" in schema, f"{name} has a default")
        require(Draft7Validator(schema).is_valid(schema["default"]), f"the default of {name} is one of its values")
        require(json.loads(json.dumps(schema)) == schema, f"the schema of {name} is plain JSON")


def _check_builds(provider: Trainer | Preprocessor) -> None:
    """Defaults and each choice alone can be built and are left as they were."""
    defaults = {name: schema["default"] for name, schema in provider.params.items()}
    refuse = provider.refuse or (lambda _params: None)
    require(refuse(defaults) is None, "the defaults are not refused")
    for given in [{}, *({name: value} for name, schema in provider.params.items() for value in _choices(schema))]:
        filled = deepcopy(defaults) | given
        before = deepcopy(filled)
        why = refuse(filled)
        require(why is None or bool(why.strip()), "a refusal gives its reason")
        try:
            built = provider.build(filled, 0)
        except Exception as problem:
            raise _broken(f"it can be built with {given or 'its defaults'}: {type(problem).__name__}: {problem}") from problem
        require(filled == before, "build leaves its parameters as they were")
        fits = hasattr(built, "fit") or (isinstance(provider, Trainer) and provider.fit is not None)
        require(fits and built is not provider.build(filled, 0), "build gives a new thing to fit on every call")


def _choices(schema: Schema) -> Iterator[Any]:
    """The values that a schema lists."""
    if schema.get("type") == "boolean":
        yield from (True, False)
    yield from schema.get("enum", ())
    for option in schema.get("anyOf", ()):
        yield from _choices(option)


def _check_own_forms(trainer: Trainer) -> None:
    """A graph and a file of its own, where it has them."""
    converts = trainer.export_options is not None or trainer.repair is not None
    require(trainer.to_onnx is None or not converts, "`export_options` and `repair` are for what skl2onnx converts, not for `to_onnx`")
    if trainer.to_onnx is not None:
        check_light(trainer.to_onnx.__module__)
    if trainer.native is not None:
        require(FILE.fullmatch(trainer.native.file) is not None, f"the native file {trainer.native.file!r} is named like model.json")
        require(trainer.native.file not in RESERVED, f"the name {trainer.native.file} is taken")
        _require_unreadable(trainer.native.load)


def _require_unreadable(load: Callable[[bytes], object]) -> None:
    """Bytes that are no native model are a ValueError, which is reported, and nothing else."""
    try:
        load(GARBAGE)
    except ValueError:
        return
    except Exception as problem:
        raise _broken(f"`load` raises a ValueError for bytes that `dump` did not write, not {type(problem).__name__}") from problem
    raise _broken("`load` refuses bytes that `dump` did not write")


def _check_lessons(first: Lesson, again: Lesson) -> None:
    require(first.native == again.native, "the same rows and seed give the same native model, to the byte")
    require(first.files == again.files, "the same rows and seed give the same ONNX model, manifest and golden rows, to the byte")
    require(first.package == again.package, "the same rows and seed give the same package")
    require(first.parity.labels_differ == 0, f"the exported model gives the labels of the native one: {first.parity}")
    require(first.score > first.chance, f"it learns: {first.score:.3f} on rows it has not seen, {first.chance:.3f} by chance")


# --- metrics -------------------------------------------------------------------------------------------------------


def _check_scores(metric: Metric, classes: int, *, probable: bool) -> None:
    y, good, bad = _answers(classes, probable=probable)
    scoring = Scoring(positive="b", average="binary") if classes == 2 else Scoring(average="macro")  # noqa: PLR2004
    order = list(range(len(y)))[::-2] + list(range(len(y)))[-2::-2]
    if metric.detail is not None:
        text = json.dumps(metric.detail(y, bad, scoring), allow_nan=False, sort_keys=True)
        require(text == json.dumps(metric.detail(y, bad, scoring), allow_nan=False, sort_keys=True), "a detail is the same every time")
    if metric.score is None:
        return
    low, high = metric.score(y, bad, scoring), metric.score(y, good, scoring)
    require(isfinite(low) and isfinite(high), f"a score is finite, not {low!r} and {high!r}")
    require(abs(metric.score(y[order], _cut(bad, order), scoring) - low) <= 1e-9 * max(1.0, abs(low)), "the order of rows does not matter")
    if metric.greater_is_better is not None:
        better, worse = (high, low) if metric.greater_is_better else (low, high)
        require(better > worse, f"better answers score better: right ones {high}, partly wrong ones {low}")


def _answers(classes: int, *, probable: bool) -> tuple[Any, Prediction, Prediction]:
    """True values, answers that are right, and answers of which some are wrong."""
    import numpy as np

    draw = np.random.RandomState(0)
    if not classes:
        y = draw.uniform(1, 10, 60)
        return y, Prediction(values=y.copy()), Prediction(values=y + draw.normal(0, 2, 60))
    names = np.array(["a", "b", "c"][:classes])
    truth = np.arange(60) % classes
    wrong = np.where(draw.uniform(size=60) < 0.3, (truth + 1) % classes, truth)  # noqa: PLR2004
    right, partly = (_prediction(names, places, probable=probable) for places in (truth, wrong))
    return names[truth], right, partly


def _prediction(names: Any, places: Any, *, probable: bool) -> Prediction:
    import numpy as np

    shares = np.full((len(places), len(names)), 0.1)
    shares[np.arange(len(places)), places] = 1 - 0.1 * (len(names) - 1)
    return Prediction(labels=names[places], probabilities=shares if probable else None, classes=tuple(names.tolist()))


def _cut(prediction: Prediction, rows: list[int]) -> Prediction:
    parts = (prediction.labels, prediction.probabilities, prediction.values)
    labels, probabilities, values = (None if part is None else part[rows] for part in parts)
    return Prediction(labels=labels, probabilities=probabilities, values=values, classes=prediction.classes)


# --- sources -------------------------------------------------------------------------------------------------------


def _check_reading(source: Source, file: Path, options: SourceOptions) -> None:
    import polars as pl

    rows = source.read(file, options)
    require(source.columns(file, options) == rows.columns, f"{file.name}: the header gives the columns of the rows")
    require(rows.height > 1, f"{file.name}: there are at least two rows")
    require(source.typed or set(rows.dtypes) == {pl.String}, f"{file.name}: a format without types gives texts")
    require(rows.equals(source.read(file, options)), f"{file.name}: reading again gives the same rows")
    lines = source.line_of(file, options, range(rows.height))
    require(len(lines) == rows.height and lines[0] >= 1, f"{file.name}: every row has a line, from 1")
    require(all(a < b for a, b in pairwise(lines)), f"{file.name}: the lines of the rows grow")
    require(source.line_of(file, options, [rows.height - 1]) == lines[-1:], f"{file.name}: the line of one row is that among all")


def _require_refused(what: str, act: Callable[..., object], *arguments: object) -> None:
    try:
        act(*arguments)
    except ProviderError as problem:
        require(bool(problem.summary), f"{what} is refused with a summary")
    except Exception as problem:
        raise _broken(f"{what} raises a ProviderError, not {type(problem).__name__}: {problem}") from problem
    else:
        raise _broken(f"{what} is refused")


def _broken(what: str) -> AssertionError:
    return AssertionError(f"not kept: {what}")
