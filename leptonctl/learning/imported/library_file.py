"""Turns a model file of XGBoost or LightGBM into a graph, and compares its answers with the library's where that is installed.

The graph is made from the file alone. The library reads the file in a separate process, with bounds on memory and time: a file from
elsewhere can crash the process that loads it.
"""

import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx

from leptonctl.core.contract import Column
from leptonctl.core.frozen import Frozen
from leptonctl.learning.imported.inputs import MATRIX, converter_names
from leptonctl.learning.imported.refusal import bad_inputs, bad_model_file, bad_outputs
from leptonctl.learning.imported.trial import MEMORY, SECONDS, bound_memory, run_bounded
from leptonctl.learning.onnx.canonical import ML_OPSET
from leptonctl.learning.outputs import Notice, ParityFigures
from leptonctl.project.catalog import is_installed
from leptonctl.project.model_files import form_of
from leptonctl.spi.learning import Conversion, Prediction, ProviderError
from leptonctl.spi.model_files import FileForm, FileModel

LARGEST = 128 * 2**20
"""The largest file that is read, in bytes: it takes several times as many in memory."""
OPSET = 18
FILE, ROWS, RESULT, PROBLEM = "model", "rows.npy", "result", "problem"
TOLERANCE = 1e-4
"""How far a probability may be from the library's, and a value in relation to the spread of the values."""
TIE = 1e-5


class LibraryFile(Frozen):
    """A file with its model. data: its bytes in the form that can be read without the library."""

    form: FileForm
    model: FileModel
    data: bytes

    @property
    def title(self) -> str:
        return self.form.library.title

    def graph(self) -> onnx.ModelProto:
        """The graph, whose classes are numbers from 0."""
        graph = self.model.to_onnx(Conversion(width=self.model.width, opset=OPSET, ml_opset=ML_OPSET))
        graph.producer_name = self.title
        return graph

    def inputs(self, columns: Mapping[str, Column]) -> tuple[str, ...] | None:
        """The columns in the order of training, where the file names them. Raises ProviderError: import-inputs."""
        if not self.model.names:
            return None
        columns_by_name = {column: column for column in columns} | converter_names(tuple(columns))
        missing = [name for name in self.model.names if name not in columns_by_name]
        if missing:
            detail = (
                f"The model was trained with the columns {_names(self.model.names)}; {_names(missing)} is not a feature of the dataset."
            )
            raise bad_inputs(detail, "list the columns in the order of training: `inputs: [COLUMN, …]`")
        return tuple(columns_by_name[name] for name in self.model.names)

    def check(self, task: str, outputs: object) -> None:
        """Raises ProviderError (import-outputs) when the YAML contradicts the file about the answers."""
        if self.model.task != task:
            detail = f"The objective {self.model.objective} is for {self.model.task}, but the version has the task {task}."
            raise bad_outputs(detail, f"write `task: {self.model.task}`")
        if outputs is not None:
            raise bad_outputs(f"A file of {self.title} defines its answers itself.", "remove `outputs`")


def read_library_file(data: bytes) -> LibraryFile | None:
    """The model in the bytes; None when no other library wrote them. Raises ProviderError: bad-model-file, missing-library."""
    form = form_of(data[:4096])
    if form is None:
        return None
    title = form.library.title
    if len(data) > LARGEST:
        raise bad_model_file(
            title, f"the file has {len(data) / 2**20:,.0f} MiB; at most {LARGEST / 2**20:,.0f} are read", "make it smaller"
        )
    if form.is_binary(data):
        if not is_installed(form.library.module):
            detail = f"Only {title} itself reads its binary files."
            raise ProviderError("A library is not installed", detail=detail, hint=form.library.command, id="missing-library")
        data = _by_library(form, data, None)
    try:
        return LibraryFile(form=form, model=form.read(data), data=data)
    except ValueError as problem:
        raise bad_model_file(title, " ".join(str(problem).split())) from problem


def compare_with_library(file: LibraryFile, rows: np.ndarray, prediction: Prediction, names: Sequence[int | str]) -> ParityFigures | None:
    """How far a package's answers are from the library's, to the same rows [N,k] in the file's order; None where it is not installed.

    names: the classes in the file's order. Raises ProviderError (export-mismatch) when they are too far.
    """
    if not is_installed(file.form.library.module):
        return None
    with tempfile.TemporaryFile() as buffer:
        buffer.write(_by_library(file.form, file.data, rows))
        buffer.seek(0)
        native = np.load(buffer, allow_pickle=False)
    finite = np.isfinite(native.reshape(len(rows), -1)).all(axis=1)
    figures = _figures(native[finite], finite, prediction, names)
    if figures.labels_differ or not max(figures.max_probability_diff, figures.max_value_diff) <= TOLERANCE:
        largest = max(figures.max_probability_diff, figures.max_value_diff)
        detail = (
            f"{file.title}: of {figures.rows} rows {figures.labels_differ} have another label, and the largest difference is {largest:.3g}."
        )
        hint = "report it with the file; until then, export the model as ONNX with onnxmltools"
        raise ProviderError("The graph and the library give different answers", detail=detail, hint=hint, id="export-mismatch")
    return figures


def notices(file: LibraryFile, parity: ParityFigures | None) -> list[Notice]:
    """The notices about such a file."""
    result = []
    if parity is None:
        result.append(Notice(check="parity_not_compared", severity="note", detail=f"{file.title} is not installed here"))
    if file.model.unused:
        result.append(Notice(check="rounds_after_best", count=file.model.unused))
    return result


def _figures(native: np.ndarray, finite: np.ndarray, prediction: Prediction, names: Sequence[int | str]) -> ParityFigures:
    labels_differ = ties = 0
    probability = value = 0.0
    if len(native) and native.ndim == MATRIX:
        ours = np.asarray(prediction.probabilities)[finite]
        order = [prediction.classes.index(name) for name in names]
        probability = float(np.abs(ours[:, order] - native).max())
        top = np.sort(native, axis=1)
        tied = top[:, -1] - top[:, -2] <= TIE
        differ = np.asarray(prediction.labels)[finite] != np.array(names, dtype=object)[native.argmax(axis=1)]
        labels_differ, ties = int((differ & ~tied).sum()), int((differ & tied).sum())
    elif len(native):
        size = np.maximum(np.maximum(np.abs(native), float(np.std(native))), 1e-30)
        value = float((np.abs(np.asarray(prediction.values)[finite] - native) / size).max())
    return ParityFigures(
        rows=len(native), hard_rows=0, not_compared=int((~finite).sum()), labels_differ=labels_differ, ties=ties,
        max_probability_diff=probability, max_value_diff=value, tolerance=TOLERANCE,
    )  # fmt: skip


def _names(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (" …" if len(names) > 8 else "")  # noqa: PLR2004


def _by_library(form: FileForm, data: bytes, rows: np.ndarray | None) -> bytes:
    """The plain form of a file, or the library's answers to rows as a .npy file. Raises ProviderError: bad-model-file."""
    title = form.library.title
    with tempfile.TemporaryDirectory(prefix="leptonctl-import-") as name:
        folder = Path(name)
        (folder / FILE).write_bytes(data)
        if rows is not None:
            np.save(folder / ROWS, rows, allow_pickle=False)
        if not run_bounded("leptonctl.learning.imported.library_file", [name, str(MEMORY + 8 * len(data))], SECONDS):
            raise bad_model_file(title, f"the library does not read the file in {SECONDS} s")
        if (folder / PROBLEM).exists():
            raise bad_model_file(title, (folder / PROBLEM).read_text(encoding="utf-8"))
        if not (folder / RESULT).exists():
            raise bad_model_file(title, "the file crashes the process that loads it")
        return (folder / RESULT).read_bytes()


def main() -> None:
    """Read the file in the folder of the first argument with its library, within the bytes of the second."""
    folder, memory = Path(sys.argv[1]), int(sys.argv[2])
    bound_memory(memory)
    data = (folder / FILE).read_bytes()
    try:
        form = form_of(data[:4096])
        assert form is not None
        if (folder / ROWS).exists():
            with (folder / "answers.part").open("wb") as part:
                np.save(part, np.asarray(form.predict(data, np.load(folder / ROWS, allow_pickle=False))), allow_pickle=False)
        else:
            (folder / "answers.part").write_bytes(form.plain(data))
        (folder / "answers.part").rename(folder / RESULT)
    except Exception as problem:  # noqa: BLE001 - whatever it is, the parent must get it in words
        (folder / PROBLEM).write_text(" ".join(str(problem).split())[:300] or type(problem).__name__, encoding="utf-8")


if __name__ == "__main__":
    main()
