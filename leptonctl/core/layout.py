"""Where things lie in a store: the one place that storage and servers share. Pure: names in, paths out.

`artifacts/` and `results/` are shared by content among all projects of a store, as are `recipes/` and `keys/`; everything
that moves lies under `projects/LINEAGE/`. Digests and step keys are `sha256:<hex>` or the bare hex.
"""

from urllib.parse import quote, unquote

IDENTITY = "identity"
"""Which store this is, written once; a state names it."""
ARTIFACTS, RESULTS, RECIPES, PROJECTS = "artifacts", "results", "recipes", "projects"
NUMBER_DIGITS = 8


def artifact(digest: str) -> str:
    """Bytes, under the hex of their SHA-256."""
    name = bare(digest)
    return f"{ARTIFACTS}/{name[:2]}/{name}"


def result(key: str, number: int = 1) -> str:
    """The record of a step key; from `number` 2 on one that was made after an artifact of the one before was lost."""
    name = bare(key)
    return f"{RESULTS}/{name[:2]}/{name}" + ("" if number == 1 else f".{number}")


def recipe(declaration: str) -> str:
    """What was declared, under the digest that pointers name."""
    name = bare(declaration)
    return f"{RECIPES}/{name[:2]}/{name}"


def key_mark(key_id: str) -> str:
    """The check mark of a privacy key."""
    return f"keys/{segment(key_id)}"


def project(lineage: str) -> str:
    """The folder of all that moves for one lineage."""
    return f"{PROJECTS}/{segment(lineage)}"


def owner(lineage: str) -> str:
    """Which project and which generation of its state a lineage belongs to."""
    return f"{project(lineage)}/owner"


def history(lineage: str, serial: int = -1, id: str = "") -> str:  # noqa: A002
    """A record of the history; the folder of all without a serial."""
    folder = f"{project(lineage)}/history"
    return folder if serial < 0 else f"{folder}/{serial:0{NUMBER_DIGITS}d}-{segment(id)}"


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


def digest_of(path: str) -> str:
    """The digest that the last segment of an artifact's path is named after."""
    return "sha256:" + path.rpartition("/")[2]


def segment(name: str) -> str:
    """A user's word as one path segment."""
    quoted = quote(name, safe="")
    return "%2E" + quoted[1:] if quoted.startswith(".") else quoted


def word(segment_: str) -> str:
    """The user's word that a segment stands for."""
    return unquote(segment_)


def numbered(path: str) -> int | None:
    """The number that the last segment of a deployment's path is, or None."""
    name = path.rpartition("/")[2]
    return int(name) if name.isascii() and name.isdigit() else None
