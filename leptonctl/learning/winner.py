"""The parameters that a search has found, for every step that fits or loads the model."""

from leptonctl.core.frozen import replace
from leptonctl.learning.inputs import TrainInputs, read_record
from leptonctl.learning.outputs import SearchOutputs
from leptonctl.spi.running import Needs

SEARCH = "search"


def with_search_result(train: TrainInputs, needs: Needs) -> TrainInputs:
    """The train inputs with the parameters of the search's winner; unchanged for a version without a search."""
    search = needs.get(SEARCH)
    if search is None:
        return train
    return replace(train, params=read_record("the outputs of `search`", search.outputs, SearchOutputs).params)
