"""What installed packages bring: found by entry point, and named when it cannot be used."""

import json
from pathlib import Path

import pytest

from leptonctl.core.diagnostic import Failure
from leptonctl.project.catalog import TYPES, load_catalog

METADATA = "Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n"


@pytest.mark.parametrize("target", ["absent_module:MINE", "leptonctl.spi:NOT_THERE", "broken_on_import:MINE"])
def test_what_cannot_be_imported_names_its_entry_point(target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_on_import.py").write_text("raise RuntimeError('not today')\n", encoding="utf-8")
    info = tmp_path / "mine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(METADATA, encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[leptonctl.trainers]\nclassification.mine = {target}\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    catalog = load_catalog()
    assert catalog.trainers["classification", "logistic_regression"].name == "logistic_regression"
    with pytest.raises(Failure) as refused:
        catalog.trainers["classification", "mine"]
    (diagnostic,) = refused.value.diagnostics
    assert diagnostic.id == "broken-package"
    assert f"`classification.mine = {target}` of leptonctl.trainers" in diagnostic.detail


@pytest.mark.parametrize("group", TYPES)
@pytest.mark.parametrize(
    "target", ["leptonctl.providers.metrics.accuracy:METRICS", "leptonctl.providers.metrics.accuracy:score", "mine:OTHER"]
)
def test_what_is_not_of_its_groups_type_names_both(group: str, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tuple as bundled modules have it, a function, and (brother) a value of another group."""
    (tmp_path / "mine.py").write_text("from leptonctl.spi import Stamp\n\nOTHER = Stamp(revision=1, write='w')\n", encoding="utf-8")
    info = tmp_path / "mine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(METADATA, encoding="utf-8")
    name = "classification.mine" if group in ("trainers", "metrics") else "mine"
    (info / "entry_points.txt").write_text(f"[leptonctl.{group}]\n{name} = {target}\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    providers = getattr(load_catalog(), "preprocessors" if group == "preprocess" else group)
    with pytest.raises(Failure) as refused:
        providers[tuple(name.split(".")) if "." in name else name]
    (diagnostic,) = refused.value.diagnostics
    assert (diagnostic.id, f"not a {TYPES[group]}" in diagnostic.detail, f"`{name} = {target}`" in diagnostic.detail) == (
        "broken-package",
        True,
        True,
    )


@pytest.mark.parametrize("part", [None, 1e308, "x", ["b"], [["a"]], {"a": 1}])
def test_a_cache_of_another_shape_is_ignored(part: object, tmp_path: Path) -> None:
    file = tmp_path / "providers.json"
    names = set(load_catalog(file).metrics)
    content = json.loads(file.read_text(encoding="utf-8"))
    for holder, name in ((content, "groups"), (content["groups"], "metrics"), (content, "stamp")):
        kept, holder[name] = holder[name], part
        file.write_text(json.dumps(content), encoding="utf-8")
        holder[name] = kept
        assert set(load_catalog(file).metrics) == names
        assert json.loads(file.read_text(encoding="utf-8")) == content, "it is written again"
    file.write_text("[" * 100_000, encoding="utf-8")
    assert set(load_catalog(file).metrics) == names
