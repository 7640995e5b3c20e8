"""The train inputs of a step whose parameters were searched: the winner's. Every step that fits or loads the model asks here."""

from leptonctl.core.frozen import replace
from leptonctl.learning.inputs import TrainInputs, read_record
from leptonctl.learning.outputs import SearchOutputs
from leptonctl.spi.running import Needs

SEARCH = "search"


def with_search_result(train: TrainInputs, needs: Needs) -> TrainInputs:
    """The inputs with the parameters that the search of the version has found; as they are, without one."""
    search = needs.get(SEARCH)
    if search is None:
        return train
    return replace(train, params=read_record("the outputs of `search`", search.outputs, SearchOutputs).params)
