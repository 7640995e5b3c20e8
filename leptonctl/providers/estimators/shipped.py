"""The listed estimators as scikit-learn has them: their parameters, from the file that is shipped with them, and objects of them."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from leptonctl.spi.learning import Estimator, Options, Schema

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
    """Class name -> its signature in scikit-learn when the file was written (`python -m tests.sweep.signatures`)."""
    return msgspec.json.decode(FILE.read_bytes(), type=dict[str, Signature])


def new_estimator(name: str, arguments: Options, seed: int) -> Estimator:
    """An unfitted object of a listed class, on one thread. Imports scikit-learn."""
    signature = signatures()[name]
    values = {key: _argument(value, signature.params.get(key, {})) for key, value in arguments.items()}
    values |= {"random_state": seed} if signature.seeded else {}
    values |= {"n_jobs": 1} if signature.jobs else {}
    return getattr(import_module(signature.module), name)(**values)


def _argument(value: Any, schema: Schema) -> Any:
    """A parameter of YAML as scikit-learn takes it, with tuples for arrays."""
    return tuple(value) if isinstance(value, list) and schema.get("type") == "array" else value
