"""Reads numbers that are written as text, with the decimal and thousands separators of the options. Reads no file.

Digits are ASCII, in groups of three where they are grouped, and an exponent is allowed. Anything else is not a number: where a point
groups digits, neither `12.34,5` nor `0.5` is one.
"""

from functools import cache

import numpy as np
import polars as pl

from leptonctl.spi.learning import SourceOptions

INTEGER = r"^[+-]?[0-9]+$"
PADDED = r"^[+-]?0[0-9]+$"
"""Integers with leading zeros, such as `007`: text, since the zeros would be lost."""
FIRST = 100
_ALIKE = {" ": " \u00a0\u202f", "'": "'\u2019"}
"""The characters that count as a separator."""


@cache
def number_pattern(decimal: str, thousands: str | None) -> str:
    """A pattern that matches what is a number."""
    point, whole = _class(decimal), "[0-9]+"
    if thousands is not None:
        # a group that begins with zero is rather a fraction in another writing
        whole = f"(?:[0-9]+|[1-9][0-9]{{0,2}}(?:{_class(thousands)}[0-9]{{3}})+)"
    return rf"^[+-]?(?:{whole}(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][+-]?[0-9]+)?$"


@cache
def malformed_pattern(decimal: str, thousands: str | None) -> str:
    """A pattern for what was probably meant as a number where others in its column are: digits and separators in any order."""
    return rf"^[+-]?[0-9{_inside(decimal)}{_inside(thousands or '')}]*[0-9][0-9{_inside(decimal)}{_inside(thousands or '')}]*$"


def is_number(strings: pl.Series, options: SourceOptions) -> pl.Series:
    """Which cells are numbers; null where a cell is missing."""
    return strings.str.contains(number_pattern(options.decimal, options.thousands))


def is_plain(options: SourceOptions) -> bool:
    """Whether numbers are written with a point and without groups."""
    return options.decimal == "." and options.thousands is None


def plain(strings: pl.Series, options: SourceOptions) -> pl.Series:
    """Numbers with a decimal point and without groups; cells that are not numbers do not become numbers."""
    if is_plain(options):
        return strings
    numbers = strings.set((~is_number(strings, options)).fill_null(value=False), "-")
    if options.thousands is not None:
        numbers = numbers.str.replace_all(_class(options.thousands), "")
    return numbers.str.replace_all(options.decimal, ".", literal=True)


def parse_numbers(strings: pl.Series, options: SourceOptions, *, floats: bool = False) -> pl.Series | None:
    """A column of numbers as Int64 if all are integers, else as Float64; None if a cell is not a number, or is padded with zeros.

    floats: Float64 in any case.
    """
    numbers = plain(strings, options)
    missing = strings.null_count()
    # the first cells usually show that not all are integers
    floats = floats or numbers.head(FIRST).cast(pl.Int64, strict=False).null_count() != numbers.head(FIRST).null_count()
    values = None if floats else numbers.cast(pl.Int64, strict=False)
    if values is None or values.null_count() != missing:
        values = numbers.cast(pl.Float64, strict=False)
        if values.null_count() != missing or not _are_numbers(numbers, values):
            return None
    return None if _may_be_padded(numbers, values) and _has_padded(numbers) else values


def _may_be_padded(numbers: pl.Series, values: pl.Series) -> bool:
    """Whether a cell may have leading zeros. Matching all cells with a pattern would take as long as reading the numbers."""
    cells = (values.drop_nulls() if values.null_count() else values).to_numpy()
    if values.dtype == pl.Float64:
        whole = np.flatnonzero(cells == np.floor(cells))
        # nearly every column has some whole numbers: look at their text
        return bool(len(whole)) and _has_padded((numbers.drop_nulls() if values.null_count() else numbers)[whole])
    sizes = np.abs(cells)
    digits = len(cells) + sum(int(np.count_nonzero(sizes >= 10**power)) for power in range(1, len(str(sizes.max(initial=0)))))
    return int(numbers.str.len_bytes().sum()) != digits + int(np.count_nonzero(cells < 0))


def _has_padded(numbers: pl.Series) -> bool:
    zeros = numbers.str.starts_with("0") | numbers.str.starts_with("-0") | numbers.str.starts_with("+0")
    return bool(numbers.filter(zeros).str.contains(PADDED).any())


def _are_numbers(numbers: pl.Series, values: pl.Series) -> bool:
    """Whether what was read as infinite is a large number, and not a word such as `inf` or `nan`."""
    # where nothing is missing, this is without a copy, and faster than the same in polars
    if not values.null_count() and np.isfinite(values.to_numpy()).all():
        return True
    odd = (~values.is_finite()).fill_null(value=False)
    return not odd.any() or bool(numbers.filter(odd).str.contains(number_pattern(".", None)).all())


def _class(separator: str) -> str:
    return f"[{_inside(separator)}]"


def _inside(separator: str) -> str:
    return _ALIKE.get(separator, separator)
