"""The native model as bytes: skops, which runs no code on load. Owns the file's layout and the list of trusted types.

The bytes are a function of the model alone: skops writes memory addresses, random file names and the time of day, which are
replaced here by numbers in order of appearance and one fixed date.
"""

import io
import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from leptonctl.learning.fit import Fitted, FittedStep, providers_of
from leptonctl.learning.frame import Inputs, Slice
from leptonctl.spi.learning import ProviderError

FORMAT = "1"
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
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.feature_selection._univariate_selection.chi2",
    "sklearn.feature_selection._univariate_selection.f_classif",
    "sklearn.feature_selection._univariate_selection.f_regression",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.metrics._dist_metrics.ManhattanDistance64",
    "sklearn.metrics._dist_metrics.MinkowskiDistance64",
    "sklearn.neighbors._ball_tree.BallTree",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.tree._tree.Tree",
)


def dump_native(fitted: Fitted) -> bytes:
    """`model.skops`."""
    from skops.io import dumps

    layout = {
        "format": FORMAT,
        "features": fitted.features,
        "inputs": asdict(fitted.inputs),
        "takes": [[asdict(piece) for piece in step.takes] for step in fitted.steps],
        "uses": [step.preprocessor.name for step in fitted.steps],
        "widths": [step.width for step in fitted.steps],
        "sparse": [*(step.sparse for step in fitted.steps), fitted.sparse],
        "final": [asdict(piece) for piece in fitted.final],
        "width": fitted.width,
    }
    for step in fitted.steps:
        vars(step.transformer).pop("_stop_words_id", None)  # a memory address that vectorisers leave on themselves
    content = {
        "layout": json.dumps(layout, sort_keys=True),
        "steps": [step.transformer for step in fitted.steps],
        "estimator": fitted.estimator,
    }
    return _canonical_zip(dumps(content))


def load_native(data: bytes, train_inputs: Mapping[str, Any]) -> Fitted:
    """The model that `dump_native` wrote. Types outside the trusted list are refused before anything is made of them."""
    from skops.io import get_untrusted_types, loads

    trainer, found = providers_of(train_inputs)
    package = type(trainer.build(filled_defaults(trainer.params), 0)).__module__.partition(".")[0]
    unknown = get_untrusted_types(data=data)
    refused = [name for name in unknown if name not in TRUSTED and (package == "sklearn" or name.partition(".")[0] != package)]
    if refused:
        raise ProviderError(
            "The native model holds types that are not trusted",
            detail=", ".join(refused),
            hint="build the version again; its model.skops may have been altered",
            id="untrusted-model",
        )
    content = loads(data, trusted=unknown)
    layout = json.loads(content["layout"])
    by_name = {preprocessor.name: preprocessor for preprocessor in found}
    steps = tuple(
        FittedStep(preprocessor=by_name[use], transformer=transformer, takes=_slices(takes), width=width, sparse=sparse)
        for use, transformer, takes, width, sparse in zip(
            layout["uses"], content["steps"], layout["takes"], layout["widths"], layout["sparse"][:-1], strict=True
        )
    )
    return Fitted(
        trainer=trainer,
        features=tuple(layout["features"]),
        inputs=Inputs(numbers=tuple(layout["inputs"]["numbers"]), texts=tuple(layout["inputs"]["texts"])),
        steps=steps,
        final=_slices(layout["final"]),
        width=layout["width"],
        sparse=layout["sparse"][-1],
        estimator=content["estimator"],
    )


def filled_defaults(declared: Mapping[str, Any]) -> dict[str, Any]:
    return {name: schema["default"] for name, schema in declared.items()}


def _slices(written: list[dict[str, Any]]) -> tuple[Slice, ...]:
    return tuple(Slice(tensor=piece["tensor"], columns=tuple(piece["columns"])) for piece in written)


def _canonical_zip(data: bytes) -> bytes:
    """The same archive without addresses, random names and times."""
    source = zipfile.ZipFile(io.BytesIO(data))
    schema = source.read("schema.json").decode()
    ids: dict[str, str] = {}
    schema = re.sub(r'("__id__": )(\d+)', lambda m: m[1] + ids.setdefault(m[2], str(len(ids))), schema)
    files = [name for name in source.namelist() if name != "schema.json"]
    names: dict[str, str] = {}
    for match in re.finditer(r'"file": "([^"]+)"', schema):
        names.setdefault(match[1], f"{len(names)}.{match[1].rpartition('.')[2]}")
    schema = re.sub(r'("file": ")([^"]+)"', lambda m: f'{m[1]}{names[m[2]]}"', schema)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in [*sorted(files, key=lambda n: int(names[n].partition(".")[0])), "schema.json"]:
            entry = zipfile.ZipInfo(names.get(name, name), date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, 0o644 << 16
            target.writestr(entry, schema if name == "schema.json" else source.read(name))
    return out.getvalue()
