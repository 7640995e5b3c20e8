"""Splits that are impossible: two ways to split one table, or classes without a target. Pure."""

from collections.abc import Iterator

from leptonctl.core.diagnostic import Diagnostic, error
from leptonctl.language.resolve import Declared

WAYS = ("column", "time", "by")
ONE = "remove one of the two"
NONE = "remove one of the two, or write `split: null` in the version that has a file of test rows"


def split_problems(declared: Declared, *, has_test: bool) -> Iterator[Diagnostic]:
    """What is wrong with the split. Of two ways, the error is at the one that would have no effect."""
    split = declared.fields.get("split")
    ways = [way for way in WAYS if isinstance(split, dict) and split.get(way) is not None]
    summary = "A table would be split in two ways"
    if has_test and split:
        detail = "`test` names the file of the test rows, so nothing is split, but there is `split` too"
        yield error("split-conflict", summary, detail, span=declared.key_at("split"), hint=NONE)
    elif len(ways) > 1:
        detail = f"`split` has `{ways[0]}` and `{ways[1]}`, but a table is split in one way"
        yield error("split-conflict", summary, detail, span=declared.key_at("split", ways[1]), hint=ONE)
    elif isinstance(split, dict) and split.get("stratify") is True and not declared.fields.get("target"):
        detail = "a stratified split keeps the share of each class of the target, and the dataset names no `target`"
        hint = "remove `stratify`, or add `target: COLUMN`"
        yield error(
            "split-impossible", "The rows cannot be split as declared", detail, span=declared.key_at("split", "stratify"), hint=hint
        )
