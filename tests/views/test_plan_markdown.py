import re

import pytest
from markdown_it import MarkdownIt

from leptonctl.core.change import Because, Plan
from leptonctl.core.frozen import replace
from leptonctl.views.plan_markdown import MOST_BYTES, cell, code, prose, render
from tests.views.plans import binding, edited, everything, new_version, plan

NASTY = "a|b `x` <script>alert(1)</script> @octocat **b** [l](http://x) \n# h"


def test_the_comment_is_found_by_its_marker_and_names_the_plan() -> None:
    shown = render(everything())
    assert shown.startswith("<!-- leptonctl-plan -->\n")
    assert "**Plan: 1 to create, 2 to update" in shown
    assert "plan_id `sha256:plan`" in shown
    assert "effect_id `sha256:effect`" in shown


def test_changes_and_gates_are_tables() -> None:
    lines = render(everything()).splitlines()
    assert "| \\+ create | `model/spam-filter@v2` | new | train 1 to 5 s<br>export under 1 s<br>evaluate |" in lines
    assert "| ✗ f1 drop | `environment/prod/spam-filter` | 0.03 | ≤ 0.01  (0.94 bound, 0.91 candidate) |" in lines
    assert "  - `params.C`: `1.0` → `0.5` at `models/spam.yaml:12:9`" in lines
    assert lines.index("<details>") < lines.index("</details>")


def test_changes_held_by_a_gate_come_first() -> None:
    rows = [line for line in render(plan(new_version(), edited(), binding())).splitlines() if line.startswith("| \\")]
    assert "environment/prod/spam-filter" in rows[0]


def test_an_empty_plan_says_so() -> None:
    shown = render(plan())
    assert "### leptonctl plan: nothing to do" in shown
    assert "|---|" not in shown


def test_names_and_values_cannot_become_markup() -> None:
    because = (Because(path=NASTY, before=NASTY, after=NASTY),)
    shown = _html(render(plan(replace(edited(), reason=NASTY, because=because))))
    assert "<script" not in shown
    assert "<strong>b" not in shown
    assert "href" not in shown
    assert "@octocat" not in re.sub(r"<code>.*?</code>", "", shown)
    row = next(row for row in re.findall(r"<tr>.*?</tr>", shown, re.DOTALL) if "update" in row)
    assert row.count("<td>") == 4
    assert "a|b `x` &lt;script&gt;" in row


def _html(comment: str) -> str:
    """What a Markdown reader with tables and raw HTML makes of it."""
    rendered: str = MarkdownIt("commonmark", {"html": True}).enable("table").render(comment)
    return rendered


@pytest.mark.parametrize(
    ("text", "as_code"),
    [("a", "`a`"), ("a`b", "``a`b``"), ("`a", "`` `a ``"), ("``", "``` `` ```"), ("a\nb", "`a\\nb`"), ("", "")],
)
def test_code_spans_hold_any_text(text: str, as_code: str) -> None:
    assert code(text) == as_code


def test_pipes_in_cells_are_escaped_and_plain_words_stay_plain() -> None:
    assert cell("a|b") == "`a\\|b`"
    assert prose("its server is not running; 3 of 4") == "its server is not running; 3 of 4"
    assert prose("see http://x") == "`see http://x`"
    assert prose("1. first") == "`1. first`"


@pytest.mark.parametrize("count", [10, 300, 3000])
def test_the_comment_stays_below_the_limit_and_says_what_it_leaves_out(count: int) -> None:
    because = tuple(Because(path=f"params.{NASTY}{i}", before="x" * 400, after="漢" * 400) for i in range(30))
    changes = [replace(edited(), address=f"model/m{i}@v1", because=because) for i in range(count)]
    shown = render(plan(*changes, binding()))
    assert len(shown.encode()) < MOST_BYTES
    assert f"{count + 1} to update" in shown
    assert ("Left out, since" in shown) == (count > 10)
    assert "environment/prod/spam-filter" in shown
    assert shown.rstrip().endswith("</sub>")


def test_one_change_of_unbounded_size_still_fits() -> None:
    huge: Plan = plan(replace(edited(), because=tuple(Because(path=f"p{i}", before=i, after=i + 1) for i in range(50_000))))
    assert len(render(huge).encode()) < MOST_BYTES
