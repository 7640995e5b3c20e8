"""Reads typed secrets. A value leaves only as the return value: it is in no message, log or exception."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leptonctl.spi.learning import ProviderError

LARGEST = 64 * 1024


def _content(path: Path) -> bytes:
    """What a file holds, if it is a file of the size of a secret; else nothing. A pipe or a device is not opened."""
    if not path.is_file() or path.stat().st_size > LARGEST:
        return b""
    with path.open("rb") as file:
        data = file.read(LARGEST + 1)
    return data if len(data) <= LARGEST else b""


def read_secret(secret: Mapping[str, Any], root: Path) -> bytes:
    """The bytes of the secret `{"secret": {"env": NAME}}` or `{"secret": {"file": PATH}}`.

    The path of a file is relative to `root`; one line break at the end of the file is dropped.
    """
    source = secret.get("secret", {})
    if "env" in source:
        name = str(source["env"])
        value = os.environb.get(os.fsencode(name), b"")
        if not value:
            raise ProviderError(
                "A secret is missing",
                detail=f"The environment variable {name} is not set or is empty.",
                hint=f"export {name}=…",
                id="missing-secret",
            )
        return value
    name = str(source.get("file", ""))
    try:
        value = _content(root / name) if name else b""
    except (OSError, ValueError):
        value = b""
    value = value.removesuffix(b"\n").removesuffix(b"\r")
    if not value:
        raise ProviderError(
            "A secret is missing",
            detail=f'The secret file "{name}" does not exist, cannot be read, is empty, or is larger than 64 KiB.',
            hint="write the secret into that file, readable by you alone",
            id="missing-secret",
        )
    return value
