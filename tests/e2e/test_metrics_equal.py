"""The spam example has the metrics that scikit-learn alone gives, and serves what `predict` predicts, row by row."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests import projects
from tests.e2e import load, rows

LABEL_METRICS = ("accuracy", "precision", "recall", "f1")
PROBABILITY_METRICS = ("log_loss", "roc_auc")


def predicted(root: Path, target: str, file: Path) -> tuple[list[str], np.ndarray]:
    """Labels and probabilities of `predict`, from the CSV that it writes."""
    done = projects.run("predict", target, "--input", str(file), "--output", "answers.csv", cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr
    with (root / "answers.csv").open(encoding="utf-8", newline="") as text:
        found = list(csv.DictReader(text))
    numbers = [[row["probability_n"], row["probability_y"]] for row in found]
    return [row["label"] for row in found], np.array(numbers, dtype=np.float64).astype(np.float32)


def served(answer: bytes) -> tuple[list[str], np.ndarray]:
    """Labels and probabilities of an answer over HTTP."""
    data = rows.outputs(answer)
    labels = data["label"]
    return labels, np.array(data["probabilities"], dtype=np.float64).astype(np.float32).reshape(len(labels), 2)


def test_metrics_and_answers_equal_scikit_learn(spam: Path) -> None:
    script = subprocess.run(
        [sys.executable, "check_with_sklearn.py"], cwd=spam, env=projects.environment(), capture_output=True, text=True, check=True
    )
    assert projects.run("apply", "--yes", cwd=spam).returncode == 0
    shown = projects.state_of(spam)
    for version, expected in json.loads(script.stdout).items():
        found = shown["results"][shown["current"][f"model/spam-filter@{version}"]["digest"]]["metrics"]
        assert {m: found[m] for m in LABEL_METRICS} == {m: expected[m] for m in LABEL_METRICS}
        assert {m: found[m] for m in PROBABILITY_METRICS} == pytest.approx({m: expected[m] for m in PROBABILITY_METRICS}, abs=1e-6)


def test_every_answer_over_http_is_that_of_predict(spam: Path) -> None:
    assert projects.run("apply", "--yes", cwd=spam).returncode == 0
    names, test = rows.spam_test_rows(spam)
    file = rows.write_rows(spam / "rows.csv", names, test)
    for environment, version in (("prod", "v1"), ("staging", "v2")):
        url = f"{projects.served(spam, environment)['url']}/v2/models/spam-filter/infer"
        labels, probabilities = predicted(spam, f"spam-filter@{version}", file)
        assert len(labels) == len(test) == 435

        batch, of_one_tensor = load.answers(url, [rows.request(names, test), rows.packed(test)])
        http_labels, http_probabilities = served(batch)
        assert http_labels == labels
        assert np.array_equal(http_probabilities, probabilities)
        assert of_one_tensor == batch

        # for a single row the sums are computed in another order: the last bit of a float32 may differ, the label may not
        alone = [served(answer) for answer in load.answers(url, [rows.request(names, [row]) for row in test])]
        assert [label for found, _ in alone for label in found] == labels
        np.testing.assert_allclose(np.concatenate([p for _, p in alone]), probabilities, rtol=0, atol=1e-6)

        bound = predicted(spam, f"{environment}/spam-filter", file)
        assert bound[0] == labels
        assert np.array_equal(bound[1], probabilities)
