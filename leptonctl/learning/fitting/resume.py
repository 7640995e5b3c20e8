"""Trains a fitted model further on other rows (`warm_start`), and checks that the rows fit the model. Writes no files."""

from collections.abc import Iterator

import numpy as np

from leptonctl.core.contract import Column, Contract
from leptonctl.core.frozen import replace
from leptonctl.learning.fitting.checks import holds_nan
from leptonctl.learning.fitting.fit import fit, fit_errors
from leptonctl.learning.fitting.fit_log import FitLog
from leptonctl.learning.fitting.fitted_model import Fitted, quiet
from leptonctl.learning.fitting.frame import Matrix
from leptonctl.learning.fitting.recipe import providers_of, with_defaults
from leptonctl.learning.inputs import TrainInputs
from leptonctl.learning.tables.prepared import Columns, pick_columns
from leptonctl.spi.learning import Checkpoint, Estimator, Progress, ProviderError, Trainer, Training

NAMED = 3
"""How many differences a message names."""


def resume(
    inputs: TrainInputs, parent: Fitted, columns: Columns, y: np.ndarray, progress: Progress, *, checkpoint: Checkpoint | None = None
) -> Fitted:
    """The parent's model, fitted further on these rows. Its preprocess steps stay as fitted unless the inputs say `refit`."""

    def learn(matrix: Matrix, target: np.ndarray, report: Progress) -> Estimator:
        if matrix.shape[1] != parent.width:
            raise _other_width(matrix.shape[1], parent.width)
        matrix = matrix if parent.sparse or isinstance(matrix, np.ndarray) else matrix.toarray()
        return _resume_estimator(parent, inputs, (matrix, target), report, checkpoint)

    if inputs.warm_start is not None and inputs.warm_start.refit:
        return fit(inputs, columns, y, progress, learn=learn)
    trainer, _ = providers_of(inputs)
    matrix = _parent_matrix(trainer, parent, pick_columns(columns, inputs.features))
    log = FitLog(progress)
    with log.recording(), fit_errors(trainer.name):
        estimator = _resume_estimator(parent, inputs, (matrix, y), log.report, checkpoint)
    return log.attach(replace(parent, estimator=estimator))


def _parent_matrix(trainer: Trainer, parent: Fitted, columns: Columns) -> Matrix:
    """These rows after the parent's steps. Raises ProviderError: training-failed, missing-values."""
    with quiet(), fit_errors(trainer.name):
        matrix = parent.matrix(columns)
    if holds_nan(matrix) and not trainer.takes_missing:
        raise ProviderError(
            "Missing values reach a step that cannot take them",
            detail=f"The steps of the parent leave missing cells, which {trainer.name} cannot take.",
            hint="give the columns a `missing:` fill value, or write `warm_start: {version: …, refit: true}` with an imputer",
            id="missing-values",
        )
    return matrix


def _resume_estimator(
    parent: Fitted, inputs: TrainInputs, rows: tuple[Matrix, np.ndarray], report: Progress, checkpoint: Checkpoint | None
) -> Estimator:
    trainer, _ = providers_of(inputs)
    assert trainer.resume is not None, "a plan refuses the others"
    matrix, y = rows
    fresh = trainer.build(with_defaults(trainer.params, inputs.params), inputs.seed)
    return trainer.resume(parent.estimator, fresh, Training(features=matrix, target=y, progress=report, checkpoint=checkpoint))


def check_same_form(parent: Contract, own: Contract, features: tuple[str, ...]) -> None:
    """Raises ProviderError (warm-start-mismatch) unless rows of `own` mean the same to the parent's model, which has these features."""
    differences = [*_target(parent, own), *column_differences(parent, own, features)]
    if differences:
        more = f"; and {len(differences) - NAMED} more" if len(differences) > NAMED else ""
        raise ProviderError(
            "The rows do not have the form of the parent's rows",
            detail="; ".join(differences[:NAMED]) + more + ".",
            hint="declare the columns of both dataset versions alike, or remove `warm_start` to train from the beginning",
            id="warm-start-mismatch",
        )


def _target(parent: Contract, own: Contract) -> Iterator[str]:
    if parent.target != own.target:
        yield f"the version before predicts {parent.target}, this version {own.target}"
    elif (parent.classes is None) != (own.classes is None) or (parent.classes is None and parent.target_type != own.target_type):
        yield f"the target is {parent.target_type} for the version before, {own.target_type} here"
    elif parent.classes != own.classes:
        counts = len(parent.classes or ()), len(own.classes or ()), len({*map(str, parent.classes or ())} & {*map(str, own.classes or ())})
        yield f"the classes differ: the version before has {counts[0]}, the rows here have {counts[1]}, and {counts[2]} are the same"


def column_differences(parent: Contract, own: Contract, features: tuple[str, ...]) -> Iterator[str]:
    """How these features differ between the contracts, in words."""
    theirs, ours = ({column.name: column for column in contract.columns} for contract in (parent, own))
    for name in features:
        if name not in ours:
            yield f"the column {name}, which the version before learned, is not in the data"
        elif name in theirs and (difference := _difference(theirs[name], ours[name])):
            yield f"the column {name} {difference}"


def _difference(parent: Column, own: Column) -> str:
    kinds = ["number" if column.type == "integer" else column.type for column in (parent, own)]
    if kinds[0] != kinds[1]:
        return f"is {parent.type} for the version before, {own.type} here"
    if parent.fill != own.fill:
        return "has another fill value (`missing:`) for the version before"
    return "is hashed in one of the two only" if parent.hash != own.hash else ""


def _other_width(own: int, parent: int) -> ProviderError:
    return ProviderError(
        "The preprocess steps give another number of columns than the parent's",
        detail=f"Fitted again, they give {own} columns; the parent's model takes {parent}.",
        hint="remove `refit: true`, which keeps the steps as the parent fitted them, or remove `warm_start`",
        id="warm-start-mismatch",
    )
