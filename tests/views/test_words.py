"""Phrases that views share."""

import pytest

from leptonctl.views.style import text_width
from leptonctl.views.tables import table
from leptonctl.views.words import forecast


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "under 1 s"), (0.99, "under 1 s"), (1, "1 to 5 s"), (4.9, "1 to 5 s"), (19, "5 to 20 s"), (59, "20 s to 1 min"), (60, "1 to 5 min"),
        (1199, "5 to 20 min"), (3599, "20 min to 1 h"), (3600, "1 to 4 h"), (4 * 3600, "over 4 h"),
    ],
)  # fmt: skip
def test_a_forecast_is_a_size_class(seconds: float, text: str) -> None:
    assert forecast(seconds) == text


@pytest.mark.parametrize("width", [20, 40, 80])
def test_a_table_wraps_between_words_and_loses_none(width: int) -> None:
    rows = [("name", "\x1b[2mone two three four five six seven eight nine ten eleven twelve\x1b[0m", "end"), ("x", "short", "y")]
    text = table(rows, width=width, wrap=(1,))
    assert max(map(text_width, text.splitlines())) <= max(width, 27)
    plain = text.replace("\x1b[2m", "").replace("\x1b[0m", "").split()
    assert sorted(plain) == sorted("name one two three four five six seven eight nine ten eleven twelve end x short y".split())
    assert text.count("\x1b[2m") == text.count("\x1b[0m")
