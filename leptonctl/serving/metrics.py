"""Counts of what was served, and their text in Prometheus's exposition format 0.0.4.

Written from one thread (the event loop), so it needs no lock; that and 60 lines are why there is no client library here.
"""

from __future__ import annotations

import os
import time
from bisect import bisect_left
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from leptonctl.serving.deployment import LoadedDeployment
    from leptonctl.serving.handle import Seen

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
PROC = Path("/proc")
PREFIX = "leptonctl_"
OK = 200


class Metrics:
    """The counters of one server process. They only grow, over deployments too."""

    def __init__(self, environment: str) -> None:
        self._environment = environment
        self._requests: defaultdict[tuple[str, str, int], int] = defaultdict(int)
        self._rows: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._violations: defaultdict[tuple[str, str, str, str], int] = defaultdict(int)
        self._durations: dict[tuple[str, str], list[int]] = {}
        self._seconds: defaultdict[tuple[str, str], float] = defaultdict(float)

    def record(self, seen: Seen, status: int, seconds: float) -> None:
        """Count one inference request. Only answered requests have a duration and rows."""
        key = (seen.model, seen.version)
        self._requests[*key, status] += 1
        for violation in seen.violations:
            self._violations[*key, violation.column, violation.check] += violation.count
        if status != OK:
            return
        self._rows[key] += seen.rows
        counts = self._durations.get(key)
        if counts is None:
            counts = self._durations[key] = [0] * (len(BUCKETS) + 1)
        counts[bisect_left(BUCKETS, seconds)] += 1
        self._seconds[key] += seconds

    def text(self, deployment: LoadedDeployment) -> bytes:
        """The exposition."""
        lines: list[str] = []
        for name, kind, about, samples in (*self._counts(), *self._in_force(deployment), *_process()):
            lines += [f"# HELP {name} {about}", f"# TYPE {name} {kind}", *samples]
        return ("\n".join(lines) + "\n").encode()

    def _counts(self) -> Iterator[tuple[str, str, str, Iterable[str]]]:
        """What was served since the start."""
        name = PREFIX + "inference_requests_total"
        yield (
            name,
            "counter",
            "Inference requests by HTTP status.",
            [_sample(name, count, self._model(model, version), code=str(code)) for (model, version, code), count in self._requests.items()],
        )
        name = PREFIX + "inference_duration_seconds"
        yield name, "histogram", "Time from the whole request to the whole answer.", self._histogram(name)
        name = PREFIX + "inference_rows_total"
        yield name, "counter", "Rows predicted.", [_sample(name, rows, self._model(*key)) for key, rows in self._rows.items()]
        name = PREFIX + "contract_violations_total"
        yield (
            name,
            "counter",
            "Cells outside the data contract.",
            [
                _sample(name, count, self._model(model, version), column=column, check=check)
                for (model, version, column, check), count in self._violations.items()
            ],
        )

    def _in_force(self, deployment: LoadedDeployment) -> Iterator[tuple[str, str, str, Iterable[str]]]:
        """What is served now."""
        served = [deployment.models[model] for model in sorted(deployment.models)]
        name = PREFIX + "model_info"
        yield (
            name,
            "gauge",
            "The models in force.",
            [_sample(name, 1, self._model(m.name, m.version), digest=m.digest, package=m.package, artifact=m.artifact) for m in served],
        )
        name = PREFIX + "model_loaded_timestamp_seconds"
        yield (
            name,
            "gauge",
            "When a model in force was loaded.",
            [_sample(name, m.model.loaded_at, self._model(m.name, m.version)) for m in served],
        )

    def _histogram(self, name: str) -> Iterator[str]:
        for key, counts in self._durations.items():
            labels, total = self._model(*key), 0
            for bound, count in zip((*map(str, BUCKETS), "+Inf"), counts, strict=True):
                total += count
                yield _sample(f"{name}_bucket", total, labels, le=bound)
            yield _sample(f"{name}_sum", self._seconds[key], labels)
            yield _sample(f"{name}_count", total, labels)

    def _model(self, model: str, version: str) -> dict[str, str]:
        return {"model_name": model, "model_version": version, "environment": self._environment}


def _sample(name: str, value: float, labels: dict[str, str], **more: str) -> str:
    pairs = ",".join(f'{label}="{_escape(text)}"' for label, text in {**labels, **more}.items())
    return f"{name}{{{pairs}}} {value}"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _process() -> Iterator[tuple[str, str, str, Iterable[str]]]:
    """The process's own figures that cost a few microseconds to read."""
    seconds = time.process_time()
    yield "process_cpu_seconds_total", "counter", "CPU time used.", [f"process_cpu_seconds_total {seconds:.2f}"]
    with suppress(OSError, ValueError, IndexError):  # what the system does not show is left out
        resident = int((PROC / "self/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        name = "process_resident_memory_bytes"
        yield name, "gauge", "Resident memory.", [f"{name} {resident}"]
        handles = sum(1 for _ in (PROC / "self/fd").iterdir())
        yield "process_open_fds", "gauge", "Open file descriptors.", [f"process_open_fds {handles}"]
        yield "process_start_time_seconds", "gauge", "Start of the process.", [f"process_start_time_seconds {_started():.2f}"]


def _started() -> float:
    ticks = int((PROC / "self/stat").read_bytes().rpartition(b")")[2].split()[19])
    booted = next(int(line.split()[1]) for line in (PROC / "stat").read_bytes().splitlines() if line.startswith(b"btime"))
    return booted + ticks / os.sysconf("SC_CLK_TCK")
