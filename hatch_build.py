"""What a build adds to the package: the schemas of the kinds compiled into `leptonctl/kinds/checkers.py`, and the description."""

import re
import sys
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

MODULE = "leptonctl/kinds/checkers.py"
RELATIVE_LINK = re.compile(r"!?\[([^\]]+)\]\((?!https?://|mailto:|#)[^)\s]+\)")


class Description(MetadataHookInterface):
    """The README for the page of a package index: links to files of the checkout and images become their text."""

    def update(self, metadata: dict[str, Any]) -> None:
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": RELATIVE_LINK.sub(r"\1", text)}


class CompiledChecks(BuildHookInterface):  # type: ignore[type-arg]
    """A wheel takes the module from a folder of its own; an editable installation finds it in the checkout."""

    _folder: Path | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        # an isolated build has the code of the checkout, and only the packages that pyproject.toml requires for a build
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
