"""Makes `manifest.json` from a model and its contract: how a request becomes graph inputs, and graph outputs an answer."""

from collections.abc import Sequence

from leptonctl.core.contract import Column, Contract
from leptonctl.core.dates import DateColumn
from leptonctl.core.frozen import replace
from leptonctl.core.manifest import FEATURES, OUTPUTS, Graph, GraphInput, Hashing, Manifest, ManifestColumn, Origin
from leptonctl.learning.fitting.fitted_model import Fitted
from leptonctl.learning.fitting.frame import Inputs
from leptonctl.learning.prepare_inputs import Privacy
from leptonctl.spi.learning import Label


def trained_manifest(fitted: Fitted, contract: Contract, privacy: Privacy | None, ignored: Sequence[str] = ()) -> Manifest:
    """The manifest that belongs to the graph of `build_graph` for the same model.

    `ignored`: more columns that requests may hold although the model does not read them.
    """
    task = fitted.trainer.task
    classes = fitted.classes if task == "classification" else None
    manifest = manifest_of(contract, fitted.inputs, task=task, features=fitted.features, classes=classes, privacy=privacy)
    return replace(manifest, ignored=(*manifest.ignored, *ignored))


def manifest_of(
    contract: Contract,
    inputs: Inputs,
    *,
    task: str,
    features: Sequence[str],
    classes: tuple[Label, ...] | None,
    privacy: Privacy | None,
    origin: Origin = "trained",
) -> Manifest:
    """The manifest of a graph that reads these features at these inputs. `classes`: None for a task without any."""
    return Manifest(
        task=task,
        target=contract.target,
        target_type=contract.target_type,
        columns=tuple(_column(column, inputs) for column in contract.columns if column.name in features),
        classes=classes,
        graph=Graph(
            features=len(inputs.numbers),
            strings=tuple(f"s{i}" for i in range(len(inputs.strings))),
            outputs={name: name for name in OUTPUTS[task]},
        ),
        id=contract.id,
        dates=tuple(_used_parts(date, features) for date in contract.dates if {*date.names} & {*features}),
        ignored=contract.ignored,
        privacy=Hashing(hash=privacy.hash, key=privacy.key, key_id=privacy.key_id) if privacy else None,
        origin=origin,
    )


def _used_parts(date: DateColumn, features: Sequence[str]) -> DateColumn:
    """The column of dates with only the parts that the model takes."""
    return replace(date, parts=tuple(part for part, name in zip(date.parts, date.names, strict=True) if name in features))


def _column(column: Column, inputs: Inputs) -> ManifestColumn:
    numbers, strings = inputs.numbers, inputs.strings
    if column.name in numbers:
        place = GraphInput(input=FEATURES, index=numbers.index(column.name))
    else:
        place = GraphInput(input=f"s{strings.index(column.name)}")
    return ManifestColumn(
        name=column.name,
        type=column.type,
        nullable=column.nullable,
        fill=column.fill,
        min=column.min,
        max=column.max,
        values=column.values,
        hash=column.hash,
        words=column.words,
        graph=place,
    )
