"""The profile of a dataset version as records: how the training rows are distributed, column by column. Reads no row.

It is an artifact of `prepare`, 1 to 1.5 kB a column, and equal rows have equal bytes. It is all that is
needed to count live cells in the same bins: counts add up exactly over processes and windows. It has no private column.
"""

from bisect import bisect_left
from collections.abc import Mapping
from itertools import pairwise

from leptonctl.core.codec import Record
from leptonctl.core.contract import ColumnType

PROFILE_FILE = "profile.json"
"""Name of the artifact."""
EDGES, LENGTH_EDGES = 100, 20
"""The most edges of numbers, and of the lengths of strings."""
LEAST_ROWS = 10
"""A category of fewer rows is counted under `other`, so that no single row can be identified."""
MOST_CATEGORIES, LONGEST_CATEGORY = 40, 64


class Bins(Record):
    """Cells of a column between frozen edges: order statistics at equal distances, ascending and distinct, lowest and highest included.

    `counts[k]` are cells above `edges[k - 1]` and not above `edges[k]`; the last count is of cells above all edges, 0 in the training
    rows. Edges of features are float32, each in its shortest decimal form.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]

    def place(self, value: float) -> int:
        """The bin of a value."""
        return bisect_left(self.edges, value)


class Distribution(Record):
    """One column: `bins` of numbers, `categories` of booleans and strings, most frequent first.

    missing: cells without a value, after filling. distinct: number of distinct values. other: cells of categories that are not listed.
    singletons: categories of a single row. lengths: of strings, in characters.
    """

    name: str
    type: ColumnType
    missing: int = 0
    distinct: int = 0
    bins: Bins | None = None
    categories: tuple[tuple[str, int], ...] | None = None
    other: int = 0
    singletons: int = 0
    lengths: Bins | None = None


class Profile(Record, tag_field="format_version", tag="1"):
    """The columns in the order of the features, the target last. `rows` are training rows."""

    # an artifact, which its digest checks
    checksum = False

    rows: int
    columns: tuple[Distribution, ...]


def spread(bins: Bins, columns: int) -> list[float]:
    """The cells in `columns` intervals of equal width between the lowest and the highest edge; those of a bin are spread evenly over it."""
    low, high = bins.edges[0], bins.edges[-1]
    if low == high:
        return [float(sum(bins.counts))]
    width = (high - low) / columns
    heights = [0.0] * columns
    heights[0] += bins.counts[0]
    for (left, right), count in zip(pairwise(bins.edges), bins.counts[1:-1], strict=True):
        for column in range(columns):
            start, end = low + column * width, low + (column + 1) * width
            heights[column] += count * max(min(right, end) - max(left, start), 0.0) / (right - left)
    return heights


def by_name(profile: Profile) -> Mapping[str, Distribution]:
    return {column.name: column for column in profile.columns}
