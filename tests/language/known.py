"""The loader with the names of the bundled kinds, which it does not know by itself."""

from collections.abc import Mapping

from leptonctl.core.diagnostic import Diagnostic
from leptonctl.core.values import Document
from leptonctl.language.load import load as load_kinds

KINDS = ("Project", "Dataset", "Model", "Environment")


def load(files: Mapping[str, str]) -> tuple[tuple[Document, ...], tuple[Diagnostic, ...]]:
    return load_kinds(files, KINDS)
