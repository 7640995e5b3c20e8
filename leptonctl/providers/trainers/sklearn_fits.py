"""What trainers of scikit-learn's estimators share: fits with weights, directions, probabilities by Platt scaling, and warm starts."""

from collections.abc import Sequence

from leptonctl.spi.learning import Estimator, Training


def fit_weighted(estimator: Estimator, training: Training) -> Estimator:
    """`estimator.fit`, with weights where the rows have any."""
    weights = {} if training.weights is None else {"sample_weight": training.weights}
    return estimator.fit(training.features, training.target, **weights)


def constrain(estimator: Estimator, directions: Sequence[int]) -> Estimator:
    """The tree or the ensemble of trees, with a direction for each column."""
    return estimator.set_params(monotonic_cst=[*directions])


def calibrate(classifier: Estimator) -> Estimator:
    """A classifier without probabilities, and a sigmoid on five folds that makes them of its scores."""
    from sklearn.calibration import CalibratedClassifierCV

    return CalibratedClassifierCV(classifier, method="sigmoid", ensemble=False, n_jobs=1)


def resume_coefficients(parent: Estimator, fresh: Estimator, training: Training) -> Estimator:
    """Coordinate descent that begins at the parent's coefficients."""
    fresh.set_params(warm_start=True)
    fresh.coef_ = parent.coef_.copy()
    return fresh.fit(training.features, training.target).set_params(warm_start=False)
