"""Model versions that are declared, or once were: each with its recipe, its step keys and its results."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from leptonctl.commands.recorded.ownership import ownership, recorded_digests
from leptonctl.commands.session import Session
from leptonctl.core.address import document, family, name_and_version, parse, version_of
from leptonctl.core.diagnostic import did_you_mean, fail
from leptonctl.core.frozen import Frozen, field, replace
from leptonctl.core.plan import Settled
from leptonctl.core.result import Result
from leptonctl.core.state import State
from leptonctl.core.store_records import Recipe
from leptonctl.core.values import Json
from leptonctl.kinds.model.package import package_name
from leptonctl.kinds.model.recipes import evaluation_keys, is_of_version, recipe_keys

LEAST_DIGITS = 6
"""How many digits of a digest are needed to name a version."""
DIGEST = re.compile(r"(sha256:)?[0-9a-f]{6,64}")


class BuiltVersion(Frozen):
    """A recipe of a model version. `address`: where it is or was declared. `keys`: step name -> key.

    `notes`: of all its declarations, since a recipe may have been evaluated with other metrics before.
    """

    address: str
    digest: str
    recipe: Mapping[str, Json]
    notes: tuple[Mapping[str, Json], ...] = ()
    declared: bool = False
    keys: Mapping[str, str] = field(default_factory=dict)
    results: Mapping[str, Result] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of its version."""
        return parse(self.address).version or ""

    @property
    def package(self) -> Result | None:
        """The result with its package; None if that is not built."""
        return self.results.get(package_name(self.keys))


def declared_versions(settled: Settled, model: str) -> list[BuiltVersion]:
    """The declared versions of a model, in the order of the YAML, without their results."""
    versions = []
    for node in settled.nodes:
        if family(node.address) != document("model", model):
            continue
        places = {step.name: step.place for step in node.steps}
        places["prepare"] = node.step("export").needs["prepare"]
        keys = {name: key for name, place in places.items() if (key := settled.keys.of(*place)) is not None}
        recipe, notes = node.recipe, (node.notes,)
        versions.append(BuiltVersion(address=node.address, digest=node.digest, recipe=recipe, notes=notes, declared=True, keys=keys))
    return versions


def with_recorded_recipes(session: Session, settled: Settled, versions: Iterable[BuiltVersion]) -> list[BuiltVersion]:
    """Declared versions, with unchanged recipes read from the store: to compute ten thousand takes five times as long."""
    nodes, current, listed = settled.by_address, settled.current, list(versions)
    unchanged = {
        v.address: nodes[v.address].declaration
        for v in listed
        if v.address in current and current[v.address].declaration == nodes[v.address].declaration
    }
    recorded = session.store.find_recipes(unchanged.values()).recipes
    recipes = {v.address: recorded[key].recipe for v in listed if (key := unchanged.get(v.address, "")) in recorded}
    return [replace(v, recipe=recipes[v.address]) if v.address in recipes else v for v in listed]


def former_versions(session: Session, model: str, declared: Iterable[BuiltVersion]) -> list[BuiltVersion]:
    """The recipes of a model in the store that no declared version has now, without their results. Those of other projects are left out."""
    declared_digests = {version.digest for version in declared}
    former: dict[str, BuiltVersion] = {}
    for record in sorted(_recipes(session, model), key=lambda r: r.address):
        keys = recipe_keys(record.recipe)
        if keys.digest in declared_digests:
            continue
        version = former.get(keys.digest) or BuiltVersion(address=record.address, digest=keys.digest, recipe=record.recipe, keys=keys.steps)
        former[keys.digest] = replace(version, notes=(*version.notes, record.notes))
    return _own(session, list(former.values()))


def _own(session: Session, versions: list[BuiltVersion]) -> list[BuiltVersion]:
    """Those that this project built, or that its history names."""
    if not versions:
        return []
    state = session.pointers.read()
    ours = ownership(session, state)
    results = session.store.newest({key for version in versions for key in version.keys.values()})
    is_built = {
        v.digest for v in versions if any((r := results.get(v.keys.get(n, ""))) and ours.holds(r) for n in ("train", package_name(v.keys)))
    }
    # the history still names versions whose records were removed
    recorded = recorded_digests(session, state) if len(is_built) < len(versions) else ()
    return [version for version in versions if version.digest in is_built or version.digest in recorded]


def with_results(session: Session, versions: Iterable[BuiltVersion], *, damaged: Literal["raise", "omit"] = "raise") -> list[BuiltVersion]:
    """The versions with their results. For a record that cannot be read: BadRecordAt is raised, or the step has no result ("omit")."""

    def read(keys: Iterable[str]) -> Mapping[str, Result]:
        return session.store.results(keys) if damaged == "raise" else session.results(keys)

    listed = list(versions)
    first = read({key for version in listed for key in version.keys.values()})
    keyed = [version if version.declared else _with_evaluations(version, first) for version in listed]
    more = {key for version in keyed for key in version.keys.values()} - first.keys()
    results = {**first, **(read(more) if more else {})}
    return [replace(v, results={name: results[key] for name, key in v.keys.items() if key in results}) for v in keyed]


def by_digest(versions: Iterable[BuiltVersion], text: str) -> BuiltVersion | None:
    """The version whose digest starts like this; None if there is none. Failure if there are several."""
    start = text.removeprefix("sha256:")
    if len(start) < LEAST_DIGITS:
        return None
    matches = {version.digest: version for version in versions if version.digest.removeprefix("sha256:").startswith(start)}
    if len(matches) > 1:
        detail = f"{len(matches)} versions have a digest that starts with {start}"
        raise fail("unknown-address", "No such address", detail, hint="write more digits")
    return next(iter(matches.values()), None)


def find_version(versions: Iterable[BuiltVersion], model: str, text: str) -> BuiltVersion:
    """The version with this name, else with this digest. A declared one comes before former ones. Failure `unknown-address`."""
    listed = list(versions)
    matches = [version for version in listed if version.name == text]
    if len(matches) > 1 and not matches[0].declared:
        digests = ", ".join(version.digest.removeprefix("sha256:")[:12] for version in matches)
        detail = f"{model}@{text} is not declared, and {len(matches)} recipes were built under this name: {digests}"
        raise fail("unknown-address", "No such address", detail, hint=f"name one by its digest: {model}@{digests[:12]}")
    version = matches[0] if matches else by_digest(listed, text)
    if version is not None:
        return version
    if not text:
        raise fail("unknown-address", "No such address", f"{model} names no version", hint="write MODEL@VERSION")
    addresses = sorted({version.address for version in listed})
    detail = f"{model}@{text} is not declared, and was never built here"
    raise fail("unknown-address", "No such address", detail, hint=did_you_mean(version_of("model", model, text), addresses))


def named_version(session: Session, settled: Settled, state: State | None, name: str) -> BuiltVersion | None:
    """The version that a name refers to, without its results: declared, bound, or once built. None when it refers to something else.

    `name`: a full address, `MODEL@VERSION`, `MODEL@DIGEST`, or only the first digits of a digest. Failure `unknown-address` for a version
    that the model never had.
    """
    place = parse(name)
    if place.kind == "environment" and place.member is not None:
        return _bound_version(session, settled, state, name)
    model, version = name_and_version(name, "model")
    if version is None and DIGEST.fullmatch(name):
        return _of_digest(session, settled, name)
    if version is None or place.kind == "dataset" or "/" in model:
        return None
    declared = declared_versions(settled, model)
    current = next((each for each in declared if each.name == version), None)
    if current is not None:
        return current
    former = former_versions(session, model, declared)
    return find_version([*declared, *former], model, version) if declared or former else None


def _of_digest(session: Session, settled: Settled, text: str) -> BuiltVersion | None:
    """The version of any model whose digest starts like this; a declared one rather than a former one with the same recipe."""
    records = [record for record in session.store.all_recipes() if is_of_version(record.recipe)]
    models = sorted(
        {parse(address).name for address in (*settled.by_address, *(r.address for r in records)) if parse(address).kind == "model"}
    )
    declared = [version for model in models for version in declared_versions(settled, model)]
    former = [version for model in models for version in former_versions(session, model, declared)]
    return by_digest([*former, *reversed(declared)], text)


def _bound_version(session: Session, settled: Settled, state: State | None, address: str) -> BuiltVersion | None:
    """What a binding binds: as recorded, else as declared. None for an address that is not a binding."""
    model = parse(address).member or ""
    declared = declared_versions(settled, model)
    pointer, node = (state.current.get(address) if state else None), settled.by_address.get(address)
    if pointer is None and node is None:
        return None
    digest = pointer.digest if pointer is not None else node.digest if node is not None else ""
    return by_digest(declared, digest) or by_digest(former_versions(session, model, declared), digest)


def _recipes(session: Session, model: str) -> Iterator[Recipe]:
    return (r for r in session.store.all_recipes() if family(r.address) == document("model", model) and is_of_version(r.recipe))


def _with_evaluations(version: BuiltVersion, results: Mapping[str, Result]) -> BuiltVersion:
    """With the keys of its evaluations, which depend on results. Among several declarations, the one with the most metrics counts."""
    keys = dict(version.keys)
    for notes in sorted(version.notes, key=_metric_count):
        keys |= evaluation_keys(version.recipe, notes, recipe_keys(version.recipe), results)
    return replace(version, keys=keys)


def _metric_count(notes: Mapping[str, Json]) -> int:
    evaluate = notes.get("evaluate")
    metrics = evaluate.get("metrics") if isinstance(evaluate, dict) else None
    return len(metrics) if isinstance(metrics, list) else 0
