"""The fit of a network of PyTorch, which can go on after a kill.

A regression learns the target in standard deviations from its mean, which the last layer undoes, so that the learning rate does not
depend on the target's unit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from leptonctl.providers.trainers import fit_state
from leptonctl.providers.trainers.held_out import held_out
from leptonctl.providers.trainers.torch_network import Layers, Tensor, TorchMLP, forward, single_thread
from leptonctl.spi.learning import Checkpoint, Params, Progress

if TYPE_CHECKING:
    import numpy as np


def fit_network(
    network: TorchMLP, features: "np.ndarray", target: "np.ndarray", progress: Progress, weights: "np.ndarray | None" = None
) -> TorchMLP:
    """Fit the network, from the layers that it has. `target` are labels, or values where the parameters name a loss.

    Raises ValueError when the loss is no number.
    """
    return fit_network_from(network, features, target, progress, None, weights)


def fit_network_from(
    network: TorchMLP,
    features: "np.ndarray",
    target: "np.ndarray",
    progress: Progress,
    checkpoint: Checkpoint | None,
    weights: "np.ndarray | None" = None,
) -> TorchMLP:
    """As `fit_network`, with a checkpoint."""
    import numpy as np

    if "loss" not in network.params:
        if network.classes_ is None:
            network.classes_ = np.unique(target)
        numbers = np.searchsorted(network.classes_, target).astype(np.int64)
        table = _Rows(features=features, target=numbers, outputs=len(network.classes_), weights=weights)
        network.layers = _learn(network, table, progress, checkpoint)
        return network
    mean = float(np.average(target, weights=weights))
    scale = float(np.sqrt(np.average((target - mean) ** 2, weights=weights))) or 1.0
    if network.layers is not None:
        network.layers = _rescaled(network.layers, 1 / scale, -mean / scale)
    table = _Rows(features=features, target=((target - mean) / scale).astype(np.float32), outputs=1, weights=weights)
    network.layers = _rescaled(_learn(network, table, progress, checkpoint), scale, mean)
    return network


def resume_network(
    parent: TorchMLP,
    params: Params,
    seed: int,
    features: "np.ndarray",
    target: "np.ndarray",
    progress: Progress,
    checkpoint: Checkpoint | None = None,
) -> TorchMLP:
    """More epochs from the parent's weights, with an optimizer of its own."""
    network = TorchMLP(params, seed)
    network.classes_, network.layers = parent.classes_, [(weights.copy(), bias.copy()) for weights, bias in parent.layers or []]
    return fit_network_from(network, features, target, progress, checkpoint)


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


def _learn(network: TorchMLP, table: _Rows, progress: Progress, checkpoint: Checkpoint | None) -> "Layers":
    """The layers after the last epoch, or after the best one where it stops early."""
    import numpy as np

    epochs, patience = network.params["epochs"], network.params["early_stopping"]
    with single_thread(network.seed):
        fit = _Fit(network, table)
        saved = None if checkpoint is None else checkpoint.load()
        if saved is not None:
            fit.restore(saved)
        fit_state.report_again(progress, fit.losses, epochs)
        while len(fit.losses) < epochs and (patience is None or fit.waited < patience):
            loss = fit.epoch()
            if not np.isfinite(loss):
                msg = "the loss is no number: scale the features (standard_scaler) or lower learning_rate"
                raise ValueError(msg)
            fit.losses.append(loss)
            progress(iteration=len(fit.losses), of=epochs, loss=loss)
            if patience is not None:
                fit.compare(loss)
            if checkpoint is not None and checkpoint.is_due():
                checkpoint.save(fit.state())
        kept = fit.layers if patience is None else fit.best_layers
    return [(weights.detach().numpy(), bias.detach().numpy()) for weights, bias in kept]


class _Fit:
    """A fit in progress: the layers, their optimizer, the rows to learn from and those that early stopping is judged on.

    losses: of the epochs so far. best_layers: those with the lowest loss, and `waited` the epochs since, where it may stop early.
    """

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
        self.optimizer = _optimizer([value.requires_grad_() for value in _values(self.layers)], self.params)
        self.loss_of = _loss(self.params.get("loss"))
        self.losses, self.best, self.best_layers, self.waited = list[float](), float("inf"), self.layers, 0

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

    def compare(self, loss: float) -> None:
        """Note whether the last epoch was the best so far."""
        self.waited += 1
        if loss < self.best:
            self.best, self.best_layers, self.waited = loss, _copy(self.layers), 0

    def state(self) -> bytes:
        """How far it is, after an epoch."""
        import torch

        draw: Any = self.draw.get_state(legacy=False)
        arrays = {"keys": draw["state"]["key"], "torch": torch.get_rng_state().numpy()}
        for name, layers in (("layer", self.layers), ("best", self.best_layers)):
            arrays |= {f"{name} {place}": value.detach().numpy() for place, value in enumerate(_values(layers))}
        slots: dict[int, dict[str, Tensor]] = self.optimizer.state_dict()["state"]
        arrays |= {f"slot {place} {name}": value.numpy() for place, slot in slots.items() for name, value in slot.items()}
        place = [draw["state"]["pos"], draw["has_gauss"], draw["gauss"]]
        return fit_state.dump({"losses": self.losses, "best": self.best, "waited": self.waited, "draw": place}, arrays)

    def restore(self, data: bytes) -> None:
        """Be as far as when `state` was called."""
        import torch

        numbers, arrays = fit_state.load(data)
        self.losses, self.best, self.waited = numbers["losses"], numbers["best"], numbers["waited"]
        self.draw.set_state(("MT19937", arrays["keys"], *numbers["draw"]))
        torch.set_rng_state(torch.from_numpy(arrays["torch"]))
        self.best_layers = _copy(self.layers)
        with torch.no_grad():
            for name, layers in (("layer", self.layers), ("best", self.best_layers)):
                for place, value in enumerate(_values(layers)):
                    value.copy_(torch.from_numpy(arrays[f"{name} {place}"]))
        slots: dict[int, dict[str, Tensor]] = {}
        for name, array in arrays.items():
            kind, _, rest = name.partition(" ")
            if kind == "slot":
                number, _, field = rest.partition(" ")
                slots.setdefault(int(number), {})[field] = torch.from_numpy(array)
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": slots})

    def _loss(self, rows: "np.ndarray", dropout: float) -> Tensor:
        losses = self.loss_of(forward(self.rows[rows], self.layers, self.activation, dropout), self.target[rows])
        return losses.mean() if self.weights is None else (losses * self.weights[rows]).mean()


def _start(table: _Rows, hidden: Sequence[int]) -> "list[tuple[Tensor, Tensor]]":
    """Layers before the first epoch, drawn as PyTorch's Linear draws them."""
    import torch

    sizes = [table.features.shape[1], *hidden, table.outputs]
    linear = [torch.nn.Linear(inputs, outputs) for inputs, outputs in pairwise(sizes)]
    return [(one.weight.detach().T.contiguous(), one.bias.detach().clone()) for one in linear]


def _values(layers: "Sequence[tuple[Tensor, Tensor]]") -> list[Tensor]:
    """Weights and biases in the order of the optimizer."""
    return [value for layer in layers for value in layer]


def _tensors(layers: "Layers") -> "list[tuple[Tensor, Tensor]]":
    import torch

    return [(torch.from_numpy(weights.copy()), torch.from_numpy(bias.copy())) for weights, bias in layers]


def _copy(layers: "Sequence[tuple[Tensor, Tensor]]") -> "list[tuple[Tensor, Tensor]]":
    return [(weights.detach().clone(), bias.detach().clone()) for weights, bias in layers]


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
