"""The compiled checks of the kinds: their source for a build, and the module that a build left. Imports little: builds run it."""

from collections.abc import Mapping
from functools import partial
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import cast

from leptonctl.kinds.schema_documents import BASE
from leptonctl.language.fits import fits
from leptonctl.language.validate import Check

PACKAGE = Path(__file__).parent.parent
COMPILED = "leptonctl.kinds.checkers"


def load_checks() -> Mapping[str, Check]:
    """Kind -> whether a document fits its schema without the catalog. Compiled with the package; read from the schemas, which is
    slower, where nothing was compiled or a checkout's schemas are no longer those that were.
    """
    installed = (PACKAGE / "schemas").is_dir()
    try:
        compiled = import_module(COMPILED)
    except ModuleNotFoundError:
        compiled = None
    if compiled is not None and (installed or _mark(PACKAGE.parent) == compiled.MARK):
        return cast("Mapping[str, Check]", compiled.CHECKS)
    return {kind: partial(fits, schema=schema) for kind, schema in BASE.items()}


def compiled_checks(folder: Path) -> str:
    """The source of `kinds/checkers.py` for the checkout `folder`. Needs fastjsonschema, nothing else that is not Python's own."""
    from leptonctl.kinds.compiler import checkers

    return checkers(BASE, _mark(folder))


def _mark(folder: Path) -> str:
    """Names the schemas of a checkout: a test holds the written ones in step with those that are compiled."""
    seen = sha256()
    for kind in BASE:
        seen.update((folder / "schemas" / f"{kind.lower()}.schema.json").read_bytes())
    return seen.hexdigest()
