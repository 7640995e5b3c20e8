"""YAML text -> PyYAML's nodes, read from libyaml's events, within a limit of depth. Resolves no tags."""

from typing import Any

from yaml.error import Mark
from yaml.nodes import Node

from leptonctl.language.yaml12_errors import MAX_DEPTH

try:
    from yaml.cyaml import CParser as _Events  # type: ignore[attr-defined]
except ImportError:  # libyaml is missing: slower, same nodes
    from yaml.composer import Composer
    from yaml.parser import Parser
    from yaml.reader import Reader
    from yaml.scanner import Scanner

    class _Events(Reader, Scanner, Parser, Composer):  # type: ignore[no-redef]
        """The pure Python equivalent of CParser."""

        def __init__(self, text: str) -> None:
            Reader.__init__(self, text)
            Scanner.__init__(self)
            Parser.__init__(self)
            Composer.__init__(self)


class TooDeepError(Exception):
    def __init__(self, mark: Mark) -> None:
        self.mark = mark
        super().__init__("too deep")


class NodeReader(_Events):
    """Composes nodes. Instead of a resolved tag, a node carries (may be plain, may be quoted)."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = 0

    def resolve(self, _kind: type[Node], _value: str | None, implicit: object) -> object:
        return implicit

    def descend_resolver(self, parent: Node | None, _index: object) -> None:
        self.depth += 1
        # composing recurses on the C stack
        if self.depth > MAX_DEPTH and parent is not None:
            raise TooDeepError(parent.start_mark)

    def ascend_resolver(self) -> None:
        self.depth -= 1


def compose(text: str) -> list[Any]:
    """The nodes of a text that is known to be valid, for edits."""
    reader = NodeReader(text)
    nodes: list[Any] = []
    while reader.check_node():
        nodes.append(reader.get_node())
    return nodes
