"""Reads the parameters of the listed estimators from the file that is shipped with them. Imports no library."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from leptonctl.core.codec import Record, decode

FILE = Path(__file__).with_name("signatures.json")


class Signature(Record):
    """Where a class is, which of `random_state` and `n_jobs` it takes, and the schemas of its parameters."""

    checksum = False

    module: str
    seeded: bool
    jobs: bool
    params: Mapping[str, dict[str, Any]]


@cache
def signatures() -> Mapping[str, Signature]:
    """Class name -> what scikit-learn said of it when the file was written (`python -m tests.sweep.signatures`)."""
    return decode(FILE.read_bytes(), dict[str, Signature])
