"""Documents, versions, models and nodes from outlines, equal to those of the files. Their large parts are computed on request. Pure."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from leptonctl.core.address import version_of as address_of
from leptonctl.core.deferred import Deferred
from leptonctl.core.frozen import replace
from leptonctl.core.values import Document, Json, Node, Span, Step
from leptonctl.kinds.dataset.outline import data_digest
from leptonctl.kinds.dataset.version import datasets
from leptonctl.kinds.kind import Declarations
from leptonctl.kinds.model import steps
from leptonctl.kinds.model.outline import FileOutline, Outlines, Shape, VersionOutline
from leptonctl.kinds.model.version import Model, version_of
from leptonctl.language.load import documents_of
from leptonctl.language.resolve import Declared, Inherit, versions
from leptonctl.language.template import render


@dataclass(kw_only=True, eq=False)
class _File:
    """The documents of a file, parsed when a part of one is read."""

    file: str
    text: str
    kinds: Collection[str]

    @cached_property
    def documents(self) -> list[Document]:
        return documents_of(self.file, self.text, self.kinds)

    def part(self, part: tuple[int, str]) -> Any:
        number, name = part
        return getattr(self.documents[number], name)


def restore_documents(file: str, text: str, outline: FileOutline, kinds: Collection[str]) -> tuple[Document, ...]:
    """The documents of a file as written."""
    part = _File(file=file, text=text, kinds=kinds).part
    return tuple(
        Document(
            kind=one.kind, name=one.name, file=file, outline=one.versions,
            value=Deferred(part, (i, "value")), keys=Deferred(part, (i, "keys")), values=Deferred(part, (i, "values")),
        )
        for i, one in enumerate(outline.documents)
    )  # fmt: skip


def fill(document: Document, project: Document) -> Document:
    """A restored document with its templates filled in."""

    def render_value(_: object) -> Mapping[str, Any]:
        return render((project, replace(document, value=dict(document.value))), project.kind)[0][1].value

    return replace(document, value=Deferred(render_value))


@dataclass(kw_only=True, eq=False)
class _Versions:
    """The versions of a restored document, merged when a part of one is read."""

    document: Document
    inherit: Inherit

    @cached_property
    def merged(self) -> tuple[Declared, ...]:
        return versions(self.document, self.inherit)

    def part(self, part: tuple[int, str]) -> Any:
        number, name = part
        return getattr(self.merged[number], name)


def restore_versions(document: Document, outlines: Outlines, inherit: Inherit) -> tuple[Declared, ...]:
    """The versions of a restored document."""
    part, shapes = _Versions(document=document, inherit=inherit).part, outlines.shapes_of(document.kind)
    return tuple(
        Declared(
            name=document.name, version=one.version, document=document, outline=(one, shapes[one.shape]),
            span=Span(file=document.file, line=one.at[0], column=one.at[1], end_column=one.at[2]),
            fields=Deferred(part, (i, "fields")), origins=Deferred(part, (i, "origins")), keys=Deferred(part, (i, "keys")),
        )
        for i, one in enumerate(document.outline or ())
    )  # fmt: skip


def recall(declarations: Declarations) -> Callable[[Declared], Model | None]:
    """Version -> its model from the outline; None when it has no outline, or when its dataset has changed."""
    known, training = datasets(declarations), dict[int, Mapping[str, Json] | None]()

    def is_unchanged(shape: Shape) -> bool:
        dataset = known.get(shape.dataset)
        if dataset is None or data_digest(dataset) != shape.data:
            return False
        document = dataset.declared.document
        return not shape.alone or len(document.outline or cast("Mapping[str, Any]", document.value["versions"])) == 1

    def model(declared: Declared) -> Model | None:
        if declared.outline is None:
            return None
        outline, shape = declared.outline
        if outline.shape not in training:
            fields: dict[str, Json] | None = None
            if is_unchanged(shape):
                fields = {"features": shape.features, "target": known[shape.dataset].target}
            training[outline.shape] = fields
        if (train := training[outline.shape]) is None:
            return None
        return _Restored(declared=declared, outline=outline, shape=shape, train=train, declarations=declarations).model

    return model


@dataclass(kw_only=True, eq=False)
class _Restored:
    """A model and its node. train: the fields of its training that a plan reads of every model."""

    declared: Declared
    outline: VersionOutline
    shape: Shape
    train: Mapping[str, Json]
    declarations: Declarations

    @property
    def model(self) -> Model:
        shape, part = self.shape, self.part
        return Model(
            address=address_of("model", self.declared.name, self.declared.version), declared=self.declared,
            dataset=datasets(self.declarations)[shape.dataset], task=shape.task,
            train=Deferred(part, "train", self.train), train_key_fields=Deferred(part, "train_key_fields"),
            decides=Deferred(part, "decides"), search=Deferred(part, "search"), opset=shape.opset, metrics=shape.metrics, folds=shape.folds,
            positive=shape.positive, average=shape.average, origin=shape.origin, restore_node=self.node,
        )  # fmt: skip

    @cached_property
    def whole(self) -> Model:
        model, _ = version_of(self.declared, self.declarations)
        assert model is not None, "only sound versions have an outline"
        return model

    def part(self, name: str) -> Any:
        return getattr(self.whole, name)

    @cached_property
    def whole_node(self) -> Node:
        return steps.node(self.whole, self.shape.rows)

    def part_of_node(self, part: str | tuple[int, str]) -> Any:
        if isinstance(part, str):
            return getattr(self.whole_node, part)
        number, name = part
        return getattr(self.whole_node.steps[number], name)

    def node(self, rows: str) -> Node | None:
        """The node, if the dataset's node has the digest `rows`."""
        if self.shape.rows != rows:
            return None
        outline, part = self.outline, self.part_of_node
        return Node(
            address=address_of("model", self.declared.name, self.declared.version), digest=outline.digest,
            declaration=outline.declaration, span=self.declared.span, needs=self.shape.needs, steps=tuple(self._steps()),
            recipe=Deferred(part, "recipe", self.train), notes=Deferred(part, "notes"), origins=Deferred(part, "origins"),
        )  # fmt: skip

    def _steps(self) -> Iterator[Step]:
        own, part = address_of("model", self.declared.name, self.declared.version), self.part_of_node
        for number, (one, key, spec) in enumerate(zip(self.shape.steps, self.outline.keys, self.outline.specs, strict=True)):
            yield Step(
                name=one.name, op=one.op, address=one.address or own, key=key, spec=spec or key or "", reads=one.reads,
                needs={role: (address or own, name) for role, (address, name) in one.needs},
                needed_keys=dict(one.needed_keys), forecast_group=one.forecast_group, effect=one.effect, makes=one.makes,
                fields=Deferred(part, (number, "fields")), inputs=Deferred(part, (number, "inputs")),
                own=Deferred(part, (number, "own")) if one.owns else None, fills=dict(one.fills), decides=one.decides,
            )  # fmt: skip
