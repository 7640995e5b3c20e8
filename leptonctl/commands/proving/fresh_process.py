"""Does the steps of a package again in a fresh process: this module, run with one order on standard input.

It writes into a temporary folder, never into the store.
"""

import hashlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from leptonctl.building.worker import die_with
from leptonctl.commands.proving.changed_data import changed_data
from leptonctl.core.codec import Record, decode, encode_line
from leptonctl.core.frozen import Frozen, replace
from leptonctl.core.result import Result
from leptonctl.core.values import Json
from leptonctl.spi.running import Bench, Produced


class RebuildOrder(Record):
    """What the fresh process has to do. `inputs`: op -> its step's inputs. `prepared`: the result with the recorded rows.

    `earlier`: the results that the training reads apart from its rows. `shelf`: the folder for the artifacts of the rebuild, which has the
    recorded rows. Folders are bytes, since a name may not be valid UTF-8.
    """

    project: bytes
    shelf: bytes
    inputs: Mapping[str, dict[str, Json]]
    prepared: Result
    earlier: Mapping[str, Result] = {}


class RebuildAnswer(Record):
    """The answer of the fresh process. `artifacts`: op -> its artifacts by name. `failed`: why it failed, else "".

    `changed`: where the data differ from the recorded rows.
    """

    artifacts: Mapping[str, Mapping[str, str]] = {}
    outputs: Mapping[str, Mapping[str, Json]] = {}
    notes: tuple[str, ...] = ()
    changed: str | None = None
    provenance: Mapping[str, Json] = {}
    failed: str = ""
    hint: str = ""


class Shelf(Frozen, kw_only=False):
    """Artifacts of one rebuild, in a temporary folder."""

    folder: Path

    def put_artifact(self, data: bytes) -> str:
        name = hashlib.sha256(data).hexdigest()
        (self.folder / name).write_bytes(data)
        return f"sha256:{name}"

    def get_artifact(self, digest: str) -> bytes:
        path = self.folder / digest.removeprefix("sha256:")
        if not path.is_file():
            raise KeyError(digest)
        return path.read_bytes()


def rebuild_here(order: RebuildOrder) -> RebuildAnswer:
    """Do the steps in this process."""
    from leptonctl.spi.learning import ProviderError

    bench = Bench(project=Path(os.fsdecode(order.project)), artifacts=Shelf(Path(os.fsdecode(order.shelf))))
    answer = _with_prepared(order, bench)
    try:
        return _with_package(order, answer, bench)
    except ProviderError as problem:
        return RebuildAnswer(failed=f"{problem.summary}. {problem.detail}".strip(), hint=problem.hint)


def _with_prepared(order: RebuildOrder, bench: Bench) -> RebuildAnswer:
    """The answer after the data are prepared again. Where they cannot be, a note says why, and the recorded rows are used."""
    from leptonctl.learning.steps import prepare
    from leptonctl.spi.learning import ProviderError

    try:
        prepared = prepare.run(order.inputs["prepare"], {}, bench)
    except (ProviderError, OSError) as problem:
        why = problem.detail or problem.summary if isinstance(problem, ProviderError) else f"{problem.strerror}: {problem.filename}"
        note = f"the recorded rows were used, because the data cannot be prepared again: {why}"
        return RebuildAnswer(notes=(note,), changed=changed_data(order.inputs["prepare"], order.prepared, bench))
    return RebuildAnswer(artifacts={"prepare": prepared.artifacts}, outputs={"prepare": prepared.outputs})


def _with_package(order: RebuildOrder, answer: RebuildAnswer, bench: Bench) -> RebuildAnswer:
    """The answer after the package is made again, and the cross-validation if there is one. Raises ProviderError."""
    from leptonctl.building.provenance import provenance
    from leptonctl.learning.steps import command, cross_validate, decide, export, import_graph, train

    needs = {**order.earlier, "prepare": order.prepared}
    if "prepare" in answer.artifacts:
        needs["prepare"] = _result("prepare", Produced(artifacts=answer.artifacts["prepare"], outputs=answer.outputs["prepare"]))
    artifacts, outputs = dict(answer.artifacts), dict[str, Mapping[str, Json]]()
    is_program = "command" in order.inputs.get("train", {})
    # without a trainer of ours, the step `export` imports a graph
    exporting = export.run if "train" in order.inputs and not is_program else import_graph.run
    for op, run in (("train", command.run if is_program else train.run), ("export", exporting), ("decide", decide.run)):
        if op in order.inputs:
            produced = run(order.inputs[op], needs, bench)
            needs[op] = _result(op, produced)
            artifacts[op], outputs[op] = produced.artifacts, produced.outputs
    if "cross_validate" in order.inputs:
        outputs["cross_validate"] = cross_validate.run(order.inputs["cross_validate"], needs, bench).outputs
    return replace(answer, artifacts=artifacts, outputs=outputs, provenance=provenance())


def _result(op: str, produced: Produced) -> Result:
    return Result(key="", op=op, artifacts=produced.artifacts, outputs=produced.outputs)


def main() -> None:
    """Read one order, a line of JSON, from standard input and write one answer to standard output. Killed when the input closes."""
    order = decode(sys.stdin.buffer.readline(), RebuildOrder)
    die_with(sys.stdin.fileno())
    output, sys.stdout = sys.stdout, sys.stderr  # what libraries print must not get into the answer
    try:
        answer = rebuild_here(order)
    except Exception as problem:  # noqa: BLE001 - the parent must get any failure in words
        answer = RebuildAnswer(failed=f"{type(problem).__name__}: {' '.join(str(problem).split())[:400]}")
    output.buffer.write(encode_line(answer))
    output.flush()


if __name__ == "__main__":
    main()
