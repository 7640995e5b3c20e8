"""Dates as text and their parts, beside the standard library's calendar."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leptonctl.core.date_formats import BadFormat, pattern
from leptonctl.core.dates import PARTS, DateColumn, Moment, format_moment, missing_parts, order, read_moment, read_parts

FORMATS = ("%d.%m.%Y %H:%M:%S", "%Y%m%d%H%M%S", "%B %d, %Y %I:%M:%S %p", "%a %j/%Y %T", "%m/%d/%Y %T", "%Y-%m-%dT%H:%M:%S.%f", "%F %R:%S")
EXPECTED = {
    "year": lambda d: d.year,
    "quarter": lambda d: (d.month - 1) // 3 + 1,
    "month": lambda d: d.month,
    "week": lambda d: d.isocalendar().week,
    "day": lambda d: d.day,
    "day_of_year": lambda d: d.timetuple().tm_yday,
    "weekday": lambda d: d.isoweekday(),
    "days": lambda d: (d.date() - datetime(1970, 1, 1).date()).days,
    "hour": lambda d: d.hour,
    "minute": lambda d: d.minute,
    "second": lambda d: d.second,
}


def moment(text: str, form: str | None = None) -> Moment | None:
    return read_moment(pattern(form, "datetime"), text)


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)))
def test_parts_are_those_of_the_calendar(date: datetime) -> None:
    column = DateColumn(name="when", type="datetime", parts=tuple(PARTS))
    assert read_parts(column, date.isoformat()) == tuple(EXPECTED[part](date) for part in PARTS)


@given(st.datetimes(min_value=datetime(1900, 1, 1)), st.sampled_from(FORMATS))
def test_a_format_reads_what_strftime_and_we_write(date: datetime, form: str) -> None:
    expanded = form.replace("%F", "%Y-%m-%d").replace("%R", "%H:%M").replace("%T", "%H:%M:%S")
    read = moment(date.strftime(expanded), form)
    assert read is not None
    whole = datetime.strptime(date.strftime(expanded), expanded)
    assert read[:6] == whole.timetuple()[:6]
    assert moment(format_moment(read, form), form) == read
    assert moment(format_moment(read, None)) == read


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_an_offset_names_an_instant(date: datetime, minutes: int) -> None:
    local = date.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    read, utc = moment(local.isoformat()), local.astimezone(UTC)
    assert read is not None
    assert read.zoned
    assert read[:6] == utc.timetuple()[:6]
    assert read == moment(utc.isoformat().replace("+00:00", "Z"))


def test_order_is_that_of_time() -> None:
    texts = ["0900-01-01", "1969-12-31T23:59:59", "1970-01-01", "1970-01-01T00:00:00.000000001", "2024-02-29", "9999-12-31"]
    numbers = [order(found) for found in map(moment, texts) if found is not None]
    assert len(numbers) == len(texts)
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("2023-02-29", None), ("2024-13-01", None), ("2024-00-10", None), ("2024-1-5", None), ("20240105", None), ("2024-01-05T24:00", None),
        ("2024-01-05T10:60", None), ("2024-01-05T10", None), ("2024-01-05 10:00+25:00", None), ("0000-01-01", None), ("", None),
        ("٢٠٢٤-٠١-٠٥", None), ("0001-01-01T00:00+02:00", None), ("31.02.2024", "%d.%m.%Y"), ("5.13.2024", "%d.%m.%Y"),
        ("05.01.2024 ", "%d.%m.%Y %H:%M"), ("2024105", "%Y%m%d"), ("Tue 2024-01-05", "%a %Y-%m-%d"), ("366/2023", "%j/%Y"), ("13:00 pm", "%I:%M %p"),
    ],
)  # fmt: skip
def test_strings_that_are_not_dates(text: str, form: str | None) -> None:
    assert moment(text, form) is None


def test_forms_that_are_read() -> None:
    assert moment(" 2024-01-05 10:00 ") == moment("2024-01-05T10:00:00.000") == Moment(2024, 1, 5, 10)
    assert moment("5.1.2024", "%d.%m.%Y") == Moment(2024, 1, 5)
    assert (moment("05.01.68", "%d.%m.%y"), moment("05.01.69", "%d.%m.%y")) == (Moment(2068, 1, 5), Moment(1969, 1, 5))
    assert moment("12:30 am 5 jan 2024", "%I:%M %p %d %b %Y") == Moment(2024, 1, 5, 0, 30)
    assert read_moment(pattern(None, "date"), "2024-01-05 00:00:00") == Moment(2024, 1, 5)
    assert read_moment(pattern(None, "date"), "2024-01-05 10:00:00") is None


def test_a_format_must_hold_its_parts() -> None:
    assert missing_parts(pattern("%H:%M", "datetime"), ["hour", "weekday", "second"]) == ("weekday", "second")
    assert missing_parts(pattern("%m/%y", "datetime"), ["year", "month", "quarter", "day"]) == ("day",)
    assert missing_parts(pattern("%j %Y", "date"), ["month", "week", "days"]) == ()
    for form in ("%Q", "%Y %Y", "100%"):
        with pytest.raises(BadFormat):
            pattern(form, "datetime")
