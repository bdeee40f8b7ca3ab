"""Rebuild: make tables of ours anew that somebody dropped or altered, as far as what is left says what was in them.

Runs inside the caller's write transaction. What is lost with a table is said by `store.damage`; nothing of the user's is touched.
"""

from __future__ import annotations

from collections.abc import Iterable

from crdtsql.base import memory, naming, query, sql
from crdtsql.capture import shadows, views
from crdtsql.claims import create_views as create_views_of_claims
from crdtsql.claims import is_there as has_claims
from crdtsql.claims import views as views_of_claims
from crdtsql.sqlite import schema
from crdtsql.store import FORMAT, LIMITS, Damage, Registry, Remedy, Table, acting, damage
from crdtsql.trust import chains


def look(registry: Registry, *, deep: bool = False) -> list[Damage]:
    """List what `damage.look` does, and views and their triggers that say something else than they must."""
    connection = registry.connection
    found = damage.look(connection, deep=deep)
    readable = registry.exists and registry.number("format") == FORMAT
    if readable and all(one.remedy == Remedy.REBUILD for one in found):
        known = {one.what for one in found}
        expected = views.statements(registry) | (views_of_claims() if has_claims(connection) else {})
        found += [one for one in views.altered(connection, expected) if one.what not in known]
    return found


def certain(registry: Registry) -> list[Damage]:
    """Rebuild what is rebuilt without any loss; return the damage that is left."""
    found = look(registry)
    rebuild(registry, [one for one in found if not one.lost])
    return [one for one in found if one.lost or one.remedy != Remedy.REBUILD]


def rebuild(registry: Registry, found: Iterable[Damage]) -> list[Damage]:
    """Rebuild what can be rebuilt; return what was."""
    done = [one for one in found if one.remedy == Remedy.REBUILD]
    for one in done:
        if one.table:
            _of_table(registry, one)
        elif one.what == "_crdt_aside":  # it is made anew with the next changeset that is set aside
            _forget_fact(registry, "aside")
        elif one.what == "_crdt_link":
            chains.begin(registry)
        elif one.what in damage.statements().keys() - set(damage.CORE):
            _of_file(registry, one.what)
    if any(not one.table for one in done):
        _facts(registry)
        views.create(registry)
    if views_of_claims().keys() & {one.what for one in done}:
        create_views_of_claims(registry.connection)
    return done


def _of_file(registry: Registry, name: str) -> None:
    """Create a table or an index of ours anew that every file has."""
    connection = registry.connection
    index = "_crdt_conflict_row"
    if name in (index, "_crdt_conflict"):
        connection.execute(f"DROP INDEX IF EXISTS {index}")
    if name != index:
        connection.execute(f"DROP TABLE IF EXISTS {name}")
    connection.execute(damage.statements()[name])
    if name == "_crdt_conflict":
        connection.execute(damage.statements()["_crdt_conflict_row"])
    if name in ("_crdt_log", "_crdt_conflict"):
        (count,) = query.first(connection, "SELECT ifnull(max(key_count), 1) FROM _crdt_table")
        for position in range(2, count + 1):
            connection.execute(f"ALTER TABLE {name} ADD COLUMN {naming.key(position)}")
    if name == "_crdt_log":
        acting.draw_back(connection)
    if name == "_crdt_progress":
        connection.execute(sql("evolve/rebuild/progress"))


def _facts(registry: Registry) -> None:
    """Write the facts that are missing anew, and raise those that have fallen behind."""
    connection = registry.connection
    for name, value in (("unsettled", 1), *LIMITS.items(), ("conflicts_pruned", 0), ("conflicts_last", 0)):
        if not isinstance(registry.get(name), int):
            registry.set(name, value)
    seqs = [
        query.first(connection, f"SELECT ifnull(max(seq), 0) FROM {table.clock}")[0]
        for table in registry.tables()
        if schema.read(connection, naming.tables_of(table.name)[0]) is not None
    ]
    seen, upto, bulk = query.first(connection, sql("evolve/rebuild/newest"))
    registry.set("batch", max(registry.number("batch"), seen, bulk, *seqs))
    registry.set("clock", max(registry.number("clock"), upto))
    registry.count_columns()


def _of_table(registry: Registry, one: Damage) -> None:
    """Create what is kept for a table of the user's anew."""
    connection, table = registry.connection, registry.table(one.table)
    if one.what == "_crdt_meta":
        registry.set(table.fact("absent"), 1)
        return
    if one.what == "_crdt_births":  # it is made anew with the next birth that is put away
        registry.connection.execute("DROP TABLE IF EXISTS _crdt_births")
        _forget_fact(registry, table.fact("births"))
        return
    shape = schema.read(connection, table.place)
    if shape is None:
        return
    for kind, name in (
        ("heads", table.heads),
        ("held", table.held),
        ("parts", table.parts),
        ("born", table.born),
    ):
        if one.what == f"_crdt_{kind}_{table.name}" and one.problem != damage.LACKS_ROWS:
            connection.execute(f"DROP TABLE IF EXISTS {name}")
            shadows.create_table(registry, table, shape, kind)
    hold_values_lost(registry, table)
    for index in (naming.clock_index(table.name), naming.kept_index(table.name), naming.born_index(table.name)):
        connection.execute(f"DROP INDEX IF EXISTS {index}")
    shadows.create_indexes(registry, table)


def _forget_fact(registry: Registry, name: str) -> None:
    registry.connection.execute("DELETE FROM _crdt_meta WHERE name = ?", (name,))
    memory.forget_rows(registry.connection)


def hold_values_lost(registry: Registry, table: Table) -> int:
    """Give deleted rows held rows again, without values, whose held rows are gone; return how many."""
    statement = sql(
        "evolve/rebuild/held",
        held=table.held,
        clock=table.clock,
        keys=table.keys,
        clock_keys=table.keys_of("clock"),
    )
    registry.connection.execute(statement)
    return registry.connection.changes()
