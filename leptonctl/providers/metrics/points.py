"""Thins a long curve to a bounded number of points, so that a result stays small for any number of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leptonctl.spi.learning import MAX_POINTS

if TYPE_CHECKING:
    import numpy as np

    from leptonctl.spi import Json


def thin(**axes: np.ndarray) -> dict[str, Json]:
    """Parallel axes of one curve as JSON lists, and `points`, the number of points before thinning.

    A curve of more than 201 points keeps those at the indices round(i * (n - 1) / 200) for i = 0 … 200, which include the
    first and the last. Infinity (the threshold that nothing reaches) becomes null.
    """
    import numpy as np

    size = min(len(axis) for axis in axes.values())
    keep = np.arange(size) if size <= MAX_POINTS else np.rint(np.linspace(0, size - 1, MAX_POINTS)).astype(int)
    thinned: dict[str, Json] = {name: [float(v) if np.isfinite(v) else None for v in axis[keep]] for name, axis in axes.items()}
    return {**thinned, "points": size}
