"""Fits a network of PyTorch, and continues after a kill.

A regression learns the target in standard deviations from its mean, which the last layer undoes, so that the learning rate does not
depend on the target's unit.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from leptonctl.providers.trainers import fit_state
from leptonctl.providers.trainers.early_stopping import hold_out
from leptonctl.providers.trainers.torch_network import Layers, Tensor, TorchMLP, forward, single_thread
from leptonctl.spi import replace
from leptonctl.spi.learning import Params, Training

if TYPE_CHECKING:
    import numpy as np


def fit_network(network: TorchMLP, training: Training) -> TorchMLP:
    """Fit the network, from the layers that it has. The target are labels, or values where the parameters name a loss.

    Raises ValueError when the loss is not a number.
    """
    import numpy as np

    target, weights = training.target, training.weights
    if "loss" not in network.params:
        if network.classes_ is None:
            network.classes_ = np.unique(target)
        numbers = np.searchsorted(network.classes_, target).astype(np.int64)
        network.layers = _learn(network, replace(training, target=numbers), outputs=len(network.classes_))
        return network
    mean = float(np.average(target, weights=weights))
    scale = float(np.sqrt(np.average((target - mean) ** 2, weights=weights))) or 1.0
    if network.layers is not None:
        network.layers = _rescale(network.layers, 1 / scale, -mean / scale)
    values = ((target - mean) / scale).astype(np.float32)
    network.layers = _rescale(_learn(network, replace(training, target=values), outputs=1), scale, mean)
    return network


def resume_network(parent: TorchMLP, fresh: TorchMLP, training: Training) -> TorchMLP:
    """More epochs from the parent's weights, with an optimizer of its own."""
    fresh.classes_, fresh.layers = parent.classes_, [(weights.copy(), bias.copy()) for weights, bias in parent.layers or []]
    return fit_network(fresh, training)


def _rescale(layers: "Layers", scale: float, shift: float) -> "Layers":
    """The layers of a network whose answers are `scale` times the answers of these layers, plus `shift`."""
    import numpy as np

    *hidden, (weights, bias) = layers
    wide = (weights.astype(np.float64) * scale).astype(np.float32), (bias.astype(np.float64) * scale + shift).astype(np.float32)
    return [*hidden, wide]


def _learn(network: TorchMLP, training: Training, outputs: int) -> "Layers":
    """The layers after the last epoch, or after the best one where it stops early. The target are class numbers or scaled values."""
    import numpy as np

    epochs, patience, checkpoint = network.params["epochs"], network.params["early_stopping"], training.checkpoint
    with single_thread(network.seed):
        fit = _Fit(network, training, outputs)
        earlier = fit_state.load_from(checkpoint)
        if earlier is not None:
            fit.restore(*earlier)
        fit_state.report_again(training.progress, fit.losses, epochs)
        while len(fit.losses) < epochs and (patience is None or fit.stalled < patience):
            loss = fit.run_epoch()
            if not np.isfinite(loss):
                msg = "the loss is not a number: scale the features (standard_scaler) or lower learning_rate"
                raise ValueError(msg)
            fit.losses.append(loss)
            training.progress(iteration=len(fit.losses), of=epochs, loss=loss)
            if patience is not None:
                fit.compare(loss)
            if checkpoint is not None and checkpoint.is_due():
                checkpoint.save(fit.dump())
        layers = fit.layers if patience is None else fit.best_layers
    return [(weights.detach().numpy(), bias.detach().numpy()) for weights, bias in layers]


class _Fit:
    """A fit in progress: the layers, their optimizer, the rows to learn from and those that early stopping is judged on.

    losses: of the epochs so far. best_layers: those with the lowest loss, and `stalled` the epochs since, where it may stop early.
    """

    def __init__(self, network: TorchMLP, training: Training, outputs: int) -> None:
        import numpy as np
        import torch

        self.params, self.activation = network.params, network.activation
        self.rows = torch.from_numpy(np.ascontiguousarray(training.features, dtype=np.float32))
        self.target = torch.from_numpy(training.target)
        weights = training.weights
        self.weights = None if weights is None else torch.from_numpy((weights / weights.mean()).astype(np.float32))
        self.places = np.arange(len(training.target))
        self.judge: np.ndarray | None = None
        if self.params["early_stopping"] is not None:
            share = self.params["validation_fraction"]
            self.places, self.judge = hold_out(training.target, share, network.seed, by_class=outputs > 1)
        self.draw = np.random.RandomState(network.seed)
        sizes = [training.features.shape[1], *self.params["layers"], outputs]
        self.layers = _random_layers(sizes) if network.layers is None else _tensors(network.layers)
        self.optimizer = _optimizer([value.requires_grad_() for value in _values(self.layers)], self.params)
        self.loss_of = _loss(self.params.get("loss"))
        self.losses, self.best, self.best_layers, self.stalled = list[float](), float("inf"), self.layers, 0

    def run_epoch(self) -> float:
        """Take the steps of one epoch. Returns the mean loss of the steps, or the loss of the held-out rows if there are any."""
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
        self.stalled += 1
        if loss < self.best:
            self.best, self.best_layers, self.stalled = loss, _copy(self.layers), 0

    def dump(self) -> bytes:
        """How far the fit is, after an epoch."""
        import torch

        draw: Any = self.draw.get_state(legacy=False)
        arrays = {"keys": draw["state"]["key"], "torch": torch.get_rng_state().numpy()}
        for name, layers in (("layer", self.layers), ("best", self.best_layers)):
            arrays |= {f"{name} {place}": value.detach().numpy() for place, value in enumerate(_values(layers))}
        slots: dict[int, dict[str, Tensor]] = self.optimizer.state_dict()["state"]
        arrays |= {f"slot {place} {name}": value.numpy() for place, slot in slots.items() for name, value in slot.items()}
        place = [draw["state"]["pos"], draw["has_gauss"], draw["gauss"]]
        return fit_state.dump({"losses": self.losses, "best": self.best, "waited": self.stalled, "draw": place}, arrays)

    def restore(self, numbers: dict[str, Any], arrays: "dict[str, np.ndarray]") -> None:
        """Set the fit to how far it was when `dump` was called."""
        import torch

        self.losses, self.best, self.stalled = numbers["losses"], numbers["best"], numbers["waited"]
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


def _random_layers(sizes: Sequence[int]) -> "list[tuple[Tensor, Tensor]]":
    """Layers before the first epoch, as PyTorch's Linear draws them. `sizes`: of the input, of the hidden layers, of the output."""
    import torch

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
    """The function of scores [N, outputs] and targets [N] to losses [N]; name None: the targets are class numbers."""
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
