"""Edits bindings in the YAML, keeping its comments, and applies what the files then say."""

from collections.abc import Callable, Mapping

from leptonctl.commands.apply import Consent, Request, apply
from leptonctl.commands.editing.edit_diff import edit_diff
from leptonctl.commands.editing.lines_again import with_lines
from leptonctl.commands.editing.shared_lines import Shared, shared_lines
from leptonctl.commands.editing.write_back import Lines, check_written_back
from leptonctl.commands.outcome import Outcome
from leptonctl.commands.session import Session
from leptonctl.core.address import document, member_of
from leptonctl.core.diagnostic import GATE, INVALID, OK, STALE, Diagnostic, Failure, did_you_mean, fail
from leptonctl.core.event import Reporter
from leptonctl.core.frozen import Frozen, replace
from leptonctl.core.values import Document, Json
from leptonctl.language.edit import insert_key, remove_key, set_scalar
from leptonctl.project import observe
from leptonctl.project.own_edits import OwnEdits

Say = Callable[[str], None]


class Rebinding(Frozen):
    """Versions to bind in an environment: model -> version, None to unbind it. `message`: of the commit. `lines`: of versions to declare
    again first.
    """

    environment: str
    bindings: Mapping[str, str | None]
    message: str
    lines: tuple[Lines, ...] = ()


def rebind(
    session: Session, rebinding: Rebinding, request: Request, *, consent: Consent, reporter: Reporter, say: Say = lambda _text: None
) -> Outcome:
    """Edit the YAML and apply the bindings. The edits of bindings that did not move are undone.

    `say` is called with the edit as a unified diff, before consent is asked for, if it does more than bind other versions.
    """
    before, edits = dict(session.sources), OwnEdits(root=session.root)
    try:
        edited = _edited_session(session, rebinding, rebinding.bindings, edits)
        check_bound(edited, rebinding)
        if rebinding.lines or None in rebinding.bindings.values():
            say(edit_diff(before, {file: edited.sources[file] for file in edits.files}))
        only = [member_of("environment", rebinding.environment, model) for model in rebinding.bindings]
        only = only or [document("environment", rebinding.environment)]
        too = shared_lines(session, edited, only) if rebinding.lines else Shared()
        narrowed = replace(request, only=only, also=too.versions, next_apply=too.bindings)
        outcome = apply(edited, narrowed, consent=consent, reporter=reporter)
    except Failure as failure:
        problems = [without_edit(d, before, session.reopen().sources) for d in failure.diagnostics]
        not_undone = edits.undo()
        raise Failure([*(_with_steps(session, d, rebinding) for d in problems), *not_undone], failure.exit_code) from failure
    except BaseException:
        edits.undo()
        raise
    # other bindings of the environment that are held were held before
    code = outcome.exit_code or (GATE if set(outcome.held).intersection(narrowed.only) else OK)
    if code != OK and (rebinding.bindings or rebinding.lines):
        moved = _moved_bindings(edited, rebinding) if outcome.finished is not None else {}
        for problem in edits.undo():
            say(f"{problem.summary}: {problem.detail}")
        _edited_session(session.reopen(), rebinding, moved, edits)
    hint = f"git commit -m {_quote(rebinding.message)} -- {' '.join(edits.files)}" if edits.files else ""
    return replace(outcome, commit_hint=hint, exit_code=code)


def without_edit(diagnostic: Diagnostic, before: Mapping[str, str], edited: Mapping[str, str]) -> Diagnostic:
    """The diagnostic with its line in the files before the edit. If it is about a line of the edit, it shows that line instead."""
    span = diagnostic.span
    if span is None or before.get(span.file) == edited.get(span.file):
        return diagnostic
    old, new = before.get(span.file, "").splitlines(), edited.get(span.file, "").splitlines()
    if old[: span.line] == new[: span.line]:
        return diagnostic
    rest = len(new) - span.line + 1
    if rest > 0 and old[-rest:] == new[-rest:]:
        return replace(diagnostic, span=replace(span, line=len(old) - rest + 1))
    line = new[span.line - 1].strip() if span.line <= len(new) else ""
    return replace(diagnostic, span=None, detail=f"{diagnostic.detail}\nin the line that is written back: {line}")


def check_bound(edited: Session, rebinding: Rebinding) -> None:
    """Failure `edited-meanwhile` when the files bind another version than this edit has written."""
    for model, version in rebinding.bindings.items():
        other = bound_version(edited, rebinding.environment, model)
        if other != version:
            file = environment_document(edited, rebinding.environment).file
            detail = f"another edit of {file} came after the one of this command: {rebinding.environment} binds "
            detail += f"{model} {other}" if other is not None else f"no {model}"
            raise fail("edited-meanwhile", "A file was edited meanwhile", detail, hint="run the command again", exit_code=STALE)


def _with_steps(session: Session, diagnostic: Diagnostic, rebinding: Rebinding) -> Diagnostic:
    """The diagnostic `uncommitted` with what to do instead, command by command: the edit of this command is not committed."""
    session = session.reopen()
    environment = environment_document(session, rebinding.environment)
    checkout = observe.checkout(session.root, sorted(session.sources), ())
    if diagnostic.id != "uncommitted" or checkout.commit is None or rebinding.lines:
        return diagnostic
    edits = [f"bind {model} {version}" if version else f"remove {model}" for model, version in rebinding.bindings.items()]
    files = sorted({environment.file, *checkout.dirty})
    others = [file for file in checkout.dirty if file != environment.file]
    steps = [
        f"in {environment.file}: {', '.join(edits)}" + (f" (also not committed: {', '.join(others)})" if others else ""),
        f"git commit -m {_quote(rebinding.message)} -- {' '.join(files)}",
        f"leptonctl apply --yes --only {document('environment', environment.name)}",
    ]
    model = next(iter(rebinding.bindings), "")
    detail = (
        f"{environment.name} has `require_commit`, and this command would apply its own edit of {environment.file}; nothing was changed"
    )
    return replace(diagnostic, detail=detail, span=environment.at("models", model), hint="\n".join(steps))


def _edited_session(session: Session, rebinding: Rebinding, versions: Mapping[str, str | None], edits: OwnEdits) -> Session:
    """The session after the edit. `versions`: model -> the version to bind; lines are written back only for these."""
    lines = [one for one in rebinding.lines if versions.get(one.model) == one.bound]
    for one in lines:
        session = with_lines(session, one, edits)
    check_written_back(session, lines)
    for model, version in versions.items():
        session = _without_readmit(session, edits, rebinding.environment, model, version)
        environment = environment_document(session, rebinding.environment)
        edits.write(environment.file, session.sources[environment.file], _edited_text(session, environment, model, version))
        session = session.reopen()
    return session


def _without_readmit(session: Session, edits: OwnEdits, name: str, model: str, version: str | None) -> Session:
    """The session after `readmit:` was removed from the binding, if another version takes its place."""
    environment = environment_document(session, name)
    raw = session.as_written(environment)
    models = raw.value.get("models")
    binding = models.get(model) if isinstance(models, dict) else None
    if version is None or not isinstance(binding, dict) or "readmit" not in binding or bound_version(session, name, model) == version:
        return session
    text = remove_key(session.sources[environment.file], raw, ("models", model), "readmit")
    edits.write(environment.file, session.sources[environment.file], text)
    return session.reopen()


def _moved_bindings(session: Session, rebinding: Rebinding) -> dict[str, str | None]:
    """The bindings that have moved: to this version, and to its present digest if its lines were written back."""
    state = session.pointers.read()
    pointers = state.current if state else {}
    places = {model: pointers.get(member_of("environment", rebinding.environment, model)) for model in rebinding.bindings}
    digests = {one.model: one.digest for one in rebinding.lines if one.version == one.bound}

    def is_in_place(model: str, version: str | None) -> bool:
        pointer = places[model]
        if pointer is None or version is None:
            return pointer is None and version is None
        return pointer.version == version and digests.get(model, pointer.digest) == pointer.digest

    return {model: version for model, version in rebinding.bindings.items() if is_in_place(model, version)}


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
    """The version of a model that the YAML binds; None if it binds none."""
    value = bound_models(session, environment).get(model)
    version = value.get("version") if isinstance(value, dict) else value
    return str(version) if version is not None else None


def _edited_text(session: Session, environment: Document, model: str, version: str | None) -> str:
    """The text of an environment's file after a binding was added, changed or (None) removed."""
    text = session.sources[environment.file]
    raw = session.as_written(environment)
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
    if version is None:
        return remove_key(text, raw, ("models",), model)
    if model not in (models or {}):
        return insert_key(text, raw, ("models",), model, version)
    path = ("models", model, "version") if isinstance((models or {})[model], dict) else ("models", model)
    return set_scalar(text, raw, path, version)


def _quote(message: str) -> str:
    return '"' + message.replace('"', "'") + '"'
