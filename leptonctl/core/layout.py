"""The paths of a store, for storage and servers. Pure: names to paths, and back.

`artifacts/`, `results/`, `recipes/` and `keys/` are shared by all projects of a store; everything that changes is below
`projects/LINEAGE/`. Digests and step keys are `sha256:<hex>` or the bare hex. What is written once is stored flat in one folder:
files written together then need a single sync, and any file system finds a name among millions.
"""

import re
from urllib.parse import quote, unquote

IDENTITY = "identity"
"""The identity of the store, written once; a state names it."""
ARTIFACTS, RESULTS, RECIPES, PROJECTS, LINEAGES, KEYS = "artifacts", "results", "recipes", "projects", "lineages", "keys"
CONDEMNED, TOMBSTONES = "condemned", "tombstones"
UNBORN = "new-"
"""In place of a lineage, before the name of a project that has none yet."""
NUMBER_DIGITS = 8
DEPLOYMENT_PARTS = 5
HISTORY_CHUNK = 1000
"""History records share a folder by this many serials, so that the newest are found without listing all of them."""

_ARTIFACT = re.compile(ARTIFACTS + r"/([0-9a-f]{64})")
_RECIPE = re.compile(RECIPES + r"/([0-9a-f]{64})")
_RESULT = re.compile(RESULTS + r"/([0-9a-f]{64})(?:\.([1-9][0-9]*))?")
_CONDEMNED = re.compile(CONDEMNED + r"/([0-9a-f]{64})")
_HISTORY = re.compile(r"([0-9]{8,})-(.+)")


def artifact(digest: str) -> str:
    """An artifact, under the hex of its SHA-256."""
    return f"{ARTIFACTS}/{bare(digest)}"


def artifact_digest(path: str) -> str | None:
    """The digest of the artifact at a path; None for any other path."""
    match = _ARTIFACT.fullmatch(path)
    return None if match is None else f"sha256:{match[1]}"


def result(key: str, number: int = 1) -> str:
    """The record of a step key; from `number` 2 on, one made after an artifact of the previous one was lost."""
    return f"{RESULTS}/{bare(key)}" + ("" if number == 1 else f".{number}")


def result_key(path: str) -> tuple[str, int] | None:
    """Key and number of the result at a path; None for any other path."""
    match = _RESULT.fullmatch(path)
    return None if match is None else (f"sha256:{match[1]}", int(match[2] or 1))


def recipe(declaration: str) -> str:
    """A recipe, under the digest that pointers hold as `declaration`."""
    return f"{RECIPES}/{bare(declaration)}"


def recipe_digest(path: str) -> str | None:
    """The declaration whose recipe is at a path; None for any other path."""
    match = _RECIPE.fullmatch(path)
    return None if match is None else f"sha256:{match[1]}"


def key_mark(key_id: str) -> str:
    """The check mark of a privacy key."""
    return f"{KEYS}/{segment(key_id)}"


def lineages(project_name: str) -> str:
    """The folder that names the lineages begun under a project's name; a missing state is looked up there."""
    return f"{LINEAGES}/{segment(project_name)}"


def lineage_name(project_name: str, lineage: str) -> str:
    """One name in that folder. The lineage's `owner` is authoritative."""
    return f"{lineages(project_name)}/{segment(lineage)}"


def project(lineage: str) -> str:
    """The folder of everything that changes in one lineage."""
    return f"{PROJECTS}/{segment(lineage)}"


def owner(lineage: str) -> str:
    """The record of the project and the generation of its state that a lineage belongs to."""
    return f"{project(lineage)}/owner"


def roots(lineage: str) -> str:
    """The copy of a lineage's state as of its last move: what it refers to, for `gc` and to recover a lost state."""
    return f"{project(lineage)}/roots"


def references(lineage: str) -> str:
    """The folder of the results that builds and saved plans of a lineage refer to."""
    return f"{project(lineage)}/refs"


def reference(lineage: str, id: str) -> str:  # noqa: A002
    """One reference."""
    return f"{references(lineage)}/{segment(id)}"


def unborn(project_name: str) -> str:
    """Stands in for the lineage of a project that has not been applied yet, so that its references have a folder."""
    return f"{UNBORN}{project_name}"


def condemned_mark(digest: str) -> str:
    """The mark of an artifact that nothing refers to."""
    return f"{CONDEMNED}/{bare(digest)}"


def condemned_digest(path: str) -> str | None:
    """The digest of the artifact whose mark is at a path; None for any other path."""
    match = _CONDEMNED.fullmatch(path)
    return None if match is None else f"sha256:{match[1]}"


def lineage_of(path: str) -> str | None:
    """The lineage of an object below `projects/`; None for any other path."""
    parts = path.split("/")
    return name_from(parts[1]) if len(parts) > 2 and parts[0] == PROJECTS else None  # noqa: PLR2004 - projects, lineage, name


def history(lineage: str) -> str:
    """The folder of the history."""
    return f"{project(lineage)}/history"


def history_chunk(lineage: str, serial: int) -> str:
    """The folder of the history records near this serial."""
    return f"{history(lineage)}/{serial // HISTORY_CHUNK:0{NUMBER_DIGITS - 3}d}"


def history_record(lineage: str, serial: int, id: str) -> str:  # noqa: A002
    """A record of the history."""
    return f"{history_chunk(lineage, serial)}/{serial:0{NUMBER_DIGITS}d}-{segment(id)}"


def history_mark(path: str) -> tuple[int, str] | None:
    """Serial and id of the history record at a path; None for any other path."""
    match = _HISTORY.fullmatch(_name(path))
    return None if match is None else (int(match[1]), match[2])


def history_serial(path: str) -> int | None:
    """The serial of the history record at a path; None for any other path."""
    mark = history_mark(path)
    return None if mark is None else mark[0]


def deployments(lineage: str, environment: str) -> str:
    """The folder of an environment's deployments."""
    return f"{project(lineage)}/deployments/{segment(environment)}"


def all_deployments(lineage: str) -> str:
    """The folder of the deployments of all environments."""
    return f"{project(lineage)}/deployments"


def environment_of(path: str) -> str | None:
    """The environment of a deployment record or head at a path; None for any other path."""
    parts = path.split("/")
    is_part = len(parts) == DEPLOYMENT_PARTS and parts[0] == PROJECTS and parts[2] == "deployments"
    return name_from(parts[3]) if is_part and (parts[4] == "head" or parts[4].isdigit()) else None


def deployment(lineage: str, environment: str, number: int) -> str:
    """The immutable record of one deployment."""
    return f"{deployments(lineage, environment)}/{number:0{NUMBER_DIGITS}d}"


def head(lineage: str, environment: str) -> str:
    """The head, which names the deployment in force and the staged one; the fence (protocols 1)."""
    return f"{deployments(lineage, environment)}/head"


def servers(lineage: str, environment: str) -> str:
    """The folder of an environment's servers."""
    return f"{project(lineage)}/servers/{segment(environment)}"


def server(lineage: str, environment: str, id: str) -> str:  # noqa: A002
    """The record that a server writes about itself."""
    return f"{servers(lineage, environment)}/{segment(id)}"


def step_lease(key: str) -> str:
    """The lease of a step key."""
    return f"step/{bare(key)}"


def bare(digest: str) -> str:
    """The hex of a digest."""
    return digest.removeprefix("sha256:")


def segment(name: str) -> str:
    """A name that a user chose, as one path segment."""
    quoted = quote(name, safe="")
    return "%2E" + quoted[1:] if quoted.startswith(".") else quoted


def name_from(segment: str) -> str:
    """The name that a user chose, from its path segment."""
    return unquote(segment)


def deployment_number(path: str) -> int | None:
    """The number of the deployment at a path; None for any other path."""
    name = _name(path)
    return int(name) if name.isascii() and name.isdigit() else None


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def tombstone(digest: str) -> str:
    """The record that an artifact was purged; it refuses the same bytes."""
    return f"{TOMBSTONES}/{bare(digest)}"
