"""One thread for every numeric library, and projects whose servers end with the test."""

import os
import signal

# a run in the background ignores Ctrl-C, and would hand that on to all it starts
signal.signal(signal.SIGINT, signal.default_int_handler)

# before numpy loads anywhere: small fits take many times as long with more threads than cores
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

from collections.abc import Callable, Iterator  # noqa: E402
from pathlib import Path  # noqa: E402

import pytest  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402

from tests import projects  # noqa: E402

# a machine that is busy with other things is no fault of what is tested
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

# the long forms of `LEPTONCTL_SOAK=1` run for an hour and more in one test
if os.environ.get("LEPTONCTL_SOAK"):
    os.environ.setdefault("PYTEST_TIMEOUT", "7200")


@pytest.fixture
def example(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """`example(name)`: a copy of an example with free ports; its servers stop at the end."""
    made: list[Path] = []

    def copy(name: str, ports: tuple[int, ...] = ()) -> Path:
        made.append(projects.copy_example(name, tmp_path, ports))
        return made[-1]

    yield copy
    for root in made:
        projects.stop_servers(root)


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """`tiny(models=…, environments=…)`: a project of small models; its servers stop at the end."""
    made: list[Path] = []

    def make(*arguments, **more) -> Path:
        made.append(projects.tiny_project(tmp_path, *arguments, **more))
        return made[-1]

    yield make
    for root in made:
        projects.stop_servers(root)
