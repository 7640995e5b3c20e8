"""Edits bindings in the YAML, keeping its comments, then applies them: what is applied is always what the files say."""

from collections.abc import Mapping

from leptonctl.commands.apply import Consent, Request, apply
from leptonctl.commands.outcome import Outcome
from leptonctl.commands.session import Session
from leptonctl.core.address import document, member_of
from leptonctl.core.diagnostic import INVALID, did_you_mean, fail
from leptonctl.core.event import Reporter
from leptonctl.core.frozen import Frozen, replace
from leptonctl.core.values import Document, Json
from leptonctl.language.edit import insert_key, set_scalar
from leptonctl.project.edits import write_text


class Rebinding(Frozen):
    """Versions to bind in an environment: model -> version. `message`: for the commit."""

    environment: str
    bindings: Mapping[str, str]
    message: str


def rebind(session: Session, rebinding: Rebinding, request: Request, *, consent: Consent, reporter: Reporter) -> Outcome:
    """Edit the bindings and apply them; restore the file if the apply failed."""
    environment = environment_document(session, rebinding.environment)
    file = session.root / environment.file
    before = session.sources[environment.file]
    for model, version in rebinding.bindings.items():
        write_text(file, _edited(session, environment, model, version))
        session = session.reopen()
        environment = environment_document(session, rebinding.environment)
    only = [member_of("environment", rebinding.environment, model) for model in rebinding.bindings]
    narrowed = replace(request, only=only or [document("environment", rebinding.environment)])
    try:
        outcome = apply(session, narrowed, consent=consent, reporter=reporter)
    except BaseException:
        write_text(file, before)
        raise
    if outcome.exit_code != 0 and rebinding.bindings:
        write_text(file, before)
        return outcome
    edited = session.sources[environment.file] != before
    hint = f"git commit -m {_quoted(rebinding.message)} -- {environment.file}" if edited else ""
    return replace(outcome, commit_hint=hint)


def environment_document(session: Session, environment: str) -> Document:
    """The document of an environment. Failure `unknown-environment` when it is not declared."""
    documents = session.project.of("Environment")
    if environment not in documents:
        hint = did_you_mean(environment, documents)
        raise fail("unknown-environment", "No such environment", f"{environment} is not declared", hint=hint)
    return documents[environment]


def bound_models(session: Session, environment: str) -> dict[str, Json]:
    """The `models:` block of an environment, by model."""
    models = environment_document(session, environment).value.get("models")
    return models if isinstance(models, dict) else {}


def bound_version(session: Session, environment: str, model: str) -> str | None:
    """The version that the YAML binds, or None."""
    value = bound_models(session, environment).get(model)
    version = value.get("version") if isinstance(value, dict) else value
    return str(version) if version is not None else None


def as_written(session: Session, filled: Document) -> Document:
    """The document before its templates were filled in, which is what an edit has to change."""
    return next(d for d in session.documents if d.kind == filled.kind and d.name == filled.name)


def _edited(session: Session, environment: Document, model: str, version: str) -> str:
    text = session.sources[environment.file]
    raw = as_written(session, environment)
    models = raw.value.get("models")
    if models is not None and not isinstance(models, dict):
        models = {}
    if models is None and "models" not in raw.value:
        raise fail(
            "not-bound",
            "The environment has no `models:` block to edit",
            environment.name,
            span=environment.at(),
            hint="add `models:`",
            exit_code=INVALID,
        )
    if model not in (models or {}):
        return insert_key(text, raw, ("models",), model, version)
    path = ("models", model, "version") if isinstance((models or {})[model], dict) else ("models", model)
    return set_scalar(text, raw, path, version)


def _quoted(message: str) -> str:
    return '"' + message.replace('"', "'") + '"'
