"""The step `import`: makes a package of a file from elsewhere, once it has been checked and has answered rows.

A graph that the user's own command has made is imported in the same way. Records nothing.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx

from leptonctl.core.codec import encode
from leptonctl.core.contract import Column, Contract
from leptonctl.core.frozen import Frozen
from leptonctl.core.manifest import GOLDEN_FILE, GRAPH_FILE, MANIFEST_FILE, package_digest
from leptonctl.core.values import Json
from leptonctl.learning.fitting.frame import Inputs
from leptonctl.learning.imported.answers import check_answers, count_disagreements, not_finite
from leptonctl.learning.imported.classes import Classes, resolve_classes
from leptonctl.learning.imported.inputs import Entry, assign, read_tensors
from leptonctl.learning.imported.library_file import LibraryFile, compare_with_library, read_library_file
from leptonctl.learning.imported.library_file import notices as library_notices
from leptonctl.learning.imported.outputs import Answer, choose
from leptonctl.learning.imported.source import read_model
from leptonctl.learning.imported.trial import try_out
from leptonctl.learning.imported.wrap import wrap
from leptonctl.learning.inputs import ImportedFile, ImportInputs, read_inputs
from leptonctl.learning.needs import read_contract, read_prepared
from leptonctl.learning.onnx.canonical import serialize
from leptonctl.learning.onnx.golden import golden
from leptonctl.learning.onnx.manifest import manifest_of
from leptonctl.learning.outputs import ExportOutputs, Notice, ParityFigures
from leptonctl.learning.tables.prepared import Rows, as_number, take_rows
from leptonctl.project.digests import digest_of, stat_of
from leptonctl.spi.learning import Label, Prediction, ProviderError
from leptonctl.spi.running import Bench, Needs, Produced

TRIAL_ROWS = 2048


class Match(Frozen):
    """A file matched with a dataset: which columns enter where, and what the answers mean. `columns`: all features by name."""

    model: onnx.ModelProto
    library_file: LibraryFile | None
    columns: Mapping[str, Column]
    entries: Sequence[Entry]
    answer: Answer
    classes: Classes | None

    @property
    def features(self) -> tuple[str, ...]:
        """The columns that enter the graph, in the order of the dataset."""
        used = {name for entry in self.entries for name in entry.columns}
        return tuple(name for name in self.columns if name in used)


def match(request: ImportInputs, contract: Contract, training: Rows, evaluation: Rows, data: bytes) -> Match:
    """Match a file with these bytes with a dataset. Raises ProviderError when they do not fit. Runs nothing."""
    columns = _features(contract, request.features)
    library_file = read_library_file(data)
    names = None
    if library_file is None:
        model = read_model(data)
    else:
        library_file.check(request.task, request.outputs)
        model, names = library_file.graph(), None if request.inputs else library_file.inputs(columns)
    entries = assign(read_tensors(model.graph), columns, request.inputs or names)
    answer = choose(model, request.task, request.outputs)
    classes = _classes(request, answer, training, evaluation) if request.task == "classification" else None
    return Match(model=model, library_file=library_file, columns=columns, entries=entries, answer=answer, classes=classes)


def run(inputs: dict[str, Json], needs: Needs, bench: Bench) -> Produced:
    request = read_inputs("import", inputs, ImportInputs)
    prepare, artifacts = needs["prepare"], bench.artifacts
    contract = read_contract(prepare)
    training, evaluation = (read_prepared(prepare, side, request.task, artifacts) for side in ("train", "test"))
    file = match(request, contract, training, evaluation, _file_bytes(request, needs, bench))
    features = file.features
    layout = _layout([file.columns[name] for name in features])
    onnx_bytes = serialize(wrap(file.model, layout, file.entries, file.answer, file.classes))
    bench.progress(message="trying the graph out")
    rows = _sample(evaluation if len(evaluation.y) else training)
    prediction = _answers(onnx_bytes, layout, rows, file.classes)
    manifest = manifest_of(
        contract, layout, task=request.task, features=features, classes=file.classes.sorted if file.classes else None,
        privacy=request.privacy, origin="command" if request.file is None else "imported",
    )  # fmt: skip
    graph = artifacts.put_artifact(onnx_bytes)
    files: Mapping[str, str] = {
        GRAPH_FILE: graph,
        MANIFEST_FILE: artifacts.put_artifact(encode(manifest)),
        GOLDEN_FILE: artifacts.put_artifact(encode(golden(features, rows.columns, prediction, contract.dates, rows.texts))),
    }
    parity, notices = _parity(file, rows, prediction)
    notices = [*_answer_notices(prediction, layout.arrays(rows.columns)), *notices]
    outputs = ExportOutputs(package=package_digest(graph, manifest), size=len(onnx_bytes), parity=parity, notices=notices)
    return Produced(artifacts=files, outputs=outputs.to_json())


def _file_bytes(request: ImportInputs, needs: Needs, bench: Bench) -> bytes:
    """The bytes of the file to import, or of the graph that the version's own command has made."""
    if request.file is None:
        return bench.artifacts.get_artifact(needs["train"].artifacts[GRAPH_FILE])
    bench.progress(message=f"reading {request.file.path}")
    return read_file(request.file, bench)


def _parity(file: Match, rows: Rows, prediction: Prediction) -> tuple[ParityFigures | None, list[Notice]]:
    """How far the answers are from those of the library that wrote the file. None where no library did, or it is not installed."""
    if file.library_file is None:
        return None, []
    matrix = np.column_stack([as_number(rows.columns[name]) for name in file.entries[0].columns])
    parity = compare_with_library(file.library_file, matrix, prediction, file.classes.names if file.classes else ())
    return parity, library_notices(file.library_file, parity)


def read_file(file: ImportedFile, bench: Bench) -> bytes:
    """The bytes of the file. Raises ProviderError (source-changed) unless it has the digest, before and after it was read."""
    path = bench.project / file.path
    before = stat_of(path)
    changed = file.digest is not None and digest_of(path) != file.digest
    data = b"" if changed else path.read_bytes()
    if changed or stat_of(path) != before:
        raise ProviderError(
            "A file is not the one that was planned", detail=f"{file.path} has changed.", hint="plan again", id="source-changed",
            file=file.path,
        )  # fmt: skip
    return data


def _classes(request: ImportInputs, answer: Answer, training: Rows, evaluation: Rows) -> Classes:
    """The classes of the answer. A graph of the user's command that lists none has those of the training rows, which it was given."""
    if request.file is not None:
        return resolve_classes(answer, _labels(training, evaluation), request.classes)
    labels = _labels(training)
    return resolve_classes(answer, labels, request.classes or (() if answer.classes else labels))


def _features(contract: Contract, names: Sequence[str] | None) -> dict[str, Column]:
    """The columns that may be inputs, by name, in the order of the dataset."""
    return {column.name: column for column in contract.columns if names is None or column.name in names}


def _layout(columns: Sequence[Column]) -> Inputs:
    return Inputs(
        numbers=tuple(column.name for column in columns if column.type != "string"),
        strings=tuple(column.name for column in columns if column.type == "string"),
    )


def _labels(*sides: Rows) -> list[Label]:
    """The classes of the target, sorted."""
    labels: set[Label] = {label for rows in sides for label in rows.y.tolist()}
    return sorted(labels)


def _sample(rows: Rows) -> Rows:
    if not len(rows.y):
        raise ProviderError("There are no rows to try the graph on", hint="check the split and the source", id="no-rows")
    some = slice(0, TRIAL_ROWS)
    return Rows(columns=take_rows(rows.columns, some), y=rows.y[some], texts=take_rows(rows.texts, some))


def _answers(graph: bytes, layout: Inputs, rows: Rows, classes: Classes | None) -> Prediction:
    names = (["features"] if layout.numbers else []) + [f"s{place}" for place in range(len(layout.strings))]
    feed: dict[str, np.ndarray] = dict(zip(names, layout.arrays(rows.columns), strict=True))
    answers = try_out(graph, feed, ["prediction"] if classes is None else ["label", "probabilities"])
    return check_answers(answers, len(rows.y), classes)


def _answer_notices(prediction: Prediction, inputs: Sequence[np.ndarray]) -> list[Notice]:
    notices = []
    if (without := not_finite(prediction)).any():
        # a missing cell is "" as text, and NaN as a number, which is not equal to itself
        gaps = any(((values[without] == "") | (values[without] != values[without])).any() for values in inputs)
        notices.append(Notice(check="no_number" if gaps else "no_number_complete", count=int(without.sum())))
    if count := count_disagreements(prediction):
        notices.append(Notice(check="other_label", count=count))
    return notices
