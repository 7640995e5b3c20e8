"""Rows drawn at random: those of scikit-learn, without it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from leptonctl.learning.preparing.shuffle import shuffle_split

PREPARE = """
import sys
from pathlib import Path
from types import SimpleNamespace
from leptonctl.learning.steps.prepare import run
from leptonctl.spi.running import Bench
shelf = SimpleNamespace(put_artifact=lambda data: "sha256:0")
bench = Bench(project=Path(sys.argv[1]), artifacts=shelf, progress=lambda **_: None, check_key=lambda *_: True)
split = {"method": "random", "test": 0.25, "seed": 0, "stratify": True}
rows = run({"source": {"path": "t.csv", "format": "csv", "options": {}}, "target": "y", "split": split}, {}, bench).outputs["rows"]
print(rows, sorted({"sklearn", "scipy"} & {*sys.modules}))
"""


def test_rows_are_drawn_as_scikit_learn_draws_them() -> None:
    random = np.random.default_rng(5)
    compared = 0
    for seed in range(300):
        rows, classes = int(random.integers(2, 300)), int(random.integers(1, 9))
        test = float(random.uniform(0.01, 0.99)) if seed % 2 else int(random.integers(1, rows + 2))
        # classes of equal sizes have equal remainders, between which is drawn
        labels = np.arange(rows) % classes if seed % 3 else random.choice(classes, rows, p=random.dirichlet(np.ones(classes)))
        for stratify in (None, labels):
            try:
                expected = train_test_split(np.arange(rows), test_size=test, random_state=seed, stratify=stratify)
            except ValueError:
                if stratify is None:
                    with pytest.raises(ValueError, match=f"of {rows} rows"):
                        shuffle_split(rows, test, seed)
                continue
            compared += 1
            assert [side.tolist() for side in shuffle_split(rows, test, seed, stratify)] == [side.tolist() for side in expected]
    assert compared > 400


def test_a_prepare_imports_no_scikit_learn(tmp_path: Path) -> None:
    rows = "".join(f"{place},{'yes' if place % 3 else 'no'}\n" for place in range(40))
    (tmp_path / "t.csv").write_text("x,y\n" + rows, encoding="utf-8")
    process = subprocess.run([sys.executable, "-c", PREPARE, str(tmp_path)], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "{'test': 10, 'train': 30} []"
