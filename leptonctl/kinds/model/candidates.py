"""The combinations that a search tries, in order: the product of lists, or draws. Pure: a draw is a function of seed and number.

A draw depends neither on how many there are nor on which other parameters are searched, so another trial changes no earlier one. Drawn
numbers have six digits, since the last bits of a logarithm differ between machines and a digest must not.
"""

import hashlib
import math
from collections.abc import Iterator, Mapping
from itertools import count, product
from typing import cast

from leptonctl.core.canonical import encode
from leptonctl.core.values import Json

BITS = 53
DIGITS = 6
MOST_DRAWS = 50
"""How many draws are made for each requested combination before the space counts as exhausted."""


def grid(space: Mapping[str, Json]) -> Iterator[dict[str, Json]]:
    """Every combination of lists; the last parameter by name changes first."""
    names = sorted(space)
    for values in product(*(cast("list[Json]", space[name]) for name in names)):
        yield dict(zip(names, values, strict=True))


def draws(space: Mapping[str, Json], seed: int, trials: int) -> Iterator[dict[str, Json]]:
    """Combinations drawn without repetition, until the space is exhausted."""
    visited: set[bytes] = set()
    limit = size(space)
    for number in count():
        if len(visited) == limit or number >= MOST_DRAWS * trials + 1000:
            return
        one = {name: _draw(space[name], f"{seed}/{number}/{name}") for name in sorted(space)}
        mark = encode(cast("Json", one))
        if mark not in visited:
            visited.add(mark)
            yield one


def size(space: Mapping[str, Json]) -> float:
    """How many combinations there are; infinity with a range of numbers."""
    return math.prod(_size(choices) for choices in space.values())


def is_range(choices: Json) -> bool:
    """Whether it is a range to draw from, not a list of values."""
    return isinstance(choices, dict)


def _size(choices: Json) -> float:
    if isinstance(choices, list):
        return len(choices)
    ends = cast("dict[str, list[float]]", choices)
    return ends["int"][1] - ends["int"][0] + 1 if "int" in ends else math.inf


def _draw(choices: Json, name: str) -> Json:
    """The value at a position in [0, 1) among the choices, which is a hash of the name."""
    bits = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> (64 - BITS)
    position = bits / (1 << BITS)
    if isinstance(choices, list):
        return choices[int(position * len(choices))]
    ((kind, (low, high)),) = cast("dict[str, list[float]]", choices).items()
    if kind == "int":
        return int(low) + int(position * (int(high) - int(low) + 1))
    value = low + position * (high - low) if kind == "uniform" else low * (high / low) ** position
    return min(max(float(f"{value:.{DIGITS}g}"), low), high)
