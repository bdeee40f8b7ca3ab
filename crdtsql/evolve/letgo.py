"""Let go: forget what is kept for others, where an operator says so.

What was kept is not asked for again, since the vector goes on to cover it: others have it still, but whoever gets changes only from
here will lack it. No era says so, as it would after `disable`: else word of a table that a stranger made up would cut this replica off
from those who really have one of that name. It gives way by itself to a site that is trusted, where no
such site wrote it. Runs inside the caller's write transaction, on a folded registry.
"""

from __future__ import annotations

from crdtsql.capture import shadows
from crdtsql.export import kept, parkedcells
from crdtsql.store import Registry, Table, heard
from crdtsql.trust import permissions, signers
from crdtsql.wire import Header, TableHeader


def drop(registry: Registry, kind: str, name: str) -> None:
    """Forget one thing, by its kind and its name as `look/strangers.py` says them."""
    if kind == "table":
        shadows.forget(registry, registry.table(name))
    elif kind == "column":
        for of in registry.tables():
            _drop_columns(registry, of, {field.id for field in of.parked if f"{of.name}.{field.name}" == name})
    elif kind == "era":
        registry.set(f"era:{name}", None)
        heard.forget(registry, name)
    else:
        registry.set(f"name:{name}", None)
        registry.set(f"lane:{name}", None)
        heard.forget(registry, name)


def give_way(registry: Registry, header: Header) -> list[tuple[str, str]]:
    """Forget what stands in the way of a changeset whose sender is trusted, and that no trusted site wrote or told of.

    Nothing does of which the sender may not write, or delete, rows. Return it, by kinds and names. Costs next to nothing where the
    sender is not trusted, or nothing is kept for others.
    """
    known = signers.read(registry)
    trusted = {site for site, one in known.items() if one.trusted and one.until is None}
    if header.sender not in trusted:
        return []
    ordinals = {ordinal for site, ordinal in registry.ordinals().items() if site in trusted}
    eras, told, found = registry.eras(), heard.read(registry), []
    for theirs in _replaceable(registry, header):
        table = registry.find_uid(theirs.uid)
        if table is None:
            teller = told.get(theirs.uid)
            if (
                eras.get(theirs.uid, 0) > header.eras.get(theirs.uid, 0)
                and teller
                and bytes.fromhex(teller) not in trusted
            ):
                found.append(("era", theirs.uid))
        elif table.absent:
            if _differs(table, theirs) and not kept.table_writers(registry, table) & ordinals:
                found.append(("table", table.name))
        else:
            types = dict(zip(theirs.uids, theirs.columns, strict=True))
            found += [
                ("column", f"{table.name}.{field.name}")
                for field in table.parked
                if types.get(field.uid, ("", field.type))[1] != field.type
                and not kept.column_writers(registry, table, field) & ordinals
            ]
    for kind, name in found:
        drop(registry, kind, name)
    return found


def _replaceable(registry: Registry, header: Header) -> list[TableHeader]:
    """List the tables of a changeset whose sender may write and delete their rows."""
    limit = permissions.limits(registry)
    permission = None if limit is None else limit(header.sender)
    if permission is None:
        return [*header.tables]
    return [table for table in header.tables if permission.deletes and permission.covers(table.uid)]


def _differs(table: Table, theirs: TableHeader) -> bool:
    """Tell whether a table that is only kept is not the one that a sender has."""
    types = {field.uid: field.type for field in table.fields}
    columns = zip(theirs.uids, theirs.columns, strict=True)
    return (
        (table.key_uids, table.identity, table.rows, table.granularity)
        != (theirs.key_uids, theirs.identity, theirs.row_policy, theirs.granularity)
        or dict(table.unique) != dict(theirs.unique)
        or any(types.get(uid, kind) != kind for uid, (_, kind) in columns)
    )


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
