"""The records that docs/formats.md describes, each with its path and an example. A new record is one entry here."""

from leptonctl.core import layout
from leptonctl.core.codec import Record, decode
from leptonctl.core.deployment import Deployment, Epoch, Head, Route, ServedModel, ServerRecord
from leptonctl.core.frozen import Frozen
from leptonctl.core.manifest import Graph, GraphInput, Hashing, Manifest, ManifestColumn
from leptonctl.core.packed import PackedState, Roots, encode_roots, pack_state
from leptonctl.core.result import Result, Tombstone
from leptonctl.core.state import (
    Author,
    Claim,
    Environment,
    HistoryRecord,
    Lock,
    Mark,
    Moved,
    Owner,
    Pointer,
    Seal,
    Served,
    State,
    StepPointer,
    Verdict,
)
from leptonctl.core.store_records import Condemned, KeyMark, LineageName, OwnerRecord, Recipe, Reference, StoreIdentity

AT = "2026-11-25T12:00:00.000+00:00"
LINEAGE = "5b0c8a9d3f1e4c6ab2d7e8f901234567"


class RecordDescription(Frozen):
    """One record of the page. `words` add to the docstring of `kind` how and by whom the record is written."""

    title: str
    paths: tuple[str, ...]
    kind: type[Record]
    words: str
    example: Record


def _digest(letters: str) -> str:
    return "sha256:" + letters * (64 // len(letters))


AUTHOR = Author(command="leptonctl apply", by="ada", host="ci-3", commit="4f0c1d2")
OWNER = Owner(
    user="ada", host="ci-3", machine="f2b1", boot="77aa", namespace="pid:[4026531836]", pid=812, start=190412,
    command="leptonctl apply", commit="4f0c1d2", since=AT,
)  # fmt: skip
BOUND = Moved(
    address="environment/prod/spam", before=_digest("a1"), after=_digest("b2"), before_version="v1", after_version="v2",
    artifact=_digest("c3"), package=_digest("d4"),
)  # fmt: skip
POINTERS = {
    "dataset/mail@2024-06": Pointer(
        digest=_digest("e5"), declaration=_digest("f6"), steps={"prepare": StepPointer(op="prepare", key=_digest("07"))}, at=AT
    ),
    "environment/prod": Pointer(digest=_digest("18"), declaration=_digest("29"), effect=True, at=AT),
    "environment/prod/spam": Pointer(
        digest=_digest("b2"), declaration=_digest("3a"), artifact=_digest("c3"), package=_digest("d4"), version="v2", deployment=12,
        effect=True, at=AT,
    ),
    "model/spam@v2": Pointer(
        digest=_digest("b2"), declaration=_digest("4b"), artifact=_digest("c3"), package=_digest("d4"), at=AT,
        steps={
            "train": StepPointer(op="train", key=_digest("5c")), "export": StepPointer(op="export", key=_digest("6d")),
            "evaluate": StepPointer(op="evaluate", key=_digest("7e")), "by-country": StepPointer(op="evaluate", key=_digest("8f")),
        },
    ),
}  # fmt: skip
STATE = State(
    lineage=LINEAGE, project="mail-safety", id="9c1d", generation=1, store="77e0", revision=61, write="c0ffee0123456789", serial=40,
    current=POINTERS,
    environments={
        "prod": Environment(
            platform={"type": "server", "host": "127.0.0.1", "port": 8080}, protected=True, host="ci-3",
            folder="/srv/mail-safety", url="http://127.0.0.1:8080", deployment=12, commit="4f0c1d2",
            served={"spam": {_digest("d4"): Served(version="v2", digest=_digest("b2"), deployment=12)}},
        )
    },
    sealed={"model/spam@v2": Seal(digest=_digest("b2"), declaration=_digest("4b"), environment="prod", at=AT)},
    applies={"a1b2c3d4e5f6": Claim(owner=OWNER, addresses=("environment/prod/spam",), phase="binding", beat=3)},
    locks={"prod": Lock(claim="a1b2c3d4e5f6", owner=OWNER, token=9, beat=1)}, tokens={"prod": 9}, history=Mark(serial=40, id="5f3a"),
)  # fmt: skip

RECORDS: tuple[RecordDescription, ...] = (
    RecordDescription(
        title="State", paths=("state.json",), kind=PackedState, example=pack_state(STATE),
        words="A digest is written as the base64 of the byte 1 and its 32 bytes, any other string as the base64 of the byte 0 and the"
        " string; `leptonctl show` prints them in full.",
    ),
    RecordDescription(
        title="Store identity", paths=(layout.IDENTITY,), kind=StoreIdentity, example=StoreIdentity(id="77e0"),
        words="Written once, by the first apply of the first project.",
    ),
    RecordDescription(
        title="Lineage name", paths=(layout.lineage_name("PROJECT", "LINEAGE"),), kind=LineageName,
        example=LineageName(project="mail-safety", lineage=LINEAGE), words="Written once, by the first apply of a project.",
    ),
    RecordDescription(
        title="Lineage owner", paths=(layout.owner("LINEAGE"),), kind=OwnerRecord,
        example=OwnerRecord(project="mail-safety", state="9c1d", generation=1, at=AT, by="ada"),
        words="Compared before a state is moved; replaced by compare-and-swap when another state takes over.",
    ),
    RecordDescription(
        title="Roots", paths=(layout.roots("LINEAGE"),), kind=Roots, example=decode(encode_roots(STATE), Roots),
        words="Published before each move of pointers, for the `gc` of other projects and for a state that is lost.",
    ),
    RecordDescription(
        title="Reference", paths=(layout.reference("LINEAGE", "ID"), layout.reference(layout.unborn("PROJECT"), "ID")), kind=Reference,
        example=Reference(
            steps={"model/spam@v2": {"train": _digest("7e")}}, until=1765360800.0, seconds=1209600.0, at=AT, by="ada", command="build"
        ),
        words="A project that was never applied has no lineage: its references are below `new-PROJECT`.",
    ),
    RecordDescription(
        title="Tombstone", paths=(layout.tombstone("DIGEST"),), kind=Tombstone,
        example=Tombstone(at=AT, by="ada", subject="dataset/mail@2024-06", reason="request 4711"),
        words="Written by `leptonctl purge` before the artifact is removed: the same bytes are not stored again.",
    ),
    RecordDescription(
        title="Condemned artifact", paths=(layout.condemned_mark("DIGEST"),), kind=Condemned,
        example=Condemned(phase="condemned", nonce="8d2f00c1a7b3e455", at=AT, by="ada"), words="Replaced by compare-and-swap.",
    ),
    RecordDescription(
        title="Result", paths=(layout.result("KEY"), layout.result("KEY", 2)), kind=Result,
        example=Result(
            key=_digest("7e"), op="evaluate", outputs={"metrics": {"accuracy": 0.93}, "rows": 1151}, seconds=0.8, address="model/spam@v2",
            provenance={"at": AT, "by": "ada", "host": "ci-3", "commit": "4f0c1d2", "versions": {"scikit-learn": "1.9.1"}},
        ),
        words="The first record of a key wins. Records from `.2` on were made after an artifact of the one before was lost. The newest"
        " record whose artifacts all exist is in force.",
    ),
    RecordDescription(
        title="Recipe", paths=(layout.recipe("DECLARATION"),), kind=Recipe,
        example=Recipe(address="model/spam@v2", recipe={"algorithm": "logistic_regression", "params": {"C": 0.5}}, notes={"labels": {}}),
        words="Written once, before a pointer names it.",
    ),
    RecordDescription(
        title="Key mark", paths=(layout.key_mark("KEY_ID"),), kind=KeyMark, example=KeyMark(mark="5d41402abc4b2a76"),
        words="Written by the first step that uses the key; a later step with another key is refused.",
    ),
    RecordDescription(
        title="History record", paths=(layout.history_record("LINEAGE", 40, "ID"),), kind=HistoryRecord,
        example=HistoryRecord(
            serial=40, id="5f3a", previous=Mark(serial=39, id="11aa"), at=AT, author=AUTHOR, changes=(BOUND,), environment="prod",
            deployment=12,
            evidence=(Verdict(address="environment/prod/spam", metric="f1", rule="max_drop", limit=0.01, passed=True, value=0.002),),
        ),
        words="Written after the state that names it, so that the store is never ahead of a state unless an earlier one was restored."
        f" {layout.HISTORY_CHUNK} serials share a folder.",
    ),
    RecordDescription(
        title="Deployment", paths=(layout.deployment("LINEAGE", "ENV", 12),), kind=Deployment,
        example=Deployment(
            lineage=LINEAGE, environment="prod", deployment=12, incarnation=1, serial=40, previous=11, at=AT, by="ada", commit="4f0c1d2",
            url="http://127.0.0.1:8080", requests="lenient",
            models={
                "spam": (
                    Route(
                        version="v2", digest=_digest("b2"), package=_digest("d4"), artifact=_digest("c3"),
                        files={"model.onnx": _digest("c3"), "manifest.json": _digest("90")}, metrics={"f1": 0.91},
                    ),
                )
            },
        ),
        words="Written by the switch before anything serves it; servers load it when the head stages it.",
    ),
    RecordDescription(
        title="Head", paths=(layout.head("LINEAGE", "ENV"),), kind=Head,
        example=Head(
            epoch=Epoch(generation=1, token=9), nonce="8d2f00c1a7b3e455", deployment=12, serial=40, staged=12, holder="a1b2c3d4e5f6"
        ),
        words="Replaced by compare-and-swap. A writer first puts its own epoch there, and is refused if it finds a higher one.",
    ),
    RecordDescription(
        title="Server record", paths=(layout.server("LINEAGE", "ENV", "ID"),), kind=ServerRecord,
        example=ServerRecord(
            id="ci-3-812", lineage=LINEAGE, environment="prod", host="ci-3", machine="f2b1", pid=812, start=190412, boot="77aa",
            url="http://127.0.0.1:8080", started=1795608000.0, heartbeat=1795608060.0, beat=30, deployment=12, serial=40, ready=(12,),
            models={
                "spam": ServedModel(version="v2", digest=_digest("b2"), package=_digest("d4"), artifact=_digest("c3"), since=AT)
            },
        ),
        words="The only record that a server writes.",
    ),
    RecordDescription(
        title="Manifest", paths=("manifest.json",), kind=Manifest,
        example=Manifest(
            task="classification", target="is_spam", target_type="string", classes=("n", "y"),
            columns=(
                ManifestColumn(name="money", type="number", nullable=False, fill=0.0, min=0, graph=GraphInput(input="features", index=0)),
                ManifestColumn(name="account", type="string", nullable=True, hash=True, graph=GraphInput(input="s0")),
            ),
            graph=Graph(features=1, strings=("s0",), outputs={"label": "label", "probabilities": "probabilities"}),
            privacy=Hashing(hash=("account",), key={"secret": {"env": "LEPTON_HASH_KEY"}}, key_id="k1"),
        ),
        words="What a server needs to turn a request into graph inputs, and graph outputs into an answer; an artifact of the store.",
    ),
)  # fmt: skip
