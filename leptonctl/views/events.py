"""The progress of an apply for people: lines, and a live part on a terminal. Passes text to a `write` function, opens nothing."""

from collections.abc import Callable, Iterator, Mapping
from threading import Lock
from typing import Any, assert_never, cast

from leptonctl.core.event import ApplyFinished, ApplyStarted, Event, StepFailed, StepFinished, StepProgress, StepSkipped, StepStarted
from leptonctl.core.frozen import Frozen, replace
from leptonctl.views.fit import fit
from leptonctl.views.plan_json import judgement_to_json
from leptonctl.views.plan_text import gates_table
from leptonctl.views.records import UNLIMITED, place
from leptonctl.views.style import Style, cut, duration, figure, mean_text, printable
from leptonctl.views.words import NAMED_BY_OP

MOST_METRICS = 4
QUIET_SECONDS = 5.0
"""The least time between two lines about one step in a plain log."""
PAST = {"apply": "Applied", "build": "Built", "rollback": "Rolled back", "promote": "Promoted", "destroy": "Destroyed"}


class Console:
    """Lines for people. On a terminal the running steps are shown below them, one line each, redrawn in place.

    `width` is that of the live part, `room` the columns that the lines may fill. `clock` returns seconds and is read only for the live
    part; any thread may call `refresh` to redraw it.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        *,
        color: bool,
        tty: bool,
        width: int = 100,
        room: int = UNLIMITED,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._write, self._style, self._tty, self._width, self._room, self._clock = write, Style(color), tty, width, room, clock
        self._running: dict[tuple[str, str], tuple[float, str]] = {}
        self._logged: dict[tuple[str, str], float] = {}
        self._drawn = 0
        self._printed = False
        self._command = ""
        self._holds = HoldCounts()
        self._lock = Lock()

    def __call__(self, event: Event) -> None:
        with self._lock:
            lines = self._lines(event)
            self._draw(lines)

    def refresh(self) -> None:
        """Redraw the live part, so that its seconds advance while no event arrives."""
        with self._lock:
            if self._running:
                self._draw([])

    def _draw(self, lines: list[str]) -> None:
        lines = [fit(line, self._room) for line in lines]
        self._printed = self._printed or bool(lines)
        if not self._tty:
            if lines:
                self._write("\n".join(lines) + "\n")
            return
        live = [self._live(key) for key in self._running]
        if lines or live or self._drawn:
            # move up over the old live part and clear the rest of the screen, in one write to avoid flicker
            up = f"\x1b[{self._drawn}A\r\x1b[J" if self._drawn else ""
            self._write(up + "".join(line + "\n" for line in [*lines, *live]))
        self._drawn = len(live)

    def _live(self, key: tuple[str, str]) -> str:
        start, progress = self._running[key]
        seconds = f"  {duration(max(1, int(self._clock() - start)))}" if self._clock else ""
        text = cut(f"{_name(*key)}{seconds}" + (f"  {progress}" if progress else ""), self._width - 3)
        return f"{self._style.cyan('·')} {text}"

    def _lines(self, event: Event) -> list[str]:
        if isinstance(event, ApplyStarted):
            self._command = event.command
            return []
        if isinstance(event, ApplyFinished):
            self._running.clear()
            gates = list(_gate_blocks(event, self._style))
            if not did_anything(event):
                return gates
            # after the plan there is an empty line already
            gap = [""] if gates or self._printed else []
            return [*gates, *gap, closing_line(event, self._command, self._style, holds=self._holds)]
        key = (_label(event), event.address)
        if isinstance(event, StepStarted):
            self._running[key] = (self._clock() if self._clock else 0.0, "")
            return []
        if isinstance(event, StepProgress):
            return self._progress(event, key)
        self._running.pop(key, None)
        self._holds = _with_event(self._holds, event)
        return _end_lines(event, self._style)

    def _progress(self, event: StepProgress, key: tuple[str, str]) -> list[str]:
        progress = _progress_text(event)
        # a step that has not started waits for another process, which is reported at once
        waits = key not in self._running
        start, _ = self._running.get(key, (self._clock() if self._clock else 0.0, ""))
        self._running[key] = (start, progress)
        if event.notice:
            return [f"· {_name(*key)}  {progress}"]
        if waits and not self._tty:
            return [f"· {_name(*key)}  {progress}"] if progress else []
        if self._tty or event.seconds - self._logged.get(key, 0.0) < QUIET_SECONDS:
            return []
        self._logged[key] = event.seconds
        return [f"· {_name(*key)}  {duration(event.seconds)}" + (f"  {progress}" if progress else "")]


def _progress_text(event: StepProgress) -> str:
    parts = []
    if event.iteration is not None:
        parts.append(f"iteration {event.iteration}" + (f" of {event.of}" if event.of is not None else ""))
    if event.loss is not None:
        parts.append(f"loss {figure(event.loss)}")
    if event.message:
        parts.append(printable(event.message))
    return ", ".join(parts)


def _end_lines(event: StepFinished | StepFailed | StepSkipped, style: Style) -> list[str]:
    name = _name("unbind" if _unbinds(event) else _label(event), event.address)
    if isinstance(event, StepFinished):
        return _finish_lines(event, name, style)
    if isinstance(event, StepSkipped):
        if event.diagnostic is not None:
            hint = [f"    hint: {printable(event.diagnostic.hint)}"] if event.diagnostic.hint else []
            return [f"{style.yellow('!')} {name}  {style.yellow('still held')}: {printable(event.because)}", *hint]
        return [f"{style.dim('-')} {name}  {style.dim('skipped: ' + printable(event.because) + ' failed')}"]
    if isinstance(event, StepFailed):
        return _failure_lines(event, name, style)
    assert_never(event)


def _finish_lines(event: StepFinished, name: str, style: Style) -> list[str]:
    parts = [duration(event.seconds)] if not event.adopted else ["adopted"]
    figures = _figures(event.metrics or {})
    if figures:
        parts.append(", ".join(figures[:MOST_METRICS]) + (", …" if len(figures) > MOST_METRICS else ""))
    if event.message:
        parts.append(printable(event.message))
    mark = style.yellow("!") if _is_failed_trial(event) else style.green("✓")
    lines = [f"{mark} {name}  {style.dim('  '.join(parts))}"]
    evidence = gates_table(map(judgement_to_json, event.judgements), style, indent=4)
    lines += [f"    {style.yellow(n.severity)}[{n.id}]: {printable(n.summary)}. {printable(n.detail)}" for n in event.notices]
    return [*lines, evidence] if evidence else lines


def _is_failed_trial(event: StepFinished) -> bool:
    """Whether it is a trial of a search without a score."""
    return event.op == "trial" and event.message.partition(",")[0].partition(":")[0].endswith(" failed")


def _figures(metrics: Mapping[str, object]) -> list[str]:
    """`accuracy 0.93`, and `accuracy 0.94 ± 0.01` of folds."""
    numbers = {name: value for name, value in metrics.items() if isinstance(value, int | float)}
    figures = []
    for name, value in numbers.items():
        base = name.removeprefix("cv_").removesuffix("_mean")
        deviation = numbers.get(f"cv_{base}_std")
        if name == f"cv_{base}_mean" and deviation is not None:
            figures.append(f"{printable(base)} {mean_text(value, deviation)}")
        elif not (name.startswith("cv_") and name.endswith("_std")):
            figures.append(f"{printable(name)} {figure(value)}")
    return figures


def _failure_lines(event: StepFailed, name: str, style: Style) -> list[str]:
    d = event.diagnostic.to_json()
    lines = [f"{style.red('✗')} {name}  {style.red(_outcome(event))}" + ("" if event.gate else f"  {style.dim(duration(event.seconds))}")]
    evidence = gates_table(map(judgement_to_json, event.judgements), style, indent=4)
    if evidence:
        lines.append(evidence)
    lines.append(f"    {style.red('error')}[{d['id']}]: {printable(str(d['summary']))}")
    lines += [f"    {printable(part)}" for part in str(d["detail"]).splitlines()]
    if d["file"]:
        lines.append(f"    {style.dim('--> ' + place(d))}")
    if d["hint"]:
        lines.append(f"    hint: {printable(str(d['hint']))}")
    return lines


class HoldCounts(Frozen):
    """How many bindings were reported as held: newly, by their gates or otherwise, and still. `unbound`: how many were removed."""

    by_gates: int = 0
    otherwise: int = 0
    still: int = 0
    unbound: int = 0


def _unbinds(event: Event) -> bool:
    """Whether the step removed a binding."""
    return isinstance(event, StepFinished) and event.op == "bind" and event.message.partition(";")[0].endswith("→ unbound")


def _with_event(holds: HoldCounts, event: Event) -> HoldCounts:
    if _unbinds(event):
        return replace(holds, unbound=holds.unbound + 1)
    if isinstance(event, StepSkipped) and event.diagnostic is not None:
        return replace(holds, still=holds.still + 1)
    if not isinstance(event, StepFailed) or not event.gate:
        return holds
    by_gates = event.diagnostic.id == "gate-failed"
    return replace(holds, by_gates=holds.by_gates + by_gates, otherwise=holds.otherwise + (not by_gates))


def _outcome(event: StepFailed) -> str:
    if not event.gate:
        return "failed"
    return "held by its gates" if event.diagnostic.id == "gate-failed" else "held"


def did_anything(event: ApplyFinished) -> bool:
    """Whether any step was done, failed, held or skipped, or anything was healed or changed."""
    return not event.ok or any((*event.done.values(), event.failed, event.skipped, event.held, event.healed, event.changed))


OUTCOMES = {True: "an apply moves it: its gates pass", False: "an apply holds it: a gate fails", None: "decided during the apply"}


def _gate_blocks(event: ApplyFinished, style: Style) -> Iterator[str]:
    """Of a build: each binding that an apply would move, with its gates as decided by what is built now."""
    for binding in event.gates:
        passed = cast("bool | None", binding["passed"])
        versions = printable(f"{binding['before_version'] or 'unbound'} → {binding['after_version']}")
        outcome = (style.red if passed is False else style.dim)(OUTCOMES[passed])
        yield f"\n{style.bold(printable(str(binding['address'])))}  {style.cyan(versions)}  {outcome}"
        yield gates_table(cast("list[dict[str, Any]]", binding["gates"]), style, indent=4)


def closing_line(
    event: ApplyFinished, command: str, style: Style, *, holds: HoldCounts | None = None, forgotten: int = 0, destroyed: int = 0
) -> str:
    """`Applied in 3.4 s: 1 trained, 1 exported, 1 evaluated, 1 bound. Serial 12.` A binding that is held is not a failure.

    `holds`: the bindings that its steps reported as held. forgotten, destroyed: addresses and environments that needed no step.
    """
    holds = holds or HoldCounts()
    counts = {word.replace("_", "-"): number for word, number in event.done.items()}
    counts |= {"bound": counts.get("bound", 0) - holds.unbound, "unbound": holds.unbound}
    counts |= {"failed": event.failed - holds.by_gates - holds.otherwise, "skipped": event.skipped}
    counts |= {"held by gates": holds.by_gates, "held": holds.otherwise, "still held": holds.still}
    parts = [f"{n} {word}" for word, n in counts.items() if n]
    parts += [f"{printable(name)} {word}" for word, names in (("healed", event.healed), ("changed", event.changed)) for name in names]
    parts += [f"{n} {word}" for word, n in (("forgotten", forgotten), ("destroyed", destroyed)) if n]
    work = ", ".join(parts) or ("nothing to build" if event.ok else "nothing was done")
    paint = style.green if event.ok else style.red
    head = f"{PAST.get(command, 'Done')} in" if event.ok else "Incomplete after"
    serial = "" if command == "build" else f" Serial {event.serial}."
    return f"{style.bold(paint(head + ' ' + duration(event.seconds)))}: {work}.{serial}"


def _label(event: StepStarted | StepProgress | StepFinished | StepFailed | StepSkipped) -> str:
    """The name of a step; for one that replaces another, what it does."""
    return event.op if event.op in NAMED_BY_OP else event.name


def _name(step: str, address: str) -> str:
    return f"{step.replace('_', '-')} {printable(address)}"
