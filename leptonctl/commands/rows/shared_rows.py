"""Finds other snapshots that hold rows of a dataset version, which are recognised by their records. Changes nothing."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from leptonctl.commands.rows.marked_rows import SIDES, Search, Snapshot, records_of
from leptonctl.commands.session import Session
from leptonctl.core.result import Result
from leptonctl.core.row_list import RowList, same_records
from leptonctl.core.values import Json

Records = tuple[RowList, frozenset[bytes]]
"""A row list, and the marks of its records."""
Inputs = Mapping[str, Mapping[str, Json]]


def sharing(
    session: Session, snapshots: Mapping[str, Snapshot], prepared: Iterable[Result], *, inputs: Inputs, keys: Collection[str]
) -> Search:
    """Other snapshots, among these results of `prepare`, with rows of these: versions that append them, or read the same file.

    `inputs`: of each result, by key. A result that cannot be searched, and read a file that one of `keys` reads, is `unsearched`.
    """
    lists = [listed for snapshot in snapshots.values() for side in SIDES if (listed := records_of(session, snapshot.result, side))]
    ours = [(rows, frozenset(records)) for rows, records in lists]
    files = {digest for key in keys for digest in _files(inputs.get(key))}
    found: dict[str, Snapshot] = {}
    unsearched: set[str] = set()
    for result in prepared:
        if result.key in snapshots:
            continue
        shared = {side: _shared_records(session, result, side, ours) for side in SIDES if f"{side}.parquet" in result.artifacts}
        counts = {side: count for side, (count, _) in shared.items() if count}
        if counts:
            records = frozenset().union(*(rows for _, rows in shared.values()))
            found[result.key] = Snapshot(result=result, sides=frozenset(counts), records=records, rows=sum(counts.values()))
        elif None in [count for count, _ in shared.values()] and not files.isdisjoint(_files(inputs.get(result.key))):
            unsearched.add(result.address)
    return Search(snapshots=found, unsearched=tuple(sorted(unsearched)))


def _shared_records(session: Session, result: Result, side: str, ours: Iterable[Records]) -> tuple[int | None, frozenset[bytes]]:
    """How many rows of a side are among ours, and their records; None when that is not known."""
    listed = records_of(session, result, side)
    like = [records for rows, records in ours if listed is not None and same_records(rows, listed[0])]
    if listed is None or not like:
        present = session.store.present([result.artifacts[f"{side}.parquet"]])
        return (None if present else 0), frozenset()
    both = frozenset().union(*like)
    shared = [record for record in listed[1] if record in both]
    return len(shared), frozenset(shared)


def _files(inputs: Mapping[str, Json] | None) -> Iterator[str]:
    """The digests of the files that a `prepare` read."""
    for source in (inputs or {}).get("source"), (inputs or {}).get("test_source"):
        parts = source.get("parts") if isinstance(source, dict) else None
        for one in parts if isinstance(parts, list) and parts else [source]:
            if isinstance(one, dict) and isinstance(one.get("digest"), str):
                yield str(one["digest"])
