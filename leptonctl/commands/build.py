"""`build`: train and evaluate into the store, without moving a pointer."""

from collections.abc import Iterator, Sequence

from leptonctl.commands.applying.run import Run, executor_ahead
from leptonctl.commands.outcome import Outcome
from leptonctl.commands.planning.libraries import refuse_without_library
from leptonctl.commands.planning.line import plan_project
from leptonctl.commands.planning.references import new_id, refer, spare
from leptonctl.commands.session import Session
from leptonctl.commands.who import owner_of
from leptonctl.core.diagnostic import INTERRUPTED, Failure
from leptonctl.core.event import Reporter
from leptonctl.core.frozen import replace
from leptonctl.core.node_records import recipe_of
from leptonctl.core.values import Json
from leptonctl.kinds.environment.judging import Basis, judge_changes
from leptonctl.storage.durable import ensure_dot_folder
from leptonctl.views.plan_json import judgement_to_json

OF_STEPS = ("data-contract", "row-check", "bad-rule", "source-changed", "command-not-allowed")
"""The errors of a plan that concern what is built, not the environments that would move."""


def build(session: Session, *, only: Sequence[str] = (), reporter: Reporter) -> Outcome:
    """Do the steps of the plan for these addresses (none: all)."""
    ensure_dot_folder(session.root)
    planned = plan_project(session, addresses=only)
    broken = [problem for problem in planned.plan.diagnostics if problem.severity == "error" and problem.id in OF_STEPS]
    if broken:
        raise Failure(broken)
    refuse_without_library(session, planned.plan, planned.settled, "build")
    with executor_ahead(session, planned.plan) as executor:
        run = Run(session=session, planned=planned, reporter=reporter, command="build", owner=owner_of(session), executor=executor)
        run.begin(effects=False)
        _carry_out(run)
    keep_recipes(run)
    return run.finish(planned.plan.serial, list(_gates(run)))


def _carry_out(run: Run) -> None:
    """Do the steps, with a reference to what they need and make."""
    session, planned, reference = run.session, run.planned, new_id()
    try:
        refer(session, planned, reference, "build")
        spare(session, planned)
        run.build()
        # again, for keys that were known only after a step
        refer(session, planned, reference, "build", run.evidence()[0])
        run.refuse_warnings()
    except KeyboardInterrupt:
        run.tally.count_error(INTERRUPTED)
    except Failure as failure:
        run.report_end(failure)


def _gates(run: Run) -> Iterator[dict[str, Json]]:
    """The gates of the bindings that an apply would move, judged by what is built now: what a plan would print next."""
    planned, declarations = run.planned, run.session.declarations
    keys, results = run.evidence()
    settled = replace(planned.settled, keys=keys, results=results)
    for change in judge_changes(planned.plan.moving, Basis(declarations=declarations, settled=settled, state=planned.state)):
        if not change.judgements or change.is_return:
            continue
        passed = [judgement.passed for judgement in change.judgements]
        yield {
            "address": change.address,
            "before_version": change.before_version,
            "after_version": change.after_version,
            "passed": False if False in passed else None if None in passed else True,
            "gates": [judgement_to_json(judgement) for judgement in change.judgements],
        }


def keep_recipes(run: Run) -> None:
    """Record the recipes of what is complete, so that `leaderboard` and `show` know it although no pointer names it."""
    nodes = run.planned.settled.by_address
    complete = [nodes[c.address] for c in run.planned.plan.moving if c.address in nodes and run.built.complete(c)]
    recipes = {node.declaration: recipe_of(node) for node in complete if not node.effect}
    if recipes:
        run.session.store.put_recipes(recipes)
