"""A fully connected network of PyTorch: its fit, its answers, its graph and its file. Knows no parameters of a trainer.

A classifier has one output neuron for each class, two for two classes, and answers their softmax. A regression learns the target in
standard deviations from its mean, which the last layer undoes, so that the learning rate does not depend on the target's unit.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

from leptonctl.providers.trainers.held_out import held_out
from leptonctl.spi.learning import Library, Params, Progress

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
        parts = [_forward(part, layers, self.activation) for part in torch.split(rows, ROWS_AT_ONCE)]
        return torch.cat(parts)


def fit_network(
    network: TorchMLP, features: "np.ndarray", target: "np.ndarray", progress: Progress, weights: "np.ndarray | None" = None
) -> TorchMLP:
    """Fit the network, from the layers that it has. `target` are labels, or values where the parameters name a loss.

    Raises ValueError when the loss is no number.
    """
    import numpy as np

    if "loss" not in network.params:
        if network.classes_ is None:
            network.classes_ = np.unique(target)
        numbers = np.searchsorted(network.classes_, target).astype(np.int64)
        table = _Rows(features=features, target=numbers, outputs=len(network.classes_), weights=weights)
        network.layers = _learn(network, table, progress)
        return network
    mean = float(np.average(target, weights=weights))
    scale = float(np.sqrt(np.average((target - mean) ** 2, weights=weights))) or 1.0
    if network.layers is not None:
        network.layers = _rescaled(network.layers, 1 / scale, -mean / scale)
    table = _Rows(features=features, target=((target - mean) / scale).astype(np.float32), outputs=1, weights=weights)
    network.layers = _rescaled(_learn(network, table, progress), scale, mean)
    return network


def resume_network(
    parent: TorchMLP, params: Params, seed: int, features: "np.ndarray", target: "np.ndarray", progress: Progress
) -> TorchMLP:
    """More epochs from the parent's weights, with an optimizer of its own."""
    network = TorchMLP(params, seed)
    network.classes_, network.layers = parent.classes_, [(weights.copy(), bias.copy()) for weights, bias in parent.layers or []]
    return fit_network(network, features, target, progress)


def _rescaled(layers: "Layers", scale: float, shift: float) -> "Layers":
    """The layers of a network that answers `scale` times what these answer, and `shift` more."""
    import numpy as np

    *hidden, (weights, bias) = layers
    wide = (weights.astype(np.float64) * scale).astype(np.float32), (bias.astype(np.float64) * scale + shift).astype(np.float32)
    return [*hidden, wide]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """Features [N,k], target [N] as class numbers or scaled values, the number of output neurons, and the rows' weights [N] or None."""

    features: "np.ndarray"
    target: "np.ndarray"
    outputs: int
    weights: "np.ndarray | None" = None


def _learn(network: TorchMLP, table: _Rows, progress: Progress) -> "Layers":
    """The layers after the last epoch, or after the best one where it stops early."""
    import numpy as np

    epochs, patience = network.params["epochs"], network.params["early_stopping"]
    with single_thread(network.seed):
        fit = _Fit(network, table)
        best, kept, waited = float("inf"), fit.layers, 0
        for epoch in range(1, epochs + 1):
            loss = fit.epoch()
            if not np.isfinite(loss):
                msg = "the loss is no number: scale the features (standard_scaler) or lower learning_rate"
                raise ValueError(msg)
            progress(iteration=epoch, of=epochs, loss=loss)
            if patience is None:
                continue
            if loss < best:
                best, kept, waited = loss, _copy(fit.layers), 0
            elif (waited := waited + 1) >= patience:
                break
    return [(weights.detach().numpy(), bias.detach().numpy()) for weights, bias in kept]


class _Fit:
    """A fit in progress: the layers, their optimizer, the rows to learn from and those that early stopping is judged on."""

    def __init__(self, network: TorchMLP, table: _Rows) -> None:
        import numpy as np
        import torch

        self.params, self.activation = network.params, network.activation
        self.rows = torch.from_numpy(np.ascontiguousarray(table.features, dtype=np.float32))
        self.target = torch.from_numpy(table.target)
        self.weights = None if table.weights is None else torch.from_numpy((table.weights / table.weights.mean()).astype(np.float32))
        self.places = np.arange(len(table.target))
        self.judge: np.ndarray | None = None
        if self.params["early_stopping"] is not None:
            share = self.params["validation_fraction"]
            self.places, self.judge = held_out(table.target, share, network.seed, by_class=table.outputs > 1)
        self.draw = np.random.RandomState(network.seed)
        self.layers = _start(table, self.params["layers"]) if network.layers is None else _tensors(network.layers)
        self.optimizer = _optimizer([value.requires_grad_() for layer in self.layers for value in layer], self.params)
        self.loss_of = _loss(self.params.get("loss"))

    def epoch(self) -> float:
        """Pass over the rows once. The mean loss of its steps, or that of the held-out rows."""
        import numpy as np
        import torch

        total, steps = 0.0, max(1, -(-len(self.places) // self.params["batch_size"]))
        for batch in np.array_split(self.draw.permutation(self.places), steps):
            self.optimizer.zero_grad()
            loss = self._loss(batch, self.params["dropout"])
            loss.backward()
            self.optimizer.step()
            total += float(loss.detach()) * len(batch)
        if self.judge is None:
            return total / len(self.places)
        with torch.no_grad():
            return float(self._loss(self.judge, 0.0))

    def _loss(self, rows: "np.ndarray", dropout: float) -> Tensor:
        losses = self.loss_of(_forward(self.rows[rows], self.layers, self.activation, dropout), self.target[rows])
        return losses.mean() if self.weights is None else (losses * self.weights[rows]).mean()


def _start(table: _Rows, hidden: Sequence[int]) -> "list[tuple[Tensor, Tensor]]":
    """Layers before the first epoch, drawn as PyTorch's Linear draws them."""
    import torch

    sizes = [table.features.shape[1], *hidden, table.outputs]
    linear = [torch.nn.Linear(inputs, outputs) for inputs, outputs in pairwise(sizes)]
    return [(one.weight.detach().T.contiguous(), one.bias.detach().clone()) for one in linear]


def _tensors(layers: "Layers") -> "list[tuple[Tensor, Tensor]]":
    import torch

    return [(torch.from_numpy(weights.copy()), torch.from_numpy(bias.copy())) for weights, bias in layers]


def _copy(layers: "Sequence[tuple[Tensor, Tensor]]") -> "list[tuple[Tensor, Tensor]]":
    return [(weights.detach().clone(), bias.detach().clone()) for weights, bias in layers]


def _forward(rows: Tensor, layers: "Sequence[tuple[Tensor, Tensor]]", activation: str, dropout: float = 0.0) -> Tensor:
    import torch

    function = {"relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}.get(activation) or getattr(
        torch.nn.functional, activation
    )
    for weights, bias in layers[:-1]:
        rows = torch.nn.functional.dropout(function(torch.addmm(bias, rows, weights)), dropout, training=dropout > 0)
    weights, bias = layers[-1]
    return torch.addmm(bias, rows, weights)


def _loss(name: str | None) -> Callable[[Tensor, Tensor], Tensor]:
    """The loss [N] of scores [N, outputs]; name None: of class numbers."""
    from torch.nn import functional

    if name is None:
        return lambda scores, target: functional.cross_entropy(scores, target, reduction="none")
    losses: dict[str, Any] = {"squared_error": functional.mse_loss, "absolute_error": functional.l1_loss, "huber": functional.huber_loss}
    return lambda scores, target: losses[name](scores[:, 0], target, reduction="none")


def _optimizer(values: Sequence[Tensor], params: Params) -> Any:
    import torch

    common = {"lr": params["learning_rate"], "weight_decay": params["weight_decay"]}
    if params["optimizer"] == "sgd":
        return torch.optim.SGD(values, momentum=params["momentum"], **common)
    return {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[params["optimizer"]](values, **common)


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
