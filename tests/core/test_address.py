"""Addresses: parsing reverses formatting, and short forms are completed."""

import re
from collections.abc import Collection
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import leptonctl
from leptonctl.core.address import (
    Address,
    covers,
    document,
    expand,
    family,
    full,
    member_of,
    name_and_version,
    parse,
    reference,
    short,
    version_of,
    wholes,
)
from leptonctl.core.diagnostic import Failure
from leptonctl.kinds.environment.target import environment_and_member

kinds = st.sampled_from(["dataset", "model", "environment", "toy"])
# as the schemas allow them
names = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,9}", fullmatch=True)
addresses = st.builds(Address, kind=kinds, name=names, version=st.none() | names, member=st.none() | names)


@given(addresses)
def test_a_formatted_address_is_parsed_back(address: Address) -> None:
    assert parse(str(address)) == address


@given(addresses)
def test_formatting_a_parsed_address_gives_the_same_string(address: Address) -> None:
    text = str(address)
    assert str(parse(text)) == text


@given(kinds, names, names)
def test_an_address_has_one_of_three_forms(kind: str, name: str, other: str) -> None:
    assert parse(document(kind, name)) == Address(kind=kind, name=name)
    assert parse(version_of(kind, name, other)) == Address(kind=kind, name=name, version=other)
    assert parse(member_of(kind, name, other)) == Address(kind=kind, name=name, member=other)


@given(kinds, names, names, names)
def test_versions_of_one_document_are_a_family(kind: str, name: str, one: str, two: str) -> None:
    assert (
        family(version_of(kind, name, one)) == family(version_of(kind, name, two)) == family(document(kind, name)) == document(kind, name)
    )
    assert family(member_of(kind, name, one)) == member_of(kind, name, one)


@given(kinds, names, names)
def test_short_is_the_address_without_its_kind(kind: str, name: str, other: str) -> None:
    assert short(version_of(kind, name, other)) == f"{name}@{other}"
    assert short(member_of(kind, name, other)) == f"{name}/{other}"


@given(addresses, addresses)
def test_an_address_is_covered_by_itself_and_its_document(whole: Address, part: Address) -> None:
    """Not by an address with the same prefix."""
    expected = str(whole) == str(part) or (
        (whole.kind, whole.name) == (part.kind, part.name)
        and ((whole.version, whole.member) == (None, None) or (whole.version == part.version is not None and whole.member is None))
    )
    assert covers(str(whole), str(part)) == expected


@given(addresses, addresses)
def test_the_wholes_of_an_address_are_what_covers_it(one: Address, two: Address) -> None:
    assert covers(str(one), str(two)) == (str(one) in set(wholes(str(two))))
    assert all(covers(whole, str(one)) for whole in wholes(str(one)))


KNOWN = (
    "dataset/mail@2024", "model/spam@v1", "model/spam@v2", "model/mail@v1", "environment/prod", "environment/prod/spam", "environment/prod2",
    "environment/prod2/spam",
)  # fmt: skip
ORDER = ("environment", "model", "dataset")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("model/spam@v1", "model/spam@v1"),
        ("spam@v1", "model/spam@v1"),
        ("spam", "model/spam"),
        ("prod", "environment/prod"),
        ("prod/spam", "environment/prod/spam"),
        ("mail@2024", "dataset/mail@2024"),
        ("mail@v1", "model/mail@v1"),
        ("nothing", "nothing"),
        ("spam@v9", "spam@v9"),
        ("model/spam", "model/spam"),
    ],
)
def test_short_forms_are_completed(written: str, expected: str) -> None:
    assert full(written, KNOWN, ORDER) == expected


def test_an_ambiguous_short_form_is_refused() -> None:
    with pytest.raises(Failure) as caught:
        full("mail", KNOWN, ORDER)
    (problem,) = caught.value.diagnostics
    assert (problem.id, problem.detail, problem.hint) == (
        "ambiguous-address",
        "mail can mean model/mail or dataset/mail",
        "write model/mail",
    )


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (["spam"], ["model/spam@v1", "model/spam@v2"]),
        (["environment/prod"], ["environment/prod", "environment/prod/spam"]),
        (["prod/spam", "spam@v2"], ["environment/prod/spam", "model/spam@v2"]),
        (["spam", "spam@v1"], ["model/spam@v1", "model/spam@v2"]),
        ([], []),
    ],
)
def test_a_name_expands_to_all_that_it_covers(written: list[str], expected: list[str]) -> None:
    assert expand(written, KNOWN, ORDER) == expected


def test_all_unknown_names_are_reported_together() -> None:
    with pytest.raises(Failure) as caught:
        expand(["spam", "spam@v9", "model/ham"], KNOWN, ORDER)
    assert [(d.id, d.detail) for d in caught.value.diagnostics] == [
        ("unknown-address", "spam@v9 is neither declared nor recorded"),
        ("unknown-address", "model/ham is neither declared nor recorded"),
    ]


@given(st.sets(addresses.map(str), max_size=6), st.data())
def test_every_known_address_expands_to_itself(known: Collection[str], data: st.DataObject) -> None:
    for address in known:
        assert full(address, known, ORDER) == address
        assert address in expand([address], known, ORDER)
        assert all(covers(address, found) for found in expand([address], known, ORDER))


@given(kinds, names, names)
def test_a_reference_is_a_short_address_and_is_taken_apart(kind: str, name: str, version: str) -> None:
    assert reference(name, version) == short(version_of(kind, name, version))
    for text in (reference(name, version), version_of(kind, name, version)):
        assert name_and_version(text, kind) == (name, version)
    assert name_and_version(reference(name, version)) == (name, version)
    assert name_and_version(version_of(kind, name, version)) == (document(kind, name), version)
    assert name_and_version(document(kind, name), kind) == name_and_version(name, kind) == (name, None)
    # nothing after the `@` is not the same as no `@`
    assert name_and_version(f"{name}@", kind) == (name, "")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("prod", ("prod", "")), ("environment/prod", ("prod", "")), ("prod/m", ("prod", "m")), ("environment/prod/m", ("prod", "m")),
        ("environment", ("environment", "")), ("environment/", ("environment", "")), ("model/m", ("model", "m")),
    ],
)  # fmt: skip
def test_a_binding_with_or_without_its_kind(text: str, parts: tuple[str, str]) -> None:
    assert environment_and_member(text) == parts


def test_no_other_module_builds_an_address_or_takes_one_apart() -> None:
    root = Path(leptonctl.__path__[0])
    by_hand = re.compile(
        r"""partition\("@|split\("@|f"(?:dataset|model|environment)/|(?:startswith|removeprefix)\("(?:dataset|model|environment)/"""
    )
    sources = (path for path in root.rglob("*.py") if path != root / "core" / "address.py")
    assert [str(path) for path in sources if by_hand.search(path.read_text(encoding="utf-8"))] == []
    assert by_hand.search((root / "core" / "address.py").read_text(encoding="utf-8"))
