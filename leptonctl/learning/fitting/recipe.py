"""The providers that train inputs name, and the parameters they get. Fits nothing."""

from collections.abc import Mapping

from leptonctl.core.numbers import coerce
from leptonctl.core.values import Json
from leptonctl.learning.catalog import providers
from leptonctl.learning.fitting.checks import check_library
from leptonctl.learning.inputs import PreprocessStep, TrainInputs
from leptonctl.spi.learning import Preprocessor, ProviderError, Schema, Trainer


def providers_of(inputs: TrainInputs) -> tuple[Trainer, list[tuple[PreprocessStep, Preprocessor]]]:
    """The trainer that the train inputs name, and each of their steps with its provider. Raises ProviderError: unknown-provider,
    missing-library.
    """
    catalog, key = providers(), (inputs.task, inputs.algorithm)
    unknown = [] if key in catalog.trainers else [inputs.algorithm]
    unknown += [step.use for step in inputs.preprocess if step.use not in catalog.preprocessors]
    if unknown:
        raise ProviderError(
            "An algorithm or preprocess step is not installed here",
            detail=f"{unknown[0]} is not among the installed providers.",
            hint="install the package that provides it",
            id="unknown-provider",
        )
    check_library(catalog.trainers[key])
    return catalog.trainers[key], [(step, catalog.preprocessors[step.use]) for step in inputs.preprocess]


def with_defaults(schemas: Mapping[str, Schema], params: Mapping[str, Json]) -> dict[str, Json]:
    """These parameters, and the declared defaults of all others, as a plan fills them in: both ways give the same model."""
    return {name: coerce(schema["default"], schema) for name, schema in schemas.items()} | dict(params)
