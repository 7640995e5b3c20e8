"""What an environment should be after a switch: which servers count as witnesses, what a destroy takes away, what a crash leaves."""

import pytest

from leptonctl.core.deployment import Deployment, Epoch, Head, Route, ServedModel, ServerRecord
from leptonctl.core.frozen import replace
from leptonctl.core.observed import Live
from leptonctl.core.plan import moved_addresses
from leptonctl.core.state import Author, Environment, Pending, Pointer, Seal, Served, State
from leptonctl.deploying.desired import (
    Desired,
    complete_interrupted,
    complete_switch,
    differences,
    environment_after,
    moves,
    pointers_after,
    served_packages,
    with_served,
)

LINE, WORD = "environment/prod/line", "environment/prod/word"
ROUTES = {m: (Route(version="v2", digest=f"d-{m}", package=f"p-{m}", artifact="a", files={}),) for m in ("line", "word")}
DEPLOYMENT = Deployment(
    lineage="l", environment="prod", deployment=2, incarnation=1, serial=5, previous=1, at="now", by="ann", commit=None, url=None,
    requests="lenient", models=ROUTES,
)  # fmt: skip
ENVIRONMENT = Environment(platform={"type": "toy"}, deployment=2, incarnation=1)


def server(**more: object) -> ServerRecord:
    """One that serves all of DEPLOYMENT."""
    models = {
        m: ServedModel(version=r.version, digest=r.digest, package=r.package, artifact="a", since="now") for m, (r,) in ROUTES.items()
    }
    record = ServerRecord(
        id="one", lineage="l", environment="prod", host="h", machine="m", pid=1, start="s", boot="b", namespace="n", url="", started=0.0,
        deployment=2, models=models,
    )  # fmt: skip
    return replace(record, **more)


def state(**more: object) -> State:
    return replace(State(lineage="l", project="toy"), **more)


def desired(bindings: dict[str, Pointer | None], environment: Environment | None = ENVIRONMENT) -> Desired:
    return Desired(bindings=bindings, environment=environment)


# --- witnesses


def test_a_server_of_the_deployment_is_a_witness_wherever_it_stands_in_the_list() -> None:
    """Servers that lag, and those of another project on the same store, are none; they hide no other."""
    served = {m: {f"p-{m}": Served(version="v2", digest=f"d-{m}", deployment=2)} for m in ("line", "word")}
    others = [server(deployment=1), server(deployment=3), server(lineage="another")]
    assert served_packages(DEPLOYMENT, others) == {}
    for place in range(4):
        assert served_packages(DEPLOYMENT, [*others[:place], server(), *others[place:]]) == served


def test_only_what_is_main_and_answered_with_its_package_is_served() -> None:
    answers = server().models
    wrong = {"extra": answers["line"], "line": replace(answers["line"], package="another"), "word": answers["word"]}
    assert set(served_packages(DEPLOYMENT, [server(models=wrong)])) == {"word"}
    assert served_packages(DEPLOYMENT, [server(models={"line": answers["line"]}), server(models={"word": answers["word"]})]).keys() == {
        "line",
        "word",
    }


def test_the_first_report_of_a_package_stays() -> None:
    first, later = Served(version="v1", digest="d", deployment=1), Served(version="v1", digest="d", deployment=4)
    before = replace(ENVIRONMENT, served={"line": {"p": first}})
    assert with_served(before, {"line": {"p": later, "q": later}, "word": {"p": later}}).served == {
        "line": {"p": first, "q": later},
        "word": {"p": later},
    }
    gone = replace(before, destroyed=True)
    assert with_served(gone, {"line": {"q": later}}) is gone


def test_every_difference_between_what_is_bound_and_what_answers_is_named() -> None:
    answers = server().models
    assert differences(DEPLOYMENT, server()) == []
    assert differences(
        DEPLOYMENT, server(models={"line": replace(answers["line"], package="p", version="v9"), "extra": answers["line"]})
    ) == [
        "extra is served but not bound",
        "line answers with v9, but v2 is bound",
        "word is not served, but v2 is bound",
    ]


# --- pointers


def pointer(version: str | None = "v1", **more: object) -> Pointer:
    return replace(Pointer(digest=f"d-{version}", version=version), **more)


CURRENT = {
    "environment/prod": pointer(None), LINE: pointer(), WORD: pointer(), "environment/prod2": pointer(None), "environment/prod2/line": pointer(),
    "environment/pro/line": pointer(), "model/line@v1": pointer(),
}  # fmt: skip


def test_a_destroy_takes_away_the_environment_and_its_bindings_and_nothing_else() -> None:
    gone = moves(state(current=CURRENT), "prod", desired({}, None), 3, "now")
    assert gone == {"environment/prod": None, LINE: None, WORD: None}


def test_bindings_are_stamped_with_the_deployment_that_moves_them() -> None:
    moved = moves(state(current=CURRENT), "prod", desired({LINE: pointer("v2"), WORD: None, "environment/prod": pointer(None)}), 3, "then")
    assert moved == {LINE: pointer("v2", deployment=3, at="then"), WORD: None, "environment/prod": pointer(None, at="then")}
    after = pointers_after(state(current=CURRENT), "prod", {LINE: pointer("v2"), WORD: None, "environment/prod": pointer(None)})
    assert after == {LINE: pointer("v2")}


@pytest.mark.parametrize(
    ("seen", "stale"),
    [(("d-v1", "v1"), False), (("d-v1", "v2"), True), (("d-v2", "v1"), True), ((None, None), True)],
)  # fmt: skip
def test_a_binding_has_moved_when_its_digest_or_its_version_has(seen: tuple[str | None, str | None], stale: bool) -> None:
    assert moved_addresses(state(current={LINE: pointer()}), {LINE: seen}) == [LINE] * stale
    assert moved_addresses(state(), {LINE: seen}) == [LINE] * (seen != (None, None))


# --- the environment's record


def test_what_is_not_known_of_this_apply_stays_as_it_was() -> None:
    old = replace(ENVIRONMENT, host="far", commit="abc", dirty=True, served={"line": {}}, incarnation=4)
    unknown = environment_after(old, replace(ENVIRONMENT, host=None, commit=None, dirty=False), number=7, url="u")
    assert unknown == replace(old, deployment=7, url="u")
    known = environment_after(old, replace(ENVIRONMENT, host="near", commit="def", dirty=False), number=7, url=None)
    assert known == replace(old, deployment=7, host="near", commit="def", dirty=False)


def test_each_bind_after_a_destroy_begins_an_incarnation() -> None:
    first = environment_after(None, replace(ENVIRONMENT, incarnation=9, destroyed=True, served={"line": {}}), number=1, url="u")
    assert first == replace(ENVIRONMENT, deployment=1, url="u", incarnation=1)
    gone = environment_after(replace(ENVIRONMENT, served={"line": {}}, url="u"), None, number=0, url="u")
    assert gone == replace(ENVIRONMENT, destroyed=True)
    again = environment_after(gone, ENVIRONMENT, number=3, url=None)
    assert again == replace(ENVIRONMENT, deployment=3, incarnation=2)
    assert environment_after(None, None, number=0, url=None) is None


# --- interrupted switches


def interrupted(deployment: int = 2, environment: Environment | None = ENVIRONMENT) -> State:
    seal = Seal(digest="new", declaration="x", environment="prod", at="now")
    pending = Pending(
        deployment=deployment, claim="c", token=1, pointers={LINE: pointer("v2")}, environment=environment, seals={"model/line@v2": seal},
        author=Author(command="apply", by="ann"),
    )  # fmt: skip
    older = replace(seal, digest="old")
    return state(
        current={LINE: pointer()}, pending={"prod": pending, "dev": replace(pending, pointers={})}, environments={"dev": ENVIRONMENT},
        sealed={"model/line@v1": older},
    )  # fmt: skip


@pytest.mark.parametrize(("head", "moved"), [(None, False), (1, False), (2, True), (3, False)])
def test_an_interrupted_switch_counts_if_the_head_names_it(head: int | None, moved: bool) -> None:
    """Each environment by its own head; one whose head cannot be seen is dropped."""
    seen = Live(head=None if head is None else Head(epoch=Epoch(generation=1, token=1), nonce="n", deployment=head))
    after = complete_interrupted(interrupted(), {"prod": seen})
    assert (dict(after.pending), after.current[LINE].version) == ({}, "v2" if moved else "v1")
    assert (set(after.environments), set(after.sealed)) == (
        ({"dev", "prod"}, {"model/line@v1", "model/line@v2"}) if moved else ({"dev"}, {"model/line@v1"})
    )


def test_a_seal_that_is_set_again_replaces_the_broken_one() -> None:
    """Of a version whose rows were purged; which versions are sealed again is decided when the switch is composed."""
    before = interrupted()
    renewed = before.pending["prod"].seals
    broken = {"model/line@v2": before.sealed["model/line@v1"]}
    assert set(broken) == set(renewed)
    assert complete_switch(replace(before, sealed=broken), "prod", {}).sealed == renewed


def test_what_servers_reported_is_recorded_with_the_binding() -> None:
    served = Served(version="v2", digest="d", deployment=2)
    after = complete_switch(interrupted(), "prod", {"line": {"p": served}})
    assert (after.environments["prod"].served, set(after.pending)) == ({"line": {"p": served}}, {"dev"})
    assert complete_switch(after, "prod", {}) is after
