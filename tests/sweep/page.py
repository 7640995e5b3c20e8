"""docs/algorithms.md, made of what the sweep found and of the hand-written lists."""

import json
from collections.abc import Iterator, Mapping, Sequence

from leptonctl.project.catalog import PREPROCESSORS, load_catalog
from leptonctl.project.catalog import TRAINERS as BUNDLED
from leptonctl.providers.estimators import refused
from leptonctl.providers.estimators.listed import ALIASES, STEP_ALIASES, STEPS, TRAINERS
from tests.sweep.cases import EXPORTED, Outcome

HEAD = """# Algorithms and preprocess steps

Written by `python -m tests.sweep`, which builds each of them on real tables (breast_cancer, wine, digits and diabetes of scikit-learn; with
and without missing cells, scaled or not) and compares the exported graph with scikit-learn, row by row.

Write `algorithm:` or `use:` with a name of the first column, or with the name of scikit-learn's class. Where there are both, they are
one thing: the plan, the parameters and the digests are the same. The parameters have scikit-learn's names and the defaults of the release that
this one was written for; an upgrade of scikit-learn moves none of them. A parameter that takes an object, a function or rows is not offered.

*Difference* is the largest between the exported graph and scikit-learn: of a probability, or of a value, a score or a
distance in units of its spread; labels are equal.
*Missing cells*: what happens where they reach it. Every build measures the same again on its own rows, and refuses to continue if an answer differs.
"""
CALIBRATED = """
Classifiers that have scores but no probabilities (`svm`, `linear_svm`, `NuSVC`, `Perceptron`, `RidgeClassifier`, `RidgeClassifierCV`) get
them from a sigmoid that is fitted to the scores on five folds, since the answer of a classifier has probabilities
([ADR 0036](adr/0036-classes-of-scikit-learn-by-name.md)).
"""


def page(outcomes: Sequence[Outcome]) -> str:
    """The whole page."""
    lines = [HEAD]
    for task in TRAINERS:
        lines += [
            f"## {task.capitalize()}\n",
            "| name | scikit-learn | what it is | difference | missing cells |",
            "| --- | --- | --- | --- | --- |",
        ]
        names = {name: cls for cls, (of, name) in ALIASES.items() if of == task}
        for name in (*BUNDLED.get(task, ()), *TRAINERS[task]):
            trainer = load_catalog().trainers[task, name]
            found = [o for o in outcomes if (o.case.task, o.case.algorithm, o.case.subject) == (task, name, name)]
            lines.append(_row(name, names.get(name, name), trainer.description, found))
        lines += [CALIBRATED] if task == "classification" else [""]
    lines += [
        "## Preprocess steps\n",
        "| name | scikit-learn | what it does | difference | missing cells |",
        "| --- | --- | --- | --- | --- |",
    ]
    names = {name: cls for cls, name in STEP_ALIASES.items()}
    for name in (*PREPROCESSORS, *STEPS):
        step = load_catalog().preprocessors[name]
        lines.append(_row(name, names.get(name, name), step.description, [o for o in outcomes if o.case.subject == name], step=True))
    lines += [
        "",
        "The difference is that of a model after the step. `QuantileTransformer` is close and not exact, so no trees may follow it.\n",
    ]
    lines += [*_parameters()]
    lines += [*_refused("Algorithms that cannot be used", refused.ALGORITHMS), *_refused("Steps that cannot be used", refused.STEPS)]
    lines += [*_refused("Clusterers that cannot be used", refused.CLUSTERERS)]
    return "\n".join(lines).rstrip() + "\n"


def _parameters() -> Iterator[str]:
    """A line for each class that has no other name here: those that have one are in the reference."""
    yield "## Parameters\n"
    yield "Of the names that are scikit-learn's, with their defaults; those of the others are in the [reference](yaml-reference.md).\n"
    catalog = load_catalog()
    providers = [catalog.trainers[task, name] for task, names in TRAINERS.items() for name in names]
    for provider in (*providers, *(catalog.preprocessors[name] for name in STEPS)):
        words = ", ".join(f"{name} ({json.dumps(schema['default'])})" for name, schema in provider.params.items())
        yield f"- `{provider.name}`: {words or 'none'}"
    yield ""


def _row(name: str, kind: str, description: str, found: Sequence[Outcome], *, step: bool = False) -> str:
    done = [o for o in found if o.result == EXPORTED]
    far = max((o.difference for o in done if not o.case.table.gaps), default=0.0)
    figure = f"{far:.0e}".replace("e-0", "e-") if far else "0"
    bare = [o for o in found if o.case.table.gaps and not any(s[0] == "imputer" for s in o.case.steps if s[0] != name)]
    gaps = "" if step and not bare else _missing(bare)
    gaps = "refused: impute first" if not step and gaps == "passed on" else gaps
    return f"| `{name}` | {kind} | {description.rstrip('.')} | {figure} | {gaps} |"


def _missing(found: Sequence[Outcome]) -> str:
    if any(o.result == EXPORTED for o in found):
        return "taken"
    taken_on = all("cannot take" in o.reason and o.reason.split(": ", 1)[1].startswith(o.case.subject) for o in found)
    return "refused: impute first" if taken_on else "passed on"


def _refused(title: str, table: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    yield f"## {title}\n"
    yield "| scikit-learn | why | instead |"
    yield "| --- | --- | --- |"
    for name, (reason, hint) in sorted(table.items()):
        yield f"| {name} | {reason} | {hint} |"
    yield ""
