"""`predict`: the predictions of a version, or of the version that an environment binds, for every row of a file."""

import io
from pathlib import Path

from leptonctl.commands.line import plan_project
from leptonctl.commands.routes import artifact_of
from leptonctl.commands.session import Session
from leptonctl.commands.verify import model_node
from leptonctl.core.address import full, parse
from leptonctl.core.codec import decode
from leptonctl.core.diagnostic import Failure, fail
from leptonctl.core.manifest import GRAPH_FILE, MANIFEST_FILE, Manifest
from leptonctl.core.result import Result
from leptonctl.core.values import Json
from leptonctl.project.edits import write_text
from leptonctl.project.secrets import read_secret
from leptonctl.spi.learning import ProviderError, SourceOptions


def predict(session: Session, target: str, source: Path, output: Path | None, form: str) -> dict[str, Json]:
    """Predict the rows of `source`, into the file `output` or under `text` of the answer. `form` is csv or jsonl."""
    from leptonctl.learning.predict import predict_file, write_csv, write_jsonl

    export = _find_export(session, target)
    manifest = decode(artifact_of(session, export.artifacts[MANIFEST_FILE]), Manifest)
    reader = session.catalog.source_for(source.name)
    if reader is None:
        raise fail("unknown-format", "No source reads files with this ending", str(source), hint="use a .csv, .parquet or .jsonl file")
    if not source.is_file():
        raise fail("missing-file", "The input file does not exist", str(source), hint="pass an existing file to --input")
    text = io.StringIO()
    try:
        onnx = artifact_of(session, export.artifacts[GRAPH_FILE])
        predictions = predict_file(onnx, manifest, source, reader, SourceOptions(), key=_privacy_key(session, manifest), name=str(source))
    except ProviderError as problem:
        raise from_provider(problem) from problem
    (write_csv if form == "csv" else write_jsonl)(predictions, text)
    report: dict[str, Json] = {
        "target": target,
        "artifact": export.artifacts[GRAPH_FILE],
        "package": export.outputs.get("package"),
        "rows": predictions.rows,
        "output": str(output) if output else None,
    }
    if output is None:
        return {**report, "text": text.getvalue()}
    write_text(output, text.getvalue())
    return report


def from_provider(problem: ProviderError) -> Failure:
    """The Failure of a ProviderError; its place in a data file goes into the detail."""
    where = f" ({problem.file}:{problem.line})" if problem.file and problem.line else ""
    return fail(problem.id, problem.summary, problem.detail + where, hint=problem.hint)


def _privacy_key(session: Session, manifest: Manifest) -> bytes | None:
    hashing = manifest.privacy
    return read_secret(hashing.key, session.root) if hashing and hashing.hash and isinstance(hashing.key, dict) else None


def _find_export(session: Session, target: str) -> Result:
    state = session.pointers.read()
    current = state.current if state else {}
    address = full(target, current.keys(), session.address_kinds)
    if parse(address).kind == "environment" and address in current:
        key = current[address].key("export") or ""
    else:
        settled = plan_project(session).settled
        key = settled.keys.of(model_node(session, target, settled.nodes).address, "export") or ""
    export = session.store.results([key]).get(key)
    if export is None:
        raise fail("not-built", "This version is not built", target, hint=f"run `leptonctl build {target}`")
    return export
