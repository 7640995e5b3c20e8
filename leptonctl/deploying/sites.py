"""Which platform runs an environment, and the environment in the form that this platform takes. Calls of its verbs."""

from collections.abc import Callable, Mapping
from pathlib import Path

from leptonctl.core.diagnostic import INVALID, did_you_mean, fail
from leptonctl.core.frozen import Frozen
from leptonctl.core.values import Json
from leptonctl.spi.learning import ProviderError
from leptonctl.spi.platforms import Platform, Site, filled, placement
from leptonctl.spi.storage import Objects


class Sites(Frozen):
    """The environments of one project. `root`: its folder. `store`: the URI of its store, `objects`: what is in it."""

    root: Path
    store: str
    objects: Objects
    platforms: Mapping[str, Platform]

    def platform(self, written: Mapping[str, Json]) -> Platform:
        """The platform that `platform:` names. Failure `unknown-platform` (exit 3) when it is not installed."""
        kind = str(written.get("type", "server"))
        platform = self.platforms.get(kind)
        if platform is None:
            hint = did_you_mean(kind, self.platforms) or "install the package that provides it"
            raise fail("unknown-platform", "No platform of this type is installed", f"`type: {kind}`", hint=hint, exit_code=INVALID)
        return platform

    def site(self, lineage: str, environment: str, written: Mapping[str, Json], *, here: bool) -> Site:
        """One environment as its platform sees it. `written`: the mapping under `platform:`, as declared or as recorded.

        `here`: this folder on this host may start what serves, unless the placement says that it runs elsewhere.
        """
        return Site(
            root=self.root,
            store=self.store,
            objects=self.objects,
            lineage=lineage,
            environment=environment,
            settings=filled(self.platform(written).settings, written),
            here=here and placement(written) == "here",
        )


def verb(act: Callable[..., None], *arguments: object) -> None:
    """Call a verb of a platform; its ProviderError becomes a Failure of the switch."""
    try:
        act(*arguments)
    except ProviderError as problem:
        raise fail(problem.id, problem.summary, problem.detail, hint=problem.hint) from problem
