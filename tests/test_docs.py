"""The documentation is correct: generated pages are current, links have targets, lists are complete."""

import importlib
import re
from pathlib import Path
from textwrap import dedent
from typing import get_args

import pytest

import leptonctl
from leptonctl.cli.reference import EXIT_CODES, OUTPUTS, reference
from leptonctl.deploying.switch import Point
from leptonctl.kinds.registry import KINDS
from leptonctl.library import reference as python_reference
from leptonctl.project.catalog import PREPROCESSORS, TRAINERS, load_catalog
from leptonctl.project.schemas import derived_files
from leptonctl.testing import check_trainer
from leptonctl.views import yaml_reference

CHECKOUT = Path(__file__).resolve().parent.parent
DOCS = CHECKOUT / "docs"
PAGES = sorted([*CHECKOUT.glob("*.md"), *DOCS.rglob("*.md"), *CHECKOUT.glob("examples/**/*.md"), *CHECKOUT.glob("benchmarks/*.md")])
LINK = re.compile(r"\[[^\]]*\]\((?!https?://|mailto:)([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# the words that the glossary forbids and that have no other use in a text about models
SYNONYMS = ("fingerprint", "rollout", "workspace", "registry", "dry run", "connector", "orchestrator", "model store", "hyperparameter")


def page(name: str) -> str:
    return (CHECKOUT / name).read_text(encoding="utf-8")


def prose(text: str) -> str:
    """A page without its examples and its literals."""
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", text))


def blocks(text: str, heading: str) -> list[str]:
    """The shell blocks below a heading."""
    chapter = text[text.index(f"\n{heading}") + 1 :].partition("\n## ")
    return [body for language, body in FENCE.findall(chapter[0]) if language == "sh"]


def test_the_command_reference_is_current() -> None:
    assert page("docs/commands.md") == reference(), "run python -m leptonctl.cli.reference"


@pytest.mark.parametrize("name", sorted(derived_files(load_catalog())))
def test_files_derived_from_the_schemas_are_current(name: str) -> None:
    assert page(name) == derived_files(load_catalog())[name], "run python -m leptonctl.project.schemas"


def test_the_yaml_reference_is_current() -> None:
    assert page("docs/yaml-reference.md") == yaml_reference.page(load_catalog()), "run python -m leptonctl.views.yaml_reference"


def test_the_python_reference_is_current_and_complete() -> None:
    assert page("docs/python.md") == python_reference.reference(), "run python -m leptonctl.library.reference"
    described = {name for names in (*python_reference.SECTIONS.values(), *python_reference.RESULTS.values()) for name in names}
    assert set(leptonctl.__all__) - {"__version__", "Event"} <= described


def test_every_output_schema_belongs_to_a_command() -> None:
    shipped = {file.name.removesuffix(".schema.json") for file in (CHECKOUT / "schemas" / "output").glob("*.json")}
    assert shipped - {"error"} == set(OUTPUTS.values())


def test_concepts_lists_the_same_exit_codes() -> None:
    for code, meaning in EXIT_CODES.items():
        assert f"| {code} | {meaning} |" in page("docs/concepts.md")


def test_every_kind_and_provider_is_in_the_documentation() -> None:
    text = page("docs/yaml-reference.md")
    for kind in KINDS:
        assert f"\n## {kind}\n" in text
    for name in (*PREPROCESSORS, *(name for names in TRAINERS.values() for name in names)):
        assert f"\n### {name}\n" in text, name
    for (task, name), metric in load_catalog().metrics.items():
        assert re.search(rf"^\| `{name}` \| {task} \|.*{re.escape(metric.description)} \|$", text, re.MULTILINE), name
    for source in load_catalog().sources.values():
        assert all(f"`{suffix}`" in text for suffix in source.suffixes), source.name


def test_links_are_found() -> None:
    """Else the next test would pass on any page."""
    assert [LINK.findall(text) for text in ("[a](b.md#c)", "[a](https://b)", "[a]: b", "(b.md)")] == [["b.md#c"], [], [], []]
    assert sum(len(LINK.findall(path.read_text(encoding="utf-8"))) for path in PAGES) > 50


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_links_have_targets(path: Path) -> None:
    for target in LINK.findall(path.read_text(encoding="utf-8")):
        file, _, anchor = target.partition("#")
        found = (path.parent / file).resolve() if file else path
        assert found.exists(), f"{target} does not exist"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", found.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}, target


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_pages_use_the_words_of_the_glossary(path: Path) -> None:
    text = prose(path.read_text(encoding="utf-8"))
    if path.name == "concepts.md":
        text = re.sub(r"^\| .* \|$", "", text, flags=re.MULTILINE)
    forbidden = [word for word in SYNONYMS if re.search(rf"\b{word}s?\b", text, re.IGNORECASE)]
    assert not forbidden, "docs/concepts.md has the word for it"


def test_the_index_lists_every_page_once() -> None:
    """A page under docs/ that is not listed is found by nobody."""
    listed = LINK.findall(page("docs/README.md").partition("\n## ")[2])
    pages = [path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md") if path.parent.name != "adr" and path != DOCS / "README.md"]
    assert sorted(listed) == sorted([*pages, "adr"]), "add a line to docs/README.md"


def test_the_readme_and_the_build_run_the_same_tests() -> None:
    (command,) = blocks(page("README.md"), "## Test it")
    assert command.strip().rpartition("&& ")[2] == page(".ci/run").strip().splitlines()[-1]


def test_the_trainer_of_the_guide_conforms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = dedent(page("docs/extending.md").partition("   ```python\n")[2].partition("   ```\n")[0])
    (tmp_path / "ada_boost.py").write_text(module, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    check_trainer(importlib.import_module("ada_boost").ADA_BOOST)


def test_the_readme_is_one_page() -> None:
    assert len(page("README.md").splitlines()) <= 100


CITED = re.compile(r"\b(law|protocol)s? (\d+(?:(?:, | and )\d+)*)", re.IGNORECASE)


def cited(text: str) -> set[tuple[str, int]]:
    """The laws and the sections of the protocols that a text names by number."""
    return {(word.lower(), int(number)) for word, numbers in CITED.findall(text) for number in re.findall(r"\d+", numbers)}


def test_citations_are_found() -> None:
    assert cited("(laws 4, 5 and 8, protocols 1 and 2); Law 10: at law 3.") == {
        *(("law", number) for number in (3, 4, 5, 8, 10)),
        *(("protocol", number) for number in (1, 2)),
    }


def test_laws_and_protocols_are_cited_by_numbers_that_exist() -> None:
    laws = page("docs/concepts.md").partition("\n## What you can rely on\n")[2].partition("\n## ")[0]
    numbered = {("law", int(number)) for number in re.findall(r"^(\d+)\. \*\*", laws, re.MULTILINE)}
    numbered |= {("protocol", int(number)) for number in re.findall(r"^## (\d+)\. ", page("docs/protocols.md"), re.MULTILINE)}
    files = [
        file
        for folder in ("leptonctl", "tests", "docs/adr")
        for suffix in ("py", "md")
        for file in (CHECKOUT / folder).rglob(f"*.{suffix}")
    ]
    numbers = {file.relative_to(CHECKOUT).as_posix(): cited(file.read_text(encoding="utf-8")) for file in files if file != Path(__file__)}
    assert sum(bool(of_file) for of_file in numbers.values()) > 40
    assert {name: unknown for name, of_file in numbers.items() if (unknown := of_file - numbered)} == {}


def test_the_files_that_the_protocols_name_exist() -> None:
    """A page that says what keeps and what proves each promise is worth no more than these names."""
    folder, files = "", list[str]()
    for name in re.findall(r"`((?:[\w-]+/)*[\w-]+\.py)(?:: \w+)?`", page("docs/protocols.md")):
        is_test = name.startswith(("tests/", "test_"))
        # a test without a folder is in that of the one before
        folder = name.rpartition("/")[0] if name.startswith("tests/") else folder
        files.append(f"{folder}/{name.rpartition('/')[2]}" if is_test else f"leptonctl/{name.removeprefix('leptonctl/')}")
    assert len(files) > 80
    assert [file for file in files if not (CHECKOUT / file).is_file()] == []


def test_the_ids_that_the_protocols_name_exist() -> None:
    known = set(re.findall(r"^## `([\w-]+)`$", page("docs/diagnostics.md"), re.MULTILINE))
    refusals = re.findall(r"Refused: .*?(?=\n- |\n\n)", page("docs/protocols.md"), re.DOTALL)
    refused = {id_ for line in refusals for id_ in re.findall(r"`([a-z]+(?:-[a-z]+)+)`", line)}
    assert len(refused) > 25
    assert refused <= known, refused - known


def test_the_protocols_show_each_point_of_a_switch_in_order() -> None:
    (picture,) = re.findall(r"^```\n point .*\n((?: .*\n)+)```$", page("docs/protocols.md"), re.MULTILINE)
    assert tuple(line.split()[0] for line in picture.splitlines()) == get_args(Point)
