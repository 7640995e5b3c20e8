"""What was edited in a version since its recipe was recorded, and the lines that undo it. Pure."""

import json
from collections.abc import Mapping, Sequence

from leptonctl.core.address import parse, version_of
from leptonctl.core.change import Because
from leptonctl.core.diff import becauses
from leptonctl.core.frozen import replace
from leptonctl.core.store_records import Recipe
from leptonctl.core.values import Json, Node, Span
from leptonctl.kinds.model.decision import DECIDES
from leptonctl.kinds.model.recipes import recipe_keys
from leptonctl.kinds.model.warm import KEY, parent_name, parent_train_key, warm_start_of

AFTER_TRAINING = frozenset(("export", *DECIDES))
"""Fields of a version that do not matter to versions which continue from it."""

OF_DATASET = {"data.source.options.": "", "data.source.": "", "data.test_source.": "test.", "data.": ""}
"""Prefix of a field of the dataset in the recipe of a model -> its prefix in the dataset's document."""


def edits_since(recipe: Recipe, node: Node, nodes: Mapping[str, Node], before: Mapping[str, Recipe]) -> list[Because]:
    """The differences of a version from its recipe, also in the versions that it continues from.

    before: the recipes of these, by train key. A version whose recipe is missing there is an edit without a path.
    """
    edits = [edit for because in becauses(recipe, node) if (edit := _as_written(because)) is not None]
    name, train = parent_name(recipe.recipe), parent_train_key(recipe.recipe)
    parent = None if name is None else nodes.get(version_of("model", parse(node.address).name, name))
    if parent is None or train is None or recipe_keys(parent.recipe).train == train:
        return edits
    if train not in before:
        return [*edits, Because(path="", before=None, after=None, span=parent.span)]
    return [*edits, *(edit for edit in edits_since(before[train], parent, nodes, before) if _first(edit) not in AFTER_TRAINING)]


def keep_lines(edits: Sequence[Because]) -> str:
    """The lines that declare the version as recorded."""
    return "; ".join(dict.fromkeys(f"{_where(b.span)}{_line(b)}" for b in edits))


def _as_written(edit: Because) -> Because | None:
    """The edit of a recipe as an edit of the YAML. None for the train key of the version before, which the YAML does not have.

    What a recipe has below `data` is written in the dataset; reading options have no prefix there.
    """
    if edit.path == KEY:
        return replace(edit, before=warm_start_of({KEY: edit.before}), after=warm_start_of({KEY: edit.after}))
    start = next((start for start in OF_DATASET if edit.path.startswith(start)), "")
    return None if edit.path == f"{KEY}.train" else replace(edit, path=OF_DATASET.get(start, "") + edit.path.removeprefix(start))


def _first(edit: Because) -> str:
    return edit.path.partition(".")[0]


def _where(span: Span | None) -> str:
    return f"{span.file}:{span.line}: " if span is not None else ""


def _line(edit: Because) -> str:
    if not edit.path:
        return "undo the edit of this version"
    line = f"remove `{edit.path}`" if edit.before is None else f"write `{edit.path}: {_text(edit.before)}`"
    return f"{line} (now {_text(edit.after)})"


def _text(value: Json) -> str:
    return "left out" if value is None else json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list | bool) else str(value)
