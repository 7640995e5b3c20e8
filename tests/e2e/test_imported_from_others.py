"""ONNX files of XGBoost, LightGBM and torch, made without leptonctl, imported and served: answers over HTTP are their own runtime's.

These libraries are not part of the test environment: `pip install xgboost-cpu lightgbm onnxmltools torch onnxscript`, then
`pytest tests/e2e/test_imported_from_others.py`. Without them the tests are skipped.
"""

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

from tests import projects

DATA: dict[str, Any] = {"wine": load_wine, "cancer": load_breast_cancer, "sugar": load_diabetes}
NAMES = {"wine": ["barbera", "barolo", "grignolino"], "cancer": None, "sugar": None}
"""Words for the classes of a table; None: they are numbers."""


def table(name: str) -> tuple[np.ndarray, np.ndarray]:
    """The rows as float32, and the targets as numbers."""
    x, y = DATA[name](return_X_y=True)
    return x.astype(np.float32), y


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Callable[..., tuple[dict[str, list], Any]]]:
    """`served(table, onnx, **keys)`: the answers over HTTP to all rows, and a session on the file itself."""
    root = tmp_path / "shop"
    (root / "vendor").mkdir(parents=True)

    def serve(name: str, onnx: bytes, options: str = "") -> tuple[dict[str, list], Any]:
        x, y = table(name)
        words = NAMES[name]
        labels = [words[int(v)] for v in y] if words else [f"{v:g}" for v in y]
        columns = [f"c{i}" for i in range(x.shape[1])]
        lines = [
            ",".join([*columns, "y"]),
            *(",".join([*(repr(float(v)) for v in row), label]) for row, label in zip(x, labels, strict=True)),
        ]
        (root / "rows.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (root / "vendor" / "m.onnx").write_bytes(onnx)
        task = "regression" if name == "sugar" else "classification"
        (root / "leptonctl.yaml").write_text(
            f"kind: Project\nname: shop\nformat: 1\n---\nkind: Dataset\nname: rows\ntarget: y\nversions:\n  one: {{source: rows.csv}}\n"
            f"---\nkind: Model\nname: m\ndataset: rows@one\ntask: {task}\nversions:\n  v1: {{import: vendor/m.onnx{options}}}\n"
            f"---\nkind: Environment\nname: dev\nplatform: {{type: server, port: {projects.free_port()}}}\nmodels: {{m: v1}}\n",
            encoding="utf-8",
        )  # fmt: skip
        done = projects.run("apply", "--yes", cwd=root)
        assert done.returncode == 0, done.stdout + done.stderr
        inputs = [{"name": n, "shape": [len(x)], "datatype": "FP32", "data": x[:, i].tolist()} for i, n in enumerate(columns)]
        answer = projects.ask(f"{projects.served(root, 'dev')['url']}/v2/models/m/infer", {"inputs": inputs})
        return {output["name"]: output["data"] for output in answer["outputs"]}, ort.InferenceSession(onnx)

    yield serve
    projects.stop_servers(root)


def converted(kind: str, model: Any, width: int, **more: Any) -> bytes:
    """A booster as onnxmltools converts it."""
    from onnxmltools import convert_lightgbm, convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    convert = convert_xgboost if kind == "xgboost" else convert_lightgbm
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data: bytes = convert(model, initial_types=[("x", FloatTensorType([None, width]))], target_opset=15, **more).SerializeToString()
    return data


def check_classes(answer: dict[str, list], session: Any, name: str, native: np.ndarray) -> None:
    x, y = table(name)
    own = session.run(None, {session.get_inputs()[0].name: x})
    probabilities = own[1] if isinstance(own[1], np.ndarray) else np.array([[row[k] for k in sorted(row)] for row in own[1]])
    words = NAMES[name]
    assert answer["label"] == [words[int(v)] if words else int(v) for v in own[0].reshape(-1)]
    np.testing.assert_allclose(np.reshape(answer["probabilities"], (len(y), -1)), probabilities, atol=1e-6)
    np.testing.assert_allclose(probabilities, native, atol=5e-3)


@pytest.mark.parametrize("name", ["wine", "cancer"])
def test_xgboost(served: Callable, name: str) -> None:
    xgboost = pytest.importorskip("xgboost", reason="xgboost-cpu is not in the test environment")
    pytest.importorskip("onnxmltools", reason="onnxmltools is not in the test environment")
    x, y = table(name)
    model = xgboost.XGBClassifier(n_estimators=20, max_depth=3).fit(x, y)
    words = NAMES[name]
    answer, session = served(name, converted("xgboost", model, x.shape[1]), f", classes: [{', '.join(words)}]" if words else "")
    check_classes(answer, session, name, model.predict_proba(x))


@pytest.mark.parametrize("zipmap", [True, False])
@pytest.mark.parametrize("name", ["wine", "cancer"])
def test_lightgbm(served: Callable, name: str, zipmap: bool) -> None:
    lightgbm = pytest.importorskip("lightgbm", reason="lightgbm is not in the test environment")
    pytest.importorskip("onnxmltools", reason="onnxmltools is not in the test environment")
    x, y = table(name)
    model = lightgbm.LGBMClassifier(n_estimators=20, verbose=-1).fit(x, y)
    words = NAMES[name]
    answer, session = served(
        name, converted("lightgbm", model, x.shape[1], zipmap=zipmap), f", classes: [{', '.join(words)}]" if words else ""
    )
    check_classes(answer, session, name, model.predict_proba(x))


@pytest.mark.parametrize("kind", ["xgboost", "lightgbm"])
def test_a_booster_of_values(served: Callable, kind: str) -> None:
    library = pytest.importorskip(kind, reason=f"{kind} is not in the test environment")
    pytest.importorskip("onnxmltools", reason="onnxmltools is not in the test environment")
    x, y = table("sugar")
    model = (library.XGBRegressor(n_estimators=20) if kind == "xgboost" else library.LGBMRegressor(n_estimators=20, verbose=-1)).fit(x, y)
    answer, session = served("sugar", converted(kind, model, x.shape[1]))
    np.testing.assert_allclose(answer["prediction"], session.run(None, {"x": x})[0].reshape(-1), rtol=1e-6)
    assert np.mean(np.abs(np.array(answer["prediction"]) - model.predict(x)) > 1e-3 * y.std()) < 0.05


@pytest.mark.parametrize("exporter", ["dynamo", "script"])
@pytest.mark.parametrize("name", ["wine", "cancer", "sugar"])
def test_torch(served: Callable, name: str, exporter: str, tmp_path: Path) -> None:
    """Three logits, one logit, one value; by both exporters."""
    torch = pytest.importorskip("torch", reason="torch is not in the test environment")
    pytest.importorskip("onnxscript", reason="onnxscript is not in the test environment")
    x, y = table(name)
    torch.manual_seed(0)
    width = 3 if name == "wine" else 1
    net = torch.nn.Sequential(torch.nn.BatchNorm1d(x.shape[1]), torch.nn.Linear(x.shape[1], 8), torch.nn.ReLU(), torch.nn.Linear(8, width))
    rows, targets = torch.tensor(x), torch.tensor(y, dtype=torch.long if width > 1 else torch.float32)
    loss = {"wine": torch.nn.CrossEntropyLoss(), "cancer": torch.nn.BCEWithLogitsLoss(), "sugar": torch.nn.MSELoss()}[name]
    optimiser = torch.optim.Adam(net.parameters(), 0.05)
    for _ in range(60):
        optimiser.zero_grad()
        out = net(rows)
        loss(out if width > 1 else out[:, 0], targets).backward()
        optimiser.step()
    net.eval()
    file = tmp_path / "net.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if exporter == "dynamo":
            torch.onnx.export(
                net, (rows[:4],), file, dynamo=True, dynamic_shapes=({0: torch.export.Dim("rows")},), external_data=False, verbose=False
            )
        else:
            torch.onnx.export(net, (rows[:4],), file, dynamo=False, dynamic_axes={"x": {0: "rows"}}, input_names=["x"], external_data=False)
    options = {"wine": ", outputs: logits, classes: [barbera, barolo, grignolino]", "cancer": ", outputs: logits", "sugar": ""}[name]
    answer, session = served(name, file.read_bytes(), options)
    own = session.run(None, {session.get_inputs()[0].name: x})[0]
    with torch.no_grad():
        native = net(rows)
    np.testing.assert_allclose(own, native.numpy(), rtol=1e-3, atol=1e-3)
    if name == "sugar":
        np.testing.assert_allclose(answer["prediction"], own.reshape(-1), rtol=1e-6)
        return
    expected = torch.softmax(torch.tensor(own), 1) if width > 1 else torch.sigmoid(torch.tensor(own))
    expected = expected if width > 1 else torch.cat([1 - expected, expected], 1)
    np.testing.assert_allclose(np.reshape(answer["probabilities"], (len(x), -1)), expected.numpy(), atol=1e-6)
    words = NAMES[name]
    assert answer["label"] == [words[i] if words else i for i in expected.numpy().argmax(axis=1).tolist()]
