"""Finds rows of data files that differ from those prepared from them, by file and line. Writes nothing."""

from collections.abc import Mapping

import numpy as np

from leptonctl.core.frozen import replace
from leptonctl.core.result import Result
from leptonctl.core.values import Json
from leptonctl.learning.inputs import read_inputs
from leptonctl.learning.needs import read_row_list
from leptonctl.learning.prepare_inputs import PrepareInputs, SourceFile
from leptonctl.learning.preparing.sources import read_sources
from leptonctl.learning.preparing.targets import with_targets
from leptonctl.project.digests import digest_of
from leptonctl.spi.running import Bench

SHOWN = 3
"""How many places a message names."""


def changed_rows(inputs: Mapping[str, Json], prepare: Result, bench: Bench) -> str | None:
    """`FILE:LINE` of rows that a result of `prepare` does not have, and how many of its rows are gone; None when all are the same.

    Raises ProviderError or OSError when the files cannot be read, KeyError when the rows were not recorded.
    """
    request = read_inputs("prepare", inputs, PrepareInputs)
    sources = [source and _with_digests(source, bench) for source in (request.source, request.test_source)]
    assert sources[0] is not None
    request = replace(request, source=sources[0], test_source=sources[1])
    files = read_sources(request, bench)
    unmatched = _recorded_counts(prepare, bench)
    places: list[str] = []
    others = 0
    for table, listing in zip(with_targets(request, files.tables), files.listings, strict=True):
        new = []
        marks = listing.finish()[1].records
        for row, mark in enumerate((marks if table.file_rows is None else marks[table.file_rows]).tolist()):
            if unmatched.get(mark, 0):
                unmatched[mark] -= 1
            else:
                new.append(row)
        others += len(new)
        places += [f"{file}:{line}" for file, line in table.places(new[:SHOWN])]
    missing = sum(unmatched.values())
    if not others and not missing:
        return None
    where = f"{', '.join(places[:SHOWN])}{', …' if others > SHOWN else ''}: " if places else ""
    return f"{where}rows that it was not built from: {others}, rows that are gone: {missing}"


def _with_digests(source: SourceFile, bench: Bench) -> SourceFile:
    """The source with the digests that its files have now."""
    parts = tuple(replace(part, digest=digest_of(bench.project / part.path)) for part in source.parts)
    return replace(source, digest=None, parts=parts)


def _recorded_counts(prepare: Result, bench: Bench) -> dict[bytes, int]:
    """How often each record occurs among the rows of both sides. Raises KeyError when they are not recorded."""
    counts: dict[bytes, int] = {}
    for side in ("train", "test"):
        row_list = read_row_list(prepare, side, bench.artifacts)
        if row_list is None:
            raise KeyError(side)
        for mark, count in zip(*np.unique(row_list[1].records, return_counts=True), strict=True):
            counts[bytes(mark)] = counts.get(bytes(mark), 0) + int(count)
    return counts
