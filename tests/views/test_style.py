import pytest

from leptonctl.views.style import Style, cut, duration, figure, printable, text_width, value_text
from leptonctl.views.tables import table


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.045, "45 ms"),
        (0.0996, "0.1 s"),
        (1.24, "1.2 s"),
        (9.96, "10 s"),
        (59.6, "1 min"),
        (125, "2 min 5 s"),
        (3600, "1 h"),
        (3780, "1 h 3 min"),
    ],
)
def test_durations_are_readable(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_figure_never_looks_equal_to_a_limit_it_misses() -> None:
    assert figure(0.93123456) == "0.9312"
    assert figure(0.849998, 0.85) == "0.849998"
    assert figure(0.85, 0.85) == "0.85"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "unset"), ("v1", "v1"), ("1991", '"1991"'), (1991, "1991"), ("true", '"true"'), (True, "true"), ("", '""'), (" a", '" a"'),
        ("unset", '"unset"'), ([1, "a"], '[1, "a"]'), ("-x", "-x"),
    ],
)  # fmt: skip
def test_a_value_cannot_be_misread_as_another_type(value: object, text: str) -> None:
    assert value_text(value) == text


def test_control_and_bidirectional_characters_are_written_out() -> None:
    assert printable("a\x1b[31mb\n\x7f\u202ec") == "a\\u001b[31mb\\n\\u007f\\u202ec"
    assert printable("größe 漢字") == "größe 漢字"


def test_width_counts_terminal_columns() -> None:
    assert text_width("漢字") == 4
    assert text_width("e\u0301") == 1
    assert text_width(Style(color=True).red("ab")) == 2
    assert cut("漢字漢字", 5) == "漢字…"


def test_columns_align_under_wide_and_coloured_cells() -> None:
    style = Style(color=True)
    lines = table([("漢字", "1"), (style.red("ab"), "22")], head=("NAME", "N"), right=(1,)).splitlines()
    assert lines == ["NAME   N", "漢字   1", f"{style.red('ab')}    22"]
    assert table([]) == ""
