"""The mutation run itself: its edits, names that outlive a move of the code, a sample that a seed fixes, and verdicts that are kept."""

import ast
from pathlib import Path

import pytest

from tests.mutants import equivalents, failing, known, stages
from tests.mutations import FILES, mutants, sample
from tests.quick import CHECKOUT

SOURCE = '''\
"""A module: not mutated, nor are annotations, assertions and texts."""
LIMIT: int = 3


def find(items: list[int], most: int = 2, *, sure: bool = False) -> int | None:
    assert items != []
    for item in items:
        if item not in known and item <= most or not sure:
            items.remove(item)
            break
    with suppress(KeyError, OSError):
        return replace(item, a=1, b=f"{item + 1}")
    try:
        act(item, most)
    except (ValueError, KeyError):
        raise
'''
EDITS = {
    "3 -> 4", "3 -> 2", "2 -> 3", "2 -> 1", "False -> True", "not in -> in", "and -> or", "<= -> <", "<= -> >", "or -> and", "not -> ",
    "items.remove(item) -> pass", "break -> continue", "KeyError, OSError -> OSError", "KeyError, OSError -> KeyError", "1 -> 2", "1 -> 0",
    'replace(item, a=1, b=f"{item + 1}") -> None', "a=1, -> ", "item, most -> most, item", "act(item, most) -> pass", "raise -> pass",
    "(ValueError, KeyError) -> (KeyError,)", "(ValueError, KeyError) -> (ValueError,)",
}  # fmt: skip


def names(source: str) -> set[str]:
    return {mutant.name for mutant in mutants("leptonctl/kinds/toy.py", source.encode())}


def test_every_edit_is_small_and_whole() -> None:
    found = names(SOURCE)
    assert [edit for edit in EDITS if not any(f": {edit} in " in name for name in found)] == []
    assert len(found) == len(EDITS)
    for mutant in mutants("leptonctl/kinds/toy.py", SOURCE.encode()):
        ast.parse(mutant.text)
        assert mutant.text != SOURCE.encode()
        assert mutant.before != mutant.after
        assert " ".join(SOURCE.splitlines()[mutant.lines[0] - 1].split()) in mutant.before


def test_a_name_outlives_a_move_and_an_edit_elsewhere() -> None:
    moved = SOURCE.replace("LIMIT", "\n\nOTHER = 'x'\n\n\nLIMIT").replace("act(item, most)", "other(most, item)")
    assert {name for name in names(SOURCE) if "act" not in name} == {name for name in names(moved) if "other" not in name.lower()}


def test_the_sample_is_fixed_and_takes_of_every_file() -> None:
    chosen = sample(200, 7)
    assert [mutant.name for mutant in chosen[:50]] == [mutant.name for mutant in sample(50, 7)]
    assert len({mutant.name for mutant in chosen}) == 200
    assert {mutant.name for mutant in chosen} != {mutant.name for mutant in sample(200, 8)}
    assert {mutant.file for mutant in chosen} == set(FILES)
    for mutant in chosen:
        ast.parse(mutant.text)


def test_a_mutant_meets_the_tests_that_run_its_lines_and_then_the_others() -> None:
    for mutant in sample(50, 7):
        first, line = "tests/a.py::test_fast", mutant.lines[0]
        near, far = stages(mutant, {mutant.file: {str(line): [first, "tests/a.py::test_slow"], str(line - 1): ["tests/b.py::test"]}})
        assert near == [first, "tests/a.py::test_slow"]
        assert len(far) == len(set(far)) >= 3
        assert all((CHECKOUT / test).is_file() for test in far)
        if mutant.file == "leptonctl/kinds/environment/judging.py":
            assert far[0] == "tests/kinds/environment/test_judging.py"


@pytest.mark.parametrize(
    ("by", "now", "tree", "holds"),
    [
        ("tests/a.py::test", {"f.py": "1", "tests/a.py": "2"}, "other", True),
        ("tests/a.py::test", {"f.py": "9", "tests/a.py": "2"}, "other", False),
        ("tests/a.py::test", {"f.py": "1", "tests/a.py": "9"}, "other", False),
        ("tests/a.py::test", {"f.py": "1"}, "other", False),
        ("", {"f.py": "1"}, "tree", True),
        ("", {"f.py": "1"}, "other", False),
    ],
)
def test_a_verdict_is_kept_while_what_it_depends_on_is_the_same(by: str, now: dict[str, str], tree: str, holds: bool) -> None:
    verdict = {"by": by, "file": "1", "test": "2" if by else "", "tree": "tree"}
    assert known(verdict, "f.py", now, tree) is holds


def test_the_first_test_that_fails_is_named(tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text("def test_good(): pass\ndef test_bad(): assert 0\ndef test_worse(): assert 0\n")
    assert failing(tmp_path, ["test_one.py"], tmp_path / "t") == "test_one.py::test_bad"
    assert failing(tmp_path, ["test_one.py::test_good"], tmp_path / "t") == ""
    (tmp_path / "test_one.py").write_text("import os\ndef test_good(): os._exit(3)\n")
    assert failing(tmp_path, ["test_one.py"], tmp_path / "t") == "pytest ends with 3"
    assert failing(tmp_path, ["test_one.py::test_gone"], tmp_path / "t") == "", "the test that noticed it before was renamed"


def test_each_equivalent_mutant_has_its_reason() -> None:
    assert all(reason.endswith(".") for reason in equivalents().values())
