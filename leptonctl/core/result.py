"""What a step produced, as a value and as the record that the store holds under its key."""

from collections.abc import Mapping

from leptonctl.core.codec import Record
from leptonctl.core.values import Json


class Result(Record, tag_field="format_version", tag="1"):
    """Immutable under its key.

    `artifacts` maps file names to `sha256:<hex>` of their bytes in the store; `outputs` is the op's own JSON; `provenance` is
    recorded and shown, never part of a key. `address` is the one it was first built for, which people read. `content` is the digest of
    everything that determined it, with the contents that it read in place of their keys; `adopted` names the key of an earlier
    result of equal `content` whose outputs were taken over without computing anything (early cutoff).
    """

    key: str
    op: str
    artifacts: Mapping[str, str] = {}
    outputs: Mapping[str, Json] = {}
    provenance: Mapping[str, Json] = {}
    seconds: float = 0.0
    address: str = ""
    content: str = ""
    adopted: str | None = None


class Tombstone(Record, tag_field="format_version", tag="1"):
    """An artifact was removed for good, because it held rows that had to go. `subject` is the dataset version, or the mark of the row.
    `refused`: the bytes certainly hold the rows and are not stored again; else a build without the rows may produce the same bytes.
    """

    at: str
    by: str
    subject: str
    reason: str = ""
    refused: bool = True
