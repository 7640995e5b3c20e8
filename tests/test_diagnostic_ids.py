"""docs/diagnostics.md lists exactly the ids of the diagnostics that the code can give."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
PAGE = (CHECKOUT / "docs" / "diagnostics.md").read_text(encoding="utf-8")
ID = re.compile(r"[a-z]+(-[a-z]+)*")
HEADING = re.compile(r"^## `(.*)`$", re.MULTILINE)
# the callables that make a diagnostic: the position of the id, if it may be positional
MAKERS = {
    "error": 0, "fail": 0, "report": 0, "ExpressionError": 0, "refused": 3,
    "FailedMessage": None, "Problem": None, "Diagnostic": None, "Mistake": None, "ProviderError": None, "_Wrong": None, "check_columns": None,
}  # fmt: skip


def ids_in(source: str) -> Iterator[str]:
    """The ids written out in a module."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name not in MAKERS:
            continue
        place = MAKERS[name]
        given = [keyword.value for keyword in node.keywords if keyword.arg == ("error" if name == "FailedMessage" else "id")]
        if not given and place is not None:
            given = node.args[place : place + 1]
        yield from (value.value for value in given if isinstance(value, ast.Constant) and isinstance(value.value, str))


def test_every_id_is_documented_and_every_documented_id_is_given() -> None:
    files = [file for file in (CHECKOUT / "leptonctl").rglob("*.py") if "testing" not in file.parts]
    # the id of an error of a provider that names none
    given = {found for file in files for found in ids_in(file.read_text(encoding="utf-8"))} | {"step-failed"}
    documented = HEADING.findall(PAGE)
    assert sorted(given - set(documented)) == []
    assert sorted(set(documented) - given) == []
    assert documented == sorted(set(documented))
    assert [name for name in documented if not ID.fullmatch(name)] == []


def test_every_entry_says_what_it_means_and_what_to_do() -> None:
    for entry in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]:
        heading, *paragraphs = [part.strip("\n") for part in entry.split("\n\n") if part.strip()]
        sentences = [p for p in paragraphs if not p.startswith("    ")]
        assert len(sentences) >= 2, heading
        assert all(p.endswith((".", "…")) for p in sentences), heading
