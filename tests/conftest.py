"""One thread for every numeric library, and projects whose servers end with the test."""

import os
import signal

# a background run ignores Ctrl-C, and its child processes would inherit that
signal.signal(signal.SIGINT, signal.default_int_handler)

# before numpy loads anywhere: small fits take many times as long with more threads than cores
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"
# a test that is itself part of a CI job records none
for variable in ("GITHUB_ACTIONS", "GITLAB_CI"):
    os.environ.pop(variable, None)

import shutil  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from pathlib import Path  # noqa: E402

import pytest  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402

from tests import projects  # noqa: E402
from tests.quick import SECONDS  # noqa: E402

# a slow test on a busy machine is not a failure
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

# the long forms of `LEPTONCTL_SOAK=1` run for an hour and more in one test
if os.environ.get("LEPTONCTL_SOAK"):
    os.environ.setdefault("PYTEST_TIMEOUT", "7200")

# a store syncs after every write: projects of tests lie in memory where there is room, unless it is said where
MEMORY, ROOM = Path("/dev/shm"), 4 << 30
if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))

measured: dict[str, float] = {}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long ones: at the end the other processes would wait for them."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Seconds by module, for `tests.quick`."""
    module = report.nodeid.partition("::")[0].removesuffix(".py").replace("/", ".")
    measured[module] = measured.get(module, 0.0) + report.duration


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Save the seconds if whole modules ran, in the process that collects the reports of all workers."""
    whole = not (
        session.config.option.keyword or session.config.option.markexpr or any("::" in argument for argument in session.config.args)
    )
    cache = getattr(session.config, "cache", None)
    if whole and cache is not None and not hasattr(session.config, "workerinput"):
        earlier = cache.get(SECONDS, {})
        cache.set(SECONDS, {**earlier, **{module: round(seconds, 1) for module, seconds in measured.items()}})


@pytest.fixture
def example(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """`example(name)`: a copy of an example with free ports; its servers stop at the end."""
    roots: list[Path] = []

    def copy(name: str, ports: tuple[int, ...] = ()) -> Path:
        roots.append(projects.copy_example(name, tmp_path, ports))
        return roots[-1]

    yield copy
    for root in roots:
        projects.stop_servers(root)


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """`tiny(models=…, environments=…)`: a project of small models; its servers stop at the end."""
    roots: list[Path] = []

    def make(*arguments, **more) -> Path:
        roots.append(projects.tiny_project(tmp_path, *arguments, **more))
        return roots[-1]

    yield make
    for root in roots:
        projects.stop_servers(root)
