"""Checks whether a file to import fits the dataset that evaluates it, before anything is built. Keeps nothing, and runs no graph."""

from collections.abc import Mapping
from hashlib import sha256

from leptonctl.core.result import Result
from leptonctl.core.values import Json
from leptonctl.learning.inputs import ImportInputs, read_inputs
from leptonctl.learning.needs import read_contract, read_prepared
from leptonctl.learning.steps import prepare
from leptonctl.learning.steps.import_graph import match
from leptonctl.spi.running import Artifacts, Bench


class InMemory:
    """Artifacts in memory."""

    def __init__(self) -> None:
        self._data: dict[str, bytes] = {}

    def put_artifact(self, data: bytes) -> str:
        digest = f"sha256:{sha256(data).hexdigest()}"
        self._data[digest] = data
        return digest

    def get_artifact(self, digest: str) -> bytes:
        return self._data[digest]


def prepare_rows(inputs: Mapping[str, Json], bench: Bench) -> Result:
    """The rows of a dataset version as `prepare` gives them, in the artifacts of the bench. Raises ProviderError."""
    produced = prepare.run(dict(inputs), {}, bench)
    return Result(key="", op="prepare", artifacts=produced.artifacts, outputs=produced.outputs)


def match_columns(inputs: Mapping[str, Json], rows: Result, artifacts: Artifacts, data: bytes) -> dict[str, tuple[str, ...]]:
    """Input of the graph -> the columns that it takes, in order. `inputs`: those of the step `import`; `data`: the file.

    Raises ProviderError where the file does not fit: import-inputs, import-outputs, import-classes.
    """
    request = read_inputs("import", dict(inputs), ImportInputs)
    training, evaluation = (read_prepared(rows, side, request.task, artifacts) for side in ("train", "test"))
    file = match(request, read_contract(rows), training, evaluation, data)
    return {entry.tensor.name: entry.columns for entry in file.entries}
