"""Where things lie in a store: the one place that storage and servers share. Pure: names in, paths out, and back.

`artifacts/` and `results/` are shared by content among all projects of a store, as are `recipes/` and `keys/`; everything
that moves lies under `projects/LINEAGE/`. Digests and step keys are `sha256:<hex>` or the bare hex. What is written once lies
flat in its folder: what is written together then waits for the medium once, and any file system finds a name among millions.
"""

import re
from urllib.parse import quote, unquote

IDENTITY = "identity"
"""Which store this is, written once; a state names it."""
ARTIFACTS, RESULTS, RECIPES, PROJECTS, LINEAGES, KEYS = "artifacts", "results", "recipes", "projects", "lineages", "keys"
NUMBER_DIGITS = 8
HISTORY_CHUNK = 1000
"""Serials whose history records share a folder, so that neither reading nor checking the newest lists all of them."""

_ARTIFACT = re.compile(ARTIFACTS + r"/([0-9a-f]{64})")
_RESULT = re.compile(RESULTS + r"/([0-9a-f]{64})(?:\.([1-9][0-9]*))?")
_HISTORY = re.compile(r"([0-9]{8,})-(.+)")


def artifact(digest: str) -> str:
    """Bytes, under the hex of their SHA-256."""
    return f"{ARTIFACTS}/{bare(digest)}"


def artifact_digest(path: str) -> str | None:
    """The digest of the artifact at a path; None for what is not an artifact's path."""
    found = _ARTIFACT.fullmatch(path)
    return None if found is None else f"sha256:{found[1]}"


def result(key: str, number: int = 1) -> str:
    """The record of a step key; from `number` 2 on one that was made after an artifact of the one before was lost."""
    return f"{RESULTS}/{bare(key)}" + ("" if number == 1 else f".{number}")


def result_key(path: str) -> tuple[str, int] | None:
    """Key and number of the record at a path; None for what is not a result's path."""
    found = _RESULT.fullmatch(path)
    return None if found is None else (f"sha256:{found[1]}", int(found[2] or 1))


def recipe(declaration: str) -> str:
    """What was declared, under the digest that pointers name."""
    return f"{RECIPES}/{bare(declaration)}"


def key_mark(key_id: str) -> str:
    """The check mark of a privacy key."""
    return f"{KEYS}/{segment(key_id)}"


def lineages(project_name: str) -> str:
    """The folder that names the lineages begun under a project's name: where a missing state is looked for."""
    return f"{LINEAGES}/{segment(project_name)}"


def lineage_name(project_name: str, lineage: str) -> str:
    """One of them. What holds is the `owner` of the lineage."""
    return f"{lineages(project_name)}/{segment(lineage)}"


def project(lineage: str) -> str:
    """The folder of all that moves for one lineage."""
    return f"{PROJECTS}/{segment(lineage)}"


def owner(lineage: str) -> str:
    """Which project and which generation of its state a lineage belongs to."""
    return f"{project(lineage)}/owner"


def history(lineage: str) -> str:
    """The folder of the history."""
    return f"{project(lineage)}/history"


def history_chunk(lineage: str, serial: int) -> str:
    """The folder of the history records of some serials, this one among them."""
    return f"{history(lineage)}/{serial // HISTORY_CHUNK:0{NUMBER_DIGITS - 3}d}"


def history_record(lineage: str, serial: int, id: str) -> str:  # noqa: A002
    """A record of the history."""
    return f"{history_chunk(lineage, serial)}/{serial:0{NUMBER_DIGITS}d}-{segment(id)}"


def history_mark(path: str) -> tuple[int, str] | None:
    """Serial and id of the history record at a path; None for what is not a history record's path."""
    found = _HISTORY.fullmatch(_name(path))
    return None if found is None else (int(found[1]), found[2])


def history_serial(path: str) -> int | None:
    """The serial of the history record at a path; None for what is not a history record's path."""
    found = history_mark(path)
    return None if found is None else found[0]


def deployments(lineage: str, environment: str) -> str:
    """The folder of an environment's deployments."""
    return f"{project(lineage)}/deployments/{segment(environment)}"


def deployment(lineage: str, environment: str, number: int) -> str:
    """The immutable record of one deployment."""
    return f"{deployments(lineage, environment)}/{number:0{NUMBER_DIGITS}d}"


def head(lineage: str, environment: str) -> str:
    """What names the deployment in force and the one that is staged; the fence (protocols 1)."""
    return f"{deployments(lineage, environment)}/head"


def servers(lineage: str, environment: str) -> str:
    """The folder of an environment's servers."""
    return f"{project(lineage)}/servers/{segment(environment)}"


def server(lineage: str, environment: str, id: str) -> str:  # noqa: A002
    """What one server says of itself."""
    return f"{servers(lineage, environment)}/{segment(id)}"


def step_lease(key: str) -> str:
    """The lease of a step key."""
    return f"step/{bare(key)}"


def bare(digest: str) -> str:
    """The hex of a digest."""
    return digest.removeprefix("sha256:")


def segment(name: str) -> str:
    """A user's word as one path segment."""
    quoted = quote(name, safe="")
    return "%2E" + quoted[1:] if quoted.startswith(".") else quoted


def word(segment_: str) -> str:
    """The user's word that a segment stands for."""
    return unquote(segment_)


def numbered(path: str) -> int | None:
    """The number that the last segment of a deployment's path is, or None."""
    name = _name(path)
    return int(name) if name.isascii() and name.isdigit() else None


def _name(path: str) -> str:
    return path.rpartition("/")[2]
