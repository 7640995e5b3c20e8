"""A command writes its own edit and takes back its own edit, whatever others do to the files meanwhile."""

import threading
from pathlib import Path

import pytest

from leptonctl.core.diagnostic import STALE, Failure
from leptonctl.project.own_edits import OwnEdits

BASE = "a: 1\nb: 2\nversions:\n  v1: {}\nend: 0\n"
OURS = BASE.replace("  v1: {}\n", "  v1: {}\n  ours: {}\n")


def edited(file: Path, old: str, new: str) -> str:
    text = file.read_text(encoding="utf-8").replace(old, new)
    file.write_text(text, encoding="utf-8")
    return text


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "m.yaml"
    file.write_text(BASE, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("old", "new"), [("a: 1", "a: 3"), ("end: 0\n", "end: 0\nmore: 1\n"), ("b: 2\n", ""), ("  v1: {}\n", "  v1: {}\n  theirs: {}\n")]
)
def test_an_edit_is_made_in_what_the_file_holds_now(file: Path, old: str, new: str) -> None:
    """Also where both add a line at the same place (brother); and taking it back leaves the other edit."""
    edits = OwnEdits(root=file.parent)
    theirs = edited(file, old, new)
    edits.write("m.yaml", BASE, OURS)
    text = file.read_text(encoding="utf-8")
    assert "  ours: {}\n" in text and new in text
    assert edits.undo() == ()
    assert file.read_text(encoding="utf-8") == theirs


def test_lines_that_both_changed_are_not_written(file: Path) -> None:
    edited(file, "b: 2", "b: 7")
    with pytest.raises(Failure) as refused:
        OwnEdits(root=file.parent).write("m.yaml", BASE, BASE.replace("b: 2", "b: 5"))
    assert (refused.value.exit_code, refused.value.diagnostics[0].id) == (STALE, "edited-meanwhile")
    assert "b: 7" in file.read_text(encoding="utf-8")


@pytest.mark.parametrize("old", ["a: 1", "end: 0", "versions:"])
def test_taking_back_keeps_what_was_edited_since(file: Path, old: str) -> None:
    edits = OwnEdits(root=file.parent)
    edits.write("m.yaml", BASE, BASE.replace("b: 2", "b: 5"))
    edits.write("m.yaml", BASE.replace("b: 2", "b: 5"), OURS.replace("b: 2", "b: 5"))
    edited(file, old, "changed: 1")
    assert edits.undo() == ()
    assert file.read_text(encoding="utf-8") == BASE.replace(old, "changed: 1")


def test_an_own_line_that_was_edited_since_is_left_with_a_warning(file: Path) -> None:
    edits = OwnEdits(root=file.parent)
    edits.write("m.yaml", BASE, BASE.replace("b: 2", "b: 5"))
    text = edited(file, "b: 5", "b: 6")
    (left,) = edits.undo()
    assert (left.id, left.severity, "m.yaml" in left.detail) == ("edited-meanwhile", "warning", True)
    assert file.read_text(encoding="utf-8") == text


def test_files_of_its_own_are_removed_and_deleted_ones_stay_away(file: Path) -> None:
    edits = OwnEdits(root=file.parent)
    edits.write("new.yaml", None, "x: 1\n")
    edits.write("m.yaml", BASE, OURS)
    file.unlink()
    assert edits.files == ("m.yaml", "new.yaml")
    assert edits.undo() == ()
    assert [*file.parent.glob("*.yaml")] == []


def test_threads_that_edit_one_file_at_once_lose_nothing(file: Path) -> None:
    def edit(number: int) -> None:
        OwnEdits(root=file.parent).write("m.yaml", BASE, BASE.replace("  v1: {}\n", f"  v1: {{}}\n  t{number}: {{}}\n"))

    threads = [threading.Thread(target=edit, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    text = file.read_text(encoding="utf-8")
    assert all(f"  t{number}: {{}}\n" in text for number in range(8)), text


def test_one_key_that_both_add_at_one_place_is_not_written_twice(file: Path) -> None:
    """With its block under it, and (brother) another value."""
    for mine in ("  ours: {}\n", "  ours:\n    digest: 1\n"):
        file.write_text(BASE, encoding="utf-8")
        theirs = edited(file, "  v1: {}\n", "  v1: {}\n  ours: {digest: 2}\n")
        with pytest.raises(Failure) as caught:
            OwnEdits(root=file.parent).write("m.yaml", BASE, BASE.replace("  v1: {}\n", "  v1: {}\n" + mine))
        assert (caught.value.diagnostics[0].id, caught.value.exit_code) == ("edited-meanwhile", STALE)
        assert file.read_text(encoding="utf-8") == theirs
