"""The results of calls that edit the YAML or prove a version: an update, an adoption, an import, pins, a verification."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from leptonctl.core.frozen import Frozen
from leptonctl.core.values import Json
from leptonctl.library.reports import Answer, Plan, Report

if TYPE_CHECKING:
    from leptonctl.commands.update import Updated


class Update(Report):
    """The versions that `Project.update` wrote. `rows`: of the dataset version by side; `diff`: the edit; `plan`: of the new version.

    `known`: those of the two addresses that were already declared. If both were, nothing was written, and `diff` is "".
    """

    model: str
    version: str
    dataset: str
    dataset_version: str
    rows: Mapping[str, int]
    files: tuple[str, ...]
    diff: str
    plan: Plan
    known: tuple[str, ...] = ()

    @classmethod
    def of(cls, updated: Updated) -> Update:
        """The report of what the command wrote."""
        return cls(
            model=updated.model, version=updated.version, dataset=updated.dataset, dataset_version=updated.dataset_version,
            rows=updated.rows, files=updated.files, diff=updated.diff, plan=Plan(plan=updated.plan), known=updated.known,
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        from leptonctl.commands.update import update_to_json
        from leptonctl.views.update import update_json

        return update_json(update_to_json(self), self.plan.to_json())

    def text(self, *, color: bool = False) -> str:
        from leptonctl.commands.update import update_to_json
        from leptonctl.views.update import update_text

        return update_text(update_to_json(self), self.plan.text(color=color))


class Adoption(Answer):
    """The winner of a search that `Project.adopt` wrote into the YAML. `in_place`: the searched version itself was edited."""

    address: str
    searched: str
    chosen: Mapping[str, Json]
    metric: str | None
    mean: float | None
    file: str
    digest: str
    in_place: bool
    edit: str

    def text(self, *, color: bool = False) -> str:
        from leptonctl.views.search import adoption_text

        return adoption_text(self.content, color=color)


class Tensor(Frozen):
    """An input or output of a file: its type, and how many columns it has; None if any number."""

    name: str
    type: str
    columns: int | None


class Import(Answer):
    """The version that `Project.import_model` wrote, at `file` and `line`, and the description of the imported file.

    `takes`: input -> the columns of the dataset that it takes, in order; `problems`: why the file does not fit the dataset.
    """

    address: str
    file: str
    line: int
    created: bool
    digest: str
    size: int
    opset: int
    producer: str
    nodes: int
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    task: str | None
    classes: tuple[int | str, ...] | None
    needs_classes: bool
    takes: Mapping[str, tuple[str, ...]] = {}
    problems: tuple[Finding, ...] = ()

    def text(self, *, color: bool = False) -> str:
        from leptonctl.views.imported import imported_text

        return imported_text(self.content, color=color)


class Pin(Frozen):
    """A digest that was written, and where."""

    address: str
    file: str
    line: int
    digest: str


class Finding(Frozen):
    """A diagnostic in the form of `--json`. `file`, `line`, `column`: None if it has no place."""

    id: str
    severity: str
    summary: str
    detail: str
    file: str | None
    line: int | None
    column: int | None
    hint: str


class Pins(Answer):
    """What `Project.pin` wrote. `diagnostics`: warnings about data that has changed since it was pinned; those digests stay."""

    pinned: tuple[Pin, ...]
    diagnostics: tuple[Finding, ...]

    def text(self, *, color: bool = False) -> str:
        from leptonctl.views.reports import pin_text

        return pin_text(self.content, color=color)


class Check(Frozen):
    """One thing that was proved, or not."""

    what: str
    ok: bool
    detail: str


class Verification(Answer):
    """Whether a version is what was recorded. `rebuild`: the comparison with a new training; None without one."""

    address: str
    digest: str
    artifact: str | None
    package: str | None
    checks: tuple[Check, ...]
    ok: bool
    rebuild: Mapping[str, Json] | None = None

    def text(self, *, color: bool = False) -> str:
        from leptonctl.views.reports import verification_text

        return verification_text(self.content, color=color)
