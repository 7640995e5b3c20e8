"""Freezes and withdrawals that the state records."""

from leptonctl.core.address import parse
from leptonctl.core.diagnostic import fail
from leptonctl.core.holds import Withdrawal
from leptonctl.core.state import Environment, State


def refuse_frozen(state: State, name: str) -> None:
    """Failure `frozen-environment` when an environment that is to be destroyed is frozen."""
    if name in state.frozen:
        frozen = state.frozen[name]
        detail = f"{name} is frozen since {frozen.at[:16].replace('T', ' ')} UTC: {frozen.reason}"
        raise fail("frozen-environment", "The environment is frozen", detail, hint=f"leptonctl unfreeze {name}")


def active_withdrawals(record: Environment, address: str) -> list[Withdrawal]:
    """The withdrawals in force of the model that a binding's address names."""
    return [w for w in record.withdrawals if w.readmitted is None and w.model == parse(address).member]
