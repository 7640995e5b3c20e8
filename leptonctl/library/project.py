"""A project, with the commands as methods."""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from leptonctl.core.frozen import Frozen
from leptonctl.library.moving import consent, moving, one_line, open_session
from leptonctl.library.predictions import Predictions, predictions_of
from leptonctl.library.records import Diff, History, Leaderboard, Shown
from leptonctl.library.reports import Plan, Status, Validation
from leptonctl.library.work import Progress, Recorder, Work

if TYPE_CHECKING:
    from leptonctl.commands.session import Session


class Project(Frozen):
    """A project in a folder. It keeps nothing between calls: each reads the files again, as a command does.

    `root`: the folder with leptonctl.yaml, absolute. What a command refuses raises `Failure`, with the command's exit code.
    """

    root: Path

    @classmethod
    def load(cls, path: str | os.PathLike[str] = ".") -> Self:
        """The project around a folder, like `-C`. Failure: no-project, no-folder."""
        return cls(root=open_session(Path(path), "Project.load").root)

    @classmethod
    def create(cls, path: str | os.PathLike[str] = ".", name: str | None = None) -> Self:
        """A new project in an existing folder: writes leptonctl.yaml. `name`: by default that of the folder.

        Failure: project-exists, no-folder, cannot-write, or what is wrong with the name.
        """
        from leptonctl.library.writing import create_project

        return cls(root=create_project(Path(path), name))

    def validate(self) -> Validation:
        """Check all project files. What is wrong is in the result, and raises nothing."""
        from leptonctl.commands.validate import validate

        session = self._session("validate")
        return Validation(diagnostics=validate(session), sources=dict(session.sources))

    def plan(self, *only: str) -> Plan:
        """What an apply would do. `only`: addresses; none: all. Writes nothing. Failure (exit 3) when the files are invalid."""
        from leptonctl.commands.plan import plan

        return Plan(plan=plan(self._session("plan"), only=only))

    def build(self, *only: str, progress: Progress | None = None) -> Work:
        """Train and evaluate into the store, and move nothing. `only`: addresses; none: all.

        Failure: Unfinished (exit 1) when a step failed.
        """
        from leptonctl.commands.build import build

        recorder = Recorder(progress)
        return recorder.conclude("build", build(self._session("build"), only=only, reporter=recorder))

    def apply(
        self,
        plan: Plan | None = None,
        *,
        only: Iterable[str] = (),
        expect: str | None = None,
        allow_rewind: bool = False,
        reason: str = "",
        wait: float = 0.0,
        progress: Progress | None = None,
    ) -> Work:
        """Build what has no result yet, then move the pointers. The call is the consent.

        `plan`: have exactly its effect, on its addresses; `expect`: have the effect with this id. `wait`: seconds to wait while another
        apply moves the same addresses. Failure: stale-effect (exit 5), lock-held (4); Unfinished when a step failed (1) or a binding is
        newly held (6).
        """
        from leptonctl.commands.apply import Request, apply

        only = plan.plan.only if plan is not None else tuple(only)
        expect = plan.effect_id if plan is not None else expect
        request = Request(only=only, expect=expect, allow_rewind=allow_rewind, reason=one_line(reason))
        return moving(
            self.root,
            "Project.apply",
            lambda session, recorder: apply(session, request, consent=consent, reporter=recorder),
            wait=wait,
            progress=progress,
        )

    def rollback(
        self, target: str, to: int | None = None, *, reason: str = "", wait: float = 0.0, progress: Progress | None = None
    ) -> Work:
        """Bind what an environment served before: edits the YAML and applies. Trains nothing. What is left is withdrawn there.

        `target`: ENV or ENV/MODEL. `to`: the number of a deployment; by default the one before. Failure: nothing-earlier, not-bound,
        unknown-deployment.
        """
        from leptonctl.commands.apply import Request
        from leptonctl.commands.rollback import rollback

        request = Request(reason=one_line(reason))
        return moving(
            self.root,
            "Project.rollback",
            lambda session, recorder: rollback(session, target, to, request, consent=consent, reporter=recorder),
            wait=wait,
            progress=progress,
        )

    def promote(
        self, model: str, source: str, destination: str, *, reason: str = "", wait: float = 0.0, progress: Progress | None = None
    ) -> Work:
        """Bind in the environment `destination` the version that `source` binds: edits the YAML and applies."""
        from leptonctl.commands.apply import Request
        from leptonctl.commands.promote import promote

        request = Request(reason=one_line(reason))
        return moving(
            self.root,
            "Project.promote",
            lambda session, recorder: promote(session, model, source, destination, request, consent=consent, reporter=recorder),
            wait=wait,
            progress=progress,
        )

    def readmit(self, target: str, *, reason: str, withdrawal: str | None = None) -> None:
        """Let ENV/MODEL@VERSION in again after it was withdrawn. It binds nothing: that takes an apply, or `publish_version`.

        `withdrawal`: its id, where the version alone does not tell. Failure: reason-missing, not-withdrawn, ambiguous-withdrawal.
        """
        from leptonctl.commands.readmit import readmit

        readmit(self._session("readmit"), target, one_line(reason), withdrawal)

    def predict(self, target: str, rows: Any) -> Predictions:
        """The predictions of a version, MODEL@VERSION, or of what an environment binds, ENV/MODEL, computed in this process.

        `rows`: the path of a file, a list of mappings from column to value, or a data frame of pandas or polars. Failure: not-built,
        not-bound, data-contract and others that name the column and the row.
        """
        return predictions_of(self._session("predict"), target, rows)

    def status(self) -> Status:
        """Which versions serve where and since when, and whether that agrees with the YAML."""
        from leptonctl.commands.status import status

        return _complete(Status, self._session("status"), status)

    def show(self, address: str | None = None) -> Shown:
        """What is recorded; of one address more, and of a version everything. Failure: unknown-address."""
        from leptonctl.commands.show import show

        return _complete(Shown, self._session("show"), lambda session: show(session, address))

    def diff(self, a: str, b: str) -> Diff:
        """Two versions side by side: fields, metrics, flips, size, data. Failure: unknown-address, not-built."""
        from leptonctl.commands.diff import diff

        return _complete(Diff, self._session("diff"), lambda session: diff(session, a, b))

    def history(self, address: str | None = None) -> History:
        """Every change of a pointer and every build, newest first, of all addresses or of one. Failure: unknown-address."""
        from leptonctl.commands.history import history

        return _complete(History, self._session("history"), lambda session: history(session, address))

    def leaderboard(self, model: str, by: str | None = None) -> Leaderboard:
        """All versions of a model that are declared or were ever built, best first. `by`: the metric that orders them."""
        from leptonctl.commands.leaderboard import leaderboard

        return _complete(Leaderboard, self._session("leaderboard"), lambda session: leaderboard(session, model, by, None))

    def _session(self, command: str) -> "Session":
        return open_session(self.root, f"Project.{command}")


A = TypeVar("A", Status, Shown, Diff, History, Leaderboard)


def _complete(kind: type[A], session: "Session", command: "Callable[[Session], Mapping[str, Any]]") -> A:
    """The answer of a command, with what it did without as `diagnostics` in its content, as the command line prints it."""
    content = command(session)
    left_out = [{**problem.to_json(), "severity": "warning"} for problem in session.left_out]
    return kind.of({**content, "diagnostics": left_out} if left_out else content)
