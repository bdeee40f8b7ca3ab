"""What must hold of a replica that compacts: what people see of it is what they see of its twin."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import apsw

from crdtsql import Replica
from crdtsql.base import clock, naming
from crdtsql.numbers import archive
from crdtsql.replica.transactions import reading
from crdtsql.store.registry import Registry
from tests.machines.compaction import pasts, verbs
from tests.machines.compaction.pairs import Pair
from tests.support import state

Row = tuple[str, tuple[state.Exact, ...]]
GENESIS = None, 0, None
"""The birth of a row of which nothing is kept but what is shown."""
Held = dict[Row, tuple[str, tuple[state.Exact, ...]]]


_seen: WeakKeyDictionary[apsw.Connection, tuple[state.Version, dict[str, Any]]] = WeakKeyDictionary()


def seen(replica: Replica) -> dict[str, Any]:
    """Return what people see: the tables, the rows that are held for other reasons than a delete, and the open conflicts of rows that are there.

    Where nothing was written since it was read, it is as it was.
    """
    connection = replica.connection
    with reading(connection):
        now = state.version(connection)
        before = _seen.get(connection)
        if before is None or before[0] != now:
            before = _seen[connection] = now, _see(connection)
    return before[1]


def _see(connection: apsw.Connection) -> dict[str, Any]:
    with reading(connection):
        held = _held(connection)
        gone = {row for row, (reason, _) in held.items() if reason == "deleted"}
        tables = state.tables(connection)
        return {
            "tables": {name: rows for name, rows in tables.items() if not naming.is_history(name)},
            "histories": {name: rows for name, rows in tables.items() if naming.is_history(name)},
            "held rows": {row: found for row, found in held.items() if row not in gone},
            "open conflicts": _open(connection, gone),
        }


def note_seen(replica: Replica, truth: dict[tuple[bytes, bytes], dict[int, int]]) -> None:
    """Note what a replica knows of what sites had seen."""
    for site, peer, at, upto in verbs.seen(replica):
        truth[site, peer][at] = max(upto, truth[site, peer].get(at, 0))


def assert_seen(pair: Pair, truth: Mapping[tuple[bytes, bytes], Mapping[int, int]]) -> int:
    """Check that of each stamp of a row that is kept it is still known what its writer had seen; return how many stamps there are.

    Those that stand for others, which were forgotten, are asked on behalf of only if they are the genesis (decision 0040).
    """
    replica = pair.one.replica
    here: dict[tuple[bytes, bytes], dict[int, int]] = defaultdict(dict)
    note_seen(replica, here)
    sites = {bytes(site) for (site,) in replica.connection.execute("SELECT id FROM _crdt_site")}
    here_and_there = [state.rows(side.replica.connection) for side in pair.sides]
    mine, its = here_and_there
    both = [name for name in mine if name in its or not pasts.is_before(name)]
    stamps = {stamp for name in both for stamp in _own_stamps(mine[name], its[name])}
    over = verbs.retired(replica).keys()
    for t, site in stamps:
        for peer in sites - over - {site}:
            known, all_known = (_newest(log.get((site, peer), {}), t) for log in (here, truth))
            assert known >= all_known, (
                f"{pair.name} forgot what {site.hex()[:8]} had seen of {peer.hex()[:8]} at {t}: {known}, not {all_known}"
            )
    return len(stamps)


def _own_stamps(row: state.RowState, twin: state.RowState) -> Iterator[tuple[int, bytes]]:
    """Yield the stamps of a row that are the twin's too, where they stand, and those of a genesis."""
    for head in row.heads:
        if head in twin.heads or head[0] < 0:
            yield head[:2]
    for column, (_, stamp) in row.cells.items():
        if stamp == twin.cells[column][1] or stamp[0] < 0:
            yield stamp


def _newest(log: Mapping[int, int], t: int) -> int:
    return max((upto for at, upto in log.items() if at <= clock.to_event(t)), default=0)


def deleted(replica: Replica) -> Held:
    """Return the deleted rows whose values are kept: (table, key) -> reason, values."""
    return {row: found for row, found in _held(replica.connection).items() if found[0] == "deleted"}


def _held(connection: apsw.Connection) -> Held:
    found: Held = {}
    for table in Registry(connection).tables():
        names = ", ".join([*map(str, table.key_names), *(f"v{field.id}" for field in table.fields)])
        width = len(table.key)
        for reason, *row in connection.execute(f"SELECT reason, {names} FROM {table.held}"):
            exact = tuple(map(state.exact_of, row))
            found[table.name, exact[:width]] = reason, exact[width:]
    return found


def _open(connection: apsw.Connection, gone: Collection[Row]) -> list[str]:
    return sorted(
        repr((table, key, column, part, won, lost))
        for table, key, column, _, won, _, lost, part, settled in state.conflicts(connection)
        if not settled and (table, key) not in gone
    )


def differences(left: Mapping[str, Any], right: Mapping[str, Any]) -> str:
    """Name what differs between what two replicas show, one thing a line."""
    lines = []
    for what in left:
        if left[what] == right[what]:
            continue
        if isinstance(left[what], dict):
            for name in left[what].keys() | right[what].keys():
                one, other = left[what].get(name), right[what].get(name)
                if one != other:
                    lines.append(f"{what}, {name}:\n  here  {one}\n  there {other}")
        else:
            lines.append(f"{what}:\n  here  {left[what]}\n  there {right[what]}")
    return "\n".join(lines)


def assert_alike(pair: Pair) -> None:
    """Check that people see the same of a replica and of its twin, and what must hold inside of each."""
    for side in pair.sides:
        side.do(Replica.fold)
        state.rows(side.replica.connection)
    one, twin = pair.one.replica, pair.twin.replica
    assert one.site == twin.site, f"{pair.name}: the sites are {one.site} and {twin.site}"
    assert_stamps(pair)
    assert_births(pair)
    shown = [{what: found for what, found in seen(replica).items() if what != "histories"} for replica in (one, twin)]
    found = differences(*shown)
    pasts.assert_alike(pair)
    assert not found, f"{pair.name} (here) is not as its twin that never compacts (there):\n{found}"
    kept, all_kept = deleted(one), deleted(twin)
    for row, values in kept.items():
        if naming.is_history(row[0]):
            continue  # what an entry's writer had seen is told by stamps, or by the history where these are gone: `pasts` compares the rest
        pairs = zip(values[1], all_kept.get(row, values)[1], strict=True)  # a column that came later has its default
        emptied = all(one == other or one[0] == "null" for one, other in pairs) and is_settled(pair, row)
        assert all_kept.get(row) == values or emptied, (
            f"{pair.name}: the deleted row {row} is kept as {values}, of the twin {all_kept.get(row)}"
        )
    vector = Registry(one.connection).vector()
    behind = {site.hex(): upto for site, upto in verbs.floor(one).items() if vector.get(site, 0) < upto}
    assert not behind, f"{pair.name}: its vector does not cover its floor: {behind}"
    known = pair.twin.replica.known()
    lacking = [site.hex() for site, upto in verbs.retired(one).items() if known.get(site, 0) > upto]
    assert not lacking, f"{pair.name}: its twin has more of sites that are named no more: {lacking}"


def assert_equal(pairs: Iterable[Pair]) -> int:
    """Check that replicas with equal vectors show the same; return how many pairs of them there were."""
    groups: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for pair in pairs:
        vector = pair.one.replica.known()
        if has_pending(pair):
            continue
        name = repr((sorted((site, upto) for site, upto in vector.items() if upto), sorted(pair.late)))
        what = {key: value for key, value in seen(pair.one.replica).items() if key != "open conflicts"}
        groups.setdefault(name, []).append((pair.name, what))
    met = 0
    for (first, shown), *others in groups.values():
        for other, shown_there in others:
            met += 1
            found = differences(shown, shown_there)
            assert not found, f"{first} (here) and {other} (there) have all the same events:\n{found}"
    return met


def may_be_purged(pair: Pair, row: Row) -> bool:
    """Tell whether a replica agreed that all that the deletes of a row say may be forgotten."""
    return _covers(verbs.promise(pair.one.replica), state.rows(pair.twin.replica.connection)[row])


def is_settled(pair: Pair, row: Row) -> bool:
    """Tell whether all that the twin knows of a row's heads is below the floor of the replica."""
    return _covers(verbs.below(pair.one.replica), state.rows(pair.twin.replica.connection)[row])


def _covers(vector: Mapping[bytes, int], row: state.RowState) -> bool:
    """Tell whether a vector covers all heads of a row."""
    return all(_is_below(vector, hlc, site) for hlc, site, _ in row.heads)


def _is_below(vector: Mapping[bytes, int], hlc: int, site: bytes) -> bool:
    return vector.get(site, 0) >= clock.to_event(hlc)


def assert_stamps(pair: Pair) -> None:
    """Check that stamps are those of the twin, or stand for ones that the floor covers, and that what is gone was covered as well."""
    floor = verbs.below(pair.one.replica)
    here, there = (state.rows(side.replica.connection) for side in pair.sides)
    strange = {name for name in here.keys() - there.keys() if not pasts.is_before(name)}
    assert not strange, f"{pair.name} has rows that its twin never had: {strange}"
    for name, row in there.items():
        if name not in here and pasts.is_before(name):
            continue  # and the entries after it are folded a tick earlier
        if name not in here:
            assert not row.alive, f"{pair.name}: {name} is gone, and lives"
            assert _covers(floor, row), f"{pair.name}: {name} was purged, and its deletes are beyond the floor: {row}"
            continue
        if naming.is_history(name[0]):
            assert here[name].alive == row.alive, f"{pair.name}: {name} is there on one side alone"
            continue
        for column, (_, (hlc, site)) in row.cells.items():
            _, (hlc_here, site_here) = here[name].cells[column]
            same = (hlc_here, site_here) == (hlc, site)
            settled = _is_below(floor, hlc, site) and _is_below(floor, hlc_here, site_here)
            assert same or settled, (
                f"{pair.name}: {name}.{column} has the stamp {hlc_here, site_here}, of the twin {hlc, site}"
            )
        for hlc, site, gone in here[name].heads - row.heads:
            assert _is_below(floor, hlc, site) and not gone, (
                f"{pair.name}: {name} has a head that its twin has not: {hlc, site, gone}"
            )
        for hlc, site, _ in row.heads - here[name].heads:
            assert floor.get(site, 0) >= clock.to_event(hlc), (
                f"{pair.name}: {name} lacks a head beyond the floor: {hlc, site}"
            )


def assert_births(pair: Pair) -> None:
    """Check that rows with automatic numbers have the births that they have on the twin, wherever these are kept."""
    here, there = (_births(side.replica) for side in pair.sides)
    for name, birth in here.items():
        assert birth == there.get(name, GENESIS), (
            f"{pair.name}: {name} was born as {birth}, on the twin as {there.get(name)}"
        )
    for name, birth in there.items():
        lost = birth[2] is not None  # it goes on under another number, and may be forgotten whole
        assert name in here or lost or birth[0] is None, f"{pair.name}: the birth {birth} of {name} is forgotten"


def _births(replica: Replica) -> dict[tuple[str, int], tuple[tuple[int, bytes] | None, int, int | None]]:
    """Return the births that are known: (table, number) -> hlc and site, None for all geneses; generation; what it was before."""
    connection, found = replica.connection, {}
    with reading(connection):
        registry = Registry(connection)
        sites = {ordinal: site for ordinal, site, _ in registry.sites()}
        for table in registry.tables():
            if not table.is_numbered or table.absent:
                continue
            kept = [
                *((number, t, s, 0, None) for number, t, s in archive.read(registry, table)),
                *connection.execute(f"SELECT k1, born_t, born_s, generation, was FROM {table.born}"),
            ]
            assert len({number for number, *_ in kept}) == len(kept), f"{table.name}: a birth is kept twice: {kept}"
            clocks = connection.execute(f"SELECT k1, t, s, 0, NULL FROM {table.clock}")
            for number, t, s, generation, was in [*clocks, *kept]:
                found[table.name, number] = None if t < 0 else (t, sites[s]), generation, was
    return found


def has_pending(pair: Pair) -> bool:
    """Tell whether there are writes that were not folded yet."""
    return bool(pair.one.replica.connection.execute("SELECT 1 FROM _crdt_log LIMIT 1").fetchall())


def assert_sound(pair: Pair) -> None:
    """Check that the doctor finds nothing broken."""
    report = pair.one.do(Replica.doctor)
    broken = [finding for finding in report.findings if finding.level == "broken"]
    assert not broken and not report.broken, f"{pair.name}: {broken}"


def value_of(exact: state.Exact) -> Any:
    """Return the value that an exact one stands for."""
    kind, value = exact
    if kind == "real":
        return struct.unpack("<d", value)[0]
    return value.decode(errors="surrogateescape") if kind == "text" else value


def assert_retired(pairs: Sequence[Pair]) -> int:
    """Check that nobody is told of sites that are gone, and that files have those alone that stamps name; return how many that are."""
    living, left = {pair.site for pair in pairs}, 0
    for pair in pairs:
        replica = pair.one.replica
        told = {*verbs.sites(replica), *(site.hex() for peer in replica.registry.peers().values() for site in peer)}
        strange = told - living - {verbs.GONE}
        assert not strange, f"{pair.name} still tells of sites that are gone: {strange}"
        named = {site for stamps in state.rows(replica.connection).values() for _, site, _ in stamps.heads}
        for row in state.rows(replica.connection).values():
            named |= {site for _, (_, site) in row.cells.values()}
        sites = {bytes(site) for (site,) in replica.connection.execute("SELECT id FROM _crdt_site WHERE upto > 0")}
        known = sites - {bytes.fromhex(site) for site in living | {verbs.GONE}}
        left += len(known)
        lists = _named_elsewhere(replica.connection) | _named_by_births(replica)
        assert known <= named | lists, f"{pair.name} has sites that nothing names: {known - named - lists}"
    return left


def _named_by_births(replica: Replica) -> set[bytes]:
    """Return the sites that births name which were put away."""
    registry = replica.registry
    sites = {ordinal: site for ordinal, site, _ in registry.sites()}
    return {sites[s] for table in registry.tables() for _, _, s in archive.read(registry, table)}


def _named_elsewhere(connection: apsw.Connection) -> set[bytes]:
    """Return the sites that stand in the conflict log, and in the parts, births and geneses of tables."""
    found: set[bytes] = set()
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    columns = {
        "_crdt_conflict": ("won_s", "lost_s", "resolved_s"),
        "_crdt_table": ("genesis_s",),
        "_crdt_foretold": ("site",),
    }
    columns |= {name: ("born_s", "root_s") for name in names if name.startswith("_crdt_born_")}
    columns |= {name: ("s",) for name in names if name.startswith(("_crdt_parts_", "_crdt_clock_"))}
    for table, ordinals in columns.items():
        for ordinal in ordinals:
            statement = f'SELECT id FROM _crdt_site WHERE ordinal IN (SELECT {ordinal} FROM "{table}")'
            found |= {bytes(site) for (site,) in connection.execute(statement)}
    return found
