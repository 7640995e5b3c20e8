"""Traces causes through `vars`: when a changed field is a template, the variables that it uses are causes too. Pure."""

from collections.abc import Iterator, Sequence

from leptonctl.core.change import Because, Change
from leptonctl.core.frozen import replace
from leptonctl.core.values import Document, Json, Span, value_at
from leptonctl.kinds.kind import PROJECT
from leptonctl.language.template import is_template, vars_used


def variable_becauses(change: Change, documents: Sequence[Document]) -> Change:
    """The change with one more cause for each variable that its changed fields use."""
    causes: list[Because] = []
    for because in change.because:
        causes.append(because)
        if because.span is not None:
            causes += _variables_of(because, documents)
    return replace(change, because=tuple(causes)) if len(causes) > len(change.because) else change


def _variables_of(because: Because, documents: Sequence[Document]) -> Iterator[Because]:
    project = next((d for d in documents if d.kind == PROJECT), None)
    assert because.span is not None
    text = _scalar_at(because.span, documents)
    if project is None or not isinstance(text, str) or not is_template(text):
        return
    for name in sorted(vars_used(text)):
        parts = tuple(name.removeprefix("vars.").split("."))
        yield Because(path=f"vars.{'.'.join(parts)}", before=because.before, after=because.after, span=project.at("vars", *parts))


def _scalar_at(span: Span, documents: Sequence[Document]) -> Json:
    """The string as written at this place of the YAML; None if there is none."""
    for document in documents:
        if document.file != span.file:
            continue
        for path, place in document.values.items():
            if place == span:
                value = value_at(document.value, path)
                if isinstance(value, str):
                    return value
    return None
