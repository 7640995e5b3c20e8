"""Proves that a version is what was recorded, and records nothing.

Checks bytes by digest, golden rows by replay and metrics by computing them again; rebuilds in a fresh process, which writes into
a temporary folder and never into the store. Run as a module, this file is that fresh process.
"""

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, TypeAlias, cast

from leptonctl.building.failures import with_place
from leptonctl.building.slot import worker_environment
from leptonctl.building.worker import die_with
from leptonctl.core.codec import Record, convert, decode, encode_line
from leptonctl.core.contract import Contract
from leptonctl.core.diagnostic import fail
from leptonctl.core.frozen import Frozen
from leptonctl.core.manifest import GOLDEN_FILE, GRAPH_FILE, MANIFEST_FILE, PACKAGE_FILES, Manifest
from leptonctl.core.result import Result
from leptonctl.core.values import Json
from leptonctl.kinds.model.package import package_name
from leptonctl.spi.running import Artifacts, Bench

Build: TypeAlias = Mapping[str, tuple[dict[str, Json], Result]]
"""The inputs and the recorded result of the steps that make one version's package, and of `cross_validate` if it has one."""

OPS = ("prepare", "train", "export", "decide")
"""The steps that make a package, in order. Not every version has all of them."""
OF_PROGRAM = "the program gave another file: it draws without LEPTON_SEED, or what it runs with is not what it was"
CPU_FIELDS = ("machine", "vendor", "family", "model")


class Check(Frozen):
    """One check. `what` was checked: `train model.skops`, `golden rows`, `metrics`."""

    what: str
    ok: bool
    detail: str

    def to_json(self) -> dict[str, Json]:
        return {"what": self.what, "ok": self.ok, "detail": self.detail}


class Verdict(Frozen):
    """The result of a rebuild. `artifacts`: file -> {recorded, rebuilt}; `reasons`: what differed from the first build.

    `parity` (only when not comparable): the rebuilt model against the recorded one on the evaluation rows. `outputs`: op -> what
    `export` and `cross_validate` put out now. `changed`: where the data files have other rows than the recorded ones.
    """

    verdict: Literal["identical", "different", "not comparable"]
    artifacts: Mapping[str, Mapping[str, str | None]]
    reasons: tuple[str, ...] = ()
    parity: Mapping[str, Json] | None = None
    outputs: Mapping[str, Mapping[str, Json]] = {}
    changed: str | None = None

    @property
    def ok(self) -> bool:
        return self.verdict != "different"

    def to_json(self) -> dict[str, Json]:
        return {
            "verdict": self.verdict,
            "artifacts": cast("Json", {name: dict(pair) for name, pair in self.artifacts.items()}),
            "reasons": list(self.reasons),
            "parity": None if self.parity is None else dict(self.parity),
        }


class Provenance(Record):
    """The part of a result's provenance that decides whether a rebuild must give the same bytes."""

    versions: Mapping[str, str] = {}
    cpu: Mapping[str, Json] = {}


class RebuildOrder(Record):
    """The order to the fresh process. `inputs`: op -> its step's inputs; `prepared`: the result with the recorded rows.

    `before`: what the training reads of the version that it goes on from. `shelf`: the folder of the rebuild's artifacts, with the recorded
    rows. Folders are bytes: a name may not be valid UTF-8.
    """

    project: bytes
    shelf: bytes
    inputs: Mapping[str, dict[str, Json]]
    prepared: Result
    before: Mapping[str, Result] = {}


class RebuildAnswer(Record):
    """The answer of the fresh process: op -> its artifacts by name, or why it failed. `changed`: where the data are not as recorded."""

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


def verify_artifacts(results: Iterable[Result], store: Artifacts) -> list[Check]:
    """Check every artifact of these results against its digest, then replay the golden rows of exports."""
    checks: list[Check] = []
    for result in results:
        of_artifacts = [_check_artifact(result.op, name, digest, store) for name, digest in sorted(result.artifacts.items())]
        checks.extend(of_artifacts)
        if GOLDEN_FILE in result.artifacts and all(check.ok for check in of_artifacts):
            checks.append(_check_golden_rows(result, store))
    return checks


def _check_artifact(op: str, name: str, digest: str, store: Artifacts) -> Check:
    try:
        data = store.get_artifact(digest)
    except KeyError:
        return Check(what=f"{op} {name}", ok=False, detail=f"is no longer in the store ({digest})")
    except ValueError as problem:
        return Check(what=f"{op} {name}", ok=False, detail=str(problem))
    return Check(what=f"{op} {name}", ok=True, detail=f"{len(data)} bytes, {digest}")


def _check_golden_rows(export: Result, store: Artifacts) -> Check:
    """Replay the recorded requests through the request path of the server; their private columns are already hashed."""
    from leptonctl.serving.golden import read_golden, replay
    from leptonctl.serving.manifest import BadModel, read_manifest
    from leptonctl.serving.model import load_model

    onnx, manifest, data = (store.get_artifact(export.artifacts[name]) for name in PACKAGE_FILES)
    try:
        golden = read_golden(data)
        replay(load_model(onnx, read_manifest(manifest), key=b""), golden)
    except BadModel as problem:
        return Check(what="golden rows", ok=False, detail=str(problem))
    rows = golden.response.outputs[0].shape[0]
    return Check(what="golden rows", ok=True, detail=f"{rows} rows answered as recorded at build")


def rebuild(build: Build, store: Artifacts, project: Path, before: Mapping[str, Result] | None = None) -> Verdict:
    """Do the steps of a package again in a fresh process on one thread, and compare the bytes.

    `before`: role -> result of the version that it goes on from, or of its search, which is taken as recorded. If the data file no longer
    has the recorded bytes, the recorded rows are used, and the verdict says so.
    """
    with TemporaryDirectory(prefix="leptonctl-verify-") as folder:
        shelf = Shelf(Path(folder))
        for result in (build["prepare"][1], *(before or {}).values()):
            for digest in needed_files(result, store):
                shelf.put_artifact(store.get_artifact(digest))
        inputs = {op: of_step for op, (of_step, _) in build.items()}
        order = RebuildOrder(
            project=os.fsencode(project), shelf=os.fsencode(shelf.folder), inputs=inputs, prepared=build["prepare"][1], before=before or {}
        )
        answer = _run_fresh_process(order)
        recorded = {f"{op} {name}": digest for op in OPS if op in build for name, digest in build[op][1].artifacts.items()}
        rebuilt = {f"{op} {name}": digest for op in OPS for name, digest in answer.artifacts.get(op, {}).items()}
        pairs = {name: {"recorded": digest, "rebuilt": rebuilt[name]} for name, digest in recorded.items() if name in rebuilt}
        if all(pair["recorded"] == pair["rebuilt"] for pair in pairs.values()):
            return Verdict(verdict="identical", artifacts=pairs, reasons=answer.notes, outputs=answer.outputs, changed=answer.changed)
        changes = changes_since([build[op][1].provenance for op in OPS if op in build], answer.provenance)
        if "command" in inputs.get("train", {}):
            changes.append(OF_PROGRAM)
        if not changes:
            return Verdict(verdict="different", artifacts=pairs, reasons=answer.notes, changed=answer.changed)
        parity = _parity(build, store, shelf, answer.artifacts[package_name(build)])
        return Verdict(verdict="not comparable", artifacts=pairs, reasons=(*answer.notes, *changes), parity=parity, changed=answer.changed)


def needed_files(result: Result, store: Artifacts) -> Iterator[str]:
    """The artifacts of a result, and of the rows that it says were learned before, as far as they are there."""
    from leptonctl.learning.ancestry import ancestors

    yield from result.artifacts.values()
    for rows in ancestors(result):
        for digest in rows.artifacts.values():
            with contextlib.suppress(KeyError):
                store.get_artifact(digest)
                yield digest


def _run_fresh_process(order: RebuildOrder) -> RebuildAnswer:
    """Run the fresh process and return its answer. It ends with this process: its input stays open only as long as we live."""
    worker = subprocess.Popen(
        [sys.executable, "-P", "-m", "leptonctl.commands.proving.proof"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=worker_environment(),
        start_new_session=True,
    )
    assert worker.stdin is not None
    assert worker.stdout is not None
    try:
        worker.stdin.write(encode_line(order))
        worker.stdin.flush()
        line = worker.stdout.read()
    except BrokenPipeError:
        line = b""
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
        with contextlib.suppress(BrokenPipeError):
            worker.stdin.close()
        worker.stdout.close()
    answer = decode(line, RebuildAnswer) if line else RebuildAnswer(failed="The fresh process ended without an answer.")
    if answer.failed:
        raise fail("rebuild-failed", "The version cannot be rebuilt", answer.failed, hint=answer.hint)
    return answer


def changes_since(recorded: Iterable[Mapping[str, Json]], here: Mapping[str, Json]) -> list[str]:
    """The differences of libraries and CPU from the recorded ones, in words."""
    changes: dict[str, None] = {}
    now = convert(dict(here), Provenance)
    for provenance in recorded:
        then = convert(dict(provenance), Provenance)
        if not then.versions:
            changes["no library versions are recorded"] = None
        for name in sorted(then.versions):
            if then.versions[name] != now.versions.get(name):
                changes[f"{name} {then.versions[name]} then, {now.versions.get(name, 'none')} now"] = None
        for name in CPU_FIELDS:
            if then.cpu.get(name) != now.cpu.get(name):
                changes[f"CPU {name} {then.cpu.get(name) or 'unknown'} then, {now.cpu.get(name) or 'unknown'} now"] = None
    return list(changes)


def _parity(build: Build, store: Artifacts, shelf: Artifacts, rebuilt: Mapping[str, str]) -> dict[str, Json]:
    """The rebuilt model's answers compared with the recorded one's, on the recorded evaluation rows."""
    import numpy as np

    from leptonctl.learning.scoring.answers import predict_onnx
    from leptonctl.learning.tables.prepared import read_rows

    prepare, package = build["prepare"][1], build[package_name(build)][1]
    task = str(build["export"][0]["task"])
    contract = convert(prepare.outputs["contract"], Contract)
    rows = read_rows(store.get_artifact(prepare.artifacts["test.parquet"]), contract, task)
    old, new = (
        predict_onnx(source.get_artifact(files[GRAPH_FILE]), decode(source.get_artifact(files[MANIFEST_FILE]), Manifest), rows.columns)
        for source, files in ((store, package.artifacts), (shelf, rebuilt))
    )
    if old.values is not None and new.values is not None:
        return {"rows": len(rows.y), "max_value_diff": float(np.abs(old.values - new.values).max(initial=0.0))}
    labels = cast("np.ndarray", old.labels) != cast("np.ndarray", new.labels)
    gap = np.abs(cast("np.ndarray", old.probabilities) - cast("np.ndarray", new.probabilities))
    return {"rows": len(rows.y), "labels_differ": int(labels.sum()), "max_probability_diff": float(gap.max(initial=0.0))}


def _rebuild_here(order: RebuildOrder) -> RebuildAnswer:
    """Do the steps, in the fresh process."""
    from leptonctl.building.provenance import provenance
    from leptonctl.learning.steps import command, cross_validate, decide, export, import_graph, prepare, train
    from leptonctl.spi.learning import ProviderError

    bench = Bench(project=Path(os.fsdecode(order.project)), artifacts=Shelf(Path(os.fsdecode(order.shelf))), progress=silent)
    artifacts: dict[str, Mapping[str, str]] = {}
    needs = {"prepare": order.prepared, **order.before}
    notes: list[str] = []
    changed: str | None = None
    try:
        produced = prepare.run(order.inputs["prepare"], {}, bench)
        needs["prepare"] = Result(key="", op="prepare", artifacts=produced.artifacts, outputs=produced.outputs)
        artifacts["prepare"] = produced.artifacts
    except (ProviderError, OSError) as problem:
        why = problem.detail or problem.summary if isinstance(problem, ProviderError) else f"{problem.strerror}: {problem.filename}"
        notes.append(f"the recorded rows were used, because the data cannot be prepared again: {why}")
        changed = changed_data(order.inputs["prepare"], order.prepared, bench)
    outputs: dict[str, Mapping[str, Json]] = {}
    try:
        of_program = "command" in order.inputs.get("train", {})
        training = command.run if of_program else train.run
        # without a training of ours the step `export` imports
        exporting = export.run if "train" in order.inputs and not of_program else import_graph.run
        for op, run in (("train", training), ("export", exporting), ("decide", decide.run)):
            if op not in order.inputs:
                continue
            produced = run(order.inputs[op], needs, bench)
            needs[op] = Result(key="", op=op, artifacts=produced.artifacts, outputs=produced.outputs)
            artifacts[op], outputs[op] = produced.artifacts, produced.outputs
        if "cross_validate" in order.inputs:
            outputs["cross_validate"] = cross_validate.run(order.inputs["cross_validate"], needs, bench).outputs
    except ProviderError as problem:
        return RebuildAnswer(failed=f"{problem.summary}. {problem.detail}".strip(), hint=problem.hint)
    return RebuildAnswer(artifacts=artifacts, outputs=outputs, notes=tuple(notes), changed=changed, provenance=provenance())


def changed_data(inputs: Mapping[str, Json], recorded: Result, bench: Bench) -> str | None:
    """Where the data files have other rows than those of a result of `prepare`; None when they have the same, or are not there."""
    from leptonctl.learning.reports.changed_rows import changed_rows
    from leptonctl.spi.learning import ProviderError

    try:
        return changed_rows(inputs, recorded, bench)
    except ProviderError as problem:
        return with_place(problem.detail or problem.summary, problem.file, problem.line)
    except (OSError, KeyError):
        return None


def silent(*, message: str = "", iteration: int | None = None, of: int | None = None, loss: float | None = None) -> None:
    """Drop the progress: a rebuild shows only its verdict."""


def main() -> None:
    """Read one order as a line of JSON from standard input, write one answer to standard output. Killed when the input closes."""
    order = decode(sys.stdin.buffer.readline(), RebuildOrder)
    die_with(sys.stdin.fileno())
    output, sys.stdout = sys.stdout, sys.stderr  # what libraries print must not get into the answer
    try:
        answer = _rebuild_here(order)
    except Exception as problem:  # noqa: BLE001 - whatever it is, the parent must get it in words
        answer = RebuildAnswer(failed=f"{type(problem).__name__}: {' '.join(str(problem).split())[:400]}")
    output.buffer.write(encode_line(answer))
    output.flush()


if __name__ == "__main__":
    main()
