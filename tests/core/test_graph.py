"""The order of nodes, the keys of their steps and what determines them by content, with a kind without machine learning."""

from graphlib import CycleError

import pytest
from hypothesis import given

from leptonctl.core.frozen import replace
from leptonctl.core.graph import complete_key, content_of, declaration, identity, in_order, key_from, needed_key, part_of, resolve_keys
from leptonctl.core.result import Result
from leptonctl.core.state import Pointer, StepPointer
from leptonctl.core.values import Json, Node, Op, Step
from tests.core import toy as toys
from tests.core.toy import OPS, build, graphs, pointers, toy

# --- order ----------------------------------------------------------------------------------------------------------------------


@given(graphs())
def test_nodes_come_after_what_they_need(nodes: list[Node]) -> None:
    ordered = in_order(nodes)
    place = {node.address: index for index, node in enumerate(ordered)}
    assert sorted(place) == sorted(node.address for node in nodes)
    assert all(place[need] < place[node.address] for node in nodes for need in node.needs)


def test_circular_needs_are_refused() -> None:
    one, two = toy("toy/one", "1"), toy("toy/two", "2")
    with pytest.raises(CycleError):
        in_order([replace(one, needs=(two.address,)), replace(two, needs=(one.address,))])


def test_needs_outside_the_graph_are_ignored() -> None:
    node = toy("toy/one", "1", toy("toy/elsewhere", "0"))
    assert in_order([node]) == (node,)


# --- keys -----------------------------------------------------------------------------------------------------------------------


@given(graphs())
def test_every_key_is_known_when_everything_is_built(nodes: list[Node]) -> None:
    nodes = list(in_order(nodes))
    results = build(nodes)
    keys = resolve_keys(nodes, {}, results)
    assert all(keys.of(node.address, step.name) in results for node in nodes for step in node.steps)


@given(graphs())
def test_the_state_gives_the_same_keys_as_the_results(nodes: list[Node]) -> None:
    """A plan reads no result of unchanged nodes: an unchanged declaration has the recorded keys."""
    nodes = list(in_order(nodes))
    results = build(nodes)
    assert resolve_keys(nodes, pointers(nodes, results), {}) == resolve_keys(nodes, {}, results)


def test_a_key_that_depends_on_bytes_is_unknown_before_they_exist() -> None:
    node = toy("toy/one", "text", measures=["letters"])
    keys = resolve_keys([node], {}, {})
    assert keys.of("toy/one", "write") == node.digest
    assert keys.of("toy/one", "letters") is None
    assert keys.of("toy/one", "words") is None
    assert keys.of("toy/two", "write") is None


def test_steps_of_one_op_are_distinguished_by_name() -> None:
    node = toy("toy/one", "text", measures=["letters", "words"])
    keys = resolve_keys([node], {}, build([node]))
    assert keys.of("toy/one", "letters") != keys.of("toy/one", "words")


def test_the_name_of_a_step_is_not_part_of_its_key() -> None:
    node = toy("toy/one", "text", measures=["letters"])
    renamed = replace(node, steps=(node.steps[0], replace(node.steps[1], name="signs")))
    results = build([node])
    assert resolve_keys([renamed], {}, results).of("toy/one", "signs") == resolve_keys([node], {}, results).of("toy/one", "letters")


def test_equal_bytes_are_measured_once_and_other_bytes_again() -> None:
    ab, a = toy("toy/ab", "ab", measures=["letters"]), toy("toy/a", "a")
    b = toy("toy/b", "b", a, measures=["letters"])
    cd = toy("toy/cd", "cd", measures=["letters"])
    nodes = [ab, a, b, cd]
    keys = resolve_keys(nodes, {}, build(nodes))
    assert keys.of("toy/ab", "write") != keys.of("toy/b", "write")
    assert keys.of("toy/ab", "letters") == keys.of("toy/b", "letters")
    assert keys.of("toy/ab", "letters") != keys.of("toy/cd", "letters")


@pytest.mark.parametrize(
    "edited",
    [
        toy("toy/one", "new", measures=["letters"]),
        toy("toy/one", "old", measures=["letters", "words"]),
        toy("toy/one", "old", measures=["letters"], notes={"checks": 2}),
    ],
    ids=["recipe", "steps", "notes"],
)
def test_recorded_keys_of_another_declaration_are_not_used(edited: Node) -> None:
    old = toy("toy/one", "old", measures=["letters"])
    current = pointers([old], build([old]))
    assert resolve_keys([old], current, {}).of("toy/one", "letters") is not None
    assert resolve_keys([edited], current, {}).of("toy/one", "letters") is None


def test_an_effect_has_no_key_by_its_declaration() -> None:
    """What evidence a binding needs depends on what is bound now, which is in no declaration."""
    node = toy("place/p", "1", measures=["letters"], version="v1")
    results = build([node])
    current = pointers([node], results)
    assert current["place/p"].declaration == node.declaration
    assert resolve_keys([node], current, {}).of("place/p", "letters") is None
    assert resolve_keys([node], current, results).of("place/p", "letters") is not None


def test_a_step_missing_in_the_state_is_completed_from_results() -> None:
    node = toy("toy/one", "1", measures=["letters"])
    results = build([node])
    known = pointers([node], results)["toy/one"]
    short = Pointer(digest=known.digest, declaration=known.declaration, steps={"write": known.steps["write"]})
    assert resolve_keys([node], {"toy/one": short}, {}).of("toy/one", "letters") is None
    assert resolve_keys([node], {"toy/one": short}, results).of("toy/one", "letters") in results


def test_the_key_of_what_a_step_reads() -> None:
    step = Step(
        name="compare", op="measure", address="toy/a", key=None, spec="s", needs={"own": ("toy/b", "write")}, needed_keys={"bound": "k1"}
    )
    current = {"toy/b": Pointer(digest="d", steps={"write": StepPointer(op="write", key="k2")})}
    assert needed_key(step, "bound", {}, {}) == "k1"
    assert needed_key(step, "own", {}, current) == "k2"
    assert needed_key(step, "own", {("toy/b", "write"): None}, current) is None
    assert needed_key(step, "own", {}, {}) is None


def test_only_the_given_result_itself_completes_a_key() -> None:
    """What an environment serves now is read by its key: the state does not record it, so the result must exist."""
    step = Step(name="x", op="measure", address="toy/a", key=None, spec="s", reads=("bound.artifacts.text",), needed_keys={"bound": "k1"})
    bound = Result(key="k1", op="write", artifacts={"text": "sha256:t"})
    assert complete_key(step, {}, {}, {}) is None
    assert complete_key(step, {}, {}, {"k1": bound}) == key_from(step, {"bound": bound})


def test_a_key_depends_on_the_op_the_fields_and_the_parts_read() -> None:
    def key(text: str = "sha256:t", length: Json = 1, **more) -> str | None:
        step = replace(toys.measure("toy/a", "w", "letters"), **more)
        found = Result(key="k", op="write", artifacts={"text": text}, outputs={"length": length, "draft": "x"})
        return key_from(step, {"of": found})

    same = key()
    assert same is not None
    assert key(name="other", address="toy/b", spec="other", inputs={"how": "other"}) == same
    others = [key(text="sha256:u"), key(length=2), key(length="1"), key(op="write"), key(fields={"how": "words"})]
    assert len({same, *others}) == 6
    assert key(length=None) is None


def test_parts_of_a_result() -> None:
    result = Result(key="k", op="write", artifacts={"model.onnx": "sha256:m"}, outputs={"rows": {"train": 3}, "none": None, "no": False})
    assert part_of(result, "artifacts.model.onnx") == "sha256:m"
    assert part_of(result, "artifacts.model") is None
    assert part_of(result, "outputs.rows.train") == 3
    assert part_of(result, "outputs.rows") == {"train": 3}
    assert part_of(result, "outputs.rows.train.deeper") is None
    assert part_of(result, "outputs.none") is None
    assert part_of(result, "outputs.no") is False


# --- declarations -----------------------------------------------------------------------------------------------------------------


def test_a_declaration_covers_recipe_notes_and_steps() -> None:
    step = toys.measure("toy/a", "w", "letters")
    same = declaration({"a": 1}, {"n": 1}, [step])
    assert declaration({"a": 1}, {"n": 1}, [replace(step, inputs={"how": "other"}, address="toy/b", forecast_group="other")]) == same
    others = [
        declaration({"a": 2}, {"n": 1}, [step]), declaration({"a": 1}, {"n": 2}, [step]), declaration({"a": 1}, {"n": 1}),
        declaration({"a": 1}, {"n": 1}, [replace(step, spec="other")]), declaration({"a": 1}, {"n": 1}, [replace(step, name="other")]),
        declaration({"n": 1}, {"a": 1}, [step]),
    ]  # fmt: skip
    assert len({same, *others}) == len(others) + 1


# --- contents ---------------------------------------------------------------------------------------------------------------------

WRITE = OPS["write"]


def written(text: str, draft: str = "", key: str = "k") -> Result:
    return Result(key=key, op="write", artifacts={"text": f"sha256:{text}"}, outputs={"text": text, "length": len(text), "draft": draft})


def test_the_identity_of_a_result_is_its_artifacts_and_outputs() -> None:
    """Not its key, address, time or provenance, nor the outputs that its op leaves out of the identity."""
    one = written("a", draft="a ")
    assert identity(one, WRITE) == identity(written("a", draft="a", key="other"), WRITE)
    assert identity(one, WRITE) == identity(Result(**{**fields(one), "seconds": 9.0, "address": "x", "provenance": {"by": "me"}}), WRITE)
    assert identity(one, WRITE) != identity(written("b", draft="a "), WRITE)
    assert identity(one, WRITE) != identity(Result(**{**fields(one), "artifacts": {"text": "sha256:b"}}), WRITE)
    assert identity(one, WRITE) != identity(Result(**{**fields(one), "artifacts": {"texts": "sha256:a"}}), WRITE)


def test_all_outputs_count_by_default() -> None:
    op = Op(name="write", done="written")
    assert identity(written("a", draft="a "), op) != identity(written("a", draft="a"), op)


def test_an_absent_output_counts_as_null() -> None:
    empty = Result(key="k", op="write")
    assert identity(empty, WRITE) == identity(Result(key="k", op="write", outputs={"text": None, "draft": "x"}), WRITE)


def test_content_depends_on_the_op_its_own_fields_and_what_it_reads() -> None:
    step = toy("toy/b", "b", toy("toy/a", "a")).step("write")
    same = content_of(step, {"part0": written("a", draft="a ")}, OPS)
    assert same == content_of(replace(step, key="other", spec="other", address="x"), {"part0": written("a", key="other")}, OPS)
    others = [
        content_of(step, {"part0": written("c")}, OPS), content_of(step, {"part1": written("a")}, OPS),
        content_of(replace(step, own={"text": "c"}), {"part0": written("a")}, OPS), content_of(step, {}, OPS),
        content_of(replace(step, op="measure"), {"part0": written("a")}, OPS),
    ]  # fmt: skip
    assert len({same, *others}) == len(others) + 1


def test_a_step_keyed_by_content_has_no_other_content() -> None:
    assert content_of(toys.measure("toy/a", "w", "letters"), {"of": written("a")}, OPS) == ""


@given(graphs())
def test_strings_that_strip_to_the_same_have_equal_content(nodes: list[Node]) -> None:
    """An extra blank changes the keys of all dependents; the output is the same, so no dependent has to run."""
    edited: dict[str, Node] = {}
    for node in in_order(nodes):
        text = str(node.recipe["text"])
        edited[node.address] = toy(node.address, text if node.needs else text + " ", *(edited[need] for need in node.needs))
    before, after = build(nodes), build(edited.values())
    for node in nodes:
        old, new = before[node.digest], after[edited[node.address].digest]
        assert old.key != new.key
        assert identity(old, WRITE) == identity(new, WRITE)
        assert (old.content == new.content) == bool(node.needs)


def fields(result: Result) -> dict[str, Json]:
    return {name: getattr(result, name) for name in Result.__struct_fields__}
