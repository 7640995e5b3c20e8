"""The compiled checks of the kinds: writes their source for a build, and loads what a build wrote. Imports little: builds run it."""

from collections.abc import Mapping
from functools import partial
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import cast

from leptonctl.kinds.schema import BASE
from leptonctl.language.fits import fits
from leptonctl.language.validate import Check

PACKAGE = Path(__file__).parent.parent
COMPILED = "leptonctl.kinds.checkers"


def load_checks() -> Mapping[str, Check]:
    """Kind -> whether a document fits its schema without the catalog.

    Compiled with the package. Without compiled checks, or in a checkout whose schemas differ from the compiled ones, the schemas
    themselves are used, which is slower.
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
    """The source of `kinds/checkers.py` for the checkout `folder`. Needs only what the build has."""
    from leptonctl.kinds.compiler import checkers

    return checkers(BASE, _mark(folder))


def _mark(folder: Path) -> str:
    """The digest of a checkout's schema files; a test keeps these in step with the schemas that are compiled."""
    digest = sha256()
    for kind in BASE:
        digest.update((folder / "schemas" / f"{kind.lower()}.schema.json").read_bytes())
    return digest.hexdigest()
