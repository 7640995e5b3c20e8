"""What the schemas accept but leptonctl does not implement yet, by kind. Each use is an error."""

from collections.abc import Iterator

from leptonctl.core.diagnostic import Diagnostic, error
from leptonctl.core.values import Document, Json, Path

# key -> what is not implemented, and what to do instead
MODEL_KEYS = {
    "import": ("finished ONNX files cannot be imported yet", "remove the key and name an `algorithm`"),
    "warm_start": ("training cannot start from another version yet", "remove the key: the version is trained from the beginning"),
    "command": ("custom training commands cannot run yet", "remove the key and name an `algorithm`"),
}
TASKS = ("clustering", "anomaly")


def in_project(document: Document) -> Iterator[Diagnostic]:
    """Permissions for what is not implemented."""
    allow = document.value.get("allow")
    for index, permission in enumerate(allow if isinstance(allow, list) else []):
        if permission == "command":
            yield _unbuilt(document, ("allow", index), MODEL_KEYS["command"][0], "remove it from `allow`")


def in_model(document: Document) -> Iterator[Diagnostic]:
    """Origins and tasks of versions that cannot be built."""
    yield from _model_block(document, (), document.value)
    versions = document.value.get("versions")
    for name, block in versions.items() if isinstance(versions, dict) else ():
        if isinstance(block, dict):
            yield from _model_block(document, ("versions", name), block)


def in_environment(document: Document) -> Iterator[Diagnostic]:
    """Canary and shadow versions."""
    models = document.value.get("models")
    for name, binding in models.items() if isinstance(models, dict) else ():
        for key in ("canary", "shadow"):
            if isinstance(binding, dict) and binding.get(key) is not None:
                hint = f"bind one version: `{name}: {binding.get('version')}`"
                yield _unbuilt(document, ("models", name, key), f"a {key} version cannot run beside another version yet", hint, on_key=True)


def _model_block(document: Document, path: Path, block: dict[str, Json]) -> Iterator[Diagnostic]:
    for key, (detail, hint) in MODEL_KEYS.items():
        if block.get(key) is not None:
            yield _unbuilt(document, (*path, key), detail, hint, on_key=True)
    if block.get("task") in TASKS:
        yield _unbuilt(document, (*path, "task"), f"the task {block['task']} has no algorithms yet", "use classification or regression")


def _unbuilt(document: Document, path: Path, detail: str, hint: str, *, on_key: bool = False) -> Diagnostic:
    span = document.key_at(*path) if on_key else document.at(*path)
    return error("not-available", "This is not implemented yet", detail, span=span, hint=hint)
