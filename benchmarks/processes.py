"""Runs commands and measures what they cost. Shared by the benchmarks that compare whole processes.

CPU seconds and peak memory are the kernel's accounting of a finished process and the children that it waited for.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

LEPTONCTL = (sys.executable, "-m", "leptonctl")
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
# an installed package has its bytecode; so has a checkout after its first run, unless the environment forbids it
ENVIRONMENT = {**{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}, **THREADS}


class Cost(NamedTuple):
    """What a command took: CPU seconds, wall seconds, and its peak memory in MiB."""

    cpu: float
    wall: float
    memory: float


def run(command: Sequence[str], folder: Path, variables: Mapping[str, str] | None = None) -> tuple[Cost, str]:
    """The cost and the standard output of a finished command. Exits when the command fails. `variables` are added to its environment."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env={**ENVIRONMENT, **(variables or {})}, stdout=output, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        text = output.read().decode()
        if process.returncode != 0:
            raise SystemExit(f"{' '.join(command)} in {folder} failed:\n{text[-2000:]}{errors.read().decode()[-2000:]}")
    return Cost(cpu=usage.ru_utime + usage.ru_stime, wall=wall, memory=usage.ru_maxrss / 1024), text


def cost(command: Sequence[str], folder: Path) -> Cost:
    """The cost of a finished command."""
    return run(command, folder)[0]


def medians(costs: Sequence[Cost]) -> Cost:
    """The median of each figure."""
    return Cost(*(statistics.median(figures) for figures in zip(*costs, strict=True)))
