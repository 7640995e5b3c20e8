"""An edit of the YAML as a unified diff."""

from collections.abc import Mapping
from difflib import unified_diff


def edit_diff(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """The difference between two texts of each file in `after`, by path. A file that is not in `before` is new."""
    lines: list[str] = []
    for file in sorted(after):
        old, new = before.get(file, "").splitlines(), after[file].splitlines()
        lines += unified_diff(old, new, f"a/{file}", f"b/{file}", lineterm="")
    return "\n".join(lines)
