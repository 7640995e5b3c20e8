"""What a caller of the short form has said about a model and about one training."""

from collections.abc import Mapping

from leptonctl.core.frozen import Frozen
from leptonctl.core.values import Json
from leptonctl.library.tables import Data


class Recipe(Frozen):
    """What all versions share. `dataset`: NAME@VERSION of `data`. None: as in the YAML, or what suits the data."""

    algorithm: str | None = None
    task: str | None = None
    description: str = ""
    data: Data | None = None
    dataset: str | None = None
    steps: tuple[dict[str, Json], ...] | None = None


class Training(Frozen):
    """One training. `keys`: fields of the version beside `params`, as in YAML.

    `imports`: the path of a finished model in the project, instead of a training. `reading`: how that is read: `inputs`, `classes`,
    `outputs` as in YAML.
    """

    iterations: int | None = None
    learning_rate: float | None = None
    params: Mapping[str, Json] = {}
    keys: Mapping[str, Json] = {}
    imports: str | None = None
    reading: Mapping[str, Json] = {}

    def imported(self) -> dict[str, Json] | None:
        """The keys of a version that is imported; None for one that is trained."""
        return None if self.imports is None else {"import": self.imports, **self.reading}
