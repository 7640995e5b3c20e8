"""What may not be planned: sealed recipes edited, unpinned data in a protected environment, a commit that goes back. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence

from leptonctl.core.change import Change, Keep
from leptonctl.core.diagnostic import Diagnostic, error
from leptonctl.core.diff import becauses
from leptonctl.core.observed import Checkout
from leptonctl.core.record import State
from leptonctl.core.values import Json, Node, Span
from leptonctl.kinds.environment import Binding, Environment


def sealed(nodes: Sequence[Node], state: State) -> Iterator[Diagnostic]:
    """A version once bound in a protected environment keeps its recipe for good."""
    for node in nodes:
        seal = state.sealed.get(node.address)
        if seal is None or seal.get("digest") == node.digest:
            continue
        recipe = seal.get("recipe")
        moved = list(becauses(recipe if isinstance(recipe, dict) else {}, node))
        keep = "; ".join(f"{_where(b.span)}{_said(b.path, b.before)} (now {_text(b.after)})" for b in moved)
        span = next((b.span for b in moved if b.span is not None), node.span)
        detail = f"{node.address} has served in the protected environment {seal.get('environment')}; what keeps it as it was: {keep}"
        yield error(
            "sealed-version",
            "A version that a protected environment has served is changed",
            detail,
            span=span,
            hint="undo the edit (it may stand in the base block, in `vars` or in the dataset) and declare a new version with it",
        )


def protection(environments: Mapping[str, Environment], changes: Sequence[Change], state: State | None) -> Iterator[Diagnostic]:
    """Only pinned data enters a protected environment, and protection is taken away by an apply of its own."""
    moving = {c.address: c for c in changes if not isinstance(c, Keep)}
    for environment in environments.values():
        recorded = state.environments.get(environment.name, {}) if state else {}
        if bool(recorded.get("protected")) and not environment.protected:
            yield from _unprotected_alone(environment, moving)
        if environment.protected or recorded.get("protected"):
            for binding in environment.bindings:
                change = moving.get(binding.address)
                if change is not None and not change.is_return and not binding.model.dataset.pinned:
                    yield _unpinned(binding)
    if state:
        for name, record in state.environments.items():
            if record.get("protected") and name not in environments:
                yield error(
                    "protected-environment",
                    "A protected environment is no longer declared",
                    f"environment {name} is recorded as protected",
                    hint=f"first apply `protected: false` for {name} alone, or run `leptonctl destroy {name}`",
                )


def rewind(
    environments: Mapping[str, Environment], changes: Sequence[Change], state: State | None, checkout: Checkout
) -> Iterator[Diagnostic]:
    """A protected environment refuses a commit that does not contain the last applied one; unknown ancestry is a note."""
    for environment in environments.values():
        record = state.environments.get(environment.name, {}) if state else {}
        moves = any(environment.holds(c.address) and not isinstance(c, Keep) for c in changes)
        if not environment.protected or not moves:
            continue
        if environment.require_commit and (checkout.commit is None or checkout.dirty):
            returns = all(c.is_return for c in changes if c.address.startswith(environment.address + "/") and not isinstance(c, Keep))
            if not returns:
                what = (
                    f"not committed: {', '.join(checkout.dirty[:5])}"
                    if checkout.commit
                    else "the project is in no Git repository with a commit"
                )
                at = environment.declared.at("require_commit")
                yield error("uncommitted", "This environment takes committed files only", what, span=at, hint="commit, then apply")
        last = record.get("commit")
        if not isinstance(last, str):
            continue
        contains = checkout.contains.get(last)
        if contains is False:
            yield error(
                "rewind",
                "This commit does not contain the last applied one",
                f"environment {environment.name} was applied at {last[:12]}, HEAD is {(checkout.commit or 'unknown')[:12]}",
                hint="pull and merge, or apply with --allow-rewind",
            )
        elif contains is None:
            summary = "Whether this commit contains the last applied one is not known"
            detail = f"environment {environment.name} was applied at {last[:12]}"
            yield Diagnostic(id="rewind-unknown", severity="note", summary=summary, detail=detail)


def _unprotected_alone(environment: Environment, moving: Mapping[str, Change]) -> Iterator[Diagnostic]:
    others = sorted(a for a in moving if a.startswith(environment.address + "/"))
    if others:
        yield error(
            "protected-environment",
            "Protection is taken away by an apply of its own",
            f"{', '.join(others)} would move in the same apply",
            span=environment.declared.at("protected"),
            hint="apply `protected: false` alone first",
        )


def _unpinned(binding: Binding) -> Diagnostic:
    dataset = binding.model.dataset
    name = f"{dataset.declared.name}@{dataset.declared.version}"
    return error(
        "unpinned-data",
        "A protected environment binds only versions with pinned data",
        f"{binding.model.address} is trained on dataset/{name}, which has no `digest:`",
        span=binding.declared.at("models", binding.model.declared.name),
        hint=f"leptonctl pin dataset/{name}",
    )


def _where(span: Span | None) -> str:
    return f"{span.file}:{span.line}: " if span is not None else ""


def _said(path: str, value: Json) -> str:
    return f"`{path}` left out" if value is None else f"`{path}: {_text(value)}`"


def _text(value: Json) -> str:
    return "left out" if value is None else json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list | bool) else str(value)
