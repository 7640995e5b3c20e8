"""Addresses: built and taken apart here and nowhere else.

`KIND/NAME` is a document, `KIND/NAME@VERSION` a version of it, `KIND/NAME/MEMBER` a part of it (the binding of a model in an
environment). Values carry an address as its text, which is what state and JSON hold.
"""

from collections.abc import Collection, Iterable, Iterator

from leptonctl.core.diagnostic import Diagnostic, Failure, did_you_mean, error, fail
from leptonctl.core.frozen import Frozen


class Address(Frozen):
    """The parts of an address. `kind` in lower case; version and member are None where there is none."""

    kind: str
    name: str
    version: str | None = None
    member: str | None = None

    def __str__(self) -> str:
        version = f"@{self.version}" if self.version is not None else ""
        member = f"/{self.member}" if self.member is not None else ""
        return f"{self.kind}/{self.name}{version}{member}"


def parse(text: str) -> Address:
    """The parts of an address's text."""
    kind, _, rest = text.partition("/")
    whole, slash, member = rest.partition("/")
    name, at, version = whole.partition("@")
    return Address(kind=kind, name=name, version=version if at else None, member=member if slash else None)


def document(kind: str, name: str) -> str:
    """The address of a whole document."""
    return f"{kind}/{name}"


def version_of(kind: str, name: str, version: str) -> str:
    """The address of one version of a document."""
    return f"{kind}/{name}@{version}"


def member_of(kind: str, name: str, member: str) -> str:
    """The address of a part of a document."""
    return f"{kind}/{name}/{member}"


def family(text: str) -> str:
    """The address less its version: what a version shares with its sisters."""
    return text.partition("@")[0]


def covers(whole: str, text: str) -> bool:
    """Whether `whole` is this address, or a document that it is a version or a part of."""
    return text == whole or text.startswith((whole + "/", whole + "@"))


def wholes(text: str) -> Iterator[str]:
    """All that covers an address, itself included: what `covers` says yes to."""
    yield text
    for index, letter in enumerate(text):
        if letter in "/@":
            yield text[:index]


def short(text: str) -> str:
    """The address without its kind: `NAME@VERSION`."""
    return text.partition("/")[2]


def environment_and_member(written: str) -> tuple[str, str]:
    """`ENV` or `ENV/MEMBER`, with or without its kind, as (ENV, MEMBER or "")."""
    found = parse(written)
    if found.kind != "environment" or found.name == "":
        found = parse(f"environment/{written}")
    return found.name, found.member or ""


def full(written: str, known: Collection[str], kinds: Iterable[str]) -> str:
    """What a person means: `m@v` is `model/m@v`, `prod/m` is `environment/prod/m`. Failure where that is not clear."""
    if _known_as(written, known):
        return written
    meant = [f"{kind}/{written}" for kind in kinds if _known_as(f"{kind}/{written}", known)]
    if len(meant) > 1:
        detail = f"{written} may be {' or '.join(meant)}"
        raise fail("ambiguous-address", "More than one thing has this name", detail, hint=f"write {meant[0]}")
    return meant[0] if meant else written


def expand(written: Iterable[str], known: Collection[str], kinds: Iterable[str]) -> list[str]:
    """The known addresses that are meant: a model is its versions, an environment its bindings. Failure when one is not known."""
    order = tuple(kinds)
    wanted = [full(text, known, order) for text in written]
    unknown = [_unknown(text, known) for text in wanted if not any(covers(text, other) for other in known)]
    if unknown:
        raise Failure(unknown)
    return sorted(text for text in known if any(covers(one, text) for one in wanted))


def _known_as(text: str, known: Collection[str]) -> bool:
    return text in known or any(other.startswith(text + "@") for other in known)


def _unknown(text: str, known: Collection[str]) -> Diagnostic:
    return error("unknown-address", "No such address", f"{text} is neither declared nor recorded", hint=did_you_mean(text, known))
