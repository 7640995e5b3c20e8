"""`update`: what was written, and its plan. Values in, values and text out."""

from typing import TYPE_CHECKING

from leptonctl.core.values import Json

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = "1.0"


def update_json(written: "Mapping[str, Json]", plan: Json) -> dict[str, Json]:
    """The object of `update --json`."""
    return {"format_version": FORMAT, **written, "plan": plan}


def update_text(written: "Mapping[str, Json]", plan: str) -> str:
    """The edit, then the plan, both already text."""
    rows = written["rows"]
    assert isinstance(rows, dict)
    versions = f"{written['dataset']}@{written['dataset_version']} ({rows['train']} rows to train on, {rows['test']} to test on)"
    return f"{written['diff']}\n\nWritten: {versions} and {written['model']}@{written['version']}.\n\n{plan}"
