"""Runs an imported graph for the first time: in a separate process, with bounds on memory and time.

A graph is a program: one that builds a huge tensor or never ends must end this process, not the machine. Run as a module, this file is
that process: it reads the graph and the rows from a folder, and writes the answers there.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from leptonctl.learning.imported.refusal import bad_graph

SECONDS = 60
MEMORY = 4 * 2**30
"""Bytes of address space beyond the graph's own size, weights and their optimised copies included."""
COPIES = 6
GRAPH, ROWS, ANSWERS, PROBLEM = "model.onnx", "rows.npz", "answers.npz", "problem"
SINGLE = "single."


def try_out(onnx: bytes, feed: Mapping[str, np.ndarray], outputs: Sequence[str], seconds: float = SECONDS) -> dict[str, np.ndarray]:
    """The answers to these rows by output, and under `single.NAME` that to the first row alone. Raises ProviderError: bad-onnx."""
    with tempfile.TemporaryDirectory(prefix="leptonctl-import-") as name:
        folder = Path(name)
        (folder / GRAPH).write_bytes(onnx)
        np.savez(folder / ROWS, allow_pickle=False, **{key: _plain(value) for key, value in feed.items()})
        memory = MEMORY + COPIES * len(onnx)
        if not run_bounded("leptonctl.learning.imported.trial", [name, str(memory), *outputs], seconds):
            rows = len(next(iter(feed.values())))
            hint = "export a smaller model, or look for a loop in its graph"
            raise bad_graph(f"The graph does not answer {rows} rows in {seconds:g} s.", hint)
        if (folder / PROBLEM).exists():
            raise bad_graph((folder / PROBLEM).read_text(encoding="utf-8"), "export the model again; `onnx.checker.check_model` says more")
        if not (folder / ANSWERS).exists():
            raise bad_graph("The graph crashes the process that runs it, or needs more memory than is allowed.", "export a smaller model")
        with np.load(folder / ANSWERS, allow_pickle=False) as answers:
            return {key: _objects(answers[key]) for key in answers.files}


def run_bounded(module: str, arguments: Sequence[str], seconds: float) -> bool:
    """Run a module in a separate process, which leaves its results in files. False when it was killed because it took too long."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", module, *arguments],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONUTF8": "1"},
    )  # fmt: skip
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return True


def bound_memory(memory: int) -> None:
    """Give this process at most so many bytes of address space, and no dump of its memory."""
    import resource

    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _plain(values: np.ndarray) -> np.ndarray:
    return values.astype(np.str_) if values.dtype == object else values


def _objects(values: np.ndarray) -> np.ndarray:
    return values.astype(object) if values.dtype.kind == "U" else values


def _run(folder: Path, outputs: Sequence[str]) -> dict[str, np.ndarray]:
    from leptonctl.learning.scoring.answers import open_session

    session = open_session((folder / GRAPH).read_bytes())
    with np.load(folder / ROWS, allow_pickle=False) as rows:
        feed = {key: _objects(rows[key]) for key in rows.files}
    answers = dict(zip(outputs, session.run(list(outputs), feed), strict=True))
    single = session.run(list(outputs), {key: values[:1] for key, values in feed.items()})
    answers |= {SINGLE + name: value for name, value in zip(outputs, single, strict=True)}
    return {key: _plain(np.asarray(value)) for key, value in answers.items()}


def main() -> None:
    """Run the graph in the folder of the first argument with the bytes of the second, for the outputs of the others."""
    folder, memory, outputs = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    bound_memory(memory)
    try:
        answers = _run(folder, outputs)
    except Exception as problem:  # noqa: BLE001 - whatever it is, the parent must get it in words
        words = " ".join(str(problem).split()) or type(problem).__name__
        # onnxruntime's message begins with a place in its sources
        (folder / PROBLEM).write_text(f"onnxruntime cannot run the graph: {words[-300:] if len(words) > 300 else words}", encoding="utf-8")  # noqa: PLR2004
        return
    np.savez(folder / ANSWERS, allow_pickle=False, **answers)


if __name__ == "__main__":
    main()
