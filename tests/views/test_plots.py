"""Curves, bars and matrices in characters."""

import pytest

from leptonctl.views.plots import area, bar, confusion, curve, quantiles, reliability
from leptonctl.views.style import Style, text_width

PLAIN = Style(False)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_curve_fits_and_joins_its_corners(width: int) -> None:
    lines = curve([0.0, 0.0, 0.5, 1.0], [0.0, 0.5, 0.9, 1.0], width, PLAIN)
    assert max(map(text_width, lines)) <= width
    drawn = [line.partition("┤")[2] for line in lines if "┤" in line]
    assert drawn[-1].startswith("•")
    assert drawn[0].rstrip().endswith("•")
    assert all("•" in line for line in drawn), "no row is jumped over"


def test_the_curve_of_chance_lies_on_the_diagonal() -> None:
    lines = curve([0.0, 1.0], [0.0, 1.0], 60, PLAIN)
    assert "·" not in "".join(line.partition("┤")[2] for line in lines if "┤" in line)
    assert area([0.0, 1.0], [0.0, 1.0]) == 0.5
    assert area([0.0, 0.0, 1.0], [0.0, 1.0, 1.0]) == 1.0


def test_a_bar_is_as_long_as_its_share() -> None:
    assert [len(bar(share, 8)) for share in (0, 0.5, 1, 2, -1)] == [0, 4, 8, 8, 0]
    assert bar(1 / 64, 8) == "▏"


def test_a_matrix_that_does_not_fit_lists_what_is_taken_for_what() -> None:
    labels = [f"class-{number}" for number in range(12)]
    matrix = [[(20 if i == j else 1 + i if j == 0 else 0) for j in range(12)] for i in range(12)]
    whole, narrow = (confusion(labels, matrix, width, color=False) for width in (200, 80))
    assert "true \\ predicted" in whole
    assert max(map(text_width, whole.splitlines())) > 80 >= max(map(text_width, narrow.splitlines()))
    assert "class-11 → class-0" in narrow
    assert "taken for another" in narrow
    perfect = [[5 if i == j else 0 for j in range(12)] for i in range(12)]
    assert "taken" not in confusion(labels, perfect, 60, color=False)
    assert "-" in confusion(["a", "b"], [[0, 0], [1, 1]], 80, color=False), "a class without rows has no share"


def test_reliability_and_quantiles() -> None:
    bins = [
        {"low": 0.0, "high": 0.1, "rows": 3, "predicted": 0.05, "observed": 0.0},
        {"low": 0.9, "high": 1.0, "rows": 4, "predicted": 0.95, "observed": 1.0},
    ]
    text = reliability(bins, 80, PLAIN, color=False)
    assert "0.0 - 0.1" in text
    assert text.splitlines()[-1].endswith("█" * 30)
    assert quantiles([0.05, 0.5], [-1.5, 0.25]) == "-1.5 at 5 %, 0.25 at 50 %"
