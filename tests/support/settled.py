"""Check that what a file shows and holds follows from the merged state alone."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from crdtsql import Replica
from crdtsql.shown import settle_anew
from crdtsql.store import damage
from tests.support import state
from tests.support.library import undone

_found_settled: WeakKeyDictionary[Replica, state.Version] = WeakKeyDictionary()


def assert_settled(replica: Replica) -> None:
    """Check that no held row waits for a decision, and that settling from scratch shows and holds the same.

    Says nothing of a file with writes, or changes of its schema, of which crdtsql has not taken note yet; a file in which nothing
    was written since it was found settled is so still.
    """
    connection = replica.connection
    if _found_settled.get(replica) == state.version(connection):
        return
    waiting = {row: reason for row, reason in state.held(connection).items() if "waiting" in reason}
    assert not waiting, f"rows were left undecided: {waiting}"
    with undone(connection):
        pending = connection.execute("SELECT 1 FROM _crdt_log LIMIT 1").fetchone() or damage.has_moved(
            replica.connection
        )
        differing = [] if pending else settle_anew(replica.registry)
    assert not differing, f"settling from scratch shows or holds otherwise: {differing}"
    _found_settled[replica] = state.version(connection)
