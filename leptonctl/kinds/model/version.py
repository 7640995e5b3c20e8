"""From Model documents to resolved versions: checks references, parameters and columns, and fills in defaults. Pure."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias, cast

from leptonctl.core import address
from leptonctl.core.diagnostic import Diagnostic
from leptonctl.core.frozen import Frozen
from leptonctl.core.manifest import UNSUPERVISED
from leptonctl.core.observed import SourceFacts, SourceKey
from leptonctl.core.values import Json, Node, Step
from leptonctl.kinds.dataset.version import Dataset, missing_target
from leptonctl.kinds.model.columns import features_of, preprocess_of
from leptonctl.kinds.model.command import COMMAND, LIMITS, command_of, limits_of, read_sources, unused_limits
from leptonctl.kinds.model.decision import decision_of
from leptonctl.kinds.model.imported import import_fields, imported_of, options_of, unused_options
from leptonctl.kinds.model.params import params_of
from leptonctl.kinds.model.references import dataset_of, metrics_of, no_algorithm, task_of, unknown_algorithm
from leptonctl.kinds.model.search import SearchRequest
from leptonctl.kinds.model.weights import weights_of
from leptonctl.kinds.settings import with_defaults
from leptonctl.language.resolve import RESETS_PARAMS, Declared, Project, resets_params
from leptonctl.spi.catalog import Catalog
from leptonctl.spi.learning import Trainer

Facts: TypeAlias = Mapping[SourceKey, SourceFacts]
NO_FACTS: Facts = MappingProxyType({})
OPSET = 18
Origin: TypeAlias = Literal["trained", "imported", "command"]


class WarmStart(Frozen):
    """What a version goes on from. `refit`: its preprocess steps are fitted anew."""

    parent: "Model"
    refit: bool = False


class Model(Frozen):
    """One resolved model version: the train payload with all defaults, and how it is evaluated.

    `decides`: what the step `decide` makes of its labels and probabilities.
    `search`: what is searched and its trials (`search.Search`), {} without a search; `train` then lacks what is searched.
    `origin` is where its graph comes from. `imported`: what it imports, as `imported.imported_of` says; then nothing is trained.
    `options`: how the file that a program writes is read.
    `warnings`: what its YAML says that has no effect. `warm`: what it goes on from. `recalled`: the digest of the dataset's node -> the
    node of this version, if an earlier command made it of the same; None when it has to be made.
    """

    address: str
    declared: Declared
    dataset: Dataset
    task: str
    train: Mapping[str, Json]
    train_key_fields: Mapping[str, Json]
    opset: int
    metrics: tuple[str, ...]
    folds: int | None
    positive: Json
    average: Json
    origin: Origin = "trained"
    decides: Mapping[str, Json] = {}
    search: Mapping[str, Json] = {}
    imported: Mapping[str, Json] | None = None
    options: Mapping[str, Json] = {}
    warnings: tuple[Diagnostic, ...] = ()
    recalled: Callable[[str], Node | None] | None = None
    warm: WarmStart | None = None

    @property
    def prepare(self) -> Step:
        """The step that makes its rows, stratified for a classification when the dataset leaves that open."""
        return self.dataset.prepare(stratify=self.task == "classification")

    @property
    def kin(self) -> str:
        """What its steps are like, for forecasts."""
        return str(self.train["algorithm"]) if self.origin == "trained" else self.origin

    @property
    def scoring(self) -> dict[str, Json]:
        return {"task": self.task, "positive": self.positive, "average": self.average}


def _unknown(_: Declared) -> None:
    return None


def versions_of(
    project: Project, datasets: Mapping[str, Dataset], catalog: Catalog,
    recall: Callable[[Declared], Model | None] = _unknown,
    facts: Facts = NO_FACTS,
) -> tuple[dict[str, Model], tuple[Diagnostic, ...]]:  # fmt: skip
    """All model versions by `name@version`, and what is wrong with them. `recall`: what is known of a version that is sound. `facts`:
    what was observed of the files that versions import.
    """
    versions: dict[str, Model] = {}
    problems: dict[Diagnostic, None] = {}
    for document in project.of("Model").values():
        for declared in project.versions(document):
            if (recalled := recall(declared)) is not None:
                versions[f"{declared.name}@{declared.version}"] = recalled
                continue
            model, errors = version_of(declared, datasets, project, catalog, facts)
            problems.update(dict.fromkeys(errors))
            if model is not None:
                problems.update(dict.fromkeys(model.warnings))
                versions[address.short(model.address)] = model
    return versions, tuple(problems)


def version_of(
    declared: Declared, datasets: Mapping[str, Dataset], project: Project, catalog: Catalog, facts: Facts = NO_FACTS
) -> tuple[Model | None, list[Diagnostic]]:
    """One model version, None when it is not sound, and what is wrong with it."""
    fields = declared.fields
    problems: list[Diagnostic] = []
    task = task_of(declared, catalog, problems)
    dataset = dataset_of(declared, datasets, project, problems)
    if task is None:
        return None, problems
    if fields.get("import") is not None:
        return _imported(declared, task, dataset, catalog, facts, problems), problems
    if fields.get(COMMAND) is not None:
        return _own_code(declared, task, dataset, project, catalog, facts, problems), problems
    problems += [*unused_options(declared), *unused_limits(declared)]
    algorithm = fields.get("algorithm")
    trainer = catalog.trainers.get((task, str(algorithm))) if algorithm is not None else None
    if algorithm is None:
        problems.append(no_algorithm(declared))
    elif trainer is None:
        problems.append(unknown_algorithm(declared, str(algorithm), task, catalog))
    if dataset is not None and not dataset.target and task not in UNSUPERVISED:
        problems.append(missing_target(dataset))
    metrics, evaluate = metrics_of(declared, task, dataset, catalog, problems)
    preprocess = preprocess_of(declared, dataset, catalog, problems, taker=trainer)
    features = features_of(declared, dataset, problems)
    if trainer is None:
        return None, problems
    own_params = fields.get("params")
    params, errors = with_defaults(
        own_params if isinstance(own_params, dict) else {},
        trainer.params,
        declared,
        ("params",),
        f"algorithm {trainer.name}",
        parameters=True,
    )
    problems += errors
    decides = decision_of(declared, task, dataset, catalog, problems)
    weights = weights_of(declared, trainer, dataset, catalog, problems) if dataset is not None else {}
    if errors or dataset is None or preprocess is None:
        return None, problems
    learned, found = params_of(SearchRequest(declared=declared, task=task, trainer=trainer, params=params, catalog=catalog), evaluate)
    problems += found
    seed, revision = fields.get("seed", 0), fields.get("revision", 1)
    common: dict[str, Json] = {
        "task": task,
        "target": dataset.target,
        "features": features,
        "algorithm": trainer.name,
        "epoch": trainer.epoch,
        "seed": seed,
        "revision": revision,
        **weights,
    }
    export = cast("dict[str, Json]", fields.get("export") or {})
    folds = evaluate.get("cross_validation")
    return Model(
        address=address.version_of("model", declared.name, declared.version),
        declared=declared,
        dataset=dataset,
        task=task,
        train={**common, "preprocess": [full for full, _ in preprocess], "params": dict(learned.params)},
        train_key_fields={**common, "preprocess": [short for _, short in preprocess], **learned.key_fields},
        opset=int(cast("int", export.get("opset", OPSET))),
        metrics=metrics,
        folds=int(cast("int", folds)) if folds else None,
        positive=evaluate.get("positive"),
        average=evaluate.get("average"),
        decides=decides,
        search=learned.search,
        warnings=(*_dropped_params(declared, trainer), *learned.warnings),
    ), problems


def _imported(
    declared: Declared, task: str, dataset: Dataset | None, catalog: Catalog, facts: Facts, problems: list[Diagnostic]
) -> Model | None:
    """A version that is imported."""
    if dataset is not None and not dataset.target and task not in UNSUPERVISED:
        problems.append(missing_target(dataset))
    metrics, evaluate = metrics_of(declared, task, dataset, catalog, problems)
    imported = imported_of(declared, task, dataset, facts, problems)
    decides = decision_of(declared, task, dataset, catalog, problems)
    if dataset is None or imported is None:
        return None
    return Model(
        address=address.version_of("model", declared.name, declared.version), declared=declared, dataset=dataset, task=task, train={},
        train_key_fields={"task": task, "target": dataset.target, **import_fields(imported)}, opset=0, metrics=metrics, folds=None,
        positive=evaluate.get("positive"), average=evaluate.get("average"), origin="imported", imported=imported, decides=decides,
    )  # fmt: skip


def _own_code(
    declared: Declared, task: str, dataset: Dataset | None, project: Project, catalog: Catalog, facts: Facts, problems: list[Diagnostic]
) -> Model | None:
    """A version that a program of the user makes."""
    if dataset is not None and not dataset.target and task not in UNSUPERVISED:
        problems.append(missing_target(dataset))
    metrics, evaluate = metrics_of(declared, task, dataset, catalog, problems)
    features = features_of(declared, dataset, problems)
    command = command_of(declared, task, dataset, project, facts, problems)
    decides = decision_of(declared, task, dataset, catalog, problems)
    if dataset is None or command is None:
        return None
    leaks = tuple(read_sources(declared, dataset, command))
    problems += [leak for leak in leaks if leak.severity == "error"]
    seed, revision = declared.fields.get("seed", 0), declared.fields.get("revision", 1)
    told: dict[str, Json] = {
        "task": task, "target": dataset.target, "features": features, COMMAND: command, "seed": seed, "revision": revision,
    }  # fmt: skip
    return Model(
        address=address.version_of("model", declared.name, declared.version), declared=declared, dataset=dataset, task=task,
        train={**told, LIMITS: limits_of(declared)}, train_key_fields=told, opset=0, metrics=metrics, folds=None,
        positive=evaluate.get("positive"), average=evaluate.get("average"), origin="command", options=options_of(declared), decides=decides,
        warnings=tuple(leak for leak in leaks if leak.severity == "warning"),
    )  # fmt: skip


def _dropped_params(declared: Declared, trainer: Trainer) -> Iterator[Diagnostic]:
    """A warning for parameters of the base block that a version with another algorithm does not take over.

    A version that writes `params:` of its own starts them knowingly: only what its algorithm has too may be missed.
    """
    base = declared.document.value
    override = cast("dict[str, dict[str, Json] | None]", base.get("versions") or {}).get(declared.version) or {}
    written, own = base.get("params"), override.get("params")
    if not isinstance(written, dict) or not resets_params(base, override):
        return
    dropped = [name for name in written if not isinstance(own, dict) or (name in trainer.params and name not in own)]
    if dropped:
        yield Diagnostic(
            id="dropped-parameters",
            severity="warning",
            summary="A version with another algorithm drops the base parameters",
            detail=f"model/{declared.name}@{declared.version}: {', '.join(dropped)} of the base block "
            f"{'is' if len(dropped) == 1 else 'are'} for {base.get('algorithm') or 'another algorithm'}",
            span=declared.document.key_at("versions", declared.version, next(key for key in RESETS_PARAMS if key in override)),
            hint="write `params:` in the version for those that it needs, or move those of the base into the versions that use them",
        )
