"""Rules about the cells of one row, such as `start <= end`: parsed, limited in size and checked for types. Pure; evaluates none.

A rule has columns (in backquotes where a name is not a word), numbers, text in quotes, true and false; `+ - * /`; `< <= > >= == !=`;
`in [...]`, `is missing`; `and`, `or`, `not` and parentheses. There are no calls, so every rule terminates.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias

from leptonctl.core.date_formats import DATE_TYPES, pattern
from leptonctl.core.dates import order, read_moment
from leptonctl.core.frozen import Frozen

Kind: TypeAlias = Literal["number", "text", "boolean", "date", "unknown"]
Operation: TypeAlias = Literal[
    "column", "literal", "+", "-", "*", "/", "negative", "<", "<=", ">", ">=", "==", "!=", "in", "missing", "and", "or", "not"
]

LONGEST, MOST_TOKENS, DEEPEST = 500, 200, 30
ORDERS = ("<", "<=", ">", ">=")
COMPARISONS = (*ORDERS, "==", "!=")
WORDS = ("and", "or", "not", "in", "is", "missing", "true", "false")
NAMES: Mapping[str, Kind] = {
    "number": "number",
    "integer": "number",
    "boolean": "boolean",
    "string": "text",
    "date": "date",
    "datetime": "date",
}
TOKEN = re.compile(
    r"""[ \t]*(?:(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?)|(?P<word>[^\W\d]\w*(?:\.[^\W\d]\w*)*)|`(?P<column>[^`]+)`"""
    r"""|'(?P<single>[^']*)'|"(?P<double>[^"]*)"|(?P<sign><=|>=|==|!=|[-+*/<>()\[\],]))"""
)


class BadRule(ValueError):
    """What is wrong with a rule; `start` and `end` are positions in its text. `name`: the column that it concerns, if any."""

    def __init__(self, reason: str, start: int, end: int, hint: str = "", *, name: str = "") -> None:
        self.start, self.end, self.hint, self.name = start, max(end, start + 1), hint, name
        super().__init__(reason)


class Token(Frozen):
    """`kind` is number, text, column, word or sign."""

    kind: str
    text: str
    start: int
    end: int


class Term(Frozen):
    """A part of a rule: an operation and its operands. `value` is the name of a column or the value of a literal."""

    operation: Operation
    parts: tuple["Term", ...] = ()
    value: str | float | bool = ""
    start: int = 0
    end: int = 0

    def columns(self) -> Iterator["Term"]:
        """The columns in it, repeated as often as they occur."""
        if self.operation == "column":
            yield self
        for part in self.parts:
            yield from part.columns()


def parse(text: str) -> Term:
    """The rule as a tree of terms. Raises BadRule."""
    if len(text) > LONGEST:
        raise BadRule(f"a rule has at most {LONGEST} characters", LONGEST, len(text), "write several rules")
    tokens = list(_tokens(text))
    if len(tokens) > MOST_TOKENS:
        raise BadRule(f"a rule has at most {MOST_TOKENS} words and signs", tokens[MOST_TOKENS].start, len(text), "write several rules")
    reader = _Reader(tokens, len(text))
    rule = reader.disjunction()
    if reader.token is not None:
        raise reader.unexpected_token()
    return rule


def _tokens(text: str) -> Iterator[Token]:
    position, end = 0, len(text.rstrip(" \t"))
    while position < end:
        match = TOKEN.match(text, position)
        if match is None:
            at = position + len(text[position:]) - len(text[position:].lstrip(" \t"))
            hint = "write `==`" if text[at] == "=" else "close the quotes" if text[at] in "'\"`" else ""
            raise BadRule(f"a rule cannot have {text[at]} here", at, at + 1, hint)
        group = str(match.lastgroup)
        kind = "text" if group in ("single", "double") else group
        yield Token(kind=kind, text=match[group], start=match.start(group) - (group in ("single", "double", "column")), end=match.end())
        position = match.end()


class _Reader:
    """A recursive-descent parser: one method for each level of precedence, the loosest first."""

    def __init__(self, tokens: list[Token], length: int) -> None:
        self._tokens, self._position, self._length, self._depth = tokens, 0, length, 0

    @property
    def token(self) -> Token | None:
        return self._tokens[self._position] if self._position < len(self._tokens) else None

    def unexpected_token(self) -> BadRule:
        token = self.token
        if token is None:
            return BadRule("the rule ends too early", self._length, self._length + 1, "write a whole comparison, such as `start <= end`")
        hint = "put a column with such a name in backquotes: `" + token.text + "`" if token.kind == "word" else ""
        hint = f"write `{token.text.lower()}`" if token.text.lower() in WORDS and token.text not in WORDS else hint
        return BadRule(f"{token.text} is not expected here", token.start, token.end, hint)

    def _next(self, *texts: str) -> Token | None:
        token = self.token
        if token is None or token.kind not in ("word", "sign") or token.text not in texts:
            return None
        self._position += 1
        return token

    def _demand(self, text: str) -> Token:
        token = self._next(text)
        if token is None:
            raise self.unexpected_token()
        return token

    def disjunction(self) -> Term:
        self._depth += 1
        if self._depth > DEEPEST:
            at = self.token.start if self.token else self._length
            raise BadRule(f"a rule is at most {DEEPEST} deep", at, at + 1, "write several rules")
        term = self._conjunction()
        while self._next("or"):
            term = _binary("or", term, self._conjunction())
        self._depth -= 1
        return term

    def _conjunction(self) -> Term:
        term = self._negation()
        while self._next("and"):
            term = _binary("and", term, self._negation())
        return term

    def _negation(self) -> Term:
        words = []
        while (token := self._next("not")) is not None:
            words.append(token)
        term = self._comparison()
        for token in reversed(words):
            term = Term(operation="not", parts=(term,), start=token.start, end=term.end)
        return term

    def _comparison(self) -> Term:
        first = left = self._sum()
        term: Term | None = None
        while (sign := self._next(*COMPARISONS)) is not None:
            right = self._sum()
            part = Term(operation=sign.text, parts=(left, right), start=left.start, end=right.end)  # type: ignore[arg-type]
            term, left = part if term is None else _binary("and", term, part), right
        if term is not None:
            return term
        if self._next("is"):
            negative, last = self._next("not"), self._demand("missing")
            return _negate_if(Term(operation="missing", parts=(first,), start=first.start, end=last.end), negative)
        negative = self._next("not")
        if self._next("in"):
            return _negate_if(self._membership(first), negative)
        if negative is not None:
            raise self.unexpected_token()
        return first

    def _membership(self, first: Term) -> Term:
        self._demand("[")
        items = [self._atom()]
        while self._next(","):
            items.append(self._atom())
        for item in items:
            if item.operation != "literal":
                raise BadRule("a list has numbers, strings, true or false", item.start, item.end, "compare with `==` and join with `or`")
        return Term(operation="in", parts=(first, *items), start=first.start, end=self._demand("]").end)

    def _sum(self) -> Term:
        term = self._product()
        while (sign := self._next("+", "-")) is not None:
            term = _binary(sign.text, term, self._product())
        return term

    def _product(self) -> Term:
        term = self._atom()
        while (sign := self._next("*", "/")) is not None:
            term = _binary(sign.text, term, self._atom())
        return term

    def _atom(self) -> Term:
        token = self.token
        if (sign := self._next("-")) is not None:
            number = self.token
            if number is not None and number.kind == "number":
                self._position += 1
                return Term(operation="literal", value=-float(number.text), start=sign.start, end=number.end)
            self._depth += 1
            if self._depth > DEEPEST:
                raise BadRule(f"a rule is at most {DEEPEST} deep", sign.start, sign.end, "write several rules")
            part = self._atom()
            self._depth -= 1
            return Term(operation="negative", parts=(part,), start=sign.start, end=part.end)
        if self._next("("):
            term = self.disjunction()
            self._demand(")")
            return term
        if (word := self._next("true", "false")) is not None:
            return Term(operation="literal", value=word.text == "true", start=word.start, end=word.end)
        if token is None or token.kind == "sign" or (token.kind == "word" and token.text in WORDS):
            raise self.unexpected_token()
        self._position += 1
        if token.kind in ("number", "text"):
            value = float(token.text) if token.kind == "number" else token.text
            return Term(operation="literal", value=value, start=token.start, end=token.end)
        return Term(operation="column", value=token.text, start=token.start, end=token.end)


def _binary(operation: str, left: Term, right: Term) -> Term:
    return Term(operation=operation, parts=(left, right), start=left.start, end=right.end)  # type: ignore[arg-type]


def _negate_if(term: Term, negative: Token | None) -> Term:
    return term if negative is None else Term(operation="not", parts=(term,), start=term.start, end=term.end)


def check_types(rule: Term, columns: Mapping[str, Kind]) -> None:
    """Raises BadRule unless the rule is true or false and fits the types of its columns. Columns that are not listed may have any type."""
    kind = _kind(rule, columns)
    if kind not in ("boolean", "unknown"):
        raise BadRule(f"this is a {kind}, not a yes or no", rule.start, rule.end, "write a comparison, such as `start <= end`")


def _kind(term: Term, columns: Mapping[str, Kind]) -> Kind:
    kinds = [_kind(part, columns) for part in term.parts]
    operation = term.operation
    if operation == "column":
        return columns.get(str(term.value), "unknown")
    if operation == "literal":
        return "boolean" if isinstance(term.value, bool) else "text" if isinstance(term.value, str) else "number"
    if operation in ("and", "or", "not"):
        _demand_kind(term, kinds, "boolean", f"`{operation}` joins comparisons")
    elif operation in (*COMPARISONS, "in"):
        for part, kind in zip(term.parts[1:], kinds[1:], strict=True):
            _comparable(term, kinds[0], part, kind)
        if operation in ORDERS and "boolean" in kinds:
            raise BadRule("true and false have no order", term.start, term.end, "compare with `==` or `!=`")
    elif operation != "missing":
        _demand_kind(term, kinds, "number", "arithmetic is for numbers")
        return "number"
    return "boolean"


def _demand_kind(term: Term, kinds: list[Kind], expected: Kind, why: str) -> None:
    for part, kind in zip(term.parts, kinds, strict=True):
        if kind not in (expected, "unknown"):
            raise BadRule(f"this is a {kind}, but {why}", part.start, part.end)


def _comparable(term: Term, first: Kind, part: Term, kind: Kind) -> None:
    pair = {first, kind} - {"unknown"}
    literal = next((one for one in (part, term.parts[0]) if one.operation == "literal"), None)
    if pair == {"date", "text"} and literal is not None:
        iso_moment(literal)
    elif len(pair) > 1:
        raise BadRule(f"a {first} is compared with a {kind}", term.start, term.end, "compare a column with values of its own type")


def iso_moment(literal: Term) -> int:
    """A date or time in ISO 8601 as a number that grows with time. Raises BadRule."""
    for kind in DATE_TYPES:
        moment = read_moment(pattern(None, kind), str(literal.value))
        if moment is not None:
            return order(moment)
    raise BadRule(f"{literal.value} is not a date in ISO 8601", literal.start, literal.end, "write it as '2024-12-31'")
