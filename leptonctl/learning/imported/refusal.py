"""The errors for files that cannot be imported. Loads no library, so that the trial of a graph starts fast."""

from leptonctl.spi.learning import ProviderError

SUMMARY = "The file cannot be imported"
PROBABILITIES = "export the model with its probabilities (scikit-learn: `CalibratedClassifierCV(MODEL, ensemble=False)`)"
"""What to do with a model that has none, such as SVC, LinearSVC or RidgeClassifier."""


def bad_graph(detail: str, hint: str) -> ProviderError:
    """For a graph that cannot be served."""
    return ProviderError(SUMMARY, detail=detail, hint=hint, id="bad-onnx")


def bad_inputs(detail: str, hint: str) -> ProviderError:
    """For a graph whose inputs cannot take the columns."""
    return ProviderError(SUMMARY, detail=detail, hint=hint, id="import-inputs")


def bad_outputs(detail: str, hint: str) -> ProviderError:
    """For a graph whose outputs are not clearly an answer."""
    return ProviderError(SUMMARY, detail=detail, hint=hint, id="import-outputs")


def bad_classes(detail: str, hint: str) -> ProviderError:
    """For a graph whose classes are not clearly those of the target."""
    return ProviderError(SUMMARY, detail=detail, hint=hint, id="import-classes")


def bad_model_file(title: str, detail: str, hint: str = "") -> ProviderError:
    """For the file of another library that is damaged, or whose model has no exact graph. title: that of the library."""
    way = hint or f"save the model again with {title}, or export it as ONNX"
    return ProviderError(SUMMARY, detail=f"{title}: {detail}.", hint=way, id="bad-model-file")
