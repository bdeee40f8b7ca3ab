"""Drift: notice that a replicated table was altered behind our back, and mend what is certain.

Compares each table's registration with what the database says now, and only when SQLite's schema version has moved
since the last look. While all capture triggers are in place no write went unseen, and SQLite has carried them along when a
column or the table was renamed: then everything is certain, and mended at once. The rest is reported, and left to `repair`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import partial

import apsw

from crdtsql.base import (
    LOG_TIME,
    DamagedError,
    SchemaDriftError,
    Sql,
    TemporaryTable,
    identifier,
    naming,
    query,
    reasons,
    sql,
    suggest,
)
from crdtsql.capture import drop_triggers, fingerprint, note_triggers, views, without_capture
from crdtsql.evolve import reshape
from crdtsql.evolve.rebuild import certain
from crdtsql.merge import parking
from crdtsql.sqlite import Column, TableShape, default_value, schema, writing
from crdtsql.store import FIRST_UPDATE_OP, Field, Registry, Table, columns, damage

WRITTEN = TemporaryTable("_crdt_written", "evolve/drift/create_written")
NUMERIC = {"INTEGER", "NUMERIC", "REAL"}
_OLD = re.compile(r'\bOLD\.("(?:[^"]|"")*")')


@dataclass(slots=True)
class State:
    """How a replicated table and its registration differ.

    Attributes:
        shape: the table as it is now, None if it is gone.
        renamed: uid -> present name, of the columns that were renamed.
        added: value columns that are not registered.
        dropped: registered columns that the table has not.
        captured: all capture triggers are on the table, as they were created, so that no write went unseen.
        altered: those that say something else than they did.
        rekeyed: the primary key is another one.
    """

    table: Table
    shape: TableShape | None
    captured: bool = False
    altered: tuple[str, ...] = ()
    renamed: dict[str, str] = field(default_factory=dict)
    added: list[Column] = field(default_factory=list)
    dropped: list[Field] = field(default_factory=list)
    rekeyed: bool = False

    @property
    def present(self) -> TableShape:
        """Return the table as it is now, of one that is there."""
        if self.shape is None:
            raise SchemaDriftError(f"replicated table {self.table.name!r} is gone")
        return self.shape

    @property
    def moved(self) -> bool:
        """Tell whether the table itself has another name."""
        return self.shape is not None and self.shape.name != self.table.name

    @property
    def is_certain(self) -> bool:
        """Tell whether it is known what was done, and nothing was lost by it."""
        return self.shape is not None and self.captured and not self.rekeyed and not self.dropped

    @property
    def problems(self) -> list[str]:
        """Say what differs, a phrase each."""
        if self.shape is None:
            return ["the table was dropped or renamed"]
        names = dict(zip(self.table.uids, self.table.names, strict=True))
        found = [f"it is called {self.shape.name!r} now"] if self.moved else []
        found += [f"column {names[uid]!r} is called {name!r} now" for uid, name in self.renamed.items()]
        if self.added:
            found.append(f"column {', '.join(repr(column.name) for column in self.added)} was added")
        if self.dropped:
            found.append(f"column {', '.join(repr(column.name) for column in self.dropped)} was dropped or renamed")
        if self.rekeyed:
            found.append("its primary key was changed")
        if self.altered:
            found.append(
                f"its capture trigger {', '.join(self.altered)} was altered, so writes since then may be missing"
            )
        elif not self.captured:
            found.append("its capture triggers are gone, so writes since then were not recorded")
        return found


def look(registry: Registry, table: Table) -> State:
    """Compare a table with its registration."""
    connection = registry.connection
    place = _place(connection, table)
    shape = None if place is None else schema.read(connection, place)
    if shape is None or shape.kind != "table":
        return State(table, None)
    present = reshape.our_triggers(connection, shape.name)
    state = State(table, shape, captured=set(reshape.core_triggers(table)) <= set(present))
    compare(state, _names_in_triggers(table, present), columns.columns_seen(registry, table))
    state.rekeyed |= not _same_key(connection, table, shape)
    if not state.moved and not state.renamed:  # SQLite rewrites triggers where a name is changed
        state.altered = _altered(registry, table, present)
        state.captured &= not state.altered
    return state


def _altered(registry: Registry, table: Table, present: dict[str, str]) -> tuple[str, ...]:
    """Return the capture triggers that say something else than when they were created; nothing where that is not known."""
    prints = json.loads(str(registry.get(table.fact("triggers")) or "{}"))
    core = set(reshape.core_triggers(table)) & present.keys() & prints.keys()
    return tuple(sorted(name for name in core if fingerprint(present[name]) != prints[name]))


def _place(connection: apsw.Connection, table: Table) -> str | None:
    """Return where a table is now: SQLite lets the triggers go with a table that is renamed."""
    found = query.first(
        connection,
        "SELECT tbl_name FROM sqlite_schema WHERE type = 'trigger' AND name = ?",
        (naming.trigger(table.name, "insert"),),
    )
    return found[0] if found else table.name


def _names_in_triggers(table: Table, present: dict[str, str]) -> list[str] | None:
    """Return the columns as the delete trigger names them, which SQLite keeps up to date when a column is renamed."""
    statement = present.get(naming.trigger(table.name, "delete"), "")
    _, values, rest = statement.partition(f"VALUES ('{reasons.DELETED}', ")
    names = [name[1:-1].replace('""', '"') for name in _OLD.findall(rest.partition(");\n  INSERT")[0])]
    return names if values and len(names) == len(table.uids) else None


def _same_key(connection: apsw.Connection, table: Table, shape: TableShape) -> bool:
    """Tell whether keys still compare as the clocks do."""
    clocks = schema.read(connection, naming.tables_of(table.name)[0])
    if clocks is None:
        return True
    return all(
        ours.collation == column.collation
        and (ours.affinity == column.affinity or {ours.affinity, column.affinity} <= NUMERIC)
        for ours, column in zip(clocks.key, shape.key, strict=False)
    )


def compare(state: State, names: list[str] | None, seen: list[tuple[str, str]]) -> None:
    """Find out which columns were renamed, added and dropped.

    Args:
        names: the registered columns as triggers name them now, None if there are none to ask.
        seen: (name, declared type) of all columns when they were last seen.
    """
    table, shape = state.table, state.present
    present = [column.name for column in (*shape.key, *shape.values)]
    if names is None or not set(names) <= set(present):
        followed = _by_place(table, shape, seen)
        names = [followed.get(name, name) for name in table.names]
    state.renamed = {uid: now for uid, was, now in zip(table.uids, table.names, names, strict=True) if was != now}
    state.rekeyed = [column.name for column in shape.key] != names[: len(table.key)]
    values = {column.name for column in shape.values}
    fields = names[len(table.key) :]
    state.dropped = [known for known, name in zip(table.fields, fields, strict=True) if name not in values]
    state.added = [column for column in shape.values if column.name not in fields]


def _by_place(table: Table, shape: TableShape, seen: list[tuple[str, str]]) -> dict[str, str]:
    """Follow renames without triggers: where a column went, one with the same affinity came."""
    now = [(column.name, column.affinity) for column in shape.columns]
    if len(now) != len(seen):
        return {}
    before, after = {name for name, _ in seen}, {name for name, _ in now}
    pairs = [
        (old, new, _is_alike(declared, affinity, shape.strict))
        for (old, declared), (new, affinity) in zip(seen, now, strict=True)
        if old not in after
    ]
    fits = all(same and new not in before for _, new, same in pairs) and len(pairs) == len(after - before)
    return {old: new for old, new, _ in pairs if old in table.names} if fits else {}


def _is_alike(declared: str, affinity: str, strict: bool) -> bool:
    """Tell whether a column can be one that was rebuilt: tools write REAL for types that only are numbers, and any for none."""
    before = schema.affinity_of(declared, strict)
    return not declared or before == affinity or (before, affinity) == ("NUMERIC", "REAL")


def problem_of(registry: Registry, table: Table) -> str | None:
    """Say what is wrong with a table's registration or triggers, or that its rows are in doubt, None if nothing is."""
    if table.absent:
        return None
    doubts = [] if table.unsure is None else [": ".join(in_doubt(registry, table))]
    return "; ".join([*look(registry, table).problems, *doubts]) or None


def in_doubt(registry: Registry, table: Table) -> tuple[str, str]:
    """Say of a table what writes that no trigger saw leave in doubt, and what settles it."""
    before = " or a row that came, or went, from those of before it was enabled," if table.genesis else ""
    restamp = suggest.command("repair", registry.path, options=["--restamp", table.name])
    accept = suggest.command("repair", registry.path, options=["--accept", table.name])
    problem = f"in {table.unsure or 0:,} rows a value that was changed meanwhile,{before} can't be told from an old one"
    settled = (
        f"they keep their stamps until you say what they are. If somebody wrote to {table.name} meanwhile, {restamp} makes all "
        f"that it shows count as written now; if nobody did, {accept}"
    )
    return problem, settled


def see(registry: Registry) -> None:
    """Remember the columns of all tables as they are now."""
    for table in registry.tables():
        shape = schema.read(registry.connection, table.name)
        if shape is not None:
            columns.see_columns(registry, table, shape)


def mark_seen(registry: Registry) -> None:
    """Remember that the schema as it is now was looked at."""
    (version,) = query.first(registry.connection, "PRAGMA main.schema_version")
    if version != registry.get("schema_version"):
        registry.set("schema_version", version)


def check(registry: Registry, *, strict: bool = True) -> bool:
    """Check all tables, and mend what is certain; return whether all are as registered then.

    Raises:
        DamagedError: something of ours is gone, and something else with it.
        SchemaDriftError: with `strict`, a table was altered in a way that only a person can judge.
    """
    if not damage.has_moved(registry.connection):
        return True
    lost = certain(registry)
    if lost:
        raise DamagedError(registry.path, [str(one) for one in lost], damage.advice(lost, registry.path))
    problem = None
    for table in registry.tables():
        if table.absent:
            continue
        state = look(registry, table)
        if state.is_certain:
            mend(registry, state)
        elif problem is None:
            problem = f"replicated table {table.name!r} was altered: {'; '.join(state.problems)}"
    views.restore(registry)
    if problem is None:
        settle_again(registry)
        mark_seen(registry)
    elif strict:
        raise SchemaDriftError(
            f"{problem}; nothing was changed. See what would be done with "
            f"{suggest.command('repair', registry.path, options=['--dry-run'])}, "
            "and do it without --dry-run"
        )
    return problem is None


def settle_again(registry: Registry) -> None:
    """Have it decided again about rows that constraints kept out, which may be allowed now."""
    held = [(table.id, table.held) for table in registry.tables()]
    if query.having_rows(registry.connection, held, Sql(reasons.IS_KEPT)):
        registry.set("unsettled", 1)


def mend(registry: Registry, state: State) -> tuple[Table, int]:
    """Let the registration follow the table, but for columns that it lost; return it, and how many cells were found written.

    Columns that are dropped must be gone from the registration.
    """
    shape, table = state.present, state.table
    if state.moved:
        drop_triggers(registry.connection, shape.name)
        table = reshape.rename_table(registry, table, shape.name)
    for uid, name in state.renamed.items():
        columns.rename_column(registry, table, uid, name)
    table, cells = registry.table(table.name), 0
    if state.added:
        fields = reshape.add_columns(registry, table, shape)
        for added in fields:
            cells += _take_written(registry, registry.table(table.name), shape, added)
        table = registry.table(table.name)
    if reshape.are_outdated(registry.connection, table, shape):
        reshape.renew_triggers(registry, table)
    elif state.renamed:
        note_triggers(registry.connection, table)
    columns.see_columns(registry, table, shape)
    return table, cells


def _take_written(registry: Registry, table: Table, shape: TableShape, added: Field) -> int:
    """Log the cells of a column that somebody wrote before it was registered, and show what others wrote to the other ones."""
    connection = registry.connection
    column = next(column for column in shape.values if column.name == added.name)
    stamped = table.stamped_with(added)
    values = {
        "tbl": table.id,
        "op": FIRST_UPDATE_OP + stamped.word,
        "mask": 1 << stamped.bit,
        "default": default_value(connection, column, shape.strict),
    }
    with WRITTEN.created(connection, log_keys=table.keys):
        keep = sql(
            "evolve/drift/keep_cells",
            log_keys=table.keys,
            user_keys=table.key_columns_of("shown"),
            table=table.quoted,
            column=identifier(added.name),
        )
        connection.execute(keep, values)
        written = connection.changes()
        if written:
            connection.execute(sql("evolve/drift/log_cells", log_time=LOG_TIME, log_keys=table.keys), values)
        if parking.unpark(registry, table, added) and written:
            with without_capture(connection, [table]):
                show = partial(
                    sql,
                    "evolve/drift/show_cells",
                    table=table.quoted,
                    column=identifier(added.name),
                    target_is_written=table.row_has_key_of("target", "written"),
                )
                writing.prepare(connection, table.name, show).execute(connection)
    return written
