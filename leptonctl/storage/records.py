"""JSON records of the store: one encoding, one place that reads and writes results. Touches no store."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from leptonctl.core.diagnostic import fail
from leptonctl.core.values import Json, Op, Result

FORMAT = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A result as it stands in the store: for whom it was built, and which record of its key this is (1 is the first)."""

    result: Result
    address: str
    number: int


def encode(record: Mapping[str, Json]) -> bytes:
    """The bytes of a record. Raises ValueError for NaN and infinities, TypeError for what is not JSON."""
    return json.dumps({"format_version": FORMAT, **record}, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def decode(data: bytes, path: str) -> dict[str, Any]:
    """The record in bytes that stand at `path` of the store."""
    try:
        record = json.loads(data)
        version = str(record["format_version"])
    except (ValueError, TypeError, KeyError, RecursionError) as reason:
        raise fail(
            "corrupt-record",
            "A record of the store cannot be read",
            f"{path} is not a record of leptonctl: something else has written or cut it.",
            hint=f"restore {path} from a backup, or remove it and run `leptonctl apply`: what it recorded is built again",
        ) from reason
    if version.partition(".")[0] != FORMAT:
        raise fail(
            "newer-format",
            "A record of the store has a format this release does not know",
            f"{path} has format {version}; this release reads format {FORMAT}.",
            hint="upgrade leptonctl to the release that wrote the store",
        )
    return cast("dict[str, Any]", record)


def result_to_json(result: Result) -> dict[str, Json]:
    """A result as plain JSON, without the address it was built for."""
    return {
        "key": result.key,
        "op": result.op,
        "artifacts": dict(result.artifacts),
        "outputs": dict(result.outputs),
        "provenance": dict(result.provenance),
        "seconds": result.seconds,
    }


def result_from_json(record: Mapping[str, Any]) -> Result:
    """The result in a record; KeyError when it is not one."""
    return Result(
        key=record["key"],
        op=cast("Op", record["op"]),
        artifacts=record["artifacts"],
        outputs=record["outputs"],
        provenance=record["provenance"],
        seconds=record["seconds"],
    )


def decode_result(data: bytes, path: str) -> Recorded:
    """The result record in bytes that stand at `path`."""
    record = decode(data, path)
    try:
        result = result_from_json(record)
    except KeyError as reason:
        raise fail(
            "corrupt-record",
            "A record of the store cannot be read",
            f"{path} lacks {reason}: it is not a result.",
            hint=f"remove {path} and run `leptonctl apply`: what it recorded is built again",
        ) from reason
    number = path.rpartition("/")[2].partition(".")[2]
    return Recorded(result=result, address=str(record.get("address", "")), number=int(number or 1))
