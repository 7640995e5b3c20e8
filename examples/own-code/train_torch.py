"""The same network in PyTorch: reads the prepared rows, writes model.onnx with one output neuron a class."""

import json
import os
from pathlib import Path

import polars as pl
import torch
from lib import graph

contract = json.loads(Path("prepared/contract.json").read_text())
rows = pl.read_parquet("prepared/train.parquet")
x = torch.from_numpy(rows.select(feature["name"] for feature in contract["features"]).to_numpy().copy())
y = torch.tensor([contract["classes"].index(label) for label in rows[contract["target"]]])

torch.manual_seed(int(os.environ["LEPTON_SEED"]))
torch.use_deterministic_algorithms(mode=True)
iterations = 300
inner, outer = torch.nn.Linear(x.shape[1], 10), torch.nn.Linear(10, len(contract["classes"]))
network = torch.nn.Sequential(inner, torch.nn.Tanh(), outer)
optimizer = torch.optim.Adam(network.parameters(), lr=0.05)
for iteration in range(1, iterations + 1):
    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(network(x), y)
    loss.backward()
    optimizer.step()
    if iteration % 20 == 0:
        print(json.dumps({"iteration": iteration, "of": iterations, "loss": float(loss)}))

# so small a network is written without torch.onnx, which needs onnxscript
weights = {"w1": inner.weight.T, "b1": inner.bias, "w2": outer.weight.T, "b2": outer.bias}
graph.write(contract["output"], {name: value.detach().numpy() for name, value in weights.items()})
