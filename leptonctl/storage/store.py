"""The part of a store that all its projects share: results by step key, recipes, key marks and step leases, in addition to artifacts.

Owns the order of writes; `core.layout` gives the paths, and any `Objects` hold the bytes. Does not decide what to build or bind.
"""

import gc
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress

from leptonctl.core import layout
from leptonctl.core.codec import BadRecord, convert, encode, plain
from leptonctl.core.diagnostic import fail
from leptonctl.core.frozen import Frozen, field, replace
from leptonctl.core.result import Result, Tombstone
from leptonctl.core.state import Owner
from leptonctl.core.store_records import KeyMark, Recipe
from leptonctl.spi.storage import Lease
from leptonctl.storage.artifacts import ArtifactStore
from leptonctl.storage.records import BadRecordAt, read_record, require_name

LEASE_S = 60.0
BATCH = 1000


class StoredResult(Frozen):
    """A record of a step key. From `number` 2 on, it was written after an artifact of the previous one was lost."""

    result: Result
    number: int


class ResultLookup(Frozen):
    """The results of some keys. `damaged`: keys whose record cannot be read, each with the failure for a command that needs it."""

    results: Mapping[str, Result] = field(default_factory=dict)
    damaged: Mapping[str, BadRecordAt] = field(default_factory=dict)


class RecipeLookup(Frozen):
    """The recipes of some declarations, and the failures of those whose record cannot be read."""

    recipes: Mapping[str, Recipe] = field(default_factory=dict)
    damaged: tuple[BadRecordAt, ...] = ()


class Store(ArtifactStore):
    """Everything that was built, on one back end. Digests and step keys are `sha256:<hex>` or the bare hex."""

    # --- purged results --------------------------------------------------------------------------------------------

    def purged_results(self, keys: Iterable[str]) -> dict[str, Tombstone]:
        """Those of the step keys whose result was purged, and would be refused if it were built again."""
        return {key: tombstone for key, tombstones in self.tombstones_by_key(keys).items() for tombstone in tombstones if tombstone.refused}

    def tombstones_by_key(self, keys: Iterable[str]) -> dict[str, list[Tombstone]]:
        """The tombstones of the purged artifacts of each step key without a result in force; other keys are left out."""
        if next(iter(self.objects.list(layout.TOMBSTONES)), None) is None:
            return {}
        records, _ = self._records(dict.fromkeys(keys))
        present = self._present(records.values())
        lost = {key: of_key for key, of_key in records.items() if _in_force(of_key, present) is None}
        artifacts = {key: {d for stored in of_key for d in stored.result.artifacts.values()} for key, of_key in lost.items()}
        tombstones = self.tombstones_of(frozenset().union(*artifacts.values()))
        by_key = {key: [tombstones[digest] for digest in digests if digest in tombstones] for key, digests in artifacts.items()}
        return {key: tombstones for key, tombstones in by_key.items() if tombstones}

    # --- results ---------------------------------------------------------------------------------------------------

    def results(self, keys: Iterable[str]) -> dict[str, Result]:
        """The results in force of many keys, in few passes over the back end; keys without one are left out.

        The newest record of a key whose artifacts all still exist is in force. Raises BadRecordAt for the first damaged record.
        """
        lookup = self.find(keys)
        for failure in lookup.damaged.values():
            raise failure
        return dict(lookup.results)

    def find(self, keys: Iterable[str]) -> ResultLookup:
        """As `results`, for callers that can do without the records that cannot be read."""
        with _no_collector():
            records, damaged = self._records(dict.fromkeys(keys))
            present = self._present(records.values())
            in_force = {key: _in_force(of_key, present) for key, of_key in records.items() if key not in damaged}
        return ResultLookup(results={key: result for key, result in in_force.items() if result is not None}, damaged=damaged)

    def newest(self, keys: Iterable[str]) -> dict[str, Result]:
        """The newest record of many keys, even where artifacts are missing. Damaged ones are left out."""
        return {key: records[-1].result for key, records in self._records(dict.fromkeys(keys))[0].items()}

    def lost_keys(self, keys: Iterable[str]) -> set[str]:
        """Those of the step keys whose records have all lost an artifact: `gc` freed it, or it was purged."""
        records, _ = self._records(dict.fromkeys(keys))
        present = self._present(records.values())
        return {key for key, of_key in records.items() if of_key and _in_force(of_key, present) is None}

    def put_result(self, result: Result) -> Result:
        """Record a result and return the one in force: that of another builder if it recorded one first.

        The artifacts must be in the store already, and the numbers finite (ValueError). If the newest record has lost an
        artifact, the new one is recorded after it.
        """
        lost = set(result.artifacts.values()) - self.present(result.artifacts.values())
        if lost:
            msg = f"a result must not be recorded before its artifacts: {', '.join(sorted(lost))} of {result.op} {result.key}"
            raise ValueError(msg)
        # NaN would be written as null, and the record could not be read again
        json.dumps(plain(result), allow_nan=False)
        data = encode(result)
        number = 0
        while True:
            records, damaged = self._records([result.key])
            for failure in damaged.values():
                raise failure
            earlier = records.get(result.key, [])
            if (in_force := _in_force(earlier, self._present([earlier]))) is not None:
                return in_force
            if number == len(earlier) + 1:
                raise _occupied_place(layout.result(result.key, number))
            number = len(earlier) + 1
            if self.objects.create(layout.result(result.key, number), data):
                return result

    def rewrite(self, key: str, change: Callable[[Result], Result]) -> None:
        """Replace every record of a step key by a changed one. Only for a purge: records are immutable otherwise."""
        for stored in self._records([key])[0].get(key, ()):
            self.objects.put(layout.result(key, stored.number), encode(change(stored.result)))

    def all_results(self) -> Iterator[StoredResult | BadRecordAt]:
        """Every record, including those with lost artifacts, in no order; for a damaged one its failure.

        Files that are not named as a record are skipped.
        """
        paths = [path for path in self.objects.list(layout.RESULTS) if layout.result_key(path) is not None]
        for start in range(0, len(paths), BATCH):
            for path, data in self.objects.get_many(paths[start : start + BATCH]).items():
                try:
                    yield _stored_result(data, path)
                except BadRecordAt as failure:
                    yield failure

    # --- recipes ---------------------------------------------------------------------------------------------------

    def put_recipes(self, recipes: Mapping[str, Recipe]) -> None:
        """Keep recipes under the digests by which pointers name them. The first record of a digest stays."""
        records = {declaration: replace(recipe, declaration=declaration) for declaration, recipe in recipes.items()}
        self.objects.create_many({layout.recipe(declaration): encode(recipe) for declaration, recipe in records.items()})

    def recipes(self, declarations: Iterable[str]) -> dict[str, Recipe]:
        """The recipes of many declarations; those missing from the store are left out. Raises BadRecordAt."""
        lookup = self.find_recipes(declarations)
        for failure in lookup.damaged:
            raise failure
        return dict(lookup.recipes)

    def find_recipes(self, declarations: Iterable[str]) -> RecipeLookup:
        """As `recipes`, for callers that can do without the records that cannot be read."""
        # a pointer that was rebuilt from the store may have no declaration
        paths = {layout.recipe(declaration): declaration for declaration in declarations if declaration}
        recipes: dict[str, Recipe] = {}
        damaged: list[BadRecordAt] = []
        for path, data in self.objects.get_many(paths).items():
            try:
                recipes[paths[path]] = _recipe(data, path)
            except BadRecordAt as failure:
                damaged.append(failure)
        return RecipeLookup(recipes=recipes, damaged=tuple(damaged))

    def all_recipes(self) -> Iterator[Recipe]:
        """Every recipe that can be read, in no order. Damaged records and other files are skipped."""
        paths = [path for path in self.objects.list(layout.RECIPES) if layout.recipe_digest(path) is not None]
        for start in range(0, len(paths), BATCH):
            for path, data in self.objects.get_many(paths[start : start + BATCH]).items():
                with suppress(BadRecordAt):
                    yield _recipe(data, path)

    # --- marks and leases ------------------------------------------------------------------------------------------

    def check_key(self, key_id: str, mark: str) -> bool:
        """Whether `mark` is the one recorded for this key id. The first mark of a key id is recorded."""
        path = layout.key_mark(key_id)
        if self.objects.create(path, encode(KeyMark(mark=mark, key_id=key_id))):
            return True
        stored = self.objects.get(path)
        if stored is None:
            raise _occupied_place(path)
        return _key_mark(stored[0], path, key_id) == mark

    def is_key(self, key_id: str, mark: str) -> bool:
        """As `check_key`, but records nothing: a key id without a mark fits every key."""
        stored = self.objects.get(layout.key_mark(key_id))
        return stored is None or _key_mark(stored[0], layout.key_mark(key_id), key_id) == mark

    def step_lease(self, key: str, owner: Owner, ttl_s: float = LEASE_S) -> Lease | None:
        """Take the lease of a step key; None when another process is building it. It avoids double work; `StepLeases` renews it."""
        return self.objects.lease(layout.step_lease(key), plain(owner), ttl_s)

    def leases(self, prefix: str = "") -> dict[str, Owner]:
        """The owners of all leases that are held now, by name: `step/KEY`."""
        return {name: _owner(owner) for name, owner in self.objects.leases(prefix).items()}

    def break_lease(self, name: str) -> bool:
        """Free a lease by force; False when it was not held."""
        return self.objects.break_lease(name)

    def _records(self, keys: Iterable[str]) -> tuple[dict[str, list[StoredResult]], dict[str, BadRecordAt]]:
        """All records of each key, oldest first, and the keys with a damaged record.

        Round n reads the n-th records, so most keys take one hit and one miss.
        """
        records: dict[str, list[StoredResult]] = {}
        damaged: dict[str, BadRecordAt] = {}
        pending, number = list(keys), 1
        while pending:
            paths = {layout.result(key, number): key for key in pending}
            for path, data in self.objects.get_many(paths).items():
                try:
                    records.setdefault(paths[path], []).append(_stored_result(data, path))
                except BadRecordAt as failure:
                    damaged[paths[path]] = failure
            pending = [key for key in pending if len(records.get(key, ())) == number]
            number += 1
        return records, damaged

    def _present(self, records: Iterable[list[StoredResult]]) -> set[str]:
        return self.present({digest for of_key in records for stored in of_key for digest in stored.result.artifacts.values()})


def _stored_result(data: bytes, path: str) -> StoredResult:
    result = read_record(data, path, Result)
    name = layout.result_key(path)
    if name is None or layout.bare(result.key) != layout.bare(name[0]):
        raise BadRecordAt(path, BadRecord(f"it is the record of {result.key}"))
    return StoredResult(result=result, number=name[1])


def _recipe(data: bytes, path: str) -> Recipe:
    recipe = read_record(data, path, Recipe)
    require_name(path, is_its_own=not recipe.declaration or layout.recipe(recipe.declaration) == path)
    return recipe


def _key_mark(data: bytes, path: str, key_id: str) -> str:
    record = read_record(data, path, KeyMark)
    require_name(path, is_its_own=record.key_id in ("", key_id))
    return record.mark


def _in_force(records: list[StoredResult], present: set[str]) -> Result | None:
    for stored in reversed(records):
        if present.issuperset(stored.result.artifacts.values()):
            return stored.result
    return None


def _owner(value: object) -> Owner:
    try:
        return convert(value, Owner)  # type: ignore[arg-type]
    except BadRecord:
        return Owner()


def _occupied_place(path: str) -> Exception:
    return fail(
        "corrupt-record",
        "A record of the store cannot be read",
        f"{path} exists but is not a record: it is a folder, a link or a device.",
        hint=f"remove {path} from the store and run the same command again",
    )


@contextmanager
def _no_collector() -> Iterator[None]:
    """Disables the garbage collector, which would walk thousands of records, without cycles, again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
