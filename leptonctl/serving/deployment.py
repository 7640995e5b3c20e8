"""A deployment loaded for serving: its models, verified, and the encoded answers that do not depend on a request.

Makes such a value from a deployment record. Reads only through the functions that are passed in; writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, TypeAlias

from leptonctl.core import layout
from leptonctl.core.contract import key_mark
from leptonctl.core.frozen import Frozen, field
from leptonctl.core.manifest import GOLDEN_FILE, GRAPH_FILE, MANIFEST_FILE, package_digest
from leptonctl.core.values import Json
from leptonctl.serving import response
from leptonctl.serving.golden import read_golden, replay
from leptonctl.serving.intake import CHECKS, Check
from leptonctl.serving.manifest import BadModel, read_file, read_manifest
from leptonctl.serving.model import LoadedModel, load_model, with_checks
from leptonctl.serving.pages import dump, metadata_pages, model_pages

if TYPE_CHECKING:
    from leptonctl.core.deployment import Deployment, Route
    from leptonctl.core.manifest import Manifest


Fetch: TypeAlias = Callable[[str], bytes | None]
"""Path in the store -> bytes, or None."""
ReadSecret: TypeAlias = Callable[[Json], bytes]
"""A secret's declaration as written in the YAML -> its value. Raises when it cannot be read."""
Files: TypeAlias = tuple[str, ...]
"""The digests of a model's graph, manifest and golden rows. Models with equal files share one session."""
Since: TypeAlias = Mapping[tuple[str, str], str]
"""(model, package) -> the time since when it has served without interruption."""


class Refused(Exception):
    """The server does not follow a head or a deployment. The message is for the operator."""


class ServedRoute(Frozen):
    """One route in force. `since` is the time of the deployment that introduced this package; `start` begins each of its answers."""

    name: str
    version: str
    digest: str
    package: str
    artifact: str
    files: Files
    since: str
    model: LoadedModel
    start: str


class LoadedDeployment(Frozen, eq=False):
    """The deployment that a server serves; number 0 is the empty one.

    `pages` maps GET paths to bodies, `infer` the paths of inference requests to routes. `index` is the body of the repository index.
    `idle` names the recorded routes that this release does not serve: canaries and shadows.
    """

    environment: str
    number: int = 0
    serial: int = 0
    strict: bool = False
    models: Mapping[str, ServedRoute] = field(default_factory=dict)
    pages: Mapping[str, bytes] = field(default_factory=dict)
    infer: Mapping[str, ServedRoute] = field(default_factory=dict)
    index: bytes = b"[]"
    idle: tuple[str, ...] = ()

    @property
    def loaded(self) -> dict[Files, LoadedModel]:
        """The loaded models by their files: the next deployment reuses those that did not change."""
        return {served.files: served.model for served in self.models.values()}

    @property
    def since(self) -> Since:
        return {(served.name, served.package): served.since for served in self.models.values()}


def no_deployment(environment: str, serial: int = 0) -> LoadedDeployment:
    """The empty deployment: a server without one serves only its own metadata."""
    return LoadedDeployment(environment=environment, serial=serial, pages=metadata_pages([]))


class Supply(Frozen):
    """What preparing a deployment reads from outside. `loaded` models are reused; `now` is in seconds since 1970."""

    fetch: Fetch
    read_secret: ReadSecret
    loaded: Mapping[Files, LoadedModel]
    since: Since
    now: float


def prepare(record: Deployment, supply: Supply) -> LoadedDeployment:
    """Load the deployment of a record, verify digests and packages, and replay the golden rows. Raises Refused, naming the model."""
    models: dict[str, ServedRoute] = {}
    for name, routes in sorted(record.models.items()):
        try:
            models[name] = _serve_route(name, main_route(routes), record.at, supply)
        except BadModel as problem:
            msg = f"{name}: {problem}"
            raise Refused(msg) from problem
    return LoadedDeployment(
        environment=record.environment,
        number=record.deployment,
        serial=record.serial,
        strict=record.requests == "strict",
        models=models,
        pages=metadata_pages(sorted(models)) | {path: page for served in models.values() for path, page in _pages(served).items()},
        infer={f"{path}/infer": served for served in models.values() for path in _paths(served)},
        index=dump([{"name": m.name, "version": m.version, "state": "READY", "reason": ""} for m in models.values()]),
        idle=tuple(f"{name}@{route.version} ({route.role})" for name, route in _idle_routes(record)),
    )


def main_route(routes: tuple[Route, ...]) -> Route:
    """The route that answers. Raises BadModel unless there is exactly one and every share lies between 0 and 1."""
    mains = [route for route in routes if route.role == "main"]
    if len(mains) != 1:
        msg = f"the deployment record has {len(mains)} main routes; it must have exactly one"
        raise BadModel(msg)
    invalid = next((route for route in routes if not 0 <= route.share <= 1), None)
    if invalid is not None:
        msg = f"the deployment record has the share {invalid.share:g} for version {invalid.version}; a share lies between 0 and 1"
        raise BadModel(msg)
    return mains[0]


def _idle_routes(record: Deployment) -> Iterator[tuple[str, Route]]:
    return ((name, route) for name, routes in sorted(record.models.items()) for route in routes if route.role != "main")


def _serve_route(name: str, route: Route, at: str, supply: Supply) -> ServedRoute:
    graph = route.files.get(GRAPH_FILE, "")
    if graph != route.artifact:
        msg = f"the deployment record names two graphs, {route.artifact} and {graph or 'none'}"
        raise BadModel(msg)
    files = (graph, route.files.get(MANIFEST_FILE, ""), route.files.get(GOLDEN_FILE, ""))
    model = supply.loaded.get(files) or _load(route, supply)
    _check_package(route, model.built_manifest)
    if model.checks != route.checks:
        model = with_checks(model, route.checks, _checks(route, supply))
    return ServedRoute(
        name=name,
        version=route.version,
        digest=route.digest,
        package=route.package,
        artifact=route.artifact,
        files=files,
        since=supply.since.get((name, route.package), at),
        model=model,
        start=response.head(name, route.version),
    )


def _load(route: Route, supply: Supply) -> LoadedModel:
    onnx, manifest_bytes, golden = (
        _artifact(file, route.files.get(file), supply.fetch) for file in (GRAPH_FILE, MANIFEST_FILE, GOLDEN_FILE)
    )
    manifest = read_manifest(manifest_bytes)
    # before the graph is loaded, so that a wrong package is reported as such
    _check_package(route, manifest)
    model = load_model(onnx, manifest, key=_key(manifest, supply), loaded_at=supply.now)
    replay(model, read_golden(golden))
    return model


def _checks(route: Route, supply: Supply) -> dict[str, Check] | None:
    """The checks of a route by column; None means those of the build. Raises BadModel."""
    return None if route.checks is None else read_file(_artifact(CHECKS, route.checks, supply.fetch), CHECKS, dict[str, Check])


def _check_package(route: Route, manifest: Manifest) -> None:
    package = package_digest(route.artifact, manifest)
    if package != route.package:
        msg = f"its graph and manifest make the package {package}, but the deployment record says {route.package}"
        raise BadModel(msg)


def _artifact(file: str, digest: str | None, fetch: Fetch) -> bytes:
    """The bytes of one file, verified against the digest: a store is not trusted. Raises BadModel."""
    if digest is None or not digest.startswith("sha256:") or not layout.bare(digest).isalnum():
        msg = f"the deployment record names no {file}"
        raise BadModel(msg)
    data = fetch(layout.artifact(digest))
    if data is None:
        msg = f"{file} ({digest}) is not in the store"
        raise BadModel(msg)
    if fetch(layout.tombstone(digest)) is not None:
        msg = f"{file} ({digest}) was purged, and its bytes came back from a backup; `leptonctl gc` removes them"
        raise BadModel(msg)
    if sha256(data).hexdigest() != layout.bare(digest):
        msg = f"{file} in the store does not have the digest {digest}"
        raise BadModel(msg)
    return data


def _key(manifest: Manifest, supply: Supply) -> bytes | None:
    """The secret of the hashed columns, None without such columns. Raises BadModel when another key hashed the training data."""
    privacy = manifest.privacy
    if privacy is None or not any(column.hash for column in manifest.columns):
        return None
    try:
        key = supply.read_secret(privacy.key)
    except Exception as problem:  # each reader of secrets raises its own; no message contains the secret
        msg = f"the key of its hashed columns cannot be read: {problem}"
        raise BadModel(msg) from problem
    key_id = privacy.key_id or ""
    recorded = supply.fetch(layout.key_mark(key_id)) if key_id else None
    if recorded is not None and key_mark(key, key_id).encode() not in recorded:
        msg = f'the key of its hashed columns is not "{key_id}", the key that hashed the training data'
        raise BadModel(msg)
    return key


def _paths(served: ServedRoute) -> tuple[str, str]:
    return f"/v2/models/{served.name}", f"/v2/models/{served.name}/versions/{served.version}"


def _pages(served: ServedRoute) -> dict[str, bytes]:
    identity = {"digest": served.digest, "package": served.package, "artifact": served.artifact}
    return model_pages(served.model, _paths(served), name=served.name, version=served.version, identity=identity)
