"""Merge for typed columns: compare the parts of incoming cells with those that are here (docs/decisions/0009).

Runs inside of merge, after the rows with news were found and before they are compared. A head of a part stays if both sides have
it, or the side without it has not seen it. Afterwards the parts that result are stored, and the attached image says
what the user's table must show, so that the rest of the merge takes a typed cell like any other one.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property

import apsw

from crdtsql.base import (
    EMPTY,
    InvalidChangesetError,
    SchemaMismatchError,
    Sql,
    SqliteValue,
    TemporaryTable,
    caseless,
    fragment,
    identifier,
    integer,
    joined,
    naming,
    query,
    sql,
)
from crdtsql.conflicts import conflict_log
from crdtsql.merge import taken
from crdtsql.merge.arrival import Arrival, Pair
from crdtsql.sqlite import Column
from crdtsql.store import Registry
from crdtsql.types import TYPES, CellType, Kind, parts
from crdtsql.wire import image

INCOMING_CELL = TemporaryTable(
    "_crdt_incoming_cell", "merge/mergeparts/create_incoming_cell", written_by=("merge/parking",)
)
LARGE_BYTES = 1_000
"""From so many bytes of a cell's value on it is cheaper to find out whether only what was sent needs a look."""

ALONE = TemporaryTable("_crdt_alone", "merge/mergeparts/create_alone")


def merge_parts(registry: Registry, arrival: Arrival, values: dict[str, SqliteValue], fresh: int, known: int) -> int:
    """Merge the typed columns of one table, of which `fresh` incoming rows are new here and `known` are not.

    Return how many conflicts were recorded.

    Raises:
        InvalidChangesetError: a value or a part is not what the column's type takes.
    """
    connection = registry.connection
    typed = [pair for pair in arrival.pairs if pair.field.type != "lww"]
    if not typed:
        return 0
    recorded = 0
    part_table = f"{arrival.image_slots['image']}.{image.part_table(arrival.number)}"
    positions = [pair.position for pair in typed]
    sent = {position for position in positions if query.exists(connection, part_table, "col = ?", (position,))}
    here = parts.have_parts(connection, arrival.table)
    mergings = [
        Merge(registry, _laid(connection, arrival, pair), pair, values, pair.position in sent, here) for pair in typed
    ]
    for merging in mergings:
        merging.check()
    simple = [m for m in mergings if m.parts_sent and m.takes_fresh]
    if simple and not known and fresh == arrival.header.rows and not any(m.lacks_values for m in simple):
        _take_all(registry, arrival, simple)
    else:
        for merging in simple:
            merging.take_fresh()
    for merging in mergings:
        if known or (merging.parts_sent and (not merging.takes_fresh or merging.lacks_values)):
            recorded += merging.run()
    return recorded


def _laid(connection: apsw.Connection, arrival: Arrival, pair: Pair) -> Arrival:
    """Return an arrival whose table says of which numbers a column is, also where it is only a placeholder."""
    if not arrival.table.absent or TYPES[pair.field.type].kind is not Kind.TOTAL:
        return arrival
    slots = {"table": arrival.table.quoted, "column": pair.column, "held": arrival.table.held, "held_value": pair.held}
    return with_numbers(connection, arrival, pair, fragment("merge/mergeparts/absent_values", **slots))


def with_numbers(connection: apsw.Connection, arrival: Arrival, pair: Pair, kept: Sql) -> Arrival:
    """Return an arrival that takes a column, of which this file has no declaration, for one of the numbers that it holds.

    Args:
        kept: the SELECT of the values that are here already. What is here decides, else what arrives.
    """
    slots = {"value": pair.slots["value"], "part_table": image.part_table(arrival.number), **arrival.image_slots}
    statement = sql("merge/mergeparts/find_numbers", kept=kept, **slots)
    (kind,) = query.first(connection, statement, {"position": pair.position})
    column = Column(pair.field.name, "", "REAL" if kind == "real" else "INTEGER", "BINARY", False, 0, False)
    columns = [known for known in arrival.shape.columns if caseless(known.name) != caseless(column.name)]
    laid = copy(arrival)
    laid.shape = replace(arrival.shape, columns=(*columns, column))
    return laid


def _take_all(registry: Registry, arrival: Arrival, mergings: list[Merge]) -> None:
    """Store the parts of several columns, in the order in which they were sent, where all rows are new."""
    positions = joined(Sql(f"({merging.pair.position}, {merging.pair.field.id})") for merging in mergings)
    statement = sql(
        "merge/mergeparts/store_all_parts",
        parts=arrival.table.parts,
        keys=arrival.table.keys,
        part_keys=arrival.table.keys_of("part"),
        image=arrival.image_slots["image"],
        part_table=image.part_table(arrival.number),
        positions=Sql(f"SELECT column1 AS position, column2 AS id FROM (VALUES {positions})"),
    )
    registry.connection.execute(statement)


@dataclass
class Merge:
    """The merge of one typed column."""

    registry: Registry
    arrival: Arrival
    pair: Pair
    given: dict[str, SqliteValue]
    parts_sent: bool
    parts_here: bool

    def __post_init__(self) -> None:
        self.connection = self.registry.connection
        self.table = self.arrival.table
        self.kind: CellType = parts.kind_of(self.pair.field)
        self.values = self.given | {"col": self.pair.field.id, "position": self.pair.position, "large": LARGE_BYTES}
        self.part_table = image.part_table(self.arrival.number)
        self.part_is_cell = self.table.same_keys("part", "cell")

    @property
    def takes_fresh(self) -> bool:
        """Tell whether cells that are new here need no comparison; values that are kept side by side do, for the conflict log."""
        return not self.kind.keeps_values

    def _execute(self, name: str, **slots: Sql) -> None:
        self.connection.execute(sql(name, **slots), self.values)

    def check(self) -> None:
        """Check that values and parts are of the column's type, before they reach any statement that relies on it.

        Raises:
            SchemaMismatchError: a counter has real numbers on one side and whole ones on the other.
            InvalidChangesetError: some are not.
        """
        affinity = next(c.affinity for c in self.arrival.shape.columns if c.name == self.pair.field.name)
        found = self._has_invalid(affinity)
        if (
            found
            and self.kind.kind is Kind.TOTAL
            and not self._has_invalid("INTEGER" if affinity == "REAL" else "REAL")
        ):
            raise SchemaMismatchError(
                f"column {self.table.name}.{self.pair.field.name} is a {self.kind.name} of "
                f"{'real numbers here and of whole ones' if affinity == 'REAL' else 'whole numbers here and of real ones'} in the "
                "changeset: nothing was changed; declare it INTEGER in both files, or REAL in both, then export again"
            )
        if not found and self.parts_sent:
            valid = self.kind.valid_part_sql()
            names = {"image": self.arrival.image_slots["image"], "part_table": self.part_table}
            statement = sql("merge/mergeparts/invalid_parts", valid=valid, **names)
            found = query.first(self.connection, statement, self.values) is not None
        if found:
            raise InvalidChangesetError(
                f"not a sound changeset: {self.table.name}.{self.pair.field.name} is a {self.kind.name} and must be {self.kind.takes}"
            )

    def _has_invalid(self, affinity: str) -> bool:
        """Tell whether any value that was sent is none of the column's type, if its column has some affinity."""
        if self.kind.invalid is None:
            return False
        invalid = self.kind.invalid(Sql(f"incoming.{self.pair.slots['value']}"), affinity)
        statement = sql(
            "merge/mergeparts/invalid_values", invalid=invalid, **self.pair.sent, **self.arrival.image_slots
        )
        return query.first(self.connection, statement) is not None

    @cached_property
    def lacks_values(self) -> bool:
        """Tell whether any row was sent without the column's value."""
        slots = self.pair.sent | self.arrival.image_slots
        return query.first(self.connection, sql("merge/mergeparts/lacks_values", **slots)) is not None

    def run(self) -> int:
        """Compare the parts, store those that result, and say what must be shown. Return how many conflicts were recorded."""
        keys = self.arrival.shape.define_key(self.table.key_names)
        with parts.working(self.connection), INCOMING_CELL.created(self.connection, keys=keys):
            self._collect()
            if not query.exists(self.connection, "temp._crdt_incoming_cell"):
                return 0
            self._load()
            self._execute("merge/mergeparts/drop_my_parts")
            self._execute("merge/mergeparts/drop_their_parts")
            self._store()
            self._check_wholes()
            return self._record_siblings() if self.kind.keeps_values else 0

    @property
    def _names_of_wholes(self) -> Sql:
        return self.kind.names_sql(Sql("whole.v")) or EMPTY

    @property
    def may_be_narrow(self) -> bool:
        """Tell whether there may be cells of which only the parts that were sent need a look."""
        return self.parts_sent and self.parts_here and self.kind.names is not None

    @property
    def theirs_split(self) -> Sql:
        """Say whether the incoming cell was sent with parts."""
        if not self.parts_sent:
            return Sql("0")
        same, parts_sent = (
            self.table.same_keys("part", "incoming"),
            f"{self.arrival.image_slots['image']}.{self.part_table}",
        )
        return Sql(f"EXISTS (SELECT 1 FROM {parts_sent} AS part WHERE {same} AND part.col = :position)")

    @property
    def mine_split(self) -> Sql:
        """Say whether the cell has parts here."""
        if not self.parts_here:
            return Sql("0")
        same = self.table.same_keys("part", "incoming")
        return Sql(f"EXISTS (SELECT 1 FROM {self.table.parts} AS part WHERE {same} AND part.col = :col)")

    def _collect(self) -> None:
        table, pair = self.table, self.pair
        self._execute(
            "merge/mergeparts/collect_cells",
            arrived=self.arrival.arrived,
            keys=table.keys,
            incoming_keys=table.keys_of("incoming"),
            theirs_split=self.theirs_split,
            takes_fresh=integer(self.takes_fresh),
            mine_split=self.mine_split,
            row_marker=identifier(table.key[0]),
            column=pair.column,
            held_value=naming.value(pair.field.id),
            clock=table.clock,
            table=table.quoted,
            held=table.held,
            clock_is_incoming=table.same_keys("clock", "incoming"),
            shown_is_incoming=self.arrival.is_key_of("shown", "incoming"),
            **pair.sent,
            **(pair.slots | dict(zip(("old_t", "old_s"), pair.field.full_stamp, strict=True))),
            **self.arrival.image_slots,
        )

    def take_fresh(self) -> None:
        """Store the parts of cells of which this replica has nothing yet."""
        self._execute(
            "merge/mergeparts/store_fresh_parts",
            arrived=self.arrival.arrived,
            parts=self.table.parts,
            keys=self.table.keys,
            incoming_keys=self.table.keys_of("incoming"),
            part_table=self.part_table,
            part_is_incoming=self.table.same_keys("part", "incoming"),
            **self.pair.sent,
            **self.arrival.image_slots,
        )

    def _load(self) -> None:
        """Load their heads, then mine: of a whole write whose value was not sent, they imply nothing.

        Of a part of which both sides have what either may have forgotten alone, mine are theirs: both have seen the same writes of it.
        """
        if self.parts_sent:
            names = {"image": self.arrival.image_slots["image"], "part_table": self.part_table}
            self._execute("merge/mergeparts/load_theirs", part_is_cell=self.part_is_cell, **names)
        self._execute("merge/mergeparts/load_whole", whose=Sql("theirs"), prefix=Sql("their"))
        forgets = taken.may_have_forgotten(self.connection)
        if forgets:
            self._take_floors_for_one()
        parts.imply(self.connection, self.kind, "theirs")
        mine = {"parts": self.table.parts, "part_is_cell": self.part_is_cell}
        if self.may_be_narrow:
            self._execute("merge/mergeparts/find_narrow", **mine)
        narrow = self.may_be_narrow and query.exists(self.connection, "temp._crdt_incoming_cell", "narrow")
        if self.parts_here:
            self._execute("merge/mergeparts/load_mine", **mine)
        self._execute("merge/mergeparts/load_whole", whose=Sql("mine"), prefix=Sql("mine"))
        if narrow:
            self._execute("merge/mergeparts/load_mine_of_sent", **mine)
            self._execute("merge/mergeparts/imply_of_sent", names=self._names_of_wholes)
        is_wide = Sql("id NOT IN (SELECT id FROM temp._crdt_incoming_cell WHERE narrow)")
        parts.imply(self.connection, self.kind, "mine", is_wide)
        if forgets:
            is_settled = fragment("merge/mergeparts/is_settled_part")
            self._execute("merge/mergeparts/take_mine_for_theirs", is_settled=is_settled)
            self._execute("merge/mergeparts/forget_settled", is_settled=is_settled)

    def _take_floors_for_one(self) -> None:
        """Take the whole writes of a cell for mine where either side may have forgotten all of them, mine and theirs."""
        mine = {"parts": self.table.parts, "part_is_cell": self.part_is_cell}
        split = fragment("merge/mergeparts/whole_is_later", **mine) if self.parts_here else Sql("0")
        self._execute("merge/mergeparts/find_floors", split=split)
        if query.exists(self.connection, "temp._crdt_incoming_cell", "settled"):
            self._execute("merge/mergeparts/forget_floors")
            if self.parts_here:
                self._execute("merge/mergeparts/take_my_parts_for_theirs", **mine)
            self._execute("merge/mergeparts/take_my_whole_for_theirs")

    def _store(self) -> None:
        table = self.table
        mine = {"parts": table.parts, "part_is_cell": self.part_is_cell}
        narrow = query.exists(self.connection, "temp._crdt_incoming_cell", "narrow")
        with ALONE.created(self.connection):
            self._execute("merge/mergeparts/find_alone", **mine)
            if self.parts_here:
                self._execute("merge/mergeparts/forget_parts_of_cells", parts=table.parts, keys=table.keys)
            if narrow:
                slots = {"keys": table.keys, "cell_keys": table.keys_of("cell")}
                self._execute("merge/mergeparts/forget_parts_of_sent", parts=table.parts, **slots)
            self._execute(
                "merge/mergeparts/store_parts", parts=table.parts, keys=table.keys, cell_keys=table.keys_of("cell")
            )
            parts.show(self.connection, self.pair.field, self.arrival.shape)
            if narrow:
                self._execute("merge/mergeparts/show_narrow", names=self._names_of_wholes, **mine)
            self.connection.execute(
                "INSERT OR REPLACE INTO temp._crdt_shown (id, value) SELECT id, value FROM temp._crdt_alone"
            )
        slots = {"value": self.pair.slots["value"], **self.pair.sent, **self.arrival.image_slots}
        self._execute("merge/mergeparts/write_shown", **slots)

    def _check_wholes(self) -> None:
        """Check that each cell with parts has a whole among them: what was sent may build on one that nobody here ever saw.

        Raises:
            InvalidChangesetError: one has none, so nobody would take it from here.
        """
        slots = {"parts": self.table.parts, "part_is_cell": self.part_is_cell}
        if query.first(self.connection, sql("merge/mergeparts/lacks_whole", **slots), self.values) is not None:
            raise InvalidChangesetError(
                f"not a sound changeset: it has parts of {self.table.name}.{self.pair.field.name} without the value that they are "
                "parts of, which it says was sent before"
            )

    def _record_siblings(self) -> int:
        statement = sql("merge/mergeparts/record_siblings", keys=self.table.keys, cell_keys=self.table.keys_of("cell"))
        return conflict_log.record(self.registry, statement, self.values | {"splits": self.kind.kind is Kind.PARTS})
