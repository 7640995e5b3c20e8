"""The names of scikit-learn's classes as names of algorithms and steps. Reads the list of them when a name looks like one.

A class with a name of ours (`RandomForestClassifier`: `random_forest`) is that provider, so that both names have the same digests.
"""

from importlib import import_module
from typing import cast

from leptonctl.spi.learning import Preprocessor, Trainer


def class_trainer(key: tuple[str, str]) -> Trainer | None:
    """The trainer of a class for a task, None when there is none."""
    task, name = key
    if not _is_class(name):
        return None
    from leptonctl.providers.estimators import listed, trainers

    if (alias := listed.ALIASES.get(name)) is None:
        return trainers.trainer_of(task, name)
    bundled = import_module(f"leptonctl.providers.trainers.{alias[1]}").TRAINERS if alias[0] == task else ()
    return next((cast("Trainer", trainer) for trainer in bundled if trainer.task == task), None)


def class_step(name: str) -> Preprocessor | None:
    """The preprocess step of a class, None when there is none."""
    if not _is_class(name):
        return None
    from leptonctl.providers.estimators import listed, steps

    if (alias := listed.STEP_ALIASES.get(name)) is None:
        return steps.step_of(name)
    return cast("Preprocessor", import_module(f"leptonctl.providers.preprocess.{alias}").PREPROCESSOR)


def class_tasks(name: str) -> tuple[str, ...]:
    """The tasks that a class is for. () when it is not listed."""
    if not _is_class(name):
        return ()
    from leptonctl.providers.estimators.trainers import tasks_of

    return tasks_of(name)


def class_names() -> tuple[tuple[str, str], ...]:
    """The task, or "step", and the name of every class that can be used."""
    from leptonctl.providers.estimators import listed

    algorithms = [(task, name) for name, (task, _) in listed.ALIASES.items()]
    algorithms += [(task, name) for task, names in listed.TRAINERS.items() for name in names]
    return (*algorithms, *(("step", name) for name in (*listed.STEP_ALIASES, *listed.STEPS)))


def class_refusal(role: str, name: str) -> tuple[str, str] | None:
    """Why a class of scikit-learn cannot be used as an "algorithm" or a "step", and what to use instead. None when it can be."""
    if not _is_class(name):
        return None
    from leptonctl.providers.estimators import listed, refused

    if role == "step":
        known = name in listed.ALIASES or any(name in names for names in listed.TRAINERS.values())
        other = (f"{name} is an algorithm, not a preprocess step", f"write `algorithm: {name}`") if known else None
        return refused.STEPS.get(name) or other
    known = name in listed.STEPS or name in listed.STEP_ALIASES
    other = (
        (f"{name} is a preprocess step, not an algorithm", f"write `- {{columns: numeric, use: {name}}}` under `preprocess:`")
        if known
        else None
    )
    return next((refusal for table in refused.AS_ALGORITHM if (refusal := table.get(name))), other)


def _is_class(name: str) -> bool:
    return name[:1].isupper()
