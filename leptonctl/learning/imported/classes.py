"""The classes of an imported classifier in the order of its probabilities, as the target writes them. Pure."""

from collections.abc import Sequence

from leptonctl.core.frozen import Frozen
from leptonctl.learning.imported.outputs import Answer
from leptonctl.learning.imported.refusal import bad_classes
from leptonctl.spi.learning import Label


class Classes(Frozen):
    """`names`: the classes in the order of the scores. `own`: the graph's own names, None where it only gives their index.

    is_stated: the graph or the YAML says which is which; else the order is assumed to be the sorted one, and the answers must agree.
    """

    names: tuple[Label, ...]
    own: tuple[Label, ...] | None
    is_stated: bool

    @property
    def sorted(self) -> tuple[Label, ...]:
        """The classes in the order of every package."""
        return tuple(sorted(self.names))


def resolve_classes(answer: Answer, target: Sequence[Label], declared: Sequence[Label]) -> Classes:
    """The classes of an answer. `target`: those of the data, sorted; `declared`: `classes:`, () when absent.

    Raises ProviderError: import-classes.
    """
    own = answer.classes
    count = len(own) if own else answer.scores.width
    if count == 1:
        count = 2
    if declared:
        return _declared_classes(own, count, target, declared)
    if own is not None:
        return Classes(names=_meant_labels(own, target), own=own, is_stated=True)
    if count is not None and count != len(target):
        detail = f"The graph has {count} classes, the target {len(target)}: {_labels(target)}."
        raise bad_classes(detail, "list all its classes in the order of its probabilities: `classes: [FIRST, SECOND, …]`")
    if list(target) != list(range(len(target))):
        detail = f"The graph does not name the classes of its outputs; the target has {_labels(target)}."
        raise bad_classes(detail, "list them in the order of its probabilities: `classes: [FIRST, SECOND, …]`")
    return Classes(names=tuple(target), own=None, is_stated=False)


def _declared_classes(own: tuple[Label, ...] | None, count: int | None, target: Sequence[Label], declared: Sequence[Label]) -> Classes:
    missing = [label for label in target if label not in declared]
    if missing:
        detail = f"`classes` has no {_labels(missing)}, which the target has."
        raise bad_classes(detail, "list every class of the target, written as the target has it")
    if count is not None and count != len(declared):
        raise bad_classes(f"`classes` lists {len(declared)} classes, and the graph has {count}.", "list as many as the graph has")
    if own is not None and isinstance(own[0], str) and list(map(str, declared)) != list(own):
        raise bad_classes(
            f"`classes` is {_labels(declared)}, and the graph itself has {_labels(own)}.", "remove `classes`, or list them in this order"
        )
    return Classes(names=tuple(declared), own=own, is_stated=own is None or list(own) == list(declared))


def _meant_labels(own: tuple[Label, ...], target: Sequence[Label]) -> tuple[Label, ...]:
    """The graph's classes as the target writes them."""
    if {*target} <= {*own}:
        return own
    if {*map(str, target)} <= {*map(str, own)}:
        # the same classes, as text in one and as numbers in the other
        return own if isinstance(target[0], type(own[0])) else tuple(str(one) if isinstance(target[0], str) else int(one) for one in own)
    detail = f"The graph has the classes {_labels(own)}, and the target has {_labels(target)}."
    if len(own) == len(target):
        raise bad_classes(detail, f"list what each of {_labels(own)} means, in this order: `classes: [FIRST, SECOND, …]`")
    raise bad_classes(detail, "name a dataset with the target that the model was trained on")


def _labels(labels: Sequence[Label]) -> str:
    return ", ".join(map(str, labels[:8])) + (" …" if len(labels) > 8 else "")  # noqa: PLR2004
