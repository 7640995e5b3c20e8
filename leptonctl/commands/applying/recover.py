"""Settles the pending switches of dead applies; every apply does this first."""

from leptonctl.commands.session import Session
from leptonctl.commands.who import author_of, owner_of
from leptonctl.deploying.look import is_here
from leptonctl.storage.claims import claimed, without_dead


def recover(session: Session) -> None:
    """Complete or drop, as the head says, every switch whose apply has died; drop the claims and locks of dead holders."""
    state = session.pointers.read()
    if state is None:
        return
    alive = without_dead(state, session.liveness)
    dead = [name for name, pending in state.pending.items() if pending.claim not in alive.applies]
    if dead:
        owner = owner_of(session)
        with claimed(session.pointers, owner, [], liveness=session.liveness) as claim:
            switch = session.switch(claim, author_of(owner, "recover"))
            for name in dead:
                switch.recover(name, here=is_here(state.environments.get(name), session.root))
    session.pointers.move(lambda now: without_dead(now, session.liveness))
