"""`adopt`: writes the winner of a search into the YAML in place of the search. Trains nothing: the next plan finds the model built."""

from collections.abc import Mapping
from typing import cast

from leptonctl.commands.applying.equal_results import record_equal_results
from leptonctl.commands.editing.edit_diff import edit_diff
from leptonctl.commands.editing.names import require_name
from leptonctl.commands.planning.line import settle
from leptonctl.commands.recorded.built_versions import BuiltVersion, declared_versions, find_version, with_results
from leptonctl.commands.session import Session
from leptonctl.core.address import name_and_version, reference, short
from leptonctl.core.diagnostic import Failure, fail
from leptonctl.core.frozen import Frozen
from leptonctl.core.result import Result
from leptonctl.core.state import State
from leptonctl.core.values import Document, Json, Path, value_at
from leptonctl.kinds.model.kind import models
from leptonctl.kinds.model.search import SEARCH
from leptonctl.kinds.model.version import Model
from leptonctl.language.edit import insert_key, set_values
from leptonctl.project.own_edits import OwnEdits

PARAMS = "params"
NOT_WRITABLE = "The winner cannot be written into this file"


class Adoption(Frozen):
    """What to write: the winner of the search of `model`, into the version `into`: itself, or a new one.

    `search`: the result of the search. `results`: of the searched version, by the name of their step.
    """

    model: Model
    into: str
    search: Result
    results: Mapping[str, Result]

    @property
    def chosen(self) -> dict[str, Json]:
        """The parameters that the search has chosen."""
        return dict(cast("dict[str, Json]", self.search.outputs["chosen"]))

    @property
    def is_new(self) -> bool:
        return self.into != self.model.declared.version


def adopt(session: Session, name: str, into: str | None = None) -> dict[str, Json]:
    """The object of `adopt --json`. `into`: a new version gets the parameters, and the searched one stays.

    Failure: `no-search`, `not-built`, `sealed-version`, `version-exists`, `cannot-write-back`.
    """
    adoption = _adoption(session, name, into)
    file = session.project.of("Model")[adoption.model.declared.name].file
    before, edits = session.sources[file], OwnEdits(root=session.root)
    try:
        session = _write(session, adoption, edits)
        adopted = _declaration_after(session, adoption, file)
        record_equal_results(session, adopted.address, adoption.results)
    except ValueError as problem:
        edits.undo()
        hint = "write `params:` by hand, and remove `search:`"
        raise fail("cannot-write-back", NOT_WRITABLE, str(problem), hint=hint) from problem
    except (Failure, KeyboardInterrupt):
        edits.undo()
        raise
    return {
        "address": adopted.address,
        "searched": adoption.model.address,
        "chosen": adoption.chosen,
        "metric": adoption.search.outputs.get("metric"),
        "mean": adoption.search.outputs.get("mean"),
        "file": file,
        "digest": session.declarations.built[adopted.address].digest,
        "in_place": not adoption.is_new,
        "edit": edit_diff({file: before}, {file: session.sources[file]}),
    }


def _adoption(session: Session, name: str, into: str | None) -> Adoption:
    state = session.pointers.read()
    settled, _ = settle(session, state)
    model, text = name_and_version(name, "model")
    (version,) = with_results(session, [find_version(declared_versions(settled, model), model, text or "")])
    searched = models(session.declarations)[short(version.address)]
    if not searched.search:
        hint = "only a version with `search:` has a winner to adopt"
        raise fail("no-search", "There is no search to adopt from", f"{version.address} declares none", hint=hint)
    search = version.results.get(SEARCH)
    if search is None:
        hint = f"run `leptonctl build {version.address}`"
        raise fail("not-built", "This version is not built", f"the search of {version.address} is not finished", hint=hint)
    if into is None:
        _refuse_sealed(state, version, name)
    else:
        _refuse_existing(session, model, into)
    return Adoption(model=searched, into=into or version.name, search=search, results=version.results)


def _refuse_sealed(state: State | None, version: BuiltVersion, name: str) -> None:
    if state is not None and version.address in state.sealed:
        detail = f"{version.address} has served in the protected environment {state.sealed[version.address].environment}"
        hint = f"leave it as it is: `leptonctl adopt {name} --as NAME` declares the winner as a new version"
        raise fail("sealed-version", "A version that a protected environment has served is changed", detail, hint=hint)


def _refuse_existing(session: Session, model: str, version: str) -> None:
    require_name(version, "version")
    if version in _versions(session.project.of("Model")[model]):
        detail = f"{model} already declares {version}"
        raise fail("version-exists", "A version of this name is declared already", detail, hint="choose another name for `--as`")


def _write(session: Session, adoption: Adoption, edits: OwnEdits) -> Session:
    """The session after the edit. ValueError when the layout of the file does not allow it."""
    document = session.as_written(session.project.of("Model")[adoption.model.declared.name])
    text, version = session.sources[document.file], adoption.model.declared.version
    if adoption.is_new:
        entry = _without_search(document, _versions(document).get(version) or {}, adoption, is_version=True)
        edited = insert_key(text, document, ("versions",), adoption.into, entry)
    else:
        holder = _holder(document, version)
        block = _mapping(value_at(document.value, holder))
        after = _without_search(document, block, adoption, is_version=bool(holder))
        edited = set_values(text, document, holder, before=block, after=after)
    edits.write(document.file, text, edited)
    return session.reopen()


def _without_search(document: Document, block: Mapping[str, Json], adoption: Adoption, *, is_version: bool) -> dict[str, Json]:
    """A block with the chosen parameters instead of its search. A version also switches off the search of the base block."""
    fields = {key: value for key, value in block.items() if key not in (SEARCH, PARAMS)}
    if is_version and document.value.get(SEARCH) is not None:
        fields[SEARCH] = None
    return {**fields, PARAMS: {**_mapping(block.get(PARAMS)), **adoption.chosen}}


def _declaration_after(session: Session, adoption: Adoption, file: str) -> Model:
    """The version as it is declared after the edit. Failure `cannot-write-back` unless its parameters are the winner's."""
    name = reference(adoption.model.declared.name, adoption.into)
    adopted = models(session.declarations).get(name)
    if adopted is None or adopted.search or adopted.train_key_fields[PARAMS] != adoption.search.outputs[PARAMS]:
        detail = f"{file}: after the edit, the parameters of {name} are not those of the winner"
        raise fail("cannot-write-back", NOT_WRITABLE, detail, hint="write `params:` by hand")
    return adopted


def _holder(document: Document, version: str) -> Path:
    """Where the parameters belong: into the version, or into the base block if that has the search of its only version."""
    versions = _versions(document)
    is_base = document.value.get(SEARCH) is not None and SEARCH not in (versions.get(version) or {}) and len(versions) == 1
    return () if is_base else ("versions", version)


def _mapping(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _versions(document: Document) -> dict[str, dict[str, Json] | None]:
    return cast("dict[str, dict[str, Json] | None]", document.value.get("versions") or {})
