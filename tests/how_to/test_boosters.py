"""docs/how-to/boosters.md, as far as it goes without the libraries; `tests/extras` follows the rest."""

import pytest

from leptonctl.project.catalog import is_installed
from tests.how_to.reader import Reader

MODULES = ("xgboost", "lightgbm", "torch")


@pytest.mark.skipif(any(map(is_installed, MODULES)), reason="a library of an extra is installed here")
def test_boosters_without_their_libraries(reader: Reader) -> None:
    reader.follow("docs/how-to/boosters.md", section="1. Declare the versions")
    reader.follow("docs/how-to/boosters.md", section="2. Where the library is missing")
