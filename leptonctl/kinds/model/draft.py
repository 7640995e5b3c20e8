"""A model version while it is being resolved: what its parts are checked against, and the problems so far. Pure."""

from collections.abc import Mapping

from leptonctl.core.diagnostic import Diagnostic
from leptonctl.core.frozen import Frozen
from leptonctl.core.manifest import UNSUPERVISED
from leptonctl.core.values import Json
from leptonctl.kinds.dataset.version import Dataset, missing_target
from leptonctl.kinds.kind import Declarations
from leptonctl.language.resolve import Declared
from leptonctl.spi.catalog import Catalog


class Draft(Frozen):
    """One version on its way to a Model. dataset: None where it names none that is sound. Checks report to `problems`."""

    declared: Declared
    task: str
    dataset: Dataset | None
    declarations: Declarations
    problems: list[Diagnostic]

    @property
    def fields(self) -> Mapping[str, Json]:
        return self.declared.fields

    @property
    def catalog(self) -> Catalog:
        return self.declarations.catalog

    def report(self, *problems: Diagnostic) -> None:
        self.problems.extend(problems)

    def check_target(self) -> None:
        """Report a dataset without a target if the task needs one."""
        if self.dataset is not None and not self.dataset.target and self.task not in UNSUPERVISED:
            self.report(missing_target(self.dataset))
