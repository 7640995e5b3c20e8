"""Addresses: built and taken apart here, and spelt elsewhere only in sentences for people.

`KIND/NAME` is a document, `KIND/NAME@VERSION` a version of it, `KIND/NAME/MEMBER` a part of it (the binding of a model in an
environment). Values, state and JSON hold an address as a string.
"""

from collections.abc import Collection, Iterable, Iterator

from leptonctl.core.diagnostic import Diagnostic, Failure, did_you_mean, error, fail
from leptonctl.core.frozen import Frozen


class Address(Frozen):
    """The parts of an address. `kind` is in lower case; `version` and `member` are None when absent."""

    kind: str
    name: str
    version: str | None = None
    member: str | None = None

    def __str__(self) -> str:
        version = f"@{self.version}" if self.version is not None else ""
        member = f"/{self.member}" if self.member is not None else ""
        return f"{self.kind}/{self.name}{version}{member}"


def parse(text: str) -> Address:
    """The parts of an address."""
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
    """The address without its version, which all versions of a document share."""
    return text.partition("@")[0]


def covers(whole: str, text: str) -> bool:
    """Whether `whole` is this address, or the document that this version or part belongs to."""
    return text == whole or text.startswith((whole + "/", whole + "@"))


def wholes(text: str) -> Iterator[str]:
    """All addresses that cover an address (see `covers`), itself included."""
    yield text
    for index, letter in enumerate(text):
        if letter in "/@":
            yield text[:index]


def short(text: str) -> str:
    """The address without its kind: `NAME@VERSION`."""
    return text.partition("/")[2]


def reference(name: str, version: str) -> str:
    """`NAME@VERSION`: the short address of a version, as documents refer to it."""
    return f"{name}@{version}"


def name_and_version(text: str, kind: str | None = None) -> tuple[str, str | None]:
    """`NAME@VERSION` as (NAME, VERSION). VERSION is None without an `@`. kind: what may stand before NAME, as in an address."""
    name, at, version = (text if kind is None else text.removeprefix(document(kind, ""))).partition("@")
    return name, version if at else None


def full(text: str, known: Collection[str], kinds: Iterable[str]) -> str:
    """The address that a user means: `m@v` is `model/m@v`, `prod/m` is `environment/prod/m`. Raises Failure: ambiguous-address."""
    if _is_known(text, known):
        return text
    candidates = [f"{kind}/{text}" for kind in kinds if _is_known(f"{kind}/{text}", known)]
    if len(candidates) > 1:
        detail = f"{text} can mean {' or '.join(candidates)}"
        raise fail("ambiguous-address", "More than one address matches this name", detail, hint=f"write {candidates[0]}")
    return candidates[0] if candidates else text


def expand(names: Iterable[str], known: Collection[str], kinds: Iterable[str]) -> list[str]:
    """The known addresses that a user means: all versions of a model, all bindings of an environment.

    Raises Failure: ambiguous-address, unknown-address.
    """
    order = tuple(kinds)
    requested = [full(name, known, order) for name in names]
    unknown = [_unknown(text, known) for text in requested if not any(covers(text, other) for other in known)]
    if unknown:
        raise Failure(unknown)
    return sorted(text for text in known if any(covers(whole, text) for whole in requested))


def _is_known(text: str, known: Collection[str]) -> bool:
    return text in known or any(other.startswith(text + "@") for other in known)


def _unknown(text: str, known: Collection[str]) -> Diagnostic:
    return error("unknown-address", "No such address", f"{text} is neither declared nor recorded", hint=did_you_mean(text, known))
