"""Everything that third parties import: the types of providers, the seams of back ends, and the records that both receive.

`from leptonctl.spi import Trainer` loads only what that name needs, so that a plan does not pay for what it does not use.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leptonctl.core.contract import Checks, Column, Contract
    from leptonctl.core.deployment import Deployment, Epoch, Head, Route, ServedModel, ServerRecord
    from leptonctl.core.frozen import replace
    from leptonctl.core.manifest import Manifest, ManifestColumn
    from leptonctl.core.result import Result
    from leptonctl.core.values import Json
    from leptonctl.spi.learning import (
        Checkpoint,
        Conversion,
        Estimator,
        Label,
        Layout,
        LearningTask,
        Library,
        Metric,
        NativeForm,
        Options,
        Params,
        Prediction,
        Preprocessor,
        Progress,
        ProviderError,
        Schema,
        Scoring,
        Source,
        SourceOptions,
        Trainer,
        Training,
    )
    from leptonctl.spi.platforms import Observation, Platform, Problem, Say, Site
    from leptonctl.spi.running import (
        Artifacts,
        Bench,
        Completed,
        Executor,
        ExecutorBackend,
        Failed,
        Lost,
        Needs,
        Outcome,
        Produced,
        Progressed,
        StepError,
        StepFunction,
        Task,
        Workplace,
    )
    from leptonctl.spi.storage import Lease, ObjectEntry, Objects, Stamp, StateBackend, StateCorrupt, StateStore, StorageError, StoreBackend

__all__ = [
    "Artifacts",
    "Bench",
    "Checkpoint",
    "Checks",
    "Column",
    "Completed",
    "Contract",
    "Conversion",
    "Deployment",
    "Epoch",
    "Estimator",
    "Executor",
    "ExecutorBackend",
    "Failed",
    "Head",
    "Json",
    "Label",
    "Layout",
    "LearningTask",
    "Lease",
    "Library",
    "Lost",
    "Manifest",
    "ManifestColumn",
    "Metric",
    "NativeForm",
    "Needs",
    "ObjectEntry",
    "Objects",
    "Observation",
    "Options",
    "Outcome",
    "Params",
    "Platform",
    "Prediction",
    "Preprocessor",
    "Problem",
    "Produced",
    "Progress",
    "Progressed",
    "ProviderError",
    "Result",
    "Route",
    "Say",
    "Schema",
    "Scoring",
    "ServedModel",
    "ServerRecord",
    "Site",
    "Source",
    "SourceOptions",
    "Stamp",
    "StateBackend",
    "StateCorrupt",
    "StateStore",
    "StepError",
    "StepFunction",
    "StorageError",
    "StoreBackend",
    "Task",
    "Trainer",
    "Training",
    "Workplace",
    "replace",
]
# the modules to search for a name, those that load the least first
MODULES = (
    "core.frozen",
    "spi.learning",
    "spi.running",
    "spi.storage",
    "spi.platforms",
    "core.contract",
    "core.manifest",
    "core.deployment",
)


def __getattr__(name: str) -> object:
    if name not in __all__:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    modules = (import_module(f"leptonctl.{module}") for module in MODULES)
    globals()[name] = value = next(getattr(module, name) for module in modules if hasattr(module, name))
    return value


def __dir__() -> list[str]:
    return __all__
