"""Conformance suites: what every provider and back end must keep, as one call each. They raise AssertionError."""

from leptonctl.testing.backends import check_state, check_store
from leptonctl.testing.providers import check_metric, check_platform, check_preprocessor, check_source, check_trainer

__all__ = ["check_metric", "check_platform", "check_preprocessor", "check_source", "check_state", "check_store", "check_trainer"]
