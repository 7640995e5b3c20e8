"""`predict`: the predictions of a version, or of the version that an environment binds, for every row of a file."""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO, TypeAlias, cast

from leptonctl.building.failures import with_place
from leptonctl.commands.applying.routes import artifact_of
from leptonctl.commands.editing.overwriting import refuse_overwriting
from leptonctl.commands.planning.settle import settle
from leptonctl.commands.reading import Reading, hint_of, named, names_of, options_of
from leptonctl.commands.recorded.built_versions import named_version
from leptonctl.commands.session import Session
from leptonctl.commands.verify import model_node
from leptonctl.core.address import covers, full, member_of, parse, short
from leptonctl.core.codec import convert, decode
from leptonctl.core.contract import Column, key_mark
from leptonctl.core.diagnostic import Failure, fail
from leptonctl.core.frozen import Frozen
from leptonctl.core.manifest import GRAPH_FILE, MANIFEST_FILE, Manifest
from leptonctl.core.plan import Settled
from leptonctl.core.result import Result
from leptonctl.core.state import State
from leptonctl.core.values import Json
from leptonctl.kinds.dataset.version import Dataset, datasets
from leptonctl.kinds.model.package import package_key, package_name
from leptonctl.project.edits import replacing
from leptonctl.project.secrets import read_secret
from leptonctl.spi.learning import ProviderError

if TYPE_CHECKING:
    from leptonctl.learning.scoring.predict import Predictions

Form: TypeAlias = Literal["csv", "jsonl", "parquet", "records"]
ENDINGS: Mapping[str, Form] = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".pq": "parquet"}


class _Built(Frozen):
    """A built version: its export, the recorded recipe of its data, and the rows that it learned from, as far as they are known."""

    export: Result
    source: Mapping[str, Json]
    prepare: Result | None
    dataset: str = ""


def predict(
    session: Session, target: str, source: Path, output: Path | None, form: Form | None = None, reading: Reading | None = None
) -> dict[str, Json]:
    """The object of `predict --json`: the rows of `source` predicted into `output`, or under `text` or `predictions`.

    `form`: that of the output; None: by the ending of `output`, else csv. Records are for `--json` without an output.
    """
    from leptonctl.learning.scoring.predict import predict_batches

    form = form or _form_of(output)
    if form == "parquet" and output is None:
        raise fail("usage", "Parquet needs a file", "its bytes are nothing for a terminal", hint="add --output FILE")
    if output is not None:
        refuse_overwriting(session, output, source)
    built = _find_built(session, target)
    manifest = decode(artifact_of(session, built.export.artifacts[MANIFEST_FILE]), Manifest)
    reader = session.catalog.source_for(source.name)
    if reader is None:
        raise fail("unknown-format", "No source reads files with this ending", str(source), hint="use a .csv, .parquet or .jsonl file")
    if not source.is_file():
        raise fail("missing-file", "The input file does not exist", str(source), hint="pass an existing file to --input")
    onnx = artifact_of(session, built.export.artifacts[GRAPH_FILE])
    report: dict[str, Json] = {
        "target": target,
        "artifact": built.export.artifacts[GRAPH_FILE],
        "package": built.export.outputs.get("package"),
        "classes": [*manifest.classes] if manifest.classes is not None else None,
    }
    try:
        options = options_of(built.source, reader, reading or Reading())
        declared = _declared(session, built)
        names = names_of(built.source, built.prepare, (declared.columns if declared else None) or ())
        options = named(options, source, reader, names, manifest.target)
        key, checks = _privacy_key(session, manifest), _checks(session, built, manifest)
        outside: dict[str, Json] = {}
        parts = predict_batches(onnx, manifest, source, reader, options, key=key, name=str(source), checks=checks)
        return {**report, **_written(_counting(parts, outside), output, form), "outside": outside}
    except ProviderError as problem:
        problem.hint = hint_of(problem)
        raise from_provider(problem) from problem


def _checks(session: Session, built: _Built, manifest: Manifest) -> dict[str, Column]:
    """The ranges that the version's dataset declares now, as a server checks requests; none where it is not declared any more."""
    dataset = _declared(session, built)
    declared = dataset.checks if dataset is not None else {}
    types = {column.name: column.type for column in manifest.columns}
    fields = {name: cast("dict[str, Json]", check) for name, check in declared.items() if name in types}
    return {name: convert({"name": name, "type": types[name], **check}, Column) for name, check in fields.items()}


def _declared(session: Session, built: _Built) -> Dataset | None:
    """The version's dataset as it is declared now."""
    return next((d for d in datasets(session.declarations).values() if short(d.address) == built.dataset), None)


def _counting(parts: Iterator["Predictions"], outside: dict[str, Json]) -> Iterator["Predictions"]:
    """The same parts, while their cells outside the declared ranges are added up."""
    for part in parts:
        for name, count in part.outside.items():
            outside[name] = cast("int", outside.get(name, 0)) + count
        yield part


def _form_of(output: Path | None) -> Form:
    if output is None:
        return "csv"
    form = ENDINGS.get(output.suffix.lower())
    if form is None:
        hint = f"end its name in {', '.join(ENDINGS)}, or add --format"
        raise fail("unknown-format", "The form of the output is not known", f"{output} has no ending that says it", hint=hint)
    return form


def _written(parts: Iterator["Predictions"], output: Path | None, form: Form) -> dict[str, Json]:
    """The predictions where they belong: a file appears whole or not at all, and so does the text."""
    from leptonctl.learning.scoring.predict import records, write_csv, write_jsonl, write_parquet

    report: dict[str, Json] = {"rows": 0, "output": str(output) if output else None, "format": form}
    if form == "records":
        found = [record for part in parts for record in records(part)]
        return {**report, "rows": len(found), "predictions": [*found]}
    if form == "parquet" and output is not None:
        with replacing(output) as temporary:
            return {**report, "rows": write_parquet(parts, temporary)}

    def write(out: TextIO, parts: Iterable["Predictions"]) -> int:
        rows = 0
        for part in parts:
            if form == "csv":
                write_csv(part, out, head=rows == 0)
            else:
                write_jsonl(part, out)
            rows += part.rows
        return rows

    return {**report, **_text(write, parts, output)}


def _text(write: Callable[[TextIO, Iterable["Predictions"]], int], parts: Iterator["Predictions"], output: Path | None) -> dict[str, Json]:
    if output is None:
        text = io.StringIO()
        return {"rows": write(text, parts), "text": text.getvalue()}
    with replacing(output) as temporary, temporary.open("w", encoding="utf-8", newline="") as out:
        return {"rows": write(out, parts)}


def from_provider(problem: ProviderError) -> Failure:
    """The Failure of a ProviderError; its place in a data file goes into the detail."""
    return fail(problem.id, problem.summary, with_place(problem.detail, problem.file, problem.line), hint=problem.hint)


def _unbound(address: str, settled: Settled) -> Failure:
    """The answer for an environment, and for a binding that is declared only: its version is not what serves."""
    place = parse(address)
    if place.member is None:
        members = sorted(parse(other).member or "" for other in settled.by_address if covers(address, other) and parse(other).member)
        detail = f"{place.name} is an environment, which may bind several models"
        hint = f"name one: {' or '.join(f'{place.name}/{member}' for member in members or ['MODEL'])}"
        return fail("usage", "This names no model", detail, hint=hint)
    version = settled.by_address[address].version
    declared = f"; {version} is declared, but not applied" if version else ""
    hint = f"name a version that is built: `leptonctl predict {place.member}@{version or 'VERSION'}`"
    hint = f"bind it: `leptonctl apply`; or {hint}" if version else hint
    return fail("not-bound", "The environment binds nothing here", f"{place.name} binds no {place.member}{declared}", hint=hint)


def _privacy_key(session: Session, manifest: Manifest) -> bytes | None:
    """The key of the hashed columns. Failure (wrong-key) unless it is the one that hashed the training data."""
    hashing = manifest.privacy
    if not hashing or not hashing.hash or not isinstance(hashing.key, dict):
        return None
    key, key_id = read_secret(hashing.key, session.root), hashing.key_id or ""
    if key_id and not session.store.is_key(key_id, key_mark(key, key_id)):
        detail = f'The rows that the version learned from were hashed under key id "{key_id}" with a different key.'
        raise fail("wrong-key", "The key of private columns has changed", detail, hint="provide the key that the version was built with")
    return key


def _only_binding(address: str, state: State | None) -> str:
    """The binding of an environment that binds one model; the address itself for everything else. Failure where it binds several."""
    place = parse(address)
    entries = state.entries(member_of("environment", place.name, "")) if state and place.kind == "environment" and not place.member else {}
    members = sorted(parse(other).member or "" for other in entries)
    if members[1:]:
        detail = f"{place.name} is an environment, and binds {len(members)} models"
        hint = f"name one: {' or '.join(f'{place.name}/{member}' for member in members)}"
        raise fail("usage", "This names several models", detail, hint=hint)
    return member_of("environment", place.name, members[0]) if members else address


def _find_built(session: Session, target: str) -> _Built:
    state = session.pointers.read()
    settled, _ = settle(session, state)
    current = state.current if state else {}
    known = {*settled.by_address, *current}
    address = full(target, known, session.address_kinds)
    address = _only_binding(address, state)
    bound = current[address] if address in current and current[address].effect else None
    if bound is None and address in known and parse(address).kind == "environment":
        raise _unbound(address, settled)
    version = named_version(session, settled, state, address if address in known else target)
    if version is None and bound is None:
        version = named_version(session, settled, state, model_node(session, target, settled.nodes).address)
    recipe: Mapping[str, Json] = version.recipe if version else {}
    # what is bound answers, whatever became of the record of its recipe
    key = package_key(bound) if bound else version.keys.get(package_name(version.keys)) if version else None
    export = session.store.results([key]).get(key) if key else None
    if export is None:
        purged = session.store.purged(version.keys.values()) if version else {}
        for tombstone in purged.values():
            detail = f"it held rows of {tombstone.subject}, purged on {tombstone.at} by {tombstone.by}"
            hint = "build and name a version whose data does not have them"
            raise fail("purged", "The results of this version were purged", detail, hint=hint)
        raise fail("not-built", "This version is not built", target, hint=f"run `leptonctl build {target}`")
    data = cast("dict[str, dict[str, Json]]", recipe.get("data") or {})
    rows = version.keys.get("prepare") if version else None
    prepare = session.store.results([rows]).get(rows) if rows else None
    return _Built(export=export, source=data.get("source") or {}, prepare=prepare, dataset=str(recipe.get("dataset") or ""))
