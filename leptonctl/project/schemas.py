"""Writes what is derived from the schemas, and loads the shipped schemas. Run as `python -m leptonctl.project.schemas`.

Derived: `schemas/*.schema.json` for editors, which are in Git, and the compiled checks in `kinds/checkers.py`, which are not.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leptonctl.project.catalog import load_catalog
from leptonctl.project.compiled import COMPILED, compiled_checks
from leptonctl.spi.catalog import Catalog

PACKAGE = Path(__file__).parent.parent


def write_schemas(folder: Path) -> None:
    """Write everything derived below the checkout `folder`."""
    for name, text in derived_files(load_catalog()).items():
        _write(folder / name, text)
    _write(folder / f"{COMPILED.replace('.', '/')}.py", compiled_checks(folder))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def derived_files(catalog: Catalog) -> dict[str, str]:
    """Path below the checkout -> text of every derived file that is in Git."""
    # every command imports this module for `load_schema`; writing is needed in a checkout only
    from leptonctl.kinds.schema import build_schemas

    return {
        f"schemas/{kind.lower()}.schema.json": json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
        for kind, schema in build_schemas(catalog).items()
    }


def load_schema(kind: str, base: Mapping[str, Any]) -> dict[str, Any]:
    """The shipped schema of a kind: from the installed package, or from the checkout; `base` for a kind that is not bundled."""
    name = f"{kind.lower()}.schema.json"
    for folder in (PACKAGE / "schemas", PACKAGE.parent / "schemas"):
        if (folder / name).is_file():
            return dict(json.loads((folder / name).read_text(encoding="utf-8")))
    return dict(base)


if __name__ == "__main__":
    write_schemas(Path(sys.argv[1]) if len(sys.argv) > 1 else PACKAGE.parent)
