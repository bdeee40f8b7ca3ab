"""What happens to all replicas of the simulation once they are equal: a table gets other policies, or a column another type."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from crdtsql.base.errors import ColumnTypeError, CrdtsqlError, SchemaMismatchError
from crdtsql.wire.envelope import unpack
from tests.machines.oracle import parts
from tests.machines.oracle.events import Row
from tests.machines.simulation import values
from tests.machines.simulation.files import Peer
from tests.machines.simulation.tables import GRANULARITIES, ROWS, TABLES, stored
from tests.support import state

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.machines.simulation.simulation import Simulation

ANY = ("lww", "register", *parts.EXTREMES)


def change_policy(simulation: Simulation) -> None:
    """Give a table another row policy or granularity, on one replica after the other."""
    random = simulation.random
    table = random.choice(list(simulation.habits.tables))
    shape = simulation.habits.tables[table]
    wanted = [(rows, by) for rows in ROWS for by in GRANULARITIES if (rows, by) != (shape.rows, shape.granularity)]
    if random.random() < 0.7:
        _delete_and_update(simulation, table)
        wanted = [(rows, by) for rows, by in wanted if (rows == "delete-wins") != (shape.rows == "delete-wins")]
    rows, granularity = random.choice(wanted)
    simulation.turn_table(table, replace(shape, rows=rows, granularity=granularity))
    for peer in _one_by_one(simulation, table):
        report = peer.replica.set_rows(table, rows, granularity=granularity)
        simulation.occurred["a policy let rows go"] += bool(report.deleted)
        simulation.occurred["a policy let rows come back"] += bool(report.revived)
    simulation.occurred["a table got other policies"] += 1


def _delete_and_update(simulation: Simulation, table: str) -> None:
    """Let every row be deleted on one replica and updated on another, so that the row policy decides, and exchange that."""
    random = simulation.random
    one, other = random.sample(simulation.peers, 2)
    for key in one.writer.rows(table):
        one.writer.delete(table, key, one.twin)
        other.writer.update(random, table, key, other.twin)
    simulation.come_to_rest()


def retype(simulation: Simulation) -> None:
    """Give a column another type, on one replica after the other, which changes no value; or be refused for a value."""
    random = simulation.random
    table = random.choice(list(simulation.habits.tables))
    shape = simulation.habits.tables[table]
    column = random.choice(shape.columns)
    kind = random.choice([kind for kind in _kinds(table, column) if kind != shape.types[column]])
    wanted = replace(shape, types={**shape.types, column: kind})
    hub = simulation.peers[0]
    shown = [row.cells[column][0] for (name, _), row in hub.twin.rows.items() if name == table]
    if not all(values.is_taken(wanted, column, value) for value in shown):
        _refused(hub, lambda: hub.replica.set_type(table, column, kind), ColumnTypeError)
        simulation.occurred["a new type was refused for a value"] += 1
        return
    held = simulation.world.retype(table, column, kind, hub.twin.known)
    split = {row: stored(wanted, column, value) for row, value in held.items()}
    simulation.turn_table(table, wanted)
    for peer in _one_by_one(simulation, table):
        _retype(simulation, peer, table, column, split)
    simulation.occurred[f"a {shape.types[column]} became a {kind}"] += 1
    simulation.occurred["a column got another type"] += 1
    simulation.occurred["cells in parts got another type"] += bool(split)
    simulation.occurred["a deleted cell in parts got another type"] += any(
        not hub.twin.rows[row].alive for row in split
    )


def _kinds(table: str, column: str) -> tuple[str, ...]:
    """Return the types that a column's declaration allows."""
    if TABLES[table].types[column] in parts.COUNTERS:
        return (*ANY, *parts.COUNTERS)
    return ANY if table == "link" else (*ANY, *parts.SETS, "map")


def _retype(simulation: Simulation, peer: Peer, table: str, column: str, split: dict[Row, object]) -> None:
    before, kind = peer.writer.rows(table), simulation.habits.tables[table].types[column]
    assert peer.replica.set_type(table, column, kind)
    assert repr(peer.writer.rows(table)) == repr(before), "another type changed a value"
    assert not peer.replica.set_type(table, column, kind)
    real = state.rows(peer.replica.connection)
    stamps = {row: real[row[0], tuple(map(state.exact_of, row[1]))].cells[column][1] for row in split}
    ordered = {row: split[row] for row in sorted(split, key=lambda row: stamps[row])}
    peer.twin.rejoin(table, column, ordered, simulation.now_of(peer.skew_ms))


def _one_by_one(simulation: Simulation, table: str) -> Iterable[Peer]:
    """Yield all replicas to be changed; one that was not yet refuses rows that the first one wrote since.

    What was on its way, or kept for later, is of before and forgotten.
    """
    simulation.parcels.clear()
    for peer in simulation.peers:
        peer.backup = None
    peers = simulation.random.sample(simulation.peers, len(simulation.peers))
    first = peers[0]
    yield first
    simulation.check(first)
    for _ in range(3):
        simulation.write(first)
    data = first.replica.export(peers[-1].replica.vector())
    first.fold(simulation)
    sent = {found.name: found.rows for found in unpack(data).header.tables}
    for peer in peers[1:]:
        if sent.get(table):
            _refused(peer, lambda peer=peer: peer.replica.merge(data), SchemaMismatchError)  # type: ignore[misc]
            simulation.occurred["refused: another type or policy"] += 1
        yield peer
        simulation.check(peer)


def _refused(peer: Peer, call: Callable[[], object], error: type[CrdtsqlError]) -> None:
    content = state.content(peer.replica.connection)
    try:
        call()
    except error:
        pass
    else:
        raise AssertionError(f"no {error.__name__}")
    assert state.content(peer.replica.connection) == content, "what was refused changed the file"
