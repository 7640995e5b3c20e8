"""What a plan with nothing to do costs at many versions, and how large the state is: `python benchmarks/many.py [COUNT …]`.

Two shapes: COUNT versions of one model, and COUNT dataset versions of a file each. What is recorded was not trained: the pointers
and results that an apply would have left are written directly, so that the plan finds everything in place.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from leptonctl.commands.session import Session
from leptonctl.core.graph import key_from, resolve_keys
from leptonctl.core.node_records import pointer_of, recipe_of
from leptonctl.core.result import Result
from leptonctl.storage.pointers import Note

ROWS = "x,y\n" + "".join(f"{i},{i % 7}\n" for i in range(50))


def models(root: Path, count: int) -> None:
    (root / "data.csv").write_text(ROWS)
    versions = "".join(f"  v{i}: {{params: {{alpha: {1 + i / 1000}}}}}\n" for i in range(count))
    (root / "leptonctl.yaml").write_text("kind: Project\nname: many\nformat: 1\n")
    (root / "data.yaml").write_text("kind: Dataset\nname: d\ntarget: y\nversions:\n  a: {source: data.csv}\n")
    text = f"kind: Model\nname: m\ndataset: d@a\ntask: regression\nalgorithm: ridge\nversions:\n{versions}"
    (root / "model.yaml").write_text(text)


def datasets(root: Path, count: int) -> None:
    (root / "data").mkdir()
    for i in range(count):
        (root / "data" / f"{i}.csv").write_text(f"{ROWS}{i},1\n")
    versions = "".join(f"  v{i}: {{source: data/{i}.csv}}\n" for i in range(count))
    (root / "leptonctl.yaml").write_text("kind: Project\nname: many\nformat: 1\n")
    (root / "data.yaml").write_text(f"kind: Dataset\nname: d\ntarget: y\nversions:\n{versions}")


def record(root: Path) -> None:
    """The pointers, recipes and results of an apply that has trained nothing."""
    # what is recorded here need not survive a power cut
    os.fsync = lambda _: None
    session = Session.open(root)
    nodes = tuple(session.declarations.built.values())
    artifact = session.store.put_artifact(b"not a model")
    results: dict[str, Result] = {}
    for node in nodes:
        for step in node.steps:
            needs = {role: results[PLACES[place]] for role, place in step.needs.items()}
            key = step.key or key_from(step, needs)
            assert key is not None, step
            outputs = {"package": key, "rows_digest": {"train": key, "test": key}, "metrics": {"r2": 0.5}, "contract": {}}
            outputs["rows"] = {"train": 37, "test": 13}
            artifacts = {"model.onnx": artifact} if step.op == "export" else {}
            results[key] = Result(key=key, op=step.op, artifacts=artifacts, outputs=outputs, seconds=0.1, address=node.address)
            PLACES[step.place] = key
    for result in results.values():
        session.store.put_result(result)
    session.store.put_recipes({node.declaration: recipe_of(node) for node in nodes})
    session.pointers.begin()
    resolved = resolve_keys(nodes, {}, results)
    pointers = {node.address: pointer_of(node, resolved, results, None) for node in nodes}
    session.pointers.move(lambda state: state.moved(pointers), Note())


PLACES: dict[tuple[str, str], str] = {}


def measure(root: Path, *arguments: str) -> tuple[float, float, float]:
    """CPU seconds, wall seconds and peak MiB of a command, the best of three."""
    best = wall = 1e9
    for _ in range(3):
        began = time.perf_counter()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([sys.executable, "-m", "leptonctl", *arguments], cwd=root, capture_output=True, text=True, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert done.returncode == 0, done.stdout + done.stderr
        wall = min(wall, time.perf_counter() - began)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return best, wall, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("counts", nargs="*", type=int, default=[1000, 10000])
    for count in parser.parse_args().counts:
        for shape in (models, datasets):
            PLACES.clear()
            with tempfile.TemporaryDirectory() as folder:
                root = Path(folder)
                shape(root, count)
                record(root)
                cpu, wall, memory = measure(root, "plan", "--detailed-exitcode")
                size = (root / ".leptonctl" / "state" / "state.json").stat().st_size
                took = f"{cpu:.2f} CPU s, {wall:.2f} s"
                print(f"{shape.__name__} {count}: no-op plan {took}, peak {memory:.0f} MiB, state {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
