"""Doctor: say in plain words whether a file's tables can be replicated, what merges will do with them, and what is broken.

Works on any SQLite file, whether anything is enabled there or not, and only reads; `advice` has what follows from a schema.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import apsw

from crdtsql.base import CannotEnableError, caseless, identifier, naming, policy, query, reasons, show_key, suggest
from crdtsql.capture import enable, trigger_statements
from crdtsql.evolve import drift
from crdtsql.evolve import look as look_for_damage
from crdtsql.look import advice, columns, limited
from crdtsql.look.advice import BROKEN, NOTE, REFUSED, WATCH, Finding, World, listed
from crdtsql.shown import Difference, references
from crdtsql.sqlite import TableShape, schema, tablesql, usertriggers
from crdtsql.store import Damage, Registry, Remedy, Table, damage
from crdtsql.wire import left_in

MOST_ROWS_NAMED = 5


@dataclass
class TableFindings:
    """What there is to say about one table.

    Attributes:
        kind: table, virtual, or absent: other replicas have it, this file has not.
        enabled: it is replicated.
        can_enable: it is, or it can be as it is.
        identity: what names a row: `row` (the event that made it) or `key`; None if it can't be enabled.
    """

    name: str
    kind: str
    enabled: bool
    can_enable: bool
    identity: str | None
    findings: list[Finding] = field(default_factory=list)


@dataclass
class Report:
    """What there is to say about a file.

    Attributes:
        findings: what concerns the file as a whole.
        broken: something in a replicated table must be repaired.
    """

    path: str
    findings: list[Finding]
    tables: list[TableFindings]

    @property
    def broken(self) -> bool:
        """Tell whether something in a replicated table must be repaired."""
        found = [*self.findings, *(finding for table in self.tables for finding in table.findings)]
        return any(finding.level == BROKEN for finding in found)

    def to_json(self) -> dict[str, Any]:
        """Return the report as `--json` prints it."""
        return {**asdict(self), "broken": self.broken}


def examine(registry: Registry, names: Sequence[str] = (), differing: Sequence[Difference] = ()) -> Report:
    """Examine the named tables, or all.

    Args:
        differing: rows that were found to be shown or held otherwise than they must be.

    Cost: looks for foreign keys without a parent in every row of the tables, at all values of columns for which it names a type, and
    at some values of the others.

    Raises:
        CannotEnableError: there is no table of a given name.
    """
    connection = registry.connection
    lost = look_for_damage(registry, deep=True)
    damaged = {caseless(one.table): one.table for one in lost if one.table}
    usable = registry.exists and not any(one.remedy == Remedy.DISABLE_ALL for one in lost)
    enabled = {caseless(table.name): table for table in registry.tables()} if usable else {}
    enabled = {name: table for name, table in enabled.items() if name not in damaged}
    kinds = {caseless(name): (name, kind) for name, kind in schema.user_tables(connection)}
    for name in names:
        if caseless(name) not in {*kinds, *enabled, *damaged}:
            known = suggest.instead(name, [name for name, _ in kinds.values()], "tables in this file")
            raise CannotEnableError(name, f"there is no such table; {known}")
    chosen = [caseless(name) for name in names] or [*dict.fromkeys((*kinds, *enabled, *damaged))]
    shapes, refused = _shapes(connection, [name for name, kind in kinds.values() if kind == "table"])
    world = _world(registry, shapes, (shapes.keys() - refused.keys()) | enabled.keys(), enabled)
    tables = []
    for key in dict.fromkeys(chosen):
        name, kind = kinds.get(key, (enabled[key].name if key in enabled else key, "table"))
        if key in damaged:
            tables.append(TableFindings(damaged[key], "table", True, True, None, [*_damage(world, lost, damaged[key])]))
        elif kind == "table":
            tables.append(_table(registry, world, name, enabled.get(key), refused.get(key)))
        elif kind == "virtual" or (names and kind in ("shadow", "view")):
            tables.append(TableFindings(name, kind, False, False, None, [*_virtual(world, name, kind)]))
    for difference in differing:
        for table in tables:
            if caseless(table.name) == caseless(difference.table):
                table.findings.append(_shown_otherwise(world, difference))
    views = [name for name, kind in kinds.values() if kind == "view"]
    findings = [] if names else [*_file(world, views, bool(enabled))]
    return Report(registry.path, [*_damage(world, lost, ""), *findings], tables)


def _damage(world: World, lost: Sequence[Damage], table: str) -> Iterator[Finding]:
    """Say what is gone of our own tables, of those for one table of the user's, or for the file."""
    for one in lost:
        if one.table == table:
            harmless = one.remedy == Remedy.REBUILD and not one.lost
            said = f"{one}: {damage.advice([one], world.path)}"
            yield Finding(
                WATCH if harmless else BROKEN, "damage", f"{one}; the next operation rebuilds it" if harmless else said
            )


def _world(registry: Registry, shapes: dict[str, TableShape], replicated: set[str], enabled: dict[str, Table]) -> World:
    return World(
        registry.connection,
        registry.path,
        shapes,
        replicated=replicated,
        enabled={*enabled},
        counters={
            (name, caseless(column.name))
            for name, table in enabled.items()
            for column in table.typed_fields
            if "counter" in column.type
        },
        unmixed={name for name, table in enabled.items() if table.granularity == policy.BY_ROW},
        policies={
            (name, tuple(caseless(named.get(uid, uid)) for uid in uids)): chosen
            for name, table in enabled.items()
            for named in [dict(zip(table.uids, table.names, strict=True))]
            for uids, chosen in table.unique.items()
        },
        followed={
            name: [key for _, key in references.followed_keys(table, {other.uid: other for other in enabled.values()})]
            for name, table in enabled.items()
            if table.references
        },
    )


def notices(registry: Registry, names: Sequence[str]) -> Iterator[str]:
    """Say which triggers of the user's write to replicated tables, as far as tables that were just enabled are concerned."""
    if not schema.tables_with_other_triggers(registry.connection):
        return
    enabled = {caseless(table.name): table for table in registry.tables()}
    shapes = {name: shape for name, table in enabled.items() if (shape := schema.read(registry.connection, table.name))}
    world, new = _world(registry, shapes, {*enabled}, enabled), {caseless(name) for name in names}
    for trigger in world.triggers:
        written = trigger.writes.keys() & world.replicated
        if written and caseless(trigger.on) in world.shapes and new & {caseless(trigger.on), *written}:
            yield from (finding.text for finding in advice.of_trigger(world, trigger) if finding.about == "trigger")


def _unfinished(world: World) -> Iterator[Finding]:
    """Name copies beside the file that somebody who was killed left."""
    if world.path in ("", ":memory:"):
        return
    for path in left_in(Path(world.path).absolute().parent):
        yield Finding(
            WATCH, "copy", f"{path} is a part of a copy that a clone, or a rejoin, left which was killed: nobody needs it; the next "
            "one that writes into that folder deletes it, if nobody wrote to it for ten minutes",
            f"rm -- {shlex.quote(str(path))}*",
        )  # fmt: skip


def _shapes(
    connection: apsw.Connection, names: list[str]
) -> tuple[dict[str, TableShape], dict[str, CannotEnableError]]:
    shapes, refused = {}, {}
    for name in names:
        try:
            shapes[caseless(name)] = enable.check(connection, name)
        except CannotEnableError as error:
            refused[caseless(name)] = error
            try:
                shape = schema.read(connection, name)
            except apsw.SQLError:
                continue
            if shape is not None:
                shapes[caseless(name)] = shape
    return shapes, refused


def _file(world: World, views: list[str], any_enabled: bool) -> Iterator[Finding]:
    encoding = query.first(world.connection, "PRAGMA main.encoding")[0]
    if encoding != "UTF-8":
        yield Finding(
            REFUSED, "encoding", f"the file stores text as {encoding}, changesets are UTF-8: no table can be enabled",
            "sqlite3 OLD.db .dump | sqlite3 NEW.db",
        )  # fmt: skip
    if not any_enabled:
        yield Finding(
            NOTE, "copies", f"nothing is replicated yet: enable first, then make copies with {suggest.verb('clone')}"
        )
    yield from _unfinished(world)
    newest = "3.37, for the STRICT tables" if any(shape.strict for shape in world.shapes.values()) else "3.35"
    yield Finding(NOTE, "versions", f"programs that write replicated tables need SQLite {newest}, or newer")
    if views:
        yield Finding(NOTE, "views", f"views need nothing, they read what the tables show: {listed(views)}")
    for what, message in usertriggers.broken(world.connection).items():
        yield Finding(WATCH, "schema", f"{what} does not work, whoever uses it: {message}")
    for trigger in world.triggers:
        if trigger.on in views:
            yield from advice.of_trigger(world, trigger)


def _table(
    registry: Registry, world: World, name: str, table: Table | None, refusal: CannotEnableError | None
) -> TableFindings:
    shape = world.shapes.get(caseless(name))
    kind = "absent" if table is not None and table.absent else "table"
    report = TableFindings(name, kind, table is not None, table is not None or refusal is None, None)
    if table is None and refusal is not None:
        report.findings.append(Finding(REFUSED, "table", refusal.reason, _remedy(world, shape)))
    if table is not None:
        report.findings += _of_enabled(registry, world, table, shape, refusal)
    if shape is None:
        return report
    if table is not None and table.is_history:
        of = naming.with_history(table.name)
        told = f"has every value that is written to {of}: crdtsql writes it, and nobody else"
        report.identity = policy.BY_KEY
        report.findings.append(Finding(NOTE, "history", told, world.command("history", of)))
        return report
    if shape.key and report.can_enable:
        report.identity = _identity(registry, shape, table)
        by_row = report.identity == "row"
        report.findings += advice.of_table(world, shape, enabled=table is not None, by_row=by_row)
        report.findings += columns.of_columns(registry, world, shape, table)
    report.findings += _orphans(world, shape)
    return report


def _shown_otherwise(world: World, difference: Difference) -> Finding:
    count = len(difference.keys)
    named = ", ".join(show_key(key) for key in difference.keys[:MOST_ROWS_NAMED])
    more = ", ..." if count > MOST_ROWS_NAMED else ""
    return Finding(
        BROKEN,
        "shown",
        f"{count:,} row{' is' if count == 1 else 's are'} shown or held otherwise than follows from what is known ({named}{more})",
        world.command("repair"),
    )


def _identity(registry: Registry, shape: TableShape, table: Table | None) -> str:
    if table is None:
        return "row" if shape.has_rowid_key else "key"
    (identity,) = query.first(registry.connection, "SELECT identity FROM _crdt_table WHERE id = ?", (table.id,))
    return str(identity)


def _remedy(world: World, shape: TableShape | None) -> str | None:
    """Return the command that gives a table a key, if that is all that it lacks."""
    if shape is None or not enable.lacks_key(world.connection, shape):
        return None
    return world.command("enable", shape.name, "--add-key")


def _of_enabled(
    registry: Registry, world: World, table: Table, shape: TableShape | None, refusal: CannotEnableError | None
) -> Iterator[Finding]:
    if table.absent:
        yield Finding(
            WATCH,
            "table",
            "other replicas have it and this file has not: its rows are kept and passed on, and appear once it is created and enabled",
            shlex.join(["crdtsql", "schema", "show", world.path]),
        )
        return
    state = drift.look(registry, table)
    if table.unsure is not None:
        yield Finding(BROKEN, "in doubt", ": ".join(drift.in_doubt(registry, table)))
    problem = "; ".join(state.problems)
    if problem and state.is_certain:
        yield Finding(WATCH, "capture", f"{problem}: the next operation takes note of it", world.command("repair"))
    elif problem:
        yield Finding(BROKEN, "capture", problem, world.command("repair"))
    elif refusal is not None:
        yield Finding(BROKEN, "table", f"it could not be enabled any more: {refusal.reason}")
    elif shape is not None:
        expected = {*trigger_statements(registry.connection, table, shape)}
        present = schema.triggers(registry.connection, table.name)
        if expected != {statement for name, statement in present.items() if naming.is_ours(name)}:
            yield Finding(
                WATCH, "capture", "its capture triggers don't fit its indexes any more: the next operation mends that",
                world.command("repair"),
            )  # fmt: skip
    if shape is not None:
        yield from limited.findings(registry, table, shape)
    if query.exists(registry.connection, "sqlite_schema", "name = ?", (f"_crdt_held_{table.name}",)):
        yield from _held(registry, world, table)


def _held(registry: Registry, world: World, table: Table) -> Iterator[Finding]:
    for reason, count in query.rows(
        registry.connection, f"SELECT reason, count(*) FROM {table.held} GROUP BY reason ORDER BY reason"
    ):
        shown = reason or reasons.DELETED
        yield Finding(
            NOTE if shown == reasons.DELETED else WATCH,
            "held",
            f"{count:,} held row{'' if count == 1 else 's'}: {shown}",
            None if shown == reasons.DELETED else world.command("held", "--table", table.name),
        )


def _orphans(world: World, shape: TableShape) -> Iterator[Finding]:
    """Find rows that violate a foreign key already."""
    if not world.foreign_keys.get(caseless(shape.name)):
        return
    check = f"PRAGMA main.foreign_key_check({identifier(shape.name)})"
    try:
        found = query.rows(world.connection, check)
    except apsw.SQLError as error:
        message = str(error).removeprefix("SQLError: ")
        yield Finding(
            WATCH, "foreign key", f"{message}: the columns that it refers to need a UNIQUE index, or programs with foreign keys on "
            "can't write it"
        )  # fmt: skip
        return
    if found:
        parents = listed(sorted({parent for _, _, parent, _ in found}))
        rowids = [str(rowid) for _, rowid, _, _ in found if rowid is not None][:MOST_ROWS_NAMED]
        named = f" (rowid {', '.join(rowids)}{', ...' if len(found) > MOST_ROWS_NAMED else ''})" if rowids else ""
        yield Finding(
            WATCH,
            "foreign key",
            f"{len(found):,} row{'' if len(found) == 1 else 's'} without the row of {parents} that they refer to{named}: "
            "they stay as they are, on every replica; better mend them first",
            shlex.join(["sqlite3", world.path, f"PRAGMA foreign_key_check({identifier(shape.name)})"]),
        )


def _virtual(world: World, name: str, kind: str) -> Iterator[Finding]:
    if kind == "view":
        yield Finding(REFUSED, "view", "it is a view, and needs nothing: enable the tables that it reads")
        return
    statement = schema.definition(world.connection, "table", name)
    module = tablesql.module_of(statement)
    if kind == "shadow" or not module:
        yield Finding(REFUSED, "virtual", "it belongs to a virtual table, which keeps it")
        return
    content, feeders = (
        tablesql.option_of(statement, "content"),
        [t for t in world.triggers if caseless(name) in t.writes],
    )
    yield Finding(
        NOTE,
        "virtual",
        f"a virtual table ({module}): it is not replicated itself; each replica keeps its own, by triggers on replicated tables that "
        "also fire for what merges bring",
    )
    mixed = [t.name for t in feeders if t.writes.keys() & world.replicated]
    if mixed:
        yield Finding(
            WATCH,
            "virtual",
            f"{listed(mixed)} writes replicated tables too, so merges leave it out: make two triggers of it",
        )
    rebuild = f"""INSERT INTO {identifier(name)}({identifier(name)}) VALUES ('rebuild')"""
    if content and caseless(content) in world.shapes:
        missing = _events_without(world, content, name)
        if missing:
            yield Finding(
                WATCH,
                "virtual",
                f"its content is {content}, and no trigger there keeps it on {listed(missing)}: after writes and merges it finds too "
                "little or too much until it is rebuilt",
                rebuild,
            )
    elif not feeders:
        yield Finding(WATCH, "virtual", "no trigger fills it: what programs write into it stays in this file")


def _events_without(world: World, table: str, target: str) -> list[str]:
    """Return the events of a table on which no trigger writes to a target."""
    columns = [column.name for column in world.shapes[caseless(table)].columns if not column.generated]
    found = []
    for statement in usertriggers.statements(table, columns):
        try:
            written = usertriggers.writes_of(world.connection, [statement])
        except apsw.SQLError:
            continue
        if not any(caseless(target) in tables for tables in written.values()):
            found.append(statement.split()[0])
    return found
