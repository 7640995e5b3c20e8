"""The YAML of a model of the short form: its document, and the version of each training."""

from typing import cast

from leptonctl.commands.editing.init_yaml import preprocess_lines
from leptonctl.commands.editing.version_yaml import entry_digest
from leptonctl.core.address import version_of
from leptonctl.core.diagnostic import fail
from leptonctl.core.values import Document, Json
from leptonctl.kinds.foreign_names import own_name
from leptonctl.kinds.model.imported import OPTIONS
from leptonctl.language.edit import key_lines
from leptonctl.library.model_settings import ModelSettings, Training
from leptonctl.library.table_yaml import step_lines
from leptonctl.library.writing import Draft, next_version, plain_json, require_document, versions_in
from leptonctl.spi.catalog import Catalog
from leptonctl.spi.learning import Schema

ITERATIONS = ("iterations", "max_iter", "n_estimators", "epochs")
RATES = ("learning_rate_init", "eta0", "learning_rate")
"""Names that algorithms have for these two. A parameter with such a name that chooses among words is something else."""
CANDIDATE = "candidate"


def declare_version(draft: Draft, model: str, settings: ModelSettings, training: Training, version: str | None) -> str:
    """Declare a version, unless one has the same recipe, and return its name. A new model gets a document."""
    document = draft.document("Model", model)
    if document is None:
        shared = _shared_lines(draft.session.catalog, settings, training)
        name = "v1" if version is None else version
        own = _params(draft.session.catalog, shared[1], training)
        entry = key_lines(name, own, indent=2)
        draft.add("Model", model, f"{shared[0]}versions:\n{entry}")
        require_document(draft, "Model", model)
        return name
    base = {key: value for key, value in document.value.items() if key not in ("kind", "name", "versions")}
    fields = _fields(draft.session.catalog, base, settings, training)
    entry_fields: dict[str, Json] = {key: value for key, value in fields.items() if base.get(key) != value}
    same = _same(draft, document, entry_fields, version)
    if same is not None:
        return same
    name = next_version(versions_in(document)) if version is None else version
    draft.put("Model", model, ("versions", name), entry_fields)
    return name


def _shared_lines(catalog: Catalog, settings: ModelSettings, training: Training) -> tuple[str, dict[str, Json]]:
    """The lines of a new document above `versions:`, and its task and algorithm."""
    if settings.data is None or settings.dataset is None:
        hint = "call upload_data(Data.from_csv(PATH, TARGET)) first"
        raise fail("usage", "The model has no data", "it is not declared yet", hint=hint)
    findings = settings.data.findings()
    task = _task(catalog, settings, findings.task)
    fields: dict[str, Json] = {"description": settings.description} if settings.description else {}
    fields |= {"dataset": settings.dataset, "task": task}
    lines = "".join(key_lines(key, value) for key, value in fields.items())
    if training.imports is None:
        chosen = settings.algorithm or (findings.algorithm if task == findings.task else None)
        if chosen is None:
            raise fail("usage", "The model has no algorithm", f"the data suggests {findings.task}", hint="pass `algorithm=`")
        fields["algorithm"] = _algorithm(catalog, chosen, task)
        steps = settings.steps
        lines += "".join(f"{line}\n" for line in preprocess_lines(findings.preprocess)) if steps is None else step_lines(steps)
        lines += key_lines("algorithm", fields["algorithm"])
    if findings.positive is not None and task == "classification":
        lines += key_lines("evaluate", {"positive": findings.positive})
    return lines, fields


def _task(catalog: Catalog, settings: ModelSettings, suggested: str) -> str:
    """The task that was passed, else the one that the data suggests, unless the algorithm has only another one."""
    if settings.task is not None or settings.algorithm is None:
        return settings.task or suggested
    tasks = {task for task, _ in catalog.trainers}
    ours = {task for task in tasks if (task, _algorithm(catalog, settings.algorithm, task)) in catalog.trainers}
    fitting = ours | {*catalog.tasks_of(settings.algorithm)}
    return fitting.pop() if len(fitting) == 1 else suggested


def _fields(catalog: Catalog, base: dict[str, Json], settings: ModelSettings, training: Training) -> dict[str, Json]:
    """The fields of the next version: only what was uploaded or passed. The rest is in the document."""
    fields: dict[str, Json] = {} if settings.dataset is None else {"dataset": settings.dataset}
    imported = training.imported()
    if imported is not None:
        return fields | imported
    task = settings.task or str(base.get("task"))
    if settings.task is not None:
        fields["task"] = task
    if settings.algorithm is not None:
        fields["algorithm"] = _algorithm(catalog, settings.algorithm, task)
    if settings.steps is not None:
        fields["preprocess"] = [*settings.steps]
    return {**fields, **_params(catalog, {"task": task, "algorithm": base.get("algorithm"), **fields}, training)}


def _params(catalog: Catalog, fields: dict[str, Json], training: Training) -> dict[str, Json]:
    """`params` of the version, including those that the algorithm has for iterations and learning rate, and its other keys.

    Failure `unknown-parameter` if it has none for them. An imported version has its file instead.
    """
    imported = training.imported()
    if imported is not None:
        return imported
    algorithm = str(fields.get("algorithm"))
    trainer = catalog.trainers.get((str(fields.get("task")), algorithm))
    known = cast("dict[str, Schema]", trainer.params if trainer is not None else {})
    params: dict[str, Json] = {}
    for word, value, names in (("iterations", training.iterations, ITERATIONS), ("learning_rate", training.learning_rate, RATES)):
        if value is None:
            continue
        name = next((name for name in names if name in known and "enum" not in known[name]), None)
        if name is None:
            hint = f"leave `{word}` out, or choose another algorithm; its parameters: {', '.join(known)}"
            raise fail("unknown-parameter", "The algorithm has no such parameter", f"{algorithm} has none for `{word}`", hint=hint)
        params[name] = plain_json(value, word)
        if name == "eta0":  # it has an effect only when the rate follows no schedule
            params["learning_rate"] = "constant"
    params |= training.params
    return {**({"params": params} if params else {}), **training.keys}


def _same(draft: Draft, document: Document, entry: dict[str, Json], version: str | None) -> str | None:
    """The newest declared version with the recipe of this entry. Failure `usage` when `version` is declared with another recipe."""
    declared = versions_in(document)
    if "import" in entry:
        same = [name for name, one in declared.items() if isinstance(one, dict) and _is_same_import(one, entry)]
    else:
        digest = entry_digest(draft.session, document, CANDIDATE, entry)
        built = draft.session.declarations.built
        same = [name for name in declared if built[version_of("model", document.name, name)].digest == digest]
    if version is not None and version in declared and version not in same:
        detail = f"{document.name}@{version} is declared with another recipe"
        hint = "pass another `version=`, or none"
        raise fail("usage", "The version is declared already", detail, span=document.at("versions", version), hint=hint)
    if version is not None:
        return version if version in same else None
    return same[-1] if same else None


def _is_same_import(declared: dict[str, Json], entry: dict[str, Json]) -> bool:
    """Whether a declared version imports the same file, with or without its digest, and reads it in the same way."""
    imported = declared.get("import")
    path = imported.get("file") if isinstance(imported, dict) else imported
    return path == entry["import"] and all(declared.get(key) == entry.get(key) for key in ("dataset", *OPTIONS))


def _algorithm(catalog: Catalog, name: str, task: str) -> str:
    """The name of an algorithm here. `name`: here or in scikit-learn."""
    return own_name(name, [known for of, known in catalog.trainers if of == task], {})
