"""The preprocess steps of listed transformers, from the list and the shipped parameters. scikit-learn is imported in `build`."""

from collections.abc import Callable
from functools import cache

from leptonctl.providers.estimators.listed import STEPS
from leptonctl.providers.estimators.shipped import new_estimator, signatures
from leptonctl.providers.estimators.trainers import refusal
from leptonctl.providers.preprocess.select_k_best import SCORE, score_function
from leptonctl.spi.learning import Estimator, Options, Params, Preprocessor

SCORED = frozenset({"GenericUnivariateSelect", "SelectFdr", "SelectFpr", "SelectFwe", "SelectPercentile"})


def step_of(name: str) -> Preprocessor | None:
    """The step of a class; None when the class is not listed, or has a name here (`STEP_ALIASES`)."""
    return _step(name) if name in STEPS else None


@cache
def _step(name: str) -> Preprocessor:
    step = STEPS[name]
    params = {key: schema for key, schema in signatures()[name].params.items() if key not in step.without}
    if name in SCORED:
        params = {"score_func": SCORE, **params}
    return Preprocessor(
        name=name,
        description=step.description,
        params=params,
        build=_builder(name, {**step.fixed}),
        takes=step.takes,
        keeps=step.keeps,
        mixes=step.mixes,
        supervised=step.supervised,
        one_column=step.one_column,
        loose=step.loose,
        holds_rows=step.holds_rows,
        export_options=_word_options if step.one_column else None,
        refuse=refusal(step.refused),
        drops_empty=_drops_empty if "keep_empty_features" in params else None,
    )


def _builder(name: str, fixed: Options) -> Callable[[Params, int], Estimator]:
    def build(params: Params, seed: int) -> Estimator:
        score = {"score_func": score_function(params["score_func"])} if name in SCORED else {}
        return new_estimator(name, {**params, **score, **fixed}, seed)

    return build


def _word_options(transformer: Estimator) -> Options:
    from leptonctl.providers.preprocess.tfidf import export_options

    return export_options(transformer)


def _drops_empty(params: Params) -> bool:
    return not params["keep_empty_features"]
