"""Drift: notice that a replicated table was altered behind our back.

Compares each table's registration with what the database says now, and only when SQLite's schema version has moved
since the last look. What is certain is mended (triggers that follow from indexes that came or went); the rest is reported.
"""

from __future__ import annotations

from crdtsql import capture, enable, naming, query, schema
from crdtsql.errors import SchemaDriftError
from crdtsql.registry import Registry
from crdtsql.tables import Table


def problem_of(registry: Registry, table: Table) -> str | None:
    """Say what is wrong with a table's registration or triggers, None if nothing is."""
    connection = registry.connection
    if table.absent:
        return None
    shape = schema.read(connection, table.name)
    if shape is None:
        return "the table was dropped or renamed"
    registered = {*table.key, *(field.name for field in table.fields)}
    present = {column.name for column in shape.columns if not column.generated}
    if added := sorted(present - registered):
        return f"column {', '.join(map(repr, added))} was added"
    if gone := sorted(registered - present):
        return f"column {', '.join(map(repr, gone))} was dropped or renamed"
    if tuple(column.name for column in shape.key) != table.key:
        return "its primary key was changed"
    wanted = ["insert", "delete", "rekey", *(f"typed{field.id}" for field in table.typed_fields)]
    wanted += ["update"] if any(table.stamped_with(field).word == 0 for field in table.plain_fields) else []
    present_triggers = _present_triggers(registry, table)
    missing = [what for what in wanted if naming.trigger(table.name, what) not in present_triggers]
    return "its capture triggers are gone, so writes since then were not recorded" if missing else None


def _present_triggers(registry: Registry, table: Table) -> dict[str, str]:
    rows = registry.connection.execute(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE", (table.name,)
    )
    return {name: statement for name, statement in rows if naming.is_ours(name)}


def _are_behind(registry: Registry, table: Table) -> bool:
    """Tell whether a trigger of the user's is newer than ours: it fires first, and RAISE(IGNORE) in it would cut ours off."""
    newest, ours = query.first(
        registry.connection,
        "SELECT max(CASE WHEN name NOT GLOB '_crdt_*' THEN rowid END), min(CASE WHEN name GLOB '_crdt_*' THEN rowid END) "
        "FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE",
        (table.name,),
    )
    return newest is not None and ours is not None and newest > ours


def has_moved(registry: Registry) -> bool:
    """Tell whether the schema was changed since the last look."""
    (version,) = query.first(registry.connection, "PRAGMA main.schema_version")
    return bool(version != registry.get("schema_version"))


def settle(registry: Registry) -> None:
    """Remember that the schema as it is now was looked at."""
    (version,) = query.first(registry.connection, "PRAGMA main.schema_version")
    if version != registry.get("schema_version"):
        registry.set("schema_version", version)


def check(registry: Registry) -> None:
    """Check all tables, and mend the triggers that follow from indexes.

    Raises:
        SchemaDriftError: a table was altered so that its registration no longer fits.
    """
    if not has_moved(registry):
        return
    for table in registry.tables():
        problem = problem_of(registry, table)
        if problem:
            raise SchemaDriftError(
                f"replicated table {table.name!r} was altered: {problem}; nothing was changed. Run `crdtsql disable "
                f"{registry.path} {table.name}`, and `crdtsql enable` it again on every replica"
            )
        shape = schema.read(registry.connection, table.name)
        if shape is None or table.absent:
            continue
        expected = list(capture.triggers(registry.connection, table, shape))
        present = _present_triggers(registry, table)
        if sorted(expected) != sorted(present.values()) or _are_behind(registry, table):
            enable.drop_triggers(registry.connection, table.name)
            enable.create_triggers(registry.connection, table, shape)
    settle(registry)
