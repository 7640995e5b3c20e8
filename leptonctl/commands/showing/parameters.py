"""The parameters of a model version with their origin: where each is written, and whether its value comes from a variable."""

from collections.abc import Callable, Iterator, Mapping
from typing import Literal, TypeAlias, cast

from leptonctl.commands.session import Session
from leptonctl.core.address import short
from leptonctl.core.values import Document, Json, Path, value_at
from leptonctl.kinds.model import warm
from leptonctl.kinds.model.command import COMMAND, FILES
from leptonctl.kinds.model.imported import OF_FILES, OPTIONS, recipe_fields
from leptonctl.kinds.model.optional_fields import OPTIONAL
from leptonctl.kinds.model.search import SEARCH
from leptonctl.kinds.model.version import Model
from leptonctl.kinds.model.warm import KEY
from leptonctl.language.resolve import Declared

Origin: TypeAlias = Literal["base", "version", "vars", "default", "recorded", "search"]
FIELDS = ("task", "algorithm", "params", "seed", "revision", "features", "preprocess")


def declared_parameters(session: Session, model: Model, chosen: Mapping[str, Json]) -> list[dict[str, Json]]:
    """The parameters of a declared version with defaults filled in: `{path, value, origin, file, line, column}`.

    `chosen`: those that its search has chosen.
    """
    declared, train = model.declared, model.train
    written = session.as_written(declared.document)
    values: dict[str, Json] = {"dataset": _dataset(model)}
    if model.imported is not None:
        values |= {"task": model.task, **recipe_fields(model.imported)}
    elif model.origin == COMMAND:
        values |= {name: model.train_key_fields[name] for name in ("task", COMMAND, "seed", "revision", "features")} | dict(model.options)
    else:
        values |= {**{name: train[name] for name in FIELDS}, "export": {"opset": model.opset}}
    values |= {name: fields[name] for fields in (train, model.decides) for name in OPTIONAL if name in fields}
    values |= {KEY: warm.warm_start_of(warm.with_name(model))} if model.warm is not None else {}
    search = {SEARCH: model.search["spec"]} if model.search else {}
    listed = [_parameter(declared, written, path, value) for path, value in _leaves({**values, **search})]
    return _with_chosen(listed, chosen, lambda name: _parameter(declared, written, (SEARCH, "parameters", name), None))


def recorded_parameters(recipe: Mapping[str, Json], chosen: Mapping[str, Json]) -> list[dict[str, Json]]:
    """The parameters of a recorded recipe; those with their default value are not recorded. `chosen`: those that its search has chosen."""
    values = {name: recipe.get(name) for name in ("dataset", *FIELDS, *OF_FILES, *OPTIONS, "export", *OPTIONAL, SEARCH)}
    values |= {KEY: warm.warm_start_of(recipe)}
    nowhere: dict[str, Json] = {"origin": "recorded", "file": None, "line": None, "column": None}
    listed = [{"path": _dotted_path(path), "value": value, **nowhere} for path, value in _leaves(values) if path[-1] != "epoch"]
    return _with_chosen(listed, chosen, lambda _name: nowhere)


def _with_chosen(
    listed: list[dict[str, Json]], chosen: Mapping[str, Json], place: Callable[[str], Mapping[str, Json]]
) -> list[dict[str, Json]]:
    """The parameters, with those that a search has chosen after the declared ones. `place`: where the search of a parameter is written."""
    added = [{**place(name), "path": f"params.{name}", "value": value, "origin": SEARCH} for name, value in chosen.items()]
    end = max((number for number, one in enumerate(listed, 1) if str(one["path"]).startswith("params.")), default=len(listed))
    return [*listed[:end], *added, *listed[end:]]


def _dotted_path(path: Path) -> str:
    """`preprocess.0.use`."""
    return ".".join(map(str, path))


def _dataset(model: Model) -> str:
    return short(model.dataset.address)


def _parameter(declared: Declared, written: Document, path: Path, value: Json) -> dict[str, Json]:
    # `import: FILE` is short for `import: {file: FILE}`
    written_at: Path = ("import",) if path[0] == "import" and path not in declared.origins else path
    if path[:2] == (COMMAND, FILES) and path not in declared.origins:
        written_at = (COMMAND, FILES)
    span = declared.origins.get(written_at)
    origin: Origin = "default"
    if span is not None:
        place: Path = ("versions", declared.version, *written_at)
        of_version = declared.document.values.get(place) == span
        origin = "version" if of_version else "base"
        template = value_at(written.value, place if of_version else written_at)
        if isinstance(template, str) and "{{" in template:
            origin = "vars"
    where: dict[str, Json] = {"file": None, "line": None, "column": None}
    if span is not None:
        where = {"file": span.file, "line": span.line, "column": span.column}
    return {"path": _dotted_path(path), "value": value, "origin": origin, **where}


def _leaves(values: Mapping[str, Json], prefix: Path = ()) -> Iterator[tuple[Path, Json]]:
    """The scalars and lists of scalars, by path. None is left out, except below `params`, where it is a value."""
    for name, value in values.items():
        path = (*prefix, name)
        if isinstance(value, dict):
            yield from _leaves(value, path)
        elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            for index, item in enumerate(value):
                yield from _leaves(cast("dict[str, Json]", item), (*path, index))
        elif value is not None or "params" in path:
            yield path, value
