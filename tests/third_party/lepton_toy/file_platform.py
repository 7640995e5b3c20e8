"""A platform whose server is a file: it writes the routes of a deployment where others can read them."""

import json
from pathlib import Path

from leptonctl.spi import Deployment, Head, Observation, Platform, Problem, ServedModel, ServerRecord, Site


def file_of(site: Site) -> Path:
    return site.root / str(site.settings["folder"]) / f"{site.environment}.json"


def problems(site: Site, _observation: Observation | None) -> tuple[Problem, ...]:
    folder = site.root / str(site.settings["folder"])
    if folder.is_file():
        detail = f"{site.settings['folder']} is a file"
        return (Problem(id="not-a-folder", summary="The folder is a file", detail=detail, hint="name a folder", setting="folder"),)
    return ()


def stage(site: Site, deployment: Deployment, say) -> None:
    say(f"writing deployment {deployment.deployment}")
    file_of(site).parent.mkdir(parents=True, exist_ok=True)
    staged = file_of(site).with_suffix(f".{deployment.deployment}")
    routes = {model: deployment.main(model) for model in deployment.models}
    models = {
        model: {"version": r.version, "digest": r.digest, "package": r.package, "artifact": r.artifact, "since": deployment.at}
        for model, r in routes.items()
        if r is not None
    }
    staged.write_text(json.dumps({"deployment": deployment.deployment, "serial": deployment.serial, "models": models}))


def ready(site: Site, deployment: Deployment, _say) -> None:
    assert file_of(site).with_suffix(f".{deployment.deployment}").exists()


def activate(site: Site, head: Head, _say) -> None:
    staged = file_of(site).with_suffix(f".{head.deployment}")
    if staged.exists():
        staged.replace(file_of(site))


def observe(site: Site) -> Observation:
    file = file_of(site)
    if not file.exists():
        return Observation()
    written = json.loads(file.read_text())
    record = ServerRecord(
        id="file", lineage=site.lineage, environment=site.environment, host="", pid=0, url=file.as_uri(), started=0.0,
        deployment=written["deployment"], serial=written["serial"],
        models={name: ServedModel(**model) for name, model in written["models"].items()},
    )  # fmt: skip
    return Observation(running=True, answering=record, servers=(record,))


def remove(site: Site, _say) -> None:
    file_of(site).unlink(missing_ok=True)


PLATFORM = Platform(
    name="file",
    description="Writes what an environment serves into a file.",
    settings={"folder": {"type": "string", "default": "served", "description": "Where the files are written.", "x-restart": False}},
    problems=problems,
    stage=stage,
    ready=ready,
    activate=activate,
    observe=observe,
    remove=remove,
    url=lambda settings: f"file:{settings['folder']}",
)
