"""Makes `manifest.json` from a fitted model and its contract: how a request becomes graph inputs, and graph outputs an answer."""

from collections.abc import Sequence

from leptonctl.core.contract import Column, Contract
from leptonctl.core.dates import DateColumn
from leptonctl.core.frozen import replace
from leptonctl.core.manifest import FEATURES, OUTPUTS, Graph, Hashing, Manifest, ManifestColumn, Place
from leptonctl.learning.fit import Fitted
from leptonctl.learning.inputs import Privacy


def manifest(fitted: Fitted, contract: Contract, privacy: Privacy | None, passed_over: Sequence[str] = ()) -> Manifest:
    """The manifest that belongs to the graph of `build_graph` for the same model.

    `passed_over`: more columns that requests may hold although the model does not read them.
    """
    classification = fitted.trainer.task == "classification"
    numbers, strings = fitted.inputs.numbers, fitted.inputs.strings
    return Manifest(
        task=fitted.trainer.task,
        target=contract.target,
        target_type=contract.target_type,
        columns=tuple(_column(column, fitted) for column in contract.columns if column.name in fitted.features),
        classes=fitted.classes if classification else None,
        graph=Graph(
            features=len(numbers),
            strings=tuple(f"s{i}" for i in range(len(strings))),
            outputs={name: name for name in OUTPUTS[fitted.trainer.task]},
        ),
        id=contract.id,
        dates=tuple(_used(date, fitted.features) for date in contract.dates if {*date.names} & {*fitted.features}),
        ignored=(*contract.ignored, *passed_over),
        privacy=Hashing(hash=privacy.hash, key=privacy.key, key_id=privacy.key_id) if privacy else None,
    )


def _used(date: DateColumn, features: Sequence[str]) -> DateColumn:
    """The column with the parts that the model takes."""
    return replace(date, parts=tuple(part for part, name in zip(date.parts, date.names, strict=True) if name in features))


def _column(column: Column, fitted: Fitted) -> ManifestColumn:
    numbers, strings = fitted.inputs.numbers, fitted.inputs.strings
    if column.name in numbers:
        place = Place(input=FEATURES, index=numbers.index(column.name))
    else:
        place = Place(input=f"s{strings.index(column.name)}")
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
