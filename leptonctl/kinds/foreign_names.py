"""Names of algorithms, preprocess steps and metrics in scikit-learn and other tools, with their names here."""

from collections.abc import Collection, Iterable, Mapping
from difflib import SequenceMatcher, get_close_matches

from leptonctl.core.diagnostic import LONGEST_WORD, did_you_mean

_XGBOOST, _LIGHTGBM, _NETWORK = ("xgboost",), ("lightgbm",), ("mlp", "torch_mlp")
_BOOSTING = ("hist_gradient_boosting", "gradient_boosting")
_FOREST, _TREE, _KNN, _SVM, _LINEAR = ("random_forest",), ("decision_tree",), ("knn",), ("svm",), ("linear", "ridge")

ALGORITHMS: Mapping[str, tuple[str, ...]] = {
    "adaboost": _BOOSTING,
    "bayes": ("naive_bayes",),
    "bayesianridge": ("ridge",),
    "boosting": _BOOSTING,
    "catboost": _BOOSTING,
    "decisiontree": _TREE,
    "deeplearning": _NETWORK,
    "elasticnet": ("elastic_net",),
    "elasticnetcv": ("elastic_net",),
    "extratrees": ("extra_trees",),
    "forest": _FOREST,
    "gaussiannb": ("naive_bayes",),
    "gb": _BOOSTING,
    "gbdt": _BOOSTING,
    "gbm": _BOOSTING,
    "gradientboosting": ("gradient_boosting",),
    "histgradientboosting": ("hist_gradient_boosting",),
    "kneighbors": _KNN,
    "kneighbours": _KNN,
    "knearestneighbors": _KNN,
    "lassocv": ("lasso",),
    "lgbm": _LIGHTGBM,
    "linearsvc": ("linear_svm",),
    "linearsvr": ("svm",),
    "logit": ("logistic_regression",),
    "logistic": ("logistic_regression",),
    "logisticregressioncv": ("logistic_regression",),
    "lr": ("logistic_regression", "linear"),
    "multinomialnb": ("naive_bayes",),
    "bernoullinb": ("naive_bayes",),
    "nearestneighbors": _KNN,
    "neuralnetwork": _NETWORK,
    "nn": _NETWORK,
    "nusvc": _SVM,
    "nusvr": _SVM,
    "ols": _LINEAR,
    "linearregression": _LINEAR,
    "linearleastsquares": _LINEAR,
    "randomforest": _FOREST,
    "rf": _FOREST,
    "ridgecv": ("ridge",),
    "ridgeclassifier": ("logistic_regression",),
    "sgd": ("sgd",),
    "perceptron": ("sgd",),
    "svc": _SVM,
    "svr": _SVM,
    "supportvectormachine": _SVM,
    "tree": _TREE,
    "xgb": _XGBOOST,
    "xgbrf": _XGBOOST,
    "keras": _NETWORK,
    "neuralnet": _NETWORK,
    "torch": ("torch_mlp",),
    "pytorch": ("torch_mlp",),
}
"""In lower case, without `_`, `-` and the endings `Classifier` and `Regressor`. The first one that the task has is meant."""

PREPROCESSORS: Mapping[str, tuple[str, ...]] = {
    "dummies": ("one_hot",),
    "getdummies": ("one_hot",),
    "label": ("ordinal",),
    "labelencoder": ("ordinal",),
    "minmax": ("min_max_scaler",),
    "normalize": ("min_max_scaler", "standard_scaler"),
    "normalizer": ("min_max_scaler", "standard_scaler"),
    "onehotencoder": ("one_hot",),
    "ordinalencoder": ("ordinal",),
    "polynomialfeatures": ("polynomial",),
    "robust": ("robust_scaler",),
    "scaler": ("standard_scaler",),
    "selectkbest": ("select_k_best",),
    "simpleimputer": ("imputer",),
    "standard": ("standard_scaler",),
    "standardize": ("standard_scaler",),
    "tfidfvectorizer": ("tfidf",),
    "countvectorizer": ("tfidf",),
    "zscore": ("standard_scaler",),
}

SAME_STEPS: Mapping[str, tuple[str, ...]] = {
    name: ours for name, ours in PREPROCESSORS.items() if name not in ("countvectorizer", "label", "labelencoder", "normalizer")
}
"""Those that do exactly the same. The others are only similar, so they are suggested but never substituted."""

METRICS: Mapping[str, tuple[str, ...]] = {
    "acc": ("accuracy",),
    "auc": ("roc_auc",),
    "auroc": ("roc_auc",),
    "rocaucscore": ("roc_auc",),
    "rocaucovr": ("roc_auc",),
    "averageprecision": ("pr_curve",),
    "binarycrossentropy": ("log_loss",),
    "crossentropy": ("log_loss",),
    "logloss": ("log_loss",),
    "neglogloss": ("log_loss",),
    "f1macro": ("f1",),
    "f1micro": ("f1",),
    "f1weighted": ("f1",),
    "fscore": ("f1",),
    "meanabsoluteerror": ("mae",),
    "negmeanabsoluteerror": ("mae",),
    "meanabsolutepercentageerror": ("mape",),
    "negmeanabsolutepercentageerror": ("mape",),
    "meansquarederror": ("mse",),
    "negmeansquarederror": ("mse",),
    "rootmeansquarederror": ("rmse",),
    "negrootmeansquarederror": ("rmse",),
    "rsquared": ("r2",),
    "sensitivity": ("recall",),
    "tpr": ("recall",),
    "ppv": ("precision",),
}
"""Also without the ending `score`. Averages are chosen under `evaluate: {average: …}`."""
_CLASSES = ("classifier", "regressor")
NEAR = 0.85
"""The likeness from which one name counts as a misspelling of another."""
_ENDINGS = ("classifier", "regressor", "classification", "regression", "score", "macro", "micro", "weighted")


def class_hint(word: str, classes: Iterable[str]) -> str:
    """The class of scikit-learn that a word means: misspelled, in lower case, or of the other task; "" when there is none."""
    known = {*classes}
    if not word[:1].isupper():
        folded = word.replace("_", "").replace("-", "").lower()
        plain = {name.removesuffix("Classifier").removesuffix("Regressor").lower(): name for name in sorted(known)}
        plain |= {name.lower(): name for name in sorted(known)}
        return f'write "{plain[folded]}"' if folded in plain else ""
    for ending, other in (("Classifier", "Regressor"), ("Regressor", "Classifier")):
        if word.endswith(ending) and (counterpart := word.removesuffix(ending) + other) in known:
            return f'write "{counterpart}"'
    near = did_you_mean(word, known)
    return near if near.startswith("did you mean") else ""


def name_hint(word: str, known: Iterable[str], foreign: Mapping[str, tuple[str, ...]], others: Iterable[tuple[str, str]] = ()) -> str:
    """The name here of something that other tools have; else a similar name, or the known ones. others: (task, name) of other tasks."""
    names, spellings = list(known), _spellings(word)
    if (own := _translation(spellings, names, foreign)) is not None:
        return f'write "{own}"'
    tasks: dict[str, list[str]] = {}
    for task, name in others:
        tasks.setdefault(name, []).append(task)
    if word not in tasks and (own := _translation(spellings, tasks, foreign)) is not None:
        return f'"{own}" is what it is called here, and is for {" and ".join(sorted(tasks[own]))}'
    return did_you_mean(word, names)


def class_misspelling_hint(word: str, known: Collection[str], foreign: Mapping[str, tuple[str, ...]], hint: str) -> str:
    """The hint, or a better one where the word is closer to a class of another tool than to the name in the hint."""
    folded, here = _spellings(word)[0], hint.partition('"')[2].rpartition('"')[0]
    classes = {f"{name}{ending}": own for name, names in foreign.items() for ending in _CLASSES if (own := _first(names, known))}
    near = get_close_matches(folded, classes, n=1, cutoff=NEAR) if len(word) <= LONGEST_WORD else []
    if not near or hint.startswith("write") or _likeness(folded, near[0]) <= _likeness(folded, _spellings(here)[0]):
        return hint
    return f'write "{classes[near[0]]}"'


def _first(names: Iterable[str], known: Collection[str]) -> str | None:
    return next((name for name in names if name in known), None)


def _likeness(word: str, other: str) -> float:
    return SequenceMatcher(None, word, other).ratio()


def own_name(word: str, known: Iterable[str], foreign: Mapping[str, tuple[str, ...]]) -> str:
    """The name here of something that other tools have; the word itself when there is none."""
    names = list(known)
    return word if word in names else _translation(_spellings(word), names, foreign) or word


def _spellings(word: str) -> tuple[str, ...]:
    folded = "".join(letter for letter in word.rpartition(".")[2].lower() if letter.isalnum())
    return (folded, *(folded.removesuffix(ending) for ending in _ENDINGS if folded.endswith(ending)))


def _translation(spellings: Iterable[str], names: Collection[str], foreign: Mapping[str, tuple[str, ...]]) -> str | None:
    plain = {name.replace("_", "").lower(): name for name in names}
    for spelling in spellings:
        name = plain.get(spelling) or _first(foreign.get(spelling, ()), names)
        if name is not None:
            return name
    return None
