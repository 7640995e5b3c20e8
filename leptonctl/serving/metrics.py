"""Counters of served requests, in Prometheus's text exposition format 0.0.4.

Only the event loop's thread updates them, so no lock is needed, and the format is too small to need a client library.
"""

from __future__ import annotations

import os
import time
from bisect import bisect_left
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from leptonctl.serving.deployment import LoadedDeployment
    from leptonctl.serving.respond import RequestStats

Family: TypeAlias = "tuple[str, str, str, Iterable[str]]"
"""Name, type, description and samples of one metric."""

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
PROC = Path("/proc")
PREFIX = "leptonctl_"
OK = 200


class Metrics:
    """The counters of one server process. They only grow, and keep growing across deployments."""

    def __init__(self, environment: str) -> None:
        self._environment = environment
        self._requests: defaultdict[tuple[str, str, int], int] = defaultdict(int)
        self._rows: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._violations: defaultdict[tuple[str, str, str, str], int] = defaultdict(int)
        self._durations: dict[tuple[str, str], list[int]] = {}
        self._seconds: defaultdict[tuple[str, str], float] = defaultdict(float)

    def record(self, stats: RequestStats, status: int, seconds: float) -> None:
        """Count one inference request. Duration and rows are counted only for status 200."""
        key = (stats.model, stats.version)
        self._requests[*key, status] += 1
        for violation in stats.violations:
            self._violations[*key, violation.column, violation.check] += violation.count
        if status != OK:
            return
        self._rows[key] += stats.rows
        counts = self._durations.get(key)
        if counts is None:
            counts = self._durations[key] = [0] * (len(BUCKETS) + 1)
        counts[bisect_left(BUCKETS, seconds)] += 1
        self._seconds[key] += seconds

    def text(self, deployment: LoadedDeployment) -> bytes:
        """All metrics in the exposition format."""
        lines: list[str] = []
        for name, kind, description, samples in (*self._counts(), *self._in_force(deployment), *_process()):
            lines += [f"# HELP {name} {description}", f"# TYPE {name} {kind}", *samples]
        return ("\n".join(lines) + "\n").encode()

    def _counts(self) -> Iterator[Family]:
        """Metrics of the requests since the start."""
        name = PREFIX + "inference_requests_total"
        yield (
            name,
            "counter",
            "Inference requests by HTTP status.",
            [_sample(name, count, self._model(model, version), code=str(code)) for (model, version, code), count in self._requests.items()],
        )
        name = PREFIX + "inference_duration_seconds"
        yield name, "histogram", "Time from the complete request to the complete response.", self._histogram(name)
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

    def _in_force(self, deployment: LoadedDeployment) -> Iterator[Family]:
        """Metrics of the deployment in force."""
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


def _sample(name: str, value: float, labels: dict[str, str], **extra_labels: str) -> str:
    pairs = ",".join(f'{label}="{_escape(text)}"' for label, text in {**labels, **extra_labels}.items())
    return f"{name}{{{pairs}}} {value}"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _process() -> Iterator[Family]:
    """Metrics of the process that are cheap to read."""
    seconds = time.process_time()
    yield "process_cpu_seconds_total", "counter", "CPU time used.", [f"process_cpu_seconds_total {seconds:.2f}"]
    with suppress(OSError, ValueError, IndexError):  # metrics that the system does not provide are left out
        resident = int((PROC / "self/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        name = "process_resident_memory_bytes"
        yield name, "gauge", "Resident memory.", [f"{name} {resident}"]
        descriptors = sum(1 for _ in (PROC / "self/fd").iterdir())
        yield "process_open_fds", "gauge", "Open file descriptors.", [f"process_open_fds {descriptors}"]
        yield "process_start_time_seconds", "gauge", "Start of the process.", [f"process_start_time_seconds {_start_time():.2f}"]


def _start_time() -> float:
    """When the process started, in seconds since 1970. Raises OSError, ValueError or IndexError when /proc does not hold it."""
    ticks = int((PROC / "self/stat").read_bytes().rpartition(b")")[2].split()[19])
    boot_time = next(int(line.split()[1]) for line in (PROC / "stat").read_bytes().splitlines() if line.startswith(b"btime"))
    return boot_time + ticks / os.sysconf("SC_CLK_TCK")
