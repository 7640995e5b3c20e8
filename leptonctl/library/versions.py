"""The short form for versions: declare one, change it, bind it, go back. Each call edits the YAML, then plans and applies it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from leptonctl.core.address import version_of
from leptonctl.core.diagnostic import did_you_mean, fail
from leptonctl.core.values import Json
from leptonctl.library.moving import moving, one_line, open_session
from leptonctl.library.names import algorithm_of, name_of, name_or_none, path_of
from leptonctl.library.project import Project
from leptonctl.library.records import Shown
from leptonctl.library.reports import Report
from leptonctl.library.turns import Binding
from leptonctl.library.work import Progress, Work

if TYPE_CHECKING:
    from leptonctl.commands.session import Session

Where: TypeAlias = Project | str | os.PathLike[str] | None
"""A project, a folder in one, or None for the working folder."""


class Version(Report):
    """A declared version of a model."""

    project: Project
    model: str
    name: str

    def __repr__(self) -> str:
        return f"<Version: {self.address}>"

    @property
    def address(self) -> str:
        """Its address: model/MODEL@VERSION."""
        return version_of("model", self.model, self.name)

    @property
    def digest(self) -> str:
        """The digest of its recipe as declared now. A script and the YAML that it wrote have the same."""
        return open_session(self.project.root, "Version").declarations.built[self.address].digest

    @property
    def metrics(self) -> Mapping[str, float | None]:
        """The metrics of its test rows. Failure: unknown-address; KeyError while it is not applied or built."""
        version = self.show().version or {}
        listed = version.get("metrics")
        return {str(one["name"]): one["value"] for one in listed if isinstance(one, dict)} if isinstance(listed, list) else {}  # type: ignore[misc]

    def build(self, progress: Progress | None = None) -> Work:
        """Train and evaluate it, unless it has results. Moves nothing."""
        return self.project.build(self.address, progress=progress)

    def show(self) -> Shown:
        """Everything that is recorded about it."""
        return self.project.show(self.address)

    def to_json(self) -> dict[str, Any]:
        return self.show().to_json()

    def text(self, *, color: bool = False) -> str:
        return self.show().text(color=color)


def project_of(where: Where) -> Project:
    """The project that a call works on."""
    return where if isinstance(where, Project) else Project.load(path_of(where, "project") if where is not None else Path())


def create_version(
    version_name: str, model_name: str, description: str = "", *, like: str | None = None, project: Where = None, **fields: Any
) -> Version:
    """Declare a version of a declared model. Trains nothing: `publish_version` and an apply do.

    `fields`: what differs from the model, as in the YAML (`params`, `algorithm`, `dataset` …). `like`: a version whose fields it gets too,
    except the description; mappings in both are merged. A version that is already declared gets these fields, and keeps its others.
    Failure: unknown-model, unknown-version, or what is wrong with the fields; then no file has changed.
    """
    values = {"description": description, **fields} if description else fields
    return _declare(version_name, model_name, values, project, new=True, like=like)


def update_version(version_name: str, model_name: str, description: str | None = None, *, project: Where = None, **fields: Any) -> Version:
    """Change fields of a declared version: `description`, and `fields` as in `create_version`.

    A version that a protected environment has served is sealed: `publish_version` and every plan refuse the edit, and a new version is
    needed. Failure: unknown-model, unknown-version.
    """
    return _declare(
        version_name, model_name, {"description": description, **fields} if description is not None else fields, project, new=False
    )


def _declare(version: str, model: str, fields: Mapping[str, Any], where: Where, *, new: bool, like: str | None = None) -> Version:
    from leptonctl.library.writing import editing, plain_json, require_document, versions_in

    version, model = name_of(version, "version_name"), name_of(model, "model_name")
    project = project_of(where)
    if isinstance(fields.get("algorithm"), type):
        fields = {**fields, "algorithm": algorithm_of(fields["algorithm"])}
    values: dict[str, Json] = {key: plain_json(value, key) for key, value in fields.items()}
    with editing(project.root, "create_version" if new else "update_version") as draft:
        declared = versions_in(require_document(draft, "Model", model))
        needed = like if new else version
        if needed is not None and needed not in declared:
            hint = did_you_mean(needed, declared)
            raise fail("unknown-version", "The model has no such version", f"{model} has no version {needed}", hint=hint)
        if like is not None:
            values = _merge(draft.lines_of("Model", model, like), values)
        if version not in declared:
            draft.put("Model", model, ("versions", version), values)
        else:
            for key, value in values.items():
                draft.put("Model", model, ("versions", version, key), value)
    return Version(project=project, model=model, name=version)


def _merge(lines: Mapping[str, Json], values: Mapping[str, Json]) -> dict[str, Json]:
    """The fields of a version, overridden by these values; mappings in both are merged."""
    merged = {key: value for key, value in lines.items() if key != "description"}
    for key, value in values.items():
        here = merged.get(key)
        merged[key] = {**here, **value} if isinstance(here, dict) and isinstance(value, dict) else value
    return merged


def publish_version(
    version_name: str,
    model_name: str,
    environment: str | None = None,
    *,
    project: Where = None,
    reason: str = "",
    wait: float = 0.0,
    progress: Progress | None = None,
) -> Work:
    """Bind a version in an environment: edits the YAML, trains what has no result yet, checks the gates, and switches.

    `environment`: by default the only one of the project. What cannot be bound leaves the YAML as it was. Failure: unknown-version,
    unknown-environment; Unfinished (exit 6) when a gate holds it or it was withdrawn there, and its hint names `readmit`.
    """
    from leptonctl.library.binding import publish

    place = _place(version_name, model_name, environment)
    why = one_line(reason)
    return moving(
        project_of(project).root,
        "publish_version",
        lambda session, recorder: publish(session, recorder, *place, reason=why),
        bindings=lambda session: _bindings(session, place),
        wait=wait,
        progress=progress,
    )


def rollback_version(
    version_name: str,
    model_name: str,
    environment: str | None = None,
    *,
    project: Where = None,
    reason: str = "",
    wait: float = 0.0,
    progress: Progress | None = None,
) -> Work:
    """Leave a version: bind what the environment served before it, and withdraw this one there. Trains nothing.

    If it was already rolled back, nothing is done. Failure: not-bound when it does not serve there, nothing-earlier.
    """
    from leptonctl.library.binding import leave

    place = _place(version_name, model_name, environment)
    why = one_line(reason)
    return moving(
        project_of(project).root,
        "rollback_version",
        lambda session, recorder: leave(session, recorder, *place, reason=why),
        bindings=lambda session: _bindings(session, place),
        is_return=True,
        wait=wait,
        progress=progress,
    )


def _place(version: str, model: str, environment: str | None) -> tuple[str, str, str | None]:
    return name_of(version, "version_name"), name_of(model, "model_name"), name_or_none(environment, "environment")


def _bindings(session: "Session", place: tuple[str, str, str | None]) -> list[Binding]:
    """The binding that a call edits."""
    from leptonctl.library.binding import environment_of

    _, model, environment = place
    return [(environment or environment_of(session, None), model)]
