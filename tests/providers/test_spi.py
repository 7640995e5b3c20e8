"""The package that third parties import from: every name is there, and a name loads no more than it needs."""

import subprocess
import sys

import leptonctl.spi
from leptonctl.spi.running import Task

HEAVY = {"numpy", "sklearn", "skl2onnx", "onnx", "onnxruntime", "polars", "scipy", "jsonschema"}


def modules_after(code):
    """The modules in a fresh process after it has run some code."""
    process = subprocess.run([sys.executable, "-c", f"{code}; import sys; print(*sys.modules)"], check=True, capture_output=True, text=True)
    return set(process.stdout.split())


def test_every_name_is_there():
    assert leptonctl.spi.__all__ == sorted(leptonctl.spi.__all__)
    assert dir(leptonctl.spi) == leptonctl.spi.__all__
    for name in leptonctl.spi.__all__:
        assert getattr(leptonctl.spi, name) is not None
    assert leptonctl.spi.Task is Task
    assert not hasattr(leptonctl.spi, "Nothing")


def test_a_name_loads_no_more_than_it_needs():
    assert not modules_after("import leptonctl.spi") & {"leptonctl.spi.learning", "msgspec", *HEAVY}
    assert not modules_after("from leptonctl.spi import Trainer, ProviderError") & {"leptonctl.spi.platforms", *HEAVY}
    assert not modules_after("from leptonctl.spi import *") & HEAVY
