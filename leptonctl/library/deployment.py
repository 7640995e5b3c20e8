"""What `Model.deploy` returns."""

from typing import Any

from leptonctl.library.predictions import Predictions
from leptonctl.library.project import Project
from leptonctl.library.reports import Environment, Report
from leptonctl.library.work import Work


class Deployment(Report):
    """The version that an environment binds after `Model.deploy`. `work`: the steps that this took.

    `skipped`: with `forward=True`, the version that was not bound because `version` has replaced it there; else None.
    """

    project: Project
    environment: str
    model: str
    version: str
    work: Work
    skipped: str | None = None

    @property
    def status(self) -> Environment:
        """The environment as it is now. KeyError when it serves nothing."""
        return self.project.status().environment(self.environment)

    @property
    def url(self) -> str | None:
        """Where it answers, if that is known here."""
        return self.status.url

    def predict(self, rows: Any) -> Predictions:
        """The predictions of what is bound now, computed in this process, as in `Project.predict`."""
        return self.project.predict(f"{self.environment}/{self.model}", rows)

    def to_json(self) -> dict[str, Any]:
        return self.work.to_json()

    def text(self, *, color: bool = False) -> str:
        if self.skipped is not None:
            return f"{self.environment} keeps {self.model} {self.version}, which has replaced {self.skipped} there"
        return self.work.text(color=color)
