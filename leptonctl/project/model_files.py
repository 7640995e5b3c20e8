"""Model files of other libraries: which library wrote one. Imports a provider on first use, never the library."""

from importlib import import_module

from leptonctl.spi.learning import Library
from leptonctl.spi.model_files import FileForm

FORMS = ("leptonctl.providers.trainers.xgboost_file", "leptonctl.providers.trainers.lightgbm_file")


def forms() -> list[FileForm]:
    """Every known form."""
    return [import_module(module).FORM for module in FORMS]


def form_of(data: bytes) -> FileForm | None:
    """The form of a file with these bytes; None when no library is recognized."""
    return next((form for form in forms() if form.recognizes(data)), None)


def binary_library(path: str) -> Library | None:
    """The library without which a file with this name cannot be read; None when none is needed."""
    library: Library | None = import_module(FORMS[0]).FORM.library if path.lower().endswith(".ubj") else None
    return library
