"""How far a fit is, as bytes: arrays and numbers, read back without running any code from them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from leptonctl.spi.learning import Checkpoint, Progress

if TYPE_CHECKING:
    import numpy as np


def dump(numbers: Mapping[str, Any], arrays: Mapping[str, "np.ndarray"]) -> bytes:
    """JSON values and arrays by name, as one line of JSON and then the arrays one after the other. Pass arrays of records as `pack` gives
    them.
    """
    import json

    places = [[name, array.dtype.str, list(array.shape)] for name, array in arrays.items()]
    head = json.dumps({"numbers": numbers, "arrays": places}).encode()
    # joined once: a state may be large
    return b"".join([head, b"\n", *(array.tobytes() for array in arrays.values())])


def load(data: bytes) -> tuple[dict[str, Any], dict[str, "np.ndarray"]]:
    """The numbers and the arrays in the bytes that `dump` writes. ValueError for others."""
    import json
    import math

    import numpy as np

    line, _, _ = data.partition(b"\n")
    head, place, arrays = json.loads(line), len(line) + 1, dict[str, np.ndarray]()
    for name, kind, shape in head["arrays"]:
        dtype, count = np.dtype(kind), math.prod(shape)
        arrays[name] = np.frombuffer(data, dtype=dtype, count=count, offset=place).reshape(shape).copy()
        place += count * dtype.itemsize
    return head["numbers"], arrays


def load_from(checkpoint: Checkpoint | None) -> tuple[dict[str, Any], dict[str, "np.ndarray"]] | None:
    """What an earlier process saved; None for a fit that begins."""
    data = None if checkpoint is None else checkpoint.load()
    return None if data is None else load(data)


def pack(records: "np.ndarray") -> "np.ndarray":
    """An array of records as bytes, with the gaps between their fields, which numpy would not copy."""
    import numpy as np

    return np.frombuffer(records.tobytes(), dtype=np.uint8)


def unpack(data: "np.ndarray", dtype: Any) -> "np.ndarray":
    """The inverse of `pack`."""
    import numpy as np

    records: np.ndarray = np.frombuffer(bytearray(data.tobytes()), dtype=dtype)
    return records


def report_again(progress: Progress, losses: Sequence[float], of: int) -> None:
    """Report what an earlier process has reported: the losses are part of the result."""
    for iteration, loss in enumerate(losses, 1):
        progress(iteration=iteration, of=of, loss=loss)
