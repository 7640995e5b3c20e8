"""From Dataset documents to nodes: one per version, with its `prepare` step. Pure, given the catalog and the observed files."""

from collections.abc import Collection, Iterator, Mapping
from typing import cast

from leptonctl.core import address
from leptonctl.core.canonical import digest
from leptonctl.core.deferred import Deferred
from leptonctl.core.diagnostic import Diagnostic, error
from leptonctl.core.frozen import Frozen, field
from leptonctl.core.graph import declaration
from leptonctl.core.observed import SourceFacts, SourceKey
from leptonctl.core.values import Json, Node, Path, Span, Step
from leptonctl.kinds.dataset import reading
from leptonctl.kinds.dataset.columns import column_inputs, column_problems, parts_of
from leptonctl.kinds.dataset.contents import Content, content_of
from leptonctl.kinds.dataset.inputs import privacy_of, source_of, split_of, test_block
from leptonctl.kinds.dataset.named_columns import unknown_columns
from leptonctl.kinds.dataset.row_rules import date_limits, rule_problems
from leptonctl.kinds.dataset.splits import split_problems
from leptonctl.kinds.kind import Declarations
from leptonctl.language.resolve import Declared
from leptonctl.spi.catalog import Catalog

# only these contract fields change a value; the others are checks
VALUE_FIELDS = ("type", "missing", "ignore", "when_true", "when_false", "format", "parts")
CHECK_FIELDS = ("min", "max", "values", "nullable")
ROW_FIELDS = (*CHECK_FIELDS, "unique", "pattern", "max_missing", "min_share")
TEST: Path = ("test",)
BLOCKS: tuple[Path, ...] = ((), TEST)
"""Where a version names files: the blocks of its rows and of its test rows."""
DERIVED: Mapping[Path, Path] = {
    ("source", "format"): ("source",),
    ("test_source", "format"): ("test", "source"),
    ("source", "ending"): ("source",),
    ("test_source", "ending"): ("test", "source"),
    **{("source", "options", name): (name,) for name in reading.OPTIONS},
    **{("test_source", "options", name): (name,) for name in reading.OPTIONS},
    ("split", "method"): ("split",),
}
"""Fields of a recipe -> the field of the YAML that they follow from."""


class Dataset(Frozen):
    """One resolved dataset version: what `prepare` needs, the columns if the file's header could be read, and the content of its blocks.

    `inputs` is the payload of the step without `split.stratify`, which depends on the model's task when it is not written: there
    can be a step for either value, and `steps` caches them. `recalled`: an earlier command has found it to be sound, of the same
    text and files; its large parts are read when they are looked at.
    """

    address: str
    declared: Declared
    inputs: Mapping[str, Json]
    columns: tuple[str, ...] | None
    pinned: bool
    contents: Mapping[Path, Content]
    steps: dict[bool, Step] = field(default_factory=dict)
    recalled: bool = False

    @property
    def target(self) -> str:
        """The column to predict; "" where there is none, for models that learn without."""
        return str(self.inputs["target"])

    @property
    def checks(self) -> dict[str, Json]:
        """The contract's checks on requests, by column: in no key, so a server gets them with the binding."""
        return self._checks(CHECK_FIELDS)

    @property
    def row_checks(self) -> dict[str, Json]:
        """The contract's checks on rows, by column: in no key, so rows in place are checked when one is declared."""
        return self._checks(ROW_FIELDS)

    @property
    def rules(self) -> list[Json]:
        """The rules that rows must meet: in no key either."""
        return cast("list[Json]", self.inputs.get("checks") or [])

    def _checks(self, names: Collection[str]) -> dict[str, Json]:
        columns = cast("dict[str, dict[str, Json]]", self.inputs["columns"])
        checks = {name: {k: v for k, v in spec.items() if k in names} for name, spec in columns.items()}
        return {name: cast("Json", fields) for name, fields in checks.items() if fields}

    @property
    def parts(self) -> dict[str, tuple[str, ...]]:
        """The features that each column of dates gives, by its name."""
        return parts_of(cast("dict[str, dict[str, Json]]", self.inputs["columns"]))

    def prepare(self, *, stratify: bool) -> Step:
        """The `prepare` step, for models that want their split stratified or not when the dataset leaves it open."""
        if stratify not in self.steps:
            self.steps[stratify] = _prepare(self.address, self.inputs, stratify=stratify)
        return self.steps[stratify]


def _prepare(place: str, inputs: Mapping[str, Json], *, stratify: bool) -> Step:
    split = dict(cast("dict[str, Json]", inputs["split"]))
    if split["method"] == "random" and split["stratify"] is None:
        split["stratify"] = stratify
    inputs = {**inputs, "split": split}
    fields = key_fields(inputs)
    key = digest({"op": "prepare", **fields})
    return Step(name="prepare", op="prepare", address=place, key=key, spec=key, fields=fields, inputs=inputs)


def key_fields(inputs: Mapping[str, Json]) -> dict[str, Json]:
    """The inputs that determine the prepared rows: content, reading, value-changing contract fields, privacy, split."""

    def content(source: Json) -> Json:
        if not isinstance(source, dict):
            return None
        others = [[part["digest"], part["options"]] for part in cast("list[dict[str, Json]]", source.get("parts", [])) if "options" in part]
        fields = {k: v for k, v in source.items() if k not in ("path", "parts")}
        return {**fields, "others": cast("Json", others)} if others else fields

    columns = cast("dict[str, dict[str, Json]]", inputs["columns"])
    value_fields = {name: {k: v for k, v in spec.items() if k in VALUE_FIELDS} for name, spec in columns.items()}
    privacy = inputs["privacy"]
    return {
        "source": content(inputs["source"]),
        "test_source": content(inputs["test_source"]),
        "target": inputs["target"],
        "columns": cast("Json", {name: spec for name, spec in value_fields.items() if spec}),
        "privacy": {k: v for k, v in privacy.items() if k != "key"} if isinstance(privacy, dict) else None,
        "split": inputs["split"],
        # a key without an id is what it was before there were ids
        **({"id": inputs["id"]} if "id" in inputs else {}),
        **({"target_missing": inputs["target_missing"]} if "target_missing" in inputs else {}),
    }


def missing_target(dataset: Dataset) -> Diagnostic:
    """The error of a dataset without target that a model is to predict one from."""
    detail, hint = "`target` is missing: the column to predict", "add `target: COLUMN`"
    return error("missing-target", "Dataset names no target column", detail, span=dataset.declared.lacking("target"), hint=hint)


def _id_problems(declared: Declared, name: str, target: str) -> list[Diagnostic]:
    if name != target:
        return []
    hint = "name the column that tells rows apart, or remove `id:`"
    return [error("id-is-target", "The id of a row is its target", "this column is the target", span=declared.at("id"), hint=hint)]


def datasets(declarations: Declarations) -> Mapping[str, Dataset]:
    """All dataset versions by `name@version`."""
    return declarations.of("Dataset")


def node(dataset: Dataset, *, stratify: bool) -> Node:
    """The dataset version as a node. Its digest is its prepare key."""
    step = dataset.prepare(stratify=stratify)
    assert step.key is not None
    declared, notes = dataset.declared, notes_of(dataset)
    return Node(
        address=dataset.address,
        digest=step.key,
        declaration=declaration(dict(step.fields), notes, [step]),
        recipe=step.fields,
        origins=Deferred(recipe_origins, declared),
        span=declared.span,
        steps=(step,),
        notes=notes,
    )


def notes_of(dataset: Dataset) -> dict[str, Json]:
    """The notes of a version's node: rows that are in place are checked again when these change."""
    notes: dict[str, Json] = {"checks": dataset.row_checks} if dataset.row_checks else {}
    return notes | ({"rules": dataset.rules} if dataset.rules else {})


def unreadable(dataset: Dataset) -> Iterator[tuple[Path, str, str, str | None]]:
    """The pinned files of a version without their pinned bytes: path of the block, file, pin, digest of the file (None: it is gone)."""
    if dataset.recalled:
        return  # what is kept of it has all its bytes
    for at, content in dataset.contents.items():
        block = dataset.declared.fields.get(str(at[0])) if at else dataset.declared.fields
        pin = block.get("digest") if isinstance(block, Mapping) else None
        if isinstance(pin, str) and content.digest != pin:
            yield at, content.path, pin, content.digest


def recipe_origins(declared: Declared, prefix: Path = ()) -> dict[Path, Span]:
    """Recipe path -> where it is written, for because-chains."""
    renamed: dict[Path, Path] = {("source",): ("source",), ("digest",): ("source", "digest"), ("test", "source"): ("test_source",)}
    origins = {renamed.get(path, path): span for path, span in declared.origins.items()}
    for path, written in DERIVED.items():
        if written in declared.origins:
            origins.setdefault(path, declared.origins[written])
    return {(*prefix, *path): span for path, span in origins.items()}


def version_of(
    declared: Declared, versions: Mapping[str, Declared], catalog: Catalog, facts: Mapping[SourceKey, SourceFacts]
) -> tuple[Dataset | None, list[Diagnostic]]:
    fields, problems = declared.fields, [*reading.problems(declared)]
    target = str(fields.get("target") or "")
    contents: dict[Path, Content] = {}
    test = test_block(declared)
    for at in BLOCKS if "source" in test else BLOCKS[:1]:
        content, errors = content_of(declared, at, versions, catalog, facts)
        problems += errors
        if content is not None:
            contents[at] = content
    if () not in contents or (TEST not in contents and "source" in test):
        return None, problems
    problems += split_problems(declared, has_test="source" in test)
    content = contents[()]
    test_source = source_of(declared, test, contents[TEST]) if TEST in contents else None
    inputs: dict[str, Json] = {
        "source": source_of(declared, fields, content),
        "test_source": test_source,
        "target": target,
        "columns": {name: column_inputs(spec) for name, spec in cast("dict[str, Json]", fields.get("columns") or {}).items()},
        "privacy": privacy_of(fields.get("privacy")),
        "split": split_of(fields.get("split"), has_test=test_source is not None),
    }
    if isinstance(fields.get("id"), str):
        inputs["id"] = fields["id"]
        problems += _id_problems(declared, str(fields["id"]), target)
    limits = [rule for _, rule in date_limits(fields)]
    if fields.get("checks") or limits:
        inputs["checks"] = [*cast("list[Json]", fields.get("checks") or []), *limits]
    if target and fields.get("target_missing") == "drop":
        inputs["target_missing"] = "drop"
    problems += column_problems(declared, inputs)
    overwritten = isinstance(fields.get("digest"), str) and content.digest not in (None, fields["digest"])
    columns = None if overwritten else content.columns
    problems += unknown_columns(declared, columns, outside=content.outside)
    problems += rule_problems(declared, inputs, columns, outside=content.outside)
    pinned = "digest" in fields and (test_source is None or "digest" in test)
    place = address.version_of("dataset", declared.name, declared.version)
    return Dataset(address=place, declared=declared, inputs=inputs, columns=columns, pinned=pinned, contents=contents), problems
