"""What the schema knows and leptonctl cannot do yet. Each use is an error at its place."""

from collections.abc import Iterable, Iterator

from leptonctl.core.diagnostic import Diagnostic, error
from leptonctl.core.values import Document, Json, Path

# key -> what cannot be done, and what to do instead
MODEL_KEYS = {
    "import": ("finished ONNX files cannot be imported yet", "remove the key and name an `algorithm`"),
    "warm_start": ("training cannot start from another version yet", "remove the key: the version is trained from the beginning"),
    "command": ("training commands of your own cannot run yet", "remove the key and name an `algorithm`"),
}
TASKS = ("clustering", "anomaly")
REMOTE = ("s3://", "gs://", "az://", "postgresql://", "postgres://")


def not_available(documents: Iterable[Document]) -> tuple[Diagnostic, ...]:
    """All uses of features that have not landed."""
    return tuple(found for document in documents for found in FINDERS[document.kind](document))


def _unbuilt(document: Document, path: Path, detail: str, hint: str, *, on_key: bool = False) -> Diagnostic:
    span = document.key_at(*path) if on_key else document.at(*path)
    return error("not-available", "This is not built yet", detail, span=span, hint=hint)


def _project(document: Document) -> Iterator[Diagnostic]:
    for key in ("state", "store"):
        place = document.value.get(key)
        if isinstance(place, str) and place.startswith(REMOTE):
            hint = f"use a folder, for example `{key}: .leptonctl/{key}`"
            yield _unbuilt(document, (key,), f"`{key}` cannot lie in {place.split('://')[0]}:// yet", hint)
    executor = document.value.get("executor")
    if isinstance(executor, dict) and executor.get("type", "local") != "local":
        yield _unbuilt(document, ("executor", "type"), f"executor `{executor['type']}` does not exist yet", "use `type: local`")
    allow = document.value.get("allow")
    for index, permission in enumerate(allow if isinstance(allow, list) else []):
        if permission == "command":
            yield _unbuilt(document, ("allow", index), MODEL_KEYS["command"][0], "remove it from `allow`")


def _model(document: Document) -> Iterator[Diagnostic]:
    yield from _model_block(document, (), document.value)
    versions = document.value.get("versions")
    for name, block in versions.items() if isinstance(versions, dict) else ():
        if isinstance(block, dict):
            yield from _model_block(document, ("versions", name), block)


def _model_block(document: Document, path: Path, block: dict[str, Json]) -> Iterator[Diagnostic]:
    for key, (detail, hint) in MODEL_KEYS.items():
        if block.get(key) is not None:
            yield _unbuilt(document, (*path, key), detail, hint, on_key=True)
    if block.get("task") in TASKS:
        yield _unbuilt(document, (*path, "task"), f"the task {block['task']} has no algorithms yet", "use classification or regression")


def _environment(document: Document) -> Iterator[Diagnostic]:
    platform = document.value.get("platform")
    if isinstance(platform, dict) and platform.get("type", "server") in {"bundle", "kserve"}:
        yield _unbuilt(document, ("platform", "type"), f"platform `{platform['type']}` does not exist yet", "use `type: server`")
    models = document.value.get("models")
    for name, binding in models.items() if isinstance(models, dict) else ():
        for key in ("canary", "shadow"):
            if isinstance(binding, dict) and binding.get(key) is not None:
                hint = f"bind one version: `{name}: {binding.get('version')}`"
                yield _unbuilt(document, ("models", name, key), f"a {key} version cannot run beside another yet", hint, on_key=True)


FINDERS = {"Project": _project, "Dataset": lambda _document: (), "Model": _model, "Environment": _environment}
