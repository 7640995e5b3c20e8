"""Kernel support vector machines. For classification with probabilities by Platt scaling, fitted on five folds."""

from leptonctl.providers.trainers.shared_params import CLASS_WEIGHT
from leptonctl.providers.trainers.svm_params import KERNEL
from leptonctl.spi.learning import Estimator, Params, Trainer


def build_classifier(params: Params, seed: int) -> Estimator:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.svm import SVC

    return CalibratedClassifierCV(SVC(**params, random_state=seed), method="sigmoid", ensemble=False, n_jobs=1)


def build_regressor(params: Params, seed: int) -> Estimator:  # noqa: ARG001
    from sklearn.svm import SVR

    return SVR(**params)


TRAINERS = (
    Trainer(
        name="svm",
        task="classification",
        holds_rows="support vectors, which are training rows",
        description="Support vector machine with a kernel; probabilities by Platt scaling fitted on five folds.",
        params={**KERNEL, "class_weight": CLASS_WEIGHT},
        build=build_classifier,
        weighs=True,
    ),
    Trainer(
        name="svm",
        task="regression",
        holds_rows="support vectors, which are training rows",
        description="Support vector regression with a kernel.",
        params={
            **KERNEL,
            "epsilon": {"type": "number", "minimum": 0, "default": 0.1, "description": "Errors smaller than this are not penalised."},
        },
        build=build_regressor,
        weighs=True,
        tolerance=5e-4,
    ),
)
