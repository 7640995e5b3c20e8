"""Computes again, from the stored package and rows, what gates rely on, and compares it with the records. Records nothing.

A record can be edited together with its checksum; the artifacts cannot, since they are named by their digests.
"""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from leptonctl.commands.proving.checks import Check
from leptonctl.commands.proving.rebuild import changes_since
from leptonctl.core.codec import BadRecord, decode
from leptonctl.core.manifest import GRAPH_FILE, MANIFEST_FILE, Manifest, package_digest
from leptonctl.core.result import Result
from leptonctl.core.values import Json, Step
from leptonctl.spi.running import Artifacts, Bench

TOLERANCE = 1e-6
MOST = 5
DETAILS = "evaluation"
"""The output with curves and matrices, whose points may differ on another processor while metrics do not."""
NOTES = "notes"


def check_package(export: Result, artifacts: Artifacts, current: str | None) -> Check:
    """Whether graph and manifest make the package that the export and the state name (`current`: None when it names none)."""
    try:
        graph = artifacts.get_artifact(export.artifacts[GRAPH_FILE])
        manifest = decode(artifacts.get_artifact(export.artifacts[MANIFEST_FILE]), Manifest)
    except (BadRecord, KeyError, ValueError) as problem:
        return Check(what="package", ok=False, detail=f"cannot be computed again: {problem}")
    package = package_digest(export.artifacts[GRAPH_FILE], manifest)
    claims = {"the result of export": export.outputs.get("package"), **({"the state": current} if current else {})}
    wrong = [f"{who} names {digest}" for who, digest in claims.items() if digest != package]
    if export.outputs.get("size") != len(graph):
        wrong.append(f"size {export.outputs.get('size')} recorded, {len(graph)} now")
    return Check(what="package", ok=not wrong, detail="; ".join([f"graph and manifest make {package}", *wrong]))


def check_step(title: str, step: Step, recorded: Result, needs: Mapping[str, Result], artifacts: Artifacts) -> Check:
    """Do an `evaluate` or `compare` step again, and compare every number. `title`: what is checked."""
    from leptonctl.building.provenance import provenance
    from leptonctl.learning.steps import compare, evaluate
    from leptonctl.spi.learning import ProviderError

    run = {"evaluate": evaluate.run, "compare": compare.run}[step.op]
    try:
        produced = run(dict(step.inputs), needs, Bench(project=Path(), artifacts=artifacts))
    except (ProviderError, KeyError, ValueError) as problem:
        return Check(what=title, ok=False, detail=f"cannot be computed again: {problem}")
    return check_outputs(title, recorded, produced.outputs, comparable=not changes_since([recorded.provenance], provenance()))


def check_outputs(title: str, recorded: Result, now: Mapping[str, Json], *, comparable: bool, part: str = "") -> Check:
    """Compare outputs with the recorded ones, or one `part` of them. `comparable`: libraries and kind of processor are the same."""
    sides = ({name: value for name, value in outputs.items() if not part or name == part} for outputs in (recorded.outputs, now))
    a, b = (dict(_leaves(side, details=comparable)) for side in sides)
    changed = [f"{name} {_text(a, name)} recorded, {_text(b, name)} now" for name in sorted({*a, *b}) if not _equal(a, b, name)]
    if changed:
        more = f"; and {len(changed) - MOST} more" if len(changed) > MOST else ""
        return Check(what=title, ok=False, detail="; ".join(changed[:MOST]) + more)
    skipped = "" if comparable else "; curves and matrices are not compared, since libraries or processor differ"
    return Check(what=title, ok=True, detail=f"{len(b)} values computed again, all as recorded{skipped}")


def _leaves(value: Json, path: str = "", *, details: bool) -> Iterator[tuple[str, Json]]:
    """The numbers and words in outputs, by their dotted path; a metric by its name alone."""
    if isinstance(value, Mapping | list):
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, item in items:
            if key == NOTES or (key == DETAILS and not path and not details):
                continue
            yield from _leaves(item, f"{path}.{key}" if path and path != "metrics" else str(key), details=details)
    else:
        yield path, value


def _equal(then: Mapping[str, Json], now: Mapping[str, Json], name: str) -> bool:
    """Whether two values are equal but for the last digits, in which processors differ."""
    if (name in then) != (name in now):
        return False
    a, b = then[name], now[name]
    if isinstance(a, int | float) and isinstance(b, int | float):
        return math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return a == b


def _text(values: Mapping[str, Json], name: str) -> str:
    return str(values[name]) if name in values else "nothing"
