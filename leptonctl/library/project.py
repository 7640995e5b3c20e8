"""A project, with the commands as methods."""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from leptonctl.core.frozen import Frozen
from leptonctl.library.edits import Adoption, Import, Pins, Update, Verification
from leptonctl.library.moving import consent, moving, one_at_a_time, one_line, open_session
from leptonctl.library.names import name_of, name_or_none, names_of, number_or_none, path_of, require
from leptonctl.library.predictions import Predictions, predictions_of
from leptonctl.library.records import Diff, History, Leaderboard, Shown
from leptonctl.library.reports import Plan, Status, Validation
from leptonctl.library.work import Progress, Recorder, Work

if TYPE_CHECKING:
    from leptonctl.commands.session import Session


class Project(Frozen):
    """A project in a folder. It keeps nothing between calls: like a command, each call reads the files again.

    `root`: the absolute path of the folder with leptonctl.yaml. What a command refuses raises `Failure`, with the command's exit code.
    """

    root: Path

    @classmethod
    def load(cls, path: str | os.PathLike[str] = ".") -> Self:
        """The project around a folder, like `-C`. Failure: no-project, no-folder."""
        return cls(root=open_session(path_of(path, "path"), "Project.load").root)

    @classmethod
    def create(cls, path: str | os.PathLike[str] = ".", name: str | None = None) -> Self:
        """Create a project in an existing folder, by writing leptonctl.yaml. `name`: by default that of the folder.

        Failure: project-exists, no-folder, cannot-write, or what is wrong with the name.
        """
        from leptonctl.library.writing import create_project

        return cls(root=create_project(path_of(path, "path"), name_or_none(name, "name")))

    def validate(self) -> Validation:
        """Check all project files. Problems are in the result, and raise nothing."""
        from leptonctl.commands.validate import validate

        session = self._session("validate")
        return Validation(diagnostics=validate(session), sources=dict(session.sources))

    def plan(self, *only: str) -> Plan:
        """What an apply would do. `only`: addresses; none means all. Writes nothing. Failure (exit 3) when the files are invalid."""
        from leptonctl.commands.plan import plan

        return Plan(plan=plan(self._session("plan"), only=names_of(only, "only")))

    def build(self, *only: str, progress: Progress | None = None) -> Work:
        """Train and evaluate into the store, and move nothing. `only`: addresses; none means all.

        Failure: Unfinished (exit 1) when a step failed.
        """
        from leptonctl.commands.build import build

        recorder = Recorder(progress)
        return recorder.conclude("build", build(self._session("build"), only=names_of(only, "only"), reporter=recorder))

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

        `plan`: apply exactly its effect, on its addresses. `expect`: the id of the expected effect. `wait`: seconds to wait while another
        apply moves the same addresses. Failure: stale-effect (exit 5), lock-held (4); Unfinished when a step failed (1) or a binding is
        newly held (6).
        """
        from leptonctl.commands.apply import Request, apply

        if plan is not None:
            plan = require(plan, Plan, "pass what `Project.plan` returns")
        only = plan.plan.only if plan is not None else names_of(only, "only")
        expect = plan.effect_id if plan is not None else name_or_none(expect, "expect")
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
        """Bind what an environment served before: edits the YAML and applies. Trains nothing. What it served last is withdrawn there.

        `target`: ENV or ENV/MODEL. `to`: the number of a deployment, by default the previous one. Failure: nothing-earlier, not-bound,
        unknown-deployment.
        """
        from leptonctl.commands.apply import Request
        from leptonctl.commands.rollback import rollback
        from leptonctl.kinds.environment.target import environment_and_member

        request, target, to = Request(reason=one_line(reason)), name_of(target, "target"), number_or_none(to, "to")
        return moving(
            self.root,
            "Project.rollback",
            lambda session, recorder: rollback(session, target, to, request, consent=consent, reporter=recorder),
            bindings=lambda _session: [environment_and_member(target)],
            is_return=True,
            wait=wait,
            progress=progress,
        )

    def promote(
        self, model: str, source: str, destination: str, *, reason: str = "", wait: float = 0.0, progress: Progress | None = None
    ) -> Work:
        """Bind in the environment `destination` the version that `source` binds: edits the YAML and applies."""
        from leptonctl.commands.apply import Request
        from leptonctl.commands.promote import promote

        request, model = Request(reason=one_line(reason)), name_of(model, "model")
        source, destination = name_of(source, "source"), name_of(destination, "destination")
        return moving(
            self.root,
            "Project.promote",
            lambda session, recorder: promote(session, model, source, destination, request, consent=consent, reporter=recorder),
            # a call that is binding it in `source` may still undo that edit
            bindings=lambda _session: [(source, model), (destination, model)],
            wait=wait,
            progress=progress,
        )

    def readmit(self, target: str, *, reason: str, withdrawal: str | None = None) -> None:
        """Let ENV/MODEL@VERSION back in after it was withdrawn. Binds nothing: that takes an apply, or `publish_version`.

        `withdrawal`: its id, if the version has several. Failure: reason-missing, not-withdrawn, ambiguous-withdrawal.
        """
        from leptonctl.commands.readmit import readmit

        target, withdrawal = name_of(target, "target"), name_or_none(withdrawal, "withdrawal")
        readmit(self._session("readmit"), target, one_line(reason), withdrawal)

    def predict(self, target: str, rows: Any) -> Predictions:
        """The predictions of a version, MODEL@VERSION, or of what an environment binds, ENV/MODEL, computed in this process.

        `rows`: the path of a file, a list of mappings from column to value, or a data frame of pandas or polars. Failure: not-built,
        not-bound, data-contract and others that name the column and the row.
        """
        return predictions_of(self._session("predict"), name_of(target, "target"), rows)

    def status(self) -> Status:
        """Which versions serve where and since when, and whether that agrees with the YAML."""
        from leptonctl.commands.status import status

        return _complete(Status, self._session("status"), status)

    def show(self, address: str | None = None) -> Shown:
        """What is recorded; more about one address, and everything about a version. Failure: unknown-address."""
        from leptonctl.commands.show import show

        address = name_or_none(address, "address")
        return _complete(Shown, self._session("show"), lambda session: show(session, address))

    def diff(self, a: str, b: str) -> Diff:
        """Two versions side by side: fields, metrics, flips, size, data. Failure: unknown-address, not-built."""
        from leptonctl.commands.diff import diff

        a, b = name_of(a, "a"), name_of(b, "b")
        return _complete(Diff, self._session("diff"), lambda session: diff(session, a, b))

    def history(self, address: str | None = None) -> History:
        """Every change of a pointer and every build, newest first, of all addresses or of one. Failure: unknown-address."""
        from leptonctl.commands.history import history

        address = name_or_none(address, "address")
        return _complete(History, self._session("history"), lambda session: history(session, address))

    def leaderboard(self, model: str, by: str | None = None) -> Leaderboard:
        """All versions of a model that are declared or were ever built, best first. `by`: the metric to order them by."""
        from leptonctl.commands.leaderboard import leaderboard

        model, by = name_of(model, "model"), name_or_none(by, "by")
        return _complete(Leaderboard, self._session("leaderboard"), lambda session: leaderboard(session, model, by, None))

    def update(
        self,
        model: str,
        data: str | os.PathLike[str],
        *,
        version: str | None = None,
        dataset_version: str | None = None,
        like: str | None = None,
        warm_start: bool = False,
        append: bool = False,
    ) -> Update:
        """Write a dataset version for the new rows in `data` and a model version that learns from it, and plan that. Builds nothing.

        `version`, `dataset_version`: their names, by default the next ones. `like`: the version to base the new one on, by default the
        last. `warm_start`: continue its training. `append`: add the new rows after its own. What is already declared is not written
        again, see `Update.known`. Failure: unknown-model, unknown-version, missing-file, outside-project, or how the data breaks the
        contract; then nothing is written.
        """
        from leptonctl.commands.update import Update as Request
        from leptonctl.commands.update import update

        request = Request(
            model=name_of(model, "model"), data=path_of(data, "data").absolute(), version=name_or_none(version, "version"),
            dataset_version=name_or_none(dataset_version, "dataset_version"), like=name_or_none(like, "like"), warm_start=warm_start,
            append=append,
        )  # fmt: skip
        with one_at_a_time():
            return Update.of(update(self._session("update"), request))

    def adopt(self, version: str, into: str | None = None) -> Adoption:
        """Write the winner of a search into the YAML, as `params` in place of `search`. Trains nothing.

        `version`: MODEL@VERSION. `into`: declare the winner as a new version of that name, and leave the searched one as it is.
        Failure: no-search, not-built, sealed-version, version-exists, cannot-write-back.
        """
        from leptonctl.commands.adopt import adopt

        version, into = name_of(version, "version"), name_or_none(into, "into")
        with one_at_a_time():
            return _complete(Adoption, self._session("adopt"), lambda session: adopt(session, version, into))

    def import_model(
        self, file: str | os.PathLike[str], model: str, version: str, *, dataset: str | None = None, task: str | None = None
    ) -> Import:
        """Write the YAML of a version that is a finished model, like the command `import`. Builds nothing.

        `file`: a file for `import:`, inside the project. `dataset`: NAME@VERSION, to evaluate it on, by default the model's. `task`: by
        default inferred from its outputs. Failure: what is wrong with the file, version-exists, missing-dataset, missing-task.
        """
        from leptonctl.commands.import_file import Import as Request
        from leptonctl.commands.import_file import import_file

        request = Request(
            model=name_of(model, "model"), version=name_of(version, "version"), dataset=name_or_none(dataset, "dataset"),
            task=name_or_none(task, "task"),
        )  # fmt: skip
        path = path_of(file, "file").absolute()
        with one_at_a_time():
            return _complete(Import, self._session("import"), lambda session: import_file(session, path, request))

    def pin(self, *only: str) -> Pins:
        """Write the digests of data files into the YAML. `only`: dataset versions; none means all. Never changes an existing digest."""
        from leptonctl.commands.pin import pin

        with one_at_a_time():
            return Pins.of(pin(self._session("pin"), names_of(only, "only")))

    def verify(self, version: str, *, rebuild: bool = False) -> Verification:
        """Prove that a version is what was recorded: bytes, golden rows, metrics. A proof that fails raises nothing: see `ok`.

        `version`: MODEL@VERSION. `rebuild`: train it again in a fresh process and compare the bytes. Failure: unknown-address, not-built.
        """
        from leptonctl.commands.verify import verify

        version = name_of(version, "version")
        return _complete(Verification, self._session("verify"), lambda session: verify(session, version, rebuild=rebuild))

    def _session(self, command: str) -> "Session":
        return open_session(self.root, f"Project.{command}")


A = TypeVar("A", Status, Shown, Diff, History, Leaderboard, Adoption, Import, Verification)


def _complete(kind: type[A], session: "Session", command: "Callable[[Session], Mapping[str, Any]]") -> A:
    """The answer of a command, with what it left out as `diagnostics` in its content, as the command line prints it."""
    content = command(session)
    left_out = [{**problem.to_json(), "severity": "warning"} for problem in session.left_out]
    return kind.of({**content, "diagnostics": left_out} if left_out else content)
