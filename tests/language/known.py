"""The loader as these tests call it: it is handed the names of the kinds, and knows none by itself."""

from collections.abc import Mapping

from leptonctl.core.diagnostic import Diagnostic
from leptonctl.core.values import Document
from leptonctl.language.load import load as load_kinds

KINDS = ("Project", "Dataset", "Model", "Environment")


def load(files: Mapping[str, str]) -> tuple[tuple[Document, ...], tuple[Diagnostic, ...]]:
    return load_kinds(files, KINDS)
