"""Edits the YAML of a project for the short form: comments stay, and an edit that leaves the project invalid is undone."""

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leptonctl.commands.editing.init_yaml import scalar
from leptonctl.commands.editing.names import require_name, slug
from leptonctl.commands.pin import pin
from leptonctl.commands.session import Session, folder_of
from leptonctl.core.diagnostic import did_you_mean, fail
from leptonctl.core.values import Document, Json, value_at
from leptonctl.core.values import Path as KeyPath
from leptonctl.language.edit import insert_key, remove_key, set_scalar
from leptonctl.library.moving import one_at_a_time, open_session
from leptonctl.project.edits import write_text, writing
from leptonctl.project.files import MARKER
from leptonctl.project.own_edits import OwnEdits
from leptonctl.project.reading import refuse
from leptonctl.storage.durable import ensure_dot_folder


@dataclass(slots=True, kw_only=True)
class Draft:
    """The files of a project while they are edited. `edits`: what has been written so far."""

    session: Session
    edits: OwnEdits

    def document(self, kind: str, name: str) -> Document | None:
        """The document of that kind and name, if it is declared."""
        return self.session.project.of(kind).get(name)

    def lines_of(self, kind: str, name: str, version: str) -> dict[str, Json]:
        """The fields of a version in a declared document, before templates are filled in."""
        lines = value_at(self.session.as_written(self.session.project.of(kind)[name]).value, ("versions", version))
        return dict(lines) if isinstance(lines, dict) else {}

    def write(self, file: str, text: str) -> None:
        """Write a file of the project."""
        self.edits.write(file, self.session.sources.get(file), text)
        self.session = self.session.reopen()

    def add(self, kind: str, name: str, lines: str) -> None:
        """Write a document into a file of its own, or at the end of an existing one. Failure: bad-name, file-exists."""
        require_name(name, kind.lower())
        file, text = f"{kind.lower()}-{name}.yaml", f"kind: {kind}\nname: {scalar(name)}\n{lines}"
        here = self.session.sources.get(file)
        if here is None and (self.session.root / file).exists():
            raise fail("file-exists", "A file of that name exists already", file, hint="move it away")
        self.write(file, text if here is None else f"{here.rstrip()}\n---\n{text}")

    def put(self, kind: str, name: str, place: KeyPath, value: Json) -> None:
        """Set the key at `place` of a document: in its place if it exists, else at the end of its mapping."""
        document = self.session.project.of(kind)[name]
        raw, text = self.session.as_written(document), self.session.sources[document.file]
        *path, key = place
        here = value_at(raw.value, place)
        parent = value_at(raw.value, tuple(path))
        is_there = isinstance(parent, dict) and key in parent
        if is_there and here == value and type(here) is type(value):
            return
        try:
            if not is_there:
                text = insert_key(text, raw, tuple(path), str(key), value)
            elif isinstance(here, dict | list) or isinstance(value, dict | list) or here is None:
                text = insert_key(remove_key(text, raw, tuple(path), str(key)), raw, tuple(path), str(key), value)
            else:
                text = set_scalar(text, raw, place, value)
        except ValueError as problem:
            hint = "write it into the file, in block style"
            raise fail("cannot-edit", "The YAML cannot be edited without changing more", str(problem), hint=hint) from problem
        self.write(document.file, text)

    def pin(self, address: str) -> None:
        """Write the digest of a dataset version's source into it, unless it has one."""
        pin(self.session, [address], self.edits)
        self.session = self.session.reopen()

    def check(self) -> None:
        """Failure (exit 3) when the project is not valid."""
        refuse(self.session.declared[1])

    def undo(self) -> None:
        """Undo what the draft has written, and nothing that others have written since."""
        self.edits.undo()


@contextmanager
def editing(root: Path, command: str) -> Iterator[Draft]:
    """A draft that is kept if the project is valid when the block ends. Otherwise it is undone, and the reason is raised."""
    with one_at_a_time():
        session = open_session(root, command)
        draft = Draft(session=session, edits=OwnEdits(root=session.root))
        draft.check()
        try:
            yield draft
            draft.check()
        except BaseException:
            draft.undo()
            raise


@contextmanager
def kept_if_done(draft: Draft) -> Iterator[None]:
    """A block after the edits of a draft, which are undone when it raises. Other edits are possible meanwhile."""
    try:
        yield
    except BaseException:
        draft.undo()
        raise


def create_project(folder: Path, name: str | None) -> Path:
    """See `Project.create`."""
    folder = folder_of(folder)
    config = folder / MARKER
    if config.exists():
        raise fail("project-exists", "The folder is a project already", str(config), hint=f'Project.load("{folder}")')
    if not folder.is_dir():
        raise fail("no-folder", "The folder does not exist", str(folder), hint="pass an existing folder")
    text = f"kind: Project\nname: {scalar(name or slug(folder.resolve().name, 'project'))}\nformat: 1\n"
    ensure_dot_folder(folder)
    with writing(config):
        write_text(config, text)
    try:
        refuse(open_session(folder, "create").declared[1])
    except BaseException:
        config.unlink()
        raise
    return folder.resolve()


def next_version(versions: Mapping[str, Any]) -> str:
    """`v` and the number after the largest one in use."""
    numbers = [int(match[1]) for name in versions if (match := re.fullmatch(r"v(\d{1,9})", name))]
    return f"v{max(numbers, default=0) + 1}"


def versions_in(document: Document | None) -> dict[str, Json]:
    """The block `versions:` of a document, by name."""
    versions = document.value.get("versions") if document is not None else None
    return versions if isinstance(versions, dict) else {}


def plain_json(value: Any, what: str) -> Json:
    """A value of the caller as JSON: tuples as lists, numbers of numpy as those of Python. Failure `usage` for others, including NaN."""
    if isinstance(value, float) and not math.isfinite(value):
        raise fail("usage", "A value cannot be written into the YAML", f"{what} is {value}", hint="pass finite numbers")
    if value is None or isinstance(value, bool | int | str | float):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain_json(item, f"{what}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(item, what) for item in value]
    if hasattr(value, "tolist"):
        return plain_json(value.tolist(), what)
    raise fail(
        "usage",
        "A value cannot be written into the YAML",
        f"{what} is a {type(value).__name__}",
        hint="pass text, numbers, lists or mappings",
    )


def require_document(draft: Draft, kind: str, name: str) -> Document:
    """The document with this name. Failure `unknown-model` or `unknown-environment` when it is not declared."""
    document = draft.document(kind, name)
    if document is None:
        hint = did_you_mean(name, draft.session.project.of(kind))
        if kind == "Model":
            raise fail("unknown-model", "No such model", f"{name} is not declared", hint=hint)
        raise fail("unknown-environment", "No such environment", f"{name} is not declared", hint=hint)
    return document
