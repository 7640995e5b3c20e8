"""A binding that several reasons hold names every one, and the way out of each."""

from leptonctl.core.change import Update
from leptonctl.core.holds import Freeze, Withdrawal
from leptonctl.core.state import State
from leptonctl.kinds.environment.holding import hold_of

CHANGE = Update(address="environment/prod/line", before="sha256:a", after="sha256:b", before_version="v1", after_version="v2")
FROZEN = State(lineage="l", project="p", frozen={"prod": Freeze(at="2026-01-02T03:04:05Z", reason="audit")})
WITHDRAWN = Withdrawal(
    id="w1", model="line", version="v2", digest="sha256:b", package="", artifact="", at="2026-01-01T00:00:00Z", command="rollback"
)
UNFREEZE, READMIT = "leptonctl unfreeze prod", 'leptonctl readmit prod/line@v2 --reason "…"'


def test_two_reasons_name_two_ways_out() -> None:
    both = hold_of(CHANGE, FROZEN, withdrawals=[WITHDRAWN])
    assert both is not None
    assert "prod is frozen since" in both.reason
    assert "v2 was withdrawn by a rollback" in both.reason
    assert both.hint == f"{UNFREEZE}; and {READMIT}"


def test_one_reason_names_one() -> None:
    frozen, withdrawn = hold_of(CHANGE, FROZEN), hold_of(CHANGE, None, withdrawals=[WITHDRAWN])
    assert frozen is not None and withdrawn is not None
    assert (frozen.hint, withdrawn.hint) == (UNFREEZE, READMIT)
