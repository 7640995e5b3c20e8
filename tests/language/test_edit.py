"""Edits keep every byte that they do not concern."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leptonctl.core.canonical import encode
from leptonctl.core.values import Document
from leptonctl.language.edit import insert_key, remove_key, set_scalar, set_values
from tests.language.known import load

TEXT = """\
# head
kind: Dataset
name: mail   # the name
versions:
  "2024-06": {source: data/a.csv}   # first
  "2024-09":
    source: data/b.csv  # second
    encoding: 'latin-1'

  # tail
  "2024-12":
---
kind: Environment
name: prod
models:
  spam: v1    # bound
  other: {version: v1, shadow: v2}
gates: {accuracy: {min: 0.9}}
"""


def documents(text: str) -> tuple[Document, Document]:
    found, problems = load({"p.yaml": "kind: Project\nname: p\n", "a.yaml": text})
    assert problems == ()
    return found[0], found[1]


def test_set_keeps_comments_and_style() -> None:
    dataset, prod = documents(TEXT)
    assert set_scalar(TEXT, prod, ("models", "spam"), "v2") == TEXT.replace("spam: v1 ", "spam: v2 ")
    assert set_scalar(TEXT, prod, ("models", "other", "version"), "1.0") == TEXT.replace("{version: v1,", '{version: "1.0",')
    assert set_scalar(TEXT, dataset, ("versions", "2024-09", "encoding"), "it's") == TEXT.replace("'latin-1'", "'it''s'")
    assert set_scalar(TEXT, prod, ("gates", "accuracy", "min"), 1) == TEXT.replace("min: 0.9", "min: 1")


def test_set_fills_an_empty_value() -> None:
    dataset, _ = documents(TEXT)
    assert set_scalar(TEXT, dataset, ("versions", "2024-12"), 5) == TEXT.replace('"2024-12":', '"2024-12": 5')


def test_insert_into_flow_block_and_empty() -> None:
    dataset, _ = documents(TEXT)
    digest = "sha256:" + "0" * 64
    for version, old, new in (
        ("2024-06", "{source: data/a.csv}", f'{{source: data/a.csv, digest: "{digest}"}}'),
        ("2024-09", "    encoding: 'latin-1'\n", f"    encoding: 'latin-1'\n    digest: \"{digest}\"\n"),
        ("2024-12", '"2024-12":', f'"2024-12": {{digest: "{digest}"}}'),
    ):
        assert insert_key(TEXT, dataset, ("versions", version), "digest", digest) == TEXT.replace(old, new)


def test_insert_at_the_end_of_a_file_without_a_last_line_break() -> None:
    text = "kind: Model\nname: m\nversions:\n  v1:\n    seed: 1  # one"
    model = load({"a.yaml": text})[0][0]
    assert insert_key(text, model, ("versions", "v1"), "revision", 2) == text + "\n    revision: 2"
    assert insert_key(text, model, ("versions",), "v2", {"seed": 2}) == text + "\n  v2: {seed: 2}"


def test_windows_line_ends_are_kept() -> None:
    text = "kind: Model\r\nname: m\r\nversions:\r\n  v1: {}\r\n"
    model = load({"a.yaml": text})[0][0]
    assert insert_key(text, model, ("versions",), "v2", {}) == text + "  v2: {}\r\n"
    assert set_scalar(text, model, ("name",), "n") == text.replace("name: m", "name: n")


def test_edits_can_be_chained() -> None:
    dataset, prod = documents(TEXT)
    once = insert_key(TEXT, dataset, ("versions", "2024-09"), "digest", "x")
    assert set_scalar(once, prod, ("models", "spam"), "v9") == once.replace("spam: v1 ", "spam: v9 ")


def test_an_edit_that_would_change_more_is_refused() -> None:
    text = "kind: Model\nname: m\nparams: &p {C: 1}\nversions:\n  v1: {params: *p}\n"
    model = load({"a.yaml": text})[0][0]
    with pytest.raises(ValueError, match="more than intended"):
        set_scalar(text, model, ("versions", "v1", "params", "C"), 2)
    with pytest.raises(ValueError, match="no such value"):
        set_scalar(text, model, ("versions", "v2"), 2)
    with pytest.raises(ValueError, match="already"):
        insert_key(text, model, ("params",), "C", 2)
    with pytest.raises(ValueError, match="only a scalar"):
        set_scalar(text, model, ("params",), 2)
    with pytest.raises(ValueError, match="does not contain"):
        set_scalar("kind: Model\nname: other\n", model, ("name",), "x")


def test_a_multi_line_string_is_replaced_whole() -> None:
    text = "kind: Model\nname: m\ndescription: |\n  one\n  two\n\nseed: 1\n"
    model = load({"a.yaml": text})[0][0]
    assert set_scalar(text, model, ("description",), "short") == "kind: Model\nname: m\ndescription: short\n\nseed: 1\n"
    assert (
        insert_key(text.replace("seed: 1\n", ""), model, (), "seed", 2) == "kind: Model\nname: m\ndescription: |\n  one\n  two\nseed: 2\n\n"
    )


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63) + 1, 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12),
)
words = st.text("abxyz019-_. :#'\"", min_size=1, max_size=8).filter(lambda key: key == key.strip() and key != "<<")


@settings(max_examples=120, deadline=None)
@given(
    value=scalars,
    key=words,
    path=st.sampled_from([("versions", "2024-06"), ("versions", "2024-09"), ("versions", "2024-12"), ("versions",), ()]),
)
def test_inserted_then_set(value: object, key: str, path: tuple[str, ...]) -> None:
    dataset, _ = documents(TEXT)
    inserted = insert_key(TEXT, dataset, path, "new" + key, "x")
    changed = set_scalar(inserted, dataset, (*path, "new" + key), value)  # type: ignore[arg-type]
    after, _ = documents(changed)
    here = after.value
    for part in path:
        here = here[part]  # type: ignore[assignment]
    assert encode(here["new" + key]) == encode(value)  # type: ignore[arg-type]


def test_remove_deletes_an_entry_with_its_line_and_nothing_else() -> None:
    dataset, environment = documents(TEXT)
    assert remove_key(TEXT, environment, ("models",), "spam") == TEXT.replace("  spam: v1    # bound\n", "")
    assert remove_key(TEXT, environment, ("models",), "other") == TEXT.replace("  other: {version: v1, shadow: v2}\n", "")
    assert remove_key(TEXT, environment, ("models", "other"), "shadow") == TEXT.replace("v1, shadow: v2", "v1")
    assert remove_key(TEXT, environment, ("models", "other"), "version") == TEXT.replace("version: v1, ", "")
    assert remove_key(TEXT, environment, ("gates",), "accuracy") == TEXT.replace("{accuracy: {min: 0.9}}", "{}")
    second = "  \"2024-09\":\n    source: data/b.csv  # second\n    encoding: 'latin-1'\n"
    assert remove_key(TEXT, dataset, ("versions",), "2024-09") == TEXT.replace(second, "")
    with pytest.raises(ValueError, match="there is no such value"):
        remove_key(TEXT, environment, ("models",), "nobody")


@pytest.mark.parametrize(
    ("now", "present", "after"),
    [
        ("v2:\n    # ours\n    params: {C: 2}  # by hand", {"params": {"C": 2}}, "v2:\n    # ours\n    params: {C: 0.5}  # by hand"),
        (
            "v2:\n    params:  # all\n      # strength\n      C: 2.0  # by hand\n      max_iter: 7\n    seed: 3  # lucky",
            {"params": {"C": 2.0, "max_iter": 7}, "seed": 3},
            "v2:\n    params:  # all\n      # strength\n      C: 0.5  # by hand",
        ),
        ("v2:  # second\n    seed: 3  # lucky", {"seed": 3}, "v2:  # second\n    params: {C: 0.5}"),
        ("v2: {params: [], seed: 1}  # second", {"params": [], "seed": 1}, "v2: {params: {C: 0.5}}  # second"),
        ('v2: {params: {C: "{{ 2 * 2 }}"}}  # second', {"params": {"C": 4}}, "v2: {params: {C: 0.5}}  # second"),
    ],
    ids=["scalar", "nested", "another key", "another shape", "template"],
)
def test_values_that_are_written_over_others_keep_the_comments_beside_them(now: str, present: dict, after: str) -> None:
    text = "kind: Model\nname: m\nversions:\n  {}\n  v3: {{}}  # last\n"
    (document, *_), _ = load({"p.yaml": "kind: Project\nname: p\n", "a.yaml": text.format(now)})
    edited = set_values(text.format(now), document, ("versions", "v2"), before=present, after={"params": {"C": 0.5}})
    assert edited == text.format(after)
