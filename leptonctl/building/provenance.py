"""Where and with which libraries a result was built: recorded and shown, never part of a key."""

import os
import platform
import socket
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from leptonctl.core.values import Json
from leptonctl.spi.running import LIBRARIES
from leptonctl.storage.owner import user_name


def provenance(commit: str | None = None) -> dict[str, Json]:
    """The provenance of a result built by this process now. Cheap after the first call; imports none of the libraries."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "by": user_name(),
        "host": socket.gethostname(),
        "commit": commit,
        "versions": dict(_versions()),
        "cpu": dict(_cpu()),
        "threads": int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1),
    }


@cache
def _versions() -> tuple[tuple[str, Json], ...]:
    versions: list[tuple[str, Json]] = [("python", platform.python_version())]
    for name in LIBRARIES:
        try:
            versions.append((name, version(name)))
        except PackageNotFoundError:
            continue
    return tuple(versions)


@cache
def _cpu() -> tuple[tuple[str, Json], ...]:
    """The processor. Vendor, family and model number decide which kernels run, and so whether bytes are comparable."""
    fields: dict[str, str] = {}
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if not line.strip():
                break  # the first processor is enough
            name, _, value = line.partition(":")
            fields[name.strip()] = value.strip()
    except OSError:
        pass
    return (
        ("machine", platform.machine()),
        ("vendor", fields.get("vendor_id") or fields.get("CPU implementer", "")),
        ("family", fields.get("cpu family") or fields.get("CPU architecture", "")),
        ("model", fields.get("model") or fields.get("CPU part", "")),
        ("name", fields.get("model name", "")),
    )
