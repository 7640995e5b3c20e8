"""A trainer without scikit-learn: a nearest-centroid classifier, with its own graph and native file."""

import json

from leptonctl.spi import Conversion, Estimator, NativeForm, Params, Progress, Trainer

PARAMS = {
    "shrink": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.0, "description": "How far centroids move to the mean of all rows."},
    "sharpness": {"type": "number", "exclusiveMinimum": 0, "default": 1.0, "description": "How fast probability falls with squared distance."},
}  # fmt: skip


class Centroids:
    """The mean of each class; probabilities by the softmax of the negative squared distances."""

    def __init__(self, shrink, sharpness):
        self.shrink, self.sharpness = shrink, sharpness

    def predict_proba(self, features):
        import numpy as np

        scores = self._scores(np.asarray(features, dtype=np.float64))
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        return shares / shares.sum(axis=1, keepdims=True)

    def predict(self, features):
        import numpy as np

        return self.classes_[np.argmax(self._scores(np.asarray(features, dtype=np.float64)), axis=1)]

    def _scores(self, features):
        return -self.sharpness * ((features[:, None, :] - self.centroids_[None]) ** 2).sum(axis=2)


def build(params: Params, seed: int) -> Estimator:
    return Centroids(**params)


def fit(estimator: Estimator, features, target, progress: Progress) -> Estimator:
    import numpy as np

    estimator.classes_ = np.unique(target)
    means = []
    for number, name in enumerate(estimator.classes_, 1):
        means.append(features[target == name].mean(axis=0, dtype=np.float64))
        progress(iteration=number, of=len(estimator.classes_))
    whole = features.mean(axis=0, dtype=np.float64)
    estimator.centroids_ = (1 - estimator.shrink) * np.array(means) + estimator.shrink * whole
    return estimator


def to_onnx(estimator: Estimator, conversion: Conversion):
    """Differences to each centroid in float64, their squares summed; the greatest score names the class."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    classes = estimator.classes_
    texts = classes.dtype.kind == "U"
    key, default = ("values_strings", "default_string") if texts else ("values_int64s", "default_int64")
    names = {key: classes.tolist(), default: "" if texts else -1}
    constants = {
        "centroids": estimator.centroids_[None],
        "between": np.array([1], dtype=np.int64),
        "last": np.array([2], dtype=np.int64),
        "sharpness": np.array(-estimator.sharpness),
    }
    nodes = [
        helper.make_node("Cast", ["rows"], ["wide"], to=TensorProto.DOUBLE),
        helper.make_node("Unsqueeze", ["wide", "between"], ["each"]),
        helper.make_node("Sub", ["each", "centroids"], ["apart"]),
        helper.make_node("Mul", ["apart", "apart"], ["squares"]),
        helper.make_node("ReduceSum", ["squares", "last"], ["distances"], keepdims=0),
        helper.make_node("Mul", ["distances", "sharpness"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["shares"], axis=1),
        helper.make_node("ArgMax", ["scores"], ["place"], axis=1, keepdims=0),
        helper.make_node("LabelEncoder", ["place"], ["name"], domain="ai.onnx.ml", keys_int64s=list(range(len(classes))), **names),
    ]
    graph = helper.make_graph(
        nodes,
        "centroids",
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, [None, conversion.width])],
        [
            helper.make_tensor_value_info("name", TensorProto.STRING if texts else TensorProto.INT64, [None]),
            helper.make_tensor_value_info("shares", TensorProto.DOUBLE, [None, len(classes)]),
        ],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    opsets = [helper.make_opsetid("", conversion.opset), helper.make_opsetid("ai.onnx.ml", conversion.ml_opset)]
    return helper.make_model(graph, opset_imports=opsets)


def dump(estimator: Estimator) -> bytes:
    kept = {"classes": estimator.classes_.tolist(), "centroids": estimator.centroids_.tolist()}
    return json.dumps(kept | {"shrink": estimator.shrink, "sharpness": estimator.sharpness}, sort_keys=True).encode()


def load(data: bytes) -> Estimator:
    import numpy as np

    kept = json.loads(data)
    estimator = Centroids(kept["shrink"], kept["sharpness"])
    estimator.classes_, estimator.centroids_ = np.array(kept["classes"]), np.array(kept["centroids"])
    return estimator


CENTROIDS = Trainer(
    name="centroids",
    task="classification",
    description="The class whose mean is nearest.",
    params=PARAMS,
    build=build,
    fit=fit,
    to_onnx=to_onnx,
    native=NativeForm(file="model.json", dump=dump, load=load),
)
