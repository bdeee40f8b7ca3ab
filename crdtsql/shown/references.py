"""References: what tables refer to, and the rows that refer to nothing that is shown.

Reads the user's tables, clocks and held rows, and writes temporary tables only. A child is compared with its parent as SQLite
does: by the parent column's type and collation.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import apsw

from crdtsql.base import Sql, caseless, fragment, identifier, integer, joined, query, reasons, sql
from crdtsql.shown import moved
from crdtsql.shown.holding import Side, any_kept
from crdtsql.sqlite import Column, ForeignKey, TableShape, schema
from crdtsql.store import Stamp, Table

KEEPS_PARENT = ("RESTRICT", "NO ACTION")
MASKS = ("SET NULL", "SET DEFAULT")
ALWAYS = Sql("1")


_TYPES = {"TEXT": Sql("'text'"), "BLOB": Sql("''"), "NUMERIC": Sql("'integer', 'real'")}
"""Affinity -> the types of values that a column of it makes others be like, in comparisons; the numeric ones are alike there."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key of a replicated table, or what it refers to otherwise.

    Attributes:
        parent: the table it refers to, None if that is not replicated.
        parent_shape: its shape, None if there is no such table.
        enforced: it is a foreign key; otherwise it was declared to crdtsql alone, and is followed wherever it leads (decision 0022).
    """

    child: Side
    key: ForeignKey
    parent: Side | None
    parent_shape: TableShape | None
    enforced: bool = True

    @property
    def to_key(self) -> bool:
        """Tell whether it refers to the parent's primary key."""
        if self.parent is None:
            return False
        return sorted(map(caseless, self.key.parent_columns)) == sorted(map(caseless, self.parent.table.key))

    @property
    def held_columns(self) -> list[Sql]:
        """Return what the held rows call the child's columns."""
        return [name for column in self.key.columns if (name := self.child.held_name(column)) is not None]

    @property
    def lost_columns(self) -> list[Sql]:
        """Return what the held rows call the parent's columns."""
        if self.parent is None:
            return []
        return [name for column in self.key.parent_columns if (name := self.parent.held_name(column)) is not None]

    @property
    def is_kept(self) -> bool:
        """Tell whether the values of all its columns are kept with held rows; those of generated columns are not."""
        return len(self.held_columns) == len(self.key.columns)

    def columns(self, alias: str, held: bool) -> list[Sql]:
        """Return the child's columns, in the user's table or in a table of ours."""
        names = self.held_columns if held else [identifier(column) for column in self.key.columns]
        return [Sql(f"{alias}.{name}") for name in names]

    def parent_column(self, name: str) -> Column | None:
        """Return a column of the parent's."""
        if self.parent_shape is None:
            return None
        return next((column for column in self.parent_shape.columns if caseless(column.name) == caseless(name)), None)


def read(connection: apsw.Connection, sides: Sequence[Side]) -> list[Reference]:
    """List the foreign keys of replicated tables, and the references that were declared to crdtsql alone."""
    by_name = {caseless(side.table.name): side for side in sides}
    found = []
    for name in schema.tables_with_foreign_keys(connection):
        child = by_name.get(caseless(name))
        if child is None:
            continue
        for key in schema.foreign_keys(connection, name):
            parent = by_name.get(caseless(key.parent))
            shape = parent.shape if parent else schema.read(connection, key.parent)
            if key.parent_columns:
                found.append(Reference(child, key, parent, shape))
    return [*found, *_followed(sides, found)]


def _followed(sides: Sequence[Side], enforced: Sequence[Reference]) -> Iterator[Reference]:
    """Yield the references that are no foreign keys, as far as both tables have their columns now."""
    by_uid = {side.table.uid: side for side in sides}
    tables = {uid: side.table for uid, side in by_uid.items()}
    known = {(one.child.table.id, _pairs(one.key), caseless(one.key.parent)) for one in enforced}
    for child in sides:
        for uid, key in followed_keys(child.table, tables):
            if (child.table.id, _pairs(key), caseless(key.parent)) not in known:
                yield Reference(child, key, by_uid[uid], by_uid[uid].shape, enforced=False)


def followed_keys(table: Table, by_uid: Mapping[str, Table]) -> Iterator[tuple[str, ForeignKey]]:
    """Yield what a table was declared to refer to, as foreign keys, as far as all columns are there, each with the parent's uid."""
    for declared in table.references:
        parent = by_uid.get(declared.parent)
        columns = table.names_of(declared.columns)
        targets = parent.names_of(declared.targets) if parent else None
        if parent is not None and columns is not None and targets is not None:
            yield parent.uid, ForeignKey(columns, parent.name, targets, "NO ACTION")


def _pairs(key: ForeignKey) -> frozenset[tuple[str, str]]:
    return frozenset(zip(map(caseless, key.columns), map(caseless, key.parent_columns), strict=False))


def _is_dangling(
    reference: Reference,
    columns: list[Sql],
    clock_is_child: Sql,
    *,
    waiting_count: bool = False,
    is_truth: Sql = ALWAYS,
) -> Sql:
    """Say that a row `child` refers to nothing that is shown (nor waits, if that counts), and was not found like that."""
    written = [reference.child.stamp_of(column, "clock")[0] for column in reference.key.columns]
    return fragment(
        "shown/references/is_dangling",
        all_set=joined((Sql(f"{column} IS NOT NULL") for column in columns), " AND "),
        no_parent=_no_parent(reference, columns),
        none_waits=_none_waits(reference, columns) if waiting_count else ALWAYS,
        clock=reference.child.table.clock,
        clock_is_child=clock_is_child,
        written_since=joined((Sql(f"{stamp} >= 0") for stamp in written), " OR "),
        parent_unknown=_parent_unknown(reference, columns),
        is_truth=is_truth,
    )


def _clock_is_shown(side: Side) -> Sql:
    pairs = zip(side.table.key_names, side.table.key, strict=True)
    return joined((Sql(f"clock.{key} = child.{identifier(name)}") for key, name in pairs), " AND ")


def _no_parent(reference: Reference, child: list[Sql]) -> Sql:
    if reference.parent_shape is None or reference.parent_shape.kind != "table":
        return Sql("1")
    pairs = zip(reference.key.parent_columns, child, strict=True)
    return fragment(
        "shown/references/no_parent",
        parent=identifier(reference.parent_shape.name),
        parent_is_child=joined((Sql(f"parent.{identifier(name)} = +{column}") for name, column in pairs), " AND "),
    )


def _none_waits(reference: Reference, child: list[Sql]) -> Sql:
    if reference.parent is None or len(reference.lost_columns) != len(child):
        return Sql("1")
    return fragment(
        "shown/references/none_waits",
        parent_held=reference.parent.table.held,
        waiting_is_child=_are_values(reference, "waiting", [Sql(f"+{column}") for column in child]),
        parent_id=integer(reference.parent.table.id),
    )


def _parent_unknown(reference: Reference, child: list[Sql]) -> Sql:
    if reference.parent is None or len(reference.lost_columns) != len(child):
        return Sql("1")
    if reference.to_key:
        pairs = zip(reference.lost_columns, child, strict=True)
        same = joined((Sql(f"known.{name} = +{column}") for name, column in pairs), " AND ")
        return fragment(
            "shown/references/parent_unknown", parent_clock=reference.parent.table.clock, known_is_child=same
        )
    written = [reference.parent.stamp_of(column, "clock")[0] for column in reference.key.parent_columns]
    return fragment(
        "shown/references/value_unknown",
        parent_held=reference.parent.table.held,
        known_is_child=_are_values(reference, "known", [Sql(f"+{column}") for column in child]),
        parent_clock=reference.parent.table.clock,
        written_since=joined((Sql(f"{stamp} >= 0") for stamp in written), " OR "),
    )


def find_dangling(
    connection: apsw.Connection, reference: Reference, *, waiting_count: bool, scratch: bool = False
) -> None:
    """Add to `child.out_table` the shown rows that refer to nothing shown, among those that may have come to that.

    These are rows that were written, and rows that refer to one that went or is held; with `scratch`, all rows.
    """
    child, parent = reference.child.table, reference.parent
    columns = [Sql(f"child.{identifier(column)}") for column in reference.key.columns]
    is_dangling = _is_dangling(reference, columns, _clock_is_shown(reference.child), waiting_count=waiting_count)
    out = reference.child.out_table
    shared = {"out": out, "keys": child.keys, "child": child.quoted, "is_dangling": is_dangling}
    child_keys = child.key_columns_of("child")
    if scratch:
        connection.execute(sql("shown/references/find_dangling_all", child_keys=child_keys, **shared))
        return
    connection.execute(
        sql(
            "shown/references/find_dangling_written",
            child_keys=child_keys,
            child_is_dirty=child.row_has_key_of("child", "dirty"),
            table_id=integer(child.id),
            **shared,
        )
    )
    if parent is None or not _is_touched(connection, parent):
        return
    if not reference.to_key or moved.may_have(connection, parent.table):  # what its rows showed before is not known
        find_dangling(connection, reference, waiting_count=waiting_count, scratch=True)
        return
    connection.execute(
        sql(
            "shown/references/find_dangling_left",
            child_keys=child_keys,
            references=joined(_compared(reference)),
            lost_values=joined(Sql(f"lost.{name}") for name in reference.lost_columns),
            parent_held=parent.table.held,
            parent_clock=parent.table.clock,
            gone_is_dirty=parent.table.same_keys("gone", "dirty"),
            parent_id=integer(parent.table.id),
            **shared,
        )
    )


def find_children(connection: apsw.Connection, reference: Reference, held: Sequence[int]) -> None:
    """Add to `child.out_table` the shown rows that refer to a value of some held rows of the parent."""
    parent, child = reference.parent, reference.child.table
    if parent is None or not held or len(reference.lost_columns) != len(reference.key.columns):
        return
    statement = sql(
        "shown/references/find_children",
        out=reference.child.out_table,
        keys=child.keys,
        child_keys=child.key_columns_of("child"),
        child=child.quoted,
        references=joined(_compared(reference)),
        lost_values=joined(Sql(f"lost.{name}") for name in reference.lost_columns),
        parent_held=parent.table.held,
    )
    connection.execute(statement, {"held": json.dumps([*held])})


def find_led(connection: apsw.Connection, reference: Reference, ends: Sql) -> None:
    """Add to `child.out_table` the shown rows that refer to a row that leads to another one; `ends` has these."""
    child = reference.child.table
    connection.execute(
        sql(
            "shown/references/find_led",
            out=reference.child.out_table,
            keys=child.keys,
            child_keys=child.key_columns_of("child"),
            child=child.quoted,
            references=joined(_compared(reference)),
            led_values=joined(Sql(f"ending.{name}") for name in reference.lost_columns),
            ends=ends,
        )
    )


def _is_touched(connection: apsw.Connection, side: Side) -> bool:
    """Tell whether rows of a table may have gone, or changed."""
    return query.exists(connection, "temp._crdt_dirty", "tbl = ?", (side.table.id,)) or any_kept(connection, side.table)


def _compared(reference: Reference) -> Iterator[Sql]:
    """Yield the child's columns so that comparing them with a parent's value is right, and uses an index where it can."""
    columns = {caseless(column.name): column for column in reference.child.shape.columns}
    for name, target in zip(reference.key.columns, reference.key.parent_columns, strict=True):
        mine, parent = columns[caseless(name)], reference.parent_column(target)
        plain = Sql(f"child.{identifier(mine.name)}")
        if parent is None or (mine.affinity, mine.collation) == (parent.affinity, parent.collation):
            yield plain
        else:
            converted = {"TEXT": Sql(f"CAST({plain} AS TEXT)"), "BLOB": Sql(f"+{plain}")}
            yield Sql(f"{converted.get(parent.affinity, Sql(f'CAST({plain} AS NUMERIC)'))} COLLATE {parent.collation}")


def _are_values(reference: Reference, alias: str, child: Sequence[Sql]) -> Sql:
    """Say that a row of the parent's that we keep has the values that a child refers to, as SQLite compares them for a foreign key:
    with the affinity and the collation of the parent's columns."""
    columns = {caseless(column.name): column for column in reference.child.shape.columns}
    found = []
    for name, target, kept, value in zip(
        reference.key.columns, reference.key.parent_columns, reference.lost_columns, child, strict=True
    ):
        mine, parent = columns[caseless(name)], reference.parent_column(target)
        if parent is None or mine.affinity == parent.affinity:
            collation = Sql(f" COLLATE {parent.collation}" if parent and parent.collation != "BINARY" else "")
            found.append(Sql(f"{alias}.{kept}{collation} = {value}"))
            continue
        is_text = parent.affinity == "TEXT"
        found.append(
            fragment(
                "shown/references/is_value",
                kept=Sql(f"{alias}.{kept}"),
                types=_TYPES.get(parent.affinity, _TYPES["NUMERIC"]),
                affinity=Sql("TEXT" if is_text else "NUMERIC"),
                collation=Sql(parent.collation),
                child=value,
            )
        )
    return joined(found, " AND ")


def dangling_candidates(
    connection: apsw.Connection, reference: Reference, candidate: tuple[Sql, Sql, Sql], columns: list[Sql], marks: int
) -> set[tuple[int, int]]:
    """Return the candidates (id, form) that refer to nothing that is shown; `marks` are those that change the reference.

    Args:
        candidate: the table of the candidates, what says that one has its own values there, and what, that a clock row is its.
    """
    is_dangling = _is_dangling(
        reference,
        [Sql(f"child.{column}") for column in columns],
        candidate[2],
        is_truth=candidate[1],
    )
    statement = sql("shown/references/find_dangling_candidates", candidate=candidate[0], is_dangling=is_dangling)
    return {(number, form) for number, form in query.rows(connection, statement, {"other_marks": ~marks})}


def find_meant(
    connection: apsw.Connection, candidates: tuple[Sql, Sql], columns: list[tuple[Sql, Sql]], marks: tuple[int, int]
) -> list[tuple[int, int, int, int]]:
    """Return which candidates (id, form) refer to which candidates (id, form); all arguments are pairs of child and parent."""
    statement = sql(
        "shown/references/find_meant",
        child=candidates[0],
        parent=candidates[1],
        parent_is_child=joined((Sql(f"parent.{its} = +child.{mine}") for mine, its in columns), " AND "),
    )
    return query.rows(connection, statement, {"other_marks": ~marks[0], "other_parent_marks": ~marks[1]})


def dead_parents(connection: apsw.Connection, reference: Reference) -> set[int]:
    """Return the held rows of deleted parents that rows in `child.out_table`, or held rows alive or restored, refer to."""
    parent, child = reference.parent, reference.child
    if parent is None or not reference.is_kept or len(reference.lost_columns) != len(reference.key.columns):
        return set()
    names = [Sql(f"r{position}") for position in range(len(reference.key.columns))]
    shown = joined(
        Sql(f"{column} AS {name}") for column, name in zip(reference.columns("shown", held=False), names, strict=True)
    )
    kept = joined(
        Sql(f"{column} AS {name}") for column, name in zip(reference.columns("held", held=True), names, strict=True)
    )
    children = fragment(
        "shown/references/children",
        out=child.out_table,
        shown_columns=shown,
        child=child.table.quoted,
        shown_is_out=child.table.row_has_key_of("shown", "out"),
        held_columns=kept,
        held=child.table.held,
        counts=_counts(child),
    )
    if reference.to_key:
        statement = sql(
            "shown/references/find_dead_parents",
            children=children,
            parent_clock=parent.table.clock,
            gone_is_child=_are_values(reference, "gone", [Sql(f"child.{name}") for name in names]),
        )
    else:
        statement = sql(
            "shown/references/find_dead_parents_by_value",
            children=children,
            parent_held=parent.table.held,
            parent_clock=parent.table.clock,
            lost_is_child=_are_values(reference, "lost", [Sql(f"child.{name}") for name in names]),
            waiting_is_child=_are_values(reference, "waiting", [Sql(f"child.{name}") for name in names]),
            parent=parent.table.quoted,
            alive_is_child=joined(
                (
                    Sql(f"alive.{identifier(column)} = child.{name}")
                    for column, name in zip(reference.key.parent_columns, names, strict=True)
                ),
                " AND ",
            ),
            gone_is_lost=parent.table.same_keys("gone", "lost"),
        )
    return {number for (number,) in query.rows(connection, statement)}


def _counts(side: Side) -> Sql:
    """Say that a held row `held` counts as one that refers: it is alive, or deleted and restored."""
    restored = f"SELECT id FROM temp._crdt_restored WHERE tbl = {side.table.id}"
    return Sql(f"(NOT held.reason GLOB '{reasons.DELETED}*' OR held.id IN ({restored}))")


def reference_stamps(connection: apsw.Connection, reference: Reference, dead: int) -> list[Stamp]:
    """Return when the references to a deleted row were written: the newest stamp among the columns of each."""
    parent, child = reference.parent, reference.child
    if parent is None or not reference.is_kept:
        return []
    stamps = [reference.child.stamp_of(column, "clock") for column in reference.key.columns]
    genesis_t, genesis_s = child.table.genesis or (None, None)
    selected = joined(Sql(f"ifnull({t}, :genesis_t), ifnull({s}, :genesis_s)") for t, s in stamps)
    found: list[Stamp] = []
    for held in (False, True):
        source = child.table.held if held else child.table.quoted
        scope = (
            Sql(f"child.{reasons.IS_KEPT} AND " + _counts(child).text.replace("held.", "child.")) if held else Sql("1")
        )
        statement = sql(
            "shown/references/reference_stamps",
            stamps=selected,
            parent_held=parent.table.held,
            child=source,
            child_is_lost=_are_values(reference, "lost", reference.columns("child", held)),
            clock=child.table.clock,
            clock_is_child=child.table.same_keys("clock", "child") if held else _clock_is_shown(child),
            scope=scope,
        )
        values = {"id": dead, "genesis_t": genesis_t, "genesis_s": genesis_s}
        rows = query.rows(connection, statement, values)
        found += [max(zip(row[0::2], row[1::2], strict=True)) for row in rows if None not in row]
    return found


def deletes(connection: apsw.Connection, side: Side, dead: int) -> list[Stamp]:
    """Return the events that deleted a row."""
    table = side.table
    statement = sql(
        "shown/references/deletes",
        held=table.held,
        clock=table.clock,
        heads=table.heads,
        clock_is_lost=table.same_keys("clock", "lost"),
        heads_is_lost=table.same_keys("heads", "lost"),
    )
    return [(t, s) for t, s in query.rows(connection, statement, {"id": dead})]
