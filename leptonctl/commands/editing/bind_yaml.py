"""Edits bindings in the YAML, keeping its comments, then applies them: what is applied is what the files say."""

from collections.abc import Callable, Mapping
from difflib import unified_diff

from leptonctl.commands.apply import Consent, Request, apply
from leptonctl.commands.editing.lines_again import with_lines
from leptonctl.commands.editing.shared_lines import Shared, shared
from leptonctl.commands.editing.write_back import Lines, check_written_back
from leptonctl.commands.editing.written_digest import as_written
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
    """Versions to bind in an environment: model -> version, None to unbind it. `message`: for the commit. `lines`: versions to
    declare again first.
    """

    environment: str
    bindings: Mapping[str, str | None]
    message: str
    lines: tuple[Lines, ...] = ()


def rebind(
    session: Session, rebinding: Rebinding, request: Request, *, consent: Consent, reporter: Reporter, say: Say = lambda _text: None
) -> Outcome:
    """Edit the YAML and apply the bindings. The edits of bindings that did not move are taken back.

    `say` is called with the edit as a unified diff, before consent is asked for, where it does more than bind other versions.
    """
    before, edits = dict(session.sources), OwnEdits(root=session.root)
    try:
        edited = _edited_session(session, rebinding, rebinding.bindings, edits)
        check_bound(edited, rebinding)
        if rebinding.lines or None in rebinding.bindings.values():
            say(diff_of(before, {file: edited.sources[file] for file in edits.files}))
        only = [member_of("environment", rebinding.environment, model) for model in rebinding.bindings]
        only = only or [document("environment", rebinding.environment)]
        too = shared(session, edited, only) if rebinding.lines else Shared()
        narrowed = replace(request, only=only, also=too.versions, next_apply=too.bindings)
        outcome = apply(edited, narrowed, consent=consent, reporter=reporter)
    except Failure as failure:
        problems = [where_it_stands(d, before, session.reopen().sources) for d in failure.diagnostics]
        left = edits.undo()
        raise Failure([*(_with_steps(session, d, rebinding) for d in problems), *left], failure.exit_code) from failure
    except BaseException:
        edits.undo()
        raise
    # what else is held in the environment was so before
    code = outcome.exit_code or (GATE if set(outcome.held).intersection(narrowed.only) else OK)
    if code != OK and (rebinding.bindings or rebinding.lines):
        moved = _moved(edited, rebinding) if outcome.finished is not None else {}
        for left_over in edits.undo():
            say(f"{left_over.summary}: {left_over.detail}")
        _edited_session(session.reopen(), rebinding, moved, edits)
    hint = f"git commit -m {_quoted(rebinding.message)} -- {' '.join(edits.files)}" if edits.files else ""
    return replace(outcome, commit_hint=hint, exit_code=code)


def where_it_stands(diagnostic: Diagnostic, before: Mapping[str, str], edited: Mapping[str, str]) -> Diagnostic:
    """The diagnostic with its line in the files as they are without the edit; what is said of a line of the edit shows that line."""
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
    """Failure `edited-meanwhile` where the files, as they will be applied, bind another version than this edit has written."""
    for model, version in rebinding.bindings.items():
        other = bound_version(edited, rebinding.environment, model)
        if other != version:
            file = environment_document(edited, rebinding.environment).file
            detail = f"another edit of {file} came after the one of this command: {rebinding.environment} binds "
            detail += f"{model} {other}" if other is not None else f"no {model}"
            raise fail("edited-meanwhile", "A file was edited meanwhile", detail, hint="run the command again", exit_code=STALE)


def _with_steps(session: Session, diagnostic: Diagnostic, rebinding: Rebinding) -> Diagnostic:
    """Where only committed files are applied, the edit of this command is not: what to do instead, command by command."""
    session = session.reopen()
    environment = environment_document(session, rebinding.environment)
    checkout = observe.checkout(session.root, sorted(session.sources), ())
    if diagnostic.id != "uncommitted" or checkout.commit is None or rebinding.lines:
        return diagnostic
    edits = [f"bind {model} {version}" if version else f"remove {model}" for model, version in rebinding.bindings.items()]
    files = sorted({environment.file, *checkout.dirty})
    also = [file for file in checkout.dirty if file != environment.file]
    steps = [
        f"in {environment.file}: {', '.join(edits)}" + (f" (also not committed: {', '.join(also)})" if also else ""),
        f"git commit -m {_quoted(rebinding.message)} -- {' '.join(files)}",
        f"leptonctl apply --yes --only {document('environment', environment.name)}",
    ]
    model = next(iter(rebinding.bindings), "")
    detail = (
        f"{environment.name} has `require_commit`, and this command would apply its own edit of {environment.file}; nothing was changed"
    )
    return replace(diagnostic, detail=detail, span=environment.at("models", model), hint="\n".join(steps))


def _edited_session(session: Session, rebinding: Rebinding, versions: Mapping[str, str | None], edits: OwnEdits) -> Session:
    """The session after the edit of its files: model -> the version to bind. Lines are written back for these only."""
    lines = [one for one in rebinding.lines if versions.get(one.model) == one.bound]
    for one in lines:
        session = with_lines(session, one, edits)
    check_written_back(session, lines)
    for model, version in versions.items():
        session = _without_readmit(session, rebinding.environment, model, version, edits)
        environment = environment_document(session, rebinding.environment)
        edits.write(environment.file, session.sources[environment.file], _edited(session, environment, model, version))
        session = session.reopen()
    return session


def _without_readmit(session: Session, name: str, model: str, version: str | None, edits: OwnEdits) -> Session:
    """The session after the readmission of the version that is replaced has left the file: it says nothing of another one."""
    environment = environment_document(session, name)
    raw = as_written(session, environment)
    models = raw.value.get("models")
    written = models.get(model) if isinstance(models, dict) else None
    if version is None or not isinstance(written, dict) or "readmit" not in written or bound_version(session, name, model) == version:
        return session
    text = remove_key(session.sources[environment.file], raw, ("models", model), "readmit")
    edits.write(environment.file, session.sources[environment.file], text)
    return session.reopen()


def diff_of(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """The edit as a unified diff."""
    lines: list[str] = []
    for file in sorted(after):
        old, new = before.get(file, "").splitlines(), after[file].splitlines()
        lines += unified_diff(old, new, f"a/{file}", f"b/{file}", lineterm="")
    return "\n".join(lines)


def _moved(session: Session, rebinding: Rebinding) -> dict[str, str | None]:
    """The bindings that are in place: this version, and as it is declared now where its lines were written back."""
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
    """The version that the YAML binds, or None."""
    value = bound_models(session, environment).get(model)
    version = value.get("version") if isinstance(value, dict) else value
    return str(version) if version is not None else None


def _edited(session: Session, environment: Document, model: str, version: str | None) -> str:
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
    if version is None:
        return remove_key(text, raw, ("models",), model)
    if model not in (models or {}):
        return insert_key(text, raw, ("models",), model, version)
    path = ("models", model, "version") if isinstance((models or {})[model], dict) else ("models", model)
    return set_scalar(text, raw, path, version)


def _quoted(message: str) -> str:
    return '"' + message.replace('"', "'") + '"'
