"""Every kind of document and every op, in order: the two tables that the engine gets. A new entry is one line."""

from leptonctl.core.profile import PROFILE_FILE
from leptonctl.core.values import Op
from leptonctl.kinds import project
from leptonctl.kinds.dataset import kind as dataset
from leptonctl.kinds.environment import kind as environment
from leptonctl.kinds.kind import Kind
from leptonctl.kinds.model import kind as model
from leptonctl.kinds.model.implied import clear_implied, without_implied

KINDS: dict[str, Kind] = {kind.name: kind for kind in (project.KIND, dataset.KIND, model.KIND, environment.KIND)}

OPS: dict[str, Op] = {
    op.name: op
    for op in (
        # what is aside does not change what is learned: the lists that identify rows in comparisons, and the profile of the rows
        Op(
            name="prepare",
            done="prepared",
            run="leptonctl.learning.steps.prepare:run",
            identity=("contract", "rows_digest"),
            aside=("train.rows", "test.rows", PROFILE_FILE),
        ),
        Op(name="trial", done="tried", run="leptonctl.learning.steps.trial:run", plain=without_implied),
        # a training reads the winner of a search, not the other trials
        Op(name="search", done="searched", run="leptonctl.learning.steps.search:run", identity=("params", "survivors")),
        Op(name="train", done="trained", run="leptonctl.learning.steps.train:run"),
        Op(name="command", done="ran", run="leptonctl.learning.steps.command:run"),
        Op(name="export", done="exported", run="leptonctl.learning.steps.export:run"),
        Op(name="import", done="imported", run="leptonctl.learning.steps.import_graph:run"),
        # the other outputs tell people how the threshold was chosen and how exact the graph is
        Op(
            name="decide",
            done="decided",
            run="leptonctl.learning.steps.decide:run",
            identity=("package", "native_dtype"),
            plain=without_implied,
        ),
        Op(name="evaluate", done="evaluated", run="leptonctl.learning.steps.evaluate:run"),
        Op(name="cross_validate", done="cross_validated", run="leptonctl.learning.steps.cross_validate:run", plain=clear_implied),
        Op(name="compare", done="compared", run="leptonctl.learning.steps.compare:run"),
        Op(name="bind", done="bound"),
    )
}
