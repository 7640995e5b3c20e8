"""Start-up, no-op plans and one small fit, each beside what one would do without leptonctl.

    python benchmarks/cli.py [--versions 10 1000] [--runs 5]

Whole processes, in turns (ours, theirs, ours, theirs): CPU seconds and peak memory are the kernel's accounting of the finished
child (`os.wait4`), the median of the runs; wall time for the fit. Prints one table.
"""

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
# an installed package has its bytecode; so has a checkout after its first run, unless the environment forbids it
ENVIRONMENT = {**{k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}, **THREADS}
LEPTONCTL = (sys.executable, "-m", "leptonctl")
PLAIN_FIT = """
import csv, numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
rows = list(csv.reader(open("data.csv")))[1:]
x = np.array([r[:-1] for r in rows], dtype=np.float32); y = np.array([r[-1] for r in rows])
a, b, ya, yb = train_test_split(x, y, test_size=0.25, random_state=0, stratify=y)
print(make_pipeline(StandardScaler(), LogisticRegression()).fit(a, ya).score(b, yb))
"""


def cost(command: Sequence[str], folder: Path) -> tuple[float, float, float]:
    """CPU seconds, wall seconds and peak MiB of one finished process."""
    started = time.monotonic()
    process = subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    said = process.stderr.read().decode() if process.stderr else ""
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{said}")
    return used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024


def compare(
    ours: Sequence[str], theirs: Sequence[str], folder: Path, runs: int, before: Sequence[str] = ()
) -> list[tuple[float, float, float]]:
    """The medians of both, run in turns after one warm-up each. `before`: files and folders removed before each of our runs."""
    seen: tuple[list[tuple[float, float, float]], ...] = ([], [])
    for turn in range(runs + 1):
        for command, found in zip((ours, theirs), seen, strict=True):
            for name in before:
                shutil.rmtree(folder / name, ignore_errors=True)
            measured = cost(command, folder)
            if turn:
                found.append(measured)
    return [tuple(statistics.median(column) for column in zip(*found, strict=True)) for found in seen]  # type: ignore[misc]


def project(folder: Path, versions: int) -> None:
    """A project of that many versions over one small table, without an environment: nothing is left running."""
    lines = ["x,y,side"]
    seed = 1
    for _ in range(200):
        seed = seed * 48271 % 2147483647
        x, y = seed % 1000 / 100, seed // 1000 % 1000 / 100
        lines.append(f"{x},{y},{'above' if y > x else 'below'}")
    (folder / "data.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    head = "kind: Project\nname: bench\nformat: 1\n---\nkind: Dataset\nname: d\ntarget: side\nversions:\n  a: {source: data.csv}\n"
    (folder / "leptonctl.yaml").write_text(head, encoding="utf-8")
    for start in range(0, versions, 10):
        body = "kind: Model\nname: m{0}\ndataset: d@a\ntask: classification\npreprocess: [{{columns: numeric, use: standard_scaler}}]\n"
        rows = "".join(f"  v{v}: {{params: {{C: {0.01 * (start + v + 1):.2f}}}}}\n" for v in range(min(10, versions - start)))
        text = body.format(start // 10) + "algorithm: logistic_regression\nversions:\n" + rows
        (folder / f"m{start // 10}.yaml").write_text(text, encoding="utf-8")


def main() -> None:
    """Run everything and print the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--versions", type=int, nargs="+", default=[10, 1000])
    options.add_argument("--runs", type=int, default=5)
    given = options.parse_args()
    bare = (sys.executable, "-c", "pass")
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, median of {given.runs} runs in turns")
    print(f"{'what':40} {'CPU s':>8} {'wall s':>8} {'MiB':>7}   {'beside':24} {'CPU s':>8} {'wall s':>8} {'MiB':>7}  {'CPU ratio':>9}")

    def row(what: str, beside: str, pair: list[tuple[float, float, float]]) -> None:
        (a, b, c), (x, y, z) = pair
        print(f"{what:40} {a:8.3f} {b:8.3f} {c:7.1f}   {beside:24} {x:8.3f} {y:8.3f} {z:7.1f}  {a / x:9.1f}", flush=True)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        row("leptonctl --help", "python -c pass", compare((*LEPTONCTL, "--help"), bare, folder, given.runs))
        for versions in given.versions:
            place = folder / str(versions)
            place.mkdir()
            project(place, versions)
            built = cost((*LEPTONCTL, "apply", "--yes"), place)
            print(f"{f'apply of {versions} versions, once':40} {built[0]:8.3f} {built[1]:8.3f} {built[2]:7.1f}", flush=True)
            pair = compare((*LEPTONCTL, "plan", "--detailed-exitcode"), bare, place, given.runs)
            row(f"no-op plan of {versions} versions", "python -c pass", pair)
        small = folder / "small"
        small.mkdir()
        project(small, 1)
        (small / "fit.py").write_text(PLAIN_FIT, encoding="utf-8")
        pair = compare((*LEPTONCTL, "apply", "--yes"), (sys.executable, "fit.py"), small, given.runs, before=(".leptonctl",))
        row("apply of one small fit", "plain scikit-learn fit", pair)


if __name__ == "__main__":
    main()
