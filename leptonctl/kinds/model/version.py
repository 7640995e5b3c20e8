"""From Model documents to resolved versions: checks references, parameters and columns, and fills in defaults. Pure."""

from collections.abc import Callable, Iterator, Mapping
from typing import Literal, TypeAlias, cast

from leptonctl.core import address
from leptonctl.core.diagnostic import Diagnostic
from leptonctl.core.frozen import Frozen
from leptonctl.core.values import Json, Node, Step
from leptonctl.kinds.dataset.version import Dataset
from leptonctl.kinds.defaults import with_defaults
from leptonctl.kinds.kind import Declarations
from leptonctl.kinds.model.columns import features_of, preprocess_of
from leptonctl.kinds.model.command import COMMAND, LIMITS, command_of, limits_of, source_leaks, unused_limits
from leptonctl.kinds.model.decision import decision_of
from leptonctl.kinds.model.draft import Draft
from leptonctl.kinds.model.imported import import_fields, imported_fields, options_of, unused_options
from leptonctl.kinds.model.inheritance import RESETS_PARAMS, resets_params
from leptonctl.kinds.model.params import params_of
from leptonctl.kinds.model.references import dataset_of, metrics_of, no_algorithm, task_of, unknown_algorithm
from leptonctl.kinds.model.search import SearchRequest
from leptonctl.kinds.model.weights import weights_of
from leptonctl.language.resolve import Declared
from leptonctl.spi.learning import Trainer

OPSET = 18
Origin: TypeAlias = Literal["trained", "imported", "command"]


class WarmStart(Frozen):
    """The version that another one continues from. `refit`: the preprocess steps are fitted again."""

    parent: "Model"
    refit: bool = False


class Model(Frozen):
    """One resolved model version: the inputs of its training with all defaults, and how it is evaluated.

    origin: where its graph comes from. train: without the parameters that are searched. search: what is searched and its trials, as
    `Search.to_json` gives them; {} without a search. decides: the fields of the step `decide`.
    imported: the file and its options (`imported_fields`); None unless the version is imported. options: how the file that a program writes
    is read. warm: the version that it continues from.
    restore_node: digest of the dataset's node -> the node of this version, if an earlier command made it of the same text and rows.
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
    restore_node: Callable[[str], Node | None] | None = None
    warm: WarmStart | None = None

    @property
    def prepare(self) -> Step:
        """The step that makes its rows, stratified for a classification when the dataset leaves that open."""
        return self.dataset.prepare(stratify=self.task == "classification")

    @property
    def algorithm(self) -> str:
        """What trains it, or where it comes from: `imported`, `command`."""
        return str(self.train["algorithm"]) if self.origin == "trained" else self.origin

    @property
    def forecast_group(self) -> str:
        """Steps of versions of one algorithm have comparable durations."""
        return self.algorithm

    @property
    def scoring(self) -> dict[str, Json]:
        return {"task": self.task, "positive": self.positive, "average": self.average}


def _no_model(_: Declared) -> None:
    return None


def versions_of(
    declarations: Declarations, recall: Callable[[Declared], Model | None] = _no_model
) -> tuple[dict[str, Model], tuple[Diagnostic, ...]]:
    """All model versions by `name@version`, and what is wrong with them. recall: the model of a version that is known to be sound."""
    versions: dict[str, Model] = {}
    problems: dict[Diagnostic, None] = {}
    project = declarations.project
    for document in project.of("Model").values():
        for declared in project.versions(document):
            if (recalled := recall(declared)) is not None:
                versions[address.short(recalled.address)] = recalled
                continue
            model, errors = version_of(declared, declarations)
            problems.update(dict.fromkeys(errors))
            if model is not None:
                problems.update(dict.fromkeys(model.warnings))
                versions[address.short(model.address)] = model
    return versions, tuple(problems)


def version_of(declared: Declared, declarations: Declarations) -> tuple[Model | None, list[Diagnostic]]:
    """One model version, None when it is not sound, and what is wrong with it."""
    problems: list[Diagnostic] = []
    task = task_of(declared, declarations.catalog, problems)
    dataset = dataset_of(declared, declarations, problems)
    if task is None:
        return None, problems
    draft = Draft(declared=declared, task=task, dataset=dataset, declarations=declarations, problems=problems)
    if declared.fields.get("import") is not None:
        return _imported_version(draft), problems
    if declared.fields.get(COMMAND) is not None:
        return _program_version(draft), problems
    return _trained_version(draft), problems


def _trained_version(draft: Draft) -> Model | None:
    """A version that is trained here."""
    declared, dataset = draft.declared, draft.dataset
    draft.report(*unused_options(declared), *unused_limits(declared))
    trainer = _trainer_of(draft)
    draft.check_target()
    metrics, evaluate = metrics_of(draft)
    preprocess, features = preprocess_of(draft, trainer), features_of(draft)
    if trainer is None:
        return None
    params = _declared_params(draft, trainer)
    decides, weights = decision_of(draft), weights_of(draft, trainer)
    if dataset is None or preprocess is None or params is None:
        return None
    request = SearchRequest(declared=declared, task=draft.task, trainer=trainer, params=params, catalog=draft.catalog)
    parameters, errors = params_of(request, evaluate)
    draft.report(*errors)
    common: dict[str, Json] = {
        "task": draft.task, "target": dataset.target, "features": features, "algorithm": trainer.name, "epoch": trainer.epoch,
        "seed": declared.fields.get("seed", 0), "revision": declared.fields.get("revision", 1), **weights,
    }  # fmt: skip
    folds, export = evaluate.get("cross_validation"), cast("dict[str, Json]", declared.fields.get("export") or {})
    return Model(
        address=_address(declared), declared=declared, dataset=dataset, task=draft.task,
        train={**common, "preprocess": [full for full, _ in preprocess], "params": dict(parameters.params)},
        train_key_fields={**common, "preprocess": [short for _, short in preprocess], **parameters.key_fields},
        opset=int(cast("int", export.get("opset", OPSET))), metrics=metrics, folds=int(cast("int", folds)) if folds else None,
        positive=evaluate.get("positive"), average=evaluate.get("average"), decides=decides, search=parameters.search,
        warnings=(*_dropped_params(declared, trainer), *parameters.warnings),
    )  # fmt: skip


def _trainer_of(draft: Draft) -> Trainer | None:
    """The trainer of the declared algorithm; None, with a problem reported, where there is none."""
    algorithm = draft.fields.get("algorithm")
    if algorithm is None:
        draft.report(no_algorithm(draft.declared))
        return None
    trainer = draft.catalog.trainers.get((draft.task, str(algorithm)))
    if trainer is None:
        draft.report(unknown_algorithm(draft.declared, str(algorithm), draft.task, draft.catalog))
    return trainer


def _declared_params(draft: Draft, trainer: Trainer) -> Mapping[str, Json] | None:
    """The parameters of the algorithm with all defaults; None, with the problems reported, where they are not valid."""
    block, what = draft.fields.get("params"), f"algorithm {trainer.name}"
    settings = block if isinstance(block, dict) else {}
    params, errors = with_defaults(settings, trainer.params, draft.declared, ("params",), what=what, parameters=True)
    draft.report(*errors)
    return None if errors else params


def _imported_version(draft: Draft) -> Model | None:
    """A version that is imported."""
    declared, dataset = draft.declared, draft.dataset
    draft.check_target()
    metrics, evaluate = metrics_of(draft)
    imported, decides = imported_fields(draft), decision_of(draft)
    if dataset is None or imported is None:
        return None
    return Model(
        address=_address(declared), declared=declared, dataset=dataset, task=draft.task, train={},
        train_key_fields={"task": draft.task, "target": dataset.target, **import_fields(imported)}, opset=0, metrics=metrics, folds=None,
        positive=evaluate.get("positive"), average=evaluate.get("average"), origin="imported", imported=imported, decides=decides,
    )  # fmt: skip


def _program_version(draft: Draft) -> Model | None:
    """A version that a program of the user makes."""
    declared, dataset = draft.declared, draft.dataset
    draft.check_target()
    metrics, evaluate = metrics_of(draft)
    features, command, decides = features_of(draft), command_of(draft), decision_of(draft)
    if dataset is None or command is None:
        return None
    leaks = tuple(source_leaks(declared, dataset, command))
    draft.report(*(leak for leak in leaks if leak.severity == "error"))
    inputs: dict[str, Json] = {
        "task": draft.task, "target": dataset.target, "features": features, COMMAND: command,
        "seed": declared.fields.get("seed", 0), "revision": declared.fields.get("revision", 1),
    }  # fmt: skip
    return Model(
        address=_address(declared), declared=declared, dataset=dataset, task=draft.task,
        train={**inputs, LIMITS: limits_of(declared)}, train_key_fields=inputs, opset=0, metrics=metrics, folds=None,
        positive=evaluate.get("positive"), average=evaluate.get("average"), origin="command", options=options_of(declared), decides=decides,
        warnings=tuple(leak for leak in leaks if leak.severity == "warning"),
    )  # fmt: skip


def _address(declared: Declared) -> str:
    return address.version_of("model", declared.name, declared.version)


def _dropped_params(declared: Declared, trainer: Trainer) -> Iterator[Diagnostic]:
    """A warning for parameters of the base block that a version with another algorithm does not inherit.

    A version with its own `params:` drops them on purpose, except perhaps those that its algorithm has too.
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
            detail=f"{address.version_of('model', declared.name, declared.version)}: {', '.join(dropped)} of the base block "
            f"{'is' if len(dropped) == 1 else 'are'} for {base.get('algorithm') or 'another algorithm'}",
            span=declared.document.key_at("versions", declared.version, next(key for key in RESETS_PARAMS if key in override)),
            hint="write `params:` in the version for those that it needs, or move those of the base into the versions that use them",
        )
