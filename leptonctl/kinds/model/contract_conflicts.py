"""What a version declares and the contract of its prepared rows rules out: a plan reports it before anything is trained. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import cast

from leptonctl.core.change import Change
from leptonctl.core.codec import BadRecord, convert
from leptonctl.core.contract import Contract
from leptonctl.core.diagnostic import Diagnostic, did_you_mean, error
from leptonctl.core.result import Result
from leptonctl.core.values import Json
from leptonctl.kinds.model.version import Model
from leptonctl.kinds.model.weights import CLASS_WEIGHT
from leptonctl.spi.catalog import Catalog

LISTED = 12
"""How many classes a message lists."""


def contract_conflicts(
    models: Mapping[str, Model], changes: Sequence[Change], results: Mapping[str, Result], catalog: Catalog
) -> Iterator[Diagnostic]:
    """The errors of versions that would be trained or evaluated. results: those of `prepare`, by key.

    Nothing is known of rows that are not prepared yet, or of graphs that were trained elsewhere.
    """
    steps = {step.address for change in changes for step in change.steps if not step.cached and step.op != "prepare"}
    for model in models.values():
        contract = _contract(results.get(model.prepare.key or "")) if model.address in steps and model.origin == "trained" else None
        if contract is not None:
            yield from _classes(model, contract)
            yield from _strings(model, contract, catalog)


def _contract(prepare: Result | None) -> Contract | None:
    if prepare is None:
        return None
    try:
        return convert(prepare.outputs["contract"], Contract)
    except (BadRecord, KeyError):
        # the step that needs the outputs reports that they cannot be read
        return None


def _classes(model: Model, contract: Contract) -> Iterator[Diagnostic]:
    if contract.classes is None:
        return
    classes = [str(name) for name in contract.classes]
    positives = {("evaluate", "positive"): model.positive, ("search", "positive"): _block(model, "search").get("positive")}
    for path, value in positives.items():
        name = str(value).lower() if isinstance(value, bool) else str(value)
        if value is not None and name not in classes:
            detail = f"`{'.'.join(path)}` is {name!r}; the classes of {contract.target} are {_name_list(classes)}"
            hint = _similar(name, classes)
            yield error("unknown-class", "The positive class does not occur", detail, span=model.declared.at(*path), hint=hint)
    for name in _block(model, CLASS_WEIGHT):
        if name not in classes:
            detail = f"`class_weight` names {name}; the classes of {contract.target} are {_name_list(classes)}"
            summary, span = "A weight is for a class that the target does not have", model.declared.key_at(CLASS_WEIGHT, name)
            yield error("unknown-class-weight", summary, detail, span=span, hint=_similar(name, classes))


def _similar(name: str, classes: Collection[str]) -> str:
    """The class that differs only in case, else the most similar one."""
    same = next((known for known in classes if known.casefold() == name.casefold()), None)
    return f"write {same}" if same is not None else did_you_mean(name, classes)


def _strings(model: Model, contract: Contract, catalog: Catalog) -> Iterator[Diagnostic]:
    """Errors for columns of text that no step turns into numbers, or for the first numeric step that names one of them."""
    features = model.train.get("features")
    text = [c.name for c in contract.columns if c.type == "string" and (not isinstance(features, list) or c.name in features)]
    for index, step in enumerate(cast("list[dict[str, Json]]", model.train.get("preprocess") or [])):
        provider = catalog.preprocessors.get(str(step["use"]))
        columns = step.get("columns", "all")
        names = [name for name in text if (name in columns if isinstance(columns, list) else columns != "numeric")]
        if provider is None or (names and provider.takes == "number" and not isinstance(columns, list)):
            return  # the output of a step of another package is not known, and `all` may contain what an earlier step made of the text
        if names and provider.takes == "number":
            detail = f"{provider.name} takes numbers, and {', '.join(names)} {'has' if len(names) == 1 else 'have'} strings"
            hint = "write `columns: numeric`, or turn them into numbers first: `- {columns: categorical, use: one_hot}`"
            at = model.declared.at("preprocess", index, "columns")
            yield error("wrong-column-type", "A preprocess step gets columns of the wrong type", detail, span=at, hint=hint)
            return
        text = [name for name in text if name not in names]
    if text:
        detail = f"{', '.join(text)} {'has' if len(text) == 1 else 'have'} strings, but {model.algorithm} takes numbers"
        hint = "add `- {columns: categorical, use: one_hot}` to `preprocess:`, or leave the columns out with `features:`"
        span = model.declared.at("preprocess") if "preprocess" in model.declared.fields else model.declared.at("algorithm")
        yield error("unencoded-column", "A string column reaches the algorithm without an encoder", detail, span=span, hint=hint)


def _block(model: Model, name: str) -> Mapping[str, Json]:
    value = model.declared.fields.get(name)
    return value if isinstance(value, dict) else {}


def _name_list(names: Sequence[str]) -> str:
    return ", ".join(names[:LISTED]) + (" …" if names[LISTED:] else "")
