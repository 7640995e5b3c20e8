"""Preprocess steps of the listed transformers, made of the list and the shipped parameters. scikit-learn is imported in `build`."""

from collections.abc import Callable
from functools import cache
from importlib import import_module

from leptonctl.providers.estimators.listed import STEPS, Step
from leptonctl.providers.estimators.shipped import Signature, signatures
from leptonctl.providers.estimators.trainers import argument, refusal
from leptonctl.spi.learning import Estimator, Options, Params, Preprocessor, Schema

SCORED = frozenset({"GenericUnivariateSelect", "SelectFdr", "SelectFpr", "SelectFwe", "SelectPercentile"})
SCORE: Schema = {
    "enum": ["auto", "f_classif", "f_regression", "chi2"],
    "default": "auto",
    "description": "How to score a column: auto is f_classif for classes, f_regression for numbers; chi2 takes no negative numbers.",
}


def step_of(name: str) -> Preprocessor | None:
    """The step of a class; None when it is not one of the listed, or is another step's class (`STEP_ALIASES`)."""
    return _step(name) if name in STEPS else None


@cache
def _step(name: str) -> Preprocessor:
    listed, signature = STEPS[name], signatures()[name]
    params = {key: schema for key, schema in signature.params.items() if key not in listed.without}
    if name in SCORED:
        params = {"score_func": SCORE, **params}
    return Preprocessor(
        name=name,
        description=listed.description,
        params=params,
        build=_builder(name, listed, signature),
        takes=listed.takes,
        keeps=listed.keeps,
        mixes=listed.mixes,
        supervised=listed.supervised,
        one_column=listed.one_column,
        loose=listed.loose,
        holds_rows=listed.holds_rows,
        export_options=_words if listed.one_column else None,
        refuse=refusal(listed.refused),
        drops_empty=_drops_empty if "keep_empty_features" in params else None,
    )


def _builder(name: str, listed: Step, signature: Signature) -> Callable[[Params, int], Estimator]:
    def build(params: Params, seed: int) -> Estimator:
        arguments = {key: argument(value, signature.params.get(key, {})) for key, value in params.items()}
        if name in SCORED:
            arguments["score_func"] = _score(params["score_func"])
        arguments |= {**listed.fixed, **({"random_state": seed} if signature.seeded else {})}
        kind = getattr(import_module(signature.module), name)
        return kind(**arguments, **({"n_jobs": 1} if signature.jobs else {}))

    return build


def _score(name: str) -> object:
    from sklearn import feature_selection

    from leptonctl.providers.preprocess.select_k_best import score_by_target

    return score_by_target if name == "auto" else getattr(feature_selection, name)


def _words(_fitted: Estimator) -> Options:
    from leptonctl.providers.preprocess.tfidf import export_options

    return export_options(_fitted)


def _drops_empty(params: Params) -> bool:
    return not params["keep_empty_features"]
