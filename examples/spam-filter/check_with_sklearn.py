"""The same two models with scikit-learn alone: same split, seed and float32 columns. Prints their metrics as JSON.

Run: python check_with_sklearn.py
"""

import csv
import json
from pathlib import Path

import numpy as np
from sklearn import metrics
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

SEED = 7
MODELS = {
    "v1": LogisticRegression(C=1.0, max_iter=200, random_state=SEED),
    "v2": MLPClassifier(hidden_layer_sizes=[10], alpha=1.0, max_iter=500, random_state=SEED),
}


def main() -> None:
    with (Path(__file__).parent / "data" / "mail-2002-07.csv").open(encoding="utf-8", newline="") as file:
        _header, *rows = csv.reader(file)
    # the first column is the month, which the dataset drops; the last is the target
    x = np.array([row[1:-1] for row in rows], dtype=np.float64).astype(np.float32)
    y = np.array([row[-1] for row in rows])
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25, random_state=SEED, stratify=y)
    report = {}
    for name, model in MODELS.items():
        pipeline = make_pipeline(StandardScaler(), model).fit(x_train, y_train)
        report[name] = score(y_test, pipeline.predict(x_test), pipeline.predict_proba(x_test))
    print(json.dumps(report, indent=2))


def score(truth: np.ndarray, labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """The metrics that models/spam-filter.yaml asks for; "y" is the positive class, the second of the sorted two."""
    return {
        "accuracy": metrics.accuracy_score(truth, labels),
        "precision": metrics.precision_score(truth, labels, pos_label="y", zero_division=0),
        "recall": metrics.recall_score(truth, labels, pos_label="y", zero_division=0),
        "f1": metrics.f1_score(truth, labels, pos_label="y", zero_division=0),
        "log_loss": metrics.log_loss(truth, probabilities, labels=["n", "y"]),
        "roc_auc": metrics.roc_auc_score(truth, probabilities[:, 1]),
    }


if __name__ == "__main__":
    main()
