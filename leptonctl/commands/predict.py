"""`predict`: the predictions of a version, or of the version that an environment binds, for every row of a file."""

import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO, TypeAlias, cast

from leptonctl.commands.applying.routes import artifact_of
from leptonctl.commands.files.overwriting import refuse_overwriting
from leptonctl.commands.files.problems import provider_failure
from leptonctl.commands.files.reading import Reading, hint_of, names_of, options_of, with_header
from leptonctl.commands.planning.line import settle
from leptonctl.commands.planning.nodes import model_node
from leptonctl.commands.recorded.built_versions import named_version
from leptonctl.commands.session import Session
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
    """A built version: its export, the recorded source of its data, and the rows that it learned from, as far as they are known."""

    export: Result
    source: Mapping[str, Json]
    prepare: Result | None
    dataset: str = ""


def predict(
    session: Session, target: str, source: Path, *, output: Path | None = None, form: Form | None = None, reading: Reading | None = None
) -> dict[str, Json]:
    """The object of `predict --json`: the rows of `source` predicted into `output`, or under `text` or `predictions`.

    `form`: of the output; None: by the extension of `output`, else csv. Records are for `--json` without an output.
    """
    form = form or _form_of(output)
    if form == "parquet" and output is None:
        raise fail("usage", "Parquet needs a file", "its bytes cannot be printed on a terminal", hint="add --output FILE")
    if output is not None:
        refuse_overwriting(session, output, source)
    built = _find_built(session, target)
    report: dict[str, Json] = {
        "target": target,
        "artifact": built.export.artifacts[GRAPH_FILE],
        "package": built.export.outputs.get("package"),
    }
    try:
        manifest, parts = _predictions(session, built, source, reading or Reading())
        outside: dict[str, Json] = {}
        report["classes"] = [*manifest.classes] if manifest.classes is not None else None
        return {**report, **_write(_count_outside(parts, outside), output, form), "outside": outside}
    except ProviderError as problem:
        problem.hint = hint_of(problem)
        raise provider_failure(problem) from problem


def _predictions(session: Session, built: _Built, source: Path, reading: Reading) -> tuple[Manifest, Iterator["Predictions"]]:
    """The manifest of a version, and its predictions for the rows of a file, part by part. Raises ProviderError."""
    from leptonctl.learning.scoring.predict import predict_batches

    manifest = decode(artifact_of(session, built.export.artifacts[MANIFEST_FILE]), Manifest)
    reader = session.catalog.source_for(source.name)
    if reader is None:
        raise fail("unknown-format", "No source reads files with this ending", str(source), hint="use a .csv, .parquet or .jsonl file")
    if not source.is_file():
        raise fail("missing-file", "The input file does not exist", str(source), hint="pass an existing file to --input")
    graph = artifact_of(session, built.export.artifacts[GRAPH_FILE])
    options = options_of(built.source, reader, reading)
    declared = _declared_dataset(session, built)
    names = names_of(built.source, built.prepare, (declared.columns if declared else None) or ())
    options = with_header(options, source, reader, names=names, target=manifest.target)
    key, checks = _privacy_key(session, manifest), _checks(session, built, manifest)
    return manifest, predict_batches(graph, manifest, source, reader, options, key=key, name=str(source), checks=checks)


def _checks(session: Session, built: _Built, manifest: Manifest) -> dict[str, Column]:
    """The ranges that the version's dataset declares now, by which a server checks requests; none if it is no longer declared."""
    dataset = _declared_dataset(session, built)
    declared = dataset.checks if dataset is not None else {}
    types = {column.name: column.type for column in manifest.columns}
    fields = {name: cast("dict[str, Json]", check) for name, check in declared.items() if name in types}
    return {name: convert({"name": name, "type": types[name], **check}, Column) for name, check in fields.items()}


def _declared_dataset(session: Session, built: _Built) -> Dataset | None:
    """The version's dataset as it is declared now."""
    return next((d for d in datasets(session.declarations).values() if short(d.address) == built.dataset), None)


def _count_outside(parts: Iterator["Predictions"], outside: dict[str, Json]) -> Iterator["Predictions"]:
    """The same parts. Their cells outside the declared ranges are added to `outside`, by column."""
    for part in parts:
        for name, count in part.outside.items():
            outside[name] = cast("int", outside.get(name, 0)) + count
        yield part


def _form_of(output: Path | None) -> Form:
    if output is None:
        return "csv"
    form = ENDINGS.get(output.suffix.lower())
    if form is None:
        hint = f"use one of the extensions {', '.join(ENDINGS)}, or add --format"
        raise fail("unknown-format", "The format of the output is not known", f"{output} has no known file extension", hint=hint)
    return form


def _write(parts: Iterator["Predictions"], output: Path | None, form: Form) -> dict[str, Json]:
    """Write the predictions; the part of the report that says how many and where. A file appears whole or not at all."""
    from leptonctl.learning.scoring.predict import records, write_parquet

    report: dict[str, Json] = {"rows": 0, "output": str(output) if output else None, "format": form}
    if form == "records":
        predictions = [record for part in parts for record in records(part)]
        return {**report, "rows": len(predictions), "predictions": [*predictions]}
    if output is None:
        text = io.StringIO()
        return {**report, "rows": _write_text(parts, text, form), "text": text.getvalue()}
    with replacing(output) as temporary:
        if form == "parquet":
            return {**report, "rows": write_parquet(parts, temporary)}
        with temporary.open("w", encoding="utf-8", newline="") as out:
            return {**report, "rows": _write_text(parts, out, form)}


def _write_text(parts: Iterable["Predictions"], out: TextIO, form: Form) -> int:
    """Write the predictions as CSV or JSON Lines. How many rows they are."""
    from leptonctl.learning.scoring.predict import write_csv, write_jsonl

    rows = 0
    for part in parts:
        if form == "csv":
            write_csv(part, out, head=rows == 0)
        else:
            write_jsonl(part, out)
        rows += part.rows
    return rows


def _unbound_model(address: str, settled: Settled) -> Failure:
    """The failure for an environment, and for a binding that is only declared: its version is not what serves."""
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
    """The binding of an environment that binds one model; any other address as it is. Failure `usage` when it binds several."""
    place = parse(address)
    if state is None or place.kind != "environment" or place.member:
        return address
    members = sorted(parse(other).member or "" for other in state.entries(member_of("environment", place.name, "")))
    if len(members) > 1:
        detail = f"{place.name} is an environment, and binds {len(members)} models"
        hint = f"name one: {' or '.join(f'{place.name}/{member}' for member in members)}"
        raise fail("usage", "This names several models", detail, hint=hint)
    return member_of("environment", place.name, members[0]) if members else address


def _find_built(session: Session, target: str) -> _Built:
    """The version that a target names, or that it binds. Failure: unknown-address, usage, not-bound, purged, not-built."""
    state = session.pointers.read()
    settled, _ = settle(session, state)
    current = state.current if state else {}
    known = {*settled.by_address, *current}
    address = _only_binding(full(target, known, session.address_kinds), state)
    bound = current[address] if address in current and current[address].effect else None
    if bound is None and address in known and parse(address).kind == "environment":
        raise _unbound_model(address, settled)
    version = named_version(session, settled, state, address if address in known else target)
    if version is None and bound is None:
        version = named_version(session, settled, state, model_node(session, target, settled.nodes).address)
    keys = version.keys if version else {}
    # what is bound can predict, even when the record of its recipe is lost
    key = package_key(bound) if bound else keys.get(package_name(keys))
    export = session.store.results([key]).get(key) if key else None
    if export is None:
        raise _not_built(session, target, keys)
    recipe: Mapping[str, Json] = version.recipe if version else {}
    data = cast("dict[str, dict[str, Json]]", recipe.get("data") or {})
    rows = keys.get("prepare")
    prepare = session.store.results([rows]).get(rows) if rows else None
    return _Built(export=export, source=data.get("source") or {}, prepare=prepare, dataset=str(recipe.get("dataset") or ""))


def _not_built(session: Session, target: str, keys: Mapping[str, str]) -> Failure:
    """The failure when a version has no package: it was never built, or was purged."""
    tombstone = next(iter(session.store.purged_results(keys.values()).values()), None) if keys else None
    if tombstone is None:
        return fail("not-built", "This version is not built", target, hint=f"run `leptonctl build {target}`")
    detail = f"it held rows of {tombstone.subject}, purged on {tombstone.at} by {tombstone.by}"
    hint = "build and name a version whose data does not have them"
    return fail("purged", "The results of this version were purged", detail, hint=hint)
