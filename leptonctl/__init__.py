"""Declarative config-as-code for the life of a machine-learning model."""

import os

__version__ = "0.1.0"

# from 1.31 on, onnxruntime reports every session to its maker through a database in the home folder, which all its processes lock
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
