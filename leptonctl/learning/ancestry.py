"""Which rows a version has learned in addition to its own: those of its ancestors, the versions that it continues from. Writes no files."""

from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from leptonctl.core.frozen import replace
from leptonctl.core.result import Result
from leptonctl.core.values import Json
from leptonctl.learning.comparable import Fair, Side, fair_rows
from leptonctl.learning.needs import read_side
from leptonctl.spi.running import Artifacts

WARM_START, WARM_PREPARE = "warm_start", "warm_prepare"
"""The roles in which a step needs the training and the rows of the version that it continues from."""
LEARNED = "learned"
KEPT = ("rows", "rows_digest", "contract", "row_lists")
"""The outputs of `prepare` that are needed. Not its profile, so that `purge` need not look for values of rows here."""
SIDE_FILES = ("train.parquet", "train.rows")


def ancestor_rows(needs: Mapping[str, Result]) -> list[Json]:
    """What a training that continues from another version records of the rows learned before, the parent's last."""
    prepare = needs[WARM_PREPARE]
    rows: dict[str, Json] = {
        "artifacts": {name: digest for name, digest in prepare.artifacts.items() if name in SIDE_FILES},
        "outputs": {name: prepare.outputs[name] for name in KEPT if name in prepare.outputs},
    }
    return [*_recorded_parents(needs[WARM_START]), rows]


def ancestors(train: Result | None) -> Iterator[Result]:
    """The rows that a version's ancestors have learned, each as a result of `prepare`. None for a version without a parent."""
    for rows in _recorded_parents(train):
        parts = cast("dict[str, dict[str, Json]]", rows)
        yield Result(key="", op="prepare", artifacts=cast("dict[str, str]", parts["artifacts"]), outputs=parts["outputs"])


def sides(results: Iterable[Result], artifacts: Artifacts) -> list[Side]:
    """The training rows of each. What was purged counts as not recorded."""
    return [_side(result, artifacts) for result in results]


def fair_to(name: str, learned: Iterable[Result], evaluation: Side, artifacts: Artifacts, rows: int) -> Fair:
    """Which of these evaluation rows the ancestors, called `name`, have not learned."""
    return fair_rows(evaluation, {name: sides(learned, artifacts)}, rows)


def fair_test_rows(train: Result | None, prepare: Result, rows: int, artifacts: Artifacts) -> Fair | None:
    """Which test rows the ancestors have not learned; None for a version without a parent."""
    before = [*ancestors(train)]
    return fair_to("an earlier version", before, read_side(prepare, "test", artifacts), artifacts, rows) if before else None


def _side(result: Result, artifacts: Artifacts) -> Side:
    try:
        return read_side(result, "train", artifacts)
    except KeyError:
        return read_side(replace(result, artifacts={}), "train", artifacts)


def _recorded_parents(train: Result | None) -> list[Json]:
    rows = train.outputs.get(LEARNED) if train is not None else None
    return rows if isinstance(rows, list) else []
