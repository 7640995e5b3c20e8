"""Finds where data files have changed since rows were prepared from them."""

from collections.abc import Mapping

from leptonctl.building.failures import with_place
from leptonctl.core.result import Result
from leptonctl.core.values import Json
from leptonctl.spi.running import Bench


def changed_data(inputs: Mapping[str, Json], recorded: Result, bench: Bench) -> str | None:
    """Where the rows of the data files differ from those of a result of `prepare`; None when they do not, or the files are missing."""
    from leptonctl.learning.reports.changed_rows import changed_rows
    from leptonctl.spi.learning import ProviderError

    try:
        return changed_rows(inputs, recorded, bench)
    except ProviderError as problem:
        return with_place(problem.detail or problem.summary, problem.file, problem.line)
    except (OSError, KeyError):
        return None
