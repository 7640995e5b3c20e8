"""The short form: scripts as people write them, and the YAML that they stand for."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression

from leptonctl import (
    Data,
    DataPreprocessor,
    Failure,
    Model,
    Project,
    Unfinished,
    create_version,
    publish_version,
    rollback_version,
    update_version,
)
from leptonctl.commands.session import Session
from leptonctl.core.diagnostic import GATE
from tests import projects

BY_HAND = """\
kind: Project
name: by-hand
format: 1
---
kind: Dataset
name: points
target: side
versions:
  one: {source: points.csv}
  two: {source: more.csv}
---
kind: Model
name: line
dataset: points@one
task: classification
preprocess:
  - {columns: [x, y], use: min_max_scaler}
  - {columns: [x, y], use: standard_scaler}
algorithm: logistic_regression
params: {max_iter: 150}
versions:
  v1: {}
  v2: {dataset: points@two}
"""


def digests(root: Path) -> dict[str, str]:
    """The digests of the model versions that the YAML declares."""
    built = Session.open(root).declarations.built
    return {address: node.digest for address, node in built.items() if address.startswith("model/")}


def texts(root: Path) -> dict[str, str]:
    return {file.name: file.read_text(encoding="utf-8") for file in root.glob("*.yaml")}


# --- create, update, publish, roll back -------------------------------------------------------------------------------


def test_create_update_publish_and_roll_back_and_all_of_it_again(copy: Path) -> None:
    project = Project.load(copy)
    projects.edit(copy / "model-line.yaml", "  v2: {params: {C: 0.5}}", "  # the second one comes from a script")
    assert publish_version("v1", "line", project=project).done["trained"] == 0

    def script() -> list[int]:
        create_version("v2", "line", "Weaker", project=project, params={"C": 0.5})
        update_version("v2", "line", "Weaker regularisation", project=project)
        published = publish_version("v2", "line", project=project, reason="try it")
        assert project.status().environment("dev").models[0].version == "v2"
        leaving = rollback_version("v2", "line", project=project, reason="it was a test")
        return [work.done["trained"] for work in (published, leaving)]

    assert script() == [0, 0], "the store has the results of this recipe"
    after = texts(copy)
    assert "  # the second one comes from a script\n" in after["model-line.yaml"]
    assert "Weaker regularisation" in after["model-line.yaml"]
    assert digests(copy)["model/line@v2"] == digests_of_v2(copy)
    with pytest.raises(Unfinished, match="withdrawn") as again:
        script()
    assert again.value.exit_code == GATE
    assert "Hint: leptonctl readmit dev/line@v2" in str(again.value)
    assert again.value.work.done["trained"] == 0
    assert texts(copy) == after
    served = project.status().environment("dev").models[0]
    assert (served.version, [one.version for one in served.withdrawn]) == ("v1", ["v2"])
    assert rollback_version("v2", "line", project=project).done == {}, "it was left already"
    project.readmit("dev/line@v2", reason="it was good")
    assert publish_version("v2", "line", project=project).done["bound"] == 1


def test_what_others_write_while_a_version_is_published_stays(copy: Path) -> None:
    """In the file that it edits, in another one, and (brother) of another call, when a gate holds the version."""
    environment, other = copy / "environment-dev.yaml", copy / "model-line.yaml"
    environment.write_text(f"{environment.read_text(encoding='utf-8')}gates: {{accuracy: {{min: 1.0}}}}\n", encoding="utf-8")
    seen: list[str] = []

    def meanwhile(_event: object) -> None:
        if not seen:
            seen.append("")
            create_version("side", "line", "written meanwhile", project=copy)
            environment.write_text(f"# by hand\n{environment.read_text(encoding='utf-8')}", encoding="utf-8")

    with pytest.raises(Unfinished):
        publish_version("v2", "line", project=copy, progress=meanwhile)
    text = environment.read_text(encoding="utf-8")
    assert text.startswith("# by hand\n") and "{line: v1}" in text
    assert "written meanwhile" in other.read_text(encoding="utf-8")


def test_a_version_may_be_named_by_a_number_and_the_script_run_again(copy: Path) -> None:
    """3 is "3" in the YAML; of a dataset, a model and an algorithm's class (brothers) too."""

    def script() -> dict[str, str]:
        create_version(3, "line", project=copy, params={"C": 0.25})  # type: ignore[arg-type]
        update_version(3, "line", "the third", project=copy)  # type: ignore[arg-type]
        own = Model(algorithm=LogisticRegression, name=5, project=copy)  # type: ignore[arg-type]
        own.upload_data(Data.from_csv(copy / "data" / "points.csv", "side", name=7, version=2024))  # type: ignore[arg-type]
        return texts(copy)

    first = script()
    assert 'name: "7"' in first["dataset-7.yaml"] and "2024" in first["dataset-7.yaml"]
    assert script() == first
    with pytest.raises(Failure) as unknown:
        publish_version(9, "line", project=copy)  # type: ignore[arg-type]
    assert unknown.value.diagnostics[0].id == "unknown-version"


def digests_of_v2(root: Path) -> str:
    """What a person would have written, as the recipe of another version."""
    projects.edit(root / "model-line.yaml", "versions:\n", "versions:\n  other: {params: {C: 0.5}}\n")
    digest = digests(root)["model/line@other"]
    projects.edit(root / "model-line.yaml", "  other: {params: {C: 0.5}}\n", "")
    return digest


def test_a_version_can_be_written_after_another(copy: Path) -> None:
    """What the model says can be taken away, too (brother)."""
    update_version("v2", "line", "Weak", project=copy, params={"C": 0.5, "max_iter": 300}, class_weight="balanced")
    create_version("v3", "line", like="v2", project=copy, params={"C": 2.0}, threshold=0.4)
    versions = Session.open(copy).project.of("Model")["line"].value["versions"]
    assert versions["v3"] == {"params": {"C": 2.0, "max_iter": 300}, "class_weight": "balanced", "threshold": 0.4}
    update_version("v3", "line", project=copy, preprocess=None)
    assert Session.open(copy).project.of("Model")["line"].value["versions"]["v3"]["preprocess"] is None


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda p: create_version("v9", "lime", project=p), "unknown-model"),
        (lambda p: create_version("v9", "line", like="v8", project=p), "unknown-version"),
        (lambda p: update_version("v2", "line", project=p, algorithm=None), "missing-algorithm"),
        (lambda p: create_version("v 9", "line", project=p), "bad-name"),
        (lambda p: create_version("v9", "line", project=p, params={"D": 1}), "unknown-parameter"),
        (lambda p: create_version("v9", "line", project=p, params={"C": object()}), "usage"),
        (lambda p: create_version("v9", "line", project=p, params={"C": float("nan")}), "usage"),
        (lambda p: create_version("v9", "line", project=p, search={"parameters": {"C": [1.0, float("inf")]}}), "usage"),
        (lambda p: create_version("v9", "line", project=p, colour="red"), "unknown-key"),
        (lambda p: create_version("v9", "line", project=p, algorithm=None), "missing-algorithm"),
        (lambda p: update_version("v9", "line", "x", project=p), "unknown-version"),
        (lambda p: update_version("v2", "line", project=p, algorithm="knnn"), "unknown-algorithm"),
        (lambda p: publish_version("v9", "line", project=p), "unknown-version"),
        (lambda p: publish_version("v1", "lime", project=p), "unknown-model"),
        (lambda p: publish_version("v1", "line", "prod", project=p), "unknown-environment"),
        (lambda p: rollback_version("v2", "line", project=p), "not-bound"),
    ],
)
def test_what_cannot_be_declared_leaves_the_files_alone(call, expected: str, copy: Path) -> None:
    before = texts(copy)
    with pytest.raises(Failure) as refused:
        call(copy)
    assert refused.value.diagnostics[0].id == expected, refused.value.diagnostics
    assert refused.value.diagnostics[0].hint
    assert texts(copy) == before
    assert not list(copy.glob("*.yaml.*"))


def test_of_several_environments_one_has_to_be_named(copy: Path) -> None:
    file = copy / "environment-prod.yaml"
    file.write_text(f"kind: Environment\nname: prod\nplatform: {{type: server, port: {projects.free_port()}}}\nmodels: {{}}\n")
    with pytest.raises(Failure, match="dev, prod") as refused:
        publish_version("v1", "line", project=copy)
    assert refused.value.diagnostics[0].hint == 'pass `environment="NAME"`'


def test_an_edit_that_would_change_more_is_refused(copy: Path) -> None:
    projects.edit(copy / "model-line.yaml", "  v1: {}\n  v2: {params: {C: 0.5}}", "  v1: &same {seed: 3}\n  v2: *same")
    before = texts(copy)
    with pytest.raises(Failure) as refused:
        update_version("v2", "line", "Another seed", project=copy, seed=4)
    assert refused.value.diagnostics[0].id == "cannot-edit"
    assert texts(copy) == before


def test_threads_that_edit_lose_nothing(copy: Path) -> None:
    names = [f"w{number}" for number in range(6)]
    with ThreadPoolExecutor(3) as pool:
        versions = [*pool.map(lambda name: create_version(name, "line", project=copy, seed=int(name[1:])), names)]
    assert len({version.digest for version in versions}) == 6


# --- upload, train, deploy, monitor -----------------------------------------------------------------------------------


@pytest.fixture
def by_hand(tmp_path: Path) -> Path:
    """What a person writes and builds who means the same as the script."""
    root = tmp_path / "hand"
    root.mkdir()
    (root / "points.csv").write_text(projects.points(60), encoding="utf-8")
    (root / "more.csv").write_text(projects.points(90, seed=3), encoding="utf-8")
    (root / "leptonctl.yaml").write_text(BY_HAND, encoding="utf-8")
    assert Project.load(root).build().done["trained"] == 2
    return root


@pytest.fixture
def folder(by_hand: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working folder: one of the tables, and the store of what was built by hand."""
    root = tmp_path / "work"
    root.mkdir()
    shutil.copy(by_hand / "points.csv", root)
    shutil.copytree(by_hand / ".leptonctl" / "store", root / ".leptonctl" / "store")
    monkeypatch.chdir(root)
    yield root
    projects.stop_servers(root)


def script(port: int, asked: int) -> list[str]:
    """`asked`: how often it has run, since the server is the same. The digests of both versions."""
    model = Model(algorithm="LogisticRegression", name="line")
    data = Data.from_csv("points.csv", target="side")
    steps = DataPreprocessor().add_transformer("Normalize", input=["x", "y"], output="unit").add_transformer("StandardScaler", input="unit")
    model.upload_data(data).upload_preprocessor(steps.fit(data))
    first = model.train(iterations=150)
    deployment = model.deploy(target="local", name="dev", port=port)
    projects.ask(f"{deployment.url}/v2/models/line/infer", request(1, 9))
    seen = model.monitor()
    assert (seen.healthy, seen.requests, seen.rows, seen.breaches, seen.unreachable) == (True, {"200": asked}, asked, {}, {})
    assert (seen.metrics, seen.model.version) == (first.metrics, "v1")
    assert deployment.predict([{"x": 1, "y": 9}]).labels == ["above"]
    model.upload_data(Data.from_csv("../hand/more.csv", target="side", name="points"))
    second = model.train(iterations=150)
    assert model.deploy(name="dev").version == "v2"
    return [first.digest, second.digest]


def test_upload_train_deploy_monitor_update_deploy_and_all_of_it_again(by_hand: Path, folder: Path) -> None:
    """On the store of what was built by hand even the first run trains nothing: docs/how-to/python.md has one that does."""
    port = projects.free_port()
    assert script(port, 1) == list(digests(folder).values()) == list(digests(by_hand).values())
    written = texts(folder)
    assert script(port, 2) == list(digests(folder).values())
    assert texts(folder) == written
    project = Project.load()
    trainings = [build.address for build in project.history().builds if "train" in build.ops]
    assert len(trainings) == 2
    assert project.status().environment("dev").models[0].version == "v2"


def request(x: float, y: float) -> dict:
    return {"inputs": [{"name": name, "shape": [1], "datatype": "FP32", "data": [value]} for name, value in (("x", x), ("y", y))]}


def test_what_was_not_said_is_as_init_would_write_it(tmp_path: Path) -> None:
    """The document alone: nothing is trained."""
    rows = "".join(f"{n},{'red' if n % 3 else 'blue'},{n * 2.5}\n" for n in range(60))
    (tmp_path / "prices.csv").write_text(f"size,colour,price\n{rows}", encoding="utf-8")
    model = Model(name="price", project=tmp_path).upload_data(Data.from_csv(tmp_path / "prices.csv", "price"))
    from leptonctl.library.model_settings import Training
    from leptonctl.library.model_yaml import declare_version
    from leptonctl.library.writing import editing

    with editing(tmp_path, "train") as draft:
        assert declare_version(draft, "price", model._settings, Training(), None) == "v1"
    written = (tmp_path / "model-price.yaml").read_text(encoding="utf-8")
    assert "task: regression\n" in written
    assert "use: one_hot" in written
    assert Project.load(tmp_path).plan().summary["train"] == 1


@pytest.mark.parametrize(
    ("algorithm", "task", "name"),
    [
        ("KMeans", "clustering", "KMeans"),
        ("IsolationForest", "anomaly", "IsolationForest"),
        ("Ridge", "regression", "ridge"),
        ("RandomForest", "classification", "random_forest"),
    ],
)
def test_an_algorithm_of_one_task_says_the_task(algorithm: str, task: str, name: str, tmp_path: Path) -> None:
    """The document alone: nothing is trained."""
    from leptonctl.library.model_settings import Training
    from leptonctl.library.model_yaml import declare_version
    from leptonctl.library.writing import editing

    rows = "".join(f"{n % 7},{n % 5}\n" for n in range(60))
    (tmp_path / "grades.csv").write_text(f"size,grade\n{rows}", encoding="utf-8")
    model = Model(algorithm, "grade", project=tmp_path).upload_data(Data.from_csv(tmp_path / "grades.csv", "grade"))
    with editing(tmp_path, "train") as draft:
        declare_version(draft, "grade", model._settings, Training(), None)
    written = (tmp_path / "model-grade.yaml").read_text(encoding="utf-8")
    assert f"task: {task}\n" in written
    assert f"algorithm: {name}\n" in written


def test_a_training_says_what_a_version_says_beside_its_parameters(copy: Path) -> None:
    line = model(copy)
    second = line.train(C=0.5, threshold=0.4, seed=3)
    assert "v3: {params: {C: 0.5}, threshold: 0.4, seed: 3}" in texts(copy)["model-line.yaml"]
    assert line.train(C=0.5, threshold=0.4, seed=3).name == second.name == "v3"
    assert str(Project.load(copy).predict("line@v3", [{"x": 1, "y": 9}])).startswith("line@v3: 1 row\n")


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda f: Data.from_csv(f / "none.csv", "side"), "missing-file"),
        (lambda f: Data.from_csv(f / "leptonctl.yaml", "side"), "unknown-format"),
        (lambda f: Data.from_csv(f / "data" / "points.csv", None), "usage"),
        (lambda f: Data.from_csv(f / "data" / "points.csv", "side", version=1.10), "usage"),
        (lambda f: model(f).upload_data("points.csv"), "usage"),
        (lambda f: model(f).upload_preprocessor("StandardScaler"), "usage"),
        (lambda f: Model(LogisticRegression(C=3), project=f), "usage"),
        (lambda f: create_version(True, "line", project=f), "usage"),
        (lambda f: model(f).upload_data(Data.from_csv(f / "data" / "points.csv", "sid", name="other")), "unknown-column"),
        (lambda f: model(f).upload_data(Data.from_csv(f / "data" / "points.csv", "x", name="points")), "usage"),
        (
            lambda f: DataPreprocessor().add_transformer("PCA", input="z").fit(Data.from_csv(f / "data" / "points.csv", "side")),
            "unknown-column",
        ),
        (lambda f: uploaded(f, DataPreprocessor().add_transformer("Flatten")).train(), "unknown-preprocessor"),
        (lambda f: model(f).train(learning_rate=0.1), "unknown-parameter"),
        (lambda f: model(f).train(version="v1", C=3.0), "usage"),
        (lambda f: Model("mlp", "new", project=f).train(), "usage"),
        (lambda f: Model("mlp", "../new", project=f).upload_data(Data.from_csv(f / "data" / "points.csv", "side")).train(), "bad-name"),
        (lambda f: deployed(f, name="../edge"), "bad-name"),
        (lambda f: model(f).deploy(), "usage"),
        (lambda f: model(f).monitor(), "not-bound"),
        (lambda f: deployed(f, target="moon"), "unknown-platform"),
        (lambda f: model(f).deploy(name="edge", version="v9"), "unknown-version"),
        (lambda f: model(f).upload_model(f / "none.onnx"), "missing-file"),
        (lambda f: model(f).upload_model(f / "data" / "points.csv"), "bad-onnx"),
        (lambda f: model(f).upload_model(__file__), "outside-project"),
        (lambda f: model(f).train(C=float("inf")), "usage"),
    ],
)
def test_what_the_short_form_refuses_leaves_the_files_alone(call, expected: str, copy: Path) -> None:
    before = texts(copy)
    with pytest.raises(Failure) as refused:
        call(copy)
    assert refused.value.diagnostics[0].id == expected, refused.value.diagnostics
    assert refused.value.diagnostics[0].hint in str(refused.value)
    assert texts(copy) == before


def model(folder: Path) -> Model:
    return Model(name="line", project=folder)


def uploaded(folder: Path, steps: DataPreprocessor) -> Model:
    return model(folder).upload_preprocessor(steps)


def deployed(folder: Path, target: str = "server", name: str = "edge") -> object:
    line = model(folder)
    assert line.train(C=0.5).name == "v2", "a version that is declared already"
    return line.deploy(target=target, name=name)


def test_words_that_people_know(copy: Path) -> None:
    from leptonctl.library.model_settings import Training
    from leptonctl.library.model_yaml import _params

    catalog = Session.open(copy).catalog
    both = Training(iterations=7, learning_rate=0.25, params={"seed": 1})

    def params(algorithm: str, training: Training) -> object:
        return _params(catalog, {"task": "classification", "algorithm": algorithm}, training)["params"]

    assert params("mlp", both) == {"max_iter": 7, "learning_rate_init": 0.25, "seed": 1}
    assert params("sgd", both) == {"max_iter": 7, "eta0": 0.25, "learning_rate": "constant", "seed": 1}
    assert params("gradient_boosting", both) == {"n_estimators": 7, "learning_rate": 0.25, "seed": 1}
    steps = (
        DataPreprocessor().add_transformer("MinMaxScaler", input="numeric", output="a").add_transformer("pca", input="a", n_components=2)
    )
    assert steps.steps == [
        {"columns": "numeric", "use": "min_max_scaler"},
        {"columns": "numeric", "use": "pca", "params": {"n_components": 2}},
    ]
    names = {"Normalize": "min_max_scaler", "Normalizer": "Normalizer", "SimpleImputer": "imputer", "normalizer": "normalizer"}
    for word, ours in {**names, "CountVectorizer": "CountVectorizer", "LabelEncoder": "LabelEncoder"}.items():
        assert DataPreprocessor().add_transformer(word).steps[0]["use"] == ours, "another transformation is never taken unasked"
    with pytest.raises(Failure, match="cannot be combined with others"):
        steps.add_transformer("pca", input=["a", "b"])


def test_a_data_frame_is_a_file_of_the_project(tmp_path: Path) -> None:
    """Strings stay strings, and other rows are never written over a file that a version was made of."""
    frame = pl.DataFrame({"code": ["007", "008"] * 10, "size": [1.5, None] * 10, "side": ["a", "b"] * 10})
    line = Model(name="line", project=tmp_path)
    for rows in (frame, frame.to_dicts()):
        assert line.upload_data(Data.from_frame(rows, tmp_path / "data" / "points.jsonl", "side"))._settings.dataset == "points@v1"
    assert (
        (tmp_path / "data" / "points.jsonl")
        .read_text()
        .startswith('{"code": "007", "size": 1.5, "side": "a"}\n{"code": "008", "size": null')
    )
    assert "source: data/points.jsonl" in (tmp_path / "dataset-points.yaml").read_text()
    with pytest.raises(Failure, match="file-exists"):
        Data.from_frame(frame.head(3), tmp_path / "data" / "points.jsonl", "side")
    with pytest.raises(Failure, match="unknown-format"):
        Data.from_frame(frame, tmp_path / "data" / "points.csv", "side")


def test_a_file_that_has_changed_is_another_version(tmp_path: Path) -> None:
    table = tmp_path / "points.csv"
    table.write_text(projects.points(20), encoding="utf-8")
    line = Model(name="line", project=tmp_path)
    for _ in range(2):
        assert line.upload_data(Data.from_csv(table, "side"))._settings.dataset == "points@v1"
    table.write_text(projects.points(21), encoding="utf-8")
    assert line.upload_data(Data.from_csv(table, "side"))._settings.dataset == "points@v2"
    assert (tmp_path / "dataset-points.yaml").read_text().count("sha256:") == 2
    with pytest.raises(Failure, match="project-exists"):
        Project.create(tmp_path)


# --- what a failure leaves, and what a second run does ------------------------------------------------------------------


def test_a_training_that_cannot_begin_declares_nothing(copy: Path) -> None:
    before = texts(copy)
    with pytest.raises(Failure, match="missing-library"):
        Model("xgboost", "line", project=copy).train()
    assert texts(copy) == before


def test_a_training_that_fails_declares_nothing_and_takes_no_edit_of_another_thread_with_it(copy: Path) -> None:
    def edit(_event: object) -> None:
        if "other" not in texts(copy)["model-line.yaml"]:
            create_version("other", "line", project=copy, seed=5)

    with pytest.raises(Unfinished):
        Model("knn", "line", project=copy).train(progress=edit, n_neighbors=5000)
    declared = Session.open(copy).project.of("Model")["line"].value["versions"]
    assert [*declared] == ["v1", "v2", "other"]


def test_a_deployment_that_is_held_declares_no_environment(copy: Path) -> None:
    line, before = model(copy), texts(copy)
    line.train()
    with pytest.raises(Unfinished) as held:
        line.deploy(name="box", port=projects.free_port(), gates={"accuracy": {"min": 1.0}})
    assert held.value.exit_code == GATE
    assert texts(copy) == before


def test_a_second_run_goes_forward_where_it_is_told_to_and_never_leaves_a_protected_environment_half_way(copy: Path) -> None:
    project, file = Project.load(copy), copy / "environment-dev.yaml"
    project.pin()

    def script(**options: bool) -> list[tuple[str, str | None]]:
        line, bound = model(copy), []
        for params in ({}, {"C": 0.5}):
            line.train(**params)
            deployment = line.deploy(gates=[{"models": "line", "accuracy": {"min": 0.5}}], **options)
            bound.append((deployment.version, deployment.skipped))
        return bound

    assert script() == [("v1", None), ("v2", None)]
    assert "gates:" in file.read_text(encoding="utf-8")
    moved = len(project.history().entries)
    assert script(forward=True) == [("v2", "v1"), ("v2", None)]
    assert len(project.history().entries) == moved, "nothing has moved"
    before = texts(copy)
    other = {"gates": {"accuracy": {"min": 0.1}}, "port": projects.free_port()}
    assert model(copy).deploy(version="v1", forward=True, **other).skipped == "v1"
    assert texts(copy) == before, "what stays keeps its gates and its port"
    projects.edit(file, "kind: Environment\n", "kind: Environment\nprotected: true\n")
    project.apply(only=["environment/dev"])
    before = texts(copy)
    with pytest.raises(Failure, match="forward=True") as refused:
        script()
    assert refused.value.diagnostics[0].id == "superseded"
    assert texts(copy) == before
    assert project.status().environment("dev").models[0].version == "v2"
    assert rollback_version("v2", "line", project=project).done["bound"] == 1
    with pytest.raises(Unfinished, match="withdrawn"):
        script(forward=True)
