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


class BrokenPin(Frozen):
    """A pinned file without the bytes of its pin. at: path of its block in the YAML. digest: of the file now; None if it is gone."""

    at: Path
    path: str
    pin: str
    digest: str | None


class Dataset(Frozen):
    """One resolved dataset version: what `prepare` needs, the columns if the file's header could be read, and the content of its blocks.

    inputs: the payload of `prepare` without `split.stratify`, which depends on the model's task where it is not written.
    steps: the step for each value of that for which one was needed.
    recalled: an earlier command found the same text and files to be sound; large parts are computed when something reads them.
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
        """The contract's checks on rows, by column: in no key, so a new one is run on rows that are already prepared."""
        return self._checks(ROW_FIELDS)

    @property
    def rules(self) -> list[Json]:
        """The rules that rows must meet; in no key either."""
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
    """The error for a dataset without a target that a model needs."""
    detail, hint = "`target` is missing: the column to predict", "add `target: COLUMN`"
    return error("missing-target", "Dataset names no target column", detail, span=dataset.declared.span_without("target"), hint=hint)


def _id_is_target(declared: Declared) -> Diagnostic:
    hint = "name the column that tells rows apart, or remove `id:`"
    return error("id-is-target", "The id of a row is its target", "this column is the target", span=declared.at("id"), hint=hint)


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
    """The notes of a version's node. When they change, prepared rows are checked again."""
    notes: dict[str, Json] = {"checks": dataset.row_checks} if dataset.row_checks else {}
    return notes | ({"rules": dataset.rules} if dataset.rules else {})


def broken_pins(dataset: Dataset) -> Iterator[BrokenPin]:
    """The pinned files of a version that are gone or have other bytes."""
    if dataset.recalled:
        return  # its pins were met, and the files have not changed
    for at, content in dataset.contents.items():
        block = dataset.declared.fields.get(str(at[0])) if at else dataset.declared.fields
        pin = block.get("digest") if isinstance(block, Mapping) else None
        if isinstance(pin, str) and content.digest != pin:
            yield BrokenPin(at=at, path=content.path, pin=pin, digest=content.digest)


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
    """One dataset version, None when its files cannot be used, and what is wrong with it. versions: it and its sister versions."""
    problems = [*reading.problems(declared)]
    contents, errors = _contents(declared, versions, catalog, facts)
    problems += errors
    if contents is None:
        return None, problems
    fields, content = declared.fields, contents[()]
    problems += split_problems(declared, has_test=TEST in contents)
    inputs = _inputs(declared, contents)
    if inputs.get("id") == inputs["target"]:
        problems.append(_id_is_target(declared))
    problems += column_problems(declared, inputs)
    is_overwritten = isinstance(fields.get("digest"), str) and content.digest not in (None, fields["digest"])
    columns = None if is_overwritten else content.columns
    problems += unknown_columns(declared, columns, outside=content.outside)
    problems += rule_problems(declared, inputs, columns, outside=content.outside)
    pinned = "digest" in fields and (TEST not in contents or "digest" in test_block(declared))
    place = address.version_of("dataset", declared.name, declared.version)
    return Dataset(address=place, declared=declared, inputs=inputs, columns=columns, pinned=pinned, contents=contents), problems


def _contents(
    declared: Declared, versions: Mapping[str, Declared], catalog: Catalog, facts: Mapping[SourceKey, SourceFacts]
) -> tuple[dict[Path, Content] | None, list[Diagnostic]]:
    """The content of each block that names files, None when one of them has none, and what is wrong with them."""
    contents: dict[Path, Content] = {}
    problems: list[Diagnostic] = []
    blocks = BLOCKS if "source" in test_block(declared) else BLOCKS[:1]
    for at in blocks:
        content, errors = content_of(declared, at, versions, catalog, facts)
        problems += errors
        if content is not None:
            contents[at] = content
    return contents if len(contents) == len(blocks) else None, problems


def _inputs(declared: Declared, contents: Mapping[Path, Content]) -> dict[str, Json]:
    """The payload of `prepare`. A field that is absent by default is only there when it is declared, so that it moves no other key."""
    fields = declared.fields
    inputs: dict[str, Json] = {
        "source": source_of(declared, fields, contents[()]),
        "test_source": source_of(declared, test_block(declared), contents[TEST]) if TEST in contents else None,
        "target": str(fields.get("target") or ""),
        "columns": {name: column_inputs(spec) for name, spec in cast("dict[str, Json]", fields.get("columns") or {}).items()},
        "privacy": privacy_of(fields.get("privacy")),
        "split": split_of(fields.get("split"), has_test=TEST in contents),
    }
    if isinstance(fields.get("id"), str):
        inputs["id"] = fields["id"]
    limits = [rule for _, rule in date_limits(fields)]
    if fields.get("checks") or limits:
        inputs["checks"] = [*cast("list[Json]", fields.get("checks") or []), *limits]
    if inputs["target"] and fields.get("target_missing") == "drop":
        inputs["target_missing"] = "drop"
    return inputs
