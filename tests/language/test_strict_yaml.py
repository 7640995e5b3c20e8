"""F: each text that YAML 1.2 and libyaml read differently is right, or refused, or listed as on purpose."""

from pathlib import Path

import pytest

from leptonctl.core.values import Json
from leptonctl.language.yaml12 import parse

CONCEPTS = (Path(__file__).parents[2] / "docs" / "concepts.md").read_text(encoding="utf-8")


def problems(text: str) -> list[tuple[str, int, int]]:
    documents, wrong = parse("a.yaml", text)
    found = [*wrong, *(problem for document in documents for problem in document.problems)]
    return [(p.id, p.span.line, p.span.column) for p in found if p.span is not None]


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ('a: "value"#comment\n', 1, 11), ("a: 'value'#comment\n", 1, 11), ("a: [1]#comment\n", 1, 7), ("a: {b: 1}#comment\n", 1, 10),
        ("a: |#comment\n  x\n", 1, 5), ("a: >-#comment\n  x\n", 1, 6), ('a: ["x"#c\n ]\n', 1, 8), ("a: [1,#c\n 2]\n", 1, 7), ('a: !!str "x"#c\n', 1, 13),
        ('"a"#c\n: 1\n', 2, 1), ("b: 1\na:\n  - [x]#c\n", 3, 8), ("a: &an:chor x\n", 1, 7), ("a: &x.y [1]\n", 1, 6), ("a: [?x]\n", 1, 5), ("a: {?x: 1}\n", 1, 5), ("a: [b, ?x: 1]\n", 1, 8),
    ],
)  # fmt: skip
def test_text_that_only_libyaml_accepts_is_refused(text: str, line: int, column: int) -> None:
    found = problems(text)
    assert found
    assert found[0][0] == "yaml-syntax"
    if text != '"a"#c\n: 1\n':
        assert found == [("yaml-syntax", line, column)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: value#no comment\n", {"a": "value#no comment"}), ('a: "value" #comment\n', {"a": "value"}), ("a: [1, #c\n 2]\n", {"a": [1, 2]}),
        ("a: |\n  'x'#y\n  [1]#z\n", {"a": "'x'#y\n[1]#z\n"}), ('a: "]#, }#"\n', {"a": "]#, }#"}), ("a: ?x\n", {"a": "?x"}), ("a: '?x'\nb: ['?x']\n", {"a": "?x", "b": ["?x"]}),
        ("a: &x 1\nb: *x\n", {"a": 1, "b": 1}), ("a: &x-1_y [1]\nb: *x-1_y\n", {"a": [1], "b": [1]}), ('a: "&an:chor"\n', {"a": "&an:chor"}), ("a: b&c:d\n", {"a": "b&c:d"}),
        ("a: x,#y\n", {"a": "x,#y"}), ("a: | #c\n  x\n", {"a": "x\n"}), ("a: |2\n  \tx\n  y\n", {"a": "\tx\ny\n"}), ("a: >\n  x\n  \ty\n", {"a": "x\n\ty\n"}), ("a: what?no\n", {"a": "what?no"}),
    ],
)  # fmt: skip
def test_valid_text_that_resembles_it_is_accepted(text: str, value: Json) -> None:
    documents, wrong = parse("a.yaml", text)
    assert (wrong, [d.problems for d in documents]) == ((), [()])
    assert [d.value for d in documents] == [value]


@pytest.mark.parametrize(
    ("text", "id_", "row"),
    [
        ("a: |\n  \tx\n  y\n", "tab-indentation", "begins with a tab"), ("a: &x 1\nb: &x 2\nc: *x\n", "yaml-syntax", "`b: &x 2`"),
        ("a: 1\n...\nb: 2\n", "yaml-syntax", "after `...`"), ("a: {b\n  : c}\n", "yaml-syntax", "`: b}`"), ('a: "value"#comment\n', "yaml-syntax", '`"value"#comment`'),
        ("a: &an:chor x\n", "yaml-syntax", "`&an:chor`"), ("a: {<<: {b: 1}}\n", "merge-key", "| `<<` |"),
    ],
)  # fmt: skip
def test_each_refusal_is_listed_in_the_docs(text: str, id_: str, row: str) -> None:
    assert {id_ for id_, *_ in problems(text)} == {id_}
    (line,) = [line for line in CONCEPTS.splitlines() if row in line and line.startswith("|")]
    assert f"`{id_}`" in line


@pytest.mark.parametrize("text", ["a: [\n1,\n2\n]\n", 'a:\n  b: "x\n y"\n'])
def test_text_that_is_indented_too_little_is_accepted(text: str) -> None:
    assert problems(text) == []
    assert "less indented than its key | accepted" in CONCEPTS
