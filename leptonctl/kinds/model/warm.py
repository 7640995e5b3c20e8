"""Versions that go on from another one (`warm_start`): their parents, what of the two does not fit together, their keys. Pure."""

from collections.abc import Iterator, Mapping
from typing import cast

from leptonctl.core import address
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
"""The rows that the versions before have learned: no evaluation counts them."""
BEGIN = "remove `warm_start` to train from the beginning"


def train_key(model: Model) -> str:
    """The key of the training of a version."""
    return digest({"op": "train", "prepare": model.prepare.key, **model.train_key_fields})


def needs(model: Model, rows: StepPlace | None) -> dict[str, StepPlace]:
    """What the training reads of the version before: its training, and the rows of that. `rows`: where these are prepared."""
    if model.warm is None:
        return {}
    parent = model.warm.parent.address
    return {KEY: (parent, "train"), PREPARE: rows or (parent, "prepare")}


def training(model: Model) -> dict[str, StepPlace]:
    """The version's own training, for evaluations that have to know what the versions before have learned."""
    return {} if model.warm is None else {"train": (model.address, "train")}


def reads(model: Model) -> tuple[str, ...]:
    """What completes the key of an evaluation besides package and rows."""
    return () if model.warm is None else (LEARNED,)


def reads_of_bound(train: Result | None) -> tuple[str, ...]:
    """The same of the version bound now, by the result of its training; None while that is not known."""
    return (f"bound_{LEARNED}",) if train is not None and "learned" in train.outputs else ()


def read_before(needs: Mapping[str, Result]) -> tuple[str, ...]:
    """The same, by what an earlier comparison read."""
    own = (LEARNED,) if "learned" in (needs["train"].outputs if "train" in needs else {}) else ()
    return (*own, *reads_of_bound(needs.get("bound_train")))


def addresses(model: Model) -> tuple[str, ...]:
    """The versions that have to be in place before this one."""
    return () if model.warm is None else (model.warm.parent.address,)


def without_keys(model: Model) -> dict[str, Json]:
    """The train fields without the key of the version before, whose content is compared instead."""
    fields = dict(model.train_key_fields)
    return fields if model.warm is None else {**fields, KEY: {"refit": model.warm.refit}}


def with_name(model: Model) -> dict[str, Json]:
    """The train fields with the name of the version before, which is in no key."""
    fields = dict(model.train_key_fields)
    if model.warm is not None:
        fields[KEY] = {"version": model.warm.parent.declared.version, **cast("dict[str, Json]", fields[KEY])}
    return fields


def keyed(recipe: Mapping[str, Json]) -> dict[str, Json]:
    """The fields of a recipe as keys have them: without the name of the version before. The inverse of `with_name`."""
    warm = recipe.get(KEY)
    named = {KEY: {name: value for name, value in warm.items() if name != "version"}} if isinstance(warm, dict) else {}
    return {**recipe, **named}


def written(recipe: Mapping[str, Json]) -> Json:
    """What a recorded recipe says below `warm_start:`, None when it begins anew."""
    warm = recipe.get(KEY)
    if not isinstance(warm, dict):
        return None
    version = str(warm.get("version"))
    return {"version": version, "refit": True} if warm.get("refit") else version


def name_before(recipe: Mapping[str, Json]) -> str | None:
    """The name of the version that a recorded recipe goes on from, None when it begins anew."""
    warm = recipe.get(KEY)
    return str(warm.get("version")) if isinstance(warm, dict) else None


def key_before(recipe: Mapping[str, Json]) -> str | None:
    """The train key of that version."""
    warm = recipe.get(KEY)
    return str(warm.get("train")) if isinstance(warm, dict) else None


def with_parents(
    versions: Mapping[str, Model], problems: tuple[Diagnostic, ...], catalog: Catalog
) -> tuple[dict[str, Model], tuple[Diagnostic, ...]]:
    """The versions, those with `warm_start` joined to the version before; without those whose parent does not fit."""
    linked = dict(versions)
    # a file with a warm start has no outline, so that what is recalled begins anew
    waiting = {name: model for name, model in versions.items() if model.recalled is None and model.declared.fields.get(KEY) is not None}
    found = [*problems]
    for name in [*waiting]:
        _link(name, linked, waiting, catalog, found, ())
    return linked, tuple(dict.fromkeys(found))


def _link(
    name: str, linked: dict[str, Model], waiting: dict[str, Model], catalog: Catalog, problems: list[Diagnostic], passed: tuple[str, ...]
) -> None:
    """Join one version to its parent, which is joined first. It leaves `linked` when that cannot be done."""
    model = waiting.get(name)
    if model is None:
        return
    if model.origin != "trained":
        # that the key has no meaning for it is told where its origin is declared
        waiting.pop(name)
        return
    version, refit, span = _written(model)
    parent = address.short(address.version_of("model", model.declared.name, version))
    if parent == name or parent in passed:
        problems.append(_circle(version, model, span, (*passed, name)))
        waiting.pop(name)
        linked.pop(name, None)
        return
    _link(parent, linked, waiting, catalog, problems, (*passed, name))
    waiting.pop(name, None)
    before = linked.get(parent)
    if before is None:
        linked.pop(name, None)
        known = cast("dict[str, Json]", model.declared.document.value.get("versions") or {})
        if version not in known:
            hint = did_you_mean(version, [other for other in known if other != model.declared.version]) or BEGIN
            detail = f"{model.declared.name} has no version {version}"
            problems.append(error("unknown-version", "A version goes on from one that is not declared", detail, span=span, hint=hint))
        problems += _own_mistakes(model, catalog, span)
        return
    mistakes = [*_mistakes(model, before, catalog, span, refit=refit)]
    problems += mistakes
    if mistakes:
        linked.pop(name, None)
        return
    linked[name] = _joined(model, before, refit=refit)


def _written(model: Model) -> tuple[str, bool, Span]:
    """The version that is named, whether the steps are fitted anew, and where."""
    written = model.declared.fields[KEY]
    if isinstance(written, dict):
        return str(written.get("version")), bool(written.get("refit")), model.declared.at(KEY, "version")
    return str(written), False, model.declared.at(KEY)


def _joined(model: Model, parent: Model, *, refit: bool) -> Model:
    learned: dict[str, Json] = {name: value for name, value in parent.train.items() if name != KEY}
    return replace(
        model,
        warm=WarmStart(parent=parent, refit=refit),
        train={**model.train, KEY: {"refit": refit, "train": learned}},
        train_key_fields={**model.train_key_fields, KEY: {"train": train_key(parent), **({"refit": True} if refit else {})}},
    )


def why_alone(model: Model, catalog: Catalog) -> tuple[str, str, str] | None:
    """Id, summary and detail of why a version like this one could not go on from it; None where nothing is known against it."""
    if model.origin != "trained":
        way = "imported" if model.origin == "imported" else "made by a command"
        detail = f"{model.declared.version} is {way}, and no version can go on from it"
        return "cannot-continue", "The version was not trained here", detail
    mistakes = _mistakes(model, model, catalog, model.declared.at("algorithm"), refit=False)
    return next(((one.id, one.summary, one.detail) for one in mistakes), None)


def _circle(version: str, model: Model, span: Span, passed: tuple[str, ...]) -> Diagnostic:
    own = model.declared.version
    names = [name.partition("@")[2] for name in passed]
    way = " → ".join([*names[names.index(version) :], version]) if version in names else f"{own} → {version}"
    detail = f"{own} goes on from itself: {way}"
    return error("warm-start-circle", "A version goes on from itself", detail, span=span, hint="name an earlier version, or " + BEGIN)


def _own_mistakes(model: Model, catalog: Catalog, span: Span) -> Iterator[Diagnostic]:
    """Why a version cannot go on from any other."""
    trainer = catalog.trainers.get((model.task, algorithm := str(model.train.get("algorithm"))))
    if trainer is None or trainer.resume is None:
        able = sorted({name for (task, name), one in catalog.trainers.items() if task == model.task and one.resume is not None})
        others = f"those that can go on: {', '.join(able)}" if able else f"no algorithm for {model.task} can go on"
        detail = f"{algorithm} can only be trained from the beginning; {others}"
        yield error("cannot-continue", "The algorithm cannot go on from another version", detail, span=span, hint=BEGIN)
        return
    if trainer.resume_refuse is not None and (reason := trainer.resume_refuse(_params(model))):
        detail = f"{trainer.name}: {reason}"
        yield error("cannot-continue", "The algorithm cannot go on with these parameters", detail, span=span, hint=BEGIN)
    yield from _apart(model, span)


def _mistakes(model: Model, parent: Model, catalog: Catalog, span: Span, *, refit: bool) -> Iterator[Diagnostic]:
    """Why a version cannot go on from the other, as far as that is known before the data are read."""
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
        hint = f"write the steps of {version}, or `warm_start: {{version: {version}, refit: true}}` to fit them anew"
        detail = f"the preprocess steps of {version} are kept as fitted, but those written here are others"
        yield error("warm-start-mismatch", "A version does not fit the one that it goes on from", detail, span=span, hint=hint)
    for detail in differences:
        hint = f"make it as in {version}, or {BEGIN}"
        yield error("warm-start-mismatch", "A version does not fit the one that it goes on from", detail, span=span, hint=hint)


def _params(model: Model) -> dict[str, Json]:
    return cast("dict[str, Json]", model.train.get("params") or {})


def _apart(model: Model, span: Span) -> Iterator[Diagnostic]:
    """Fields that do not go together with it yet: they fit rows in another way than the version before."""
    fields = [name for name in (*WEIGHTS, CALIBRATE) if name in model.train or name in model.decides]
    fields += [SEARCH] if model.search else []
    fields += [THRESHOLD] if isinstance(model.decides.get(THRESHOLD), dict) else []
    for name in fields:
        detail = f"`{name}` fits rows anew, which a version that goes on from another one cannot yet"
        yield error(
            "cannot-continue", "This does not go together with `warm_start` yet", detail, span=span, hint=f"remove `{name}`, or {BEGIN}"
        )


def _differences(model: Model, parent: Model) -> Iterator[str]:
    own, theirs, version = model.train, parent.train, parent.declared.version
    if parent.origin != "trained":
        yield f"{version} is not trained here ({parent.origin}), so nothing is known of how to go on from it"
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
    listed = model.train.get("features")
    return {*map(str, listed)} if isinstance(listed, list) else None


def _text(value: Json) -> str:
    return "null" if value is None else str(value)
