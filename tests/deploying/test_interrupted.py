"""The next run can continue from every intermediate state of an apply: interrupted switches are completed or dropped."""

from collections.abc import Iterator

from hypothesis import given

from leptonctl.core.change import Keep
from leptonctl.core.codec import decode, encode
from leptonctl.core.deployment import Epoch, Head
from leptonctl.core.diff import diff
from leptonctl.core.frozen import replace
from leptonctl.core.graph import in_order, resolve_keys
from leptonctl.core.observed import Live
from leptonctl.core.state import Author, Claim, Environment, Lock, Owner, Pending, Seal, State
from leptonctl.core.values import Node
from leptonctl.deploying.desired import complete_interrupted, complete_switch
from tests.core.toy import build, graphs, pointers, state, toy

ENVIRONMENT = Environment(platform={"type": "server"}, protected=True, deployment=1)
OWNER = Owner(user="me", host="here", pid=1)
SEAL = Seal(digest="d", declaration="x", environment="prod", at="now")


def intermediate_states(nodes: list[Node]) -> Iterator[State]:
    """Every state between the first apply's begin and its end."""
    built = pointers(nodes, build(nodes))
    place = toy("environment/prod", "prod", version="v1")
    bound = pointers([place], build([place]))["environment/prod"]
    yield (now := state({}, serial=0))
    yield (now := replace(now, applies={"a1": Claim(owner=OWNER, addresses=tuple(sorted(built)))}))
    yield (now := now.move(built))
    yield (now := replace(now, locks={"prod": Lock(claim="a1", owner=OWNER, token=1)}, tokens={"prod": 1}))
    pending = Pending(
        deployment=1, claim="a1", token=1, pointers={"environment/prod": bound}, environment=ENVIRONMENT, seals={"toy/0": SEAL},
        author=Author(command="apply", by="me"),
    )  # fmt: skip
    yield (now := replace(now, pending={"prod": pending}))
    yield (now := complete_switch(now, "prod", {}))
    yield (now := replace(now, locks={}))
    yield replace(now, applies={})


def heads(deployment: int | None) -> dict[str, Live]:
    """The observation of prod: its head names this deployment, or there is no head."""
    head = None if deployment is None else Head(epoch=Epoch(generation=1, token=1), nonce="n", deployment=deployment)
    return {"prod": Live(head=head)}


SEEN: list[dict[str, Live]] = [{}, heads(None), heads(1), heads(9)]


@given(graphs())
def test_the_next_run_continues_from_every_intermediate_state(nodes: list[Node]) -> None:
    nodes = list(in_order(nodes))
    serial = -1
    for now in intermediate_states(nodes):
        assert decode(encode(now), State) == now
        assert now.serial >= serial
        serial = now.serial
        changes = diff(nodes, now.current, resolve_keys(nodes, now.current, {}))
        things = [c for c in changes if c.address.startswith("toy/")]
        # the pointers are all there or all missing: everything is new, or everything is kept
        assert len({type(c) for c in things}) == 1
        assert isinstance(things[0], Keep) == bool(now.current)
        for live in SEEN:
            once = complete_interrupted(now, live)
            assert once.pending == {}
            assert complete_interrupted(once, live) == once
            assert once.serial - now.serial in (0, 1)
