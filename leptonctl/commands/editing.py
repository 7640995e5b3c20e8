"""Commands that edit the YAML, comments kept: pin, rollback, promote. Git stays the truth: what applied is what the files say."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from leptonctl.commands.applying import Consent, apply
from leptonctl.commands.outcome import Outcome
from leptonctl.commands.session import Session
from leptonctl.core.diagnostic import INVALID, Diagnostic, Failure, did_you_mean, error, fail
from leptonctl.core.event import Reporter
from leptonctl.core.values import Document, Json
from leptonctl.language.edit import insert_key, set_scalar
from leptonctl.project.edits import write_text


def pin(session: Session, addresses: Sequence[str]) -> dict[str, Json]:
    """Write the digest of each unpinned source into its dataset version. An existing digest is never changed."""
    configuration = session.configuration
    wanted = _datasets(session, addresses)
    pinned: list[Json] = []
    notes: list[Diagnostic] = []
    for name in wanted:
        dataset = configuration.datasets[name]
        for at in (("source",), ("test", "source")):
            written = dataset.declared.fields.get("source") if len(at) == 1 else _test(dataset.declared.fields).get("source")
            recorded = dataset.declared.fields.get("digest") if len(at) == 1 else _test(dataset.declared.fields).get("digest")
            if not isinstance(written, str):
                continue
            seen = next(facts.digest for key, facts in session.facts.items() if key[0] == written)
            if recorded is None and seen is not None:
                pinned.append(_pinned(session, dataset.address, dataset.declared.version, at, seen))
                session = Session(root=session.root)
            elif recorded != seen:
                notes.append(_repinned(dataset.address, dataset.declared.at(*at), seen))
    return {"pinned": pinned, "diagnostics": cast("Json", [n.to_json() for n in notes])}


def _datasets(session: Session, addresses: Sequence[str]) -> list[str]:
    known = session.configuration.datasets
    wanted = [a.removeprefix("dataset/") for a in addresses] or list(known)
    expanded = [k for a in wanted for k in known if k == a or k.startswith(a + "@")]
    unknown = [a for a in wanted if not any(k == a or k.startswith(a + "@") for k in known)]
    if unknown:
        raise Failure([error("unknown-address", "No such dataset", f"{a} is not declared", hint=did_you_mean(a, known)) for a in unknown])
    return expanded


def _test(fields: Mapping[str, Json]) -> dict[str, Json]:
    test = fields.get("test")
    return test if isinstance(test, dict) else {}


def _pinned(session: Session, address: str, version: str, at: tuple[str, ...], digest: str) -> Json:
    """Insert `digest:` beside the `source:` that this version reads, where it is written: in the version or in the base block."""
    name = address.removeprefix("dataset/").rpartition("@")[0]
    document = session.project.datasets[name]
    holder = ("versions", version, *at[:-1])
    if (*holder, "source") not in document.values:
        holder = at[:-1]
    text = session.sources[document.file]
    raw = _raw(session, document)
    write_text(session.root / document.file, insert_key(text, raw, holder, "digest", digest))
    span = document.at(*holder, "source")
    return {"address": address, "file": document.file, "line": span.line, "digest": digest}


def _repinned(address: str, span: Any, seen: str | None) -> Diagnostic:
    what = f"the file now has {seen}" if seen else "the file is gone"
    return replace(
        error(
            "pinned-already",
            "A pinned source has other bytes now",
            f"{address}: {what}; its digest is kept",
            span=span,
            hint="declare a new version for the new data",
        ),
        severity="warning",
    )


def promote(
    session: Session, model: str, source: str, destination: str, *, consent: Consent, reporter: Reporter,
    expect: str | None = None, allow_rewind: bool = False,
) -> Outcome:  # fmt: skip
    """Bind in `destination` the version that `source` binds, in the YAML, then apply that binding."""
    for name in (source, destination):
        _environment(session, name)
    bound = _written(session, source, model)
    if bound is None:
        raise fail(
            "not-bound", "The environment does not bind this model", f"{source} has no {model}", hint=f"bind it under `models:` of {source}"
        )
    return _bind(
        session,
        destination,
        {model: bound},
        f"Promote {model} {bound} from {source} to {destination}",
        "promote",
        consent,
        reporter,
        expect,
        allow_rewind,
    )


def rollback(
    session: Session,
    target: str,
    to: int | None,
    *,
    consent: Consent,
    reporter: Reporter,
    expect: str | None = None,
    allow_rewind: bool = False,
) -> Outcome:
    """Bind in the YAML what an earlier deployment of the environment bound, then apply. Trains nothing."""
    name, _, model = target.removeprefix("environment/").partition("/")
    _environment(session, name)
    record = _earlier(session, name, model, to)
    served = cast("dict[str, dict[str, Json]]", record["models"])
    if model and model not in served:
        raise fail(
            "not-bound",
            "That deployment did not bind this model",
            f"deployment {record['deployment']} of {name} has no {model}",
            hint=f"leptonctl history environment/{name}",
        )
    wanted = {m: str(v["version"]) for m, v in served.items() if not model or m == model}
    moving = {m: v for m, v in wanted.items() if _written(session, name, m) != v}
    what = ", ".join(f"{m} {v}" for m, v in (moving or wanted).items())
    message = f"Roll back {name} to {what} (deployment {record['deployment']})"
    return _bind(session, name, moving, message, "rollback", consent, reporter, expect, allow_rewind)


def _earlier(session: Session, name: str, model: str, to: int | None) -> dict[str, Any]:
    """The deployment to return to: `to`, or the newest before this one that bound something else."""
    state = session.pointers.read()
    number = cast("int", state.environments.get(name, {}).get("deployment") or 0) if state else 0
    if to is not None:
        record = session.store.deployment(name, to)
        if record is None:
            known = ", ".join(map(str, session.store.deployments(name)))
            raise fail(
                "unknown-deployment",
                "No such deployment",
                f"{name} has deployments {known or 'none'}",
                hint=f"leptonctl history environment/{name}",
            )
        return record
    now = session.store.deployment(name, number)
    done = _in_force(session, name)
    for earlier in sorted((n for n in done if n < number), reverse=True):
        record = session.store.deployment(name, earlier)
        if record and now and _bound(record, model) != _bound(now, model) and _bound(record, model):
            return record
    if model and _written(session, name, model) is None:
        bound = cast("dict[str, Json]", session.project.environments[name].value.get("models") or {})
        raise fail("not-bound", "The environment does not bind this model", f"{name} has no {model}", hint=did_you_mean(model, bound))
    raise fail(
        "nothing-earlier",
        "There is nothing to return to",
        f"{target_of(name, model)} has bound nothing else before",
        hint=f"leptonctl history environment/{name}",
    )


def _in_force(session: Session, name: str) -> set[int]:
    """Deployments that came into force, by the history: a record whose switch failed is no place to return to."""
    state = session.pointers.read()
    if state is None or state.history is None:
        return set()
    head = (cast("int", state.history["serial"]), str(state.history["id"]))
    return {int(r["deployment"]) for r in session.store.history(head) if r.get("environment") == name and r.get("deployment")}


def _bound(record: Mapping[str, Any], model: str) -> dict[str, str]:
    return {m: str(v["artifact"]) for m, v in record["models"].items() if not model or m == model}


def target_of(name: str, model: str) -> str:
    """The address in words."""
    return f"environment/{name}/{model}" if model else f"environment/{name}"


def _environment(session: Session, name: str) -> None:
    known = session.project.environments
    if name not in known:
        raise fail("unknown-environment", "No such environment", f"{name} is not declared", hint=did_you_mean(name, known))


def _written(session: Session, environment: str, model: str) -> str | None:
    value = cast("dict[str, Json]", session.project.environments[environment].value.get("models") or {}).get(model)
    version = value.get("version") if isinstance(value, dict) else value
    return str(version) if version is not None else None


def _bind(
    session: Session, environment: str, bindings: Mapping[str, str], message: str, command: str, consent: Consent, reporter: Reporter,
    expect: str | None, allow_rewind: bool,
) -> Outcome:  # fmt: skip
    """Edit the bindings, apply them; put the file back when nothing was applied."""
    document = session.project.environments[environment]
    file = session.root / document.file
    before = session.sources[document.file]
    for model, version in bindings.items():
        write_text(file, _edited(session, document, model, version))
        session = Session(root=session.root)
        document = session.project.environments[environment]
    only = [f"environment/{environment}/{model}" for model in bindings] or [f"environment/{environment}"]
    try:
        outcome = apply(session, only=only, consent=consent, reporter=reporter, expect=expect, allow_rewind=allow_rewind, command=command)
    except BaseException:
        write_text(file, before)
        raise
    if outcome.exit_code != 0 and bindings:
        write_text(file, before)
        return outcome
    return replace(outcome, commit_hint=f"git commit -m {_quoted(message)} -- {document.file}" if bindings else "")


def _edited(session: Session, document: Document, model: str, version: str) -> str:
    text = session.sources[document.file]
    raw = _raw(session, document)
    models = cast("dict[str, Json]", raw.value.get("models") or {})
    if model not in models:
        if "models" not in raw.value:
            raise fail(
                "not-bound",
                "The environment has no `models:` block to edit",
                document.name,
                span=document.at(),
                hint="add `models:`",
                exit_code=INVALID,
            )
        return insert_key(text, raw, ("models",), model, version)
    at = ("models", model, "version") if isinstance(models[model], dict) else ("models", model)
    return set_scalar(text, raw, at, version)


def _raw(session: Session, document: Document) -> Document:
    """The document as written, before templates were filled in."""
    return next(d for d in session.documents if d.kind == document.kind and d.name == document.name)


def _quoted(message: str) -> str:
    return '"' + message.replace('"', "'") + '"'
