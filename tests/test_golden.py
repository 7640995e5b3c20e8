"""Every case of tests/cases, played with the real command line."""

from pathlib import Path

import pytest

from tests.golden import CASES, Names, play, sections


@pytest.mark.parametrize("case", sorted(CASES.glob("*.txt")), ids=lambda case: case.stem)
def test_case(case: Path, tmp_path: Path) -> None:
    written = case.read_text(encoding="utf-8")
    assert play(written, tmp_path) == written, f"if this is intended: python -m tests.golden --update {case.stem}"


def test_a_case_is_read_into_its_sections() -> None:
    head, parts = sections("What it shows.\n\n=== file a.yaml\nkind: Project\n---\nx: 1\n=== run plan --json\n=== exit 2\n")
    assert head == "What it shows.\n\n"
    assert [(p.word, p.rest) for p in parts] == [("file", "a.yaml"), ("run", "plan --json"), ("exit", "2")]
    assert parts[0].body == "kind: Project\n---\nx: 1\n"


@pytest.mark.parametrize("line", ["=== edit prod.yaml", "=== stdot", "=== files a.yaml"])
def test_a_section_of_an_unknown_kind_is_refused(line: str) -> None:
    """As a part of the section before it, it would be dropped by the next update."""
    with pytest.raises(ValueError, match=line):
        sections(f"What it shows.\n\n=== run plan\n{line}\nx: 1\n")


def test_values_that_differ_from_run_to_run_get_names(tmp_path: Path) -> None:
    names = Names(tmp_path)
    port = names.fill("$PORT1")
    a, b = "a" * 64, "b" * 64
    text = f"sha256:{a} {b[:12]} {a[:12]} at {tmp_path}/x on :{port} in 1.2 s, ~34 s, 2 min 5 s since 2026-11-21 18:12 UTC (3 h ago)"
    assert names.clean(text) == ("sha256:<digest 1> <digest 2> <digest 1> at $DIR/x on :$PORT1 in <time>, ~<time>, <time> since <date>\n")
    assert names.clean('"seconds": 0.123, "serial": 12') == '"seconds": <time>, "serial": 12\n'
