"""Which classes of scikit-learn YAML can name, and how each is used. Written by hand; the sweep writes docs/algorithms.md from it."""

from collections.abc import Mapping
from typing import Literal

import msgspec

CLASSIFICATION, REGRESSION, CLUSTERING, ANOMALY = "classification", "regression", "clustering", "anomaly"
SUPPORT_VECTORS = "support vectors, which are training rows"
ALL_ROWS = "the training rows"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One estimator and how it is used.

    splits, takes_missing, takes_sparse, tolerance, holds_rows, holds_every_row: as in Trainer.
    calibrated: whether it has scores but no probabilities: a sigmoid on five folds makes them, as in `svm`.
    graph: the function of `graphs` that makes its ONNX graph, where the converter has none or a wrong one.
    refused: parameter -> value -> why it cannot be used.
    without: parameters of scikit-learn that are not offered.
    members: whether it is made of several others, which the parameter `estimators` names.
    trees: whether it grows trees one by one, which a checkpoint keeps.
    fixed: arguments that the user cannot choose. distance: the function of `distances` for a clusterer.
    """

    description: str
    splits: bool = False
    takes_missing: bool = False
    takes_sparse: bool = True
    calibrated: bool = False
    tolerance: float | None = None
    holds_rows: str = ""
    holds_every_row: bool = False
    graph: str | None = None
    refused: Mapping[str, Mapping[str, str]] = {}
    without: tuple[str, ...] = ()
    members: bool = False
    trees: bool = False
    fixed: Mapping[str, bool] = {}
    distance: str | None = None


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One transformer; `takes`, `keeps`, `mixes`, `supervised`, `one_column`, `loose`, `holds_rows` as in Preprocessor.

    fixed: arguments that the user cannot choose.
    """

    description: str
    takes: Literal["number", "string"] = "number"
    keeps: bool = False
    mixes: bool = False
    supervised: bool = False
    one_column: bool = False
    loose: bool = False
    holds_rows: str = ""
    without: tuple[str, ...] = ()
    fixed: Mapping[str, str | bool | int] = {}
    refused: Mapping[str, Mapping[str, str]] = {}


ALIASES: Mapping[str, tuple[str, str]] = {
    "LogisticRegression": (CLASSIFICATION, "logistic_regression"),
    "SGDClassifier": (CLASSIFICATION, "sgd"),
    "DecisionTreeClassifier": (CLASSIFICATION, "decision_tree"),
    "RandomForestClassifier": (CLASSIFICATION, "random_forest"),
    "ExtraTreesClassifier": (CLASSIFICATION, "extra_trees"),
    "GradientBoostingClassifier": (CLASSIFICATION, "gradient_boosting"),
    "HistGradientBoostingClassifier": (CLASSIFICATION, "hist_gradient_boosting"),
    "SVC": (CLASSIFICATION, "svm"),
    "LinearSVC": (CLASSIFICATION, "linear_svm"),
    "MLPClassifier": (CLASSIFICATION, "mlp"),
    "KNeighborsClassifier": (CLASSIFICATION, "knn"),
    "GaussianNB": (CLASSIFICATION, "naive_bayes"),
    "LinearRegression": (REGRESSION, "linear"),
    "Ridge": (REGRESSION, "ridge"),
    "Lasso": (REGRESSION, "lasso"),
    "ElasticNet": (REGRESSION, "elastic_net"),
    "SGDRegressor": (REGRESSION, "sgd"),
    "DecisionTreeRegressor": (REGRESSION, "decision_tree"),
    "RandomForestRegressor": (REGRESSION, "random_forest"),
    "GradientBoostingRegressor": (REGRESSION, "gradient_boosting"),
    "HistGradientBoostingRegressor": (REGRESSION, "hist_gradient_boosting"),
    "SVR": (REGRESSION, "svm"),
    "MLPRegressor": (REGRESSION, "mlp"),
    "KNeighborsRegressor": (REGRESSION, "knn"),
}
"""Class -> task and name of its trainer here: both names give the same digests."""

STEP_ALIASES: Mapping[str, str] = {
    "StandardScaler": "standard_scaler",
    "MinMaxScaler": "min_max_scaler",
    "RobustScaler": "robust_scaler",
    "SimpleImputer": "imputer",
    "OneHotEncoder": "one_hot",
    "OrdinalEncoder": "ordinal",
    "TfidfVectorizer": "tfidf",
    "PCA": "pca",
    "PolynomialFeatures": "polynomial",
    "SelectKBest": "select_k_best",
}

_CONSTANT = "the constant cannot be given; use `strategy: "
_WORDS = "gives other answers once exported; use `analyzer: word`"
_RANDOM = "its answers are drawn at random, which no graph repeats; use `strategy: prior`"

TRAINERS: Mapping[str, Mapping[str, Entry]] = {
    CLASSIFICATION: {
        "AdaBoostClassifier": Entry(
            description="Stumps, each fitted to the rows that those before it got wrong.", splits=True, trees=True
        ),
        "BaggingClassifier": Entry(description="The average of decision trees on random samples of rows.", splits=True, trees=True),
        "BernoulliNB": Entry(description="Naive Bayes for features that are on or off.", splits=True),
        "CategoricalNB": Entry(description="Naive Bayes for categories numbered from 0, as the step ordinal makes them."),
        "ComplementNB": Entry(description="Naive Bayes for counts, made for classes of different size."),
        "DummyClassifier": Entry(description="The same answer for every row, as a baseline.", graph="constant_classes",
            refused={"strategy": {"stratified": _RANDOM, "uniform": _RANDOM, "constant": _CONSTANT + "most_frequent`"}}),
        "ExtraTreeClassifier": Entry(description="A single tree with randomly drawn thresholds.", splits=True),
        "LinearDiscriminantAnalysis": Entry(
            description="One normal distribution a class with a common covariance.", graph="linear_classes", without=("n_components",)
        ),
        "LogisticRegressionCV": Entry(description="Logistic regression whose penalty is chosen by cross-validation."),
        "MultinomialNB": Entry(description="Naive Bayes for counts."),
        "NuSVC": Entry(
            description="Support vector machine with a bound on the share of errors; probabilities by Platt scaling.",
            calibrated=True, holds_rows=SUPPORT_VECTORS,
        ),
        "Perceptron": Entry(description="The perceptron; probabilities by Platt scaling.", calibrated=True),
        "QuadraticDiscriminantAnalysis": Entry(description="One normal distribution a class, each with its own covariance."),
        "RidgeClassifier": Entry(description="Ridge regression on the classes; probabilities by Platt scaling.", calibrated=True),
        "RidgeClassifierCV": Entry(description="Ridge classifier whose penalty is chosen by cross-validation.", calibrated=True),
        "StackingClassifier": Entry(description="A logistic regression on the probabilities of several models.", members=True),
        "VotingClassifier": Entry(description="The mean of the probabilities of several models.", members=True),
    },
    REGRESSION: {
        "ARDRegression": Entry(description="Bayesian linear regression with a penalty for each feature."),
        "AdaBoostRegressor": Entry(description="Trees, each fitted to the rows that those before it got wrong.", splits=True, trees=True),
        "BaggingRegressor": Entry(description="The average of decision trees on random samples of rows.", splits=True, trees=True),
        "BayesianRidge": Entry(description="Ridge regression whose penalty is estimated from the data."),
        "DummyRegressor": Entry(description="The same answer for every row, as a baseline.", graph="constant_value",
            refused={"strategy": {"constant": _CONSTANT + "median`"}}),
        "ElasticNetCV": Entry(description="Elastic net whose penalty is chosen by cross-validation."),
        "ExtraTreeRegressor": Entry(description="A single tree with randomly drawn thresholds.", splits=True),
        "ExtraTreesRegressor": Entry(description="The average of many trees with randomly drawn thresholds.", splits=True, trees=True),
        "GammaRegressor": Entry(description="Generalised linear model for positive targets, with a logarithmic link."),
        "GaussianProcessRegressor": Entry(
            description="A Gaussian process with the default kernel.", holds_rows=ALL_ROWS, holds_every_row=True, takes_sparse=False
        ),
        "HuberRegressor": Entry(description="Linear regression that is robust to outliers."),
        "Lars": Entry(description="Least angle regression."),
        "LarsCV": Entry(description="Least angle regression whose number of features is chosen by cross-validation."),
        "LassoCV": Entry(description="Lasso whose penalty is chosen by cross-validation."),
        "LassoLars": Entry(description="Lasso fitted by least angle regression."),
        "LassoLarsCV": Entry(description="Lasso by least angle regression, chosen by cross-validation."),
        "LassoLarsIC": Entry(description="Lasso by least angle regression, chosen by an information criterion."),
        "LinearSVR": Entry(description="Linear support vector regression."),
        "NuSVR": Entry(
            description="Support vector regression with a bound on the share of errors.", holds_rows=SUPPORT_VECTORS, tolerance=5e-4
        ),
        "OrthogonalMatchingPursuit": Entry(description="Linear regression on the few features that say most."),
        "OrthogonalMatchingPursuitCV": Entry(description="Matching pursuit whose number of features is chosen by cross-validation."),
        "PLSRegression": Entry(description="Linear regression on a few combinations of the features."),
        "PoissonRegressor": Entry(description="Generalised linear model for counts, with a logarithmic link."),
        "QuantileRegressor": Entry(description="Linear regression of a quantile instead of the mean."),
        "RANSACRegressor": Entry(description="Linear regression on the largest set of rows that agree."),
        "RidgeCV": Entry(description="Ridge regression whose penalty is chosen by cross-validation."),
        "StackingRegressor": Entry(description="A ridge regression on the answers of several models.", members=True, tolerance=1e-4),
        "TheilSenRegressor": Entry(description="The median of linear regressions on small samples of rows."),
        "TweedieRegressor": Entry(description="Generalised linear model with a chosen power of the variance."),
        "VotingRegressor": Entry(description="The mean of the answers of several models.", members=True, tolerance=1e-4),
    },
    CLUSTERING: {
        "BayesianGaussianMixture": Entry(
            description="A mixture of normal distributions that uses no more of them than it needs.", graph="mixture",
            distance="to_component",
        ),
        "GaussianMixture": Entry(description="A mixture of normal distributions.", graph="mixture", distance="to_component"),
        "KMeans": Entry(description="Clusters around means.", graph="nearest_center", distance="to_center"),
        "MeanShift": Entry(
            description="Clusters around the places where rows are dense.", graph="nearest_center", distance="to_center", without=("seeds",)
        ),
        "MiniBatchKMeans": Entry(description="Clusters around means, computed in batches.", graph="nearest_center", distance="to_center"),
    },
    ANOMALY: {
        "EllipticEnvelope": Entry(description="Rows far from the centre, by a robust covariance.", graph="elliptic_envelope"),
        "IsolationForest": Entry(description="Rows that random trees soon set apart.", graph="isolation_forest", splits=True),
        "LocalOutlierFactor": Entry(
            description="Rows in less dense places than their neighbours.", fixed={"novelty": True}, takes_sparse=False,
            holds_rows=ALL_ROWS, holds_every_row=True,
        ),
        "OneClassSVM": Entry(description="Rows outside of a boundary around most rows.", holds_rows=SUPPORT_VECTORS),
        "SGDOneClassSVM": Entry(description="Rows on the far side of a linear boundary."),
    },
}  # fmt: skip

STEPS: Mapping[str, Step] = {
    "Binarizer": Step(description="Replaces each number with 1 above a threshold, else 0.", keeps=True),
    "CountVectorizer": Step(
        description="Counts the words of one string column.", takes="string", one_column=True, holds_rows="the words of the training rows",
        refused={"analyzer": {"char": _WORDS, "char_wb": _WORDS}},
    ),
    "GaussianRandomProjection": Step(description="Projects the columns to fewer, at random."),
    "GenericUnivariateSelect": Step(description="Keeps the columns with the best scores, by a chosen rule.", supervised=True),
    "IncrementalPCA": Step(description="Principal components, computed in batches."),
    "KBinsDiscretizer": Step(description="Replaces each number with the number of its bin.", keeps=True, fixed={"encode": "ordinal"}),
    "MaxAbsScaler": Step(description="Divides each column by its largest absolute value.", keeps=True),
    "NeighborhoodComponentsAnalysis": Step(description="A linear map that brings rows of a class together.", supervised=True),
    "Normalizer": Step(description="Scales each row to length 1.", keeps=True, mixes=True),
    "PowerTransformer": Step(description="Makes each column more normal by a power.", keeps=True),
    "QuantileTransformer": Step(description="Replaces each number with its rank.", keeps=True, loose=True),
    "SelectFdr": Step(description="Keeps columns by the rate of false discoveries.", supervised=True),
    "SelectFpr": Step(description="Keeps columns by the rate of false positives.", supervised=True),
    "SelectFwe": Step(description="Keeps columns by the family-wise error.", supervised=True),
    "SelectPercentile": Step(description="Keeps a share of the columns, those with the best scores.", supervised=True),
    "TargetEncoder": Step(
        description="Replaces each category with the mean target of its rows, as seen from the other folds.", takes="string",
        supervised=True,
    ),
    "TruncatedSVD": Step(description="Replaces columns with their singular components, without centring them."),
    "VarianceThreshold": Step(description="Leaves out columns with little variance."),
}  # fmt: skip
