"""Rows of a CSV file as requests of the Open Inference Protocol and as files for `predict`; the spam example's test rows."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

SEED = 7


def table(file: Path) -> tuple[list[str], list[list[str]]]:
    """Header and cells."""
    with file.open(encoding="utf-8", newline="") as text:
        header, *rows = csv.reader(text)
    return header, rows


def spam_test_rows(root: Path) -> tuple[list[str], list[list[str]]]:
    """Feature names and the cells of the test rows, found as `check_with_sklearn.py` finds them."""
    from sklearn.model_selection import train_test_split

    header, rows = table(root / "data" / "mail-2002-07.csv")
    _, test = train_test_split(rows, test_size=0.25, random_state=SEED, stratify=[row[-1] for row in rows])
    return header[1:-1], [row[1:-1] for row in test]


def request(names: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    """One request with an input per column, all numbers."""
    columns = zip(names, zip(*rows, strict=True), strict=True)
    inputs = [{"name": n, "shape": [len(rows)], "datatype": "FP32", "data": [float(cell) for cell in cells]} for n, cells in columns]
    return json.dumps({"inputs": inputs}).encode()


def one_row(cells: Mapping[str, object]) -> dict[str, object]:
    """A request for one row of numbers and strings; None is missing."""
    kinds = {name: "BYTES" if isinstance(cell, str) else "FP32" for name, cell in cells.items()}
    return {"inputs": [{"name": name, "shape": [1], "datatype": kinds[name], "data": [cell]} for name, cell in cells.items()]}


def packed(rows: Sequence[Sequence[str]]) -> bytes:
    """The same in one tensor."""
    data = [[float(cell) for cell in row] for row in rows]
    tensor = {"name": "features", "shape": [len(rows), len(rows[0])], "datatype": "FP32", "data": data}
    return json.dumps({"inputs": [tensor]}).encode()


def outputs(answer: bytes) -> dict[str, list]:
    """Name -> data of an answer's outputs."""
    return {output["name"]: output["data"] for output in json.loads(answer)["outputs"]}


def write_rows(file: Path, names: Sequence[str], rows: Sequence[Sequence[str]]) -> Path:
    with file.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(names)
        writer.writerows(rows)
    return file
