"""The conformance suite of platforms: takes an environment through its whole life with the real switch."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from leptonctl.core.address import document, member_of
from leptonctl.core.deployment import Route
from leptonctl.core.diagnostic import Failure
from leptonctl.core.frozen import Frozen, field
from leptonctl.core.state import Author, Environment, Pointer, State
from leptonctl.core.values import Json
from leptonctl.deploying.desired import Desired, differences
from leptonctl.deploying.heal import heal
from leptonctl.deploying.sites import Sites
from leptonctl.deploying.switch import Outcome, Switch
from leptonctl.spi.platforms import Observation, Platform, Site, filled, restarts
from leptonctl.storage.claims import claim_addresses
from leptonctl.storage.durable import DOT_FOLDER
from leptonctl.storage.folder import FolderObjects
from leptonctl.storage.owner import current_owner
from leptonctl.storage.pointers import Pointers
from leptonctl.storage.state_folder import FolderState
from leptonctl.testing.declarations import check_identity, check_params
from leptonctl.testing.packages import pointer_to, put_package
from leptonctl.testing.requirements import not_met, require

NAME, MODEL = "prod", "line"
ADDRESS, BINDING = document("environment", NAME), member_of("environment", NAME, MODEL)


def check_platform(platform: Platform, settings: Mapping[str, Json] | None = None, folder: Path | None = None) -> None:
    """Check a platform's settings and, in an empty `folder`, its verbs: an environment is bound, moved, rolled back, healed, destroyed.

    `settings` are those of this environment, such as a free port; the others have their defaults. What the platform started is stopped
    at the end. Raises AssertionError.
    """
    check_identity(platform.name, platform.description, platform.observe)
    require(not {"type", "run"} & set(platform.settings), "`type` and `run` are not settings of a platform; see `placed`")
    check_params(platform.settings)
    for name, schema in platform.settings.items():
        require(isinstance(schema.get("x-restart", False), bool), f"x-restart of {name} is true or false")
    complete = filled(platform.settings, settings or {})
    require(set(settings or {}) <= set(platform.settings), "the passed settings are among the platform's")
    require(restarts(platform.settings, settings or {}, complete) == [], "unchanged settings restart nothing")
    require(platform.url(complete) != "", "`url` returns where clients reach it, or None")
    if folder is not None:
        _check_environment(_Project(platform=platform, settings=dict(settings or {}), root=folder))


def _check_environment(project: "_Project") -> None:
    try:
        _check_unbound(project)
        _check_lifecycle(project)
    finally:
        project.platform.remove(project.site(), project.say)


class _Project(Frozen):
    """A project with one environment. `lines` collects the progress lines of the verbs."""

    platform: Platform
    settings: Mapping[str, Json]
    root: Path
    lines: list[str] = field(default_factory=list)

    @property
    def pointers(self) -> Pointers:
        folder = self.root / DOT_FOLDER
        return Pointers(states=FolderState(folder=folder / "state"), objects=FolderObjects(root=folder / "store"), project="check")

    def state(self) -> State:
        return self.pointers.begin()

    def say(self, line: str) -> None:
        self.lines.append(line)

    def site(self, environment: str = NAME) -> Site:
        return self.sites().site(self.state().lineage, environment, {"type": self.platform.name, **self.settings}, here=True)

    def sites(self) -> Sites:
        platforms = {self.platform.name: self.platform}
        return Sites(root=self.root, store=".leptonctl/store", objects=self.pointers.objects, platforms=platforms)

    def observe(self) -> Observation:
        return self.platform.observe(self.site())

    @contextmanager
    def switch(self) -> Iterator[Switch]:
        """A switch under a claim. Raises AssertionError when the platform refuses a step of it."""
        pointers = self.pointers
        with claim_addresses(pointers, current_owner("check_platform", None), [BINDING]) as claim:
            switch = Switch(
                pointers=pointers, claim=claim, author=Author(command="check_platform"), sites=self.sites(),
                say=self.say, checkpoint=self.check_staged,
            )  # fmt: skip
            try:
                yield switch
            except Failure as failure:
                raise not_met(f"a switch succeeds ({failure})") from failure

    def check_staged(self, point: str) -> None:
        """Until the head moves, the previous deployment must keep serving."""
        head = self.pointers.lineage(self.state()).head(NAME)
        if point != "head" or head is None or not head.head.deployment:
            return
        answering, number = self.observe().answering, head.head.deployment
        requirement = f"deployment {number} keeps serving while {head.head.staged} is staged"
        require(answering is not None and answering.deployment == number, requirement)

    def heal(self) -> None:
        with self.switch() as switch:
            heal(switch, NAME, here=True)

    def move(self, desired: Desired) -> Outcome:
        with self.switch() as switch, switch.hold(NAME, here=True) as locked:
            return switch.carry_out(locked, desired, here=True)

    def bind(self, route: Route, *, returning: bool = False) -> Outcome:
        environment = Environment(platform={"type": self.platform.name, **self.settings})
        pointers: dict[str, Pointer | None] = {BINDING: pointer_to(route), ADDRESS: Pointer(digest="sha256:e", effect=True)}
        return self.move(Desired(bindings=pointers, environment=environment, routes={BINDING: route}, returning=returning))


def _check_unbound(project: _Project) -> None:
    """Before the first bind, observing raises nothing and changes nothing, and `remove` does nothing."""
    project.state()
    files = _files(project.root)
    observation = project.observe()
    require((observation.running, observation.answering) == (False, None), f"nothing runs before the first deployment: {observation}")
    for _ in range(2):
        problems = project.platform.problems(project.site(), observation)
        require(problems == (), f"there are no problems in an empty folder: {problems}")
    require(_files(project.root) == files, "`observe` and `problems` write nothing")
    for _ in range(2):
        project.platform.remove(project.site(), project.say)
    require(project.observe().running is False, "`remove` starts nothing")


def _check_lifecycle(project: _Project) -> None:
    first, second = (put_package(project.pointers.objects, version, weight) for version, weight in (("v1", 2.0), ("v2", 3.0)))
    project.bind(first)
    _check_serves(project, first)
    _check_repeated_verbs(project)
    _check_serves(project, first)
    project.bind(second)
    _check_serves(project, second)
    _check_url(project)
    project.heal()
    _check_serves(project, second)
    project.bind(first, returning=True)
    _check_serves(project, first)
    _check_other_environment(project)
    project.platform.remove(project.site(), project.say)
    require(not project.observe().running, "nothing runs after `remove`")
    require(project.observe().answering is None, "nothing answers after `remove`")
    project.heal()
    _check_serves(project, first)
    project.move(Desired(bindings={}, environment=None))
    _check_destroyed(project)
    project.bind(second)
    _check_serves(project, second)
    project.move(Desired(bindings={}, environment=None))
    _check_destroyed(project)
    require(all(line.strip() and "\n" not in line for line in project.lines), "every progress message is one line of text")


def _check_serves(project: _Project, route: Route) -> None:
    """The deployment that the head names must answer, package by package, and the platform must report no problems."""
    state = project.state()
    lineage, observation = project.pointers.lineage(state), project.observe()
    head = lineage.head(NAME)
    record = lineage.deployment(NAME, head.head.deployment) if head else None
    require(record is not None, "the head names a deployment")
    if record is not None:
        requirement = f"deployment {record.deployment} serves once it is activated: {observation}"
        answering = observation.answering
        require(observation.running and answering is not None and answering.deployment == record.deployment, requirement)
    if record is not None and observation.answering is not None:
        require(differences(record, observation.answering) == [], "every bound package answers")
        require(observation.answering.lineage == state.lineage, "the answer names its lineage")
        require(observation.answering.models[MODEL].package == route.package, "the answer comes from the requested package")
        # what counts as a return, which no gate holds, is what has served here
        require(route.package in state.environments[NAME].served[MODEL], "what is observed to answer is recorded as served")
    problems = project.platform.problems(project.site(), observation)
    require(problems == (), f"a deployment in force is not a problem: {problems}")


def _check_repeated_verbs(project: _Project) -> None:
    """Every verb must be repeatable, because a switch is repeated after a crash."""
    state = project.state()
    lineage, site = project.pointers.lineage(state), project.site()
    head = lineage.head(NAME)
    record = lineage.deployment(NAME, head.head.deployment) if head else None
    if head is not None and record is not None:
        for _ in range(2):
            project.platform.stage(site, record, project.say)
            project.platform.ready(site, record, project.say)
            project.platform.activate(site, head.head, project.say)


def _check_other_environment(project: _Project) -> None:
    """Environments must not be confused with each other."""
    observation = project.platform.observe(project.site("other"))
    require(observation.answering is None, "a server of one environment does not answer for another")
    project.platform.remove(project.site("other"), project.say)
    require(project.observe().answering is not None, "removing another environment does not affect this one")


def _check_url(project: _Project) -> None:
    require(project.state().environments[NAME].url == project.platform.url(project.site().settings), "the URL is recorded")


def _check_destroyed(project: _Project) -> None:
    observation = project.observe()
    require((observation.running, observation.answering) == (False, None), "nothing serves a destroyed environment")
    for _ in range(2):
        project.platform.remove(project.site(), project.say)


def _files(root: Path) -> set[Path]:
    return {path for path in root.rglob("*") if path.is_file() and path.name != "observation.json"}
