"""The step `import` on real ONNX files: what scikit-learn and others write becomes the same package, and what cannot is refused in a line."""

import numpy as np
import onnx
import onnxruntime as ort
import polars as pl
import pytest
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, StringTensorType
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import LinearSVC

from leptonctl.core.codec import decode
from leptonctl.core.manifest import Manifest
from leptonctl.learning.imported import trial
from leptonctl.learning.scoring.answers import predict_onnx
from leptonctl.learning.steps import import_graph
from leptonctl.serving.golden import read_golden, replay
from leptonctl.serving.manifest import read_manifest
from leptonctl.serving.model import load_model
from leptonctl.spi.learning import ProviderError
from tests.learning.exported import Shelf, bench, frame_of, prepared

DRAW = np.random.RandomState(0)
X = DRAW.uniform(0, 10, (90, 3)).astype(np.float32)
SIDE = np.where(X[:, 0] + X[:, 1] > X[:, 2] * 2, "above", "below")
SIDE[X[:, 2] > 8] = "far"
NUMBERS = np.searchsorted(["above", "below", "far"], SIDE).astype(np.int64)
NAMES = ("a", "b b", "c")


class World:
    """Prepared rows of one table with a target, and imports of graphs into it."""

    def __init__(self, folder, y, columns=None):
        self.folder, self.shelf = folder, Shelf()
        self.frame = frame_of(X, y, NAMES) if columns is None else pl.DataFrame({**columns, "y": y})
        self.task = "regression" if self.frame.schema["y"] == pl.Float64 else "classification"
        self.needs = {"prepare": prepared(self.shelf, self.frame[:60], self.frame[60:])}

    def run(self, graph, **options):
        """The manifest, the answers of the package to all rows, and the outputs. `graph`: bytes or a model."""
        data = graph if isinstance(graph, bytes) else graph.SerializeToString()
        (self.folder / "m.onnx").write_bytes(data)
        inputs = {"task": self.task, "target": "y", "file": {"path": "m.onnx"}, **options}
        produced = import_graph.run(inputs, self.needs, bench(self.shelf, self.folder))
        onnx_bytes, manifest, golden = (self.shelf[produced.artifacts[n]] for n in ("model.onnx", "manifest.json", "golden.json"))
        replay(load_model(onnx_bytes, read_manifest(manifest)), read_golden(golden))
        columns = {name: self.frame[name].to_numpy() for name in self.frame.columns if name != "y"}
        decoded = decode(manifest, Manifest)
        return decoded, predict_onnx(onnx_bytes, decoded, columns), produced.outputs

    def refusal(self, graph, **options):
        """What the step says of a file: id, the sentence, the hint."""
        with pytest.raises(ProviderError) as refused:
            self.run(graph, **options)
        problem = refused.value
        assert "\n" not in problem.detail, problem.detail
        assert problem.hint, problem.detail
        return problem.id, problem.detail, problem.hint


@pytest.fixture
def words(tmp_path):
    return World(tmp_path, SIDE)


@pytest.fixture
def numbers(tmp_path):
    return World(tmp_path, NUMBERS)


@pytest.fixture
def values(tmp_path):
    return World(tmp_path, X[:, 0].astype(np.float64) * 2)


@pytest.mark.parametrize("options", [{}, {"zipmap": False}])
def test_a_classifier_of_scikit_learn_gives_its_own_answers_with_and_without_zipmap(words, options):
    forest = RandomForestClassifier(12, random_state=0).fit(X, SIDE)
    manifest, answers, _ = words.run(to_onnx(forest, X[:1], target_opset=18, options={"zipmap": options.get("zipmap", True)}))
    assert (manifest.classes, manifest.origin) == (("above", "below", "far"), "imported")
    assert answers.labels.tolist() == forest.predict(X).tolist()
    np.testing.assert_allclose(answers.probabilities, forest.predict_proba(X), atol=1e-5)


def test_the_same_file_gives_the_same_package_and_its_names_do_not_count(words):
    model = to_onnx(LogisticRegression().fit(X, SIDE), X[:1], target_opset=18)
    first = words.run(model)[2]["package"]
    model.graph.name, model.doc_string, model.producer_name = "other", "made on Monday", "me"
    for node in model.graph.node:
        node.name = f"other {node.name}"
    assert words.run(model)[2]["package"] == first


def test_one_input_for_each_column_is_found_by_its_name_and_strings_and_wide_numbers_are_cast(tmp_path):
    """The mangled name of `b b`, a double, an integer, and a column of text."""
    cells = {
        "a": X[:, 0], "b b": X[:, 1], "colour": np.where(X[:, 0] > 5, "red", "blue"), "count": np.floor(X[:, 2]).astype(np.int64),
    }  # fmt: skip
    world = World(tmp_path, SIDE, cells)
    rows = np.array(list(zip(*(values.tolist() for values in cells.values()), strict=True)), dtype=object)
    encoded = make_column_transformer((OneHotEncoder(sparse_output=False), [2]), remainder="passthrough")
    native = make_pipeline(encoded, LogisticRegression(max_iter=500)).fit(rows, SIDE)
    types = {"a": FloatTensorType, "b b": FloatTensorType, "colour": StringTensorType, "count": FloatTensorType}
    graph = to_onnx(native, initial_types=[(name, of([None, 1])) for name, of in types.items()], target_opset=18)
    for value in graph.graph.input:
        if value.name in ("count", "a"):
            # as if the model took other numbers: the first node casts them
            kind = TensorProto.INT64 if value.name == "count" else TensorProto.DOUBLE
            value.type.tensor_type.elem_type = kind
            for node in graph.graph.node:
                node.input[:] = [f"{name}_float" if name == value.name else name for name in node.input]
            graph.graph.node.insert(0, helper.make_node("Cast", [value.name], [f"{value.name}_float"], to=TensorProto.FLOAT))
    id_, detail, hint = world.refusal(graph)
    assert (id_, "cannot say that a cell of count is missing" in detail, "nullable: false" in hint) == ("import-inputs", True, True)
    for column in world.needs["prepare"].outputs["contract"]["columns"]:
        column["nullable"] = False
    manifest, answers, _ = world.run(graph)
    assert [(c.name, c.graph.input, c.graph.index) for c in manifest.columns] == [
        ("a", "features", 0), ("b b", "features", 1), ("colour", "s0", None), ("count", "features", 2),
    ]  # fmt: skip
    feed = {"a": cells["a"].astype(np.float64), "b_b": cells["b b"], "colour": cells["colour"].astype(object), "count": cells["count"]}
    own = ort.InferenceSession(graph.SerializeToString()).run(None, {name: values.reshape(-1, 1) for name, values in feed.items()})
    assert answers.labels.tolist() == own[0].tolist()
    np.testing.assert_allclose(answers.probabilities, [[row[name] for name in manifest.classes] for row in own[1]], atol=1e-6)


def test_a_list_of_columns_says_the_order_of_one_tensor(values):
    model = LinearRegression().fit(X[:, [2, 0]].astype(np.float64), X[:, 0] * 3 - X[:, 2])
    graph = to_onnx(model, initial_types=[("x", DoubleTensorType([None, 2]))], target_opset=15)
    _, answers, _ = values.run(graph, inputs=["c", "a"])
    np.testing.assert_allclose(answers.values, X[:, 0] * 3 - X[:, 2], rtol=1e-4, atol=1e-4)
    id_, detail, hint = values.refusal(graph)
    assert (id_, "2 columns" in detail, "inputs:" in hint) == ("import-inputs", True, True)


def network(last=None, width=3, **shape):
    """A network of one layer with `width` outputs, as torch exports it: logits, unless `last` is the node that follows."""
    weights = np.array([[0.4, -0.2, 0.1], [0.3, -0.5, 0.0], [-0.6, 0.4, 0.9]], np.float32)[:, :width]
    nodes = [helper.make_node("MatMul", ["x", "w"], ["logits"])]
    out = "logits"
    if last:
        nodes.append(helper.make_node(last, ["logits"], ["out"]))
        out = "out"
    graph = helper.make_graph(
        nodes, "main_graph", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [shape.get("rows", "batch"), 3])],
        [helper.make_tensor_value_info(out, TensorProto.FLOAT, ["batch", width])], [numpy_helper.from_array(weights, "w")],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", shape.get("opset", 18))], ir_version=9)


def softmax(logits):
    parts = np.exp(logits - logits.max(axis=1, keepdims=True))
    return parts / parts.sum(axis=1, keepdims=True)


def test_a_network_says_whether_its_one_output_is_logits_and_which_class_is_which(numbers, tmp_path):
    weights = numpy_helper.to_array(network().graph.initializer[0])
    expected = softmax(X @ weights)
    assert numbers.refusal(network()) == (
        "import-outputs", "The output logits may hold probabilities or logits, and the graph does not say which.",
        "write `outputs: probabilities` or `outputs: logits`",
    )  # fmt: skip
    _, answers, _ = numbers.run(network(), outputs="logits")
    np.testing.assert_allclose(answers.probabilities, expected, atol=1e-6)
    assert answers.labels.tolist() == expected.argmax(axis=1).tolist()
    np.testing.assert_allclose(numbers.run(network(last="Softmax"))[1].probabilities, expected, atol=1e-6)
    id_, detail, _ = numbers.refusal(network(), outputs="probabilities")
    assert (id_, "does not hold probabilities" in detail) == ("import-outputs", True)
    text = World(tmp_path, SIDE)
    assert text.refusal(network(), outputs="logits")[0] == "import-classes"
    manifest, answers, _ = text.run(network(), outputs="logits", classes=["far", "above", "below"])
    assert manifest.classes == ("above", "below", "far")
    np.testing.assert_allclose(answers.probabilities, expected[:, [1, 2, 0]], atol=1e-6)
    assert answers.labels.tolist() == np.array(["far", "above", "below"])[expected.argmax(axis=1)].tolist()


def test_a_network_with_one_output_gives_the_second_class(tmp_path):
    world = World(tmp_path, np.where(X[:, 0] > 5, "yes", "no"))
    logits = (X @ numpy_helper.to_array(network(width=1).graph.initializer[0]))[:, 0]
    manifest, answers, _ = world.run(network(last="Sigmoid", width=1), classes=["no", "yes"])
    np.testing.assert_allclose(answers.probabilities[:, 1], 1 / (1 + np.exp(-logits)), atol=1e-6)
    assert answers.labels.tolist() == np.where(logits > 0, "yes", "no").tolist()
    assert manifest.classes == ("no", "yes")
    assert (
        world.run(network(width=1), classes=["yes", "no"], outputs="logits")[1].labels.tolist()
        == np.where(logits > 0, "no", "yes").tolist()
    )


def test_labels_that_are_numbers_are_given_their_names_and_only_in_an_order_that_fits(words):
    """As boosters write it: the graph has 0, 1, 2, the target has words."""
    forest = RandomForestClassifier(5, random_state=0).fit(X, NUMBERS)
    graph = to_onnx(forest, X[:1], target_opset=18, options={"zipmap": False})
    id_, detail, hint = words.refusal(graph)
    assert id_ == "import-classes"
    assert detail == "The graph has the classes 0, 1, 2, and the target has above, below, far."
    # the order of the names is not known here: a hint that lists them would be taken for the answer
    assert "0, 1, 2" in hint
    assert "classes: [FIRST, SECOND, …]" in hint
    _, answers, _ = words.run(graph, classes=["above", "below", "far"])
    assert answers.labels.tolist() == np.array(["above", "below", "far"])[forest.predict(X)].tolist()
    assert words.refusal(graph, classes=["above", "below"])[0] == "import-classes"


def with_label(names):
    """A graph with labels of its own, of which nothing says in which order its probabilities are."""
    model = network(last="Softmax")
    graph = model.graph
    graph.node.append(helper.make_node("ArgMax", ["out"], ["place"], axis=1, keepdims=0))
    graph.node.append(helper.make_node("Gather", ["names", "place"], ["label"], axis=0))
    graph.initializer.append(numpy_helper.from_array(np.array(names, dtype=object if isinstance(names[0], str) else np.int64), "names"))
    kind = TensorProto.STRING if isinstance(names[0], str) else TensorProto.INT64
    graph.output.insert(0, helper.make_tensor_value_info("label", kind, ["batch"]))
    return model


def test_an_order_that_the_graphs_own_labels_contradict_is_refused(numbers):
    assert numbers.run(with_label([0, 1, 2]))[2]["notices"] == []
    id_, detail, _ = numbers.refusal(with_label([2, 0, 1]))
    assert (id_, "another class's probability" in detail) == ("import-classes", True)


@pytest.mark.parametrize("model", [SGDClassifier(), LinearSVC()], ids=["sgd", "linear_svc"])
def test_a_model_without_probabilities_is_told_how_to_get_them(words, model):
    id_, _, hint = words.refusal(to_onnx(model.fit(X, SIDE), X[:1], target_opset=18))
    assert (id_, "CalibratedClassifierCV(MODEL, ensemble=False)" in hint) == ("import-outputs", True)


def test_a_clustering_is_none_of_the_targets_classes(numbers):
    """Though its labels are 0, 1, 2, as those of the target are."""
    id_, detail, hint = numbers.refusal(to_onnx(KMeans(3, n_init=1, random_state=0).fit(X), X[:1], target_opset=18))
    assert (id_, "a clustering" in detail, "KMeans" in hint) == ("import-outputs", True, True)


BROKEN = {
    "zero bytes": (b"", "bad-onnx", "empty"),
    "text": (b"hello, I am a model\n" * 20, "bad-onnx", "not ONNX, or is cut off"),
    "truncated": (network().SerializeToString()[:-40], "bad-onnx", "not ONNX, or is cut off"),
    "pickle": (b"\x80\x04\x95rest", "not-onnx", "pickle"),
    "zip": (b"PK\x03\x04rest", "not-onnx", "zip archive"),
    "opset of the future": (network(opset=99), "bad-onnx", "version 99 of ONNX's operators"),
    "one row at a time": (network(rows=1), "import-inputs", "exactly 1 row at a time"),
}


def edited(edit, **more):
    """The network with an edit of its model."""
    model = network(last="Softmax", **more)
    edit(model)
    return model


def external(model):
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="../../../../etc/passwd")


def of_a_custom_domain(model):
    model.graph.node[0].domain = "com.evil"
    model.opset_import.append(helper.make_opsetid("com.evil", 1))


def in_a_branch(model):
    """A weight of another file in the body of a branch."""
    constant = helper.make_tensor("k", TensorProto.FLOAT, [1], [1.0])
    external_part = onnx.TensorProto(name="k", data_type=1, dims=[1], data_location=onnx.TensorProto.EXTERNAL)
    bodies = {}
    for name, tensor in (("then_branch", constant), ("else_branch", external_part)):
        out = helper.make_tensor_value_info(f"{name}_o", TensorProto.FLOAT, [1])
        bodies[name] = helper.make_graph([helper.make_node("Identity", ["k"], [f"{name}_o"])], name, [], [out], [tensor])
    model.graph.initializer.append(numpy_helper.from_array(np.array([True]), "flag"))
    model.graph.node.append(helper.make_node("If", ["flag"], ["unused"], **bodies))


def of_half_precision(model):
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT16


def of_no_rank(model):
    model.graph.input[0].type.tensor_type.ClearField("shape")


def of_other_width(model):
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 7


def with_string_scores(model):
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.STRING


def sparse(model):
    model.graph.sparse_initializer.add()


def of_images(model):
    model.graph.input[0].type.tensor_type.shape.dim.add(dim_value=3)


HOSTILE = {
    "a weight in /etc/passwd": (external, "bad-onnx", "weights in another file"),
    "such a weight in a branch": (in_a_branch, "bad-onnx", "weights in another file"),
    "an operator of its own": (of_a_custom_domain, "bad-onnx", "the operator MatMul of com.evil"),
    "half precision": (of_half_precision, "import-inputs", "input x is float16"),
    "no rank": (of_no_rank, "import-inputs", "no declared rank"),
    "wrong number of features": (of_other_width, "import-inputs", "7 columns, and the dataset gives it 3"),
    "scores that are strings": (with_string_scores, "import-outputs", "gives labels only"),
    "sparse weights": (sparse, "bad-onnx", "sparse weights"),
    "images": (of_images, "import-inputs", "rank 3"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused_in_one_line(numbers, name):
    graph, id_, words = BROKEN[name]
    found = numbers.refusal(graph)
    assert (found[0], words in found[1]) == (id_, True), found


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_one_line_and_nothing_it_names_is_opened(numbers, name):
    edit, id_, words = HOSTILE[name]
    found = numbers.refusal(edited(edit))
    assert (found[0], words in found[1]) == (id_, True), found


def bomb(size):
    """The network beside a tensor of `size` floats that is computed when it is loaded or run."""
    model = network(last="Softmax")
    graph = model.graph
    graph.initializer.append(numpy_helper.from_array(np.array([size], np.int64), "size"))
    graph.node.insert(0, helper.make_node("ConstantOfShape", ["size"], ["huge"]))
    graph.node.insert(1, helper.make_node("ReduceSum", ["huge"], ["sum"], keepdims=0))
    graph.node.insert(2, helper.make_node("Add", ["x", "sum"], ["y"]))
    graph.node[3].input[0] = "y"
    return model


def endless():
    """The network after a loop of 2**62 rounds."""
    model = network(last="Softmax")
    graph = model.graph
    float_ = TensorProto.FLOAT
    body = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["c_out"]), helper.make_node("Tanh", ["v"], ["v_out"])], "body",
        [helper.make_tensor_value_info("i", TensorProto.INT64, []), helper.make_tensor_value_info("c", TensorProto.BOOL, []),
         helper.make_tensor_value_info("v", float_, ["n", 3])],
        [helper.make_tensor_value_info("c_out", TensorProto.BOOL, []), helper.make_tensor_value_info("v_out", float_, ["n", 3])],
    )  # fmt: skip
    graph.initializer.append(numpy_helper.from_array(np.array(2**62, np.int64), "rounds"))
    graph.initializer.append(numpy_helper.from_array(np.array(True), "go"))
    graph.node.insert(0, helper.make_node("Loop", ["rounds", "go", "x"], ["y"], body=body))
    graph.node[1].input[0] = "y"
    return model


def test_a_bomb_takes_only_its_trial_with_it(numbers, monkeypatch):
    id_, detail, _ = numbers.refusal(bomb(2**31))
    assert id_ == "bad-onnx"
    assert "memory" in detail or "cannot run" in detail
    monkeypatch.setattr(import_graph, "try_out", lambda *call: trial.try_out(*call, seconds=1.5))
    assert numbers.refusal(endless()) == (
        "bad-onnx", "The graph does not answer 30 rows in 1.5 s.", "export a smaller model, or look for a loop in its graph",
    )  # fmt: skip


@pytest.mark.parametrize(("missing", "check"), [(False, "no_number_complete"), (True, "no_number")])
def test_rows_without_an_answer_are_laid_to_missing_cells_only_where_there_are_any(tmp_path, missing, check):
    world = World(tmp_path, (X[:, 0] * 2).astype(np.float64), {name: X[:, place].copy() for place, name in enumerate(NAMES)})
    if missing:
        world.frame = world.frame.with_columns(pl.lit(float("nan"), dtype=pl.Float32).alias("a"))
        world.needs = {"prepare": prepared(world.shelf, world.frame[:60], world.frame[60:])}
    graph = network(width=1)
    weights = np.full((3, 1), 1 if missing else np.nan, np.float32)
    graph.graph.initializer[0].CopyFrom(numpy_helper.from_array(weights, "w"))
    (tmp_path / "m.onnx").write_bytes(graph.SerializeToString())
    inputs = {"task": "regression", "target": "y", "file": {"path": "m.onnx"}}
    outputs = import_graph.run(inputs, world.needs, bench(world.shelf, tmp_path)).outputs
    assert [(one["check"], one["count"]) for one in outputs["notices"]] == [(check, 30)]
