"""E4: what is not built is offered nowhere, refused as not available, and listed on one page."""

import json
import re
from pathlib import Path

import pytest

from leptonctl.core.values import Json
from leptonctl.kinds.not_yet import NOT_YET, NotYet, _allows
from leptonctl.kinds.schema import BASE
from tests import projects
from tests.kinds.declared import check
from tests.language.known import load

PAGE = (Path(__file__).parents[2] / "docs" / "not-yet.md").read_text(encoding="utf-8")
HEAD = {
    "Project": "kind: Project\nname: p\nformat: 1\n",
    "Dataset": "kind: Dataset\nname: d\ntarget: y\nversions: {a: {source: a.csv}}\n",
    "Model": "kind: Model\nname: m\nversions: {v1: {}}\n",
    "Environment": "kind: Environment\nname: e\n",
}


def use(entry: NotYet) -> dict[str, Json]:
    """The smallest YAML that uses it."""
    value: Json = entry.values[0] if entry.values else {"mapping": {"model": "a@b"}, "list": ["a.csv"]}.get(entry.shape or "", "x")  # type: ignore[assignment]
    for part in reversed(entry.parts):
        value = [value] if part == "*" and entry.shape else {"name" if part == "*" else part: value}
    assert isinstance(value, dict)
    return value


def pending() -> list[NotYet]:
    return [entry for entry in NOT_YET if not _allows(BASE[entry.kind], entry)]


@pytest.mark.parametrize("entry", pending(), ids=lambda e: f"{e.kind}.{e.path}")
def test_each_use_is_refused_as_not_available_and_as_nothing_else(entry: NotYet) -> None:
    block = "".join(f"{key}: {json.dumps(value)}\n" for key, value in use(entry).items())
    head = HEAD[entry.kind] if entry.kind != "Project" else HEAD["Project"]
    if "target" in block or (entry.path == "source"):
        head = head.replace("target: y\n", "")
    texts = {"leptonctl.yaml": HEAD["Project"], "x.yaml": head + block} if entry.kind != "Project" else {"leptonctl.yaml": head + block}
    documents, wrong = load(texts)
    assert not wrong
    found = [p for p in check([documents[-1]]) if p.span is not None and p.span.line > head.count("\n")]
    named = [p for p in found if p.id == "not-available"]
    assert [p.detail for p in named] == [entry.detail], found
    assert named[0].hint == entry.hint
    assert not [p for p in found if p.id == "unknown-key" and p.span == named[0].span]


@pytest.mark.parametrize("entry", [e for e in pending() if e.kind == "Model"], ids=lambda e: e.path)
def test_a_use_in_a_version_is_refused_too(entry: NotYet) -> None:
    text = f"kind: Model\nname: m\nversions:\n  v1: {json.dumps(use(entry))}\n"
    documents, _ = load({"leptonctl.yaml": HEAD["Project"], "x.yaml": text})
    assert [p.id for p in check([documents[-1]]) if p.id == "not-available"] == ["not-available"]


def test_nothing_that_is_implemented_is_listed() -> None:
    """What a schema allows must be neither in the list nor on the page."""
    assert [f"{e.kind}.{e.path}" for e in NOT_YET if _allows(BASE[e.kind], e)] == []
    rows = re.findall(r"^\| (\w+) \| (`.+?) \|", PAGE, re.MULTILINE)
    built = [
        f"{kind}.{path}"
        for kind, cell in rows
        if kind in BASE
        for path, value in re.findall(r"`([\w.*]+)(?:: (\w+))?`(?! as)", cell)
        if not any(e.kind == kind and e.path == path and e.shape for e in NOT_YET)
        if _allows(BASE[kind], NotYet(kind=kind, path=path, detail="", hint="", values=(value,) if value else ()))
    ]
    assert built == []


def test_the_page_lists_exactly_these() -> None:
    rows = {(m[1], m[3], m[4]) for m in re.finditer(r"^\| (\w+) \| (.+?) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE) if m[1] in HEAD}
    assert rows == {(e.kind, e.detail, e.hint) for e in NOT_YET}
    for entry in NOT_YET:
        assert f"`{entry.path}" in PAGE


def test_schemas_and_reference_do_not_offer_it() -> None:
    reference = Path(__file__).parents[2].joinpath("docs", "yaml-reference.md").read_text(encoding="utf-8")
    assert "Not implemented" not in reference
    for kind in BASE:
        assert "Not implemented" not in json.dumps(BASE[kind])
    assert all(one.path not in BASE[one.kind]["properties"] for one in NOT_YET if not (one.values or one.shape))


def test_an_entry_is_silent_as_soon_as_the_schema_knows_its_key_value_or_shape() -> None:
    known = NotYet(kind="Model", path="params", detail="", hint="")
    assert _allows(BASE["Model"], known)
    assert _allows(BASE["Model"], NotYet(kind="Model", path="task", detail="", hint="", values=("regression",)))
    assert not _allows(BASE["Model"], NotYet(kind="Model", path="algorithm", detail="", hint="", values=("torch_mlp",)))
    assert _allows(BASE["Dataset"], NotYet(kind="Dataset", path="columns.*.min", detail="", hint=""))


@pytest.mark.parametrize(
    ("old", "new", "id_"),
    [
        ("target: side", "target: [side, x]", "wrong-type"), ("data/points.csv", "data/points.png", "unknown-format"),
        ("data/points.csv", "https://example.org/points.csv", "missing-file"),
    ],
)  # fmt: skip
def test_the_errors_of_what_is_not_here(tmp_path: Path, old: str, new: str, id_: str) -> None:
    root = projects.tiny_project(tmp_path, environments={})
    projects.edit(root / "data.yaml", old, new)
    found = json.loads(projects.run("validate", "--json", cwd=root).stdout)["diagnostics"]
    assert id_ in {p["id"] for p in found}
    assert f"`error[{id_}]`" in PAGE
