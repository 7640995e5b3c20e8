"""Projects in temporary folders, and the command line run in them as a user does. Ports are free ones; a test that starts a server stops it."""

import atexit
import fcntl
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from leptonctl.commands.planning.saved_plan import text_digest
from leptonctl.core import layout
from leptonctl.core.codec import convert, decode, encode
from leptonctl.core.deployment import Deployment, Head, ServerRecord
from leptonctl.core.frozen import replace
from leptonctl.core.packed import decode_state, encode_state
from leptonctl.core.result import Result
from leptonctl.core.state import Environment, HistoryRecord, State
from leptonctl.storage.liveness import Sights, beats_file
from tests.forks import LEARNING_COMMANDS, Forks

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
COMMAND = (sys.executable, "-m", "leptonctl")
MODEL = """\
kind: Model
name: {name}
dataset: points@first
task: classification
preprocess: [{{columns: numeric, use: standard_scaler}}]
algorithm: logistic_regression
versions:
"""


def free_port() -> int:
    """A port for this process alone: nothing listens on it, and no other test run on this machine gets it while this one lasts."""
    for port in _PORTS:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("all ports are taken")


def _own_ports() -> Iterator[int]:
    """Ports below the range that outgoing connections use, in blocks that a lock reserves for this process."""
    folder = Path(tempfile.gettempdir()) / f"leptonctl-test-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    blocks = list(range(20000, 32700, BLOCK))
    first = os.getpid() % len(blocks)
    for block in [*blocks[first:], *blocks[:first]]:
        lock = os.open(folder / str(block), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # until this process ends
        except BlockingIOError:
            os.close(lock)
        else:
            yield from range(block, block + BLOCK)


BLOCK = 100
_PORTS = _own_ports()


def environment(**more: str) -> dict[str, str]:
    """The variables a command runs with."""
    inherited = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    return {**inherited, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NO_COLOR": "1", **more}


def run(*arguments: str, cwd: Path, timeout: float = 120, input: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """`leptonctl ARGUMENTS` in a folder, run to its end. More keywords are environment variables."""
    return command(arguments, cwd=cwd, timeout=timeout, input=input, variables=environment(**variables))


def command(
    arguments: Sequence[str], *, cwd: Path, variables: Mapping[str, str], timeout: float = 120, input: str = ""
) -> subprocess.CompletedProcess[str]:
    """`leptonctl ARGUMENTS` with exactly these variables: forked, or in a new interpreter if these variables would change it."""
    forks = _forks(learning=bool(arguments) and arguments[0] in LEARNING_COMMANDS)
    if forks.serves(variables):
        return forks.run(arguments, cwd=cwd, environment=variables, timeout=timeout, text=input)
    return subprocess.run(
        [*COMMAND, *arguments], cwd=cwd, env=variables, timeout=timeout, input=input, capture_output=True, text=True, check=False
    )


@cache
def _forks(*, learning: bool) -> Forks:
    forks = Forks(environment(), learning=learning)
    atexit.register(forks.close)
    return forks


def start(*arguments: str, cwd: Path, **variables: str) -> subprocess.Popen[str]:
    """`leptonctl ARGUMENTS` in a process group of its own, left running. The caller ends it."""
    return subprocess.Popen(
        [*COMMAND, *arguments], cwd=cwd, env=environment(**variables),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def events(output: str) -> list[dict]:
    """The JSON lines of `apply --json`."""
    return [json.loads(line) for line in output.splitlines() if line.strip()]


def finished(process: subprocess.CompletedProcess[str]) -> dict:
    """The last event of an apply or build."""
    last = events(process.stdout)[-1]
    assert last["type"] == "apply_finished", process.stdout + process.stderr
    return last


def state_of(root: Path) -> dict:
    """`show --json`, which must work."""
    shown = run("show", "--json", cwd=root)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    return json.loads(shown.stdout)


def served(root: Path, name: str) -> dict:
    """What `status --json` reports about one environment."""
    status = run("status", "--json", cwd=root)
    assert status.returncode == 0, status.stdout + status.stderr
    return next(e for e in json.loads(status.stdout)["environments"] if e["name"] == name)


def state_file(root: Path) -> Path:
    """The path of a project's state file."""
    return root / ".leptonctl" / "state" / "state.json"


def recorded(root: Path) -> State:
    """The state in that file."""
    return decode_state(state_file(root).read_bytes())


def record(root: Path, state: State) -> None:
    """Write another state into its file, without any of the checks."""
    state_file(root).write_bytes(encode_state(state))


def environment_of(root: Path, name: str) -> Environment:
    """An environment's record in the state."""
    return recorded(root).environments[name]


def stored(root: Path, path: str) -> Path:
    """The file in a project's store for a path of `leptonctl.core.layout`."""
    return root / ".leptonctl" / "store" / path


def head_of(root: Path, name: str) -> Head:
    """The head of an environment in the store."""
    return decode(stored(root, layout.head(recorded(root).lineage, name)).read_bytes(), Head)


def deployments_of(root: Path, name: str) -> dict[int, Deployment]:
    """The deployments of an environment that the store holds, by number."""
    folder = stored(root, layout.deployments(recorded(root).lineage, name))
    numbers = sorted(number for file in folder.iterdir() if (number := layout.deployment_number(file.name)) is not None)
    return {number: decode((folder / f"{number:0{layout.NUMBER_DIGITS}d}").read_bytes(), Deployment) for number in numbers}


def history_of(root: Path) -> list[HistoryRecord]:
    """The history from the first record to the newest. Every link must be there; the newest may be in the state alone."""
    state, found = recorded(root), []
    mark = state.history
    while mark is not None:
        file = stored(root, layout.history_record(state.lineage, mark.serial, mark.id))
        newest = state.latest if state.latest is not None and state.latest.id == mark.id and not file.exists() else None
        found.append(newest or decode(file.read_bytes(), HistoryRecord))
        mark = found[-1].previous
    return found[::-1]


def a_term_later(root: Path, holder: str) -> None:
    """Move the times at which this project's commands saw a holder's beat two minutes into the past."""
    file = beats_file(root / ".leptonctl" / "cache")
    sights = decode(file.read_bytes(), Sights)
    earlier = {name: replace(sight, since=sight.since - 120) for name, sight in sights.seen.items() if holder in name.split("/")}
    assert earlier, f"no command has seen the beat of {holder} yet"
    file.write_bytes(encode(replace(sights, seen={**sights.seen, **earlier})))


def result_of(root: Path, key: str) -> Result:
    """The result in force of a step key, from the store."""
    number = 1
    while stored(root, layout.result(key, number + 1)).exists():
        number += 1
    return decode(stored(root, layout.result(key, number)).read_bytes(), Result)


def ask(url: str, body: Mapping | None = None, timeout: float = 5) -> dict:
    """A JSON answer of a server: GET, or POST when there is a body."""
    data = json.dumps(body).encode() if body is not None else None
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"}), timeout=timeout) as answer:
        return json.loads(answer.read())


def status_record(url: str) -> ServerRecord:
    """What a server reports about itself."""
    return convert(ask(f"{url}/leptonctl/v1/status"), ServerRecord)


def copy_example(name: str, folder: Path, ports: Sequence[int] = ()) -> Path:
    """A copy of an example in `folder/name` whose environments have free ports (those given first, in the order of the files)."""
    root = folder / name
    shutil.copytree(EXAMPLES / name, root, ignore=shutil.ignore_patterns(".leptonctl", "__pycache__"))
    new_ports(root, ports)
    return root


def copy_of(root: Path, folder: Path) -> Path:
    """A copy of a project as a checkout of its own: it is not recorded as a copy, and has free ports."""
    left_out = {str(root / ".leptonctl"): {"folder", "servers"}}
    shutil.copytree(root, folder, ignore=lambda at, names: {*left_out.get(at, ()), ".temporary"} & set(names))
    new_ports(folder)
    return folder


def new_ports(root: Path, ports: Sequence[int] = ()) -> None:
    """Write free ports into the environments of a project (those given first, in the order of the files)."""
    left = list(ports)
    for file in sorted(root.rglob("*.y*ml")):
        text = file.read_text(encoding="utf-8")
        file.write_text(re.sub(r"port: \d+", lambda _: f"port: {left.pop(0) if left else free_port()}", text), encoding="utf-8")


def points(rows: int = 80, seed: int = 1) -> str:
    """A table of two numbers and the side of a line they lie on, a few rows with the wrong side."""
    draw = random.Random(seed)
    lines = ["x,y,side"]
    for _ in range(rows):
        x, y = draw.uniform(0, 10), draw.uniform(0, 10)
        lines.append(f"{x:.3f},{y:.3f},{'above' if y + draw.uniform(-1, 1) > x else 'below'}")
    return "\n".join(lines) + "\n"


def tiny_project(
    folder: Path,
    models: Mapping[str, Mapping[str, str]] | None = None,
    environments: Mapping[str, str] | None = None,
    *,
    rows: int = 80,
    project: str = "",
    workers: int = 1,
) -> Path:
    """A project of small models in `folder/project`.

    models: name -> version -> the rest of its line as YAML flow (`{}`). environments: name -> further lines of its document, with
    its models; `platform:` is added with a free port. project: further lines of leptonctl.yaml. workers: processes that build at a
    time; each imports all of scikit-learn, which is most of the cost of a small build.
    """
    root = folder / "project"
    (root / "data").mkdir(parents=True)
    (root / "data" / "points.csv").write_text(points(rows), encoding="utf-8")
    (root / "leptonctl.yaml").write_text(
        f"kind: Project\nname: tiny\nformat: 1\nexecutor: {{parallelism: {workers}}}\n{project}", encoding="utf-8"
    )
    (root / "data.yaml").write_text(
        "kind: Dataset\nname: points\ntarget: side\nversions:\n  first: {source: data/points.csv}\n", encoding="utf-8"
    )
    if models is None:
        models = {"line": {"v1": "{}", "v2": "{params: {C: 0.5}}"}}
    if environments is None:
        environments = {"dev": "models: {line: v1}"}
    for name, versions in models.items():
        text = MODEL.format(name=name) + "".join(f"  {version}: {rest}\n" for version, rest in versions.items())
        (root / f"model-{name}.yaml").write_text(text, encoding="utf-8")
    for name, lines in environments.items():
        platform = f"platform: {{type: server, host: 127.0.0.1, port: {free_port()}}}"
        (root / f"environment-{name}.yaml").write_text(f"kind: Environment\nname: {name}\n{platform}\n{lines}\n", encoding="utf-8")
    return root


def edit(file: Path, old: str, new: str) -> None:
    """Replace a string that occurs exactly once in the file."""
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times in {file}"
    file.write_text(text.replace(old, new), encoding="utf-8")


def edit_plan(file: Path, **fields: object) -> None:
    """Change a saved plan and recompute the digest of its text."""
    plan = {**json.loads(file.read_text(encoding="utf-8")), **fields}
    plan["text"] = text_digest(plan)
    file.write_text(json.dumps(plan), encoding="utf-8")


def git(root: Path, *arguments: str) -> str:
    """Run git in a project, with an author."""
    who = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *who, *arguments], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def commit(root: Path, message: str = "Change") -> str:
    """Commit everything (the first time: make the repository); the new commit's hash."""
    if not (root / ".git").exists():
        git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", message)
    return git(root, "rev-parse", "HEAD")


def processes(root: Path) -> dict[int, str]:
    """The living processes that name this folder in their command line or work in it: pid -> command line."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            folder = os.readlink(entry / "cwd")
        except OSError:
            continue
        if command and (str(root) in command or Path(folder).is_relative_to(root)):
            found[int(entry.name)] = command
    return found


def workers(root: Path) -> dict[int, str]:
    """The processes of a project that are not its servers."""
    return {pid: command for pid, command in processes(root).items() if "leptonctl.deploying.serve" not in command}


def stop_servers(root: Path) -> None:
    """Kill the processes of a project. Its state is not read again, so nothing need be undone."""
    deadline = time.monotonic() + 5
    while (left := processes(root)) and time.monotonic() < deadline:
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
