"""`diff`: which fields differ, and two versions as aligned columns."""

from hypothesis import example, given
from hypothesis import strategies as st

from leptonctl.core.canonical import encode
from leptonctl.views.diff import SAME, diff_fields, render_text

SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.0, 1.0, 0.5]) | st.sampled_from(["", "a", "1"])
VALUES = st.recursive(
    SCALARS | st.lists(SCALARS, max_size=2), lambda inner: st.dictionaries(st.sampled_from("xyz"), inner, max_size=2), max_leaves=6
)
RECIPES = st.dictionaries(st.sampled_from(["algorithm", "params", "seed"]), VALUES, max_size=3)


def test_fields_are_leaves_by_dotted_path_and_lists_stay_whole():
    a = {"algorithm": "mlp", "params": {"C": 1, "max_iter": 200}, "preprocess": [{"use": "pca"}], "seed": 7}
    b = {"algorithm": "mlp", "params": {"C": 1.0, "hidden": [10]}, "preprocess": [{"use": "pca"}, {"use": "tfidf"}], "seed": 7}
    assert diff_fields(a, b) == [
        {"path": "params.C", "a": 1, "b": 1.0},
        {"path": "params.hidden", "a": None, "b": [10]},
        {"path": "params.max_iter", "a": 200, "b": None},
        {"path": "preprocess", "a": [{"use": "pca"}], "b": [{"use": "pca"}, {"use": "tfidf"}]},
    ]


@given(RECIPES)
def test_a_recipe_does_not_differ_from_itself(recipe):
    assert diff_fields(recipe, recipe) == []


@given(RECIPES, RECIPES)
@example({"params": {"x": [False, False]}}, {"params": {"x": [False, 0]}})
@example({"params": {"x": [1.0]}}, {"params": {"x": [1]}})
@example({"params": {"x": {}}}, {"params": {"x": None}})
def test_recipes_of_other_digests_differ_in_a_field(a, b):
    if encode(a) != encode(b):
        fields = diff_fields(a, b)
        assert fields
        assert fields == [{"path": f["path"], "a": f["b"], "b": f["a"]} for f in diff_fields(b, a)]


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
