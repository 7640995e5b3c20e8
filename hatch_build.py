"""Compiles the schemas of the kinds into `leptonctl/kinds/checkers.py` when the package is built. Git holds the schemas alone."""

import sys
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

MODULE = "leptonctl/kinds/checkers.py"


class CompiledChecks(BuildHookInterface):  # type: ignore[type-arg]
    """A wheel takes the module from a folder of its own; an editable installation finds it in the checkout."""

    _folder: Path | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        # an isolated build has the checkout's own code, and of other packages only those that pyproject.toml requires for it
        sys.path.insert(0, self.root)
        try:
            from leptonctl.project.compiled import compiled_checks
        finally:
            sys.path.remove(self.root)
        checkout = Path(self.root)
        text = compiled_checks(checkout)
        if version == "editable":
            (checkout / MODULE).write_text(text, encoding="utf-8")
            return
        self._folder = Path(mkdtemp(prefix="leptonctl-build-"))
        (self._folder / "checkers.py").write_text(text, encoding="utf-8")
        build_data["force_include"][str(self._folder / "checkers.py")] = MODULE

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        if self._folder is not None:
            rmtree(self._folder)
