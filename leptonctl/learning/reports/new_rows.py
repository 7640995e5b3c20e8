"""Checks whether a new file can follow the rows that a version was trained on, by preparing it. Writes nothing."""

from collections.abc import Mapping
from hashlib import sha256

from leptonctl.core.contract import Contract
from leptonctl.core.frozen import Frozen
from leptonctl.core.result import Result
from leptonctl.core.values import Json
from leptonctl.learning.fitting.resume import NAMED, check_same_form, column_differences
from leptonctl.learning.inputs import read_record
from leptonctl.learning.needs import read_contract
from leptonctl.learning.outputs import PrepareOutputs, TrainOutputs
from leptonctl.learning.steps import prepare
from leptonctl.spi.learning import ProviderError
from leptonctl.spi.running import Bench


class Nowhere:
    """Artifacts that are thrown away."""

    def put_artifact(self, data: bytes) -> str:
        return f"sha256:{sha256(data).hexdigest()}"

    def get_artifact(self, digest: str) -> bytes:
        raise KeyError(digest)


class Earlier(Frozen):
    """The version before: the inputs of its `prepare`, and the results of that and of its training, if they exist."""

    inputs: Mapping[str, Json]
    rows: Result | None = None
    training: Result | None = None


def check_new_rows(inputs: dict[str, Json], earlier: Earlier, bench: Bench, *, warm_start: bool) -> PrepareOutputs:
    """The outputs of `prepare` for the new rows. Raises ProviderError, also where they lack what the version before reads."""
    outputs = read_record("the outputs of `prepare`", prepare.run(inputs, {}, bench).outputs, PrepareOutputs)
    known = _contract(earlier, bench)
    if known is None:
        return outputs
    features = known.names
    if earlier.training is not None:
        features = read_record("the outputs of `train`", earlier.training.outputs, TrainOutputs).features
    _check_types(known, outputs, features)
    if warm_start:
        check_same_form(known, outputs.contract, features)
    _check_columns(known, outputs.contract, features)
    return outputs


def _contract(earlier: Earlier, bench: Bench) -> Contract | None:
    """The contract of the earlier rows; None where they were never prepared, and cannot be now."""
    if earlier.rows is not None:
        return read_contract(earlier.rows)
    try:
        outputs = prepare.run(dict(earlier.inputs), {}, bench).outputs
    except (ProviderError, OSError):
        return None
    return read_record("the outputs of `prepare`", outputs, PrepareOutputs).contract


def _check_types(known: Contract, outputs: PrepareOutputs, features: tuple[str, ...]) -> None:
    """Refuse a feature of another type than before where it is known why: it has no values, or its numbers are written another way."""
    types = {column.name: column.type for column in known.columns}
    changed = [c.name for c in outputs.contract.columns if c.name in features and types.get(c.name, c.type) != c.type]
    empty = {notice.column for notice in outputs.checks if notice.check == "all_missing"}
    name = next((name for name in changed if name in empty), None)
    if name is not None:
        raise ProviderError(
            "A column has no values in the new rows",
            detail=f"All cells of {name} are missing, so nothing says that it is {types[name]} as for the version before.",
            hint=f"declare it: `columns: {{{name}: {{type: {types[name]}}}}}`, or put rows with values beside them (`--append`)",
            id="data-contract",
            column=name,
        )
    keys = {notice.column: notice.detail for notice in outputs.checks if notice.check == "other_numbers"}
    name = next((name for name in changed if name in keys), None)
    if name is not None:
        raise ProviderError(
            "The new file writes numbers another way",
            detail=f"{name} is {types[name]} in the version before; in the new rows its cells are read as text.",
            hint=f"say how the file writes numbers: {keys[name]}",
            id="data-contract",
            column=name,
        )


def _check_columns(known: Contract, own: Contract, features: tuple[str, ...]) -> None:
    differences = [*column_differences(known, own, features)]
    if differences:
        raise ProviderError(
            "The data do not have the columns of the version before",
            detail="; ".join(differences[:NAMED]) + ("; …" if len(differences) > NAMED else "") + ".",
            hint="correct the file, or declare the columns under `columns:` of the dataset",
            id="data-contract",
        )
