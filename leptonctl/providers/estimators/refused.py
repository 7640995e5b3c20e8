"""The classes of scikit-learn that cannot be used, with the reason and what to use instead. Written by hand; docs/algorithms.md lists them.

A class that is in none of the lists is not an algorithm or step of one table: a feature extractor for images, a manifold for plots.
"""

from collections.abc import Mapping

_NO_GRAPH = "{} has no form in ONNX"
_ONLY_TRAINING = "{} labels its own training rows and cannot answer for new ones"
_PICK = "keep the columns that you need with `features:`, or use `SelectPercentile`"

ALGORITHMS: Mapping[str, tuple[str, str]] = {
    "CCA": ("it predicts several targets, and a model here has one", "use `PLSRegression`"),
    "CalibratedClassifierCV": (
        "it wraps another classifier, and its isotonic form gives other labels once exported",
        "use `linear_svm` or `svm`, which are calibrated"
    ),
    "ClassifierChain": ("it predicts several targets, and a model here has one", "write a model for each target"),
    "FixedThresholdClassifier": ("it wraps another classifier", "name that classifier"),
    "GaussianProcessClassifier": ("its graph needs an operator that onnxruntime does not have", "use `svm`, which has kernels"),
    "GridSearchCV": ("it wraps another algorithm", "name that algorithm"),
    "HalvingGridSearchCV": ("it wraps another algorithm", "name that algorithm"),
    "HalvingRandomSearchCV": ("it wraps another algorithm", "name that algorithm"),
    "IsotonicRegression": (_NO_GRAPH.format("isotonic regression"), "use `hist_gradient_boosting`"),
    "KernelRidge": (_NO_GRAPH.format("kernel ridge regression"), "use `svm` or `GaussianProcessRegressor`"),
    "LabelPropagation": (_NO_GRAPH.format("label propagation"), "use `knn`"),
    "LabelSpreading": (_NO_GRAPH.format("label spreading"), "use `knn`"),
    "MultiOutputClassifier": ("it predicts several targets, and a model here has one", "write a model for each target"),
    "MultiOutputRegressor": ("it predicts several targets, and a model here has one", "write a model for each target"),
    "MultiTaskElasticNet": ("it predicts several targets, and a model here has one", "use `elastic_net`"),
    "MultiTaskElasticNetCV": ("it predicts several targets, and a model here has one", "use `ElasticNetCV`"),
    "MultiTaskLasso": ("it predicts several targets, and a model here has one", "use `lasso`"),
    "MultiTaskLassoCV": ("it predicts several targets, and a model here has one", "use `LassoCV`"),
    "NearestCentroid": (_NO_GRAPH.format("the nearest centroid"), "use `LinearDiscriminantAnalysis` or `knn`"),
    "OneVsOneClassifier": ("it wraps another classifier", "name that classifier: all of them take more than two classes"),
    "OneVsRestClassifier": ("it wraps another classifier", "name that classifier: all of them take more than two classes"),
    "OutputCodeClassifier": ("it wraps another classifier", "name that classifier: all of them take more than two classes"),
    "PLSCanonical": ("it predicts several targets, and a model here has one", "use `PLSRegression`"),
    "PassiveAggressiveClassifier": ("scikit-learn removes it in its next release", "use `sgd`"),
    "PassiveAggressiveRegressor": ("scikit-learn removes it in its next release", "use `sgd`"),
    "RadiusNeighborsClassifier": ("a row without a neighbour within the radius has no answer", "use `knn`"),
    "RadiusNeighborsRegressor": ("a row without a neighbour within the radius has no answer", "use `knn`"),
    "RandomizedSearchCV": ("it wraps another algorithm", "name that algorithm"),
    "RegressorChain": ("it predicts several targets, and a model here has one", "write a model for each target"),
    "SelfTrainingClassifier": ("it wraps another classifier, and learns from rows without a target", "name that classifier"),
    "TransformedTargetRegressor": (_NO_GRAPH.format("a transformed target"), "use `PoissonRegressor` or `GammaRegressor` for a logarithm"),
    "TunedThresholdClassifierCV": ("it wraps another classifier", "name that classifier"),
}  # fmt: skip
"""Written as `algorithm:`."""

CLUSTERERS: Mapping[str, tuple[str, str]] = {
    name: (_ONLY_TRAINING.format(name), "use `KMeans` or `GaussianMixture`")
    for name in (
        "AgglomerativeClustering", "DBSCAN", "FeatureAgglomeration", "HDBSCAN", "OPTICS", "SpectralBiclustering", "SpectralClustering",
        "SpectralCoclustering",
    )
} | {
    name: (_NO_GRAPH.format(name), "use `KMeans` or `GaussianMixture`")
    for name in ("AffinityPropagation", "Birch", "BisectingKMeans", "KernelDensity")
}  # fmt: skip
STEPS: Mapping[str, tuple[str, str]] = {
    "AdditiveChi2Sampler": (_NO_GRAPH.format("this kernel"), "use `PolynomialFeatures`"),
    "BernoulliRBM": (_NO_GRAPH.format("a Boltzmann machine"), "use `pca`"),
    "ColumnTransformer": ("`preprocess:` is one: each step names its `columns`", "write its transformers as steps"),
    "DictVectorizer": ("rows are tables, not dictionaries", "use `one_hot`"),
    "DictionaryLearning": (_NO_GRAPH.format("a dictionary of components"), "use `pca`"),
    "FactorAnalysis": (_NO_GRAPH.format("factor analysis"), "use `pca`"),
    "FastICA": (_NO_GRAPH.format("independent components"), "use `pca`"),
    "FeatureAgglomeration": (_NO_GRAPH.format("clusters of features"), "use `pca`"),
    "FeatureHasher": (_NO_GRAPH.format("hashing"), "use `one_hot` or `tfidf`"),
    "FeatureUnion": ("steps follow each other here", "write a step for each group of columns"),
    "FunctionTransformer": ("a Python function has no form in ONNX", "compute the column in the data"),
    "HashingVectorizer": (_NO_GRAPH.format("hashing"), "use `tfidf`"),
    "Isomap": (_NO_GRAPH.format("a manifold"), "use `pca`"),
    "IterativeImputer": (_NO_GRAPH.format("the iterative imputer"), "use `imputer`"),
    "KMeans": ("the distances to its clusters cannot be wired into another algorithm yet", "use `pca`"),
    "KNNImputer": ("its graph needs an operator that onnxruntime does not have", "use `imputer`"),
    "KernelCenterer": ("it takes kernels, not rows", "use `standard_scaler`"),
    "KernelPCA": ("its answers differ once exported (by up to 0.006)", "use `pca`"),
    "LabelBinarizer": ("it is for targets, which need none here", "use `one_hot` for a feature"),
    "LabelEncoder": ("it is for targets, which need none here", "use `ordinal` for a feature"),
    "LatentDirichletAllocation": (_NO_GRAPH.format("a topic model"), "use `TruncatedSVD`"),
    "LinearDiscriminantAnalysis": ("it cannot be exported as a step", "use `pca`, or write it as `algorithm:`"),
    "LocallyLinearEmbedding": (_NO_GRAPH.format("a manifold"), "use `pca`"),
    "MiniBatchDictionaryLearning": (_NO_GRAPH.format("a dictionary of components"), "use `pca`"),
    "MiniBatchKMeans": ("the distances to its clusters cannot be wired into another algorithm yet", "use `pca`"),
    "MiniBatchNMF": (_NO_GRAPH.format("a factorisation"), "use `TruncatedSVD`"),
    "MiniBatchSparsePCA": (_NO_GRAPH.format("sparse components"), "use `pca`"),
    "MissingIndicator": (_NO_GRAPH.format("the indicator of missing cells"), "use `hist_gradient_boosting`, which takes missing cells"),
    "MultiLabelBinarizer": ("it is for targets, which need none here", "use `one_hot` for a feature"),
    "NMF": (_NO_GRAPH.format("a factorisation"), "use `TruncatedSVD`"),
    "Nystroem": (_NO_GRAPH.format("this kernel"), "use `PolynomialFeatures`, or `svm`"),
    "PLSCanonical": ("its components cannot be exported", "use `pca`"),
    "PLSRegression": ("its components cannot be exported", "use `pca`, or write it as `algorithm:`"),
    "PLSSVD": ("its components cannot be exported", "use `pca`"),
    "PolynomialCountSketch": (_NO_GRAPH.format("this sketch"), "use `PolynomialFeatures`"),
    "RBFSampler": (_NO_GRAPH.format("this kernel"), "use `PolynomialFeatures`, or `svm`"),
    "RFE": ("it wraps another algorithm", _PICK),
    "RFECV": ("it wraps another algorithm", _PICK),
    "RandomTreesEmbedding": ("its sparse output cannot be exported", "use `KBinsDiscretizer`"),
    "SelectFromModel": ("it wraps another algorithm", _PICK),
    "SequentialFeatureSelector": ("it wraps another algorithm", _PICK),
    "SkewedChi2Sampler": (_NO_GRAPH.format("this kernel"), "use `PolynomialFeatures`"),
    "SparseCoder": (_NO_GRAPH.format("a dictionary of components"), "use `pca`"),
    "SparsePCA": (_NO_GRAPH.format("sparse components"), "use `pca`"),
    "SparseRandomProjection": (_NO_GRAPH.format("a sparse projection"), "use `GaussianRandomProjection`"),
    "SplineTransformer": (_NO_GRAPH.format("splines"), "use `polynomial`"),
    "TSNE": (_NO_GRAPH.format("a manifold"), "use `pca`"),
    "TfidfTransformer": ("it takes counts of words", "use `tfidf`, which counts them too"),
}  # fmt: skip
"""Written as `use:`."""

AS_ALGORITHM = (ALGORITHMS, CLUSTERERS)
