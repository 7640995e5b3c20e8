"""`diff`: which fields differ, and two versions as aligned columns."""

from hypothesis import example, given
from hypothesis import strategies as st

from leptonctl.core.canonical import encode
from leptonctl.views.diff import SAME, diff_fields, render_text

SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.0, 1.0, 0.5]) | st.sampled_from(["", "a", "1"])
VALUES = st.recursive(
    SCALARS | st.lists(SCALARS, max_size=2) | st.lists(st.dictionaries(st.just("k"), SCALARS), max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("xyz"), inner, max_size=2),
    max_leaves=6,
)
RECIPES = st.dictionaries(st.sampled_from(["algorithm", "params", "seed"]), VALUES, max_size=3)


STEPS = [{"use": "log", "columns": ["x"]}, {"use": "scale"}, {"use": "pca", "params": {"n": 2}}, {"use": "tfidf"}]


def test_fields_are_leaves_by_dotted_path():
    a = {"algorithm": "mlp", "params": {"C": 1, "max_iter": 200}, "preprocess": [{"use": "pca"}], "seed": 7}
    b = {"algorithm": "mlp", "params": {"C": 1.0, "hidden": [10]}, "preprocess": [{"use": "pca"}, {"use": "tfidf"}], "seed": 7}
    assert diff_fields(a, b) == [
        {"path": "params.C", "a": 1, "b": 1.0},
        {"path": "params.hidden", "a": None, "b": [10]},
        {"path": "params.max_iter", "a": 200, "b": None},
        {
            "path": "preprocess",
            "a": [{"use": "pca"}],
            "b": [{"use": "pca"}, {"use": "tfidf"}],
            "items": [{"path": "preprocess.1", "a": None, "b": {"use": "tfidf"}}],
        },
    ]


def items(a, b):
    """Path, a and b of the differing items of two lists of steps; () where the lists are compared whole."""
    (field,) = diff_fields({"preprocess": a}, {"preprocess": b})
    assert (field["path"], field["a"], field["b"]) == ("preprocess", a, b)
    return tuple((item["path"], item["a"], item["b"]) for item in field.get("items", ()))


def test_a_step_that_is_added_or_removed_is_one_difference():
    log, *rest = STEPS
    assert items(rest, STEPS) == (("preprocess.0", None, log),)
    assert items(STEPS, rest) == (("preprocess.0", log, None),)
    assert items([*STEPS[:2], *STEPS[3:]], STEPS) == (("preprocess.2", None, STEPS[2]),)
    # the same step once more, and an order that matters
    assert items(STEPS, [log, *STEPS]) in [((f"preprocess.{place}", None, log),) for place in (0, 1)]
    assert len(items(STEPS, [*rest, log])) == 2


def test_a_step_that_changes_beside_one_that_is_added():
    other = {"use": "pca", "params": {"n": 3}}
    assert items(STEPS[1:], [STEPS[0], STEPS[1], other, STEPS[3]]) == (("preprocess.0", None, STEPS[0]), ("preprocess.2", STEPS[2], other))
    # inside a step, 0 is not false
    assert items([{"x": 0}, {"y": 1}], [{"x": False}, {"y": 1}]) == (("preprocess.0", {"x": 0}, {"x": False}),)


def test_lists_with_nothing_in_common_and_lists_of_scalars_stay_whole():
    assert items(STEPS[:1], STEPS[1:]) == items([], STEPS) == ()
    assert diff_fields({"x": [1, 2]}, {"x": [0, 1, 2]}) == [{"path": "x", "a": [1, 2], "b": [0, 1, 2]}]


def test_the_text_names_only_the_steps_that_differ():
    fields = diff_fields({"preprocess": STEPS[1:]}, {"preprocess": STEPS})
    text = render_text({"a": "m@v1", "b": "m@v2", "fields": fields, "metrics": {}, "flips": None})
    assert (
        text
        == """\
recipe        m@v1   m@v2
preprocess.0  unset  use log columns ["x"]"""
    )


@given(RECIPES, RECIPES)
@example({"params": {"__x": 1}}, {"params": {"__x": 2}})
@example({"params": {"x": {}}}, {"params": {"x": {"y": 1}}})
@example({"params": {"x": {"y": 1}}}, {"params": {"x": [{}]}})
def test_fields_are_those_of_the_flattened_recipes(a, b):
    def leaves(value, path=()):
        if not isinstance(value, dict) or (path and not value):
            return {".".join(path): value}
        return {leaf: inner for key in value for leaf, inner in leaves(value[key], (*path, key)).items()}

    left, right = leaves(a), leaves(b)
    differing = sorted(
        path for path in left | right if (path in left) != (path in right) or encode(left.get(path)) != encode(right.get(path))
    )
    assert [(f["path"], f["a"], f["b"]) for f in diff_fields(a, b)] == [(path, left.get(path), right.get(path)) for path in differing]


@given(RECIPES)
def test_a_recipe_does_not_differ_from_itself(recipe):
    assert diff_fields(recipe, recipe) == []


@given(RECIPES, RECIPES)
@example({"params": {"x": [False, False]}}, {"params": {"x": [False, 0]}})
@example({"params": {"x": [1.0]}}, {"params": {"x": [1]}})
@example({"params": {"x": {}}}, {"params": {"x": None}})
@example({"algorithm": [{}]}, {"algorithm": [{}, {}]})
def test_recipes_of_other_digests_differ_in_a_field(a, b):
    if encode(a) != encode(b):
        fields = diff_fields(a, b)
        assert fields
        back = diff_fields(b, a)
        assert [(f["path"], f["a"], f["b"]) for f in fields] == [(f["path"], f["b"], f["a"]) for f in back]
        assert [len(f.get("items", [])) for f in fields] == [len(f.get("items", [])) for f in back]


def test_two_versions_side_by_side():
    diff = {
        "a": "spam-filter@v1",
        "b": "spam-filter@v2",
        "fields": [
            {"path": "algorithm", "a": "logistic_regression", "b": "mlp"},
            {"path": "params.hidden_layer_sizes", "a": None, "b": [10]},
        ],
        "metrics": {"accuracy": {"a": 0.93, "b": 0.9312345}, "f1": {"a": 0.9, "b": 0.9}, "roc_auc": {"a": None, "b": 0.97}},
        "flips": {"rows": 1000, "changed": 17, "share": 0.017},
        "size": {"a": 812, "b": 14200},
        "latency": None,
        "data": {"a": "mail@2024-06", "b": "mail@2024-06"},
    }
    assert (
        render_text(diff)
        == """\
recipe                     spam-filter@v1       spam-filter@v2
algorithm                  logistic_regression  mlp
params.hidden_layer_sizes  unset                [10]

outcome   spam-filter@v1  spam-filter@v2     change
accuracy            0.93          0.9312  +0.001234
f1                   0.9             0.9          =
roc_auc                -            0.97
size               812 B         14.2 kB
data        mail@2024-06    mail@2024-06          =

Labels differ on 17 of 1000 rows (1.70%) that neither was trained on."""
    )


def test_nothing_differs_and_nothing_is_built():
    same = {
        "a": "m@v1",
        "b": "m@v2",
        "fields": [],
        "metrics": {},
        "flips": None,
        "size": {"a": None, "b": None},
        "latency": None,
        "data": None,
    }
    assert render_text(same) == SAME
