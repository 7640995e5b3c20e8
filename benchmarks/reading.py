"""What `prepare` costs on a large table.

    python benchmarks/reading.py [1000000] [--columns 20] [--formats csv parquet] [--repeat 3]

Writes a table (half of its columns are numbers with fractions, the others integers and words), and prepares it in a fresh process for each
format, as an apply does. Prints CPU and wall seconds without imports, the peak memory, and the part of it that imports take.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PART = 1_000_000


def write(path: Path, rows: int, columns: int) -> None:
    """A table that is the same every time, written in parts."""
    import numpy as np
    import polars as pl

    parts = []
    for start in range(0, rows, PART):
        draw, count = np.random.default_rng(start), min(PART, rows - start)
        cells = {f"n{i}": np.round(draw.normal(0, 10, count), 4) for i in range(columns // 2)}
        cells |= {f"i{i}": draw.integers(0, 100_000, count) for i in range(columns - columns // 2 - 2)}
        cells |= {"colour": draw.choice(["red", "green", "blue"], count), "y": draw.choice(["no", "yes"], count)}
        if path.suffix == ".csv":
            with path.open("ab") as out:
                pl.DataFrame(cells).write_csv(out, include_header=start == 0)
        else:
            parts.append(pl.DataFrame(cells))
    if parts:
        pl.concat(parts).write_parquet(path)


class Artifacts:
    """Writes artifacts to a file, as a store would, and keeps none."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put_artifact(self, data: bytes) -> str:
        (self.folder / "artifact").write_bytes(data)
        return "sha256:" + hashlib.sha256(data).hexdigest()

    def get_artifact(self, digest: str) -> bytes:
        raise KeyError(digest)


def prepare(path: Path) -> dict[str, float]:
    """The figures of one `prepare` in this process."""
    from leptonctl.learning.steps.prepare import run
    from leptonctl.spi.running import Bench

    # imports are measured separately
    imports, began, wall = _peak(), time.process_time(), time.perf_counter()
    bench = Bench(project=path.parent, artifacts=Artifacts(path.parent), progress=lambda **_: None, check_key=lambda *_: True)
    source = {"path": path.name, "format": path.suffix[1:], "options": {}}
    run({"source": source, "target": "y", "split": {"method": "random", "test": 0.25, "seed": 0}}, {}, bench)
    return {
        "cpu_s": time.process_time() - began, "wall_s": time.perf_counter() - wall, "peak_mib": _peak(), "imports_mib": imports,
        "file_mib": path.stat().st_size / 2**20,
    }  # fmt: skip


def _peak() -> float:
    # not `ru_maxrss`, which a process inherits from the one that started it
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--formats", nargs="+", default=["csv", "parquet"])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.file is not None:
        print(json.dumps(prepare(options.file)))
        return
    with tempfile.TemporaryDirectory() as folder:
        for form in options.formats:
            path = Path(folder) / f"rows.{form}"
            write(path, options.rows, options.columns)
            runs = [_measure(path) for _ in range(options.repeat)]
            best = min(runs, key=lambda figures: figures["cpu_s"])
            print(f"{options.rows:,} x {options.columns} {form}: " + ", ".join(f"{name} {figure:.1f}" for name, figure in best.items()))
            path.unlink()


def _measure(path: Path) -> dict[str, float]:
    from leptonctl.building.slot import worker_environment

    command = [sys.executable, __file__, "--file", str(path)]
    process = subprocess.run(command, capture_output=True, text=True, check=True, env=worker_environment())
    figures: dict[str, float] = json.loads(process.stdout)
    return figures


if __name__ == "__main__":
    main()
