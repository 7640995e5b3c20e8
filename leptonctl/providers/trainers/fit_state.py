"""How far a fit is, as bytes: arrays and numbers, read back without running any code from them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from leptonctl.spi.learning import Progress

if TYPE_CHECKING:
    import numpy as np

NUMBERS = "numbers"


def dump(numbers: Mapping[str, Any], arrays: Mapping[str, "np.ndarray"]) -> bytes:
    """The bytes of JSON values and arrays by name."""
    import io
    import json

    import numpy as np

    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **{**arrays, NUMBERS: np.frombuffer(json.dumps(numbers).encode(), dtype=np.uint8)})
    return file.getvalue()


def load(data: bytes) -> tuple[dict[str, Any], dict[str, "np.ndarray"]]:
    """What `dump` was given."""
    import io
    import json

    import numpy as np

    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    return json.loads(arrays.pop(NUMBERS).tobytes()), arrays


def report_again(progress: Progress, losses: Sequence[float], of: int) -> None:
    """Report what an earlier process has reported: the losses are part of the result."""
    for iteration, loss in enumerate(losses, 1):
        progress(iteration=iteration, of=of, loss=loss)
