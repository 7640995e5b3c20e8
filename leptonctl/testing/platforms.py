"""What every platform must keep, as one call: a whole life of an environment through the switch itself. It raises AssertionError."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from leptonctl.core.address import document, member_of
from leptonctl.core.deployment import Route
from leptonctl.core.diagnostic import Failure
from leptonctl.core.frozen import Frozen, field
from leptonctl.core.state import Author, Environment, Pointer, State
from leptonctl.core.values import Json
from leptonctl.deploying.heal import heal
from leptonctl.deploying.switch import Outcome, Switch
from leptonctl.deploying.wanted import Wanted, differences
from leptonctl.spi.platforms import Observation, Platform, Site, filled, restarts
from leptonctl.storage.claims import claimed
from leptonctl.storage.folder import FolderObjects
from leptonctl.storage.owner import current_owner
from leptonctl.storage.pointers import Pointers
from leptonctl.storage.state_folder import FolderState
from leptonctl.testing.packages import pointer_to, put_package
from leptonctl.testing.providers import check_about, check_params
from leptonctl.testing.racing import require

NAME, MODEL = "prod", "line"
ADDRESS, BINDING = document("environment", NAME), member_of("environment", NAME, MODEL)


def check_platform(platform: Platform, settings: Mapping[str, Json] | None = None, folder: Path | None = None) -> None:
    """A platform: what its settings may hold; and in an empty `folder`, what its verbs do when an environment is bound, moved,
    brought back, healed and destroyed.

    `settings`: those of the run, such as a free port; defaults for the others. What the platform starts is stopped at the end.
    """
    check_about(platform.name, platform.description, platform.observe)
    require(not {"type", "run"} & set(platform.settings), "`type` and `run` are of every platform and no settings of one")
    check_params(platform.settings)
    for name, schema in platform.settings.items():
        require(isinstance(schema.get("x-restart", False), bool), f"x-restart of {name} is true or false")
    chosen = filled(platform.settings, settings or {})
    require(set(settings or {}) <= set(platform.settings), "the settings of the run are the platform's")
    require(restarts(platform.settings, settings or {}, chosen) == [], "settings that did not change restart nothing")
    require(platform.url(chosen) != "", "`url` is where clients reach it, or None")
    if folder is not None:
        _live(_Life(platform=platform, settings=dict(settings or {}), root=folder))


def _live(life: "_Life") -> None:
    try:
        _check_nothing(life)
        _check_life(life)
    finally:
        life.platform.remove(life.site(), life.say)


class _Life(Frozen):
    """An environment of a project of its own. `lines` are what the verbs have said."""

    platform: Platform
    settings: Mapping[str, Json]
    root: Path
    lines: list[str] = field(default_factory=list)

    @property
    def pointers(self) -> Pointers:
        folder = self.root / ".leptonctl"
        return Pointers(states=FolderState(folder=folder / "state"), objects=FolderObjects(root=folder / "store"), project="check")

    def state(self) -> State:
        return self.pointers.begin()

    def say(self, line: str) -> None:
        self.lines.append(line)

    def site(self, environment: str = NAME) -> Site:
        state = self.state()
        return Site(
            root=self.root, store=".leptonctl/store", objects=self.pointers.objects, lineage=state.lineage, environment=environment,
            settings=filled(self.platform.settings, self.settings),
        )  # fmt: skip

    def observe(self) -> Observation:
        return self.platform.observe(self.site())

    @contextmanager
    def switch(self) -> Iterator[Switch]:
        """The means of a switch; what the platform refuses in one is an AssertionError."""
        pointers = self.pointers
        with claimed(pointers, current_owner("check_platform", None), [BINDING]) as claim:
            switch = Switch(
                pointers=pointers, claim=claim, author=Author(command="check_platform"), platforms={self.platform.name: self.platform},
                root=self.root, store=".leptonctl/store", say=self.say, checkpoint=self.look,
            )  # fmt: skip
            try:
                yield switch
            except Failure as refused:
                msg = f"not kept: a switch goes through ({refused})"
                raise AssertionError(msg) from refused

    def look(self, point: str) -> None:
        """Before the head moves the old set serves on."""
        head = self.pointers.lineage(self.state()).head(NAME)
        if point != "head" or head is None or not head.head.deployment:
            return
        answering, number = self.observe().answering, head.head.deployment
        what = f"deployment {number} serves on while {head.head.staged} is staged"
        require(answering is not None and answering.deployment == number, what)

    def heal(self) -> None:
        with self.switch() as switch:
            heal(switch, NAME, here=True)

    def move(self, decide: Callable[[State], Wanted]) -> Outcome:
        with self.switch() as switch:
            return switch.move(NAME, decide, here=True)

    def bind(self, route: Route, *, returning: bool = False) -> Outcome:
        environment = Environment(platform={"type": self.platform.name, **self.settings})
        pointers: dict[str, Pointer | None] = {BINDING: pointer_to(route), ADDRESS: Pointer(digest="sha256:e", effect=True)}
        return self.move(lambda _: Wanted(bindings=pointers, environment=environment, routes=lambda *_: route, returning=returning))


def _check_nothing(life: _Life) -> None:
    """Before anything was bound: looking raises nothing and changes nothing, and there is nothing to remove."""
    life.state()
    before = _files(life.root)
    seen = life.observe()
    require((seen.running, seen.answering) == (False, None), f"nothing runs before the first set: {seen}")
    for _ in range(2):
        problems = life.platform.problems(life.site(), seen)
        require(problems == (), f"nothing stands in the way in an empty folder: {problems}")
    require(_files(life.root) == before, "`observe` and `problems` write nothing")
    for _ in range(2):
        life.platform.remove(life.site(), life.say)
    require(life.observe().running is False, "removing nothing starts nothing")


def _check_life(life: _Life) -> None:
    first, second = (put_package(life.pointers.objects, version, weight) for version, weight in (("v1", 2.0), ("v2", 3.0)))
    life.bind(first)
    _check_serves(life, first)
    _check_again(life)
    _check_serves(life, first)
    life.bind(second)
    _check_serves(life, second)
    _check_url(life)
    life.heal()
    _check_serves(life, second)
    life.bind(first, returning=True)
    _check_serves(life, first)
    _check_others(life)
    life.platform.remove(life.site(), life.say)
    require(not life.observe().running, "nothing runs after `remove`")
    require(life.observe().answering is None, "nothing answers after `remove`")
    life.heal()
    _check_serves(life, first)
    life.move(lambda _: Wanted(bindings={}, environment=None, routes=lambda *_: first))
    _check_gone(life)
    life.bind(second)
    _check_serves(life, second)
    life.move(lambda _: Wanted(bindings={}, environment=None, routes=lambda *_: second))
    _check_gone(life)
    require(all(line.strip() and "\n" not in line for line in life.lines), "what is said is a line of text")


def _check_serves(life: _Life, route: Route) -> None:
    """What answers is what the head names, by package, and nothing stands in the way of going on."""
    state = life.state()
    lineage, seen = life.pointers.lineage(state), life.observe()
    head = lineage.head(NAME)
    record = lineage.deployment(NAME, head.head.deployment) if head else None
    require(record is not None, "the head names a deployment")
    if record is not None:
        what = f"deployment {record.deployment} serves once it is activated: {seen}"
        require(seen.running and seen.answering is not None and seen.answering.deployment == record.deployment, what)
    if record is not None and seen.answering is not None:
        require(differences(record, seen.answering) == [], "what answers is what is bound, by package")
        require(seen.answering.lineage == state.lineage, "what answers names its lineage")
        require(seen.answering.models[MODEL].package == route.package, "what answers is what was asked for")
    problems = life.platform.problems(life.site(), seen)
    require(problems == (), f"what serves already stands in nobody's way: {problems}")


def _check_again(life: _Life) -> None:
    """Each verb may come twice: a switch is done again after a crash."""
    state = life.state()
    lineage, site = life.pointers.lineage(state), life.site()
    head = lineage.head(NAME)
    record = lineage.deployment(NAME, head.head.deployment) if head else None
    if head is not None and record is not None:
        for _ in range(2):
            life.platform.stage(site, record, life.say)
            life.platform.ready(site, record, life.say)
            life.platform.activate(site, head.head, life.say)


def _check_others(life: _Life) -> None:
    """An environment is not taken for another."""
    seen = life.platform.observe(life.site("other"))
    require(seen.answering is None, "what serves one environment does not answer for another")
    life.platform.remove(life.site("other"), life.say)
    require(life.observe().answering is not None, "removing another environment leaves it")


def _check_url(life: _Life) -> None:
    require(life.state().environments[NAME].url == life.platform.url(life.site().settings), "the URL is recorded")


def _check_gone(life: _Life) -> None:
    seen = life.observe()
    require((seen.running, seen.answering) == (False, None), "nothing serves an environment that was destroyed")
    for _ in range(2):
        life.platform.remove(life.site(), life.say)


def _files(root: Path) -> set[Path]:
    return {path for path in root.rglob("*") if path.is_file() and path.name != "seen.json"}
