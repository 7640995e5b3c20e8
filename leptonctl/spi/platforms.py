"""The seam of platforms: where an environment runs. The switch uses these verbs only.

A platform is a value, found by the entry point `leptonctl.platforms` under the `type:` that YAML names; it passes
`leptonctl.testing.check_platform`. A user's mistakes are raised as ProviderError.
"""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, TypeAlias

from leptonctl.core import layout
from leptonctl.core.deployment import Deployment, Head, ServerRecord
from leptonctl.core.frozen import Frozen, field
from leptonctl.core.values import Json
from leptonctl.spi.learning import Schema
from leptonctl.spi.storage import Objects

Placement: TypeAlias = Literal["here", "elsewhere"]
"""Whether `apply` starts and stops the servers of an environment, or `leptonctl serve` does on their own hosts."""

RUN: Schema = {
    "type": ["string", "null"],
    "enum": ["here", "elsewhere", None],
    "default": None,
    "description": "Who starts what serves: `here`, `leptonctl apply` on the host that applies first; `elsewhere`, `leptonctl serve ENV` "
    "on the hosts where it belongs. Default: `here` if `state` and `store` of the project lie in its folder, otherwise `elsewhere`.",
}


class Problem(Frozen):
    """What keeps an environment from running where it is declared, as the parts of a diagnostic. `setting` is the key at fault.

    `holder` is another environment of the same project and folder that is in the way until an apply has removed it.
    """

    id: str
    summary: str
    detail: str
    hint: str
    setting: str | None = None
    holder: str | None = None


class Site(Frozen):
    """One environment as its platform sees it.

    `settings` are those of the platform, defaults filled in. `here`: this folder on this machine runs it, and may start and
    stop what serves; False for `run: elsewhere`. `objects` are the store's, `store` is its URI as written in the project file.
    `returning`: the environment goes back to what it has served before, for which one ready server is enough.
    """

    root: Path
    store: str
    objects: Objects
    lineage: str
    environment: str
    settings: Mapping[str, Json]
    here: bool = True
    returning: bool = False

    def file(self, digest: str) -> bytes | None:
        """A file of a deployment (`Route.files`) from the store; None where it is missing, damaged or purged."""
        stored = self.objects.get(layout.artifact(digest))
        if stored is None or self.objects.present([layout.tombstone(digest)]):
            return None
        return stored[0] if hashlib.sha256(stored[0]).hexdigest() == layout.bare(digest) else None


class Observation(Frozen):
    """What serves an environment now. `answering`: the answer of this machine's server; `servers`: all registered servers.

    `running`: a process of ours lives, whether it answers or not. `reason` says what is wrong, if anything.
    """

    running: bool = False
    answering: ServerRecord | None = None
    servers: tuple[ServerRecord, ...] = ()
    reason: str = ""


Say = Callable[[str], None]
"""One line of progress for people."""


class Platform(Frozen):
    """Where an environment runs.

    settings: the JSON Schemas of the properties other than `type`; `x-restart: true` says that a change of it restarts what serves.
    placed: what serves may also be started elsewhere, without an apply, and follows the store: YAML may say where with `run`.
    problems: (site, what runs now or None) -> what would prevent an apply from running there. Called before a plan; changes nothing.
    stage: (site, deployment, say) -> None. Start to load the deployment beside the one in force, starting servers if need be.
    ready: (site, deployment, say) -> None. Return when all servers could serve it at once; ProviderError when one refuses, or
        none is ready in time.
    activate: (site, head, say) -> None. The head has moved: return when all servers follow it; ProviderError names those that lag.
    observe: site -> what serves now. Never raises because something is absent.
    remove: (site, say) -> None. Stop what serves from here, if anything.
    url: settings -> where clients reach it, None when it has no address.
    warnings: settings -> what a reviewer should know of them. Pure; called for every plan.
    """

    name: str
    description: str
    settings: Mapping[str, Schema] = field(default_factory=dict)
    problems: Callable[[Site, Observation | None], tuple[Problem, ...]]
    stage: Callable[[Site, Deployment, Say], None]
    ready: Callable[[Site, Deployment, Say], None]
    activate: Callable[[Site, Head, Say], None]
    observe: Callable[[Site], Observation]
    remove: Callable[[Site, Say], None]
    url: Callable[[Mapping[str, Json]], str | None] = lambda _settings: None
    warnings: Callable[[Mapping[str, Json]], tuple[Problem, ...]] = lambda _settings: ()
    placed: bool = False

    @property
    def keys(self) -> dict[str, Schema]:
        """The schemas of everything that YAML may write next to `type`."""
        return {**({"run": RUN} if self.placed else {}), **self.settings}


def placement(platform: Mapping[str, Json]) -> Placement:
    """The placement in a platform's settings as declared or recorded. Without a setting `run`, apply runs it here."""
    return "elsewhere" if platform.get("run") == "elsewhere" else "here"


def filled(schema: Mapping[str, Schema], written: Mapping[str, Json]) -> dict[str, Json]:
    """The settings of a platform as its verbs take them: those that are written, and the defaults of all others."""
    return {name: written.get(name, rule.get("default")) for name, rule in schema.items()}


def restarts(schema: Mapping[str, Schema], before: Mapping[str, Json], after: Mapping[str, Json]) -> list[str]:
    """The settings whose change restarts what serves (`x-restart`), in the schema's order; empty when none has changed."""
    old, new = filled(schema, before), filled(schema, after)
    return [name for name, rule in schema.items() if rule.get("x-restart") and old[name] != new[name]]
