"""The results of the library: frozen values that print like the command line, and that a notebook shows."""

from collections.abc import Mapping
from copy import deepcopy
from time import time
from typing import Any, Self

from leptonctl.core.change import Change, Drift
from leptonctl.core.change import Plan as PlanValue
from leptonctl.core.codec import convert
from leptonctl.core.diagnostic import Diagnostic, has_errors
from leptonctl.core.frozen import Frozen
from leptonctl.core.values import Json

WIDTH = 120
"""The columns of a table in text."""


class Report(Frozen):
    """A result of the library. `str()` gives what the command line prints; a notebook shows the same, escaped and in colour."""

    def to_json(self) -> dict[str, Any]:
        """The object that the command prints with `--json`, of the same schema."""
        raise NotImplementedError

    def text(self, *, color: bool = False) -> str:
        """What the command prints. `color`: with ANSI codes."""
        raise NotImplementedError

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        first = next((line.strip() for line in self.text().splitlines() if line.strip()), "")
        return f"<{type(self).__name__}: {first}>"

    def _repr_html_(self) -> str:
        from leptonctl.views.html import preformat

        return preformat(self.text(color=True))


class Answer(Report):
    """A report whose whole content is the JSON object of a command."""

    content: Mapping[str, Any]

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Self:
        """The report of a JSON object. Its fields have the names and the values of the object's keys."""
        return convert({**content, "content": dict(content)}, cls)

    def to_json(self) -> dict[str, Any]:
        return deepcopy(dict(self.content))


class Validation(Report):
    """What `Project.validate` found. `sources`: the text of each project file, to show the places."""

    diagnostics: tuple[Diagnostic, ...]
    sources: Mapping[str, str]

    @property
    def ok(self) -> bool:
        """Whether there is no error; warnings and notes are allowed."""
        return not has_errors(self.diagnostics)

    def to_json(self) -> dict[str, Any]:
        from leptonctl.views.reports import validation_to_json

        return dict(validation_to_json(self.diagnostics))

    def text(self, *, color: bool = False) -> str:
        from leptonctl.views.reports import validation_text

        return validation_text(self.diagnostics, self.sources, color=color)


class Plan(Report):
    """What an apply would do, and why. Pass it to `Project.apply` to get exactly this effect, or a `Failure` if that has changed."""

    plan: PlanValue

    @property
    def plan_id(self) -> str:
        """The digest of everything that the plan was made from."""
        return self.plan.plan_id

    @property
    def effect_id(self) -> str:
        """The digest of what would move, for `Project.apply(expect=…)`."""
        return self.plan.effect_id

    @property
    def changes(self) -> tuple[Change, ...]:
        """The changes, with action, reason, places and steps. Addresses that stay as they are are left out."""
        return self.plan.moving

    @property
    def drift(self) -> tuple[Drift, ...]:
        """Where servers differ from what is recorded."""
        return self.plan.drift

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Errors that would refuse the apply, warnings and notes."""
        return self.plan.diagnostics

    @property
    def summary(self) -> Mapping[str, int]:
        """Counts: addresses by action (create, update …), steps by op (train, bind …), cached ones as `reuse`."""
        return self.plan.summary

    @property
    def pending(self) -> bool:
        """Whether an apply would do anything."""
        return self.plan.is_pending

    @property
    def applyable(self) -> bool:
        """Whether there is something to do, no error, and no binding known to be held."""
        return self.plan.applyable

    def to_json(self) -> dict[str, Any]:
        from leptonctl.views.plan_json import plan_to_json

        return plan_to_json(self.plan)

    def text(self, *, color: bool = False) -> str:
        from leptonctl.views.plan_text import render

        return render(self.plan, color=color, width=WIDTH)


class Server(Frozen):
    """A server of an environment. `ready`: the deployments it could serve; `since`, `seen`: ISO 8601 moments."""

    id: str
    host: str
    url: str
    deployment: int
    ready: tuple[int, ...]
    stopped: bool
    alive: bool
    since: str | None
    seen: str | None
    heartbeat: float
    reason: str


class Withdrawn(Frozen):
    """A version that was rolled back. `Project.readmit` lets it back in."""

    id: str
    version: str
    package: str
    at: str
    by: str | None
    reason: str


class Served(Frozen):
    """A model in an environment. `digest`, `artifact`, `package`: what is bound. `live_…`: what its servers report."""

    name: str
    version: str | None
    digest: str | None
    artifact: str | None
    package: str | None
    since: str | None
    serial: int | None
    deployment: int | None
    metrics: Mapping[str, float | None] | None
    withdrawn: tuple[Withdrawn, ...]
    live_digest: str | None
    live_artifact: str | None
    live_package: str | None
    live_since: str | None
    drift: str | None


class Held(Frozen):
    """A declared binding that did not move, and why."""

    model: str | None
    version: str | None
    reason: str
    since: str
    kind: str


class Environment(Frozen):
    """What an environment serves. `healthy`: None if that is not known from here."""

    name: str
    url: str | None
    placement: str
    here: bool
    copy: bool
    host: str
    folder: str
    healthy: bool | None
    reason: str
    protected: bool
    deployment: int
    commit: str | None
    dirty: bool
    baseline: str | None
    frozen: Mapping[str, Json] | None
    held: tuple[Held, ...]
    models: tuple[Served, ...]
    servers: tuple[Server, ...]


class Difference(Frozen):
    """A difference between what the YAML declares and what is bound, with the place of the declaration."""

    environment: str
    model: str | None
    declared: str | None
    bound: str | None
    reason: str
    file: str | None
    line: int | None


class Status(Answer):
    """Which versions serve where and since when."""

    environments: tuple[Environment, ...]
    differences: tuple[Difference, ...] = ()

    def environment(self, name: str) -> Environment:
        """The environment with this name. KeyError if there is none."""
        for one in self.environments:
            if one.name == name:
                return one
        raise KeyError(name)

    def text(self, *, color: bool = False) -> str:
        from leptonctl.views.status import render_text

        return render_text(self.content, color=color, width=WIDTH, now=time())
