"""Everything about one model version as text: the object `version` of `show ADDR --json`. Writes nothing."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from leptonctl.core.address import parse
from leptonctl.core.row_list import UNRECORDED
from leptonctl.kinds.environment.gate_rules import find_rule
from leptonctl.views import plots
from leptonctl.views.decision import decision_text
from leptonctl.views.records import ROOMY, place, short, when, who, whole_value
from leptonctl.views.search import render_search
from leptonctl.views.style import Style, duration, figure, mean_text, printable, size_text, text_width, value_text
from leptonctl.views.tables import paragraph, table
from leptonctl.views.words import VERDICTS, direction, step_label

FREED = "freed: its artifacts are gone"
MOST_LOSSES = 40
"""How many losses of a training are drawn."""
LEGEND = "↑ higher is better, ↓ lower is better"
PLACES_LEFT_OUT = "left out at this width: where each is written (-v shows it)"
ORIGINS = {"base": "base block", "version": "version", "vars": "vars", "default": "default", "recorded": "recorded", "search": "search"}


def render_version(
    version: Mapping[str, Any], *, color: bool, width: int, verbose: bool = False, now: str | float | None = None, trials: bool = False
) -> str:
    """The screen in blocks, without a trailing newline. `verbose`: also the defaults of preprocess steps, and whole digests.

    `trials`: each trial of its search.
    """
    style = Style(color)
    blocks = [
        _head(version, style, width, now),
        _metrics(version, style, width),
        _curves(version, style, width, verbose=verbose),
        _data(version, style, width),
        render_search(version.get("search"), style, width, trials=trials),
        _parameters(version["parameters"], style, width, verbose=verbose),
        _build_steps(version, style, width, now=now, verbose=verbose),
        _warnings(version, style, width),
    ]
    return "\n\n".join(block for block in blocks if block)


def limit_text(limit: Mapping[str, Any], style: Style) -> str:
    """`✓ prod ≥ 0.85`, `prod drop ≤ 0.01`: a limit of an environment, with its verdict if the figure alone decides."""
    rule = find_rule(limit["metric"], limit["rule"])
    label = rule.label("").strip() if rule else limit["rule"]
    sign = rule.sign if rule else ""
    text = " ".join(part for part in (printable(limit["environment"]), label, sign, figure(limit["limit"])) if part)
    paint = {True: style.green, False: style.red}.get(limit["passed"])
    return paint(f"{VERDICTS[limit['passed']]} {text}") if paint else text


def _head(version: Mapping[str, Any], style: Style, width: int, now: str | float | None) -> str:
    title = style.bold(printable(version["address"]))
    if version["asked"] != version["address"]:
        title = f"{style.bold(printable(version['asked']))}  {printable(version['address'])}"
    lines = [title]
    if version["description"]:
        lines.append(paragraph(printable(version["description"]), width))
    algorithm = printable(str(version["algorithm"] or version["origin"]))
    what = f"{algorithm} for {printable(str(version['task']))}, digest {short(version['digest'])}"
    if not version["declared"]:
        what += ", no longer declared like this"
    lines.append(what)
    if decision := decision_text(version.get("decision")):
        lines.append(paragraph(decision, width))
    for binding in version["bound"]:
        since = f" since {when(binding['since'], now)}" if binding["since"] else ""
        lines.append(f"bound in {printable(binding['environment'])}{since}, deployment {binding['deployment']}")
    if version["asked"] != version["address"] and all(b.get("address") != version["asked"] for b in version["bound"]):
        lines.append(style.yellow(f"not bound in {printable(version['asked'].partition('/')[2])}: this is what the YAML declares"))
    if not version["bound"]:
        lines.append(style.dim("bound nowhere"))
    return "\n".join(lines)


def _freed_text(version: Mapping[str, Any]) -> str:
    """That it was built and freed, and how to build it again."""
    place = parse(printable(version["address"]))
    if version["declared"]:
        remedy = f"`leptonctl build {place.name}@{place.version}` builds it again."
    else:
        remedy = f"`leptonctl leaderboard {place.name} --yaml {short(version['digest'])}` gives its YAML, to be declared and built again."
    return f"It was built, and its artifacts were freed (`gc`) or purged: {remedy}"


def _metrics(version: Mapping[str, Any], style: Style, width: int) -> str:
    if not version["metrics"]:
        if any(step.get("freed") for step in version["steps"]):
            return paragraph(_freed_text(version), width)
        return f"Not evaluated yet: `leptonctl build {printable(version['address'].partition('/')[2])}`."
    folds = {row["name"]: row for row in (version["cross_validation"] or {"metrics": []})["metrics"]}
    rows = [
        (
            printable(m["name"]),
            direction(m["better"]),
            "-" if m["value"] is None else figure(m["value"]),
            _fold(folds.get(m["name"])),
            "  ".join(limit_text(limit, style) for limit in version["limits"] if limit["metric"] == m["name"]),
        )
        for m in version["metrics"]
    ]
    names = {m["name"] for m in version["metrics"]}
    rows += [(printable(n), direction(row["better"]), "", _fold(row), "") for n, row in folds.items() if n not in names]
    count = f"{version['cross_validation']['folds']} folds" if folds else ""
    title = "Metrics" + (f" on {version['data']['evaluated']} test rows" if version["data"]["evaluated"] else "")
    if version["positive"] is not None:
        average = version["average"] or "binary"
        title += f", {average}" + (f", positive class {value_text(version['positive'])}" if average == "binary" else "")
    body = table(rows, head=("metric", "", "value", count, "gates"), right=(2,), indent=2, color=style.color, width=width, wrap=(4,))
    warning = f"\n{style.yellow(f'  imported: {UNRECORDED}')}" if version["origin"] == "imported" else ""
    return f"{style.bold(title)}{warning}\n{body}\n{style.dim('  ' + LEGEND)}" + _other_gates(version, names, style)


def _other_gates(version: Mapping[str, Any], names: set[str], style: Style) -> str:
    """The gates on metrics that a version does not have by itself, such as flips."""
    others = [limit for limit in version["limits"] if limit["metric"] not in names]
    return "".join(f"\n  also gated: {printable(limit['metric'])} {limit_text(limit, style)}" for limit in others)


def _fold(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return ""
    return mean_text(row["mean"], row["std"])


def _curves(version: Mapping[str, Any], style: Style, width: int, *, verbose: bool) -> str:
    evaluation, training = version["evaluation"], version["training"] or {}
    blocks: list[str] = []
    losses = [loss for loss in training.get("loss") or () if loss is not None]
    if len(losses) > 1:
        text = f"{figure(losses[0])} {plots.sparkline(losses, MOST_LOSSES)} {figure(losses[-1])}"
        blocks.append(f"{style.bold('Loss of the training')}\n{paragraph(text, width, indent=2)}")
    matrix = evaluation.get("confusion_matrix")
    if matrix:
        drawing = plots.confusion(matrix["labels"], matrix["matrix"], width, color=style.color)
        blocks.append(f"{style.bold('Confusion matrix')}\n{drawing}")
    if evaluation.get("roc_curve"):
        blocks += _roc(evaluation["roc_curve"]["curves"], style, width, verbose=verbose)
    calibration = evaluation.get("calibration")
    if calibration:
        of = value_text(calibration["class"]) if calibration["class"] is not None else "the predicted label"
        title = style.bold("Calibration") + f" of {of}: its mean probability, and the share of rows where it is true"
        blocks.append(f"{paragraph(title, width)}\n{plots.reliability(calibration['bins'], width, style, color=style.color)}")
    residuals = evaluation.get("residuals")
    if residuals:
        text = f"true less predicted, by quantile: {plots.quantiles(residuals['quantiles'], residuals['values'])}"
        blocks.append(f"{style.bold('Residuals')}\n{paragraph(text, width, indent=2)}")
    return "\n\n".join(blocks)


def _roc(curves: Sequence[Mapping[str, Any]], style: Style, width: int, *, verbose: bool) -> Iterator[str]:
    """The curve of two classes; of more classes, the curve with the smallest area and all areas (`verbose`: all curves)."""
    areas = [plots.area(c["fpr"], c["tpr"]) for c in curves]
    ordered = sorted(zip(areas, range(len(curves)), strict=True))
    for size, index in ordered if verbose else ordered[:1]:
        curve = curves[index]
        title = f"{style.bold('ROC curve')} of {value_text(curve['class'])}: true against false positives, area {figure(size)}"
        yield "\n".join([paragraph(title, width), *plots.curve(curve["fpr"], curve["tpr"], width - 2, style)])
    if len(curves) > 1:
        names = ", ".join(f"{value_text(c['class'])} {figure(size)}" for c, size in zip(curves, areas, strict=True))
        yield paragraph(f"Areas by class: {names}", width)


def _data(version: Mapping[str, Any], style: Style, width: int) -> str:
    data = version["data"]
    rows = data["rows"] or {}
    facts = [("dataset", printable(str(data["dataset"]))), *([("target", printable(str(data["target"])))] if data["target"] else [])]
    if rows:
        facts.append(("rows", f"{rows.get('train')} to train on, {rows.get('test')} to test on"))
    if data["features"]:
        facts.append(("features", str(data["features"])))
    if data["classes"]:
        facts.append(("classes", ", ".join(value_text(c) for c in data["classes"])))
    facts.append(("bytes", printable(data["digest"] or "unknown")))
    return f"{style.bold('Data')}\n" + table([(style.dim(k), v) for k, v in facts], indent=2, width=width, wrap=(1,))


def _parameters(parameters: Sequence[Mapping[str, Any]], style: Style, width: int, *, verbose: bool) -> str:
    shown = [p for p in parameters if verbose or p["origin"] != "default" or not p["path"].startswith("preprocess.")]
    rows = [
        (
            printable(p["path"]),
            whole_value(p["value"], width, absent="null"),
            style.dim(ORIGINS[p["origin"]]) if p["origin"] == "default" else ORIGINS[p["origin"]],
            style.dim(place(p)) if p["file"] else "",
        )
        for p in shown
    ]
    hidden = len(parameters) - len(shown)
    more = [f"and {hidden} defaults of preprocess steps (-v shows them)"] if hidden else []
    head = ("parameter", "value", "from", *(["written at"] if any(row[3] for row in rows) else []))
    text = table(rows, head=head, indent=2, color=style.color, width=width, wrap=(1,))
    if max(map(text_width, text.splitlines())) > width:
        # -v and a wider terminal show the places
        text = table([row[:3] for row in rows], head=head[:3], indent=2, color=style.color, width=width, wrap=(1,))
        more.append(PLACES_LEFT_OUT)
    return "\n".join([style.bold("Parameters"), text, *(f"  {style.dim(line)}" for line in more)])


def _build_steps(version: Mapping[str, Any], style: Style, width: int, *, now: str | float | None, verbose: bool) -> str:
    rows = []
    now = now if width >= ROOMY else None
    for step in version["steps"]:
        done = (
            f"{when(step['at'], now)} in {duration(step['seconds'])} by {who(step)}"
            if step["cached"]
            else style.yellow(FREED if step.get("freed") else "no result yet")
        )
        rows.append((step_label(step), done))
    text = f"{style.bold('Built')}\n{table(rows, indent=2)}"
    if not version["package"]:
        return text
    size = f", {size_text(version['size'])}" if version["size"] else ""
    graph = version["artifacts"].get("model.onnx")
    name = printable if verbose else short
    return f"{text}\n  package {name(version['package'])}, model.onnx {name(graph or 'none')}{size}{_parity(version['parity'])}"


def _parity(parity: Mapping[str, Any] | None) -> str:
    if not parity:
        return ""
    return f"\n  equal to the native model on {parity['rows']} rows and {parity['hard_rows']} hard ones" + (
        f" ({parity['ties']} ties)" if parity.get("ties") else ""
    )


def _warnings(version: Mapping[str, Any], style: Style, width: int) -> str:
    notes = [("evaluate", note) for note in version["evaluation"].get("notes") or []]
    labels = {step["name"]: step_label(step) for step in version["steps"]}
    rows = [(labels.get(w["step"], w["step"].replace("_", "-")), w["text"]) for w in version["warnings"]] + notes
    if not rows:
        return ""
    return f"{style.bold('Notes')}\n" + table([(s, printable(str(t))) for s, t in rows], indent=2, width=width, wrap=(1,))
