"""`verify`: damaged and lost artifacts are named, golden rows are replayed, a rebuild gives the same bytes or says why not."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.datasets import load_breast_cancer

from leptonctl.building.provenance import provenance
from leptonctl.commands.proving.checks import check_artifacts
from leptonctl.commands.proving.fresh_process import RebuildOrder
from leptonctl.commands.proving.rebuild import rebuild
from leptonctl.core.codec import encode
from leptonctl.core.diagnostic import Failure
from leptonctl.core.frozen import replace
from leptonctl.core.result import Result
from leptonctl.learning.steps import decide, export, prepare, train
from leptonctl.project.catalog import load_catalog
from leptonctl.project.digests import digest_of
from tests.learning.exported import Shelf, bench, frame_of
from tests.learning.exported import prepared as prepared_rows

SCALER = {"use": "standard_scaler", "columns": "numeric", "params": {"with_mean": True, "with_std": True}}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A real version: its project folder, its store and the inputs and results of its steps."""
    project = tmp_path_factory.mktemp("project")
    x, target = load_breast_cancer(return_X_y=True)
    lines = [
        "a,b,c,kind",
        *(f"{r[0]!r},{r[1]!r},{r[2]!r},{'good' if t else 'bad'}" for r, t in zip(x[:, :3].tolist(), target, strict=True)),
    ]
    (project / "d.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    params = {n: s["default"] for n, s in load_catalog().trainers["classification", "logistic_regression"].params.items()}
    training = {
        "task": "classification", "target": "kind", "features": None, "preprocess": [SCALER], "algorithm": "logistic_regression",
        "epoch": 1, "params": params, "seed": 7, "revision": 1,
    }  # fmt: skip
    inputs = {
        "prepare": {
            "source": {"path": "d.csv", "format": "csv", "digest": digest_of(project / "d.csv"), "options": {}},
            "test_source": None, "target": "kind", "columns": {}, "privacy": None,
            "split": {"method": "random", "test": 0.25, "seed": 7, "stratify": True},
        },
        "train": training,
        "export": {"task": "classification", "opset": 18, "tolerance": None, "key": None, "train": training, "privacy": None},
    }  # fmt: skip
    shelf, needs = Shelf(), {}
    for op, step in (("prepare", prepare), ("train", train), ("export", export)):
        made = step.run(inputs[op], needs, bench(shelf, project))
        needs[op] = Result(key=op, op=op, artifacts=made.artifacts, outputs=made.outputs, provenance=provenance(), seconds=0.1)
    return project, shelf, {op: (inputs[op], needs[op]) for op in inputs}


def test_a_sound_version_passes_every_check(built):
    _, shelf, build = built
    checks = check_artifacts([result for _, result in build.values()], shelf)
    assert all(check.ok for check in checks)
    assert [check.what for check in checks] == [
        "prepare profile.json", "prepare test.parquet", "prepare test.rows", "prepare train.parquet", "prepare train.rows", "train model.skops",
        "export golden.json", "export manifest.json", "export model.onnx", "golden rows",
    ]  # fmt: skip
    assert checks[-1].detail == "16 rows answered as recorded at build"


def test_a_lost_artifact_and_a_wrong_answer_are_named(built):
    _, shelf, build = built
    result = build["export"][1]
    less = Shelf({digest: data for digest, data in shelf.items() if digest != result.artifacts["model.onnx"]})
    failed = [check for check in check_artifacts([result], less) if not check.ok]
    assert [check.what for check in failed] == ["export model.onnx"]
    assert "no longer in the store" in failed[0].detail

    golden = json.loads(shelf.get_artifact(result.artifacts["golden.json"]))
    labels = golden["response"]["outputs"][0]
    labels["data"][3] = "bad" if labels["data"][3] == "good" else "good"
    other = replace(result, artifacts={**result.artifacts, "golden.json": shelf.put_artifact(json.dumps(golden).encode())})
    failed = [check for check in check_artifacts([other], shelf) if not check.ok]
    assert [(check.what, check.detail) for check in failed] == [
        ("golden rows", 'golden row 4: output "label" differs from the value recorded at build'),
    ]


def test_a_rebuild_in_a_fresh_process_gives_the_same_bytes(built):
    project, shelf, build = built
    deciding = {"train": build["train"][0], "threshold": {"metric": "f1"}, "calibrate": {"method": "isotonic", "cross_validation": 2}}
    made = decide.run(deciding, {op: result for op, (_, result) in build.items()}, bench(shelf, project))
    decided = Result(key="decide", op="decide", artifacts=made.artifacts, outputs=made.outputs, provenance=provenance())
    before = dict(shelf)
    verdict = rebuild({**build, "decide": (deciding, decided)}, shelf, project)
    assert verdict.verdict == "identical"
    assert verdict.ok
    assert verdict.outputs["decide"]["decision"] == made.outputs["decision"]
    assert verdict.reasons == ()
    assert set(verdict.artifacts) == {
        "prepare train.parquet", "prepare test.parquet", "prepare train.rows", "prepare test.rows", "prepare profile.json", "train model.skops",
        "export model.onnx", "export manifest.json", "export golden.json",
        "decide model.onnx", "decide manifest.json", "decide golden.json",
    }  # fmt: skip
    assert shelf == before


def test_overwritten_data_is_rebuilt_from_the_recorded_rows(built, tmp_path):
    _, shelf, build = built
    (tmp_path / "d.csv").write_text("a,b,c,kind\n1,2,3,good\n", encoding="utf-8")
    verdict = rebuild(build, shelf, tmp_path)
    assert verdict.verdict == "identical"
    assert "d.csv no longer has the bytes" in verdict.reasons[0]
    assert set(verdict.artifacts) == {"train model.skops", "export model.onnx", "export manifest.json", "export golden.json"}


def test_other_bytes_are_a_mismatch_or_not_comparable(built, tmp_path):
    """Another C gives other bytes; whether that is a mismatch depends on what the record says it was built with."""
    _, shelf, build = built
    moved = {**build["train"][0], "params": {**build["train"][0]["params"], "C": 0.9}}
    other = {**build, "train": (moved, build["train"][1]), "export": ({**build["export"][0], "train": moved}, build["export"][1])}
    verdict = rebuild(other, shelf, tmp_path)
    assert (verdict.verdict, verdict.ok, verdict.parity) == ("different", False, None)
    pair = verdict.artifacts["export model.onnx"]
    assert pair["recorded"] == build["export"][1].artifacts["model.onnx"] != pair["rebuilt"]

    # a release that pyproject.toml does not allow, so that it is never the installed one
    then = {**provenance(), "versions": {**provenance()["versions"], "numpy": "1.26.4"}}
    aged = {op: (inputs, replace(result, provenance=then)) for op, (inputs, result) in other.items()}
    verdict = rebuild(aged, shelf, tmp_path)
    assert (verdict.verdict, verdict.ok) == ("not comparable", True)
    assert verdict.reasons[-1] == f"numpy 1.26.4 then, {np.__version__} now"
    assert (verdict.parity["rows"], 0 < verdict.parity["max_probability_diff"] < 0.05) == (143, True)
    assert isinstance(verdict.parity["labels_differ"], int)
    json.dumps(verdict.to_json(), allow_nan=False)


def test_a_rebuild_that_cannot_be_done_says_why(built, tmp_path):
    _, shelf, build = built
    gone = {**build["train"][0], "features": ["a", "zz"]}
    with pytest.raises(Failure) as failed:
        rebuild({**build, "train": (gone, build["train"][1])}, shelf, tmp_path)
    [diagnostic] = failed.value.diagnostics
    assert diagnostic.id == "rebuild-failed"
    assert "zz" in diagnostic.detail
    assert "Traceback" not in diagnostic.detail


def test_the_fresh_process_ends_with_its_parent(built, tmp_path):
    """A killed parent closes the pipe; the process that builds must not stay behind."""
    holder = "import subprocess, sys, time\n"
    holder += "p = subprocess.Popen([sys.executable, '-m', 'leptonctl.commands.proving.fresh_process'], stdin=subprocess.PIPE, start_new_session=True)\n"
    holder += "p.stdin.write(sys.argv[1].encode() + b'\\n'); p.stdin.flush(); print(p.pid, flush=True); time.sleep(60)\n"
    _, _, build = built
    rng, shelf = np.random.default_rng(0), Shelf()
    rows = frame_of(rng.normal(size=(50_000, 5)), rng.choice(["bad", "good"], 50_000))
    # liblinear's dual problem on rows that are not linearly separable: it does not end in time, and runs in native code
    rows = rows.with_columns(pl.col("c0") * 1e4)
    prepared = prepared_rows(shelf, rows, rows.head(1))
    params = {**build["train"][0]["params"], "solver": "liblinear", "dual": True, "C": 1e6, "tol": 1e-12, "max_iter": 10**8}
    endless = {**build["train"][0], "preprocess": [], "params": params}
    for digest, data in shelf.items():
        (tmp_path / digest.removeprefix("sha256:")).write_bytes(data)
    inputs = {"prepare": build["prepare"][0], "train": endless}
    order = RebuildOrder(project=os.fsencode(tmp_path), shelf=os.fsencode(tmp_path), inputs=inputs, prepared=prepared)
    parent = subprocess.Popen([sys.executable, "-c", holder, encode(order).decode()], stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    time.sleep(3)
    working = not ended(pid)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while not ended(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    left = not ended(pid)
    if left:
        os.kill(pid, signal.SIGKILL)
    assert working
    assert not left


def ended(pid):
    """Whether the process has ended, even if nobody has waited for it."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return True
    return stat.rpartition(")")[2].split()[0] == "Z"
