"""Check that what a file shows and holds follows from the merged state alone."""

from __future__ import annotations

from crdtsql import Replica
from crdtsql.shown import find_differences
from tests.support import state


def assert_settled(replica: Replica) -> None:
    """Check that no held row waits for a decision, and that settling from scratch shows and holds the same."""
    waiting = {row: reason for row, reason in state.held(replica.connection).items() if "waiting" in reason}
    assert not waiting, f"rows were left undecided: {waiting}"
    replica.connection.execute("BEGIN IMMEDIATE")
    try:
        differing = find_differences(replica.registry)
    finally:
        replica.connection.execute("ROLLBACK")
    assert not differing, f"settling from scratch shows or holds otherwise: {differing}"
