"""Reads the parameters of the listed estimators from the file that is shipped with them. Imports no library."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

FILE = Path(__file__).with_name("signatures.json")


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """Where a class is, which of `random_state` and `n_jobs` it takes, whether `fit` takes weights of rows, and its parameters."""

    module: str
    seeded: bool
    jobs: bool
    weighs: bool = False
    params: Mapping[str, dict[str, Any]]


@cache
def signatures() -> Mapping[str, Signature]:
    """Class name -> what scikit-learn said of it when the file was written (`python -m tests.sweep.signatures`)."""
    return msgspec.json.decode(FILE.read_bytes(), type=dict[str, Signature])
