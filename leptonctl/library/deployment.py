"""What `Model.deploy` returns."""

from typing import Any

from leptonctl.library.predictions import Predictions
from leptonctl.library.project import Project
from leptonctl.library.reports import Environment, Report
from leptonctl.library.work import Work


class Deployment(Report):
    """A version that was bound in an environment. `work`: what that took."""

    project: Project
    environment: str
    model: str
    version: str
    work: Work

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
        return self.work.text(color=color)
