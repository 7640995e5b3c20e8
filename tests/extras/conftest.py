"""The project that `leptonctl init` writes, for the page that is followed with the libraries."""

from tests.how_to.conftest import built, reader

__all__ = ["built", "reader"]
