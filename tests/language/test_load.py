"""Loading: YAML 1.2 as it is written, the place of everything, and every mistake at once."""

import gc
import json
import math
import subprocess
import sys

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from leptonctl.core.canonical import encode
from leptonctl.core.values import Document, Json
from leptonctl.language.yaml12 import parse
from leptonctl.language.yaml12_scalars import plain
from tests.language.known import load

PROJECT = "kind: Project\nname: p\nformat: 1\n"


def one(text: str) -> Document:
    documents, problems = load({"leptonctl.yaml": PROJECT, "m.yaml": text})
    assert problems == ()
    return documents[1]


def wrong(text: str, **files: str) -> list[tuple[str, int, int]]:
    named = {f"{name}.yaml": body for name, body in files.items()}
    _, problems = load({"leptonctl.yaml": PROJECT, "m.yaml": text, **named})
    assert all(p.summary and p.hint for p in problems)
    assert all(p.severity == "error" for p in problems)
    return [(p.id, p.span.line, p.span.column) if p.span else (p.id, 0, 0) for p in problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"), ("yes", "yes"), ("on", "on"), ("off", "off"), ("y", "y"), ("12:30", "12:30"), ("2024-06-01", "2024-06-01"),
        ("true", True), ("TRUE", True), ("False", False), ("null", None), ("~", None), ("", None), ("nULL", "nULL"),
        ("010", 10), ("0o10", 8), ("0x1F", 31), ("-7", -7), ("+7", 7), ("1_000", "1_000"), ("0b1", "0b1"),
        ("1e3", 1000.0), ("1.", 1.0), (".5", 0.5), ("-1.5E-3", -0.0015), (".", "."), ("-", "-"), ("1.0.0", "1.0.0"),
        (".inf", ValueError), ("-.INF", ValueError), (".NaN", ValueError), ("1e999", ValueError), ("9223372036854775808", ValueError),
        ("9" * 5000, ValueError), ("<<", "<<"), ("=", "="), ("v1", "v1"), ("0x", "0x"),
    ],
)  # fmt: skip
def test_plain_scalars_are_read_by_the_core_schema(text: str, value: object) -> None:
    if value is ValueError:
        with pytest.raises(ValueError, match=r"is "):
            plain(text)
    else:
        assert plain(text) == value
        assert type(plain(text)) is type(value)


def test_keys_are_strings_as_written() -> None:
    document = one("kind: Dataset\nname: d\nversions: {1991: {}, 1.0: {}, true: {}, 0x1F: {}, '2': {}, null: {}}\n")
    assert list(document.value["versions"]) == ["1991", "1.0", "true", "0x1F", "2", "null"]  # type: ignore[arg-type]


def test_places_of_keys_values_and_items() -> None:
    document = one("# head\nkind: Model\nname: é日m\nparams: {C: 1.0, list: [a, 'b c']}\nversions:\n  v1:\n    seed: 7\n  v2:\n")
    at, key = document.at("params", "list", 1), document.key_at("versions", "v1")
    assert (at.file, at.line, at.column, at.end_column) == ("m.yaml", 4, 28, 33)
    assert (key.line, key.column, key.end_column) == (6, 3, 5)
    assert document.at("name").end_column == 10
    assert (document.at("versions", "v2").line, document.at("versions", "v2").column) == (8, 6)
    assert document.at("params", "nothing", "below") == document.at("params")
    assert document.at().line == 2


def test_anchors_are_copied_and_may_not_grow_without_bound() -> None:
    assert one("kind: Model\nname: m\na: &x {b: [1]}\nc: *x\n").value["c"] == {"b": [1]}
    bomb = "kind: Model\nname: m\na: &a [x,x,x,x,x,x,x,x,x]\n"
    for before, after in zip("abcdefgh", "bcdefghi", strict=True):
        bomb += f"{after}: &{after} [" + ",".join([f"*{before}"] * 9) + "]\n"
    assert [id_ for id_, _, _ in wrong(bomb)] == ["too-many-aliases"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kind: Model\nname: a\nname: b\nparams: {C: 1, C: 2}\n", [("duplicate-key", 3, 1), ("duplicate-key", 4, 16)]),
        ("kind: Model\nname: a\nparams:\n\tC: 1\n", [("tab-indentation", 4, 1)]),
        ("kind: Model\nname: a\nparams: {\n\tC: 1}\n", [("tab-indentation", 4, 1)]),
        ("kind: Model\nname: a\nx: &x [*x]\n", [("recursive-alias", 3, 4)]),
        ("kind: Model\nname: a\nx: *nope\n", [("yaml-syntax", 3, 4)]),
        ("kind: Model\nname: a\nx: {b: 1\n", [("yaml-syntax", 3, 4)]),
        ("kind: Model\nname: 'a\nx: b\ny: 'c'\n", [("yaml-syntax", 2, 7)]),
        ("kind: Model\nname: 'a' b\n", [("yaml-syntax", 2, 11)]),
        ("kind: Model\nname:a\nx: 1\n", [("yaml-syntax", 2, 1)]),
        ("kind: Model\nname: a: b\n", [("yaml-syntax", 2, 7)]),
        ("kind: Model\nname: a\nx: @b\n", [("yaml-syntax", 3, 4)]),
        ("kind: Model\nname: a\nx: 'b\n", [("yaml-syntax", 3, 4)]),
        ("kind: Model\nname: a\nx: {{ vars.y }}\n", [("bad-key", 3, 5)]),
        ("kind: Model\nname: a\n? [b]\n: c\n", [("bad-key", 3, 3)]),
        ("kind: Model\nname: a\nb: &b {c: 1}\nd:\n  <<: *b\n", [("merge-key", 5, 3)]),
        ("kind: Model\nname: a\nx: !!python/name:os.system y\nz: !mine 1\n", [("unknown-tag", 3, 4), ("unknown-tag", 4, 4)]),
        ("kind: Model\nname: a\nx: !!int five\ny: !!set {a}\n", [("unknown-tag", 3, 4), ("unknown-tag", 4, 4)]),
        ("kind: Model\nname: a\nx: .inf\ny: 1e999\n", [("bad-number", 3, 4), ("bad-number", 4, 4)]),
        ("kind: Model\nname: a\nx: " + "[" * 70 + "]" * 70 + "\n", [("too-deep", 3, 66)]),
        ("kind: Model\nname: a\nx: " + "[" * 200_000, [("too-deep", 3, 66)]),
        ("kind: Model\nname: a\nx: " + "[" * 2_000 + "]" * 2_000 + "\n---\nkind: model\n", [("unknown-kind", 5, 7), ("too-deep", 3, 66)]),
        ("kind: Model\nname: a\nx:\n  " + "{b: " * 100_000, [("too-deep", 4, 251)]),
        ("kind: Model\nname: a\nx: " + "- " * 5_000 + "b\n", [("yaml-syntax", 3, 4)]),
        ("kind: Model\nname: a\nx:\n " + "- " * 5_000 + "b\n", [("too-deep", 4, 126)]),
        ("kind: Model\nname: a\nx: '" + "[" * 2_000 + "'\ny: @b\n", [("yaml-syntax", 4, 4)]),
        ("kind: Model\nname: a\nx: [" + "[], " * 2_000 + "]\ny: @b\n", [("yaml-syntax", 4, 4)]),
        ("kind: model\n", [("unknown-kind", 1, 7)]),
        ("kind: [Model]\n", [("unknown-kind", 1, 7)]),
        ("name: a\n", [("missing-kind", 1, 1)]),
        ("- a\n", [("missing-kind", 1, 1)]),
        ("just text\n", [("missing-kind", 1, 1)]),
        ("kind: Project\nname: q\n", [("duplicate-project", 1, 7)]),
        ("kind: Model\nname: a\n---\nkind: Model\nname: a\n", [("duplicate-name", 5, 7)]),
        ("%TAG ! x\nkind: Model\n", [("yaml-syntax", 2, 1)]),
        ("kind: Model\nname: \x07\n", [("bad-character", 2, 7)]),
        ("kind: Model\nname: a\n--- @\n--- [\n---\nkind: Model\n", [("yaml-syntax", 3, 5), ("yaml-syntax", 5, 1)]),
    ],
)  # fmt: skip
def test_mistakes_have_their_place(text: str, expected: list[tuple[str, int, int]]) -> None:
    assert wrong(text) == expected


def test_a_syntax_error_hides_neither_other_files_nor_later_documents() -> None:
    found = wrong("kind: Model\nx: [\n---\nkind: Model\nname: a\nname: b\n", n="kind: Model\nname: n\n y: 1\n")
    assert found == [("duplicate-key", 6, 1), ("yaml-syntax", 3, 1), ("yaml-syntax", 3, 3)]
    documents, _ = load({"leptonctl.yaml": PROJECT, "m.yaml": "kind: Model\nx: [\n---\nkind: Model\nname: a\n"})
    assert documents[1].name == "a"
    assert documents[1].at("name").line == 5


def test_documents_of_other_tools_are_ignored() -> None:
    pod = "apiVersion: v1\nkind: Pod\na: !Ref x\na: 2\n"
    strange = "site_name: x\nextra: !!python/name:x\na: 1\na: 2\n"
    broken = "a: [\n"
    documents, problems = load(
        {"leptonctl.yaml": PROJECT, "pod.yaml": pod, "site/mkdocs.yml": strange, "site/x.yaml": broken, "e.yaml": "# none\n---\n"}
    )
    assert problems == ()
    assert [d.kind for d in documents] == ["Project"]


def test_a_document_without_kind_beside_ours_is_an_error() -> None:
    _, problems = load({"leptonctl.yaml": PROJECT, "a/m.yaml": "kind: Model\nname: m\n", "a/x.yaml": "nme: x\n", "b/x.yaml": "nme: x\n"})
    assert [(p.id, p.span.file) for p in problems if p.span] == [("missing-kind", "a/x.yaml")]


def test_a_missing_project_is_an_error() -> None:
    _, problems = load({"m.yaml": "kind: Model\nname: m\n"})
    assert [p.id for p in problems] == ["no-project"]


def test_duplicates_name_both_places() -> None:
    _, problems = load(
        {"leptonctl.yaml": PROJECT, "a.yaml": "kind: Model\nname: m\n", "b.yaml": "kind: Model\nname: m\n---\nkind: Dataset\nname: m\n"}
    )
    assert [(p.span.file, p.detail) for p in problems if p.span] == [("b.yaml", "Model `m` is already declared at a.yaml:2:7")]


def test_tabs_inside_strings_are_allowed() -> None:
    assert one('kind: Model\nname: m\na: |\n  x\n  \ty\nb: "u\n  \tv"\nc: d\t# comment\n').value["a"] == "x\n\ty\n"


def test_loading_leaves_the_garbage_collector_as_it_was() -> None:
    for on in (True, False):
        (gc.enable if on else gc.disable)()
        try:
            load({"a.yaml": PROJECT})
            assert gc.isenabled() is on
        finally:
            gc.enable()


json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63) + 1, 2**63 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029\ufffe\uffff"), max_size=10),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text("abcXYZ019-_. :#é", min_size=1, max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(value=json_values, block=st.booleans())
def test_dumped_values_are_read_back(value: Json, block: bool) -> None:
    text = _dump(value) if block else json.dumps(value, ensure_ascii=False)
    (parsed,), problems = parse("x.yaml", text)
    assert problems == ()
    assert parsed.problems == ()
    assert encode(parsed.value) == encode(value)


@settings(max_examples=100, deadline=None)
@given(
    value=st.dictionaries(
        st.text("abcXYZ", min_size=1, max_size=6), st.integers() | st.text("pqr", min_size=1, max_size=9), min_size=1, max_size=5
    ),
    indent=st.integers(0, 7),
)
def test_places_point_at_the_text(value: dict[str, Json], indent: int) -> None:
    if any(isinstance(v, int) and abs(v) >= 2**63 for v in value.values()):
        value = {k: 0 if isinstance(v, int) else v for k, v in value.items()}
    text = "top:\n" + "".join(f"{' ' * (indent + 1)}{k}:   {v}   # note\n" for k, v in value.items())
    (parsed,), _ = parse("x.yaml", text)
    lines = text.split("\n")
    for key, item in value.items():
        for span, written in ((parsed.keys["top", key], key), (parsed.values["top", key], str(item))):
            assert lines[span.line - 1][span.column - 1 : span.end_column - 1] == written


def _dump(value: Json) -> str:
    """Block style with every string in double quotes, and numbers as YAML 1.2 writes them."""

    class Dumper(yaml.SafeDumper):
        pass

    Dumper.add_representer(str, lambda d, v: d.represent_scalar("tag:yaml.org,2002:str", v, style='"'))
    Dumper.add_representer(float, lambda d, v: d.represent_scalar("tag:yaml.org,2002:float", repr(v)))
    assert not isinstance(value, float) or math.isfinite(value)
    return yaml.dump(value, Dumper=Dumper, allow_unicode=True, default_flow_style=False, width=10_000)


@settings(max_examples=300, deadline=None)
@given(text=st.text("ab:-[]{}#&*!|>'\"% \n\t,?0.<~@`", max_size=40), head=st.booleans())
def test_any_text_is_loaded_or_reported(text: str, head: bool) -> None:
    body = ("kind: Model\nname: m\n" if head else "") + text
    _, problems = load({"leptonctl.yaml": PROJECT, "m.yaml": body})
    count = body.count("\n") + 1
    for problem in problems:
        assert problem.span is not None
        assert problem.hint
        assert 1 <= problem.span.line <= count
        assert 1 <= problem.span.column < problem.span.end_column


def test_the_pure_parser_reads_the_same() -> None:
    texts = ["a: [1, 'b', {c: .5}]\nd: |\n  e\n  f\n", "é: 日\n---\n- x: !!str 5\n", "a: 1\na: 2\n", "x: [\n---\ny: 1\n", "a: &x [*x]\n"]
    code = (
        "import sys\n"
        "if sys.argv[1] == 'pure': sys.modules['yaml.cyaml'] = None\n"
        "from leptonctl.language.yaml12 import parse\n"
        "from leptonctl.language.yaml12_nodes import _Events\n"
        "assert (_Events.__name__ == '_Events') == (sys.argv[1] == 'pure')\n"
        f"for text in {texts!r}:\n"
        "    parsed, problems = parse('x', text)\n"
        "    print([(p.value, dict(p.keys), [d.id for d in p.problems]) for p in parsed], [(d.id, d.span.line) for d in problems])\n"
    )
    out = [
        subprocess.run([sys.executable, "-c", code, which], check=True, capture_output=True, text=True).stdout for which in ("c", "pure")
    ]
    assert out[0] == out[1]


@pytest.mark.parametrize(
    ("line", "column", "hint"),
    [
        ("description: First: try, and more  # not said", 14, 'quote it: "First: try, and more"'),
        ("versions: {v1: {description: First: try, seed: 3}}", 30, 'quote it: "First: try"'),
        ("description: A \\ b: c", 14, 'quote it: "A \\\\ b: c"'),
        ("params: {C: 1.0 max_iter: 5}", 13, 'add `,` before `max_iter:`; or, if it is a string, quote it: "1.0 max_iter: 5"'),
    ],
)
def test_a_colon_within_a_string_is_distinguished_from_a_key(line: str, column: int, hint: str) -> None:
    _, (problem,) = load({"leptonctl.yaml": PROJECT, "m.yaml": f"kind: Model\nname: m\n{line}\n"})
    assert problem.span is not None
    assert (problem.id, problem.span.line, problem.span.column, problem.hint) == ("yaml-syntax", 3, column, hint)
