"""A fully connected network trained by PyTorch, for classification and regression. Needs the extra `torch`."""

from leptonctl.providers.trainers.early_stopping import early_stopping
from leptonctl.providers.trainers.torch_fit import fit_network, resume_network
from leptonctl.providers.trainers.torch_graph import to_onnx
from leptonctl.providers.trainers.torch_network import ACTIVATIONS, TORCH, TorchMLP, dump, load
from leptonctl.spi import replace
from leptonctl.spi.learning import Estimator, NativeForm, Params, Schema, Trainer

PARAMS: dict[str, Schema] = {
    "layers": {
        "type": "array",
        "items": {"type": "integer", "minimum": 1},
        "default": [32],
        "description": "Number of neurons in each hidden layer; [] for none.",
    },
    "activation": {"enum": [*ACTIVATIONS], "default": "relu", "description": "Activation function of the hidden neurons."},
    "dropout": {
        "type": "number",
        "minimum": 0,
        "exclusiveMaximum": 1,
        "default": 0.0,
        "description": "Share of the hidden neurons that each training step leaves out at random.",
    },
    "epochs": {"type": "integer", "minimum": 1, "default": 100, "description": "Passes over the training rows, at most."},
    "batch_size": {"type": "integer", "minimum": 1, "default": 32, "description": "Number of rows of a training step, at most."},
    "learning_rate": {"type": "number", "exclusiveMinimum": 0, "default": 0.001, "description": "Size of a training step."},
    "optimizer": {"enum": ["adam", "adamw", "sgd"], "default": "adam", "description": "Algorithm that optimizes the weights."},
    "momentum": {
        "type": "number", "minimum": 0, "exclusiveMaximum": 1, "default": 0.9, "description": "Momentum of the optimizer sgd.",
    },
    "weight_decay": {"type": "number", "minimum": 0, "default": 0.0, "description": "Strength of the L2 penalty on weights and biases."},
    **early_stopping("epochs"),
}  # fmt: skip
LOSS: Schema = {
    "enum": ["squared_error", "absolute_error", "huber"],
    "default": "squared_error",
    "description": "The loss to minimise, of the target in standard deviations.",
}


def conflict(params: Params) -> str | None:
    if params["optimizer"] != "sgd" and params["momentum"] != PARAMS["momentum"]["default"]:
        return "momentum has no effect without `optimizer: sgd`"
    if params["dropout"] and not params["layers"]:
        return "dropout has no effect without hidden layers"
    return None


def build(params: Params, seed: int) -> Estimator:
    return TorchMLP(params, seed)


CLASSIFIER = Trainer(
    name="torch_mlp",
    task="classification",
    description="A network of fully connected layers, trained by PyTorch. Needs the extra `torch`.",
    params=PARAMS,
    build=build,
    fit_from=fit_network,
    to_onnx=to_onnx,
    native=NativeForm(file="model.network", dump=dump, load=load),
    weighs=True,
    resume=resume_network,
    resume_keeps=("layers", "activation"),
    conflict=conflict,
    tolerance=5e-4,
    library=TORCH,
)
TRAINERS = (CLASSIFIER, replace(CLASSIFIER, task="regression", params={"loss": LOSS, **PARAMS}))
