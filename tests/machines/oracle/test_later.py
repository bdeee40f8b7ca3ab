"""What happens to cells and rows later in the model: conflicts are settled, rows come back, columns get another type."""

from __future__ import annotations

from tests.machines.oracle.test_types import NOW, Network


def test_a_conflict_is_settled_by_a_write_that_had_seen_both() -> None:
    """A conflict is open while the present value's writer had not seen both; an answer settles it, a write that knew neither opens it."""
    network = Network("register", "old")
    network.update(0, "a")
    network.update(1, "b")
    into, changeset = network.replicas[0], network.replicas[1].export({})
    (clash,) = into.clashes(changeset)
    into.merge(changeset)
    assert into.settled([clash], into.rows) == set()
    network.write(0, "answer", v="b")
    assert into.settled([clash], into.rows) == {clash}
    for number in range(3):
        network.update(2, f"knew nothing {number}")
    network.send(2, 0)
    assert network.shown() == "knew nothing 2"
    assert into.settled([clash], into.rows) == set()


# -- undelete, other types ------------------------------------------------------------------------


def test_undelete_is_a_head_and_no_write() -> None:
    """A row that was brought back lives against deletes that had not seen that; its cells keep stamps and parts."""
    network = Network("counter", 10)
    network.update(1, 15)
    network.sync()
    before = network.replicas[0].rows[network.row]
    network.write(0, "delete")
    network.write(2, "delete")
    network.replicas[0].undelete(network.row, NOW)
    network.sync()
    after = [replica.rows[network.row] for replica in network.replicas]
    assert all(row.alive and row.cells == before.cells and row.heads_of == before.heads_of for row in after)


def test_another_type_keeps_values() -> None:
    """A cell that was written as a whole keeps its stamp under another type; one in parts is written anew by each replica."""
    network = Network("counter", 10)
    stamp = network.replicas[0].rows[network.row].cells["v"][1]
    assert network.world.retype("t", "v", "lww", network.replicas[0].known) == {}
    assert network.replicas[0].rows[network.row].cells["v"] == (10, stamp)
    network.world.retype("t", "v", "counter", network.replicas[0].known)
    network.update(1, 12)
    network.sync()
    held = network.world.retype("t", "v", "register", network.replicas[0].known)
    assert held == {network.row: 12}
    for replica in network.replicas:
        replica.rejoin("t", "v", held, NOW)
    assert network.merged() == 12
    assert len(network.replicas[0].rows[network.row].heads_of["v"]) == 3
