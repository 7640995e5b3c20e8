"""A fully connected network of PyTorch: its answers and its file. Knows no parameters of a trainer.

A classifier has one output neuron for each class, two for two classes, and answers their softmax.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from leptonctl.spi.learning import Library, Params

if TYPE_CHECKING:
    import numpy as np

TORCH = Library(module="torch", extra="torch", title="PyTorch")
MAGIC = b"leptonctl network 1\n"
ACTIVATIONS = ("relu", "tanh", "sigmoid", "leaky_relu", "elu", "silu", "gelu")
ROWS_AT_ONCE = 4096
Tensor = Any
Layers: TypeAlias = "list[tuple[np.ndarray, np.ndarray]]"


class TorchMLP:
    """A network. `layers` are its weights [inputs, outputs] and biases [outputs], float32, None before the fit.

    params: those of the trainer. classes_: the sorted labels, None for a regression.
    """

    def __init__(self, params: Params, seed: int) -> None:
        self.params, self.seed = dict(params), seed
        self.layers: list[tuple[np.ndarray, np.ndarray]] | None = None
        self.classes_: np.ndarray | None = None

    @property
    def activation(self) -> str:
        return str(self.params["activation"])

    def predict_proba(self, features: "np.ndarray") -> "np.ndarray":
        """Probabilities float32 [N,C]."""
        import torch

        with single_thread(self.seed), torch.inference_mode():
            shares: np.ndarray = torch.softmax(self._scores(features), dim=1).numpy()
        return shares

    def predict(self, features: "np.ndarray") -> "np.ndarray":
        """Labels [N], or values float32 [N]."""
        import numpy as np
        import torch

        if self.classes_ is not None:
            labels: np.ndarray = self.classes_[np.argmax(self.predict_proba(features), axis=1)]
            return labels
        with single_thread(self.seed), torch.inference_mode():
            values: np.ndarray = self._scores(features)[:, 0].numpy()
        return values

    def _scores(self, features: "np.ndarray") -> Tensor:
        """The output neurons [N, outputs]."""
        import numpy as np
        import torch

        if self.layers is None:
            msg = "is not fitted"
            raise ValueError(msg)
        layers = [(torch.from_numpy(weights), torch.from_numpy(bias)) for weights, bias in self.layers]
        rows = torch.from_numpy(np.ascontiguousarray(features, dtype=np.float32))
        parts = [forward(part, layers, self.activation) for part in torch.split(rows, ROWS_AT_ONCE)]
        return torch.cat(parts)


def forward(rows: Tensor, layers: "Sequence[tuple[Tensor, Tensor]]", activation: str, dropout: float = 0.0) -> Tensor:
    import torch

    function = {"relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}.get(activation) or getattr(
        torch.nn.functional, activation
    )
    for weights, bias in layers[:-1]:
        rows = torch.nn.functional.dropout(function(torch.addmm(bias, rows, weights)), dropout, training=dropout > 0)
    weights, bias = layers[-1]
    return torch.addmm(bias, rows, weights)


@contextmanager
def single_thread(seed: int) -> Iterator[None]:
    """PyTorch on one thread, with its random numbers from the seed and without operations whose sums depend on timing."""
    import torch

    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(mode=True)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(strict)


def dump(network: TorchMLP) -> bytes:
    """One line of JSON, then the numbers of all layers as little-endian float32."""
    import numpy as np

    layers = network.layers or []
    classes = None if network.classes_ is None else network.classes_.tolist()
    head = {"activation": network.activation, "classes": classes, "shapes": [list(weights.shape) for weights, _ in layers]}
    numbers = [np.ascontiguousarray(values, dtype="<f4").tobytes() for layer in layers for values in layer]
    return b"".join([MAGIC, json.dumps(head, sort_keys=True, ensure_ascii=False).encode(), b"\n", *numbers])


def load(data: bytes) -> TorchMLP:
    """The network in the bytes that `dump` writes. ValueError for others."""
    import numpy as np

    line, _, numbers = data.removeprefix(MAGIC).partition(b"\n")
    head = json.loads(line) if data.startswith(MAGIC) else None
    if not isinstance(head, dict) or head.keys() != {"activation", "classes", "shapes"} or head["activation"] not in ACTIVATIONS:
        msg = "is not a network that leptonctl wrote"
        raise ValueError(msg)
    network = TorchMLP(_fitted_params(head), 0)
    flat, start, network.layers = np.frombuffer(numbers, dtype="<f4").astype(np.float32), 0, []
    for inputs, outputs in head["shapes"]:
        middle, end = start + inputs * outputs, start + inputs * outputs + outputs
        network.layers.append((flat[start:middle].reshape(inputs, outputs), flat[middle:end].reshape(outputs)))
        start = end
    if start != len(flat):
        msg = f"has {len(flat)} numbers, but its layers have {start}"
        raise ValueError(msg)
    network.classes_ = None if head["classes"] is None else np.array(head["classes"])
    return network


def _fitted_params(head: Mapping[str, Any]) -> dict[str, Any]:
    """What answers need of the parameters."""
    return {"activation": head["activation"]} | ({} if head["classes"] is not None else {"loss": "squared_error"})
