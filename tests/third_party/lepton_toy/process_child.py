"""What a process of the executor does: one step."""

import os
import pickle
import sys
from importlib import import_module
from pathlib import Path

from lepton_toy.sqlite_storage import STORE
from leptonctl.spi import Bench, ProviderError, StepError


class Shelf:
    def __init__(self, objects) -> None:
        self.objects = objects

    def put_artifact(self, data: bytes) -> str:
        from hashlib import sha256

        from leptonctl.core.layout import artifact

        name = sha256(data).hexdigest()
        self.objects.create(artifact(name), data)
        return f"sha256:{name}"

    def get_artifact(self, digest: str) -> bytes:
        from leptonctl.core.layout import artifact

        found = self.objects.get(artifact(digest))
        if found is None:
            raise KeyError(digest)
        return found[0]


def work(folder: str) -> None:
    task, project, store = pickle.loads((Path(folder) / "task").read_bytes())
    bench = Bench(project=Path(project), artifacts=Shelf(STORE.open(store, Path(project))), progress=lambda **_: None)
    module, _, function = task.run.partition(":")
    try:
        answer = (getattr(import_module(module), function)(dict(task.inputs), task.needs, bench), None)
    except ProviderError as problem:
        answer = (None, StepError(id=problem.id, summary=problem.summary, detail=problem.detail, hint=problem.hint))
    except Exception as problem:
        answer = (None, StepError(id="bug-in-step", summary="A step ended with an error of its own", detail=type(problem).__name__))
    temporary = Path(folder) / f"answer.{os.getpid()}"
    temporary.write_bytes(pickle.dumps(answer))
    temporary.replace(Path(folder) / "answer")
    sys.exit(0)
