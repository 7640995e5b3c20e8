"""The step `train`: prepared rows and train inputs in, the native model out. Records nothing."""

from typing import TYPE_CHECKING, Any, cast

from leptonctl.core.values import Json, Result
from leptonctl.learning.fit import Fitted, fit
from leptonctl.learning.native import dump_native
from leptonctl.learning.tables.prepared import Rows, read_rows
from leptonctl.spi.running import Bench, Made, Needs

if TYPE_CHECKING:
    from collections.abc import Mapping


def run(inputs: dict[str, Json], needs: Needs, bench: Bench) -> Made:
    rows = prepared(needs["prepare"], "train", cast("str", inputs["task"]), bench)
    bench.progress(message=f"fitting {inputs['algorithm']} on {len(rows.y)} rows")
    fitted = fit(cast("Mapping[str, Any]", inputs), rows.columns, rows.y, bench.progress)
    return Made(
        artifacts={"model.skops": bench.artifacts.put_artifact(dump_native(fitted))},
        outputs={
            "features": list(fitted.features),
            "iterations": iterations(fitted),
            "loss": list(fitted.losses) or None,
            "warnings": list(fitted.warnings),
        },
    )


def prepared(result: Result, side: str, task: str, bench: Bench) -> Rows:
    """The `train` or `test` rows that a prepare step made."""
    data = bench.artifacts.get_artifact(result.artifacts[f"{side}.parquet"])
    return read_rows(data, cast("Mapping[str, Any]", result.outputs["contract"]), task)


def iterations(fitted: Fitted) -> int | None:
    """How many passes the algorithm made, where it counts them."""
    import numpy as np

    counted = getattr(fitted.estimator, "n_iter_", None)
    if counted is None:
        counted = len(fitted.losses) or None
    return None if counted is None else int(np.max(counted))
