"""What a plan needs of the models of a file: small enough to be kept for ten thousand of them. Pure.

Only what decides whether something moves is in an outline; `restore` makes documents, models and nodes of it whose other parts are
computed from the file, by the usual functions, when they are looked at.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from leptonctl.core.canonical import digest
from leptonctl.core.codec import encode_message
from leptonctl.core.frozen import Frozen, replace
from leptonctl.core.values import Document, Json, Node, Place, Step
from leptonctl.kinds.dataset.version import Dataset
from leptonctl.kinds.kind import Declarations
from leptonctl.kinds.model.imported import reads_files
from leptonctl.kinds.model.version import Model
from leptonctl.language.template import is_template

KIND = "Model"
"""The kind of which a project has thousands of documents; the others are read anew each time."""


class StepShape(Frozen, array_like=True):
    """A step without its keys, fields and inputs. In an address, "" is the version's own. `owns`: whether `own` is something."""

    name: str
    op: str
    address: str
    reads: tuple[str, ...]
    needs: tuple[tuple[str, Place], ...]
    given: tuple[tuple[str, str], ...]
    kin: str
    effect: bool
    makes: str | None
    owns: bool
    fills: tuple[tuple[str, str], ...] = ()
    decides: str = ""


class Shape(Frozen, array_like=True):
    """What many versions have in common: their data, the small fields of the model, and the steps.

    `dataset` is the short address of the data and `data` the digest of all that a model takes from there; `rows` is the digest of the
    dataset's node. `alone`: the YAML names the dataset only, which has one version. `features`: as declared.
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
    """A version with its node. `at`: line, column and end of its name; `keys` and `specs`: of its steps ("" for one equal to its key)."""

    version: str
    at: tuple[int, int, int]
    shape: int
    digest: str
    declaration: str
    keys: tuple[str | None, ...]
    specs: tuple[str, ...]


class DocumentOutline(Frozen, array_like=True, gc=False):
    """A document of the kind Model."""

    name: str
    versions: tuple[VersionOutline, ...]


class FileOutline(Frozen, array_like=True, gc=False):
    """A file that holds nothing but sound models. `text`: the digest of its content; `vars`: that of the variables, if it uses them."""

    text: bytes
    vars: str
    documents: tuple[DocumentOutline, ...]


class Outlines(Frozen, array_like=True):
    """The outlines of a project's files, and the shapes that they name by number."""

    shapes: tuple[Shape, ...] = ()
    files: Mapping[str, FileOutline] = {}


def taken_from(dataset: Dataset) -> str:
    """The digest of everything that a model takes from its dataset version."""
    return digest([dataset.address, dataset.inputs, None if dataset.columns is None else [*dataset.columns]])


def variables_digest(documents: Sequence[Document]) -> str:
    """The digest of the project's variables."""
    return digest(next((d.value.get("vars") for d in documents if d.kind == "Project"), None))


def outlines_of(
    documents: Sequence[Document],
    troubled: Collection[str],
    declarations: Declarations,
    texts: Mapping[str, tuple[str, bytes]],
    known: Outlines,
) -> Outlines:
    """The outlines of all files with sound models and nothing else.

    `troubled`: files with a problem; `texts`: the content of each file and its digest; `known`: earlier outlines, which keep their shapes.
    """
    by_file: dict[str, list[Document]] = {}
    for document in documents:
        by_file.setdefault(document.file, []).append(document)
    variables, shapes = variables_digest(documents), _Shapes(known.shapes)
    files: dict[str, FileOutline] = {}
    for file, of_file in by_file.items():
        if file in troubled or any(
            document.kind != KIND or reads_files(document) or _goes_on(document, declarations) for document in of_file
        ):
            continue
        if all(document.outline is not None and _is_recalled(document, declarations) for document in of_file):
            files[file] = known.files[file]
            continue
        text, of_text = texts[file]
        listed = tuple(_document(document, declarations, shapes) for document in of_file)
        files[file] = FileOutline(text=of_text, vars=variables if is_template(text) else "", documents=listed)
    return _compact(Outlines(shapes=tuple(shapes.listed), files=files))


def _goes_on(document: Document, declarations: Declarations) -> bool:
    """Whether a version of the document goes on from another one: its keys hang on that one's, which an outline does not follow."""
    versions = declarations.of(KIND)
    return document.outline is None and any(
        versions[f"{one.name}@{one.version}"].warm is not None for one in declarations.project.versions(document)
    )


def _is_recalled(document: Document, declarations: Declarations) -> bool:
    """Whether every version of a restored document is as its outline has it."""
    models, built = declarations.of(KIND), declarations.built
    for one in document.outline or ():
        model = models[f"{document.name}@{one.version}"]
        if model.recalled is None or model.declared.outline[1].rows != built[model.dataset.address].digest:
            return False
    return True


class _Shapes:
    """Numbers for shapes, equal ones for equal shapes."""

    def __init__(self, known: Sequence[Shape]) -> None:
        self.listed = [*known]
        # by their bytes: 1 equals true
        self.numbers = {encode_message(shape): number for number, shape in enumerate(known)}

    def number(self, shape: Shape) -> int:
        number = self.numbers.setdefault(encode_message(shape), len(self.listed))
        if number == len(self.listed):
            self.listed.append(shape)
        return number


def _compact(outlines: Outlines) -> Outlines:
    """The outlines without shapes that nothing has any more, once these are the larger part."""
    used = sorted({one.shape for file in outlines.files.values() for document in file.documents for one in document.versions})
    if 2 * len(used) >= len(outlines.shapes):
        return outlines
    numbers = {number: place for place, number in enumerate(used)}

    def renumbered(document: DocumentOutline) -> DocumentOutline:
        return replace(document, versions=tuple(replace(one, shape=numbers[one.shape]) for one in document.versions))

    files = {name: replace(file, documents=tuple(map(renumbered, file.documents))) for name, file in outlines.files.items()}
    return Outlines(shapes=tuple(outlines.shapes[number] for number in used), files=files)


def _document(document: Document, declarations: Declarations, shapes: _Shapes) -> DocumentOutline:
    models = [declarations.of(KIND)[f"{one.name}@{one.version}"] for one in declarations.project.versions(document)]
    return DocumentOutline(name=document.name, versions=tuple(_version(model, declarations, shapes) for model in models))


def _version(model: Model, declarations: Declarations, shapes: _Shapes) -> VersionOutline:
    node, span = declarations.built[model.address], model.declared.span
    shape = Shape(
        dataset=f"{model.dataset.declared.name}@{model.dataset.declared.version}",
        data=taken_from(model.dataset),
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
        given=tuple(step.given.items()), kin=step.kin, effect=step.effect, makes=step.makes, owns=step.own is not None,
        fills=tuple(step.fills.items()), decides=step.decides,
    )  # fmt: skip
