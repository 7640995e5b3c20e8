"""What a plan may not do: edit sealed recipes, bind unpinned data in a protected environment, apply an older commit. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from leptonctl.core.change import Change, Keep
from leptonctl.core.diagnostic import Diagnostic, error
from leptonctl.core.holds import Withdrawal
from leptonctl.core.observed import Checkout
from leptonctl.core.result import Result
from leptonctl.core.state import State
from leptonctl.core.store_records import Recipe
from leptonctl.core.values import Node, Span
from leptonctl.kinds.environment.binding import Binding, matching_withdrawals
from leptonctl.kinds.environment.kind import Environment
from leptonctl.kinds.model.recipe_edits import edits_since, keep_lines


def edited_seals(nodes: Mapping[str, Node], state: State) -> dict[str, str]:
    """The sealed versions whose recipe has changed: address -> the declaration that was sealed."""
    return {a: seal.declaration for a, seal in state.sealed.items() if a in nodes and nodes[a].digest != seal.digest}


def seal_breaches(
    nodes: Mapping[str, Node],
    state: State,
    recipes: Mapping[str, Recipe],
    *,
    purged: Collection[str] = frozenset(),
    before: Mapping[str, Recipe] | None = None,
) -> Iterator[Diagnostic]:
    """An error for each version whose recipe has changed although a protected environment has bound it.

    recipes: those of the edited seals, by declaration. before: those of the versions that these continue from, by train key.
    purged: versions with purged results. Their seal is broken, since their rows must go (protocols 16).
    """
    for place, declaration in edited_seals(nodes, state).items():
        if place in purged:
            continue
        node, recipe = nodes[place], recipes.get(declaration)
        edits = edits_since(recipe, node, nodes, before or {}) if recipe else []
        keep = keep_lines(edits)
        span = next((b.span for b in edits if b.span is not None), node.span)
        environment = state.sealed[place].environment
        detail = f"{place} has served in the protected environment {environment}" + (f"; to keep it as it was: {keep}" if keep else "")
        yield error(
            "sealed-version",
            "A version that a protected environment has served is changed",
            detail,
            span=span,
            hint="undo the edit (it may be in the base block, in `vars` or in the dataset) and declare a new version with it",
        )


def protection(environments: Mapping[str, Environment], changes: Sequence[Change], state: State | None) -> Iterator[Diagnostic]:
    """Errors for protected environments: they take only pinned data, and protection is removed by a separate apply."""
    moving = {c.address: c for c in changes if not isinstance(c, Keep)}
    for environment in environments.values():
        recorded = state.environments.get(environment.name) if state else None
        was_protected = recorded is not None and recorded.protected
        if was_protected and not environment.protected:
            yield from _protection_removed(environment, moving)
        if environment.protected or was_protected:
            for binding in environment.bindings:
                change = moving.get(binding.address)
                if change is not None and not change.is_return and not binding.model.dataset.pinned:
                    yield _unpinned_data(binding)
    if state:
        for name, record in state.environments.items():
            if record.protected and not record.destroyed and name not in environments:
                yield error(
                    "protected-environment",
                    "A protected environment is no longer declared",
                    f"environment {name} is recorded as protected",
                    hint=f"first apply `protected: false` for {name} alone, or run `leptonctl destroy {name}`",
                )


def readmissions(
    bindings: Mapping[str, Binding],
    changes: Sequence[Change],
    built: Mapping[str, Node],
    state: State | None,
    results: Mapping[str, Result],
    *,
    way_back: bool = False,
) -> Iterator[Diagnostic]:
    """Errors for `readmit:`: it names a withdrawal of its environment; when the binding moves, one of its own package, and only once.

    A return needs no readmission. way_back: the plan is a rollback, which is never refused for one.
    """
    for change in changes:
        binding = bindings.get(change.address)
        if binding is None or binding.readmit is None:
            continue
        record = state.environments.get(binding.environment) if state else None
        withdrawals = record.withdrawals if record else ()
        withdrawal = next((w for w in withdrawals if w.id == binding.readmit.withdrawal), None)
        moves = not (isinstance(change, Keep) or change.is_return)
        matching = matching_withdrawals(binding, built, state, results) if moves else ()
        active = [w for w in matching if w.readmitted is None]
        if withdrawal not in matching if moves else withdrawal is None:
            if moves or not way_back:
                yield _unknown_withdrawal(binding, withdrawal, active or [w for w in withdrawals if w.readmitted is None])
        elif withdrawal is not None and withdrawal.readmitted is not None and active:
            yield _used_withdrawal(binding, withdrawal.id, withdrawal.readmitted.at, active[-1].id)


def _used_withdrawal(binding: Binding, used: str, readmitted_at: str, latest: str) -> Diagnostic:
    detail = f"{used} was readmitted on {readmitted_at[:10]}; {binding.version} was withdrawn again as {latest}"
    hint = f"write `withdrawal: {latest}` with the reason why it comes back this time"
    return error("used-withdrawal", "This withdrawal was readmitted before", detail, span=_at_withdrawal(binding), hint=hint)


def _unknown_withdrawal(binding: Binding, withdrawal: Withdrawal | None, active: Sequence[Withdrawal]) -> Diagnostic:
    model = binding.model.declared.name
    own = [w for w in active if w.model == model]
    known = ", ".join(f"{w.id} ({w.version})" for w in own)
    place = f"{binding.environment}/{model}"
    if withdrawal is not None:
        detail = f"{withdrawal.id} withdrew {withdrawal.model} {withdrawal.version}, not what {binding.version} is"
    else:
        detail = f"{binding.environment} has no withdrawal {binding.readmit.withdrawal if binding.readmit else ''}"
    detail += f"; withdrawn from {place}: {known}" if known else f"; nothing is withdrawn from {place}"
    hint = f"write one of {known}, or remove `readmit:`" if known else "remove `readmit:`"
    return error(
        "unknown-withdrawal", "A binding readmits a withdrawal that does not match", detail, span=_at_withdrawal(binding), hint=hint
    )


def _at_withdrawal(binding: Binding) -> Span:
    return binding.declared.at("models", binding.model.declared.name, "readmit", "withdrawal")


def unpinned_bindings(environments: Iterable[Environment]) -> Iterator[Diagnostic]:
    """Errors for bindings of protected environments to versions with unpinned data, from the YAML alone."""
    for environment in environments:
        if environment.protected:
            yield from (_unpinned_data(binding) for binding in environment.bindings if not binding.model.dataset.pinned)


def rewind(
    environments: Mapping[str, Environment], changes: Sequence[Change], state: State | None, checkout: Checkout
) -> Iterator[Diagnostic]:
    """A protected environment refuses a commit that does not contain the last applied one, or of which that is not known.

    Without a repository or a commit it is a note.
    """
    for environment in environments.values():
        moves = [c for c in changes if environment.holds(c.address) and not isinstance(c, Keep)]
        if not environment.protected or not moves:
            continue
        if environment.require_commit and (checkout.commit is None or checkout.dirty):
            bindings = [c for c in moves if c.address != environment.address]
            if not all(c.is_return for c in bindings):
                yield _uncommitted_files(environment, checkout)
        record = state.environments.get(environment.name) if state else None
        if record is not None and record.commit is not None:
            yield from _rewinds(environment.name, record.commit, checkout)


def _uncommitted_files(environment: Environment, checkout: Checkout) -> Diagnostic:
    detail = "the project is not in a Git repository with a commit"
    if checkout.commit:
        detail = f"not committed: {', '.join(checkout.dirty[:5])}"
    span = environment.declared.at("require_commit")
    return error("uncommitted", "This environment accepts only committed files", detail, span=span, hint="commit, then apply")


def _rewinds(name: str, last: str, checkout: Checkout) -> Iterator[Diagnostic]:
    """What is wrong where HEAD does not contain the last applied commit, or nobody knows whether it does."""
    contains = checkout.contains.get(last)
    if contains is None:
        yield _unknown_rewind(name, last, checkout)
    elif not contains:
        detail = f"environment {name} was applied at {last[:12]}, HEAD is {(checkout.commit or 'unknown')[:12]}"
        hint = "pull and merge, or apply with --allow-rewind"
        yield error("rewind", "This commit does not contain the last applied one", detail, hint=hint)


def _unknown_rewind(name: str, last: str, checkout: Checkout) -> Diagnostic:
    summary = "It is not known whether this commit contains the last applied one"
    detail = f"environment {name} was applied at {last[:12]}"
    hint = "fetch the history (`git fetch --unshallow`, or that commit from where it was pushed), or apply with --allow-rewind"
    if checkout.commit is not None:
        where = (
            f", which this repository does not connect with HEAD ({checkout.commit[:12]}): the clone is shallow, or the commit is not in it"
        )
        return error("rewind-unknown", summary, detail + where, hint=hint)
    if checkout.unreadable:
        hint = "make `git status` work here (`git config --global --add safe.directory DIR`), or apply with --allow-rewind"
        return error("rewind-unknown", summary, f"{detail}, and git cannot read the repository here", hint=hint)
    return Diagnostic(id="rewind-unknown", severity="note", summary=summary, detail=f"{detail}, and there is no commit here")


def _protection_removed(environment: Environment, moving: Mapping[str, Change]) -> Iterator[Diagnostic]:
    others = sorted(a for a in moving if a != environment.address and environment.holds(a))
    if others:
        yield error(
            "protected-environment",
            "Protection must be removed in a separate apply",
            f"{', '.join(others)} would move in the same apply",
            span=environment.declared.at("protected"),
            hint="apply `protected: false` alone first",
        )


def _unpinned_data(binding: Binding) -> Diagnostic:
    dataset = binding.model.dataset
    return error(
        "unpinned-data",
        "A protected environment binds only versions with pinned data",
        f"{binding.model.address} is trained on {dataset.address}, which has no `digest:`",
        span=binding.declared.at("models", binding.model.declared.name),
        hint=f"leptonctl pin {dataset.address}",
    )
