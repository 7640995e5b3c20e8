"""From Dataset documents to nodes: one per version, with its `prepare` step. Pure, given the catalog and the observed files."""

from collections.abc import Collection, Iterator, Mapping
from typing import cast

from leptonctl.core import address
from leptonctl.core.canonical import digest
from leptonctl.core.deferred import Deferred
from leptonctl.core.diagnostic import Diagnostic, did_you_mean, error
from leptonctl.core.frozen import Frozen, field
from leptonctl.core.graph import declaration
from leptonctl.core.observed import SourceFacts, SourceKey
from leptonctl.core.values import Json, Node, Path, Span, Step
from leptonctl.kinds import reading
from leptonctl.kinds.columns import column_inputs, column_problems, parts_of
from leptonctl.kinds.contents import Content, Part, content_of, entries
from leptonctl.kinds.kind import Declarations, Kind, Problems
from leptonctl.kinds.row_rules import date_limits, rule_problems
from leptonctl.kinds.schema_documents import DATASET
from leptonctl.kinds.splits import split_problems
from leptonctl.kinds.unbuilt import unbuilt
from leptonctl.language.resolve import Declared, Project
from leptonctl.spi.catalog import Catalog

# only these contract fields change a value; the others are checks
VALUE_FIELDS = ("type", "missing", "ignore", "when_true", "when_false", "format", "parts")
CHECK_FIELDS = ("min", "max", "values", "nullable")
ROW_FIELDS = (*CHECK_FIELDS, "unique", "pattern", "max_missing", "min_share")
SPLIT = {"test": 0.25, "seed": 0}
MOST_SUGGESTIONS = 20
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
    can be a step for either value, and `steps` caches them.
    """

    address: str
    declared: Declared
    inputs: dict[str, Json]
    columns: tuple[str, ...] | None
    pinned: bool
    contents: Mapping[Path, Content]
    steps: dict[bool, Step] = field(default_factory=dict)

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


def _prepare(place: str, inputs: dict[str, Json], *, stratify: bool) -> Step:
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


def files(project: Project) -> Iterator[SourceKey]:
    """Every file that a version names, to be observed before planning."""
    for document in project.of("Dataset").values():
        versions = {declared.version: declared for declared in project.versions(document)}
        for declared in versions.values():
            for at in BLOCKS:
                yield from (reading.source_key(entry.reader, entry.path) for entry in entries(declared, at, versions))


def datasets(declarations: Declarations) -> Mapping[str, Dataset]:
    """All dataset versions by `name@version`."""
    return declarations.of("Dataset")


def declare(declarations: Declarations) -> tuple[dict[str, Dataset], Problems]:
    """All dataset versions by `name@version`, and what is wrong with them."""
    versions: dict[str, Dataset] = {}
    problems: dict[Diagnostic, None] = {}
    for document in declarations.project.of("Dataset").values():
        sisters = {declared.version: declared for declared in declarations.project.versions(document)}
        for declared in sisters.values():
            dataset, errors = _dataset(declared, sisters, declarations.catalog, declarations.facts)
            problems.update(dict.fromkeys(errors))
            if dataset is not None:
                versions[address.short(dataset.address)] = dataset
    return versions, tuple(problems)


def node(dataset: Dataset, *, stratify: bool) -> Node:
    """The dataset version as a node. Its digest is its prepare key."""
    step = dataset.prepare(stratify=stratify)
    assert step.key is not None
    declared = dataset.declared
    # rows that are in place are checked again when these change
    notes: dict[str, Json] = {"checks": dataset.row_checks} if dataset.row_checks else {}
    notes |= {"rules": dataset.rules} if dataset.rules else {}
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


def built(declarations: Declarations) -> Iterator[Node]:
    """The nodes of all versions, split as the models that read them need it."""
    tasks: dict[tuple[str, ...], set[str]] = {}
    for model in declarations.of("Model").values():
        for group in _groups(model.dataset):
            tasks.setdefault(group, set()).add(model.task)
    for dataset in datasets(declarations).values():
        # a version that no model reads is split like its sister versions, so that it does not move when a model starts or stops using it
        used = next((tasks[group] for group in _groups(dataset) if group in tasks), set())
        yield node(dataset, stratify="classification" in used)


def _groups(dataset: Dataset) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a version's tasks are collected under: its address, and the name and target that it shares with its sister versions."""
    return (dataset.address,), (dataset.declared.name, dataset.target)


def recipe_origins(declared: Declared, prefix: Path = ()) -> dict[Path, Span]:
    """Recipe path -> where it is written, for because-chains."""
    renamed: dict[Path, Path] = {("source",): ("source",), ("digest",): ("source", "digest"), ("test", "source"): ("test_source",)}
    origins = {renamed.get(path, path): span for path, span in declared.origins.items()}
    for path, written in DERIVED.items():
        if written in declared.origins:
            origins.setdefault(path, declared.origins[written])
    return {(*prefix, *path): span for path, span in origins.items()}


def _dataset(
    declared: Declared, versions: Mapping[str, Declared], catalog: Catalog, facts: Mapping[SourceKey, SourceFacts]
) -> tuple[Dataset | None, list[Diagnostic]]:
    fields, problems = declared.fields, [*reading.problems(declared)]
    target = str(fields.get("target") or "")
    contents: dict[Path, Content] = {}
    test = _test(declared)
    for at in BLOCKS if "source" in test else BLOCKS[:1]:
        content, errors = content_of(declared, at, versions, catalog, facts)
        problems += errors
        if content is not None:
            contents[at] = content
    if () not in contents or (TEST not in contents and "source" in test):
        return None, problems
    problems += split_problems(declared, has_test="source" in test)
    content = contents[()]
    test_source = _source(declared, test, contents[TEST]) if TEST in contents else None
    inputs: dict[str, Json] = {
        "source": _source(declared, fields, content),
        "test_source": test_source,
        "target": target,
        "columns": {name: column_inputs(spec) for name, spec in cast("dict[str, Json]", fields.get("columns") or {}).items()},
        "privacy": _privacy(fields.get("privacy")),
        "split": _split(fields.get("split"), has_test=test_source is not None),
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
    problems += _unknown_columns(declared, columns, outside=content.outside)
    problems += rule_problems(declared, inputs, columns, outside=content.outside)
    pinned = "digest" in fields and (test_source is None or "digest" in test)
    place = address.version_of("dataset", declared.name, declared.version)
    return Dataset(address=place, declared=declared, inputs=inputs, columns=columns, pinned=pinned, contents=contents), problems


def _source(declared: Declared, block: Mapping[str, Json], content: Content) -> dict[str, Json]:
    """The content of a block as the payload of the step has it."""
    pin = block.get("digest")
    source: dict[str, Json] = {
        "path": content.path,
        "format": content.provider.name,
        "digest": pin if isinstance(pin, str) else content.digest,
        "options": reading.recipe_options(declared),
    }
    # of several files the digest has the names
    ending = "" if content.parts else _ending(content)
    if ending:
        source["ending"] = ending
    if content.parts:
        source["parts"] = [_part(declared, part) for part in content.parts]
    return source


def _ending(content: Content) -> str:
    """The ending of a file's name unless it is the usual one of its format: the same bytes are read otherwise under `.tsv` or `.csv.gz`."""
    suffixes = content.provider.suffixes
    fitting = max((suffix for suffix in suffixes if content.path.lower().endswith(suffix)), key=len, default="")
    return "" if fitting == suffixes[0] else fitting


def _part(declared: Declared, part: Part) -> dict[str, Json]:
    """One of several files, with its options where another version's are used."""
    options = reading.recipe_options(part.reader)
    return {"path": part.path, "digest": part.digest, **({"options": options} if options != reading.recipe_options(declared) else {})}


def _test(declared: Declared) -> dict[str, Json]:
    test = declared.fields.get("test")
    return test if isinstance(test, dict) else {}


def _privacy(privacy: Json) -> dict[str, Json] | None:
    if not isinstance(privacy, dict) or not (privacy.get("drop") or privacy.get("hash")):
        return None
    drop, hashed = cast("list[str]", privacy.get("drop") or []), cast("list[str]", privacy.get("hash") or [])
    return {
        "drop": cast("Json", sorted(drop)),
        "hash": cast("Json", sorted(hashed)),
        "key": privacy.get("key"),
        # without hashed columns the key still guards what the rows are known by
        "key_id": privacy.get("key_id") if privacy.get("key") else None,
    }


def _split(split: Json, *, has_test: bool) -> dict[str, Json]:
    if has_test:
        return {"method": "source"}
    settings = split if isinstance(split, dict) else {}
    if "column" in settings:
        return {"method": "column", "column": settings["column"]}
    if "time" in settings:
        return {"method": "time", "test": float(cast("float", settings.get("test", SPLIT["test"]))), "time": settings["time"]}
    test = float(cast("float", settings.get("test", SPLIT["test"])))
    if "by" in settings:
        return {"method": "hash", "test": test, "by": settings["by"]}
    return {"method": "random", "test": test, "seed": settings.get("seed", SPLIT["seed"]), "stratify": settings.get("stratify")}


def _unknown_columns(declared: Declared, columns: tuple[str, ...] | None, *, outside: bool) -> list[Diagnostic]:
    """Column names written in YAML that the file's header does not have. Of a file outside the project no name is listed."""
    if columns is None:
        return []
    problems: list[Diagnostic] = []
    present, known = frozenset(columns), () if outside else columns
    for path, name in _column_names(declared.fields):
        if name not in present:
            # each suggestion compares the name with every column
            suggestion = did_you_mean(name, known) if len(problems) < MOST_SUGGESTIONS else ""
            span = declared.key_at(*path) if path[0] == "columns" else declared.at(*path)
            detail = "the data has no column of this name"
            problems.append(
                error(
                    "unknown-column",
                    "Dataset names a column that the data does not have",
                    detail,
                    span=span,
                    hint=suggestion or "write a name of the file's header",
                )
            )
    return problems


def _column_names(fields: Mapping[str, Json]) -> Iterator[tuple[Path, str]]:
    if isinstance(fields.get("target"), str):
        yield ("target",), str(fields["target"])
    if isinstance(fields.get("id"), str):
        yield ("id",), str(fields["id"])
    for name in cast("dict[str, Json]", fields.get("columns") or {}):
        yield ("columns", name), name
    privacy = cast("dict[str, Json]", fields.get("privacy") or {})
    for part in ("drop", "hash"):
        for index, name in enumerate(cast("list[str]", privacy.get(part) or [])):
            yield ("privacy", part, index), name
    split = cast("dict[str, Json]", fields.get("split") or {})
    for part in ("by", "column", "time"):
        if isinstance(split.get(part), str):
            yield ("split", part), str(split[part])


KIND = Kind(name="Dataset", address="dataset", schema=DATASET, unbuilt=unbuilt, files=files, declare=declare, built=built)
