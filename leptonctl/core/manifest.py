"""What a model needs in addition to its graph: how a request becomes graph inputs, and graph outputs an answer. And the package of both.

A package is what is evaluated, compared, bound, served and returned to (protocols 11): the graph and those fields of the
manifest that change an answer. Checks (min, max, values, nullable) and the names of secrets are not part of it.
"""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from leptonctl.core.canonical import digest
from leptonctl.core.codec import Record
from leptonctl.core.contract import ColumnType, Scalar, Words
from leptonctl.core.dates import DateColumn
from leptonctl.core.values import Json

GRAPH_FILE, MANIFEST_FILE, GOLDEN_FILE = PACKAGE_FILES = ("model.onnx", "manifest.json", "golden.json")
"""The files of a package among the artifacts of its export: the graph, this manifest, and rows with the answers they must get."""
FEATURES = "features"
"""The FP32 graph input [N, k] that stacks all numeric columns."""
OUTPUTS: Mapping[str, tuple[str, ...]] = {
    "classification": ("label", "probabilities"),
    "regression": ("prediction",),
    "clustering": ("label", "distance"),
    "anomaly": ("label", "score"),
}
"""What a model of each task answers, in order: the graph has outputs of the same names."""
UNSUPERVISED = frozenset({"clustering", "anomaly"})
"""The tasks that learn without a target."""
MATRIX = "matrix"
"""An internal output of clustering graphs: the numbers that the algorithm reads, from which its metrics are computed. No client gets it."""


Origin: TypeAlias = Literal["trained", "imported", "command"]


class GraphInput(Record):
    """Where a column enters the graph: at an index of `features`, or as a string input of its own (then `index` is None)."""

    input: str
    index: int | None = None


class ManifestColumn(Record):
    """One feature column: the fields of `contract.Column`, and its place in the graph. `words` are those of a boolean column."""

    name: str
    type: ColumnType
    nullable: bool
    fill: Scalar | None = None
    min: float | None = None
    max: float | None = None
    values: tuple[Scalar, ...] | None = None
    hash: bool = False
    words: Words | None = None
    graph: GraphInput


class Graph(Record):
    """`features` is the width of the input of that name (0: there is none). `outputs`: name for clients -> name in the graph."""

    features: int
    strings: tuple[str, ...]
    outputs: Mapping[str, str]


class Hashing(Record):
    """How private columns are hashed: the typed secret as written in YAML, and the public name of its value."""

    hash: tuple[str, ...] = ()
    key: Json = None
    key_id: str | None = None


class Threshold(Record):
    """What decides the label of a model with two classes.

    `value` is the smallest probability, in float32, at which the label is the positive class. `positive` is that class.
    """

    value: float
    positive: int | str


class Manifest(Record, tag_field="format_version", tag="1"):
    """`manifest.json`. `classes` are in the order of the probabilities, None for a regression. Requests may hold columns that the
    model does not read: `id`, those that are `ignored`, and the target.

    `dates` are those that requests hold as text, where `columns` has their parts. `threshold` and `calibration` (its method) say what
    the graph does to the probabilities of the trained model; None: nothing. `origin` is where the graph comes from; it changes
    no answer and is not part of the package. It is not known on which rows an imported graph was trained.
    """

    checksum = False

    task: str
    target: str
    target_type: ColumnType
    columns: tuple[ManifestColumn, ...]
    classes: tuple[int | str, ...] | None
    graph: Graph
    privacy: Hashing | None = None
    id: str | None = None
    dates: tuple[DateColumn, ...] = ()
    ignored: tuple[str, ...] = ()
    threshold: Threshold | None = None
    calibration: str | None = None
    origin: Origin = "trained"

    @property
    def inputs(self) -> tuple[ManifestColumn, ...]:
        """The columns as requests hold them: a column of dates is one string, in place of its parts."""
        dates = {name: date for date in self.dates for name in date.names}
        columns = [_as_requested(column, dates.get(column.name)) for column in self.columns]
        return tuple({column.name: column for column in columns}.values())

    @property
    def unused_columns(self) -> frozenset[str]:
        """The columns that requests and input files may hold although the model does not read them."""
        return frozenset((self.target, *self.ignored, *(() if self.id is None else (self.id,)))) - {c.name for c in self.columns}


def _as_requested(column: ManifestColumn, date: DateColumn | None) -> ManifestColumn:
    if date is None:
        return column
    return ManifestColumn(name=date.name, type="string", nullable=date.nullable, fill=date.fill, graph=GraphInput(input=date.name))


def package_digest(graph: str, manifest: Manifest) -> str:
    """The identity of a package. `graph` is the digest of the ONNX bytes."""
    columns: list[Json] = [[c.name, c.type, c.fill, c.hash, c.graph.input, c.graph.index] for c in manifest.columns]
    hashing = manifest.privacy.key_id if manifest.privacy and any(c.hash for c in manifest.columns) else None
    # absent fields are left out, so that packages from before dates, words and calibration existed keep their digests
    reading: dict[str, Json] = {}
    if manifest.dates:
        reading["parts"] = [[d.name, d.type, d.format, d.zoned, list(d.parts), d.fill] for d in manifest.dates]
    if any(c.words for c in manifest.columns):
        reading["words"] = [[c.name, list(c.words.true), list(c.words.false)] for c in manifest.columns if c.words]
    if manifest.calibration:
        reading["calibration"] = manifest.calibration
    return digest(
        {
            "graph": graph,
            "task": manifest.task,
            "target_type": manifest.target_type,
            "columns": columns,
            "classes": None if manifest.classes is None else list(manifest.classes),
            "inputs": [manifest.graph.features, list(manifest.graph.strings)],
            "outputs": dict(manifest.graph.outputs),
            "key_id": hashing,
            "threshold": [manifest.threshold.value, manifest.threshold.positive] if manifest.threshold else None,
            **reading,
        }
    )
