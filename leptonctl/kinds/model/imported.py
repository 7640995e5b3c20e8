"""`import:` of a model version: a finished model in a file instead of an algorithm. What its keys say and what is wrong with them.

Pure, given the observed files. What the file itself holds is read by the step `import`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from leptonctl.core.diagnostic import Diagnostic, error
from leptonctl.core.manifest import UNSUPERVISED
from leptonctl.core.observed import SourceFacts, SourceKey
from leptonctl.core.values import Document, Json, Path, Span
from leptonctl.kinds.dataset.version import Dataset
from leptonctl.kinds.model.columns import check_feature, features_of
from leptonctl.language.resolve import DECIDED, IMPORTED, LEARNED, PROGRAM, Declared, Project

LARGEST = 512 * 2**20
"""Bytes of a file to import: more would not fit beside others in a server, and protobuf ends at 2 GiB."""
OPTIONS = ("inputs", "classes", "outputs")
OF_FILES = ("import", "command")
"""Keys of a version whose digest depends on files of its own."""
LIBRARY_FILES: Mapping[str, str] = {".json": "xgboost", ".ubj": "xgboost", ".txt": "lightgbm"}
"""Ending of a file of another library -> the extra. It is read without the library, but for the binary form."""
LARGEST_LIBRARY_FILE = 128 * 2**20
BINARY = ".ubj"
CONVERSION = "docs/how-to/import.md has the lines"
_PICKLE = "a pickle runs any code when it is read"
OTHER_FORMATS: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys((".pkl", ".pickle", ".joblib", ".dill", ".cloudpickle"), (_PICKLE, "convert it where it was trained: skl2onnx")),
    ".skops": ("a skops file is a Python object, not a graph", "load it and convert it with skl2onnx"),
    **dict.fromkeys((".pt", ".pth", ".ckpt", ".bin"), (_PICKLE, "convert it with `torch.onnx.export`")),
    **dict.fromkeys((".h5", ".hdf5", ".keras"), ("a Keras file needs Keras to run", 'convert it with `model.export(FILE, format="onnx")`')),
    **dict.fromkeys((".pb", ".tflite"), ("a TensorFlow file needs TensorFlow to run", "convert it with tf2onnx")),
    ".model": ("it is XGBoost's old binary form, or no model at all", "save it as .json or .ubj: `model.save_model('model.json')`"),
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
    """Whether a version is imported or has a program. None of a restored document has: its text tells all."""
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


def imported_of(
    declared: Declared, task: str, dataset: Dataset | None, facts: Mapping[SourceKey, SourceFacts], problems: list[Diagnostic]
) -> dict[str, Json] | None:
    """What a version imports: `file` with path and digest, and the declared options. None when the file cannot be used."""
    features = features_of(declared, dataset, problems)
    path, value = path_of(declared) or "", declared.fields.get("import")
    pin = value.get("digest") if isinstance(value, Mapping) else None
    problems += _of_training(declared)
    if task in UNSUPERVISED:
        problems.append(_conflict(declared.at("task"), f"a model for {task} cannot be imported", "import a classification or a regression"))
    problems += option_conflicts(declared, task, dataset)
    seen = facts.get(source_key(path), SourceFacts())
    other = next((of for ending, of in OTHER_FORMATS.items() if path.lower().endswith(ending)), None)
    if other is not None:
        problems.append(_not_onnx(path, *other, span=span_of(declared)))
        return None
    if seen.problem is not None and (pin is None or seen.problem[0] in ("outside-project", "file-too-large")):
        name, summary, detail, hint = seen.problem
        summary = "The file to import does not exist" if name == "missing-file" else summary
        hint = "name a file with a model" if name == "not-a-file" else hint
        problems.append(error(name, summary, detail, span=span_of(declared), hint=hint))
        return None
    return {"file": {"path": path, "digest": pin or seen.digest}, **options_of(declared, features)}


def import_fields(imported: Mapping[str, Json]) -> dict[str, Json]:
    """What determines the package besides the rows: the content of the file, not its path, and the options."""
    file = cast("dict[str, Json]", imported["file"])
    return {"import": file["digest"], **{name: value for name, value in imported.items() if name != "file"}}


def recipe_fields(imported: Mapping[str, Json]) -> dict[str, Json]:
    """The same as a recipe holds it: with the path, so that it can be written as YAML again."""
    file = cast("dict[str, Json]", imported["file"])
    return {"import": {"file": file["path"], "digest": file["digest"]}, **{name: v for name, v in imported.items() if name != "file"}}


def written_import(recipe: Mapping[str, Json]) -> dict[str, Json]:
    """The `import` of a recipe as YAML: with its digest, so that the version stays what it is whatever lies at the path."""
    file = cast("dict[str, Json]", recipe["import"])
    return {"file": file["file"], "digest": file["digest"]}


def key_fields(recipe: Mapping[str, Json]) -> dict[str, Json]:
    """From the fields of a recipe to those of the key."""
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
    seen = facts.get(source_key(file["path"]), SourceFacts()).digest
    if seen == file["digest"]:
        return
    state = f"has {seen[:19]}…, not {file['digest'][:19]}…" if seen else "is gone"
    detail, hint = f"{file['path']} {state}, and it has to be imported", "restore the file, or declare a new version for the new file"
    yield error("source-changed", "A pinned file does not have its bytes", detail, span=declared.at("import", "digest"), hint=hint)


def class_of(value: Json) -> int | str:
    """A class as the target has it: a boolean is a string there."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, int | str) else str(value)


def options_of(declared: Declared, features: Json = None) -> dict[str, Json]:
    """How a graph that was made elsewhere is read, as far as it is declared."""
    fields = declared.fields
    classes = [class_of(one) for one in cast("list[Json]", fields.get("classes") or [])]
    found: dict[str, Json] = {"features": features, "inputs": fields.get("inputs"), "classes": cast("Json", classes)}
    return {name: value for name, value in {**found, "outputs": fields.get("outputs")}.items() if value}


def _conflict(span: Span, detail: str, hint: str) -> Diagnostic:
    return error("import-conflict", "A key does not go with `import`", detail, span=span, hint=hint)


def _of_training(declared: Declared) -> Iterator[Diagnostic]:
    """What only a training could use."""
    fields = declared.fields
    for name in (*LEARNED, *PROGRAM):
        if fields.get(name) is not None:
            detail = f"an imported model is not trained here, so that `{name}` has no meaning for it"
            yield _conflict(declared.key_at(name), detail, f"remove `{name}`, or `import`")
    for name in DECIDED:
        if fields.get(name) is not None and (name == "calibrate" or isinstance(fields[name], Mapping)):
            detail = f"`{name}` is fitted on folds of the training rows, and an imported model cannot be trained on them"
            yield _conflict(declared.key_at(name), detail, "write the threshold as a number" if name == "threshold" else f"remove `{name}`")
    evaluate, at = fields.get("evaluate"), ("evaluate", "cross_validation")
    own = ("versions", declared.version, *at) in declared.document.values or declared.document.value.get("import") is not None
    if isinstance(evaluate, Mapping) and evaluate.get("cross_validation") is not None and own:
        yield _conflict(declared.key_at(*at), "an imported model cannot be trained on folds", "remove `cross_validation`")


def option_conflicts(declared: Declared, task: str, dataset: Dataset | None) -> Iterator[Diagnostic]:
    """What is wrong with the options of a graph that was made elsewhere."""
    fields = declared.fields
    outputs = fields.get("outputs")
    if outputs is not None and (path_of(declared) or "").lower().endswith((*LIBRARY_FILES,)):
        yield _conflict(declared.key_at("outputs"), "the file of a booster says itself what its answers are", "remove `outputs`")
        return
    names = (*outputs,) if isinstance(outputs, Mapping) else (str(outputs),) if outputs is not None else ()
    wrong = {"regression": ("label", "probabilities", "logits"), "classification": ("prediction",)}.get(task, ())
    for name in names:
        if name in wrong:
            yield _conflict(declared.at("outputs"), f"a {task} has no {name}", "name the outputs of the task, or remove the key")
    if {"probabilities", "logits"} <= {*names}:
        detail = "the probabilities are one output or follow from the logits"
        yield _conflict(declared.at("outputs"), detail, "name one of `probabilities` and `logits`")
    classes = [class_of(one) for one in cast("list[Json]", fields.get("classes") or [])]
    if classes and task != "classification":
        yield _conflict(declared.key_at("classes"), f"a {task} has no classes", "remove the key")
    if len({type(one) for one in classes}) > 1 or len({*classes}) < len(classes):
        detail = "the classes are not all strings or all integers, or one is listed twice"
        yield _conflict(declared.at("classes"), detail, "list each class once, as the target has it")
    yield from _inputs_problems(declared, dataset)


def _inputs_problems(declared: Declared, dataset: Dataset | None) -> Iterator[Diagnostic]:
    problems: list[Diagnostic] = []
    listed: list[str] = []
    for at, name in _input_columns(declared.fields.get("inputs")):
        check_feature(declared, at, name, dataset, problems)
        if name in listed:
            hint = "name each column once"
            problems.append(_conflict(declared.at(*at), f"the column {name} is an input twice", hint))
        listed.append(name)
    yield from problems


def _input_columns(inputs: Json) -> Iterator[tuple[Path, str]]:
    """Each column that `inputs` names, with the path where it stands."""
    items: Sequence[tuple[Path, Json]] = [(("inputs", name), value) for name, value in inputs.items()] if isinstance(inputs, dict) else []
    if isinstance(inputs, list):
        items = [(("inputs",), inputs)]
    for at, value in items:
        if isinstance(value, list):
            yield from (((*at, place), str(name)) for place, name in enumerate(value))
        elif value is not None:
            yield at, str(value)


def _not_onnx(path: str, reason: str, way: str, *, span: Span) -> Diagnostic:
    detail = f"{path.rpartition('/')[2]}: {reason}"
    return error("not-onnx", "The file cannot be imported", detail, span=span, hint=f"{way}; {CONVERSION}")


assert set(OPTIONS) < set(IMPORTED)
