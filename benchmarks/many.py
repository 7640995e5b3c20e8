"""What a plan with nothing to do costs at many versions, and how large the state is.

    python benchmarks/many.py [1000 10000]

Two shapes: COUNT versions of one model, and COUNT dataset versions with a file each. Nothing is trained: the pointers and results that an
apply would have left are written directly, so that the plan finds everything in place. Prints the best of three runs.
"""

import argparse
import os
import tempfile
from pathlib import Path

from peers import ROWS
from processes import LEPTONCTL, cost

from leptonctl.commands.session import Session
from leptonctl.core.graph import key_from, resolve_keys
from leptonctl.core.node_records import pointer_of, recipe_of
from leptonctl.core.result import Result
from leptonctl.storage.pointers import Note


def models(root: Path, count: int) -> None:
    """Versions of one model."""
    (root / "data.csv").write_text(ROWS)
    versions = "".join(f"  v{i}: {{params: {{alpha: {1 + i / 1000}}}}}\n" for i in range(count))
    (root / "leptonctl.yaml").write_text("kind: Project\nname: many\nformat: 1\n")
    (root / "data.yaml").write_text("kind: Dataset\nname: d\ntarget: y\nversions:\n  a: {source: data.csv}\n")
    text = f"kind: Model\nname: m\ndataset: d@a\ntask: regression\nalgorithm: ridge\nversions:\n{versions}"
    (root / "model.yaml").write_text(text)


def datasets(root: Path, count: int) -> None:
    """Versions of one dataset, each with a file of its own."""
    (root / "data").mkdir()
    for i in range(count):
        (root / "data" / f"{i}.csv").write_text(f"{ROWS}{i},1\n")
    versions = "".join(f"  v{i}: {{source: data/{i}.csv}}\n" for i in range(count))
    (root / "leptonctl.yaml").write_text("kind: Project\nname: many\nformat: 1\n")
    (root / "data.yaml").write_text(f"kind: Dataset\nname: d\ntarget: y\nversions:\n{versions}")


def record(root: Path) -> None:
    """Write the pointers, recipes and results that an apply would have left."""
    # they need not survive a power cut
    os.fsync = lambda _: None
    session = Session.open(root)
    nodes = tuple(session.declarations.built.values())
    artifact = session.store.put_artifact(b"not a model")
    results: dict[str, Result] = {}
    keys: dict[tuple[str, str], str] = {}
    for node in nodes:
        for step in node.steps:
            needs = {role: results[keys[place]] for role, place in step.needs.items()}
            key = step.key or key_from(step, needs)
            assert key is not None, step
            outputs = {"package": key, "rows_digest": {"train": key, "test": key}, "metrics": {"r2": 0.5}, "contract": {}}
            outputs["rows"] = {"train": 37, "test": 13}
            artifacts = {"model.onnx": artifact} if step.op == "export" else {}
            results[key] = Result(key=key, op=step.op, artifacts=artifacts, outputs=outputs, seconds=0.1, address=node.address)
            keys[step.place] = key
    for result in results.values():
        session.store.put_result(result)
    session.store.put_recipes({node.declaration: recipe_of(node) for node in nodes})
    session.pointers.begin()
    resolved = resolve_keys(nodes, {}, results)
    pointers = {node.address: pointer_of(node, resolved, results, None) for node in nodes}
    session.pointers.move(lambda state: state.move(pointers), Note())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counts", nargs="*", type=int, default=[1000, 10000])
    for count in parser.parse_args().counts:
        for shape in (models, datasets):
            with tempfile.TemporaryDirectory() as folder:
                root = Path(folder)
                shape(root, count)
                record(root)
                best = min(cost((*LEPTONCTL, "plan", "--detailed-exitcode"), root) for _ in range(3))
                size = (root / ".leptonctl" / "state" / "state.json").stat().st_size
                times = f"{best.cpu:.2f} CPU s, {best.wall:.2f} s"
                print(f"{shape.__name__} {count}: no-op plan {times}, peak {best.memory:.0f} MiB, state {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
