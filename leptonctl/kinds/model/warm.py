"""Versions that continue from another one (`warm_start`): their parents, conflicts between the two, and their keys. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from leptonctl.core import address
from leptonctl.core.address import name_and_version
from leptonctl.core.canonical import digest
from leptonctl.core.diagnostic import Diagnostic, did_you_mean, error
from leptonctl.core.frozen import replace
from leptonctl.core.result import Result
from leptonctl.core.values import Json, Span, StepPlace
from leptonctl.kinds.model.decision import CALIBRATE, THRESHOLD
from leptonctl.kinds.model.search import SEARCH
from leptonctl.kinds.model.version import Model, WarmStart
from leptonctl.kinds.model.weights import WEIGHTS
from leptonctl.spi.catalog import Catalog

KEY = "warm_start"
PREPARE = "warm_prepare"
LEARNED = "train.outputs.learned"
"""The rows that the versions before have learned, which no evaluation counts."""
BEGIN = "remove `warm_start` to train from the beginning"


def train_key(model: Model) -> str:
    """The key of the training of a version."""
    return digest({"op": "train", "prepare": model.prepare.key, **model.train_key_fields})


def needs(model: Model, rows: StepPlace | None) -> dict[str, StepPlace]:
    """What the training reads of the parent: its training and its rows. rows: the step that prepares those."""
    if model.warm is None:
        return {}
    parent = model.warm.parent.address
    return {KEY: (parent, "train"), PREPARE: rows or (parent, "prepare")}


def training(model: Model) -> dict[str, StepPlace]:
    """The version's own training, for evaluations that need to know what the versions before have learned."""
    return {} if model.warm is None else {"train": (model.address, "train")}


def reads(model: Model) -> tuple[str, ...]:
    """The parts of results in the key of an evaluation, other than package and rows."""
    return () if model.warm is None else (LEARNED,)


def reads_of_bound(train: Result | None) -> tuple[str, ...]:
    """The same for the version bound now. train: the result of its training, None while it is not known."""
    return (f"bound_{LEARNED}",) if train is not None and "learned" in train.outputs else ()


def read_before(needs: Mapping[str, Result]) -> tuple[str, ...]:
    """The same for both versions of an earlier comparison. needs: the results that it read, by role."""
    own = (LEARNED,) if "learned" in (needs["train"].outputs if "train" in needs else {}) else ()
    return (*own, *reads_of_bound(needs.get("bound_train")))


def addresses(model: Model) -> tuple[str, ...]:
    """The versions that must be built before this one."""
    return () if model.warm is None else (model.warm.parent.address,)


def without_keys(model: Model) -> dict[str, Json]:
    """The train fields without the key of the parent, whose outputs are compared instead."""
    fields = dict(model.train_key_fields)
    return fields if model.warm is None else {**fields, KEY: {"refit": model.warm.refit}}


def with_name(model: Model) -> dict[str, Json]:
    """The train fields with the name of the parent, which is in no key."""
    fields = dict(model.train_key_fields)
    if model.warm is not None:
        fields[KEY] = {"version": model.warm.parent.declared.version, **cast("dict[str, Json]", fields[KEY])}
    return fields


def without_name(recipe: Mapping[str, Json]) -> dict[str, Json]:
    """The fields of a recipe as keys have them, without the name of the parent. The inverse of `with_name`."""
    warm = recipe.get(KEY)
    nameless = {KEY: {name: value for name, value in warm.items() if name != "version"}} if isinstance(warm, dict) else {}
    return {**recipe, **nameless}


def warm_start_of(recipe: Mapping[str, Json]) -> Json:
    """`warm_start:` of a recorded recipe as YAML has it; None when it has no parent."""
    warm = recipe.get(KEY)
    if not isinstance(warm, dict):
        return None
    version = str(warm.get("version"))
    return {"version": version, "refit": True} if warm.get("refit") else version


def parent_name(recipe: Mapping[str, Json]) -> str | None:
    """The name of the parent in a recorded recipe; None when it has none."""
    warm = recipe.get(KEY)
    return str(warm.get("version")) if isinstance(warm, dict) else None


def parent_train_key(recipe: Mapping[str, Json]) -> str | None:
    """The train key of the parent in a recorded recipe; None when it has none."""
    warm = recipe.get(KEY)
    return str(warm.get("train")) if isinstance(warm, dict) else None


def with_parents(
    versions: Mapping[str, Model], problems: tuple[Diagnostic, ...], catalog: Catalog
) -> tuple[dict[str, Model], tuple[Diagnostic, ...]]:
    """The versions, those with `warm_start` joined to their parents; without those whose parent does not fit."""
    # a file with a warm start has no outline, so a restored version has no parent
    waiting = {name: m for name, m in versions.items() if m.restore_node is None and m.declared.fields.get(KEY) is not None}
    lineage = _Lineage(versions=dict(versions), waiting=waiting, problems=[*problems], catalog=catalog)
    for name in [*waiting]:
        lineage.join(name, ())
    return lineage.versions, tuple(dict.fromkeys(lineage.problems))


@dataclass(kw_only=True)
class _Lineage:
    """Versions that are being joined to their parents. `waiting`: those with `warm_start` that are not joined yet."""

    versions: dict[str, Model]
    waiting: dict[str, Model]
    problems: list[Diagnostic]
    catalog: Catalog

    def join(self, name: str, descendants: tuple[str, ...]) -> None:
        """Join a version to its parent, which is joined first. It leaves `versions` when that cannot be done."""
        model = self.waiting.get(name)
        if model is None:
            return
        if model.origin != "trained":
            # the check of its origin reports that the key means nothing there
            self.waiting.pop(name)
            return
        version, refit, span = _warm_start(model)
        parent, path = address.short(address.version_of("model", model.declared.name, version)), (*descendants, name)
        is_circle = parent in path
        if not is_circle:
            self.join(parent, path)
        self.waiting.pop(name, None)
        before = None if is_circle else self.versions.get(parent)
        if is_circle:
            mistakes = [_circle(version, model, span, path)]
        elif before is None:
            mistakes = [*_unknown_parent(version, model, span), *_own_mistakes(model, self.catalog, span)]
        else:
            mistakes = [*_mistakes(model, before, self.catalog, span, refit=refit)]
        self.problems += mistakes
        if before is None or mistakes:
            self.versions.pop(name, None)
        else:
            self.versions[name] = _join(model, before, refit=refit)


def _unknown_parent(version: str, model: Model, span: Span) -> Iterator[Diagnostic]:
    """The error for a parent that is not declared. What is wrong with one that is declared is reported there."""
    known = cast("dict[str, Json]", model.declared.document.value.get("versions") or {})
    if version not in known:
        hint = did_you_mean(version, [other for other in known if other != model.declared.version]) or BEGIN
        detail = f"{model.declared.name} has no version {version}"
        yield error("unknown-version", "A version continues from one that is not declared", detail, span=span, hint=hint)


def _warm_start(model: Model) -> tuple[str, bool, Span]:
    """The version that `warm_start` names, whether the steps are fitted again, and where the name is written."""
    written = model.declared.fields[KEY]
    if isinstance(written, dict):
        return str(written.get("version")), bool(written.get("refit")), model.declared.at(KEY, "version")
    return str(written), False, model.declared.at(KEY)


def _join(model: Model, parent: Model, *, refit: bool) -> Model:
    learned: dict[str, Json] = {name: value for name, value in parent.train.items() if name != KEY}
    return replace(
        model,
        warm=WarmStart(parent=parent, refit=refit),
        train={**model.train, KEY: {"refit": refit, "train": learned}},
        train_key_fields={**model.train_key_fields, KEY: {"train": train_key(parent), **({"refit": True} if refit else {})}},
    )


def why_alone(model: Model, catalog: Catalog) -> tuple[str, str, str] | None:
    """Id, summary and detail of why a version like this one could not continue from it; None if nothing is known against it."""
    if model.origin != "trained":
        way = "imported" if model.origin == "imported" else "made by a command"
        detail = f"{model.declared.version} is {way}, and no version can continue from it"
        return "cannot-continue", "The version was not trained here", detail
    mistakes = _mistakes(model, model, catalog, model.declared.at("algorithm"), refit=False)
    return next(((one.id, one.summary, one.detail) for one in mistakes), None)


def _circle(version: str, model: Model, span: Span, path: tuple[str, ...]) -> Diagnostic:
    own = model.declared.version
    names = [name_and_version(name)[1] or "" for name in path]
    way = " → ".join([*names[names.index(version) :], version]) if version in names else f"{own} → {version}"
    detail = f"{own} continues from itself: {way}"
    return error("warm-start-circle", "A version continues from itself", detail, span=span, hint="name an earlier version, or " + BEGIN)


def _own_mistakes(model: Model, catalog: Catalog, span: Span) -> Iterator[Diagnostic]:
    """Why a version cannot continue from any other."""
    trainer = catalog.trainers.get((model.task, algorithm := str(model.train.get("algorithm"))))
    if trainer is None or trainer.resume is None:
        able = sorted({name for (task, name), one in catalog.trainers.items() if task == model.task and one.resume is not None})
        others = f"those that can continue: {', '.join(able)}" if able else f"no algorithm for {model.task} can continue"
        detail = f"{algorithm} can only be trained from the beginning; {others}"
        yield error("cannot-continue", "The algorithm cannot continue from another version", detail, span=span, hint=BEGIN)
        return
    if trainer.resume_refuse is not None and (reason := trainer.resume_refuse(_params(model))):
        detail = f"{trainer.name}: {reason}"
        yield error("cannot-continue", "The algorithm cannot continue with these parameters", detail, span=span, hint=BEGIN)
    yield from _unsupported_fields(model, span)


def _mistakes(model: Model, parent: Model, catalog: Catalog, span: Span, *, refit: bool) -> Iterator[Diagnostic]:
    """Why a version cannot continue from the other, as far as that is known before the data are read."""
    yield from _own_mistakes(model, catalog, span)
    trainer = catalog.trainers.get((model.task, str(model.train.get("algorithm"))))
    if trainer is None or trainer.resume is None:
        return
    version, here, there = parent.declared.version, _params(model), _params(parent)
    differences = [*_differences(model, parent)]
    if not differences:
        differences = [
            f"`{name}` is {_text(there.get(name))} there, {_text(here.get(name))} here"
            for name in trainer.resume_keeps
            if there.get(name) != here.get(name)
        ]
    if not differences and not refit and model.train.get("preprocess") != parent.train.get("preprocess"):
        hint = f"write the steps of {version}, or `warm_start: {{version: {version}, refit: true}}` to fit them again"
        detail = f"the preprocess steps of {version} are kept as fitted, but those written here are others"
        yield error("warm-start-mismatch", "A version does not fit the one that it continues from", detail, span=span, hint=hint)
    for detail in differences:
        hint = f"make it as in {version}, or {BEGIN}"
        yield error("warm-start-mismatch", "A version does not fit the one that it continues from", detail, span=span, hint=hint)


def _params(model: Model) -> dict[str, Json]:
    return cast("dict[str, Json]", model.train.get("params") or {})


def _unsupported_fields(model: Model, span: Span) -> Iterator[Diagnostic]:
    """Errors for fields that cannot be combined with `warm_start` yet, since the parent was fitted without them."""
    fields = [name for name in (*WEIGHTS, CALIBRATE) if name in model.train or name in model.decides]
    fields += [SEARCH] if model.search else []
    fields += [THRESHOLD] if isinstance(model.decides.get(THRESHOLD), dict) else []
    for name in fields:
        detail = f"a version that continues from another one cannot have `{name}` yet"
        yield error(
            "cannot-continue", "This cannot be combined with `warm_start` yet", detail, span=span, hint=f"remove `{name}`, or {BEGIN}"
        )


def _differences(model: Model, parent: Model) -> Iterator[str]:
    own, theirs, version = model.train, parent.train, parent.declared.version
    if parent.origin != "trained":
        yield f"{version} is not trained here ({parent.origin}), so nothing is known of how to continue from it"
        return
    if parent.search:
        yield f"{version} searches its parameters, which are not known before it is built: `leptonctl adopt` writes them"
        return
    for name in ("task", "algorithm", "target"):
        if own.get(name) != theirs.get(name):
            yield f"the {name} of {version} is {theirs.get(name)}, here it is {own.get(name)}"
            return
    there, here = _features(parent), _features(model)
    if there is not None and here is not None and there != here:
        lost, new = sorted(there - here), sorted(here - there)
        parts = [f"{version} learns from {', '.join(lost)}, which are not here"] if lost else []
        parts += [f"{', '.join(new)} {'is' if len(new) == 1 else 'are'} new here"] if new else []
        yield "; ".join(parts)


def _features(model: Model) -> set[str] | None:
    """The names of the columns that a version learns from, if the YAML tells."""
    features = model.train.get("features")
    return {*map(str, features)} if isinstance(features, list) else None


def _text(value: Json) -> str:
    return "null" if value is None else str(value)
