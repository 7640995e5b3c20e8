"""What a process of the executor does: one task comes in, outcomes go out."""

import os
import pickle
import sys
import time
from importlib import import_module

from lepton_toy.sqlite_storage import STORE
from leptonctl.spi import Bench, Completed, Failed, Outcome, Produced, Progressed, ProviderError, StepError
from leptonctl.storage.batch import ArtifactBatch
from leptonctl.storage.open import open_store


def work() -> None:
    task, project, store_uri = pickle.load(sys.stdin.buffer)
    out = os.fdopen(os.dup(1), "wb")
    began = time.monotonic()

    def say(outcome: Outcome) -> None:
        pickle.dump(outcome, out)
        out.flush()

    def progress(*, message: str = "", iteration: int | None = None, of: int | None = None, loss: float | None = None) -> None:
        say(Progressed(id=task.id, seconds=time.monotonic() - began, message=message, iteration=iteration, of=of, loss=loss))

    store = open_store(store_uri, project, {"sqlite": STORE})
    batch = ArtifactBatch(store=store)
    bench = Bench(project=project, artifacts=batch, progress=progress, check_key=store.check_key)
    module, _, function = task.run.partition(":")
    try:
        produced = getattr(import_module(module), function)(dict(task.inputs), task.needs, bench)
        if not isinstance(produced, Produced):
            raise TypeError(produced)
        batch.flush()
    except ProviderError as problem:
        error = StepError(
            id=problem.id, summary=problem.summary, detail=problem.detail, hint=problem.hint,
            file=problem.file, line=problem.line, column=problem.column,
        )  # fmt: skip
        say(Failed(id=task.id, error=error, seconds=time.monotonic() - began))
    except BaseException as problem:
        error = StepError(id="bug-in-step", summary="A step ended with an error of its own", detail=type(problem).__name__)
        say(Failed(id=task.id, error=error, seconds=time.monotonic() - began))
    else:
        say(Completed(id=task.id, produced=produced, seconds=time.monotonic() - began, provenance={"pid": os.getpid()}))
