"""`show ADDRESS`: all about one version of a model or a dataset, for people and as JSON."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from leptonctl.commands import show as commands
from leptonctl.commands.recorded.built_versions import BuiltVersion
from leptonctl.commands.session import Session
from leptonctl.commands.showing.show_version import training_columns
from leptonctl.views.style import text_width
from tests import projects


def show(root: Path, name: str, **variables: str) -> str:
    result = projects.run("show", name, cwd=root, **variables)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def story(root: Path, name: str) -> dict:
    result = projects.run("show", name, "--json", cwd=root)
    assert result.returncode == 0, result.stdout + result.stderr
    return json.loads(result.stdout)


def test_metrics_have_their_direction_and_gated_ones_come_first(looking: Path) -> None:
    """E2 and E8: in the order of the gates, not of the alphabet."""
    version = story(looking, "line@v2")["version"]
    assert [(m["name"], m["better"], m["gated"]) for m in version["metrics"]] == [
        ("log_loss", "lower", True), ("accuracy", "higher", True), ("f1", "higher", True)
    ]  # fmt: skip
    ungated = story(looking, "line@v1")["version"]
    assert [m["gated"] for m in ungated["metrics"]] == [False, False, False]
    limits = {(limit["metric"], limit["rule"]): limit["passed"] for limit in version["limits"]}
    assert limits == {("log_loss", "max"): True, ("accuracy", "min"): False, ("f1", "max_drop"): None, ("flips", "max"): None}
    text = show(looking, "line@v2")
    row = next(line for line in text.splitlines() if line.strip().startswith("log_loss"))
    assert "↓" in row
    assert "✓ dev ≤ 0.9" in row
    assert "±" in row
    assert "✗ dev ≥ 0.999" in text
    assert "also gated: flips" in text


def test_the_matrix_and_the_curves_are_there_though_no_metric_names_them(looking: Path) -> None:
    version = story(looking, "line@v3")["version"]
    matrix = version["evaluation"]["confusion_matrix"]
    assert matrix["labels"] == ["above", "below"]
    assert sum(map(sum, matrix["matrix"])) == version["data"]["evaluated"] == version["data"]["rows"]["test"]
    right = matrix["matrix"][0][0] + matrix["matrix"][1][1]
    accuracy = next(m["value"] for m in version["metrics"] if m["name"] == "accuracy")
    assert accuracy == pytest.approx(right / version["data"]["evaluated"])
    bins = version["evaluation"]["calibration"]["bins"]
    assert sum(b["rows"] for b in bins) == version["data"]["evaluated"]
    assert all(b["low"] - 1e-6 <= b["predicted"] <= b["high"] + 1e-6 for b in bins)
    text = show(looking, "line@v3")
    assert all(title in text for title in ("Confusion matrix", "ROC curve of below", "Calibration", "Built", "train"))


def test_parameters_say_where_they_come_from(looking: Path) -> None:
    origins = {p["path"]: (p["value"], p["origin"], p["line"]) for p in story(looking, "line@v2")["version"]["parameters"]}
    text = (looking / "leptonctl.yaml").read_text(encoding="utf-8").splitlines()
    by_variable = next(number for number, line in enumerate(text, 1) if "vars.strength" in line)
    assert origins["params.C"] == (0.5, "vars", by_variable)
    assert origins["params.max_iter"][1] == "default"
    assert origins["algorithm"][1] == "base"
    assert {p["path"]: p["origin"] for p in story(looking, "line@v3")["version"]["parameters"]}["params.max_depth"] == "version"
    assert {p["path"]: p["origin"] for p in story(looking, "line@v1")["version"]["parameters"]}["params.C"] == "base"


@pytest.mark.parametrize("columns", [80, 120, 200])
def test_it_fits_the_width_without_cutting_a_word(looking: Path, columns: int) -> None:
    """E8: only the longest word of the screen (a digest), and names of people and hosts, may stand out."""
    for name in ("line@v2", "points@first"):
        lines = show(looking, name, COLUMNS=str(columns)).splitlines()
        wide = [line for line in lines if text_width(line) > columns and "sha256:" not in line and " by " not in line]
        assert wide == []
        assert not any("…" in line for line in lines)
    whole = story(looking, "line@v2")["version"]
    assert whole["data"]["digest"] in show(looking, "line@v2", COLUMNS=str(columns))


def test_a_dataset_has_its_contract_and_its_columns(looking: Path) -> None:
    dataset = story(looking, "points@first")["dataset"]
    columns = {c["name"]: c for c in dataset["columns"]}
    assert [c["role"] for c in dataset["columns"]] == ["feature", "feature", "feature", "target"]
    assert (columns["x"]["type"], columns["x"]["min"], columns["x"]["max"], columns["x"]["declared"]) == ("number", 0, 10, True)
    assert (columns["color"]["fill"], columns["color"]["missing"], columns["color"]["distinct"]) == ("none", 0.0, 4)
    assert columns["x"]["lowest"] < 2
    assert columns["x"]["highest"] > 8
    assert columns["color"]["lowest"] is None
    assert columns["side"]["values"] == ["above", "below"]
    assert sum(dataset["rows"].values()) == 60
    text = show(looking, "points@first")
    assert "0 to 10" in text
    assert "missing becomes none" in text
    assert "not pinned" in text


def test_a_dataset_shows_its_id_and_its_separators_in_quotes(tmp_path: Path) -> None:
    root = projects.tiny_project(tmp_path, models={}, environments={})
    (root / "data.yaml").write_text(
        "kind: Dataset\nname: points\ntarget: side\nid: x\ndecimal: ','\nthousands: '.'\nversions: {first: {source: data/points.csv}}\n",
        encoding="utf-8",
    )
    assert story(root, "points@first")["dataset"]["id"] == "x"
    text = show(root, "points@first")
    assert 'decimal ",", thousands "."' in text
    assert re.search(r"^  id +x$", text, re.MULTILINE)


def test_the_share_of_missing_cells(tmp_path: Path) -> None:
    """Brother: a column that may be empty. Before a build the columns are those declared."""
    root = projects.tiny_project(tmp_path, models={}, environments={})
    rows = "".join(f"{i + 19700};{'' if i % 4 == 0 else i * 2};{'a' if i % 2 else 'b'};n{i}\n" for i in range(40))
    (root / "data" / "points.csv").write_text("x;y;side;n\n" + rows, encoding="utf-8")
    options = "source: data/points.csv, id: n, delimiter: ';', decimal: ','"
    projects.edit(root / "data.yaml", "source: data/points.csv", options)
    assert story(root, "points@first")["dataset"]["rows"] is None
    assert projects.run("build", cwd=root).returncode == 0
    columns = {c["name"]: c for c in story(root, "points@first")["dataset"]["columns"]}
    assert columns["y"]["missing"] == pytest.approx(0.25)
    assert columns["x"]["missing"] == 0
    text = show(root, "points@first")
    assert "25.0%" in text
    # as they are written: signs in quotes, integers whole; the id is not a feature, but it is there
    assert re.search(r'^  reading +.*delimiter ";"', text, re.MULTILINE), text
    assert 'decimal ","' in text
    assert re.search(r"^  id +n$", text, re.MULTILINE), text
    assert re.search(r"\b19700 \S+ 19739\b", text), text


def test_a_version_that_is_not_built_says_how(looking_copy: Callable[[], Path]) -> None:
    root = looking_copy()
    projects.edit(root / "leptonctl.yaml", "  v3: {algorithm", "  v4: {seed: 9}\n  v3: {algorithm")
    text = show(root, "line@v4")
    assert "leptonctl build line@v4" in text
    assert "no result yet" in text


def test_what_the_steps_found_odd_is_listed(looking: Path) -> None:
    """The warnings of a plan, with their ids."""
    version = story(looking, "line@v3")["version"]
    assert ("evaluate", "few-test-rows") in {(w["step"], w["id"]) for w in version["warnings"]}
    assert "There are few test rows" in show(looking, "line@v3")


def test_an_address_that_is_not_known(looking: Path) -> None:
    for name, hint in (("line@v9", "model/line@v"), ("lines@v1", "line@v1"), ("nothing", "")):
        result = projects.run("show", name, cwd=looking)
        assert result.returncode == 1
        assert "error[unknown-address]" in result.stderr
        assert hint in result.stderr


def test_a_recipe_that_is_no_longer_declared(looking_copy: Callable[[], Path]) -> None:
    """Brother: v2's recipe after an edit, by name of the version that is gone, and by digest."""
    root = looking_copy()
    before = story(root, "line@v2")["version"]
    projects.edit(root / "leptonctl.yaml", "strength: 0.5", "strength: 0.25")
    changed = story(root, "line@v2")["version"]
    assert changed["digest"] != before["digest"]
    former = story(root, f"line@{before['digest'].removeprefix('sha256:')[:12]}")["version"]
    assert (former["declared"], former["digest"], former["metrics"]) == (
        False, before["digest"], [{**m, "gated": False} for m in sorted(before["metrics"], key=lambda m: m["name"])]
    )  # fmt: skip
    assert {p["origin"] for p in former["parameters"]} == {"recorded"}
    assert "no longer declared like this" in show(root, f"line@{before['digest'][:20]}")


@pytest.mark.parametrize("model", ["two", "three"])
def test_the_computed_details_are_those_that_the_metrics_record(tmp_path: Path, model: str) -> None:
    """Numpy alone against scikit-learn's metrics, for two classes and for three."""
    from itertools import pairwise

    from leptonctl.views.plots import area

    cut = "'b'" if model == "two" else "('b' if i % 10 < 8 else 'c')"
    rows = "".join(f"{(i * 7) % 11},{(i * 5) % 13},{'a' if (i * 7) % 11 + (i % 4) < 6 else eval(cut, {'i': i})}\n" for i in range(160))
    versions = {"v1": "{evaluate: {metrics: [roc_auc]}}", "v2": "{evaluate: {metrics: [confusion_matrix, roc_curve]}}"}
    root = projects.tiny_project(tmp_path, models={"line": versions}, environments={})
    (root / "data" / "points.csv").write_text("x,y,side\n" + rows, encoding="utf-8")
    assert projects.run("build", cwd=root).returncode == 0
    computed, recorded = (story(root, f"line@{v}")["version"]["evaluation"] for v in ("v1", "v2"))
    assert computed["confusion_matrix"] == recorded["confusion_matrix"]
    ours, theirs = computed["roc_curve"]["curves"], recorded["roc_curve"]["curves"]
    assert [c["class"] for c in ours] == [c["class"] for c in theirs]
    for a, b in zip(ours, theirs, strict=True):
        assert area(a["fpr"], a["tpr"]) == pytest.approx(area(b["fpr"], b["tpr"]), abs=1e-9)
        assert all(x0 <= x1 for x0, x1 in pairwise(a["fpr"]))


def test_the_table_of_pointers_has_gated_metrics_first_and_all_where_there_is_room(looking_copy: Callable[[], Path]) -> None:
    """E8: not in the order of the alphabet; on a narrow screen one line for each pointer, with as many metrics as fit."""
    root = looking_copy()
    projects.edit(root / "leptonctl.yaml", "models: {line: v2}\n", "models: {}\n")
    applied = projects.run("apply", "--yes", cwd=root)
    assert applied.returncode == 0, applied.stderr
    whole = story(root, "line")
    assert len(whole["current"]) == 3
    with pytest.MonkeyPatch.context() as patch:
        # versions have the rows of their dataset in common, which each part reads again
        patch.setattr(commands, "AT_ONCE", 1)
        assert json.dumps(commands.show(Session.open(root), "line")) == json.dumps(whole)
    projects.edit(root / "leptonctl.yaml", "models: {}\n", "models: {line: v2}\n")
    narrow, wide, piped = (projects.run("show", cwd=root, **room).stdout for room in ({"COLUMNS": "80"}, {"COLUMNS": "300"}, {}))
    for text in (wide, piped):
        assert text.index("log_loss") < text.index("accuracy") < text.index("f1 "), text
        assert "cv_log_loss_mean" in text
        assert "…" not in text
    lines = narrow.split("\n")
    assert max(map(len, lines)) <= 80
    bound = next(line for line in lines if line.startswith("model/line@v1"))
    assert "log_loss" in bound
    assert bound.endswith("…"), "what is left out is marked, and no word is cut"


def test_what_was_bound_once_is_not_shown_as_never_recorded(built: Path, tmp_path: Path) -> None:
    root = projects.copy_of(built, tmp_path / "project")
    try:
        assert projects.run("apply", "--yes", cwd=root).returncode == 0
        assert projects.run("destroy", "dev", "--yes", cwd=root).returncode == 0
    finally:
        projects.stop_servers(root)
    whole = projects.run("show", "dev", cwd=root)
    assert "Nothing is recorded yet" not in whole.stdout
    assert "leptonctl history environment/dev" in whole.stdout
    assert projects.run("history", "environment/dev", cwd=root).returncode == 0
    assert "not bound in dev/line: this is what the YAML declares" in projects.run("show", "dev/line", cwd=root).stdout


def test_verify_fits_the_terminal_unless_all_of_it_is_asked_for(looking: Path) -> None:
    short = projects.run("verify", "line@v1", "--rebuild", cwd=looking).stdout
    assert "✓ verified" in short
    assert "identical" in short
    assert max(map(len, short.splitlines())) <= 80
    assert not any(line.rstrip().endswith(" -") for line in short.splitlines())
    digest = json.loads(projects.run("verify", "line@v1", "--json", cwd=looking).stdout)["artifact"]
    assert digest in projects.run("verify", "line@v1", "-v", cwd=looking).stdout


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [({}, ["a", "b", "w"]), ({"sample_weight": "w"}, ["a", "b"]), ({"features": ["b"], "sample_weight": "w"}, ["b"])],
)
def test_features_are_those_that_the_version_learned_from(recipe: dict, expected: list[str]) -> None:
    """Neither the weights of the rows nor (brother) columns of the data that it does not list."""
    version = BuiltVersion(address="model/line@v1", digest="", recipe=recipe)
    assert training_columns(version, [{"name": name} for name in ("a", "b", "w")]) == expected


@pytest.mark.parametrize(
    ("edit", "shown"),
    [
        # the other class is positive now: the binding's precision and f1 are of the former one
        ("evaluate: {metrics: [accuracy, recall], positive: above}", {"accuracy", "recall"}),
        # brother: the same class, so what the binding has is right
        ("evaluate: {metrics: [accuracy, recall], positive: below}", {"accuracy", "recall", "f1"}),
    ],
)
def test_figures_of_another_evaluation_are_not_shown_beside_its_own(tmp_path: Path, edit: str, shown: set[str]) -> None:
    root = projects.tiny_project(tmp_path, {"line": {"v1": "{}"}}, {"dev": "models: {line: v1}\n"})
    file = root / "model-line.yaml"
    projects.edit(file, "versions:", "evaluate: {metrics: [accuracy, recall, f1], positive: below}\nversions:")
    try:
        for text in ("", edit):
            if text:
                projects.edit(file, "evaluate: {metrics: [accuracy, recall, f1], positive: below}", text)
            applied = projects.run("apply", "--yes", cwd=root)
            assert applied.returncode == 0, applied.stdout + applied.stderr
        story = json.loads(projects.run("show", "dev/line", "--json", cwd=root).stdout)["version"]
    finally:
        projects.stop_servers(root)
    assert {metric["name"] for metric in story["metrics"]} == shown
