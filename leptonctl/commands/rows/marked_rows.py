"""Finds the snapshots that hold the row with an id, and on which side. Changes nothing."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from leptonctl.commands.files.problems import provider_failure
from leptonctl.commands.session import Session
from leptonctl.core.contract import id_mark, key_mark
from leptonctl.core.diagnostic import Failure, fail
from leptonctl.core.frozen import Frozen, field
from leptonctl.core.result import Result
from leptonctl.core.row_list import RowList
from leptonctl.core.values import Json
from leptonctl.kinds.dataset.version import Dataset
from leptonctl.project.secrets import read_secret
from leptonctl.spi.learning import ProviderError

if TYPE_CHECKING:
    import polars as pl

SIDES = ("train", "test")


class Marks(Frozen):
    """The marks of an id: without a key, and with each declared key by its key id."""

    plain: bytes
    keyed: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def all(self) -> frozenset[bytes]:
        return frozenset((self.plain, *self.keyed.values()))


class Snapshot(Frozen):
    """A snapshot with rows that are to be removed: those with these marks or records, or all if it has neither.

    `sides`: those that hold such rows. `marks`: of their ids. `records`: of the rows themselves, which another version has too. `rows`: how
    many they are. `keyed`: the keyed mark of the id, if there is one.
    """

    result: Result
    sides: frozenset[str]
    marks: frozenset[bytes] | None = None
    records: frozenset[bytes] | None = None
    rows: int = 0
    keyed: bytes | None = None

    @property
    def is_whole(self) -> bool:
        """Whether all of its rows are to be removed."""
        return self.marks is None and self.records is None


class Search(Frozen):
    """The result of a search. `snapshots`: by key. `unsearched`: what could not be searched. `keys`: the key ids that are not declared."""

    snapshots: Mapping[str, Snapshot] = field(default_factory=dict)
    unsearched: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


def marks_of(session: Session, declared: Iterable[Dataset], row: str) -> Marks:
    """The marks of an id. Failure `wrong-key` for a key that is not the one that the rows in the store were hashed with."""
    keyed: dict[str, bytes] = {}
    for dataset in declared:
        privacy = dataset.inputs.get("privacy")
        key = privacy.get("key") if isinstance(privacy, dict) else None
        if not (isinstance(key, dict) and isinstance(privacy, dict) and (privacy.get("hash") or privacy.get("key_id"))):
            continue
        try:
            secret = read_secret(key, session.root)
        except ProviderError as problem:
            raise provider_failure(problem) from problem
        key_id = str(privacy.get("key_id") or "")
        if not session.store.is_key(key_id, key_mark(secret, key_id)):
            raise wrong_key([key_id])
        keyed[key_id] = id_mark(row, secret)
    return Marks(plain=id_mark(row, None), keyed=keyed)


def wrong_key(key_ids: Sequence[str]) -> Failure:
    """The failure for rows that were hashed with other keys."""
    names = ", ".join(f'"{name}"' for name in key_ids)
    return fail(
        "wrong-key",
        "The key of private columns has changed",
        f"Rows hashed under key id {names} cannot be searched with this key.",
        hint="provide the original key of each key id, in the secret that the dataset names",
    )


def search(session: Session, results: Iterable[Result], marks: Marks) -> Search:
    """The snapshots that hold the row, among these results of `prepare`."""
    snapshots: dict[str, Snapshot] = {}
    unsearched: set[str] = set()
    keys: set[str] = set()
    for result in results:
        files = {side: result.artifacts[name] for side in SIDES if (name := f"{side}.parquet") in result.artifacts}
        present = session.store.present(files.values())
        counts = {side: _count(session, result, side, marks.all) for side, digest in files.items() if digest in present}
        key_id = _key_id(result)
        if sides := frozenset(side for side, count in counts.items() if count):
            keyed = marks.keyed.get(key_id) if key_id is not None else None
            rows = sum(filter(None, counts.values()))
            snapshots[result.key] = Snapshot(result=result, sides=sides, marks=marks.all, keyed=keyed, rows=rows)
        elif counts and key_id is not None and key_id not in marks.keyed:
            keys.add(key_id)
            unsearched.add(f"{result.address} (its rows are hashed under key id {key_id}, which no dataset declares)")
        if None in counts.values():
            unsearched.add(result.address)
    return Search(snapshots=snapshots, unsearched=tuple(sorted(unsearched)), keys=tuple(sorted(keys)))


def _key_id(result: Result) -> str | None:
    """The id of the key that the marks were made with."""
    lists = result.outputs.get("row_lists")
    rows = lists.get("train") if isinstance(lists, dict) else None
    key_id = rows.get("id_key") if isinstance(rows, dict) else None
    return key_id if isinstance(key_id, str) else None


def _count(session: Session, result: Result, side: str, marks: frozenset[bytes]) -> int | None:
    """How many rows of one side have one of the marks; None when its rows have no marks, or it is damaged."""
    from leptonctl.learning.preparing.identity import ROW_MARK

    frame = _read(session, result, side)
    if frame is None or ROW_MARK not in frame.columns:
        return None
    return sum(mark in marks for mark in frame[ROW_MARK].to_list())


def records_of(session: Session, result: Result, side: str) -> tuple[RowList, list[bytes]] | None:
    """The row list of one side and the marks of its records, in the order of the rows; None when it has none, or it cannot be read."""
    from leptonctl.learning.needs import read_row_list

    try:
        listed = read_row_list(result, side, session.store)
    except (KeyError, ValueError, ProviderError):
        return None
    return None if listed is None else (listed[0], listed[1].records.tolist())


def _is_removed(session: Session, snapshot: Snapshot, side: str, frame: "pl.DataFrame") -> "pl.Series | None":
    """For each row of one side whether it is to be removed; None when that is not known."""
    import polars as pl

    from leptonctl.learning.preparing.identity import ROW_MARK

    if snapshot.records is not None:
        listed = records_of(session, snapshot.result, side)
        if listed is None or len(listed[1]) != frame.height:
            return None
        return pl.Series([record in snapshot.records for record in listed[1]], dtype=pl.Boolean)
    return frame[ROW_MARK].is_in([*(snapshot.marks or ())]) if ROW_MARK in frame.columns else None


def _read(session: Session, result: Result, side: str) -> "pl.DataFrame | None":
    import polars as pl

    from leptonctl.learning.tables.prepared import read_side_cells

    try:
        return read_side_cells(result, side, session.store)
    except (KeyError, ValueError, pl.exceptions.PolarsError):
        return None  # missing or damaged


class Sample(Frozen):
    """Whether golden rows hold rows that are to be removed, and whether no other row of their side has equal cells."""

    holds: bool
    only: bool


def golden_rows(session: Session, snapshot: Snapshot, digest: str) -> Sample:
    """What the golden rows of a model hold, which come from the evaluation rows. What cannot be read counts as held."""
    if "test" not in snapshot.sides:
        return Sample(holds=False, only=False)
    if snapshot.is_whole:
        return Sample(holds=True, only=True)
    frame = _read(session, snapshot.result, "test")
    golden = _golden_cells(session, digest)
    is_removed = None if frame is None else _is_removed(session, snapshot, "test", frame)
    if frame is None or is_removed is None or golden is None or not {*golden} <= {*frame.columns}:
        return Sample(holds=True, only=False)
    rows = [*zip(*([_plain(cell) for cell in frame[name].to_list()] for name in golden), strict=True)]
    removed = {row for row, is_in in zip(rows, is_removed, strict=True) if is_in} & {*zip(*golden.values(), strict=True)}
    others = {row for row, is_in in zip(rows, is_removed, strict=True) if not is_in}
    return Sample(holds=bool(removed), only=not removed <= others)


def have_own_values(session: Session, snapshot: Snapshot, columns: frozenset[str] | None, takes: str) -> bool:
    """Whether the training rows that are to be removed have a value that no other row has: a string for a step that takes strings, an
    extreme for one that takes numbers. `columns`: those that the step may see, None for all. What cannot be read counts.
    """
    import polars as pl

    from leptonctl.learning.preparing.identity import ROW_MARK

    if "train" not in snapshot.sides:
        return False
    frame = None if snapshot.is_whole else _read(session, snapshot.result, "train")
    is_removed = None if frame is None else _is_removed(session, snapshot, "train", frame)
    if frame is None or is_removed is None:
        return True
    for series in frame.drop(ROW_MARK, strict=False).get_columns():
        if (columns is not None and series.name not in columns) or series.dtype.is_numeric() != (takes == "number"):
            continue
        removed, others = series.filter(is_removed), series.filter(~is_removed)
        if takes == "number":
            removed, others = removed.drop_nans().drop_nulls(), others.drop_nans().drop_nulls()
            if len(removed) and (not len(others) or removed.min() < others.min() or removed.max() > others.max()):  # type: ignore[operator]
                return True
        elif not {*removed.cast(pl.String, strict=False).to_list()} <= {*others.cast(pl.String, strict=False).to_list()}:
            return True
    return False


def _golden_cells(session: Session, digest: str) -> dict[str, list[Json]] | None:
    """The cells of golden rows by feature; None when they cannot be read."""
    try:
        tensors = json.loads(session.store.get_artifact(digest))["request"]["inputs"]
        return {str(tensor["name"]): [_plain(cell) for cell in tensor["data"]] for tensor in tensors}
    except (KeyError, TypeError, ValueError):
        return None


def _plain(cell: Json) -> Json:
    """A cell as in golden rows: None for missing, numbers as the float of a float32."""
    if cell == "" or (isinstance(cell, float) and not math.isfinite(cell)):
        return None
    return cell if cell is None or isinstance(cell, bool | str) else float(cast("float", cell))
