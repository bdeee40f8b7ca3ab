"""Upgrading: bring a file that an earlier version of crdtsql wrote up to this one's format; within the caller's transaction."""

from __future__ import annotations

from crdtsql.capture import create_triggers, drop_triggers, note_triggers, views
from crdtsql.conflicts import conflict_log
from crdtsql.evolve import drift
from crdtsql.sqlite import schema
from crdtsql.store import Registry, facts


def upgrade(registry: Registry) -> None:
    """Bring our tables, triggers and views up to this version's format, if they are not."""
    connection, moved = registry.connection, facts.schema_has_moved(registry.connection)
    if not registry.upgrade():
        return
    views.create(registry)
    conflict_log.mark_resolved_everything(registry)
    for table in registry.tables():
        shape = None if moved or table.absent else schema.read(connection, table.name)
        if shape is not None:  # what the triggers of the earlier version wrote to the log stays, and counts
            drop_triggers(connection, table.name)
            create_triggers(connection, table, shape)
        note_triggers(connection, table)
    if not moved:
        drift.see(registry)
        drift.mark_seen(registry)
