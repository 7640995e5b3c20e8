"""What every platform must keep, as one call: its settings, and with a folder its verbs, called as a switch calls them."""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from secrets import token_hex

from leptonctl.core import layout
from leptonctl.core.codec import encode
from leptonctl.core.deployment import Deployment, Epoch, Head, Route
from leptonctl.core.values import Json
from leptonctl.spi.platforms import Observation, Platform, Site, filled
from leptonctl.storage.folder import FolderObjects
from leptonctl.storage.standing import begin_store
from leptonctl.testing.lessons import Exercise, Lesson, learn, table
from leptonctl.testing.providers import check_about, check_params
from leptonctl.testing.racing import require

LINEAGE, ENVIRONMENT, MODEL = "00000000-0000-4000-8000-000000000000", "dev", "toy"
ROWS = 120


def check_platform(platform: Platform, settings: Mapping[str, Json] | None = None, folder: Path | None = None) -> None:
    """A platform: what its settings may hold; and in an empty `folder`, a first set, a second one, the way back, and the end.

    settings: those of the run, such as a free port. The sets are of one small model, in a store below the folder.
    """
    check_about(platform.name, platform.description, platform.observe)
    require(not {"type", "run"} & set(platform.settings), "`type` and `run` are of every platform and no settings of one")
    check_params(platform.settings)
    require(
        all(isinstance(schema.get("x-restart", False), bool) for schema in platform.settings.values()), "`x-restart` is true or false"
    )  # fmt: skip
    where = platform.url(filled(platform.settings, settings or {}))
    require(where != "", "`url` is where clients reach it, or None")
    if folder is not None:
        _check_verbs(platform, Stage(folder, filled(platform.settings, settings or {})))


class Stage:
    """A folder that plays the project and its store, with sets to be served."""

    def __init__(self, folder: Path, settings: Mapping[str, Json]) -> None:
        self.lines: list[str] = []
        self.objects = FolderObjects(root=folder / "store")
        begin_store(self.objects)
        self.site = Site(root=folder, store="store", objects=self.objects, lineage=LINEAGE, environment=ENVIRONMENT, settings=settings)
        self._etag: str | None = None

    def say(self, line: str) -> None:
        self.lines.append(line)

    def record(self, number: int, lesson: Lesson) -> Deployment:
        """A deployment of one model in the store."""
        files = {name: self._put(data) for name, data in lesson.files.items()}
        digest = "sha256:" + sha256(lesson.package.encode()).hexdigest()
        route = Route(version=f"v{number}", digest=digest, package=lesson.package, artifact=files["model.onnx"], files=files)
        deployment = Deployment(
            lineage=LINEAGE, environment=ENVIRONMENT, deployment=number, incarnation=1, serial=number, previous=number - 1 or None,
            at="2026-01-01T00:00:00Z", by=None, commit=None, url=None, requests="lenient", models={MODEL: (route,)},
        )  # fmt: skip
        require(self.objects.create(layout.deployment(LINEAGE, ENVIRONMENT, number), encode(deployment)), "the store takes a deployment")
        return deployment

    def head(self, deployment: int, staged: int = 0) -> Head:
        """The head, moved as a switch moves it."""
        head = Head(epoch=Epoch(generation=1, token=1), nonce=token_hex(8), deployment=deployment, serial=deployment, staged=staged)
        path = layout.head(LINEAGE, ENVIRONMENT)
        self._etag = self.objects.replace(path, encode(head), self._etag)
        require(self._etag is not None, "the store moves a head")
        return head

    def _put(self, data: bytes) -> str:
        digest = "sha256:" + sha256(data).hexdigest()
        self.objects.create(layout.artifact(digest), data)
        return digest


def _check_verbs(platform: Platform, stage: Stage) -> None:
    site = stage.site
    require(platform.problems(site, None) == (), f"nothing stands in the way in an empty folder: {platform.problems(site, None)}")
    _require_nothing(platform.observe(site), "before the first set")
    platform.remove(site, stage.say)
    first, second = _lessons()
    try:
        for number, lesson in enumerate((first, second, first), 1):
            _switch(platform, stage, replace(site, returning=number > 2), stage.record(number, lesson))  # noqa: PLR2004
    finally:
        platform.remove(site, stage.say)
    _require_nothing(platform.observe(site), "after `remove`")
    platform.remove(site, stage.say)
    require("" not in stage.lines, "what is said is a line of text")


def _switch(platform: Platform, stage: Stage, site: Site, deployment: Deployment) -> None:
    """One switch: staged, ready, the head, activated, observed. `stage` and `ready` come twice, as after a crash between them."""
    number, before = deployment.deployment, deployment.deployment - 1
    for _ in range(2):
        stage.head(before, staged=number)
        platform.stage(site, deployment, stage.say)
        platform.ready(site, deployment, stage.say)
    _require_serves(platform.observe(site), before, f"deployment {before} serves on while {number} is staged")
    head = stage.head(number)
    platform.activate(site, head, stage.say)
    platform.activate(site, head, stage.say)
    _require_serves(platform.observe(site), number, f"deployment {number} serves once it is activated")
    problems = platform.problems(site, platform.observe(site))
    require(problems == (), f"what serves already stands in nobody's way: {problems}")


def _require_serves(observation: Observation, number: int, what: str) -> None:
    if number:
        require(
            number in [record.deployment for record in (observation.answering, *observation.servers) if record is not None],
            f"{what}: {observation}",
        )


def _require_nothing(observation: Observation, when: str) -> None:
    require(not observation.running and observation.answering is None, f"nothing runs {when}: {observation}")


def _lessons() -> list[Lesson]:
    """Two small models."""
    from leptonctl.project.catalog import load_catalog

    trainer = load_catalog().trainers["classification", "naive_bayes"]
    rows = table(ROWS, "classification")
    return [learn(trainer, Exercise(algorithm=trainer.name, params={"var_smoothing": value}), rows) for value in (1e-9, 1e-3)]
