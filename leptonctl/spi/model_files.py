"""The seam of trained models in the files of other libraries: what can be read without the library, and what needs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from leptonctl.core.frozen import Frozen
from leptonctl.spi.learning import Conversion, LearningTask, Library

if TYPE_CHECKING:
    import numpy as np
    import onnx


class FileModel(Frozen):
    """A model as the file of its library describes it.

    objective: as the library calls it. width: number of columns that it takes. names: the names of the columns, () if the file only
    numbers them. classes: their number, None for a regression. unused: number of rounds after the one that the file records as the best;
    their trees still count in the answers. to_onnx: converts it to a graph, whose classes are numbers from 0.
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

    recognizes: whether bytes look like one. is_binary: whether they are in the form that only the library reads; `plain` converts them to
    the plain form. read: plain bytes -> the model; ValueError of one line when they are damaged or have no exact graph.
    predict: (bytes, X float32 [N,k]) -> the library's probabilities [N,C], or values [N]. `plain` and `predict` need the library.
    """

    library: Library
    recognizes: Callable[[bytes], bool]
    is_binary: Callable[[bytes], bool]
    plain: Callable[[bytes], bytes]
    read: Callable[[bytes], FileModel]
    predict: Callable[[bytes, np.ndarray], np.ndarray]
