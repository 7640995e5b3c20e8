"""The map in docs/architecture.md, drawn from the import graph: `python -m tests.architecture --update` writes it."""

import sys
import tomllib
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import grimp

CHECKOUT = Path(__file__).resolve().parent.parent
PAGE = CHECKOUT / "docs" / "architecture.md"
BEGIN, END = "<!-- begin: python -m tests.architecture --update -->", "<!-- end -->"
PACKAGE = "leptonctl"
# nearly every package imports these two: their arrows would hide all others
EVERYWHERE = ("spi", "core")
Arrows = Mapping[tuple[str, str], int]


def layers() -> tuple[str, ...]:
    """The packages from top to bottom, as the import contract lists them."""
    contracts = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    (listed,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    # packages of one layer are written as `cli | library`
    return tuple(name.strip() for layer in listed for name in layer.split("|"))


def arrows() -> dict[tuple[str, str], int]:
    """(package, package that it imports) -> how many imports, those inside functions and for type checking included."""
    graph = grimp.build_graph(PACKAGE, cache_dir=None)
    found = Counter(
        (package_of(module), package_of(imported))
        for module in graph.modules
        for imported in graph.find_modules_directly_imported_by(module)
    )
    known = set(layers())
    return {arrow: count for arrow, count in found.items() if arrow[0] != arrow[1] and known.issuperset(arrow)}


def package_of(module: str) -> str:
    return module.removeprefix(PACKAGE).lstrip(".").partition(".")[0]


def drawing(order: tuple[str, ...], found: Arrows) -> str:
    """The map as Mermaid. A dotted arrow points upwards: the contract makes an exception for it."""
    lines = ["```mermaid", "flowchart TD"]
    drawn: set[str] = set()
    for upper in order:
        for lower in order:
            if (upper, lower) in found and lower not in EVERYWHERE:
                down = order.index(upper) < order.index(lower)
                lines.append(f"  {upper} {'-->' if down else '-.->'} {lower}")
                drawn |= {upper, lower}
    # an invisible link keeps a package without arrows at its place
    lines += [f"  {above} ~~~ {name}" for above, name in pairwise(order) if name not in drawn]
    lines += ["```", ""]
    for name in EVERYWHERE:
        users = [package for package in order if (package, name) in found]
        rest = [package for package in order if package not in {*users, name}]
        except_by = f"; not by {', '.join(f'`{package}`' for package in rest)}" if 0 < len(rest) < len(order) else ""
        lines.append(f"- Not drawn: arrows to `{name}`, which {len(users)} packages import{except_by}.")
    return "\n".join(lines) + "\n"


def written(page: str, block: str) -> str:
    """The page with the block between its marks."""
    before, _, rest = page.partition(f"{BEGIN}\n")
    _, mark, after = rest.partition(END)
    if not mark:
        msg = f"{PAGE.name} has no {BEGIN} … {END}"
        raise ValueError(msg)
    return f"{before}{BEGIN}\n{block}{END}{after}"


if __name__ == "__main__":
    if sys.argv[1:] != ["--update"]:
        sys.exit("usage: python -m tests.architecture --update")
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), drawing(layers(), arrows())), encoding="utf-8")
