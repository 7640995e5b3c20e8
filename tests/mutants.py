"""Small faults put into the code that moves environments and keeps what was built, one at a time: does a test notice? Run by name.

    python -m tests.mutants [--count 200] [--seed 7] [--only FILE …] [--jobs 1]

Each mutant is one edit in a copy of the checkout, in which tests run until one fails: first those that run its line in their own process, the
fastest first, then those that start commands and servers. It is killed when a test fails or takes too long. About an hour on two cores; a verdict
is kept in `.pytest_cache` while what it depends on is the same, so that a second run plays the survivors again.

Of our own, since our tests start processes: mutmut switches mutants inside the process of pytest, so that no command which a test starts has one;
cosmic-ray runs one fixed command for all, where the nearest tests are a hundred times faster than all of them.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from queue import SimpleQueue

from tests.mutations import Mutant, sample
from tests.projects import stop_servers
from tests.quick import CHECKOUT

CACHE = CHECKOUT / ".pytest_cache" / "v" / "leptonctl" / "mutants.json"
EQUIVALENT = Path(__file__).with_name("mutants_equivalent.txt")
Lines = Mapping[str, Mapping[str, list[str]]]
"""File -> line -> the tests that run it, as `tests.traced` writes it."""
SECONDS = 1800
"""For all tests of one mutant; a single test has a minute."""
TRACED = (
    "kinds storage core/test_diff commands/applying"
    " deploying/test_switch deploying/test_wanted deploying/test_interrupted deploying/test_heal"
)
"""Tests that call the code in their own process: of these, a mutant meets those that run its line, the fastest first."""
FAR = {
    "deploying": "deploying/test_switch deploying/test_heal laws/test_interleavings deploying/test_server laws/test_switch_crash"
    " laws/test_returns laws/test_drift",
    "storage": "storage/test_folder storage/test_store storage/test_state storage/test_standing laws/test_interleavings laws/test_damage"
    " laws/test_concurrent",
    "kinds": "e2e/test_gates laws/test_protection laws/test_returns laws/test_way_back laws/test_frozen",
    "commands": "test_output_schemas commands/test_rollback e2e/test_gates laws/test_returns laws/test_drift commands laws/test_interrupt",
}
"""Package -> tests that start processes, whole commands and servers. Those with the name of the mutated file come before them."""


def files_of(names: Iterable[str]) -> list[str]:
    """The files of test modules and of folders of them."""
    paths = [CHECKOUT / "tests" / name for name in names]
    files = [file for path in paths for file in (sorted(path.rglob("test_*.py")) or [path.with_suffix(".py")]) if file.exists()]
    return [str(file.relative_to(CHECKOUT)) for file in dict.fromkeys(files)]


def stages(mutant: Mutant, lines: Lines) -> tuple[list[str], list[str]]:
    """The tests that a mutant meets, in turn: those that run its line, then those that may run it in a process of their own."""
    _, package, *room = Path(mutant.file).parent.parts
    name, mirror = Path(mutant.file).stem, "/".join((package, *room))
    near = dict.fromkeys(test for line in mutant.lines for test in lines.get(mutant.file, {}).get(str(line), ()))
    own = [f"{mirror}/test_{stem}" for stem in (name, name.removesuffix("s"), name.partition("_")[0])]
    return list(near), files_of([*own, *FAR[package].split()])


def play(mutant: Mutant, copy: Path, tests: Iterable[list[str]]) -> str:
    """The test that failed with this mutant in a copy of the checkout, "" when none did. `tests`: those that run together, in turn."""
    file = copy / mutant.file
    original = file.read_bytes()
    file.write_bytes(mutant.text)
    for compiled in (file.parent / "__pycache__").glob(f"{file.stem}.*.pyc"):
        compiled.unlink()  # an edit within one second may leave size and time as they were
    try:
        return next(filter(None, (failing(copy, together, copy.parent / "tests") for together in tests if together)), "")
    finally:
        file.write_bytes(original)
        for compiled in (file.parent / "__pycache__").glob(f"{file.stem}.*.pyc"):
            compiled.unlink()


def failing(root: Path, tests: list[str], folder: Path, *more: str) -> str:
    """The first of the tests of a checkout that fails, "" when all pass. They may write into `folder`; `more`: options of pytest."""
    options = ["-q", "-x", "-n0", "-p", "no:randomly", "-p", "no:cacheprovider", "--timeout=60", f"--basetemp={folder}", *more]
    run = subprocess.Popen(
        [sys.executable, "-m", "pytest", *options, *tests], cwd=root, env={**os.environ, "PYTHONPATH": str(root)},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
    )  # fmt: skip
    try:
        output, _ = run.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        run.kill()
        return "hangs"
    finally:
        stop_servers(folder)
    failed = [line.split()[1] for line in output.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    # a test that noticed it once may have another name by now
    passed = run.returncode == 0 or (run.returncode == 4 and " not found:" in output)
    return "" if passed else failed[0] if failed else f"pytest ends with {run.returncode}"


def hashes() -> dict[str, str]:
    """The files that a verdict depends on, with the hash of each."""
    files = [file for part in ("leptonctl", "tests", "examples") for file in sorted((CHECKOUT / part).rglob("*")) if file.is_file()]
    return {str(file.relative_to(CHECKOUT)): sha256(file.read_bytes()).hexdigest()[:16] for file in files if file.suffix != ".pyc"}


def known(verdict: Mapping[str, str], file: str, now: Mapping[str, str], tree: str) -> bool:
    """Whether a verdict still holds: killed while the file and the test that noticed are the same, alive while everything is."""
    test = verdict["by"].partition("::")[0]
    return verdict["tree"] == tree or (bool(verdict["by"]) and verdict["file"] == now[file] and verdict["test"] == now.get(test, ""))


def equivalents() -> dict[str, str]:
    """Mutants that do the same as the original, or as good: name -> the reason, which is the indented line below it."""
    lines = [line for line in EQUIVALENT.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return {name: reason.strip() for name, reason in zip(lines[::2], lines[1::2], strict=True)}


def trace(folder: Path) -> Lines:
    """The tests that run each line of the mutated files."""
    os.environ["MUTANTS_LINES"] = str(folder / "lines.json")
    broken = failing(CHECKOUT, files_of(TRACED.split()), folder / "tests", "-p", "tests.traced")
    if broken:
        sys.exit(f"{broken} fails without a mutant")
    lines: Lines = json.loads((folder / "lines.json").read_text(encoding="utf-8"))
    return lines


def play_all(mutants: list[Mutant], jobs: int, last: Mapping[str, str]) -> Iterator[tuple[Mutant, str]]:
    """Every mutant with the test that noticed it. `last`: name -> the one that did before, which is asked first."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder, ThreadPoolExecutor(jobs) as pool:
        lines = trace(Path(folder))
        free: SimpleQueue[Path] = SimpleQueue()
        for number in range(jobs):
            free.put(Path(folder) / str(number) / "checkout")
            shutil.copytree(CHECKOUT, Path(folder) / str(number) / "checkout", ignore=shutil.ignore_patterns(".git", ".*_cache", ".venv"))

        def one(mutant: Mutant) -> str:
            copy = free.get()
            try:
                before = last.get(mutant.name, "")
                return play(mutant, copy, [[before] if "::" in before else [], *stages(mutant, lines)])
            finally:
                free.put(copy)

        yield from zip(mutants, pool.map(one, mutants), strict=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", nargs="+", default=[], metavar="FILE", help="of the sample, the mutants of these files")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    now, same = hashes(), equivalents()
    tree = sha256(json.dumps(now).encode()).hexdigest()[:16]
    cache: dict[str, dict[str, str]] = json.loads(CACHE.read_text(encoding="utf-8")) if CACHE.exists() else {}
    mutants = [m for m in sample(options.count, options.seed) if not options.only or any(m.file.endswith(name) for name in options.only)]
    left = [m for m in mutants if m.name not in same and not (m.name in cache and known(cache[m.name], m.file, now, tree))]
    last = {name: verdict["by"] for name, verdict in cache.items()}
    for number, (mutant, by) in enumerate(play_all(left, options.jobs, last), 1):
        cache[mutant.name] = {"by": by, "file": now[mutant.file], "test": now.get(by.partition("::")[0], ""), "tree": tree}
        CACHE.parent.mkdir(parents=True, exist_ok=True)
        CACHE.write_text(json.dumps(cache, indent=1), encoding="utf-8")
        print(f"{number}/{len(left)} {'killed' if by else 'ALIVE '} {mutant.name}{f': {by}' if by else ''}", flush=True)
    killers = sorted({verdict["by"] for m in left if "::" in (verdict := cache[m.name])["by"]})
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        broken = failing(CHECKOUT, killers, Path(folder)) if killers else ""
    if broken:
        print(f"{broken} fails without a mutant too: what it killed means nothing")
        return 2
    return report(mutants, {m.name: cache[m.name]["by"] for m in mutants if m.name not in same}, same)


def report(mutants: list[Mutant], verdicts: Mapping[str, str], same: Mapping[str, str]) -> int:
    """Print the survivors, and the totals by file. 1 when fewer than 95 % of those that are not equivalent were killed."""
    alive = [m for m in mutants if m.name in verdicts and not verdicts[m.name]]
    for mutant in alive:
        print(f"\n{mutant.file}:{mutant.lines.start}\n- {mutant.before}\n+ {mutant.after}\n  {mutant.name}")
    print(f"\n{'file':42} {'killed':>6} {'alive':>6} {'equivalent':>10}")
    for file in dict.fromkeys(m.file for m in sorted(mutants, key=lambda m: m.file)):
        of = [m.name for m in mutants if m.file == file]
        killed, lives = sum(bool(verdicts.get(name)) for name in of), sum(verdicts.get(name) == "" for name in of)
        print(f"{file:42} {killed:6} {lives:6} {len(of) - killed - lives:10}")
    share = 1 - len(alive) / max(1, len(verdicts))
    print(f"\n{len(verdicts) - len(alive)} of {len(verdicts)} killed: {share:.1%}; {len(mutants) - len(verdicts)} equivalent ones left out")
    return int(share < 0.95)


if __name__ == "__main__":
    sys.exit(main())
