"""What a server serves at one moment: the models of one deployment, verified, with every fixed answer already encoded.

Owns the way from a deployment record to such a value. Reads what it is handed a way to read; writes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, TypeAlias
from urllib.parse import quote

from leptonctl.core.contract import key_mark
from leptonctl.serving import decode
from leptonctl.serving.golden import replay
from leptonctl.serving.manifest import BadModel
from leptonctl.serving.model import LoadedModel, load_model, with_checks
from leptonctl.serving.pages import metadata_pages, model_pages

FILES = ("model.onnx", "manifest.json", "golden.json")

Fetch: TypeAlias = Callable[[str], bytes | None]
"""Path in the store -> bytes, None when absent."""
ReadSecret: TypeAlias = Callable[[Mapping[str, Any]], bytes]
"""A typed secret as YAML wrote it -> its value. Raises when there is none."""
Loaded: TypeAlias = Mapping[tuple[str, ...], LoadedModel]
"""The digests of a model's files, and its checks -> the model: how deployments share what did not change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One binding in force. `since` is the time of the deployment that brought this digest; `start` begins its answers."""

    name: str
    version: str
    digest: str
    artifact: str
    files: tuple[str, ...]
    since: str
    model: LoadedModel
    start: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Number 0 is the empty deployment of a server that has none yet. `pages` maps GET paths to bodies."""

    environment: str
    number: int = 0
    serial: int = 0
    lineage: str | None = None
    strict: bool = False
    models: Mapping[str, Served] = field(default_factory=dict)
    pages: Mapping[str, bytes] = field(default_factory=dict)
    infer: Mapping[str, Served] = field(default_factory=dict)
    index: bytes = b"[]"

    @property
    def loaded(self) -> Loaded:
        return {served.files: served.model for served in self.models.values()}


def no_deployment(environment: str) -> Deployment:
    """What a server serves before it has anything: its own metadata."""
    return Deployment(environment=environment, pages=metadata_pages([]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """What preparing a deployment needs of the world. `known` models are taken as they are; `since` says from when on a
    (name, digest, artifact) has served without a break; `now` is in seconds since 1970."""

    fetch: Fetch
    read_secret: ReadSecret
    known: Loaded
    since: Mapping[tuple[str, str, str], str]
    now: float


def prepare(record: Mapping[str, Any], supply: Supply) -> Deployment:
    """The deployment of a record: loaded, digests verified, golden rows replayed. Raises BadModel naming the model."""
    models: dict[str, Served] = {}
    for name, binding in bindings(record).items():
        try:
            models[name] = _serve(name, binding, str(record.get("at", "")), supply)
        except BadModel as problem:
            msg = f"{name}: {problem}"
            raise BadModel(msg) from problem
    return Deployment(
        environment=str(record["environment"]),
        number=int(record["deployment"]),
        serial=int(record["serial"]),
        lineage=record.get("lineage"),
        strict=record.get("requests") == "strict",
        models=models,
        pages=metadata_pages(sorted(models)) | {path: page for served in models.values() for path, page in _pages(served).items()},
        infer={f"{path}/infer": served for served in models.values() for path in _paths(served)},
        index=_index(models),
    )


def bindings(record: Mapping[str, Any]) -> dict[str, Any]:
    """The bindings of a deployment record by model name. Raises BadModel when it is not such a record."""
    try:
        int(record["deployment"]), int(record["serial"]), str(record["environment"])
        models = dict(record["models"])
        for binding in models.values():
            binding["version"], binding["digest"], binding["artifacts"]["model.onnx"]
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        msg = f"the deployment record is not readable: {type(problem).__name__} {problem}"
        raise BadModel(msg) from problem
    if record.get("format_version") != "1":
        msg = f"the deployment record has the format {record.get('format_version')!r}, this server reads 1"
        raise BadModel(msg)
    return models


def identity(name: str, binding: Mapping[str, Any]) -> tuple[str, str, str]:
    """What must stay equal for a model to have served without a break."""
    return name, str(binding["digest"]), str(binding.get("artifact") or binding["artifacts"]["model.onnx"])


def _serve(name: str, binding: Mapping[str, Any], at: str, supply: Supply) -> Served:
    checks = binding.get("checks") or {}
    digests = tuple(str(binding["artifacts"].get(file, "")) for file in FILES)
    files = (*digests, json.dumps(checks, sort_keys=True))
    model = supply.known.get(files) or _load(dict(zip(FILES, digests, strict=True)), checks, supply)
    served = identity(name, binding)
    version = str(binding["version"])
    return Served(
        name=name,
        version=version,
        digest=served[1],
        artifact=served[2],
        files=files,
        since=supply.since.get(served, at),
        model=model,
        start=decode.head(name, version),
    )


def _load(digests: Mapping[str, str], checks: Mapping[str, Any], supply: Supply) -> LoadedModel:
    onnx, manifest, golden = (_artifact(file, digests[file], supply.fetch) for file in FILES)
    described = _json("manifest.json", manifest)
    key = _key(described, supply)
    model = load_model(onnx, described, key=key, loaded_at=supply.now)
    replay(model, _json("golden.json", golden))
    return with_checks(model, described, checks, key) if checks else model


def _artifact(file: str, digest: str, fetch: Fetch) -> bytes:
    """The bytes of one file, verified: a store is not trusted to give back what was put."""
    algorithm, _, hexed = digest.partition(":")
    if algorithm != "sha256" or not hexed:
        msg = f"the deployment record names no {file}"
        raise BadModel(msg)
    data = fetch(f"artifacts/{hexed[:2]}/{hexed}")
    if data is None:
        msg = f"{file} ({digest}) is not in the store"
        raise BadModel(msg)
    if sha256(data).hexdigest() != hexed:
        msg = f"{file} in the store does not have the digest {digest}"
        raise BadModel(msg)
    return data


def _json(file: str, data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as problem:
        msg = f"{file} is not JSON: {problem}"
        raise BadModel(msg) from problem


def _key(manifest: Any, supply: Supply) -> bytes | None:
    """The secret of the hashed columns, or None when there are none. It must be the one that hashed the training data."""
    privacy = manifest.get("privacy") if isinstance(manifest, dict) else None
    if not privacy or not any(column.get("hash") for column in manifest.get("columns", [])):
        return None
    try:
        key = supply.read_secret(privacy["key"])
    except Exception as problem:  # whatever the reader of secrets raises says why, and never the secret
        msg = f"the key of its hashed columns cannot be read: {problem}"
        raise BadModel(msg) from problem
    key_id = str(privacy.get("key_id") or "")
    segment = quote(key_id, safe="")
    recorded = supply.fetch("keys/" + ("%2E" + segment[1:] if segment.startswith(".") else segment)) if key_id else None
    if recorded is not None and key_mark(key, key_id).encode() not in recorded:
        msg = f'the key of its hashed columns is not the key "{key_id}" that the training data was hashed with'
        raise BadModel(msg)
    return key


def _paths(served: Served) -> tuple[str, str]:
    return f"/v2/models/{served.name}", f"/v2/models/{served.name}/versions/{served.version}"


def _pages(served: Served) -> dict[str, bytes]:
    return model_pages(served.name, served.version, served.digest, served.artifact, served.model, _paths(served))


def _index(models: Mapping[str, Served]) -> bytes:
    entries = [{"name": m.name, "version": m.version, "state": "READY", "reason": ""} for _, m in sorted(models.items())]
    return json.dumps(entries, separators=(",", ":")).encode()
