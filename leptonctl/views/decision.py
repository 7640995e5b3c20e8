"""How a version decides, in words: its threshold and its calibration. Reads the object `decision` of the outputs, writes nothing."""

from collections.abc import Mapping
from typing import Any

from leptonctl.views.style import figure, printable, value_text


def threshold_text(decision: Mapping[str, Any] | None) -> str:
    """`y from 0.35`; "" without a threshold."""
    if not decision or decision["threshold"] is None:
        return ""
    return f"{value_text(decision['positive'])} from {figure(decision['threshold'])}"


def decision_text(decision: Mapping[str, Any] | None) -> str:
    """One sentence; "" where the answers of the trained model are unchanged."""
    if not decision:
        return ""
    parts = []
    if decision["threshold"] is not None:
        source = "as declared"
        if decision["objective"]:
            source = f"chosen for the {printable(decision['objective'])}, {figure(decision['score'])} on {decision['folds']} held-out folds"
        parts.append(f"the label is {threshold_text(decision)} on ({source})")
    if decision["calibration"]:
        parts.append(f"probabilities are calibrated ({printable(decision['calibration'])}, {decision['folds']} held-out folds)")
    return "; ".join(parts)


def short_decision(decision: Mapping[str, Any] | None) -> str:
    """The same for a cell of a table: `y from 0.35, sigmoid`."""
    if not decision:
        return ""
    return ", ".join(part for part in (threshold_text(decision), printable(decision["calibration"])) if part)
