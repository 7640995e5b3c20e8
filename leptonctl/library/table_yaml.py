"""The YAML of a table as a dataset version, and of the preprocess steps of a model."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from leptonctl.commands.editing.init_yaml import dataset_lines, path_scalar, scalar
from leptonctl.core.address import reference, version_of
from leptonctl.core.diagnostic import fail
from leptonctl.core.values import Document, Json
from leptonctl.kinds.dataset.version import datasets
from leptonctl.language.edit import key_lines
from leptonctl.library.tables import Data
from leptonctl.library.writing import Draft, next_version, versions_in
from leptonctl.project.edits import writing


def declare_data(draft: Draft, data: Data) -> str:
    """Declare a table as a dataset version with the digest of its bytes, unless there is one. The version, as NAME@VERSION.

    A file from outside the project is copied to data/. Failure: file-exists, usage, and what is wrong with the table.
    """
    path, name = _path_inside(draft.session.root, data.path), data.dataset
    document = draft.document("Dataset", name)
    if document is None:
        version = data.version or "v1"
        lines = "".join(f"{line}\n" for line in dataset_lines(data.findings()))
        head = f"target: {scalar(data.target)}\n{lines}versions:\n"
        draft.add("Dataset", name, f"{head}{_version_line(version, path)}")
    else:
        same = _same_version(draft, document, data, path)
        if same is not None:
            return reference(name, same)
        version = data.version or next_version(versions_in(document))
        draft.put("Dataset", name, ("versions", version), {"source": path})
    draft.pin(version_of("dataset", name, version))
    return reference(name, version)


def _version_line(version: str, path: str) -> str:
    return f"{key_lines(version, {}, indent=2).partition(':')[0]}:\n    source: {path_scalar(path)}\n"


def _same_version(draft: Draft, document: Document, data: Data, path: str) -> str | None:
    """The declared version with the bytes of this file. Failure `usage` when the dataset has another target, or the version other data."""
    if document.value.get("target") != data.target:
        detail = f"dataset {document.name} has the target {document.value.get('target')}, not {data.target}"
        raise fail("usage", "The dataset has another target", detail, span=document.at("target"), hint="pass another `name=`")
    declared = {one.declared.version: one for one in datasets(draft.session.declarations).values() if one.declared.name == document.name}
    digest = file_digest(data.path)
    for version, one in reversed(declared.items()):
        fields, content = one.declared.fields, one.contents.get(())
        pinned = fields.get("digest") or (content.digest if content is not None else None)
        if data.version in (None, version) and fields.get("source") == path and pinned == digest:
            return version
    if data.version is not None and data.version in declared:
        detail = f"{document.name}@{data.version} is declared with other data"
        raise fail(
            "usage", "The dataset version has other data", detail, span=declared[data.version].declared.span, hint="pass another `version=`"
        )
    return None


def file_digest(file: Path) -> str:
    """The digest of a file's bytes, as a dataset version pins it."""
    import hashlib

    with file.open("rb") as opened:
        return f"sha256:{hashlib.file_digest(opened, 'sha256').hexdigest()}"


def _path_inside(root: Path, file: Path) -> str:
    """The file's path in the project. One from elsewhere is copied to data/. Failure: file-exists."""
    real = file.resolve()
    if real.is_relative_to(root):
        return real.relative_to(root).as_posix()
    copy = root / "data" / file.name
    if copy.exists() and file_digest(copy) != file_digest(real):
        raise fail("file-exists", "A file of that name exists already", str(copy), hint="rename one of them")
    if not copy.exists():
        with writing(copy):
            copy.parent.mkdir(exist_ok=True)
            shutil.copyfile(real, copy)
    return f"data/{file.name}"


def step_lines(steps: Iterable[Mapping[str, Json]]) -> str:
    """The block `preprocess:`; "" without a step."""
    lines = [f"  - {key_lines('x', dict(step)).partition(': ')[2]}" for step in steps]
    return f"preprocess:\n{''.join(lines)}" if lines else ""
