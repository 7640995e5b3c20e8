"""The seam of finished models in the files of other libraries: what reads one without the library, and what the library adds."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from leptonctl.core.frozen import Frozen
from leptonctl.spi.learning import Conversion, LearningTask, Library

if TYPE_CHECKING:
    import numpy as np
    import onnx


class FileModel(Frozen):
    """What a library's own file says of its model.

    objective: as the library calls it. width: columns that it takes. names: of these, () where the file only numbers them. classes: how
    many, None for a regression. unused: rounds after the one that the file records as the best; their trees answer too.
    to_onnx: the graph; its classes are numbers from 0.
    """

    task: LearningTask
    objective: str
    width: int
    names: tuple[str, ...]
    classes: int | None
    unused: int
    to_onnx: Callable[[Conversion], onnx.ModelProto]


class FileForm(Frozen):
    """The file of a library. Nothing here runs code from the bytes.

    recognizes: whether bytes look like one. is_binary: whether they are in the form that the library alone reads; `plain` turns them into
    the other. read: the plain bytes -> the model; ValueError, in one line, for what is damaged or has no exact graph.
    predict: (bytes, X float32 [N,k]) -> the library's probabilities [N,C], or values [N]. `plain` and `predict` need the library.
    """

    library: Library
    recognizes: Callable[[bytes], bool]
    is_binary: Callable[[bytes], bool]
    plain: Callable[[bytes], bytes]
    read: Callable[[bytes], FileModel]
    predict: Callable[[bytes, np.ndarray], np.ndarray]
