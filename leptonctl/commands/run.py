"""One apply or build under way: its steps, its counts, its last event."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from leptonctl.building.local import LocalExecutor
from leptonctl.building.scheduler import Building, Built
from leptonctl.commands.outcome import Outcome, exit_code
from leptonctl.commands.planning import Planned
from leptonctl.commands.session import Session
from leptonctl.core.diagnostic import ERROR, OK
from leptonctl.core.event import ApplyFinished, ApplyStarted, Reporter
from leptonctl.core.values import Json, Op, Path, Span, value_at

COUNTED: Mapping[str, Op] = {
    "prepared": "prepare", "trained": "train", "exported": "export", "evaluated": "evaluate",
    "cross_validated": "cross_validate", "compared": "compare",
}  # fmt: skip
# the field that an error of a step is about, where it is about one
FIELDS: Mapping[str, Path] = {
    "average-needs-two-classes": ("evaluate", "average"),
    "bad-delimiter": ("delimiter",),
    "empty-split": ("split",),
    "missing-secret": ("privacy", "key"),
    "split-impossible": ("split",),
    "too-few-rows-for-folds": ("evaluate", "cross_validation"),
    "unknown-class": ("evaluate", "positive"),
    "unknown-encoding": ("encoding",),
    "wrong-key": ("privacy", "key_id"),
}


@dataclass(slots=True, kw_only=True)
class Run:
    """One apply or build under way."""

    session: Session
    planned: Planned
    reporter: Reporter
    command: str
    owner: Mapping[str, Json]
    started: float = field(default_factory=time.monotonic)
    built: Built = field(default_factory=Built)
    codes: list[int] = field(default_factory=list)
    bound: int = 0
    held: int = 0
    skipped: int = 0

    def begin(self, *, binds: bool) -> None:
        """Tell how much will be done."""
        summary = self.planned.plan.summary
        steps = sum(summary[op] for op in (*COUNTED.values(), *(["bind"] if binds else [])))
        self.reporter(ApplyStarted(command=self.command, plan_id=self.planned.plan.plan_id, steps=steps, reuse=summary["reuse"]))

    def build(self) -> None:
        """Do the steps; what fails is counted, Ctrl-C is raised again."""
        planned, session = self.planned, self.session
        building = Building(
            store=session.store,
            executor=lambda: LocalExecutor(session.root, session.store_uri, session.parallelism, session.root / ".leptonctl" / "logs"),
            reporter=self.reporter,
            owner=self.owner,
            keys=planned.keys.by_place,
            current=planned.state.current if planned.state else {},
            locate=self._locate,
            parallelism=session.parallelism,
            built=self.built,
            known=dict(planned.results),
        )
        building.run(planned.plan.moving)
        if self.built.failed:
            self.codes.append(ERROR)

    def finish(self, serial: int) -> Outcome:
        """The last event and the exit code."""
        code = exit_code(self.codes)
        done = self.built.done
        finished = ApplyFinished(
            ok=code == OK,
            **{name: done.count(op) for name, op in COUNTED.items()},
            bound=self.bound,
            failed=len(self.built.failed) + self.held,
            skipped=len(self.built.skipped) + self.skipped,
            serial=serial,
            seconds=round(time.monotonic() - self.started, 3),
        )
        self.reporter(finished)
        return Outcome(plan=self.planned.plan, exit_code=code, finished=finished)

    def _locate(self, address: str, problem: Mapping[str, Json]) -> Span | None:
        """Where an error of a step is shown: a column's name where the YAML writes it, the field at fault, else the version."""
        node = next((n for n in self.planned.nodes if n.address == address), None)
        if node is None:
            return None
        column = problem.get("column")
        if isinstance(column, str):
            # a column's name is written as a key of the contract, or as an item of some list or scalar
            contract = (span for path, span in node.origins.items() if path[-2:] == ("columns", column))
            named = (span for path, span in node.origins.items() if path and value_at(node.recipe, path) == column)
            found = next(contract, None) or next(named, None)
            if found is not None:
                return found
        about = FIELDS.get(str(problem.get("id")))
        places = [about, ("data", *about)] if about else []
        if address.startswith("dataset/"):
            places.append(("source",))
        return next((node.origins[path] for path in places if path in node.origins), node.span)


def history_of(run: Run) -> dict[str, Json]:
    """Who, why and from which commit, for a history record."""
    owner = run.owner
    return {"command": run.command, "by": owner.get("user"), "host": owner.get("host"), "commit": owner.get("commit")}
