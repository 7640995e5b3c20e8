"""The native model as files: skops, which runs no code on load, or the trainer's own format beside a skops file of the steps.

The bytes depend only on the model: skops writes memory addresses, random file names and times, which are replaced here by numbers in
order of appearance and one fixed date.
"""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from inspect import isabstract
from typing import Any

import msgspec

from leptonctl.core.codec import BadRecord, Record, decode, encode
from leptonctl.learning.fitting.fitted_model import Fitted, FittedStep
from leptonctl.learning.fitting.frame import Inputs, Slice
from leptonctl.learning.fitting.recipe import providers_of, with_defaults
from leptonctl.learning.fitting.skops_io import skops_io, state_of
from leptonctl.learning.inputs import TrainInputs
from leptonctl.spi.learning import Estimator, NativeForm, Preprocessor, ProviderError, Trainer

MODEL, STEPS = "model.skops", "steps.skops"
"""The whole model; the model without the estimator, for a trainer that has its own format for it."""
NO_TESTS = frozenset({"tests", "externals", "conftest", "_testing"})
TRUSTED = (
    "numpy.dtype",
    "leptonctl.providers.preprocess.select_k_best.score_by_target",
    "scipy.sparse._csr.csr_array",
    "scipy.sparse._csr.csr_matrix",
    "sklearn._loss.link.IdentityLink",
    "sklearn._loss.link.Interval",
    "sklearn._loss.link.LogLink",
    "sklearn._loss.link.LogitLink",
    "sklearn._loss.link.MultinomialLogit",
    "sklearn._loss.loss.HalfGammaLoss",
    "sklearn._loss.loss.HalfPoissonLoss",
    "sklearn._loss.loss.HalfSquaredError",
    "sklearn._loss.loss.HalfTweedieLoss",
    "sklearn._loss.loss.HalfTweedieLossIdentity",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.feature_selection._univariate_selection.chi2",
    "sklearn.feature_selection._univariate_selection.f_classif",
    "sklearn.feature_selection._univariate_selection.f_regression",
    "sklearn.gaussian_process.kernels.ConstantKernel",
    "sklearn.gaussian_process.kernels.Product",
    "sklearn.gaussian_process.kernels.RBF",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.metrics._dist_metrics.ManhattanDistance64",
    "sklearn.metrics._dist_metrics.MinkowskiDistance64",
    "sklearn.neighbors._ball_tree.BallTree",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
)


class StepLayout(Record):
    """A fitted preprocess step without its transformer."""

    use: str
    takes: tuple[Slice, ...]
    width: int
    sparse: bool


class Layout(Record, tag_field="format_version", tag="1"):
    """How the transformers and the estimator of a fitted model are wired."""

    checksum = False

    features: tuple[str, ...]
    inputs: Inputs
    steps: tuple[StepLayout, ...]
    final: tuple[Slice, ...]
    width: int
    sparse: bool


def dump_native(fitted: Fitted) -> dict[str, bytes]:
    """The files of the native model, by name."""
    form = fitted.trainer.native
    for step in fitted.steps:
        step.transformer.__dict__.pop("_stop_words_id", None)  # vectorisers store a memory address there
    content = {"layout": encode(_layout(fitted)).decode(), "steps": [step.transformer for step in fitted.steps]}
    if form is None:
        return {MODEL: archive({**content, "estimator": fitted.estimator})}
    return {STEPS: archive(content), form.file: form.dump(fitted.estimator)}


def load_native(files: Mapping[str, bytes], inputs: TrainInputs) -> Fitted:
    """Load the files that `dump_native` wrote. Raises ProviderError (untrusted-model) before any type outside the list is created."""
    trainer, steps = providers_of(inputs)
    content = _load_trusted(files[MODEL if trainer.native is None else STEPS], trainer)
    layout = _read_layout(content["layout"])
    return Fitted(
        trainer=trainer,
        features=layout.features,
        inputs=layout.inputs,
        steps=_steps(layout.steps, content["steps"], {provider.name: provider for _, provider in steps}),
        final=layout.final,
        width=layout.width,
        sparse=layout.sparse,
        estimator=content["estimator"] if trainer.native is None else _load_own_format(trainer.native, files),
    )


def _layout(fitted: Fitted) -> Layout:
    return Layout(
        features=fitted.features,
        inputs=fitted.inputs,
        steps=tuple(StepLayout(use=s.preprocessor.name, takes=s.takes, width=s.width, sparse=s.sparse) for s in fitted.steps),
        final=fitted.final,
        width=fitted.width,
        sparse=fitted.sparse,
    )


def _steps(
    layouts: Sequence[StepLayout], transformers: Sequence[Estimator], providers: Mapping[str, Preprocessor]
) -> tuple[FittedStep, ...]:
    return tuple(
        FittedStep(preprocessor=providers[s.use], transformer=transformer, takes=s.takes, width=s.width, sparse=s.sparse)
        for s, transformer in zip(layouts, transformers, strict=True)
    )


def _load_own_format(form: NativeForm, files: Mapping[str, bytes]) -> Estimator:
    try:
        return form.load(files[form.file])
    except ValueError as problem:
        raise _unreadable(form.file, " ".join(str(problem).split())) from problem


def _read_layout(text: str) -> Layout:
    try:
        return decode(text.encode(), Layout)
    except BadRecord as problem:
        raise _unreadable("layout", str(problem)) from problem


def _load_trusted(data: bytes, trainer: Trainer) -> Mapping[str, Any]:
    skops = skops_io()
    package = type(trainer.build(with_defaults(trainer.params, {}), 0)).__module__.partition(".")[0]
    unknown = skops.get_untrusted_types(data=data)
    foreign = [name for name in unknown if name not in TRUSTED and (package == "sklearn" or name.partition(".")[0] != package)]
    untrusted = [name for name in foreign if not _is_estimator(name)]
    if untrusted:
        raise ProviderError(
            "The native model contains types that are not trusted",
            detail=", ".join(untrusted),
            hint="build the version again; its native model may have been altered",
            id="untrusted-model",
        )
    content: Mapping[str, Any] = skops.loads(data, trusted=unknown)
    return content


def _is_estimator(name: str) -> bool:
    """Whether a type is one of scikit-learn's public estimators, which skops trusts: those that `all_estimators` lists."""
    module, _, kind = name.rpartition(".")
    if not module.startswith("sklearn.") or not NO_TESTS.isdisjoint(module.split(".")) or kind.startswith("_"):
        return False
    from sklearn.base import BaseEstimator

    try:
        value = getattr(import_module(module), kind, None)
    except ImportError:
        return False
    return isinstance(value, type) and issubclass(value, BaseEstimator) and not isabstract(value)


def _unreadable(part: str, reason: str) -> ProviderError:
    return ProviderError(
        "The native model cannot be read",
        detail=f"{part}: {reason[:400]}",
        hint="build the version again; its native model may have been altered",
        id="untrusted-model",
    )


def archive(content: Mapping[str, Any]) -> bytes:
    """The archive that skops writes, with addresses, random names and times replaced."""
    schema, parts = state_of(content)
    numbering = Numbering()
    # `json.dumps` would indent it in Python, which takes ten times as long
    text = msgspec.json.format(json.dumps(numbering.renumber(schema)).encode(), indent=2)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name, data in [*((new, parts[old]) for old, new in numbering.files.items()), ("schema.json", text)]:
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, 0o644 << 16
            target.writestr(entry, data)
    return out.getvalue()


@dataclass(slots=True)
class Numbering:
    """Numbers in place of what differs between two runs, in order of appearance."""

    ids: dict[object, int] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    def renumber(self, node: Any) -> Any:
        """A schema with the numbers of its objects and files."""
        if isinstance(node, list | tuple):
            return [self.renumber(item) for item in node]
        if isinstance(node, dict):
            return {name: self._value(node, name, value) for name, value in node.items()}
        return node

    def _value(self, node: Mapping[str, Any], name: str, value: Any) -> Any:
        if name == "__id__":
            # equal scalars count as one object: whether they are one in memory depends on where the parameters come from
            return self.ids.setdefault((node["content"],) if node.get("is_json") is True else value, len(self.ids))
        if name == "file" and isinstance(value, str):
            return self.files.setdefault(value, f"{len(self.files)}.{value.rpartition('.')[2]}")
        return self.renumber(value)
