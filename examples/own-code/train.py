"""A network of our own in numpy: reads the prepared rows, writes model.onnx."""

import json
import os
from pathlib import Path

import numpy as np
import polars as pl
from lib import graph

contract = json.loads(Path("prepared/contract.json").read_text())
rows = pl.read_parquet("prepared/train.parquet")
x = rows.select(feature["name"] for feature in contract["features"]).to_numpy().astype(np.float64)
y = np.array([[label == one for one in contract["classes"]] for label in rows[contract["target"]]], dtype=np.float64)

random = np.random.default_rng(int(os.environ["LEPTON_SEED"]))
hidden, iterations = 10, int(os.environ["ITERATIONS"])
weights = {
    "w1": random.normal(size=(x.shape[1], hidden)),
    "b1": np.zeros(hidden),
    "w2": random.normal(size=(hidden, y.shape[1])) / 3,
    "b2": np.zeros(y.shape[1]),
}
speed = {name: np.zeros_like(value) for name, value in weights.items()}

for iteration in range(1, iterations + 1):
    inner = np.tanh(x @ weights["w1"] + weights["b1"])
    scores = inner @ weights["w2"] + weights["b2"]
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    error = (p - y) / len(x)
    back = (error @ weights["w2"].T) * (1 - inner**2)
    slopes = {"w1": x.T @ back, "b1": back.sum(axis=0), "w2": inner.T @ error, "b2": error.sum(axis=0)}
    for name, slope in slopes.items():
        speed[name] = 0.9 * speed[name] - 0.1 * slope
        weights[name] = weights[name] + speed[name]
    if iteration % 20 == 0:
        loss = -np.log(p[y == 1]).mean()
        print(json.dumps({"iteration": iteration, "of": iterations, "loss": float(loss)}))

graph.write(contract["output"], weights)
