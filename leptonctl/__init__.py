"""Declarative config-as-code for the life of a machine-learning model."""

from leptonctl.release import __version__

__all__ = ["__version__"]
