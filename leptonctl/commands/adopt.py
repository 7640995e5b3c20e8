"""`adopt`: writes the winner of a search into the YAML in place of the search. Trains nothing: the next plan finds the model built."""

import re
from collections.abc import Callable, Mapping
from difflib import unified_diff
from typing import TypeAlias, cast

from leptonctl.commands.editing.written_digest import as_written
from leptonctl.commands.planning.line import settle
from leptonctl.commands.recorded.built_versions import declared_versions, find_version, with_results
from leptonctl.commands.session import Session
from leptonctl.commands.take_over import take_over
from leptonctl.core.address import parse, short
from leptonctl.core.diagnostic import Failure, fail
from leptonctl.core.frozen import Frozen
from leptonctl.core.result import Result
from leptonctl.core.values import Document, Json, Path
from leptonctl.kinds.model.kind import models
from leptonctl.kinds.model.search import SEARCH
from leptonctl.kinds.model.version import Model
from leptonctl.language.edit import insert_key, remove_key, set_scalar
from leptonctl.language.explain_schema import NAME_PATTERN
from leptonctl.project.own_edits import OwnEdits

PARAMS = "params"
Edit: TypeAlias = Callable[[str, Document], str]
"""An edit of a document's text."""


class Adoption(Frozen):
    """What to write: the parameters found, for this version, under the name `into` (its own, or that of a new version).

    `results`: of the searched version, by the name of their step.
    """

    model: Model
    chosen: dict[str, Json]
    into: str
    results: Mapping[str, Result]

    @property
    def is_new(self) -> bool:
        return self.into != self.model.declared.version


def adopt(session: Session, name: str, into: str | None = None) -> dict[str, Json]:
    """The object of `adopt --json`. `into`: a new version gets the parameters, and the searched one stays.

    Failure: `no-search`, `not-built`, `sealed-version`, `version-exists`, `cannot-write-back`.
    """
    adoption, result = _adoption(session, name, into)
    document = session.project.of("Model")[adoption.model.declared.name]
    before = session.sources[document.file]
    edits = OwnEdits(root=session.root)
    try:
        session = _written(session, adoption, edits)
        found = models(session.declarations).get(f"{document.name}@{adoption.into}")
        if found is None or found.search or found.train_key_fields[PARAMS] != result.outputs[PARAMS]:
            detail = f"{document.file}: written there, the parameters of {document.name}@{adoption.into} are not those of the winner"
            raise fail("cannot-write-back", "The winner cannot be written into this file", detail, hint="write `params:` by hand")
        take_over(session, found.address, adoption.results)
    except ValueError as problem:
        edits.undo()
        hint = "write `params:` by hand, and remove `search:`"
        raise fail("cannot-write-back", "The winner cannot be written into this file", str(problem), hint=hint) from problem
    except (Failure, KeyboardInterrupt):
        edits.undo()
        raise
    return {
        "address": found.address,
        "searched": adoption.model.address,
        "chosen": adoption.chosen,
        "metric": result.outputs.get("metric"),
        "mean": result.outputs.get("mean"),
        "file": document.file,
        "digest": session.declarations.built[found.address].digest,
        "in_place": not adoption.is_new,
        "edit": _diff(document.file, before, session.sources[document.file]),
    }


def _adoption(session: Session, name: str, into: str | None) -> tuple[Adoption, Result]:
    """What to write, and the result of the search."""
    state = session.pointers.read()
    settled, _ = settle(session, state)
    model, _, text = name.removeprefix("model/").partition("@")
    (version,) = with_results(session, [find_version(declared_versions(settled, model), model, text)])
    declared = models(session.declarations)[short(version.address)]
    if not declared.search:
        hint = "only a version with `search:` has a winner to adopt"
        raise fail("no-search", "There is no search to adopt from", f"{version.address} declares none", hint=hint)
    result = version.results.get(SEARCH)
    if result is None:
        hint = f"run `leptonctl build {version.address}`"
        raise fail("not-built", "This version is not built", f"the search of {version.address} is not done", hint=hint)
    target = into or version.name
    taken = session.project.of("Model")[parse(version.address).name].value.get("versions")
    if into is not None and not re.fullmatch(NAME_PATTERN, into):
        hint = "use lower-case letters, digits, `.`, `_` and `-`, with a letter or a digit first"
        raise fail("bad-name", "This is not a name", f"{into!r} is no name of a version", hint=hint)
    if into is not None and isinstance(taken, dict) and into in taken:
        detail = f"{model} declares {into} already"
        raise fail("version-exists", "A version of this name is declared already", detail, hint="choose another name for `--as`")
    if into is None and state is not None and version.address in state.sealed:
        detail = f"{version.address} has served in the protected environment {state.sealed[version.address].environment}"
        hint = f"leave it as it is: `leptonctl adopt {name} --as NAME` declares the winner as a new version"
        raise fail("sealed-version", "A version that a protected environment has served is changed", detail, hint=hint)
    chosen = dict(cast("dict[str, Json]", result.outputs["chosen"]))
    return Adoption(model=declared, chosen=chosen, into=target, results=version.results), result


def _written(session: Session, adoption: Adoption, edits: OwnEdits) -> Session:
    """The session after the edit."""
    name, version = adoption.model.declared.name, adoption.model.declared.version
    raw = _document(session, name)
    if adoption.is_new:
        override = _overrides(raw).get(version) or {}
        params = override.get(PARAMS)
        entry = {key: value for key, value in override.items() if key not in (SEARCH, PARAMS)}
        if raw.value.get(SEARCH) is not None:
            entry[SEARCH] = None
        entry[PARAMS] = {**(params if isinstance(params, dict) else {}), **adoption.chosen}
        return _edited(session, edits, name, lambda text, doc: insert_key(text, doc, ("versions",), adoption.into, entry))
    holder = _holder(raw, version)
    block = _block(raw, holder)
    params = block.get(PARAMS)
    # the parameters first: a mapping that loses its only key would change its layout
    if isinstance(params, dict):
        for param, value in adoption.chosen.items():
            session = _with_param(session, edits, adoption, (*holder, PARAMS), param, value)
    else:
        session = _edited(session, edits, name, lambda text, doc: insert_key(text, doc, holder, PARAMS, dict(adoption.chosen)))
    if SEARCH in block:
        session = _edited(session, edits, name, lambda text, doc: remove_key(text, doc, holder, SEARCH))
    if holder and raw.value.get(SEARCH) is not None:
        session = _edited(session, edits, name, lambda text, doc: insert_key(text, doc, holder, SEARCH, None))
    return session


def _with_param(session: Session, edits: OwnEdits, adoption: Adoption, at: Path, param: str, value: Json) -> Session:
    """The session after one parameter is written, in its place if it is there."""
    name = adoption.model.declared.name
    params = _block(_document(session, name), at)
    scalar = not isinstance(value, dict | list) and not isinstance(params.get(param), dict | list)
    if param in params and scalar:
        return _edited(session, edits, name, lambda text, doc: set_scalar(text, doc, (*at, param), value))
    if param in params:
        session = _edited(session, edits, name, lambda text, doc: remove_key(text, doc, at, param))
    return _edited(session, edits, name, lambda text, doc: insert_key(text, doc, at, param, value))


def _diff(file: str, before: str, after: str) -> str:
    """The edit as a unified diff."""
    return "\n".join(unified_diff(before.splitlines(), after.splitlines(), f"a/{file}", f"b/{file}", lineterm=""))


def _holder(raw: Document, version: str) -> Path:
    """Where the parameters belong: into the version; into the base block where that has the search of its only version."""
    versions = _overrides(raw)
    of_base = raw.value.get(SEARCH) is not None and SEARCH not in (versions.get(version) or {}) and len(versions) == 1
    return () if of_base else ("versions", version)


def _block(raw: Document, at: Path) -> dict[str, Json]:
    """The mapping at a path; {} for an empty value."""
    value: Json = dict(raw.value)
    for part in at:
        value = value.get(str(part)) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _overrides(raw: Document) -> dict[str, dict[str, Json] | None]:
    return cast("dict[str, dict[str, Json] | None]", raw.value.get("versions") or {})


def _document(session: Session, name: str) -> Document:
    return as_written(session, session.project.of("Model")[name])


def _edited(session: Session, edits: OwnEdits, name: str, edit: Edit) -> Session:
    document = _document(session, name)
    text = session.sources[document.file]
    edits.write(document.file, text, edit(text, document))
    return session.reopen()
