"""Makes the route of a binding: the files and checks that servers load, each by digest."""

import json
from collections.abc import Mapping

from leptonctl.commands.session import Session
from leptonctl.core.address import parse, version_of
from leptonctl.core.deployment import Route
from leptonctl.core.diagnostic import Failure, fail
from leptonctl.core.manifest import GRAPH_FILE, PACKAGE_FILES
from leptonctl.core.profile import PROFILE_FILE
from leptonctl.core.result import Result, Tombstone
from leptonctl.core.state import Pointer
from leptonctl.core.values import Json
from leptonctl.kinds.environment.binding import PACKAGE_OUTPUT
from leptonctl.kinds.model.package import package_key

BUILD = "run `leptonctl build`"
Checks = Mapping[str, Mapping[str, Json]]
"""Address of a binding -> the contract's checks by column."""


def route_of(session: Session, address: str, pointer: Pointer, checks: Checks) -> Route:
    """The route of a binding. `checks`: of the bindings that move; all others keep their current ones."""
    export = export_of(session, pointer, address)
    key = pointer.key("evaluate")
    evaluate = session.store.results([key]).get(key) if key else None
    metrics = evaluate.outputs.get("metrics") if evaluate else None
    assert pointer.version is not None, f"{address} is a binding"
    for name in export.artifacts.keys() & set(PACKAGE_FILES):
        artifact_of(session, export.artifacts[name], _mend(address, pointer))
    return Route(
        version=pointer.version,
        digest=pointer.digest,
        package=pointer.package or package_of(export),
        artifact=export.artifacts[GRAPH_FILE],
        files={name: export.artifacts[name] for name in PACKAGE_FILES if name in export.artifacts},
        checks=_checks(session, address, pointer, checks),
        profile=_profile(session, pointer),
        metrics={n: v for n, v in metrics.items() if isinstance(v, int | float)} if isinstance(metrics, dict) else {},
        keys={name: step.key for name, step in pointer.steps.items()},
    )


def export_of(session: Session, pointer: Pointer, address: str = "") -> Result:
    """The result with the package of a pointer, perhaps of the binding at an address. Failure `missing-artifact` when it is gone."""
    key = package_key(pointer) or ""
    export = session.store.results([key]).get(key)
    if export is None:
        for tombstone in [t for tombstones in session.store.tombstones_by_key([key]).values() for t in tombstones]:
            raise _purged_artifact(str(pointer.artifact), tombstone)
        detail = f"{pointer.artifact}: the result of its export is missing"
        raise fail("missing-artifact", "A bound artifact is not in the store", detail, hint=_mend(address, pointer))
    return export


def _mend(address: str, pointer: Pointer) -> str:
    """The command that builds again what a binding lacks."""
    member = parse(address).member if address else None
    return f"run `leptonctl apply --only {version_of('model', member, pointer.version)}`" if member and pointer.version else BUILD


def artifact_of(session: Session, digest: str, mend: str = BUILD) -> bytes:
    """The bytes of an artifact. Failure `missing-artifact` or `damaged-artifact`."""
    try:
        return session.store.get_artifact(digest)
    except KeyError:
        for tombstone in session.store.tombstones_of([digest]).values():
            raise _purged_artifact(digest, tombstone) from None
        raise fail("missing-artifact", "A bound artifact is not in the store", digest, hint=mend) from None
    except ValueError as problem:
        hint = "delete that file; then `leptonctl apply` builds it again, to the same digest" if mend == BUILD else mend
        raise fail("damaged-artifact", "An artifact of the store is damaged", str(problem), hint=hint) from problem


def _purged_artifact(digest: str, tombstone: Tombstone) -> Failure:
    detail = f"{digest} was purged on {tombstone.at} by {tombstone.by} ({tombstone.subject})"
    hint = "apply without the rows, or `leptonctl rollback` to a version that has not learned them"
    return fail("missing-artifact", "A bound artifact is not in the store", detail, hint=hint)


def package_of(export: Result) -> str:
    """The digest of the package that an export made. Failure `corrupt-record` when its record lacks it."""
    package = export.outputs.get(PACKAGE_OUTPUT)
    if not isinstance(package, str):
        detail = f"the export {export.key} records no package"
        raise fail("corrupt-record", "A record of the store cannot be read", detail, hint="run `leptonctl build`")
    return package


def _profile(session: Session, pointer: Pointer) -> str | None:
    """The digest of the profile of the rows that it was trained on, or None: of rows of an earlier release, and of purged ones."""
    key = pointer.key("prepare")
    prepare = session.store.results([key]).get(key) if key else None
    return prepare.artifacts.get(PROFILE_FILE) if prepare else None


def _checks(session: Session, address: str, pointer: Pointer, checks: Checks) -> str | None:
    """The digest of the artifact with the checks in force, or None."""
    if address in checks:
        # an empty set is written too: it replaces the checks that the manifest was built with
        return session.store.put_artifact(json.dumps(checks[address], sort_keys=True, separators=(",", ":")).encode())
    state = session.pointers.read()
    place = parse(address)
    record = session.lineage(state).intact_deployment(place.name, pointer.deployment) if state and pointer.deployment else None
    route = record.main(place.member or "") if record else None
    return route.checks if route else None
