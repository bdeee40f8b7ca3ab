"""Adopt: make one file's schema have what another replica's has: tables, columns and names that are missing.

Compares two registrations by uid, writes the statements that would add what is missing, and runs them; drops nothing ever. The
other file's schema is a stranger's text: only statements of the kinds below are taken from it, one at a time, each for the
table that it is said to be for (docs/decisions/0013).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import apsw

from crdtsql.base import CannotAdoptError, Declared, Now, caseless, identifier, joined, naming, query, suggest
from crdtsql.capture import enable
from crdtsql.evolve import alter, appear, renaming
from crdtsql.merge import parking, set_uids
from crdtsql.numbers import reference
from crdtsql.sqlite import indexsql, schema
from crdtsql.store import Field, Registry, Table

ADVICE = {
    "UNIQUE": "add it without UNIQUE, fill it, and run CREATE UNIQUE INDEX afterwards",
    "NOT NULL": "add it with NOT NULL and a DEFAULT, the same on every replica, or without NOT NULL",
    "non-constant": "add it with a constant DEFAULT, the same on every replica, or with none",
    "PRIMARY KEY": "a key can't be changed later; create the table anew with that key on every replica",
}
EXTRAS = ("trigger", "view")


@dataclass(frozen=True, slots=True)
class Step:
    """A statement, or a command of ours, that brings the schema nearer to the other one.

    Attributes:
        kind: create table, create index, add column, rename column, rename table, reference, create trigger or create view.
        table: the table's name in the file that is changed.
        source: the other file's table.
        field: the column that is added.
        name: of a trigger or view.
        declared: what `table` refers to, of a reference that was declared to crdtsql alone.
        era: of a table that is created, how often it was disabled in the other file: this one has nothing of it to forget.
    """

    kind: str
    table: str
    statement: str
    source: Table | None = None
    field: Field | None = None
    name: str = ""
    declared: Declared | None = None
    era: int = 0


@dataclass(frozen=True, slots=True)
class ByHand:
    """Something that the other file has and no statement here can bring, why, and what to do."""

    what: str
    why: str
    advice: str

    def __str__(self) -> str:
        return f"{self.what}: {self.why}; {self.advice}"


@dataclass(slots=True)
class SchemaDiff:
    """What one file's schema lacks of another's.

    Attributes:
        steps: statements that add it, in the order in which they must run.
        by_hand: what they can't add.
        extras: triggers and views, which are run only on request.
    """

    path: str
    other: str
    steps: list[Step] = field(default_factory=list)
    by_hand: list[ByHand] = field(default_factory=list)
    extras: list[Step] = field(default_factory=list)

    @property
    def statements(self) -> list[str]:
        """Return the statements that add what is missing."""
        return [step.statement for step in self.steps]

    def to_json(self) -> dict[str, Any]:
        """Return the difference as `--json` prints it."""
        return {
            "path": self.path,
            "other": self.other,
            "statements": self.statements,
            "extras": [step.statement for step in self.extras],
            "by_hand": [{"what": found.what, "why": found.why, "advice": found.advice} for found in self.by_hand],
        }


def compare(ours: Registry, theirs: Registry) -> SchemaDiff:
    """Find out what `ours` lacks of the replicated tables of `theirs`.

    Raises:
        CannotAdoptError: the other file's schema is not one that SQLite or crdtsql wrote.
    """
    diff = SchemaDiff(ours.path, theirs.path)
    mine = {table.uid: table for table in ours.tables() if not table.absent} if ours.exists else {}
    present = [table for table in theirs.tables() if not table.absent]
    for table in present:
        if table.uid in mine:
            _compare_table(ours, theirs, mine[table.uid], table, diff)
    taken = _rename_tables(ours, {mine[table.uid].name: table.name for table in present if table.uid in mine}, diff)
    missing = []
    for table in present:
        if table.uid in mine:
            continue
        if caseless(table.name) not in taken:
            missing.append(table)
        else:
            diff.by_hand.append(_in_the_way(ours, table, {caseless(known.name) for known in mine.values()}))
    for table in _parents_first(theirs, missing):
        _create_table(ours, theirs, table, diff)
    for table in present:
        if table.uid in mine:
            diff.steps += _references(ours, theirs, mine[table.uid], table)
    _list_extras(ours, theirs, {table.name for table in missing}, diff)
    return diff


def _references(ours: Registry, theirs: Registry, own: Table, table: Table) -> Iterator[Step]:
    """Yield what a table refers to in the other file, declared to crdtsql alone, and not in this one."""
    for one in table.references:
        if one not in own.references and theirs.find_uid(one.parent) is not None:
            child, parent = reference.describe(theirs, table, one).names
            command = suggest.plain_command("reference", ours.path, child, parent)
            yield Step("reference", table.name, command, declared=one)


def _in_the_way(ours: Registry, table: Table, replicated: set[str]) -> ByHand:
    what = f"table {table.name!r}"
    if caseless(table.name) in replicated:
        why = "a table of that name is in this file, and replicated as another one"
        return ByHand(what, why, "rename that one first, then run this again")
    why = "a table of that name is in this file, but not replicated"
    return ByHand(what, why, f"run {suggest.command('enable', ours.path, table.name)}")


def _rename_tables(ours: Registry, wanted: dict[str, str], diff: SchemaDiff) -> set[str]:
    """Plan how tables get their names; return the names that are taken afterwards."""
    names = [name for (name,) in query.rows(ours.connection, "SELECT name FROM main.sqlite_schema")]
    found = renaming.order(names, {old: new for old, new in wanted.items() if old != new})
    for old, new in found.steps:
        statement = f"ALTER TABLE {identifier(old)} RENAME TO {identifier(new)}"
        diff.steps.append(Step("rename table", old, statement))
    for old, new in found.blocked.items():
        advice = "rename that one first, then run this again"
        diff.by_hand.append(ByHand(f"the name {new!r} for table {old!r}", "it is taken", advice))
    return found.taken


def _parents_first(registry: Registry, tables: list[Table]) -> list[Table]:
    """Order tables so that those that others refer to come first."""
    left, ordered = list(tables), list[Table]()
    while left:
        names = {caseless(table.name) for table in left}
        free = [
            table
            for table in left
            if not names
            & {caseless(key.parent) for key in schema.foreign_keys(registry.connection, table.name)}
            - {caseless(table.name)}
        ]
        ordered += free or left[:1]
        left = [table for table in left if table not in ordered]
    return ordered


def _create_table(ours: Registry, theirs: Registry, table: Table, diff: SchemaDiff) -> None:
    statement = checked(schema.definition(theirs.connection, "table", table.name), "TABLE", table.name)
    diff.steps.append(Step("create table", table.name, statement, table, era=theirs.eras().get(table.uid, 0)))
    rows = query.rows(
        theirs.connection,
        "SELECT name, sql FROM main.sqlite_schema WHERE type = 'index' AND tbl_name = ? COLLATE NOCASE AND sql IS NOT NULL",
        (table.name,),
    )
    for name, index in rows:
        if _exists(ours.connection, name):
            advice = "create it under another name"
            diff.by_hand.append(ByHand(f"index {name!r}", "this file has something else of that name", advice))
            continue
        diff.steps.append(Step("create index", table.name, checked(index, "INDEX", name, table.name)))


def _exists(connection: apsw.Connection, name: str) -> bool:
    return query.exists(connection, "main.sqlite_schema", "name = ? COLLATE NOCASE", (name,))


def _compare_table(ours: Registry, theirs: Registry, own: Table, table: Table, diff: SchemaDiff) -> None:
    columns = [column.name for column in parking.shape_of(ours, own).columns]
    mine = dict(zip(own.uids, own.names, strict=True))
    wanted = {mine[uid]: name for uid, name in zip(table.uids, table.names, strict=True) if mine.get(uid, name) != name}
    found = renaming.order(columns, wanted)
    for old, new in found.steps:
        statement = f"ALTER TABLE {identifier(own.name)} RENAME COLUMN {identifier(old)} TO {identifier(new)}"
        diff.steps.append(Step("rename column", own.name, statement))
        columns = [new if name == old else name for name in columns]
    for old, new in found.blocked.items():
        advice = "rename that one first, then run this again"
        why = f"{own.name} has another column of that name"
        diff.by_hand.append(ByHand(f"the name {new!r} for column {own.name}.{old}", why, advice))
    for field_ in table.fields:
        if field_.uid not in mine:
            _add_column(ours, theirs, own, table, field_, columns, diff)


def _add_column(
    ours: Registry, theirs: Registry, own: Table, table: Table, added: Field, columns: list[str], diff: SchemaDiff
) -> None:
    what = f"column {own.name}.{added.name}"
    if caseless(added.name) in set(map(caseless, columns)):
        advice = "rename that one first, then run this again"
        diff.by_hand.append(ByHand(what, f"{own.name} has another column of that name", advice))
        return
    definition = column_definition(schema.definition(theirs.connection, "table", table.name), added.name)
    if not definition:
        raise CannotAdoptError(f"{theirs.path}: the definition of {what} can't be read from its schema; add it by hand")
    problem = _obstacle(ours, own, columns, definition)
    if problem is not None:
        advice = next((text for word, text in ADVICE.items() if word in problem), "add it by hand in another form")
        diff.by_hand.append(ByHand(what, f"SQLite can't add {definition!r} to a table: {problem}", advice))
        return
    statement = f"ALTER TABLE {identifier(own.name)} ADD COLUMN {definition}"
    diff.steps.append(Step("add column", own.name, statement, table, added))


def _obstacle(ours: Registry, own: Table, names: list[str], definition: str) -> str | None:
    """Try a definition on a table of the same columns elsewhere; return what SQLite has against it."""
    filled = query.exists(ours.connection, own.quoted)
    scratch = apsw.Connection(":memory:")
    try:
        columns = joined(map(identifier, names))
        scratch.execute(f"CREATE TABLE {own.quoted} ({columns})")
        if filled:
            scratch.execute(f"INSERT OR ABORT INTO {own.quoted} DEFAULT VALUES")
        _run_one(scratch, f"ALTER TABLE {own.quoted} ADD COLUMN {definition}")
    except apsw.ConstraintError:
        return None  # its CHECK and the values here: the table itself will say
    except apsw.Error as error:
        return str(error).removeprefix("SQLError: ")
    finally:
        scratch.close()
    return None


def column_definition(statement: str, column: str) -> str:
    """Return the definition of a column in a CREATE TABLE statement, "" if it is not there.

    >>> column_definition("CREATE TABLE t (a INT, 'b c' DECIMAL(5, 2) DEFAULT (1), CHECK (a > 0))", "b c")
    "'b c' DECIMAL(5, 2) DEFAULT (1)"
    """
    for item in _items(indexsql.tokens(statement)):
        first = item[0]
        is_constraint = first.upper() in ("CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN")
        if not is_constraint and caseless(indexsql.unquoted(first)) == caseless(column):
            return "".join(item).strip()
    return ""


def _items(pieces: Sequence[str]) -> Iterator[list[str]]:
    """Split what stands in a statement's first parentheses at its commas."""
    depth, item = 0, list[str]()
    for piece in pieces:
        depth += {"(": 1, ")": -1}.get(piece, 0)
        if (depth == 1 and piece == ",") or (depth == 0 and piece == ")"):
            if item:
                yield item
            item = []
            if piece == ")":
                return
        elif (depth > 1 or (depth == 1 and piece != "(")) and (item or piece.strip()):
            item.append(piece)


def checked(statement: str, kind: str, name: str, table: str = "") -> str:
    """Check that a text of another file's schema is one statement that creates what it is said to create; return it.

    Raises:
        CannotAdoptError: it is not.
    """
    tokens = [token for token in indexsql.tokens(statement) if token.strip()]
    words = [token.upper() for token in tokens]
    at = 2 if words[1:2] == ["UNIQUE"] and kind == "INDEX" else 1
    named = at + 1
    sound = words[:1] == ["CREATE"] and words[at:named] == [kind] and not {*"'\"`[\0"} & set(tokens)
    sound = sound and "\0" not in statement and (kind == "TRIGGER" or ";" not in tokens)
    sound = sound and [indexsql.unquoted(token) for token in tokens[named : named + 1]] == [name]
    if kind == "TABLE":
        sound = sound and tokens[named + 1 : named + 2] == ["("] and _ends_as_a_table(words)
    elif kind in ("INDEX", "TRIGGER"):
        owner = [
            caseless(indexsql.unquoted(token))
            for token, word in zip(tokens, ["", *words], strict=False)
            if word == "ON"
        ]
        sound = sound and caseless(table) in owner[:1]
    if not sound or naming.is_ours(name) or name.lower().startswith("sqlite_"):
        raise CannotAdoptError(
            f"the other file's schema has no sound CREATE {kind} statement for {name!r:.100}: nothing was changed; create it by hand"
        )
    return statement


def _ends_as_a_table(words: Sequence[str]) -> bool:
    depth = 0
    for position, word in enumerate(words):
        depth += {"(": 1, ")": -1}.get(word, 0)
        if word == ")" and depth == 0:
            return set(words[position + 1 :]) <= {"WITHOUT", "ROWID", "STRICT", ","}
    return False


def _list_extras(ours: Registry, theirs: Registry, created: set[str], diff: SchemaDiff) -> None:
    """List triggers on the tables that are created, and views, which do not come by themselves."""
    for kind, name, table, statement in query.rows(
        theirs.connection,
        "SELECT type, name, tbl_name, sql FROM main.sqlite_schema WHERE type IN ('trigger', 'view') ORDER BY type DESC, rowid",
    ):
        wanted = kind == "view" or table in created
        if naming.is_ours(name) or not wanted or _exists(ours.connection, name):
            continue
        diff.extras.append(Step(f"create {kind}", table, str(statement), name=name))


def adopt(registry: Registry, diff: SchemaDiff, now: Now, *, extras: bool) -> None:
    """Run what a comparison found.

    Raises:
        CannotAdoptError: SQLite refuses a statement.
        CannotAlterError: a table could not be replicated after a statement.
        UsageError: a reference can't be declared any more.
    """
    connection = registry.connection
    created = []
    for step in diff.steps:
        if step.declared is not None:
            continue
        if step.kind.startswith("create"):
            _create(connection, step)
            if step.source is not None:
                created.append((step.source, step.era))
        else:
            if step.source is not None and step.field is not None:
                parking.expect(registry, registry.table(step.table), step.field)
            alter.alter(registry, alter.parse(step.statement))
    for source, era in created:
        _enable(registry, source, era, now)
    for step in diff.steps:
        if step.declared is not None:
            reference.take_over(registry, registry.table(step.table), step.declared)
    for step in diff.extras if extras else []:
        checked(step.statement, step.kind.split()[1].upper(), step.name, step.table)
        _create(connection, step)


def _create(connection: apsw.Connection, step: Step) -> None:
    try:
        _run_one(connection, step.statement)
    except apsw.Error as error:
        raise CannotAdoptError(
            f"SQLite refuses {' '.join(step.statement.split())[:200]!r}: {str(error).removeprefix('SQLError: ')}; nothing was changed"
        ) from error


def _run_one(connection: apsw.Connection, statement: str) -> None:
    """Run a text that must be one statement."""
    seen = []

    def only_first(_cursor: apsw.Cursor, text: str, _bindings: object) -> bool:
        seen.append(text)
        return len(seen) == 1

    cursor = connection.cursor()
    cursor.exec_trace = only_first
    cursor.execute(statement)


def _enable(registry: Registry, source: Table, era: int, now: Now) -> None:
    if era > registry.eras().get(source.uid, 0):
        registry.set_era(source.uid, era)
    kept = next((table for table in registry.tables() if table.uid == source.uid), None)
    if kept is not None:
        table = appear.appear(registry, kept, now, appear.Options({}), source.name)
    else:
        types = {known.name: known.type for known in source.typed_fields}
        table = enable.enable(registry, source.name, now, types, source.rows, source.granularity, source.identity)
    uids = dict(zip((caseless(name) for name in source.names), source.uids, strict=True))
    mine = [uids.get(caseless(name), uid) for name, uid in zip(table.names, table.uids, strict=True)]
    set_uids(registry, table, source.uid, mine)
    for columns, chosen in source.unique.items():
        registry.set_unique(registry.table(table.name), columns, chosen)
    registry.set_references(registry.table(table.name), source.references)
