"""What every platform must keep, as one call: a whole life of an environment through the switch itself. It raises AssertionError."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from leptonctl.core.deployment import Route
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
from leptonctl.testing.racing import require

NAME, MODEL = "prod", "line"
BINDING = f"environment/{NAME}/{MODEL}"
VERBS = ("problems", "stage", "ready", "activate", "observe", "remove")


def check_platform(platform: Platform, settings: Mapping[str, Json] | None = None, folder: Path | None = None) -> None:
    """A platform: its settings, and what its verbs do when an environment is bound, moved, healed, brought back and destroyed.

    `settings`: those to run with, such as a free port; defaults for the others. `folder`: an empty project folder; a temporary
    one when there is none. What the platform starts is stopped at the end.
    """
    _check_settings(platform, settings or {})
    with TemporaryDirectory() as temporary:
        life = _Life(platform=platform, settings=dict(settings or {}), root=folder or Path(temporary))
        try:
            _check_nothing(life)
            _check_life(life)
        finally:
            platform.remove(life.site(), life.say)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Life:
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
        pointers = self.pointers
        with claimed(pointers, current_owner("check_platform", None), [BINDING]) as claim:
            yield Switch(
                pointers=pointers, claim=claim, author=Author(command="check_platform"), platforms={self.platform.name: self.platform},
                root=self.root, store=".leptonctl/store", say=self.say,
            )  # fmt: skip

    def move(self, decide: Callable[[State], Wanted]) -> Outcome:
        with self.switch() as switch:
            return switch.move(NAME, decide, here=True)

    def bind(self, route: Route, *, returning: bool = False) -> Outcome:
        environment = Environment(platform={"type": self.platform.name, **self.settings})
        pointers: dict[str, Pointer | None] = {BINDING: pointer_to(route), f"environment/{NAME}": Pointer(digest="sha256:e", effect=True)}
        return self.move(lambda _: Wanted(bindings=pointers, environment=environment, routes=lambda *_: route, returning=returning))


def _check_settings(platform: Platform, settings: Mapping[str, Json]) -> None:
    require(bool(platform.name) and platform.name.islower(), "the name is in lower case")
    require(bool(platform.description.strip()), "the platform has a description")
    require(not {"type", "run"} & set(platform.settings), "`type` and `run` are no settings of a platform")
    for name, schema in platform.settings.items():
        require(bool(str(schema.get("description", "")).strip()), f"the setting {name} has a description")
        require("default" in schema, f"the setting {name} has a default")
        require(isinstance(schema.get("x-restart", False), bool), f"x-restart of {name} is true or false")
        _require_valid(schema, schema["default"], f"the default of {name} is one that its schema allows")
    require(set(settings) <= set(platform.settings), "the settings to check with are the platform's")
    for name, value in settings.items():
        _require_valid(platform.settings[name], value, f"{name} is one that its schema allows")
    require(restarts(platform.settings, settings, settings) == [], "settings that did not change restart nothing")


def _require_valid(schema: Mapping[str, Json], value: Json, what: str) -> None:
    from jsonschema import Draft7Validator

    Draft7Validator.check_schema(dict(schema))
    require(Draft7Validator(dict(schema)).is_valid(value), what)


def _check_nothing(life: _Life) -> None:
    """Before anything was bound: looking raises nothing and changes nothing, and there is nothing to remove."""
    life.state()
    before = _files(life.root)
    seen = life.observe()
    require((seen.running, seen.answering) == (False, None), "nothing answers before anything was bound")
    for _ in range(2):
        require(life.platform.problems(life.site(), seen) == (), "nothing keeps the platform from running with these settings")
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
    with life.switch() as switch:
        heal(switch, NAME, here=True)
    _check_serves(life, second)
    life.bind(first, returning=True)
    _check_serves(life, first)
    _check_others(life)
    life.platform.remove(life.site(), life.say)
    require(life.observe().answering is None, "nothing answers once it is removed")
    with life.switch() as switch:
        heal(switch, NAME, here=True)
    _check_serves(life, first)
    life.move(lambda _: Wanted(bindings={}, environment=None, routes=lambda *_: first))
    _check_gone(life)
    life.bind(second)
    _check_serves(life, second)
    life.move(lambda _: Wanted(bindings={}, environment=None, routes=lambda *_: second))
    _check_gone(life)
    require(all(line.strip() and "\n" not in line for line in life.lines), "what is said are lines")


def _check_serves(life: _Life, route: Route) -> None:
    """What answers is what the head names, by package, and nothing stands in the way of going on."""
    state = life.state()
    lineage, seen = life.pointers.lineage(state), life.observe()
    head = lineage.head(NAME)
    record = lineage.deployment(NAME, head.head.deployment) if head else None
    require(record is not None, "the head names a deployment")
    require(seen.running, "what was bound runs")
    require(seen.answering is not None, f"what was bound answers ({seen.reason})")
    if record is not None and seen.answering is not None:
        require(differences(record, seen.answering) == [], "what answers is what is bound")
        require(seen.answering.deployment == record.deployment, "and names its deployment")
        require(seen.answering.lineage == state.lineage, "and its lineage")
        require(seen.answering.models[MODEL].package == route.package, "and its package")
    require(life.platform.problems(life.site(), seen) == (), "what runs is not in its own way")


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
    url = life.platform.url(life.site().settings)
    require(url is None or bool(url.strip()), "a platform has a URL or None")
    require(life.state().environments[NAME].url == url, "the URL is recorded")


def _check_gone(life: _Life) -> None:
    seen = life.observe()
    require((seen.running, seen.answering) == (False, None), "nothing serves an environment that was destroyed")
    for _ in range(2):
        life.platform.remove(life.site(), life.say)


def _files(root: Path) -> set[Path]:
    return {path for path in root.rglob("*") if path.is_file() and path.name != "seen.json"}
