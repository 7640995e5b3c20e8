"""`validate` and `schema`: what is wrong with the project files, and what they may contain."""

from leptonctl.commands.folder import local_states
from leptonctl.commands.session import Session
from leptonctl.core.diagnostic import Diagnostic, did_you_mean, fail, has_errors
from leptonctl.core.values import Json
from leptonctl.kinds.table import KINDS
from leptonctl.project.schemas import load_schema


def validate(session: Session) -> tuple[Diagnostic, ...]:
    """Everything that is wrong with the project, as far as it can be known without training."""
    _, problems = session.checked
    if has_errors(problems):
        return problems
    undeclared = session.declared[1]
    if has_errors(undeclared):
        return (*problems, *undeclared)
    return (*problems, *undeclared, *local_states(session))


def schema(kind: str | None) -> dict[str, Json]:
    """The JSON Schema of one kind, or of all by kind."""
    if kind is None:
        return {name: load_schema(name, each.schema) for name, each in KINDS.items()}
    name = kind.capitalize()
    if name not in KINDS:
        raise fail("unknown-kind", "No such kind", f"{kind} has no schema", hint=did_you_mean(name, KINDS))
    return load_schema(name, KINDS[name].schema)
