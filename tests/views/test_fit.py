"""Lines in a terminal: whatever is printed fits, breaks between words, and is aligned with what it continues."""

from hypothesis import given
from hypothesis import strategies as st

from leptonctl.views.fit import CODES, fit
from leptonctl.views.holds import RETURNS
from leptonctl.views.style import Style, text_width

GATE = "    ✗ f1 drop   0.2086  ≤ 0.005  (0.9597 bound, 0.7511 candidate; measured on few rows)"
EVENT = "✓ cross-validate model/spam-filter@v1  0.2 s  cv_accuracy_mean 0.9387, cv_accuracy_std 0.01084, cv_f1_mean 0.945, …"


def test_what_fits_is_left_alone_and_a_pipe_has_no_end() -> None:
    assert fit(GATE, 100_000) == GATE
    assert fit("one\n  two  three", 80) == "one\n  two  three"


def test_a_cell_goes_on_below_itself_while_there_is_room() -> None:
    assert fit(GATE, 80).split("\n") == [
        "    ✗ f1 drop   0.2086  ≤ 0.005  (0.9597 bound, 0.7511 candidate;",
        "                                 measured on few rows)",
    ]
    assert fit(EVENT, 80).split("\n") == [
        "✓ cross-validate model/spam-filter@v1  0.2 s",
        "    cv_accuracy_mean 0.9387, cv_accuracy_std 0.01084, cv_f1_mean 0.945, …",
    ]


def test_a_command_stays_whole_to_be_copied() -> None:
    for line in ('  git commit -m "Roll back" -- environments.yaml', '      hint: leptonctl readmit prod/spam-filter@v2 --reason "…"'):
        assert fit(line, 40) == line
    assert len(fit("  hint: bind another version, or change the gate", 40).split("\n")) == 2


def test_colour_takes_no_room() -> None:
    painted = f"  {Style(color=True).red('held')} {Style(color=True).yellow(' '.join(['word'] * 30))}"
    lines = fit(painted, 60).split("\n")
    assert max(map(text_width, lines)) <= 60
    assert CODES.sub("", " ".join(line.strip() for line in lines)) == CODES.sub("", painted.strip())


WORDS = st.lists(st.text("abcö分,", min_size=1, max_size=9), min_size=1, max_size=30)


@given(indent=st.integers(0, 8), cells=st.lists(WORDS, min_size=1, max_size=4), width=st.integers(40, 130))
def test_every_word_is_kept_in_its_order_and_no_line_is_wider_than_its_longest_word_demands(
    indent: int, cells: list[list[str]], width: int
) -> None:
    line = " " * indent + "  ".join(" ".join(cell) for cell in cells)
    broken = fit(line, width).split("\n")
    assert " ".join(broken).split() == line.split()
    assert all(text_width(part) <= width for part in broken)


def test_what_a_freeze_says_is_broken_by_the_terminal_alone() -> None:
    """A newline within a sentence would leave a line half empty, and what follows it without its indent."""
    assert all(line.endswith(".") for line in RETURNS.split("\n"))
    assert all(len(line) <= 100 for line in RETURNS.split("\n"))
