"""Answers in the simulation: deleted rows are brought back, conflicts are settled, and the conflict log is compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from crdtsql.base import query
from crdtsql.base.errors import PurgedError
from crdtsql.conflicts.conflict_log import Conflict
from crdtsql.store import Registry
from tests.machines.oracle import model, parts
from tests.machines.oracle.events import Event, Row
from tests.machines.simulation import accounting, values
from tests.machines.simulation.files import Peer
from tests.support import state

if TYPE_CHECKING:
    from tests.machines.simulation.simulation import Simulation


def undelete(simulation: Simulation) -> None:
    """Bring a deleted row back: it gets a new head, and its cells keep their stamps and parts, but for the first thing that a site does."""
    peer = simulation.random.choice(simulation.peers)
    simulation.check(peer)
    gone = [row for row, found in peer.twin.rows.items() if not found.alive]
    if not gone:
        return
    table, key = simulation.random.choice(gone)
    if peer.twin.is_purged((table, key)):
        try:
            peer.replica.undelete(table, *key)
        except PurgedError:
            simulation.occurred["an undelete of a purged row was refused"] += 1
            return
        raise AssertionError("a purged row was brought back")
    place = Registry(peer.replica.connection).present_table(table)
    there = query.exists(peer.replica.connection, place.quoted, place.has_given_key, key)
    cells = peer.twin.rows[table, key].cells
    peer.replica.undelete(table, *key)
    peer.twin.undelete((table, key), simulation.now_of(peer.skew_ms), shown=there)
    simulation.occurred["a row was undeleted with its values"] += (
        bool(cells) and peer.twin.rows[table, key].cells != cells
    )
    back = peer.twin.rows[table, key]
    assert back.alive
    simulation.occurred["a row was undeleted"] += 1
    simulation.occurred["a delete-wins row was undeleted"] += simulation.habits.tables[table].rows == "delete-wins"
    simulation.occurred["a row with a typed cell in parts was undeleted"] += any(
        not parts.is_implicit(heads) for heads in back.heads_of.values()
    )
    simulation.check(peer)


def purge(simulation: Simulation) -> None:
    """Let a deleted row be forgotten: it is deleted once more, with blank cells."""
    for peer in simulation.random.sample(simulation.peers, len(simulation.peers)):
        simulation.check(peer)
        gone = [
            row
            for row, found in peer.twin.rows.items()
            if not found.alive and simulation.habits.tables[row[0]].rows != "grow-only"
        ]
        if gone:
            break
    else:
        return
    table, key = simulation.random.choice(gone)
    row, before = (table, key), peer.twin.rows[table, key]
    was_purged = peer.twin.is_purged(row)
    report = peer.replica.purge(table, [key])
    assert (report.rows, report.already) == (int(not was_purged), int(was_purged))
    if was_purged:
        simulation.occurred["a purged row was purged again"] += 1
        return
    peer.twin.purge(row, simulation.habits.tables[table].blanks, simulation.now_of(peer.skew_ms))
    simulation.habits.overwritten.update(accounting.forgotten(simulation.world, row))
    simulation.occurred["a row was purged"] += 1
    simulation.occurred["a delete-wins row was purged"] += simulation.habits.tables[table].rows == "delete-wins"
    simulation.occurred["a row with several heads was purged"] += len(before.heads) > 1
    simulation.occurred["a row with a typed cell in parts was purged"] += any(
        not parts.is_implicit(heads) for heads in before.heads_of.values()
    )
    simulation.occurred["a purge emptied the conflict log of a row"] += bool(report.conflicts)
    simulation.check(peer)


def resolve(simulation: Simulation) -> None:
    """Settle a conflict with one of its values, or another one: a write that has seen both."""
    random = simulation.random
    peer = random.choice([peer for peer in simulation.peers if peer.open] or simulation.peers)
    simulation.check(peer)
    again = random.random() < 0.25
    found = [
        entry
        for entry in peer.replica.conflicts(open_only=not again)
        if not entry.deleted
        and _kind(simulation, entry) in (("map",) if entry.part else ("lww", "register"))
        and not (entry.part and _is_hidden(peer, entry))
    ]
    if not found:
        return
    entry = random.choice(found)
    take = random.choice(("ours", "theirs", None))
    if entry.part:
        _settle_leaf(simulation, peer, entry, take)
        simulation.occurred["a leaf of a map was settled"] += 1
    else:
        _settle_cell(simulation, peer, entry, take)
        simulation.occurred["a conflict of a register was settled"] += _kind(simulation, entry) == "register"
    simulation.occurred[f"a conflict was settled with {take or 'a value'}"] += 1
    simulation.occurred["a settled conflict was answered again"] += entry.resolved
    simulation.check(peer)


def _kind(simulation: Simulation, entry: Conflict) -> str:
    return simulation.habits.tables[entry.table].types[entry.column]


def _is_hidden(peer: Peer, entry: Conflict) -> bool:
    """Tell whether there is an object in the place of the leaf that a conflict is about."""
    shown = peer.twin.rows[entry.table, entry.key].cells[entry.column][0]
    return any(parts.extends(other, entry.part) for other in parts.explode("map", shown))


def _answer(peer: Peer, entry: Conflict, take: Any, value: Any) -> None:
    if take is None:
        done = peer.replica.resolve(entry.id, value=value, again=True)
    else:
        done = peer.replica.resolve(entry.id, take, again=True)
    assert done.resolved, f"an answer settled nothing: {done}"


def _settle_cell(simulation: Simulation, peer: Peer, entry: Conflict, take: Any) -> None:
    """Write the cell; the answer is an event of its own, after that of the update if the value changed."""
    shape, before = simulation.habits.tables[entry.table], peer.writer.rows(entry.table)
    value = values.value(simulation.random, shape, entry.column)
    _answer(peer, entry, take, value)
    now = peer.writer.rows(entry.table)[entry.key][entry.column]
    if take is not None:
        assert parts.same(now, entry.ours if take == "ours" else entry.theirs)
    peer.writer.updated(entry.table, before, peer.twin)
    kind = "update" if shape.types[entry.column] == "lww" else "answer"
    peer.twin.write(kind, (entry.table, entry.key), {entry.column: now})
    peer.fold(simulation)


def _settle_leaf(simulation: Simulation, peer: Peer, entry: Conflict, take: Any) -> None:
    """Take the leaf out and put it in again: two updates of the map, each folded."""
    shape, row = simulation.habits.tables[entry.table], (entry.table, entry.key)
    leaf = simulation.random.choice(values.LEAVES)
    if take is not None:
        leaf = str(entry.ours if take == "ours" else entry.theirs)
    leaves = parts.explode("map", peer.twin.rows[row].cells[entry.column][0])
    _answer(peer, entry, take, leaf)
    leaves.pop(entry.part, None)
    for found in (leaves, {**leaves, entry.part: leaf}):
        text = parts.join(found)
        if text != peer.twin.rows[row].cells[entry.column][0]:
            peer.twin.write("update", row, {entry.column: text})
            if shape.stamps_together:
                peer.twin.write("update", row, {})
        peer.fold(simulation)


# -- the log --------------------------------------------------------------------------------------


def check_new(simulation: Simulation, peer: Peer, expected: set[model.Clash], known: int) -> None:
    """Compare what a merge added to the conflict log with the model; `known` are the events before it."""
    connection, world = peer.replica.connection, simulation.world
    found = state.conflicts(connection, peer.seen_conflicts)
    peer.seen_conflicts = connection.execute("SELECT ifnull(max(id), 0) FROM _crdt_conflict").get
    written: dict[tuple[Any, ...], tuple[Event, Any]] = {}
    for event in world.events:
        for row, cells in event.writes.items():
            for column, value in cells.items():
                written[row, column, "", event.stamp] = (event, value)
        for (row, column), write in event.typed.items():
            for part, value in {"": write.value, **write.parts}.items():
                written[row, column, part, event.stamp] = (event, value)
    named, unseen = set(), 0
    for entry in found:
        clash = _clash(entry)
        winner, loser = (written.get((*clash[:3], stamp)) for stamp in (clash.won, clash.lost))
        forgotten = [peer.twin.forgets(clash.row, stamp) for stamp in (clash.won, clash.lost)]
        assert not all(forgotten), f"a purge had seen both values: {clash}"
        is_typed = simulation.world.type_of(clash.row, clash.column) != "lww"
        if clash not in expected:
            assert is_typed or (winner and loser), "a value that nobody wrote"
            assert simulation.may_overwrite_unseen(clash, known), f"recorded as a conflict, but seen: {clash}"
            unseen += 1
            continue
        assert winner and loser and world.concurrent(winner[0], loser[0]), "not concurrent"
        values = (
            state.exact_of(None if gone else one[1]) for gone, one in zip(forgotten, (winner, loser), strict=True)
        )
        expected_values = tuple(values)
        assert expected_values == (entry[4], entry[6]), (
            f"{clash}: {expected_values}, not {(entry[4], entry[6])}; {forgotten} {winner} {loser}"
        )
        named.add(clash)
    simulation.occurred["a value that a table did not show was overwritten"] += unseen
    gone = {clash for clash in expected if all(peer.twin.forgets(clash.row, one) for one in (clash.won, clash.lost))}
    simulation.occurred["a conflict was forgotten by the purge that came with it"] += bool(gone)
    expected = expected - gone
    assert named == expected, f"conflicts recorded {named - expected}, conflicts missed {expected - named}"
    assert len(found) == len(named) + unseen


def _clash(entry: tuple[Any, ...]) -> model.Clash:
    table, key, column, won, _, lost, _, part, _ = entry
    row = (table, tuple(value.decode() if isinstance(value, bytes) else value for _, value in key))
    return model.Clash(row, column, part, won, lost)


def check_settled(simulation: Simulation, peer: Peer, rows: Mapping[Row, model.RowState]) -> None:
    """Check that exactly those entries are settled of which the present value's writer had seen both values."""
    entries = state.conflicts(peer.replica.connection)
    _check_forgotten(peer, entries)
    found = {_clash(entry): entry[-1] for entry in entries}
    if not found:
        peer.settled = peer.open = set()
        return
    peer.settled = {clash for clash, settled in found.items() if settled}
    peer.open = found.keys() - peer.settled
    # A leaf of a column that is no map any more has no writer; changing the type settled it.
    doubtful = {c for c in found if c.part and simulation.world.type_of(c.row, c.column) != "map"}
    expected = peer.twin.settled(found.keys() - doubtful, rows) | (peer.settled & doubtful)
    assert peer.settled == expected, f"settled {peer.settled - expected}, not settled {expected - peer.settled}"
    simulation.occurred["checks of the conflict log"] += 1


def _check_forgotten(peer: Peer, entries: list[tuple[Any, ...]]) -> None:
    """Check that no value is left which a purge had seen that is known here."""
    for entry in entries:
        clash, nothing = _clash(entry), state.exact_of(None)
        forgotten = [peer.twin.forgets(clash.row, stamp) for stamp in (clash.won, clash.lost)]
        assert not all(forgotten), f"a purge had seen both values of a conflict: {clash}"
        for gone, value in zip(forgotten, (entry[4], entry[6]), strict=True):
            assert not gone or value == nothing, f"a purge had seen a value that is still there: {clash} {value}"
