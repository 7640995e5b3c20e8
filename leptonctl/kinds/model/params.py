"""The parameters that a version is trained with: those that it declares, less those that it searches. Pure."""

from collections.abc import Iterator, Mapping

from leptonctl.core.diagnostic import Diagnostic, error
from leptonctl.core.frozen import Frozen
from leptonctl.core.values import Json
from leptonctl.kinds.defaults import without_defaults
from leptonctl.kinds.model.search import SEARCH, SearchRequest, dropped_search, search_of, search_parameters


class Parameters(Frozen):
    """params: with defaults, without those that are searched. key_fields: what enters the train key of them and of the search.
    search: as in `Model`.
    """

    params: Mapping[str, Json]
    key_fields: Mapping[str, Json]
    search: Mapping[str, Json]
    warnings: tuple[Diagnostic, ...]


def params_of(request: SearchRequest, evaluate: Mapping[str, Json]) -> tuple[Parameters, list[Diagnostic]]:
    """The parameters of a version, and the errors in them."""
    warnings = [*dropped_search(request.declared)]
    if request.declared.fields.get(SEARCH) is None:
        differing = without_defaults(request.params, request.trainer.params)
        parameters = Parameters(params=request.params, key_fields={"params": differing}, search={}, warnings=tuple(warnings))
        return parameters, [*_conflicts(request)]
    search, problems = search_of(request, evaluate)
    warnings += [problem for problem in problems if problem.severity == "warning"]
    names = search_parameters(request.declared)
    params = {name: value for name, value in request.params.items() if name not in names}
    schemas = {name: schema for name, schema in request.trainer.params.items() if name not in names}
    fields: dict[str, Json] = {"params": without_defaults(params, schemas), SEARCH: dict(search.spec) if search else None}
    parameters = Parameters(params=params, key_fields=fields, search=search.to_json() if search else {}, warnings=tuple(warnings))
    return parameters, [problem for problem in problems if problem.severity == "error"]


def _conflicts(request: SearchRequest) -> Iterator[Diagnostic]:
    """Why these parameters cannot be exported, or cannot be combined."""
    trainer, span = request.trainer, request.declared.key_at("params")
    if trainer.refuse is not None and (reason := trainer.refuse(request.params)):
        summary = "These parameters cannot be exported faithfully"
        yield error("cannot-export", summary, reason, span=span, hint="change the parameter")
    if trainer.conflict is not None and (reason := trainer.conflict(request.params)):
        summary, hint = "These parameters exclude each other", "change one of them"
        yield error("parameter-conflict", summary, f"{trainer.name}: {reason}", span=span, hint=hint)
