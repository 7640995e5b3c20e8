"""`update`: what was written, and its plan. Values in, values and text out."""

from typing import TYPE_CHECKING

from leptonctl.core.values import Json
from leptonctl.views.style import rows_text

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = "1.0"


def update_json(report: "Mapping[str, Json]", plan: Json) -> dict[str, Json]:
    """The object of `update --json`."""
    return {"format_version": FORMAT, **report, "plan": plan}


def update_text(report: "Mapping[str, Json]", plan: str) -> str:
    """The edit, then the plan, both already text."""
    rows = report["rows"]
    assert isinstance(rows, dict)
    data = f"{report['dataset']}@{report['dataset_version']} ({rows_text(int(str(rows['train'])))} to train on, {rows['test']} to test on)"
    model = f"{report['model']}@{report['version']}"
    if not report["diff"]:
        return f"{data} and {model} are declared already: nothing was written.\n\n{plan}"
    what = f"{model}, which learns from {data}" if report["known"] else f"{data} and {model}"
    return f"{report['diff']}\n\nWritten: {what}.\n\n{plan}"
