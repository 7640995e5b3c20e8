"""Which step makes the package of a model version, which is evaluated, compared, bound and served. Pure.

`export` makes it, whatever its op. If the version declares `threshold` or `calibrate`, `decide` makes the final package from that.
Only this module names the step; everything else asks it.
"""

from collections.abc import Collection

from leptonctl.core.manifest import MANIFEST_FILE
from leptonctl.core.result import Result
from leptonctl.core.state import Pointer
from leptonctl.core.values import Node, Step

EXPORT, DECIDE = "export", "decide"


def package_name(steps: Collection[str]) -> str:
    """The name of the step that makes the package, among the names of a version's steps."""
    return DECIDE if DECIDE in steps else EXPORT


def package_step(node: Node) -> Step:
    """The step of a version's node that makes its package. Raises StopIteration for a node that has none."""
    return node.step(package_name([step.name for step in node.steps]))


def package_key(pointer: Pointer) -> str | None:
    """The key of the result with the package of a version or a binding; None for a pointer to something else."""
    return pointer.key(package_name(pointer.steps))


def holds_package(result: Result) -> bool:
    """Whether a result has the files of a package, whatever step made it."""
    return MANIFEST_FILE in result.artifacts
