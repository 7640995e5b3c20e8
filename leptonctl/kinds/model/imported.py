"""`import:` of a model version: a finished model in a file instead of an algorithm. What its keys mean and what is wrong with them.

Pure, given the observed files. What the file itself holds is read by the step `import`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from leptonctl.core.diagnostic import Diagnostic, error
from leptonctl.core.manifest import UNSUPERVISED
from leptonctl.core.observed import SourceFacts, SourceKey
from leptonctl.core.values import Document, Json, Path, Span
from leptonctl.kinds.model.columns import feature_problems, features_of
from leptonctl.kinds.model.draft import Draft
from leptonctl.kinds.model.inheritance import OF_DECISION, OF_IMPORT, OF_PROGRAM, OF_TRAINING
from leptonctl.language.resolve import Declared, Project

LARGEST = 512 * 2**20
"""Bytes of a file to import: a larger one would leave a server no memory for others, and protobuf allows 2 GiB at most."""
OPTIONS = ("inputs", "classes", "outputs")
OF_FILES = ("import", "command")
"""Keys of a version whose digest depends on files of its own."""
LIBRARY_FILES: Mapping[str, str] = {".json": "xgboost", ".ubj": "xgboost", ".txt": "lightgbm"}
"""Ending of a file of another library -> the extra. Only the binary form needs the library to be read."""
LARGEST_LIBRARY_FILE = 128 * 2**20
CONVERSION = "docs/how-to/import.md shows how"
_PICKLE = "a pickle runs any code when it is read"
OTHER_FORMATS: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys((".pkl", ".pickle", ".joblib", ".dill", ".cloudpickle"), (_PICKLE, "convert it where it was trained: skl2onnx")),
    ".skops": ("a skops file is a Python object, not a graph", "load it and convert it with skl2onnx"),
    **dict.fromkeys((".pt", ".pth", ".ckpt", ".bin"), (_PICKLE, "convert it with `torch.onnx.export`")),
    **dict.fromkeys((".h5", ".hdf5", ".keras"), ("a Keras file needs Keras to run", 'convert it with `model.export(FILE, format="onnx")`')),
    **dict.fromkeys((".pb", ".tflite"), ("a TensorFlow file needs TensorFlow to run", "convert it with tf2onnx")),
    ".model": ("it is XGBoost's old binary form, or not a model", "save it as .json or .ubj: `model.save_model('model.json')`"),
    ".cbm": ("CatBoost's own file needs CatBoost to run", "convert it with `save_model(FILE, format='onnx')`"),
    **dict.fromkeys((".pmml", ".mlmodel", ".safetensors", ".ort"), ("it is not an ONNX file", "export the model as ONNX")),
}
"""Ending of a file that cannot be imported -> why it is not imported, and what to do."""


def files(project: Project) -> Iterator[SourceKey]:
    """Every file that a version imports, to be observed before planning."""
    for document in project.of("Model").values():
        if reads_files(document):
            yield from (source_key(path) for declared in project.versions(document) if (path := path_of(declared)) is not None)


def reads_files(document: Document) -> bool:
    """Whether a version is imported or has a program. A restored document has neither, since all of it follows from its text."""
    if document.outline is not None:
        return False
    overrides = document.value.get("versions")
    blocks = [document.value, *(overrides.values() if isinstance(overrides, Mapping) else ())]
    return any(isinstance(block, Mapping) and not block.keys().isdisjoint(OF_FILES) for block in blocks)


def source_key(path: str) -> SourceKey:
    """The key of an imported file among the observed ones."""
    return SourceKey(path=path, largest=largest(path))


def largest(path: str) -> int:
    """Bytes that a file with this path may have."""
    return LARGEST_LIBRARY_FILE if path.lower().endswith((*LIBRARY_FILES,)) else LARGEST


def path_of(declared: Declared) -> str | None:
    """The path of the file that a version imports; None when it imports none."""
    value = declared.fields.get("import")
    path = value.get("file") if isinstance(value, Mapping) else value
    return path if isinstance(path, str) else None


def span_of(declared: Declared) -> Span:
    """Where the path is written."""
    return declared.at("import", "file") if ("import", "file") in declared.origins else declared.at("import")


def imported_fields(draft: Draft) -> dict[str, Json] | None:
    """What a version imports: `file` with path and digest, and the declared options. None when the file cannot be used."""
    declared, features = draft.declared, features_of(draft)
    path, value = path_of(declared) or "", declared.fields.get("import")
    pin = value.get("digest") if isinstance(value, Mapping) else None
    draft.report(*_training_conflicts(declared))
    if draft.task in UNSUPERVISED:
        detail, hint = f"a model for {draft.task} cannot be imported", "import a classification or a regression"
        draft.report(_conflict(declared.at("task"), detail, hint))
    draft.report(*option_conflicts(draft))
    facts = draft.declarations.facts.get(source_key(path), SourceFacts())
    problem = _file_problem(declared, path, facts, is_pinned=pin is not None)
    if problem is not None:
        draft.report(problem)
        return None
    return {"file": {"path": path, "digest": pin or facts.digest}, **options_of(declared, features)}


def _file_problem(declared: Declared, path: str, facts: SourceFacts, *, is_pinned: bool) -> Diagnostic | None:
    """Why the file cannot be imported. A pinned one may be gone, since its results may exist."""
    other = next((of for ending, of in OTHER_FORMATS.items() if path.lower().endswith(ending)), None)
    if other is not None:
        reason, remedy = other
        detail, hint = f"{path.rpartition('/')[2]}: {reason}", f"{remedy}; {CONVERSION}"
        return error("not-onnx", "The file cannot be imported", detail, span=span_of(declared), hint=hint)
    if facts.problem is None or (is_pinned and facts.problem[0] not in ("outside-project", "file-too-large")):
        return None
    name, summary, detail, hint = facts.problem
    summary = "The file to import does not exist" if name == "missing-file" else summary
    hint = "name a file with a model" if name == "not-a-file" else hint
    return error(name, summary, detail, span=span_of(declared), hint=hint)


def import_fields(imported: Mapping[str, Json]) -> dict[str, Json]:
    """What determines the package, apart from the rows: the content of the file, not its path, and the options."""
    file = cast("dict[str, Json]", imported["file"])
    return {"import": file["digest"], **{name: value for name, value in imported.items() if name != "file"}}


def recipe_fields(imported: Mapping[str, Json]) -> dict[str, Json]:
    """The same as a recipe holds it: with the path, so that it can be written as YAML again."""
    file = cast("dict[str, Json]", imported["file"])
    return {"import": {"file": file["path"], "digest": file["digest"]}, **{name: v for name, v in imported.items() if name != "file"}}


def import_override(recipe: Mapping[str, Json]) -> dict[str, Json]:
    """The `import` of a recipe as YAML: with its digest, so that the version stays the same whatever file is at the path."""
    file = cast("dict[str, Json]", recipe["import"])
    return {"file": file["file"], "digest": file["digest"]}


def key_fields(recipe: Mapping[str, Json]) -> dict[str, Json]:
    """The fields of a recipe as they enter the key."""
    return {name: value["digest"] if name == "import" and isinstance(value, Mapping) else value for name, value in recipe.items()}


def unused_options(declared: Declared) -> Iterator[Diagnostic]:
    """The options of an import in a version that is trained."""
    for name in OPTIONS:
        if declared.fields.get(name) is not None:
            detail = f"`{name}` says how an imported file is read, and this version imports none"
            hint = "remove the key, or name an ONNX file under `import:`"
            yield _conflict(declared.key_at(name), detail, hint)


def needed_import(declared: Declared, imported: Mapping[str, Json], facts: Mapping[SourceKey, SourceFacts]) -> Iterator[Diagnostic]:
    """An error when a pinned file that has to be imported is gone or has other bytes."""
    file = cast("dict[str, str]", imported["file"])
    digest = facts.get(source_key(file["path"]), SourceFacts()).digest
    if digest == file["digest"]:
        return
    state = f"has {digest[:19]}…, not {file['digest'][:19]}…" if digest else "is gone"
    detail, hint = f"{file['path']} {state}, and it has to be imported", "restore the file, or declare a new version for the new file"
    yield error("source-changed", "A pinned file does not have the pinned bytes", detail, span=declared.at("import", "digest"), hint=hint)


def class_of(value: Json) -> int | str:
    """A class as the target has it: a boolean is a string there."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, int | str) else str(value)


def options_of(declared: Declared, features: Json = None) -> dict[str, Json]:
    """The declared options for reading a graph that was made elsewhere."""
    fields, classes = declared.fields, cast("Json", _classes(declared))
    options = {"features": features, "inputs": fields.get("inputs"), "classes": classes, "outputs": fields.get("outputs")}
    return {name: value for name, value in options.items() if value}


def _classes(declared: Declared) -> list[int | str]:
    return [class_of(one) for one in cast("list[Json]", declared.fields.get("classes") or [])]


def _conflict(span: Span, detail: str, hint: str) -> Diagnostic:
    return error("import-conflict", "A key does not go with `import`", detail, span=span, hint=hint)


def _training_conflicts(declared: Declared) -> Iterator[Diagnostic]:
    """Keys that only a training could use."""
    fields = declared.fields
    for name in (*OF_TRAINING, *OF_PROGRAM):
        if fields.get(name) is not None:
            detail = f"an imported model is not trained here, so that `{name}` has no meaning for it"
            yield _conflict(declared.key_at(name), detail, f"remove `{name}`, or `import`")
    for name in OF_DECISION:
        if fields.get(name) is not None and (name == "calibrate" or isinstance(fields[name], Mapping)):
            detail = f"`{name}` is fitted on folds of the training rows, and an imported model cannot be trained on them"
            yield _conflict(declared.key_at(name), detail, "write the threshold as a number" if name == "threshold" else f"remove `{name}`")
    evaluate, at = fields.get("evaluate"), ("evaluate", "cross_validation")
    own = ("versions", declared.version, *at) in declared.document.values or declared.document.value.get("import") is not None
    if isinstance(evaluate, Mapping) and evaluate.get("cross_validation") is not None and own:
        yield _conflict(declared.key_at(*at), "an imported model cannot be trained on folds", "remove `cross_validation`")


def option_conflicts(draft: Draft) -> Iterator[Diagnostic]:
    """What is wrong with the options of a graph that was made elsewhere."""
    declared, task = draft.declared, draft.task
    outputs = declared.fields.get("outputs")
    if outputs is not None and (path_of(declared) or "").lower().endswith((*LIBRARY_FILES,)):
        yield _conflict(declared.key_at("outputs"), "the file of a booster itself says what its answers are", "remove `outputs`")
        return
    names = (*outputs,) if isinstance(outputs, Mapping) else (str(outputs),) if outputs is not None else ()
    wrong = {"regression": ("label", "probabilities", "logits"), "classification": ("prediction",)}.get(task, ())
    for name in names:
        if name in wrong:
            yield _conflict(declared.at("outputs"), f"a {task} has no {name}", "name the outputs of the task, or remove the key")
    if {"probabilities", "logits"} <= {*names}:
        detail = "the probabilities are one output or follow from the logits"
        yield _conflict(declared.at("outputs"), detail, "name one of `probabilities` and `logits`")
    yield from _class_conflicts(declared, task)
    yield from _input_problems(draft)


def _class_conflicts(declared: Declared, task: str) -> Iterator[Diagnostic]:
    classes = _classes(declared)
    if classes and task != "classification":
        yield _conflict(declared.key_at("classes"), f"a {task} has no classes", "remove the key")
    if len({type(one) for one in classes}) > 1 or len({*classes}) < len(classes):
        detail = "the classes are not all strings or all integers, or one is listed twice"
        yield _conflict(declared.at("classes"), detail, "list each class once, as the target has it")


def _input_problems(draft: Draft) -> Iterator[Diagnostic]:
    names: set[str] = set()
    for at, name in _input_columns(draft.fields.get("inputs")):
        yield from feature_problems(draft, at, name)
        if name in names:
            yield _conflict(draft.declared.at(*at), f"the column {name} is an input twice", "name each column once")
        names.add(name)


def _input_columns(inputs: Json) -> Iterator[tuple[Path, str]]:
    """Each column that `inputs` names, with its path."""
    items: Sequence[tuple[Path, Json]] = [(("inputs", name), value) for name, value in inputs.items()] if isinstance(inputs, dict) else []
    if isinstance(inputs, list):
        items = [(("inputs",), inputs)]
    for at, value in items:
        if isinstance(value, list):
            yield from (((*at, place), str(name)) for place, name in enumerate(value))
        elif value is not None:
            yield at, str(value)


assert set(OPTIONS) < set(OF_IMPORT)
