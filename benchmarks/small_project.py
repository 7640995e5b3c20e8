"""A project of many versions over one small table, for the benchmarks that apply it."""

from pathlib import Path

HEAD = """kind: Project
name: bench
format: 1
---
kind: Dataset
name: d
target: side
versions:
  a: {source: data.csv}
"""
MODEL = """kind: Model
name: m{number}
dataset: d@a
task: classification
preprocess: [{{columns: numeric, use: standard_scaler}}]
algorithm: logistic_regression
versions:
"""
VERSIONS_A_FILE = 10


def write(folder: Path, versions: int) -> None:
    """Write the table and the YAML. There is no environment, so an apply leaves nothing running."""
    lines = ["x,y,side"]
    seed = 1
    for _ in range(200):
        seed = seed * 48271 % 2147483647
        x, y = seed % 1000 / 100, seed // 1000 % 1000 / 100
        lines.append(f"{x},{y},{'above' if y > x else 'below'}")
    (folder / "data.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "leptonctl.yaml").write_text(HEAD, encoding="utf-8")
    for start in range(0, versions, VERSIONS_A_FILE):
        number, count = start // VERSIONS_A_FILE, min(VERSIONS_A_FILE, versions - start)
        rows = "".join(f"  v{v}: {{params: {{C: {0.01 * (start + v + 1):.2f}}}}}\n" for v in range(count))
        (folder / f"m{number}.yaml").write_text(MODEL.format(number=number) + rows, encoding="utf-8")
