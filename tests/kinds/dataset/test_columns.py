"""What is wrong with the declaration of a column is said before any data is read, at its place."""

import json

import pytest

from leptonctl.core.values import Json
from tests.kinds.declared import MODEL, PROJECT, check, declared, digests, nodes_of
from tests.language.known import load

COLUMNS = ("x", "y", "city", "side")


def dataset(columns: str, more: str = "") -> str:
    return (
        f"kind: Dataset\nname: points\ntarget: side\n{more}columns:\n  x: {columns}\nversions:\n  first: {{source: data/first.csv}}\n---\n"
    )


def problems(text: str) -> list[tuple[str, int, str]]:
    """(id, line, hint) of what is wrong, by the schema or by the kind."""
    documents, _ = load({"leptonctl.yaml": PROJECT, "x.yaml": text})
    found = check([documents[-1]]) or declared(text)[1]
    return [(p.id, p.span.line if p.span else 0, p.hint) for p in found if p.severity == "error"]


@pytest.mark.parametrize(
    ("columns", "more", "id_", "hint"),
    [
        ("{type: datetime}", "", "date-without-parts", "add `parts: [year, month, weekday, hour]`, or `ignore: true`"),
        ("{type: date}", "", "date-without-parts", "add `parts: [year, month, weekday]`, or `ignore: true`"),
        ("{type: date, parts: [year, hour]}", "", "date-part", "or declare `type: datetime`"),
        ('{type: datetime, format: "%d.%m.%Y", parts: [hour]}', "", "date-part", "choose among year"),
        ('{type: datetime, format: "%H:%M", parts: [weekday]}', "", "date-part", "choose among hour, minute"),
        ('{type: datetime, format: "%Q", parts: [hour]}', "", "date-format", "as for `strptime`"),
        ("{type: datetime, parts: [hour], min: 3}", "", "column-field", "remove `min`"),
        ("{parts: [hour]}", "", "column-field", "write `type: datetime`"),
        ('{type: string, format: "%Y"}', "", "column-field", "write `type: datetime`"),
        ("{type: datetime, parts: [hour]}", "privacy: {hash: [x], key: {secret: {env: A}}, key_id: k}\n", "date-use", "`privacy.drop`"),
        ("{ignore: true}", "id: x\n", "ignored-column", "remove `ignore`"),
        ("{ignore: true}", "split: {time: x}\n", "ignored-column", "remove `ignore`"),
        ("{type: number, when_true: [a], when_false: [b]}", "", "column-field", "write `type: boolean`"),
        ("{when_true: [Ja, a], when_false: [JA]}", "", "ambiguous-word", "remove it"),
        ("{min: 5, max: 1}", "", "empty-range", "exchange"),
        ("{type: string, min: 3}", "", "range-type", "remove `min`"),
        ("{type: boolean, max: 3}", "", "range-type", "remove `max`"),
        ("{max: 3}", "privacy: {hash: [x], key: {secret: {env: A}}, key_id: k}\n", "range-type", "remove `max`"),
        ("{type: number, missing: abc}", "", "fill-type", "write a number"),
        ('{type: number, missing: "0,5"}', "", "fill-type", "`missing: 0.5`"),
        ("{type: integer, missing: 0.5}", "", "fill-type", "write an integer"),
        ("{type: boolean, missing: 1}", "", "fill-type", "write a boolean"),
        ("{type: string, missing: 7}", "", "fill-type", '`missing: "7"`'),
        ("{missing: a}", "privacy: {hash: [x], key: {secret: {env: A}}, key_id: k}\n", "private-fill", "remove `missing`"),
    ],
)
def test_each_mistake_has_an_id_a_place_and_a_way_out(columns: str, more: str, id_: str, hint: str) -> None:
    text = dataset(columns, more)
    ((id_found, line, hint_found),) = problems(text)
    assert id_found == id_
    assert hint in hint_found
    assert line == (PROJECT + text[: text.index("  x: ")]).count("\n") + 1


@pytest.mark.parametrize(
    ("version", "id_", "hint"),
    [
        ("delimiter: '\"'", "bad-delimiter", '`delimiter: ";"`'),
        ('delimiter: "\\n"', "bad-delimiter", '`delimiter: ";"`'),
        ("privacy: {hash: [y]}", "hash-without-key", "`key_id: NAME`"),
        ("privacy: {hash: [y], key: {secret: {env: A}}}", "hash-without-key", "`key_id: NAME`"),
        ("privacy: {drop: [side]}", "private-target", "another `target`"),
        ("split: {by: side}", "private-target", "another column"),
        ("columns: {y: {when_true: [Ja]}}", "column-field", "`when_false: [WORD]`"),
        ("columns: {y: {when_false: [Nein]}}", "column-field", "`when_true: [WORD]`"),
    ],
)
def test_what_a_version_overrides_is_judged_with_its_base(version: str, id_: str, hint: str) -> None:
    """No schema sees the two together, and no file is needed to see the mistake."""
    text = dataset("{}").replace("source: data/first.csv", f"source: data/first.csv, {version}")
    ((id_found, _, hint_found),) = [p for p in problems(text) if p[0] != "missing-file"]
    assert (id_found, hint in hint_found) == (id_, True), hint_found


STEP = "preprocess: [{{columns: {0}, use: {1}}}]"


def test_a_parameter_in_the_wrong_place_is_shown_in_the_right_one() -> None:
    for version, hint in (
        ("preprocess: [{columns: numeric, use: select_k_best, k: 10}]", "`params: {k: 10}`"),
        ("max_depth: 3", "`params: {max_depth: 3}`"),
        ("hidden: [4, 4]", "`params: {hidden: [4, 4]}`"),
        ("test_size: 0.2", "`split: {test: 0.2}` in the Dataset"),
    ):
        ((id_, _, found),) = problems(dataset("{}") + MODEL.replace("v1: {}", f"v1: {{{version}}}"))
        assert (id_, hint in found) == ("unknown-key", True), found


@pytest.mark.parametrize(
    ("version", "id_"),
    [
        ("params: {solver: liblinear, dual: true, l1_ratio: 1.0}", "parameter-conflict"),
        ("params: {dual: true}", "parameter-conflict"),
        ("params: {l1_ratio: 0.5}", "parameter-conflict"),
        ("params: {l1_ratio: 1.0}", "parameter-conflict"),
        ("params: {l1_ratio: 0.5, solver: liblinear}", "parameter-conflict"),
        ("params: {l1_ratio: 0.5, solver: saga}", None),
        ("params: {l1_ratio: 1.0, solver: liblinear}", None),
        ("params: {l1_ratio: null}", None),
        ("algorithm: linear_svm, params: {penalty: l1, loss: hinge}", "parameter-conflict"),
        ("algorithm: linear_svm, params: {penalty: l1, dual: true}", "parameter-conflict"),
        ("algorithm: linear_svm, params: {loss: hinge, dual: false}", "parameter-conflict"),
        ("algorithm: linear_svm, params: {loss: hinge}", None),
        (STEP.format("numeric", "tfidf"), "wrong-column-type"),
        (STEP.format("numeric", "one_hot"), "wrong-column-type"),
        (STEP.format("categorical", "standard_scaler"), "wrong-column-type"),
        (STEP.format("[x, y]", "tfidf"), "one-column-step"),
        ("preprocess: [{columns: categorical, use: ordinal}, {columns: categorical, use: standard_scaler}]", None),
    ],
)
def test_what_no_data_can_satisfy_in_a_model(version: str, id_: str | None) -> None:
    text = dataset("{}") + MODEL.replace("v1: {}", f"v1: {{{version}}}")
    assert [name for name, *_ in problems(text) if name != "missing-file"] == ([id_] if id_ else [])


@pytest.mark.parametrize(
    ("columns", "more"),
    [("{when_true: [a]}", ""), ("{when_false: [a]}", ""), ("{parts: [century], type: date}", ""), ("{type: time}", ""),
     ("{}", "target_missing: keep\n"), ("{}", "split: {time: x, seed: 3}\n"), ("{}", "split: {time: x, by: y}\n")],
)  # fmt: skip
def test_the_schema_refuses(columns: str, more: str) -> None:
    assert len(problems(dataset(columns, more))) == 1


@pytest.mark.parametrize(
    ("columns", "more"),
    [("{type: date}", "split: {time: x}\n"), ("{type: date}", "privacy: {drop: [x]}\n"), ("{type: datetime, ignore: true}", ""),
     ("{when_true: [1, true, Ja], when_false: [0, false]}", ""), ('{type: datetime, format: "%s%%d", parts: [day]}'.replace("%s", ""), "")],
)  # fmt: skip
def test_valid_declarations_have_no_problem(columns: str, more: str) -> None:
    if "%%" in columns:
        assert [p[0] for p in problems(dataset(columns, more))] == ["date-part"]
        return
    assert problems(dataset(columns, more)) == []


def test_a_date_cannot_be_the_target() -> None:
    text = dataset("{}").replace("  x: {}", "  side: {type: date, parts: [year]}")
    assert [p[0] for p in problems(text)] == ["date-use"]


def inputs(columns: str, op: str, model: str = MODEL) -> dict[str, Json]:
    nodes = nodes_of(dataset(columns) + model)
    return next(dict(s.inputs) for node in nodes.values() for s in node.steps if s.op == op)


def test_a_model_may_name_the_column_or_its_parts() -> None:
    columns = "{type: datetime, parts: [year, hour]}"
    whole = MODEL.replace("algorithm:", "features: [y, x]\npreprocess: [{columns: [x], use: standard_scaler}]\nalgorithm:")
    train = inputs(columns, "train", whole)
    assert train["features"] == ["y", "x.year", "x.hour"]
    assert train["preprocess"][0]["columns"] == ["x.year", "x.hour"]  # type: ignore[index,call-overload]
    part = MODEL.replace("algorithm:", "features: [x.hour]\nalgorithm:")
    assert inputs(columns, "train", part)["features"] == ["x.hour"]
    for wrong in ("x.month", "city.year"):
        _, found = declared(dataset(columns) + MODEL.replace("algorithm:", f"features: [{wrong}]\nalgorithm:"))
        assert [p.id for p in found] == ["unknown-column"], wrong
    _, found = declared(dataset("{ignore: true}") + MODEL.replace("algorithm:", "features: [x]\nalgorithm:"))
    assert [(p.id, p.detail) for p in found] == [("unknown-column", "this column is ignored")]


def test_what_moves_a_digest() -> None:
    def of(columns: str, more: str = "") -> str:
        return digests(dataset(columns, more) + MODEL)["dataset/points@first"]

    base = of("{type: boolean}")
    assert of("{type: boolean, ignore: false}") == base
    assert of("{type: boolean}", "target_missing: error\n") == base
    assert of("{ignore: true}") == of("{ignore: true, type: integer, min: 3}")
    assert of("{when_true: [1], when_false: [no]}") == of('{type: boolean, when_true: ["1"], when_false: ["no"]}')
    columns = ["{type: date, parts: [year]}", "{type: date, parts: [year, day]}", "{type: date, parts: [day, year]}",
               '{type: date, parts: [year], format: "%Y"}', "{ignore: true}", "{when_true: [a], when_false: [b]}"]  # fmt: skip
    more = ["target_missing: drop\n", "split: {time: y}\n", "split: {time: y, test: 0.3}\n", ""]
    found = [of(c) for c in columns] + [of("{type: boolean}", m) for m in more]
    assert len(set(found)) == len(found), json.dumps(found)
