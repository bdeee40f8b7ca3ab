"""Advice: what a schema means for replication, as findings in plain words, whether anything is enabled or not. Only reads.

Says what merges will do with what a table declares: keys, UNIQUE, foreign keys, CHECK, triggers. `doctor` asks, and adds what is the
matter with tables that are enabled.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import apsw

from crdtsql.base import caseless, identifier, policy, query, suggest
from crdtsql.look.undeclared import looks_like_reference
from crdtsql.sqlite import ForeignKey, TableShape, UserTrigger, autoincrement, schema, tablesql, usertriggers

BROKEN, REFUSED, WATCH, NOTE = "broken", "refused", "watch", "note"
"""Levels of a finding: to be repaired; can't be enabled as it is; good to know before it happens; for information."""

NUMERIC = ("INTEGER", "NUMERIC", "REAL")
_ON_DELETE = {
    "NO ACTION": "is shown again",
    "RESTRICT": "is shown again",
    "CASCADE": "stays deleted, and that row is held until the other comes back",
    "SET NULL": "stays deleted, and that row is shown with NULL in place of the reference",
    "SET DEFAULT": "stays deleted, and that row is shown with the default in place of the reference",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know about a table or file.

    Attributes:
        level: broken, refused, watch or note.
        about: what it is about: key, unique, foreign key, check, trigger, ....
        text: what is the case and what follows from it.
        fix: a command or statement that changes it, None if there is nothing to do.
    """

    level: str
    about: str
    text: str
    fix: str | None = None


@dataclass
class World:
    """What is in a file besides the table in question.

    Attributes:
        path: the file, as commands name it.
        shapes: lower-case name -> shape, of the user's ordinary tables.
        replicated: lower-case names of tables that are enabled, or can be.
        enabled: those of them that are.
        counters: lower-case (table, column) that merge as counters.
        unmixed: lower-case names of tables of granularity row.
        policies: what was chosen for UNIQUE indexes: lower-case (table, columns) -> policy.
        followed: what was declared to crdtsql alone: lower-case name of the child -> its references.
    """

    connection: apsw.Connection
    path: str
    shapes: dict[str, TableShape]
    replicated: set[str]
    enabled: set[str]
    counters: set[tuple[str, str]] = field(default_factory=set)
    unmixed: set[str] = field(default_factory=set)
    policies: dict[tuple[str, tuple[str, ...]], str] = field(default_factory=dict)
    followed: dict[str, list[ForeignKey]] = field(default_factory=dict)

    @cached_property
    def triggers(self) -> list[UserTrigger]:
        """Return the user's triggers."""
        return usertriggers.of_file(self.connection)

    @cached_property
    def foreign_keys(self) -> dict[str, list[ForeignKey]]:
        """Return the declared foreign keys: lower-case name of the child -> its keys."""
        return {name: schema.foreign_keys(self.connection, shape.name) for name, shape in self.shapes.items()}

    @cached_property
    def every_reference(self) -> dict[str, list[ForeignKey]]:
        """Return what is declared as a foreign key, or to crdtsql alone: lower-case name of the child -> its references."""
        return {name: [*keys, *self.followed.get(name, [])] for name, keys in self.foreign_keys.items()}

    def command(self, *words: str) -> str:
        """Write a command of ours on this file."""
        verb, *rest = words
        first_option = next((n for n, word in enumerate(rest) if word.startswith("--") or word == "-c"), len(rest))
        return suggest.plain_command(verb, self.path, *rest[:first_option], options=rest[first_option:])


def of_table(world: World, shape: TableShape, *, enabled: bool, by_row: bool) -> Iterator[Finding]:
    """Yield what to know about an ordinary table; `by_row` says that its numbers are not its rows' names (identity `row`)."""
    yield from _key(world, shape, enabled=enabled, by_row=by_row)
    yield from _unique(world, shape)
    yield from _foreign_keys(world, shape)
    yield from _checks(world, shape)
    yield from _triggers(world, shape)
    generated = [column.name for column in shape.columns if column.generated]
    if generated:
        yield Finding(
            NOTE, "generated", f"{listed(generated)}: generated, so each replica computes it and nothing is sent of it"
        )


def _key(world: World, shape: TableShape, *, enabled: bool, by_row: bool) -> Iterator[Finding]:
    names = ", ".join(column.name for column in shape.key)
    if by_row:
        choice = None if enabled else world.command("enable", shape.name, "--identity", "key")
        yield Finding(
            NOTE,
            "identity",
            f"identity row: each file hands out the numbers in {names!r} by itself; when two replicas give one number to two rows, "
            "one of the two gets another number on all replicas (above 2^52). The other choice, identity key, makes them one row",
            choice,
        )
        yield from _references(world, shape)
        yield _automatic(world, shape.name, names, enabled=enabled)
    else:
        if any(chosen == policy.SAME for (table, _), chosen in world.policies.items() if table == caseless(shape.name)):
            yield from _references(world, shape)
        yield Finding(
            NOTE, "identity", f"identity key: rows of one ({names}) on two replicas are one row, column by column"
        )
        if len(shape.key) == 1 and shape.key[0].affinity == "INTEGER":
            yield Finding(
                WATCH,
                "integer key",
                f"two replicas that both insert {names} = 7 mean one row; have programs insert random text keys (uuid), or keys that "
                "tell the writer",
            )
    if not enabled and not query.exists(world.connection, identifier(shape.name)):
        yield Finding(NOTE, "rows", "no rows yet: replicas may enable it each by itself as well as be cloned")


def _automatic(world: World, name: str, key: str, *, enabled: bool) -> Finding:
    """Say whether ids that a program was told stay."""
    bounded = autoincrement.is_bounded(world.connection, name, key)
    if autoincrement.is_on(world.connection, name, key):
        text = (
            f"AUTOINCREMENT keeps a number from being used again by one file only: a CHECK names {key!r}, so replicas take no "
            "blocks of their own, and a number can still change"
            if bounded
            else f"AUTOINCREMENT: each replica takes the numbers in {key!r} from blocks of its own, so a number that a program was "
            "told stays; there are gaps, and the order of numbers is not that of time"
        )
        return Finding(NOTE, "autoincrement", text)
    text = (
        f"a program that remembers a number in {key!r} may find another row there after a sync: numbers can change once, are large "
        "then (16 digits), and are not in the order of time"
    )
    if bounded:
        return Finding(WATCH, "automatic id", text)
    return Finding(
        WATCH,
        "automatic id",
        f"{text}. With AUTOINCREMENT they stay{'' if enabled else ', once the table is enabled'}",
        world.command("ids", name, "autoincrement"),
    )


def _references(world: World, shape: TableShape) -> Iterator[Finding]:
    """Say which references follow rows that get another id or are one with others, and which columns look as if they should."""
    following, name = [], caseless(shape.name)
    for child, keys in world.every_reference.items():
        declared = {
            caseless(column)
            for key in keys
            if caseless(key.parent) == name
            and [caseless(target) for target in key.parent_columns] == [caseless(shape.key[0].name)]
            for column in key.columns
        }
        columns = world.shapes[child].columns
        following += [f"{world.shapes[child].name}.{c.name}" for c in columns if caseless(c.name) in declared]
    if following:
        yield Finding(
            NOTE, "references", f"declared references to it follow when a row is renumbered: {listed(following)}"
        )
    for child, keys in world.every_reference.items():
        referring = {caseless(column) for key in keys for column in key.columns}
        for column in world.shapes[child].columns:
            if caseless(column.name) in referring or not looks_like_reference(column, world.shapes[child], shape):
                continue
            other = world.shapes[child].name
            yield Finding(
                WATCH,
                "undeclared reference",
                f"{other}.{column.name} looks like a reference to {shape.name}.{shape.key[0].name} but is not declared as one, so it "
                "would not follow when a row gets another id; once both tables are enabled, declare it to crdtsql on every replica",
                world.command("reference", f"{other}.{column.name}", f"{shape.name}.{shape.key[0].name}"),
            )


_ON_LOSING = {
    policy.HOLD: "the other is held whole and comes back by itself once the value is free",
    policy.NULL: "the other shows NULL there until the value is free",
    policy.SUFFIX: "the other shows it with a suffix until the value is free",
    policy.SAME: "the other is one with it: it is held, and rows that refer to it show that row's key",
}


def _unique(world: World, shape: TableShape) -> Iterator[Finding]:
    for index in schema.unique_indexes(world.connection, shape.name):
        terms = [name or "" for name in index.columns] if index.parts is None else list(index.parts.terms)
        where = f" WHERE {index.parts.where}" if index.parts and index.parts.where else ""
        columns = tuple(map(caseless, terms))
        chosen = world.policies.get((caseless(shape.name), columns), policy.HOLD)
        yield Finding(
            NOTE,
            "unique",
            f"UNIQUE ({', '.join(terms)}){where}: when two replicas give one value to two rows, the row that had it first is shown, "
            f"{_ON_LOSING[chosen]}",
            world.command("held", "--table", shape.name),
        )
        if index.is_plain and chosen == policy.HOLD:
            yield from _natural_key(world, shape, terms)


def _natural_key(world: World, shape: TableShape, columns: list[str]) -> Iterator[Finding]:
    """Say of a UNIQUE index of a table that others refer to that its rows may be united."""
    name = caseless(shape.name)
    own = {caseless(column) for key in world.every_reference.get(name, []) for column in key.columns}
    if {*map(caseless, columns)} <= own:
        return
    found = [(world.shapes[child], key) for child, keys in world.every_reference.items() for key in keys]
    referring = [f"{child.name}.{'+'.join(key.columns)}" for child, key in found if caseless(key.parent) == name]
    if referring:
        yield Finding(
            WATCH,
            "natural key",
            f"rows refer to {shape.name} ({listed(referring)}): if two replicas create one {' + '.join(columns)} each, one of the two "
            "is held, and what refers to it with it; if equal values mean one thing, as with tags, say so on every replica once it is "
            "enabled",
            world.command("unique", shape.name, ",".join(columns), policy.SAME),
        )


def _foreign_keys(world: World, shape: TableShape) -> Iterator[Finding]:
    name = caseless(shape.name)
    for key in world.foreign_keys.get(name, []):
        columns = ", ".join(key.columns)
        action = key.on_delete
        parent = world.shapes.get(caseless(key.parent))
        if parent is None:
            yield Finding(
                WATCH,
                "foreign key",
                f"({columns}) refers to {key.parent}, which is no table of this file: programs with foreign keys on can't write it",
            )
            continue
        outcome = _ON_DELETE.get(action, _ON_DELETE["NO ACTION"])
        yield Finding(
            NOTE,
            "foreign key",
            f"({columns}) refers to {parent.name}, ON DELETE {action}: when one replica deletes a row of {parent.name} while another "
            f"writes a row that refers to it, the deleted row {outcome}",
        )
        if caseless(parent.name) not in world.replicated:
            yield Finding(
                WATCH,
                "foreign key",
                f"({columns}) refers to {parent.name}, which can't be enabled as it is: rows that refer to a row that another replica "
                "lacks are held there",
                world.command("doctor", parent.name),
            )


def _checks(world: World, shape: TableShape) -> Iterator[Finding]:
    columns = {caseless(column.name): column for column in shape.values}
    for expression in tablesql.checks(schema.definition(world.connection, "table", shape.name)):
        named = [columns[name] for name in sorted(tablesql.names(expression) & columns.keys())]
        counted = [column.name for column in named if (caseless(shape.name), caseless(column.name)) in world.counters]
        if counted:
            yield Finding(
                WATCH,
                "check",
                f"CHECK ({expression}) on the counter {listed(counted)}: increments of two replicas together can break it; the row is "
                "then held",
                world.command("held", "--table", shape.name),
            )
        elif len(named) > 1 and caseless(shape.name) not in world.unmixed:
            enabled = caseless(shape.name) in world.enabled
            change = ["rows", shape.name, "add-wins"] if enabled else ["enable", shape.name]
            yield Finding(
                WATCH,
                "check",
                f"CHECK ({expression}) depends on {listed([column.name for column in named])}: values that two replicas wrote can "
                "break it together; the row is then held. Granularity row never mixes them",
                world.command(*change, "--granularity", "row"),
            )
        elif named and named[0].affinity in NUMERIC and re.search(r"[<>]|\bbetween\b", expression, re.IGNORECASE):
            yield Finding(
                NOTE,
                "check",
                f"CHECK ({expression}): if {named[0].name} becomes a counter, increments of two replicas together can break it; "
                "the row is then held",
            )


def _triggers(world: World, shape: TableShape) -> Iterator[Finding]:
    for trigger in world.triggers:
        if caseless(trigger.on) == caseless(shape.name):
            yield from of_trigger(world, trigger)


def of_trigger(world: World, trigger: UserTrigger) -> Iterator[Finding]:
    """Yield what a merge does with a trigger of the user's."""
    own = caseless(trigger.on)
    if own not in world.shapes:
        text = f"trigger {trigger.name} on view {trigger.on} writes {listed(sorted(trigger.writes))}: captured like any other write"
        if trigger.writes:
            yield Finding(NOTE, "trigger", text)
        return
    replicated = sorted(world.shapes[name].name for name in trigger.writes if name in world.replicated)
    elsewhere = sorted(name for name in trigger.writes if name not in world.replicated)
    if replicated:
        what = "its own row" if [caseless(name) for name in replicated] == [own] else listed(replicated)
        yield Finding(
            WATCH if elsewhere else NOTE,
            "trigger",
            f"trigger {trigger.name} writes {what}: that is captured and travels like any write, so merges leave this trigger out "
            "(it would count twice)",
        )
        if elsewhere:
            yield Finding(
                WATCH,
                "trigger",
                f"trigger {trigger.name} also writes {listed(elsewhere)}, which is not replicated and so misses what merges bring: "
                "make two triggers of it, one for each",
            )
        yield from _counts(world, trigger)
    elif elsewhere:
        yield Finding(
            NOTE, "trigger", f"trigger {trigger.name} writes {listed(elsewhere)}: it also fires for what a merge brings"
        )
    if "raise" in tablesql.names(trigger.statement):
        yield Finding(
            WATCH,
            "trigger",
            f"trigger {trigger.name} may refuse rows (RAISE): a row that it refuses for itself when a merge brings it is held; if it "
            "looks at other rows, or refuses a DELETE, it does not run for merges",
            world.command("held", "--table", trigger.on),
        )


def _counts(world: World, trigger: UserTrigger) -> Iterator[Finding]:
    """Find the columns that a trigger counts up or down, so that concurrent counts would be lost."""
    for table, column in _counted(trigger):
        if table in world.replicated and (table, column) not in world.counters:
            shown = world.shapes[table].name
            change = ["type", f"{shown}.{column}", "counter"]
            yield Finding(
                WATCH,
                "trigger",
                f"trigger {trigger.name} counts in {shown}.{column}: of counts on two replicas the later one wins, unless the "
                "column is a counter",
                world.command(*change if table in world.enabled else ["enable", shown, "-c", f"{column}=counter"]),
            )


def _counted(trigger: UserTrigger) -> Iterator[tuple[str, str]]:
    """Yield the (table, column) that a trigger counts up or down, in lower case."""
    for table, columns in trigger.writes.items():
        for column in sorted(columns):
            name = r"[\"`\[]?" + re.escape(column) + r"[\"`\]]?"
            if re.search(rf"{name}\s*=[^;=]*{name}\W*[+-]", trigger.statement, re.IGNORECASE):
                yield table, column


def counted_by_triggers(world: World, table: str) -> set[str]:
    """Return the columns of a table that triggers count up or down, in lower case."""
    counted = (pair for trigger in world.triggers for pair in _counted(trigger))
    return {caseless(column) for owner, column in counted if caseless(owner) == caseless(table)}


def listed(names: list[str]) -> str:
    """Write names as people do: `a, b and c`."""
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
