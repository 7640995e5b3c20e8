"""What a user writes for an environment or for one of its bindings."""

from leptonctl.core.address import document, parse


def environment_and_member(text: str) -> tuple[str, str]:
    """`ENV` or `ENV/MEMBER`, with or without its kind, as (ENV, MEMBER or "")."""
    address = parse(text)
    if address.kind != "environment" or address.name == "":
        address = parse(document("environment", text))
    return address.name, address.member or ""
