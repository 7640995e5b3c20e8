"""The recorded state as an aligned table: the current pointers and the metrics of their results."""

from typing import Any

from leptonctl.core.address import parse
from leptonctl.kinds.registry import KINDS
from leptonctl.views.records import metrics_text, short
from leptonctl.views.style import Style, printable, text_width
from leptonctl.views.tables import GAP, LEAST_CELL, table

LEFT_OUT = "Left out at this width: metrics (`leptonctl show ADDRESS` and -v have them)."


def render_text(
    obj: dict[str, Any], *, color: bool, width: int, verbose: bool = False, now: str | float | None = None, trials: bool = False
) -> str:
    """The output of `show` without a plan file. Bindings come first, because they matter most in an incident."""
    if "version" in obj:
        from leptonctl.views.version import render_version

        return render_version(obj["version"], color=color, width=width, verbose=verbose, now=now, trials=trials)
    if "dataset" in obj:
        from leptonctl.views.dataset import render_dataset

        return render_dataset(obj["dataset"], color=color, width=width, now=now)
    return _pointers(obj, color=color, width=width)


def _pointers(obj: dict[str, Any], *, color: bool, width: int) -> str:
    style = Style(color)
    current, results = obj["current"], obj["results"]
    if not current:
        text = "Nothing is recorded"
        if obj.get("was"):
            return f"{text} of it now: `leptonctl history {printable(obj['was'])}` says what was, `leptonctl plan` what an apply would do."
        return f"{text} yet: `leptonctl plan` shows what an apply would do."
    order = [kind.address for kind in KINDS.values()]
    ordered = sorted(current, key=lambda a: (-order.index(kind) if (kind := parse(a).kind) in order else 1, a))
    rows, figures = [], []
    for address in ordered:
        pointer = current[address]
        name = printable(address) + (f"  {printable(pointer['version'])}" if pointer.get("version") else "")
        metrics = results.get(pointer["digest"], {}).get("metrics") or {}
        rows.append((name, short(pointer["digest"]), short(pointer.get("artifact"))))
        figures.append(metrics)
    head = ("ADDRESS", "DIGEST", "ARTIFACT", "METRICS")
    # as many metrics as fit on the line: `show ADDRESS` and -v have them all
    room = max(width - GAP - max(map(text_width, table([head[:3], *rows]).split("\n"))), LEAST_CELL)
    shown = [metrics_text(of, len(of), columns=room) for of in figures]
    cells = [(*row, style.dim(text)) for row, text in zip(rows, shown, strict=True)]
    closing = f"Serial {obj['serial']}" + (f", lineage {printable(str(obj['lineage']))}" if obj["lineage"] else "") + "."
    if any(of and not text for of, text in zip(figures, shown, strict=True)):
        closing = f"{LEFT_OUT}\n{closing}"
    # a head above an empty column would say that there are no metrics
    names = head if any(shown) or not any(figures) else head[:3]
    return table(cells, head=names, color=color) + f"\n\n{closing}"
