"""The conformance suite of sources."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from leptonctl.spi.learning import ProviderError, Source, SourceOptions
from leptonctl.testing.declarations import GARBAGE, check_identity
from leptonctl.testing.requirements import not_met, require


def check_source(source: Source, files: Sequence[Path], options: SourceOptions | None = None) -> None:
    """Check a source on sample files of at least two rows: header, rows and lines agree, and other files are refused.

    Raises AssertionError.
    """
    check_identity(source.name, source.description, source.read)
    require(bool(source.suffixes) and all(s == s.lower() and s.startswith(".") for s in source.suffixes), "suffixes look like .csv")
    require(bool(files), "there is at least one sample file")
    reading = options or SourceOptions()
    for file in files:
        require(file.name.lower().endswith(source.suffixes), f"{file.name} has one of the suffixes")
        _check_reading(source, file, reading)
    with TemporaryDirectory() as folder:
        for name, data in (("empty", b""), ("garbage", GARBAGE)):
            file = Path(folder) / f"{name}{source.suffixes[0]}"
            file.write_bytes(data)
            for function in (source.columns, source.read):
                requirement = f"{function.__name__} of {'an empty file' if not data else 'a file of another format'}"
                _require_refused(requirement, function, file, reading)


def _check_reading(source: Source, file: Path, options: SourceOptions) -> None:
    import polars as pl

    rows = source.read(file, options)
    require(source.columns(file, options) == rows.columns, f"{file.name}: the header has the columns of the rows")
    require(rows.height > 1, f"{file.name}: there are at least two rows")
    require(source.typed or set(rows.dtypes) == {pl.String}, f"{file.name}: a format without types returns strings")
    require(rows.equals(source.read(file, options)), f"{file.name}: reading again gives the same rows")
    if source.batches is not None:
        parts = [*source.batches(file, options, 1)]
        require(len(parts) == rows.height, f"{file.name}: batches of one row are as many as the rows")
        require(rows.equals(pl.concat(parts, how="vertical_relaxed")), f"{file.name}: the batches together are the rows")
    lines = source.line_of(file, options, range(rows.height))
    require(len(lines) == rows.height and lines[0] >= 1, f"{file.name}: every row has a line, counted from 1")
    require(all(a < b for a, b in pairwise(lines)), f"{file.name}: the lines of the rows increase")
    require(source.line_of(file, options, [rows.height - 1]) == lines[-1:], f"{file.name}: one row has the same line as among all rows")


def _require_refused(call: str, function: Callable[..., object], *arguments: object) -> None:
    try:
        function(*arguments)
    except ProviderError as problem:
        require(bool(problem.summary), f"{call} is refused with a summary")
    except Exception as problem:
        raise not_met(f"{call} raises a ProviderError, not {type(problem).__name__}: {problem}") from problem
    else:
        raise not_met(f"{call} is refused")
