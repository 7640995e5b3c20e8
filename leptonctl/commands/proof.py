"""Proves that a version is what was recorded: bytes by digest, golden rows by replay, a rebuild in a fresh process. Records nothing.

A rebuild writes into a folder of its own, never into the store. Run as a module, this file is that fresh process.
"""

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, TypeAlias, cast

from leptonctl.building.worker import die_with
from leptonctl.core.diagnostic import fail
from leptonctl.core.values import Json, Result
from leptonctl.spi.running import Artifacts, Bench

Build: TypeAlias = Mapping[str, tuple[dict[str, Json], Result]]
"""The inputs and the recorded result of `prepare`, `train` and `export` of one version."""

OPS = ("prepare", "train", "export")
CPU_FIELDS = ("machine", "vendor", "family", "model")
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "POLARS_MAX_THREADS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at. `what` is `train model.skops`, or `golden rows`."""

    what: str
    ok: bool
    detail: str

    def to_json(self) -> dict[str, Json]:
        return {"what": self.what, "ok": self.ok, "detail": self.detail}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a rebuild says. `artifacts`: file -> {recorded, rebuilt}; `reasons`: what was not as at the first build.

    `parity` (only when not comparable): the rebuilt model against the recorded one on the evaluation rows.
    """

    verdict: Literal["identical", "different", "not comparable"]
    artifacts: Mapping[str, Mapping[str, str | None]]
    reasons: tuple[str, ...] = ()
    parity: Mapping[str, Json] | None = None

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


@dataclass(frozen=True, slots=True)
class Shelf:
    """Artifacts of one rebuild, in a folder that goes away with it."""

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
    """Every artifact of these results against its digest, then the golden rows of the exported ones."""
    checks: list[Check] = []
    for result in results:
        found = [_artifact(result.op, name, digest, store) for name, digest in sorted(result.artifacts.items())]
        checks.extend(found)
        if "golden.json" in result.artifacts and all(check.ok for check in found):
            checks.append(_golden(result, store))
    return checks


def _artifact(op: str, name: str, digest: str, store: Artifacts) -> Check:
    try:
        data = store.get_artifact(digest)
    except KeyError:
        return Check(what=f"{op} {name}", ok=False, detail=f"is not in the store any more ({digest})")
    except ValueError as problem:
        return Check(what=f"{op} {name}", ok=False, detail=str(problem))
    return Check(what=f"{op} {name}", ok=True, detail=f"{len(data)} bytes, {digest}")


def _golden(export: Result, store: Artifacts) -> Check:
    """The recorded requests through the request path of the server; private columns stand hashed in them already."""
    from leptonctl.serving.golden import replay
    from leptonctl.serving.manifest import BadModel
    from leptonctl.serving.model import load_model

    onnx, manifest, golden = (store.get_artifact(export.artifacts[name]) for name in ("model.onnx", "manifest.json", "golden.json"))
    recorded = json.loads(golden)
    try:
        replay(load_model(onnx, json.loads(manifest), key=b""), recorded)
    except BadModel as problem:
        return Check(what="golden rows", ok=False, detail=str(problem))
    rows = recorded["request"]["inputs"][0]["shape"][0]
    return Check(what="golden rows", ok=True, detail=f"{rows} rows answered as at the build")


def rebuild(build: Build, store: Artifacts, project: Path) -> Verdict:
    """Prepare, train and export once more in a fresh process on one thread, and compare the bytes.

    When the data file no longer holds the recorded bytes the recorded rows are used, and the verdict says so.
    """
    with TemporaryDirectory(prefix="leptonctl-verify-") as folder:
        shelf = Shelf(Path(folder))
        for digest in build["prepare"][1].artifacts.values():
            shelf.put_artifact(store.get_artifact(digest))
        made = _in_fresh_process(_order(build, shelf.folder, project))
        recorded = {f"{op} {name}": digest for op in OPS for name, digest in build[op][1].artifacts.items()}
        rebuilt = {f"{op} {name}": digest for op in OPS for name, digest in made["artifacts"].get(op, {}).items()}
        pairs = {name: {"recorded": digest, "rebuilt": rebuilt[name]} for name, digest in recorded.items() if name in rebuilt}
        notes = tuple(made["notes"])
        if all(pair["recorded"] == pair["rebuilt"] for pair in pairs.values()):
            return Verdict(verdict="identical", artifacts=pairs, reasons=notes)
        moved = _moved([build[op][1].provenance for op in OPS], made["provenance"])
        if not moved:
            return Verdict(verdict="different", artifacts=pairs, reasons=notes)
        parity = _parity(build, store, shelf, made["artifacts"]["export"])
        return Verdict(verdict="not comparable", artifacts=pairs, reasons=(*notes, *moved), parity=parity)


def _order(build: Build, shelf: Path, project: Path) -> dict[str, Json]:
    prepare = build["prepare"][1]
    return {
        "project": str(project),
        "shelf": str(shelf),
        "inputs": {op: build[op][0] for op in OPS},
        "prepared": {"artifacts": dict(prepare.artifacts), "outputs": dict(prepare.outputs)},
    }


def _in_fresh_process(order: dict[str, Json]) -> dict[str, Any]:
    """What the fresh process answers. It ends with this one: its input stays open only as long as we live."""
    environment = {**os.environ, **dict.fromkeys(ONE_THREAD, "1")}
    worker = subprocess.Popen(
        [sys.executable, "-m", "leptonctl.commands.proof"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
    )
    assert worker.stdin is not None
    assert worker.stdout is not None
    try:
        worker.stdin.write(json.dumps(order).encode() + b"\n")
        worker.stdin.flush()
        answer = worker.stdout.read()
    except BrokenPipeError:
        answer = b""
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
        with contextlib.suppress(BrokenPipeError):
            worker.stdin.close()
        worker.stdout.close()
    made: dict[str, Any] = json.loads(answer) if answer else {"failed": "The fresh process ended without an answer."}
    if "failed" in made:
        raise fail("rebuild-failed", "Version cannot be built again", made["failed"], hint=made.get("hint", ""))
    return made


def _moved(recorded: Iterable[Mapping[str, Any]], here: Mapping[str, Any]) -> list[str]:
    """What of libraries and CPU is not as recorded, in words."""
    moved: dict[str, None] = {}
    for provenance in recorded:
        then, now = provenance.get("versions") or {}, here["versions"]
        if not then:
            moved["no library versions are recorded"] = None
        for name in sorted(then):
            if then[name] != now.get(name):
                moved[f"{name} {then[name]} then, {now.get(name, 'none')} now"] = None
        cpu = provenance.get("cpu") or {}
        for name in CPU_FIELDS:
            if cpu.get(name) != here["cpu"].get(name):
                moved[f"CPU {name} {cpu.get(name) or 'unknown'} then, {here['cpu'].get(name) or 'unknown'} now"] = None
    return list(moved)


def _parity(build: Build, store: Artifacts, shelf: Artifacts, rebuilt: Mapping[str, str]) -> dict[str, Json]:
    """The rebuilt model's answers beside the recorded one's, on the recorded evaluation rows."""
    import numpy as np

    from leptonctl.learning.scoring import predict_onnx
    from leptonctl.learning.tables.prepared import read_rows

    prepare, export = build["prepare"][1], build["export"][1]
    task = cast("str", build["train"][0]["task"])
    rows = read_rows(store.get_artifact(prepare.artifacts["test.parquet"]), cast("dict[str, Any]", prepare.outputs["contract"]), task)
    old, new = (
        predict_onnx(source.get_artifact(files["model.onnx"]), json.loads(source.get_artifact(files["manifest.json"])), rows.columns)
        for source, files in ((store, export.artifacts), (shelf, rebuilt))
    )
    if old.values is not None and new.values is not None:
        return {"rows": len(rows.y), "max_value_diff": float(np.abs(old.values - new.values).max(initial=0.0))}
    labels = cast("np.ndarray", old.labels) != cast("np.ndarray", new.labels)
    gap = np.abs(cast("np.ndarray", old.probabilities) - cast("np.ndarray", new.probabilities))
    return {"rows": len(rows.y), "labels_differ": int(labels.sum()), "max_probability_diff": float(gap.max(initial=0.0))}


def _build_again(order: Mapping[str, Any]) -> dict[str, Any]:
    """The work of the fresh process."""
    from leptonctl.building.provenance import provenance
    from leptonctl.learning.steps import export, prepare, train
    from leptonctl.spi.learning import ProviderError

    bench = Bench(project=Path(order["project"]), artifacts=Shelf(Path(order["shelf"])), progress=_untold)
    artifacts: dict[str, dict[str, str]] = {}
    needs = {"prepare": _result("prepare", order["prepared"]["artifacts"], order["prepared"]["outputs"])}
    notes: list[str] = []
    try:
        made = prepare.run(order["inputs"]["prepare"], {}, bench)
        needs["prepare"], artifacts["prepare"] = _result("prepare", made.artifacts, made.outputs), dict(made.artifacts)
    except (ProviderError, OSError) as problem:
        said = problem.detail or problem.summary if isinstance(problem, ProviderError) else f"{problem.strerror}: {problem.filename}"
        notes.append(f"the recorded rows were used, the data cannot be prepared again: {said}")
    try:
        for op, run in (("train", train.run), ("export", export.run)):
            made = run(order["inputs"][op], needs, bench)
            needs[op], artifacts[op] = _result(op, made.artifacts, made.outputs), dict(made.artifacts)
    except ProviderError as problem:
        return {"failed": f"{problem.summary}. {problem.detail}".strip(), "hint": problem.hint}
    return {"artifacts": artifacts, "notes": notes, "provenance": provenance()}


def _result(op: str, artifacts: Mapping[str, str], outputs: Mapping[str, Json]) -> Result:
    return Result(key="", op=cast("Any", op), artifacts=artifacts, outputs=outputs, provenance={}, seconds=0.0)


def _untold(*, message: str = "", iteration: int | None = None, of: int | None = None, loss: float | None = None) -> None:
    """A rebuild shows its verdict, not its progress."""


def main() -> None:
    """One order as a line of JSON on standard input, one answer on standard output. The end of the input is the end of the work."""
    order = json.loads(sys.stdin.buffer.readline())
    die_with(sys.stdin.fileno())
    answer, sys.stdout = sys.stdout, sys.stderr  # nothing a library prints may enter the answer
    try:
        made = _build_again(order)
    except Exception as problem:  # noqa: BLE001 - whatever it is, the one who asked must read it in words
        made = {"failed": f"{type(problem).__name__}: {' '.join(str(problem).split())[:400]}"}
    answer.write(json.dumps(made))
    answer.flush()


if __name__ == "__main__":
    main()
