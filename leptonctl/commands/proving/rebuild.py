"""Rebuilds a package in a fresh process and compares the bytes with the recorded ones. Records nothing."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, TypeAlias, cast

from leptonctl.building.slot import worker_environment
from leptonctl.commands.proving.fresh_process import RebuildAnswer, RebuildOrder, Shelf
from leptonctl.core.codec import Record, convert, decode, encode_line
from leptonctl.core.diagnostic import fail
from leptonctl.core.frozen import Frozen
from leptonctl.core.manifest import GRAPH_FILE, MANIFEST_FILE, Manifest
from leptonctl.core.result import Result
from leptonctl.core.values import Json
from leptonctl.kinds.model.package import package_name
from leptonctl.spi.running import Artifacts

Build: TypeAlias = Mapping[str, tuple[dict[str, Json], Result]]
"""The inputs and the recorded result of the steps that make one version's package, and of `cross_validate` if it has one."""

PACKAGE_STEPS = ("prepare", "train", "export", "decide")
"""The steps that make a package, in order. Not every version has all of them."""
PROGRAM_DIFFERS = "the program gave another file: it draws without LEPTON_SEED, or what it runs with is not what it was"
CPU_FIELDS = ("machine", "vendor", "family", "model")


class Verdict(Frozen):
    """The result of a rebuild. `artifacts`: file -> {recorded, rebuilt}; `reasons`: what differed from the first build.

    `parity` (only when not comparable): the rebuilt model against the recorded one on the evaluation rows. `outputs`: op -> what
    the rebuilt steps return. `changed`: where the rows of the data files differ from the recorded ones.
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


def rebuild(build: Build, store: Artifacts, project: Path, earlier: Mapping[str, Result] | None = None) -> Verdict:
    """Do the steps of a package again in a fresh process on one thread, and compare the bytes.

    `earlier`: role -> result of the version whose training it continues, or of its search; these are used as recorded. If the data file
    no longer has the recorded bytes, the recorded rows are used, and the verdict says so.
    """
    with TemporaryDirectory(prefix="leptonctl-verify-") as folder:
        shelf = Shelf(Path(folder))
        for result in (build["prepare"][1], *(earlier or {}).values()):
            for digest in _needed_files(result, store):
                shelf.put_artifact(store.get_artifact(digest))
        order = RebuildOrder(
            project=os.fsencode(project),
            shelf=os.fsencode(shelf.folder),
            inputs={op: inputs for op, (inputs, _) in build.items()},
            prepared=build["prepare"][1],
            earlier=earlier or {},
        )
        return _compare(build, _run_fresh_process(order), store, shelf)


def _compare(build: Build, answer: RebuildAnswer, store: Artifacts, shelf: Artifacts) -> Verdict:
    """The verdict on what a rebuild has put on the shelf."""
    recorded = {f"{op} {name}": digest for op in PACKAGE_STEPS if op in build for name, digest in build[op][1].artifacts.items()}
    rebuilt = {f"{op} {name}": digest for op in PACKAGE_STEPS for name, digest in answer.artifacts.get(op, {}).items()}
    pairs = {name: {"recorded": digest, "rebuilt": rebuilt[name]} for name, digest in recorded.items() if name in rebuilt}
    if all(pair["recorded"] == pair["rebuilt"] for pair in pairs.values()):
        return Verdict(verdict="identical", artifacts=pairs, reasons=answer.notes, outputs=answer.outputs, changed=answer.changed)
    changes = changes_since([build[op][1].provenance for op in PACKAGE_STEPS if op in build], answer.provenance)
    if "train" in build and "command" in build["train"][0]:
        changes.append(PROGRAM_DIFFERS)
    if not changes:
        return Verdict(verdict="different", artifacts=pairs, reasons=answer.notes, changed=answer.changed)
    parity = _parity(build, store, shelf, answer.artifacts[package_name(build)])
    return Verdict(verdict="not comparable", artifacts=pairs, reasons=(*answer.notes, *changes), parity=parity, changed=answer.changed)


def _needed_files(result: Result, store: Artifacts) -> Iterator[str]:
    """The artifacts of a result, and of the rows that earlier versions learned, as far as the store has them."""
    from leptonctl.learning.ancestry import ancestors

    yield from result.artifacts.values()
    for rows in ancestors(result):
        for digest in rows.artifacts.values():
            with contextlib.suppress(KeyError):
                store.get_artifact(digest)
                yield digest


def _run_fresh_process(order: RebuildOrder) -> RebuildAnswer:
    """Run the fresh process and return its answer. It ends with this one, whose end closes its standard input."""
    worker = subprocess.Popen(
        [sys.executable, "-P", "-m", "leptonctl.commands.proving.fresh_process"],
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
    """How libraries and CPU differ from the recorded ones, in words."""
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
    """The answers of the rebuilt model compared with those of the recorded one, on the recorded evaluation rows."""
    import numpy as np

    from leptonctl.learning.needs import read_prepared
    from leptonctl.learning.scoring.answers import predict_onnx

    prepare, package = build["prepare"][1], build[package_name(build)][1]
    rows = read_prepared(prepare, "test", str(build["export"][0]["task"]), store)
    old, new = (
        predict_onnx(source.get_artifact(files[GRAPH_FILE]), decode(source.get_artifact(files[MANIFEST_FILE]), Manifest), rows.columns)
        for source, files in ((store, package.artifacts), (shelf, rebuilt))
    )
    if old.values is not None and new.values is not None:
        return {"rows": len(rows.y), "max_value_diff": float(np.abs(old.values - new.values).max(initial=0.0))}
    labels = cast("np.ndarray", old.labels) != cast("np.ndarray", new.labels)
    gap = np.abs(cast("np.ndarray", old.probabilities) - cast("np.ndarray", new.probabilities))
    return {"rows": len(rows.y), "labels_differ": int(labels.sum()), "max_probability_diff": float(gap.max(initial=0.0))}
