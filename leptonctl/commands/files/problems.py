"""What providers find wrong with files and secrets, as failures of a command."""

from leptonctl.building.failures import with_place
from leptonctl.core.diagnostic import Failure, fail
from leptonctl.spi.learning import ProviderError


def provider_failure(problem: ProviderError) -> Failure:
    """The Failure of a ProviderError. Its place in a data file goes into the detail."""
    return fail(problem.id, problem.summary, with_place(problem.detail, problem.file, problem.line), hint=problem.hint)
