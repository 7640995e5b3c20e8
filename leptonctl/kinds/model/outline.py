"""What a plan needs of the models and datasets of a file, small enough to be cached for ten thousand of them. Pure.

An outline holds only what decides whether something moves. From it `restore` makes documents, models and nodes; their other parts are
computed from the file by the usual functions when something reads them.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Generic, Literal, TypeVar

from leptonctl.core.address import reference, short
from leptonctl.core.canonical import digest
from leptonctl.core.codec import encode_message
from leptonctl.core.frozen import Frozen, replace
from leptonctl.core.values import Document, Json, Node, Step, StepPlace
from leptonctl.kinds.dataset.outline import DataOutline, DataShape, data_digest, is_plain, is_recalled, outline_of
from leptonctl.kinds.kind import PROJECT, Declarations
from leptonctl.kinds.model.imported import reads_files
from leptonctl.kinds.model.version import Model
from leptonctl.language.template import is_template

KIND, DATA = "Model", "Dataset"
KINDS = (KIND, DATA)
"""The kinds of which a project has thousands of versions; documents of the others are read every time."""


class StepShape(Frozen, array_like=True):
    """A step without its keys, fields and inputs. The address "" is the version's own. owns: whether the step has its own fields."""

    name: str
    op: str
    address: str
    reads: tuple[str, ...]
    needs: tuple[tuple[str, StepPlace], ...]
    needed_keys: tuple[tuple[str, str], ...]
    forecast_group: str
    effect: bool
    makes: str | None
    owns: bool
    fills: tuple[tuple[str, str], ...] = ()
    decides: str = ""


class Shape(Frozen, array_like=True):
    """What many versions have in common: their data, the small fields of the model, and the steps.

    dataset: the short address of the dataset version. data: the digest of all that a model takes from there. rows: the digest of the
    dataset's node. alone: the YAML names the dataset without a version, since it has only one. features: as declared.
    """

    dataset: str
    data: str
    rows: str
    alone: bool
    task: str
    features: Json
    opset: int
    metrics: tuple[str, ...]
    folds: int | None
    positive: Json
    average: Json
    origin: Literal["trained", "imported", "command"]
    needs: tuple[str, ...]
    steps: tuple[StepShape, ...]


class VersionOutline(Frozen, array_like=True, gc=False):
    """A version with its node. at: line, column and end column of its name. keys, specs: of its steps ("" for a spec equal to its key)."""

    version: str
    at: tuple[int, int, int]
    shape: int
    digest: str
    declaration: str
    keys: tuple[str | None, ...]
    specs: tuple[str, ...]


S = TypeVar("S", Shape, DataShape)


class DocumentOutline(Frozen, array_like=True, gc=False):
    """A document with its versions: `models` of a Model, `data` of a Dataset."""

    kind: str
    name: str
    models: tuple[VersionOutline, ...] = ()
    data: tuple[DataOutline, ...] = ()

    @property
    def versions(self) -> tuple[VersionOutline, ...] | tuple[DataOutline, ...]:
        """Its versions in the order written."""
        return self.models if self.kind == KIND else self.data


class FileOutline(Frozen, array_like=True, gc=False):
    """A file of sound models and datasets only. text: the digest of its content. vars: that of the variables, "" if it uses none."""

    text: bytes
    vars: str
    documents: tuple[DocumentOutline, ...]


class Outlines(Frozen, array_like=True):
    """The outlines of a project's files, and the shapes of models and of data that they name by number."""

    shapes: tuple[Shape, ...] = ()
    files: Mapping[str, FileOutline] = {}
    data: tuple[DataShape, ...] = ()

    def shapes_of(self, kind: str) -> tuple[Shape, ...] | tuple[DataShape, ...]:
        """The shapes of the versions of a kind."""
        return self.shapes if kind == KIND else self.data


def variables_digest(documents: Sequence[Document]) -> str:
    """The digest of the project's variables."""
    return digest(next((d.value.get("vars") for d in documents if d.kind == PROJECT), None))


def outlines_of(
    documents: Sequence[Document],
    faulty: Collection[str],
    declarations: Declarations,
    texts: Mapping[str, tuple[str, bytes]],
    known: Outlines,
) -> Outlines:
    """The outlines of all files with sound models and datasets and nothing else.

    faulty: files with a problem. texts: each file's content and the digest of that. known: earlier outlines, whose shapes are kept.
    """
    by_file: dict[str, list[Document]] = {}
    for document in documents:
        by_file.setdefault(document.file, []).append(document)
    variables, shapes, data = variables_digest(documents), _Shapes(known.shapes), _Shapes(known.data)
    files: dict[str, FileOutline] = {}
    for file, group in by_file.items():
        if file in faulty or not all(_fits(document, declarations) for document in group):
            continue
        if all(document.outline is not None and _is_recalled(document, declarations) for document in group):
            files[file] = known.files[file]
            continue
        text, text_digest = texts[file]
        outlines = tuple(_document(document, declarations, shapes, data) for document in group)
        files[file] = FileOutline(text=text_digest, vars=variables if is_template(text) else "", documents=outlines)
    return _compact(Outlines(shapes=tuple(shapes.listed), files=files, data=tuple(data.listed)))


def _fits(document: Document, declarations: Declarations) -> bool:
    """Whether an outline of the document would hold everything that decides whether something moves."""
    if document.kind == DATA:
        return is_plain(document, declarations)
    return document.kind == KIND and not reads_files(document) and not _goes_on(document, declarations)


def _goes_on(document: Document, declarations: Declarations) -> bool:
    """Whether a version of the document continues from another one. Its keys depend on that one's, which an outline does not follow."""
    versions = declarations.of(KIND)
    return document.outline is None and any(
        versions[reference(one.name, one.version)].warm is not None for one in declarations.project.versions(document)
    )


def _is_recalled(document: Document, declarations: Declarations) -> bool:
    """Whether every version of a restored document is as its outline has it."""
    if document.kind == DATA:
        return is_recalled(document, declarations)
    models, built = declarations.of(KIND), declarations.built
    for one in document.outline or ():
        model = models[reference(document.name, one.version)]
        if model.restore_node is None or model.declared.outline[1].rows != built[model.dataset.address].digest:
            return False
    return True


class _Shapes(Generic[S]):
    """Numbers for shapes, equal ones for equal shapes."""

    def __init__(self, known: Sequence[S]) -> None:
        self.listed = [*known]
        # by their bytes: 1 equals true
        self.numbers = {encode_message(shape): number for number, shape in enumerate(known)}

    def number(self, shape: S) -> int:
        number = self.numbers.setdefault(encode_message(shape), len(self.listed))
        if number == len(self.listed):
            self.listed.append(shape)
        return number


def _compact(outlines: Outlines) -> Outlines:
    """The outlines without unused shapes, once these are the majority."""
    documents = [document for file in outlines.files.values() for document in file.documents]
    models = sorted({one.shape for document in documents for one in document.models})
    data = sorted({one.shape for document in documents for one in document.data})
    if 2 * len(models) >= len(outlines.shapes) and 2 * len(data) >= len(outlines.data):
        return outlines
    of_models, of_data = ({number: place for place, number in enumerate(used)} for used in (models, data))

    def renumber(document: DocumentOutline) -> DocumentOutline:
        return replace(
            document,
            models=tuple(replace(one, shape=of_models[one.shape]) for one in document.models),
            data=tuple(replace(one, shape=of_data[one.shape]) for one in document.data),
        )

    return Outlines(
        shapes=tuple(outlines.shapes[number] for number in models),
        files={name: replace(file, documents=tuple(map(renumber, file.documents))) for name, file in outlines.files.items()},
        data=tuple(outlines.data[number] for number in data),
    )


def _document(document: Document, declarations: Declarations, shapes: _Shapes[Shape], data: _Shapes[DataShape]) -> DocumentOutline:
    values = [declarations.of(document.kind)[reference(one.name, one.version)] for one in declarations.project.versions(document)]
    return DocumentOutline(
        kind=document.kind,
        name=document.name,
        models=tuple(_version(one, declarations, shapes) for one in values) if document.kind == KIND else (),
        data=tuple(outline_of(one, declarations, data.number) for one in values) if document.kind == DATA else (),
    )


def _version(model: Model, declarations: Declarations, shapes: _Shapes[Shape]) -> VersionOutline:
    node, span = declarations.built[model.address], model.declared.span
    shape = Shape(
        dataset=short(model.dataset.address),
        data=data_digest(model.dataset),
        rows=declarations.built[model.dataset.address].digest,
        alone="@" not in str(model.declared.fields["dataset"]),
        task=model.task, features=model.train["features"], opset=model.opset, metrics=model.metrics, folds=model.folds,
        positive=model.positive, average=model.average, origin=model.origin,
        needs=node.needs,
        steps=tuple(_step(step, node) for step in node.steps),
    )  # fmt: skip
    return VersionOutline(
        version=model.declared.version,
        at=(span.line, span.column, span.end_column),
        shape=shapes.number(shape),
        digest=node.digest,
        declaration=node.declaration,
        keys=tuple(step.key for step in node.steps),
        specs=tuple("" if step.spec == step.key else step.spec for step in node.steps),
    )


def _step(step: Step, node: Node) -> StepShape:
    own = node.address
    return StepShape(
        name=step.name, op=step.op, address="" if step.address == own else step.address, reads=step.reads,
        needs=tuple((role, ("" if address == own else address, name)) for role, (address, name) in step.needs.items()),
        needed_keys=tuple(step.needed_keys.items()), forecast_group=step.forecast_group,
        effect=step.effect, makes=step.makes, owns=step.own is not None, fills=tuple(step.fills.items()), decides=step.decides,
    )  # fmt: skip
