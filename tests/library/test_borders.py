"""What is passed as the wrong type: a whole number is a name, and all else is a failure that names the argument."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sklearn.svm import SVC

from leptonctl import Data, Failure, Model, Project, create_version, update_version
from leptonctl.commands.session import Session
from tests import projects

ROWS = "data/more.csv"


def files(root: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in root.iterdir() if file.is_file()}


def test_whole_numbers_are_names(copy: Path) -> None:
    """Of `update` all three; of `import_model`, `create` and `show` (brothers) too."""
    (copy / ROWS).write_text(projects.points(60, seed=3), encoding="utf-8")
    project: Any = Project.load(copy)
    update = project.update("line", copy / ROWS, version=12, dataset_version=13)
    assert (update.version, update.dataset_version) == ("12", "13")
    assert project.update("line", copy / ROWS, version=14, like=12).version == "14"
    folder = copy.parent / "five"
    folder.mkdir()
    create: Any = Project.create
    assert 'name: "5"' in (create(folder, name=5).root / "leptonctl.yaml").read_text(encoding="utf-8")
    for call in (
        lambda: project.show(5),
        lambda: project.verify(5),
        lambda: project.leaderboard(5),
        lambda: project.predict(5, [{"x": 1, "y": 2}]),
    ):
        with pytest.raises(Failure, match=r"unknown-|not-bound"):
            call()
    with pytest.raises(Failure, match="missing-file"):
        project.import_model(copy / "no.onnx", "line", 3)
    assert project.apply(only="model/line@v1").done.get("bound", 0) == 0


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda p: p.update("line", 3), "data"),
        (lambda p: p.update("line", "x.csv", version=1.5), "version"),
        (lambda p: p.update(["line"], "x.csv"), "model"),
        (lambda p: p.import_model(3, "line", "v3"), "file"),
        (lambda p: p.import_model("x.onnx", "line", None), "version"),
        (lambda p: p.adopt("line@v1", into=1.5), "into"),
        (lambda p: p.apply(wait="3"), "wait"),
        (lambda p: p.apply(wait=float("nan")), "wait"),
        (lambda p: p.apply(reason=3), "reason"),
        (lambda p: p.apply(only=[None]), "only"),
        (lambda p: p.apply("a plan"), "Project.plan"),
        (lambda p: p.plan(b"dev"), "only"),
        (lambda p: p.rollback("dev", to=1.0), "to"),
        (lambda p: p.rollback("dev", to="1"), "to"),
        (lambda p: p.rollback("dev", to=True), "to"),
        (lambda p: p.rollback(None), "target"),
        (lambda p: p.promote("line", "dev", None), "destination"),
        (lambda p: p.readmit(None, reason="x"), "target"),
        (lambda p: p.show(1.5), "address"),
        (lambda p: p.diff("line@v1", None), "b"),
        (lambda p: p.leaderboard("line", by=["f1"]), "by"),
        (lambda p: p.predict(None, []), "target"),
        (lambda p: Project.load(3), "path"),  # type: ignore[arg-type]
        (lambda p: Project.create(p.root / "x", name=b"x"), "name"),
        (lambda p: Data.from_csv(3, "side"), "path"),  # type: ignore[arg-type]
        (lambda p: Model(name="line", project=p).deploy(version="v1", wait=None), "wait"),  # type: ignore[arg-type]
        (lambda p: Model(name="line", project=p).deploy(target=["server"], version="v1"), "target"),  # type: ignore[arg-type]
    ],
)
def test_what_is_of_another_type_is_a_failure_that_names_it(call: Callable[[Any], object], argument: str, copy: Path) -> None:
    before = files(copy)
    with pytest.raises(Failure) as refused:
        call(Project.load(copy))
    (problem,) = refused.value.diagnostics
    assert (problem.id, f"`{argument}" in f"{problem.detail} {problem.hint}") == ("usage", True)
    assert files(copy) == before


def test_a_name_of_nothing_is_no_name(copy: Path) -> None:
    """`version=""` is refused, and takes no name of its own."""
    before = files(copy)
    with pytest.raises(Failure):
        Model(name="line", project=copy).train(version="", C=0.25)
    assert files(copy) == before


def test_a_class_of_scikit_learn_is_an_algorithm_of_a_version(copy: Path) -> None:
    """As of a `Model`; and (brother) of one that is changed."""
    create_version("v3", "line", project=copy, algorithm=SVC)
    update_version("v2", "line", project=copy, algorithm=SVC, params={"C": 2.0})
    built = Session.open(copy).declarations.built
    assert [built[f"model/line@{name}"].recipe["algorithm"] for name in ("v2", "v3")] == ["svm", "svm"]
