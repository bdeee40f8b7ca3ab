"""Merge for typed columns: compare the parts of incoming cells with those that are here (docs/decisions/0009).

Runs inside of merge, after the rows with news were found and before they are compared. A head of a part stays if both sides have
it, or the side without it has not seen it. Afterwards the parts that result are stored, and the attached image says
what the user's table must show, so that the rest of the merge takes a typed cell like any other one.
"""

from __future__ import annotations

from dataclasses import dataclass

from crdtsql import image, naming, parts, query
from crdtsql.arrival import Arrival, Pair
from crdtsql.celltypes import CellType, Kind
from crdtsql.errors import InvalidChangesetError
from crdtsql.registry import Registry
from crdtsql.sqltext import Sql, fragment, identifier, integer, joined, sql
from crdtsql.values import SqliteValue


def merge_parts(registry: Registry, arrival: Arrival, values: dict[str, SqliteValue], known: int) -> None:
    """Merge the typed columns of one table; `known` rows are here already.

    Raises:
        InvalidChangesetError: a value or a part is not what the column's type takes.
        CounterOverflowError: a counter would leave its range.
    """
    connection = registry.connection
    typed = [pair for pair in arrival.pairs if pair.field.type != "lww"]
    if not typed:
        return
    part_table = f"{arrival.image_slots['image']}.{image.part_table(arrival.number)}"
    sent = {col for (col,) in query.rows(connection, f"SELECT DISTINCT col FROM {part_table}")}
    here = parts.have_parts(connection, arrival.table)
    for pair in typed:
        merging = _Merge(registry, arrival, pair, values, pair.position in sent, here)
        merging.check()
        if known or pair.position in sent:
            merging.run()


@dataclass
class _Merge:
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
        self.values = self.given | {"col": self.pair.field.id, "position": self.pair.position}
        self.part_table = image.part_table(self.arrival.number)
        self.part_is_cell = self.table.same_keys("part", "cell")

    def _execute(self, name: str, **slots: Sql) -> None:
        self.connection.execute(sql(name, **slots), self.values)

    def check(self) -> None:
        """Check that values and parts are of the column's type, before they reach any statement that relies on it."""
        slots = self.pair.slots
        value = Sql(f"incoming.{slots['value']}")
        found = False
        if self.kind.invalid is not None:
            affinity = next(c.affinity for c in self.arrival.shape.columns if c.name == self.pair.field.name)
            invalid = self.kind.invalid(value, affinity)
            statement = sql("merge/invalid_values", invalid=invalid, **self.pair.sent, **self.arrival.image_slots)
            found = query.first(self.connection, statement) is not None
        if not found and self.parts_sent:
            valid = fragment(self.kind.valid_part)
            names = {"image": self.arrival.image_slots["image"], "part_table": self.part_table}
            statement = sql("merge/invalid_parts", valid=valid, **names)
            found = query.first(self.connection, statement, self.values) is not None
        if found:
            raise InvalidChangesetError(
                f"not a sound changeset: {self.table.name}.{self.pair.field.name} is a {self.kind.name} and must be {self.kind.takes}"
            )

    def run(self) -> None:
        """Compare the parts, store those that result, and say what must be shown."""
        keys = joined(
            Sql(f"{key} {column.affinity} COLLATE {column.collation}")
            for key, column in zip(self.table.key_names, self.arrival.shape.key, strict=True)
        )
        with parts.working(self.connection, ("_crdt_cell", sql("merge/create_cells", keys=keys))):
            self._collect()
            if query.first(self.connection, "SELECT 1 FROM temp._crdt_cell LIMIT 1") is None:
                return
            self._load()
            self._execute("merge/drop_my_parts")
            self._execute("merge/drop_their_parts")
            self._store()

    def _collect(self) -> None:
        table, pair = self.table, self.pair
        theirs_split = mine_split = Sql("0")
        if self.parts_sent:
            theirs_split = Sql(
                f"EXISTS (SELECT 1 FROM {self.arrival.image_slots['image']}.{self.part_table} AS part "
                f"WHERE {table.same_keys('part', 'incoming')} AND part.col = :position)"
            )
        if self.parts_here:
            mine_split = Sql(
                f"EXISTS (SELECT 1 FROM {table.parts} AS part WHERE {table.same_keys('part', 'incoming')} AND part.col = :col)"
            )
        self._execute(
            "merge/collect_cells",
            keys=table.keys,
            incoming_keys=table.keys_of("incoming"),
            theirs_split=theirs_split,
            mine_split=mine_split,
            row_marker=identifier(table.key[0]),
            column=pair.column,
            held_value=naming.value(pair.field.id),
            clock=table.clock,
            table=table.quoted,
            held=table.held,
            clock_is_incoming=table.same_keys("clock", "incoming"),
            shown_is_incoming=self.arrival.is_key_of("shown", "incoming"),
            **pair.sent,
            **pair.slots,
            **self.arrival.image_slots,
        )

    def _load(self) -> None:
        split = "(SELECT id, {0} FROM temp._crdt_cell WHERE NOT {0}_split AND {1} IS NOT NULL)"
        if self.parts_here:
            self._execute("merge/load_mine", parts=self.table.parts, part_is_cell=self.part_is_cell)
        mine = self.kind.explode_sql(Sql(split.format("mine", "mine_t")), Sql("mine"))
        self._execute("merge/split_mine", split=mine)
        if self.parts_sent:
            names = {"image": self.arrival.image_slots["image"], "part_table": self.part_table}
            self._execute("merge/load_theirs", part_is_cell=self.part_is_cell, **names)
        theirs = self.kind.explode_sql(Sql(split.format("theirs", "their_t")), Sql("theirs"))
        self._execute("merge/split_theirs", split=theirs)

    def _store(self) -> None:
        table = self.table
        always = integer(self.kind.kind is Kind.WHOLE)
        self.connection.execute(sql("merge/create_whole", always=always))
        try:
            if self.parts_here:
                self._execute("merge/forget_parts_of_cells", parts=table.parts, keys=table.keys)
            self._execute("merge/store_parts", parts=table.parts, keys=table.keys, cell_keys=table.keys_of("cell"))
            names = f"SELECT {table.keys} FROM temp._crdt_cell WHERE id = ?"
            parts.show(self.connection, table, self.pair.field, names)
            if self.kind.kind is not Kind.WHOLE:  # shown as it was written
                self.connection.execute(
                    "INSERT OR REPLACE INTO temp._crdt_shown (id, value) SELECT id, value FROM temp._crdt_whole"
                )
        finally:
            self.connection.execute("DROP TABLE temp._crdt_whole")
        slots = {"value": self.pair.slots["value"], **self.pair.sent, **self.arrival.image_slots}
        self._execute("merge/write_shown", **slots)
