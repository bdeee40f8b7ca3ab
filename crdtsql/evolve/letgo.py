"""Let go: forget what is kept for others, where an operator says so.

What was kept is not asked for again, since the vector goes on to cover it: others have it still, but whoever gets changes only from
here will lack it. No era says so, as it would after `disable`: else word of a table that a stranger made up would cut this replica off
from those who really have one of that name. Runs inside the caller's write transaction, on a folded registry.
"""

from __future__ import annotations

from crdtsql.capture import shadows
from crdtsql.export import parkedcells
from crdtsql.store import Registry, Table


def drop(registry: Registry, kind: str, name: str) -> None:
    """Forget one thing, by its kind and its name as `look/strangers.py` says them."""
    if kind == "table":
        shadows.forget(registry, registry.table(name))
    elif kind == "column":
        for of in registry.tables():
            _drop_columns(registry, of, {field.id for field in of.parked if f"{of.name}.{field.name}" == name})
    elif kind == "era":
        registry.set(f"era:{name}", None)
    else:
        registry.set(f"name:{name}", None)
        registry.set(f"lane:{name}", None)


def _drop_columns(registry: Registry, of: Table, gone: set[int]) -> None:
    if not gone:
        return
    connection = registry.connection
    for ours in (of.cells_parked, of.parts) if of.may_have_parts else (of.cells_parked,):
        connection.executemany(f"DELETE FROM {ours} WHERE col = ?", [(id_,) for id_ in gone])
    left = [field for field in of.parked if field.id not in gone]
    parkedcells.register(registry, of, left)
    if not left:
        connection.execute(f"DROP TABLE {of.cells_parked}")
