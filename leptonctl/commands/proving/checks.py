"""Checks the artifacts of results: bytes against their digests, and golden rows by replaying them. Records nothing."""

from collections.abc import Iterable

from leptonctl.core.frozen import Frozen
from leptonctl.core.manifest import GOLDEN_FILE, PACKAGE_FILES
from leptonctl.core.result import Result
from leptonctl.core.values import Json
from leptonctl.spi.running import Artifacts


class Check(Frozen):
    """One check. `what` was checked: `train model.skops`, `golden rows`, `metrics`."""

    what: str
    ok: bool
    detail: str

    def to_json(self) -> dict[str, Json]:
        return {"what": self.what, "ok": self.ok, "detail": self.detail}


def check_artifacts(results: Iterable[Result], store: Artifacts) -> list[Check]:
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
