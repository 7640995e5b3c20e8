"""Imports `skops.io` in half the time: what it looks up on import takes longer than a small fit.

It lists all estimators of scikit-learn, for which it imports every module there. And for each of 440 functions of NumPy and SciPy it
searches all loaded modules for the one that holds it.
"""

import sys
from collections.abc import Collection
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any


def skops_io() -> ModuleType:
    """The module, without its list of all estimators."""
    if (loaded := sys.modules.get("skops.io")) is not None:
        return loaded
    import sklearn.utils

    all_estimators = sklearn.utils.all_estimators
    sklearn.utils.all_estimators = list
    try:
        return _import_skops_io()
    except BaseException:
        # the next import would find the half-initialised module
        for name in [name for name in sys.modules if name.startswith("skops.io")]:
            del sys.modules[name]
        raise
    finally:
        sklearn.utils.all_estimators = all_estimators


def _import_skops_io() -> ModuleType:
    package, spec = import_module("skops"), find_spec("skops.io")
    assert spec is not None
    assert spec.loader is not None
    # registered before its own code runs, so that one of its modules can be imported first
    module = sys.modules[spec.name] = module_from_spec(spec)
    utils = vars(import_module("skops.io._utils"))
    whichmodule = utils["whichmodule"]
    utils["whichmodule"] = lambda sought, name: module_of(sought, name) or whichmodule(sought, name)
    try:
        spec.loader.exec_module(module)
    finally:
        # objects in models are looked up by skops itself
        utils["whichmodule"] = whichmodule
    vars(package)["io"] = module
    return module


def module_of(sought: object, name: str) -> str | None:
    """The name of the first module that holds an object under its name. Reads `__dict__`: `getattr` makes lazy modules import more."""
    module: str | None = getattr(sought, "__module__", None)
    if module is not None:
        return module
    loaded = ((module, getattr(content, "__dict__", {})) for module, content in sys.modules.copy().items() if module != "__main__")
    return next((module for module, content in loaded if content.get(name) is sought), None)


def state_of(content: object) -> tuple[dict[str, Any], dict[str, bytes]]:
    """What `dumps` would write, without an archive: the schema, and the other files by name."""
    skops_io()
    utils, version = import_module("skops.io._utils"), import_module("skops").__version__
    parts = Parts()
    context = utils.SaveContext(zip_file=parts)
    schema: dict[str, Any] = utils.get_state(content, context)
    # skops numbers objects by address: all must live until here, so that no two have the same
    context.clear_memo()
    return {**schema, "protocol": context.protocol, "_skops_version": version}, parts.files


class Parts:
    """The files that skops writes, with the methods of `zipfile.ZipFile` that it calls."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def writestr(self, name: str, data: bytes | memoryview | str) -> None:
        self.files[name] = data.encode() if isinstance(data, str) else bytes(data)

    def namelist(self) -> Collection[str]:
        return self.files.keys()
