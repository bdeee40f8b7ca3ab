"""Candidates: the held rows that a table might show, in each form in which it might show them, and those that it shows in the end.

A temporary table beside the user's, with the columns' own types and collations, so that everything compares there as it does in
the user's table. Decides nothing. Runs inside the caller's write transaction, with capture off and foreign keys not enforced.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property, partial

import apsw

from crdtsql.base import (
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
from crdtsql.shown import moved
from crdtsql.shown.deciding.ends import Ends
from crdtsql.shown.deciding.marks import Marks, digits, subsets, suffix
from crdtsql.shown.deciding.reading import Reading, differs
from crdtsql.shown.holding import Side
from crdtsql.shown.references import Reference
from crdtsql.sqlite import UniqueIndex, indexsql, schema, writing
from crdtsql.store import Registry

CANDIDATE = TemporaryTable("_crdt_candidate", "shown/deciding/candidates/create")

UNIQUE = (apsw.SQLITE_CONSTRAINT_UNIQUE, apsw.SQLITE_CONSTRAINT_PRIMARYKEY, apsw.SQLITE_CONSTRAINT_ROWID)


class Candidates:
    """The candidates of one table.

    Attributes:
        generated: the table's generated columns and their expressions.
        read: those of which references are read otherwise, and as what.
    """

    def __init__(self, registry: Registry, side: Side, references: Sequence[Reference], ends: Ends) -> None:
        self.connection = registry.connection
        self.side = side
        self.reading = Reading(registry, side, ends, self.name)
        self.read: dict[int, tuple[object, ...]] = {}
        self.moved: set[int] = set()
        self.indexes = sorted(schema.unique_indexes(self.connection, side.table.name), key=self._by_columns)
        self.generated = schema.generated(self.connection, side.shape)
        self.marks = Marks(side, references, self.indexes)
        self.needed = {0}
        for reference in references:
            for mine, columns in (
                (reference.child is side, reference.key.columns),
                (reference.parent is side, reference.key.parent_columns),
            ):
                if mine:
                    self.needed |= {*subsets(self.marks.touching(self.inputs(columns), "DEFAULT", "SUFFIX"))}
        for index in self.indexes:
            self.needed |= {*subsets(self.relevant(index))}
        if self.reading.moves:
            self.indexes.append(self._key_index())

    def _key_index(self) -> UniqueIndex:
        """Describe the key like a UNIQUE index, the last one: rows that are read under another key may want that of others."""
        return UniqueIndex("", self.side.table.key, tuple(column.collation for column in self.side.shape.key), None)

    def clock_is(self, alias: str) -> Sql:
        """Say that a clock row `clock` is that of a candidate, under whichever key that is shown."""
        table = self.side.table
        if not self.reading.moves:
            return table.same_keys("clock", alias)
        slots = {"clock_keys": table.keys_of("clock"), "truth_keys": table.keys_of("truth"), "held": table.held}
        return fragment("shown/deciding/candidates/clock_is", candidate=Sql(alias), **slots)

    def _by_columns(self, index: UniqueIndex) -> tuple[tuple[str, ...], str]:
        """Order indexes alike in all files, whatever they are called there: which one is named as the reason depends on it."""
        return self.side.table.uids_of(map(str, index.columns)), "" if index.is_plain else index.name

    @property
    def name(self) -> Sql:
        """Return the table of candidates."""
        return CANDIDATE.of(self.side.table.id).quoted

    def column(self, name: str) -> Sql:
        """Return what the candidates call a column of the user's."""
        held = self.side.held_name(name)
        if held is not None:
            return held
        return Sql(f"g{[*map(caseless, self.generated)].index(caseless(name))}")

    def inputs(self, columns: Iterable[str], words: Iterable[str] = ()) -> set[str]:
        """Return the columns that some columns and words of SQL depend on, by generated ones too."""
        names = {caseless(name) for name in (*columns, *words)}
        for name, computed in reversed(self.generated.items()):
            if caseless(name) in names:
                names |= set(map(caseless, indexsql.words(computed)))
        return names

    def inputs_of(self, index: UniqueIndex) -> set[str]:
        """Return the columns that an index may depend on."""
        parts = () if index.parts is None else (*index.parts.terms, index.parts.where)
        columns = [name for name in index.columns if name is not None]
        return self.inputs(columns, (word for part in parts for word in indexsql.words(part)))

    def relevant(self, index: UniqueIndex) -> int:
        """Return the marks that may change a row's value in an index, but for those that take it away."""
        every = self.marks.touching(self.inputs_of(index))
        return every & ~self.emptying(index)

    def emptying(self, index: UniqueIndex) -> int:
        """Return the marks under which a row surely has no value in an index: NULL in one of its columns."""
        return self.marks.touching(map(str, index.columns), "NULL") if index.is_plain else 0

    def rows(self) -> list[int]:
        """Return the ids of the candidates."""
        return [number for (number,) in query.rows(self.connection, f"SELECT id FROM {self.name} WHERE form = 0")]

    # -- filling ----------------------------------------------------------------------------------

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep the table for the length of a block."""
        side = self.side
        columns = {caseless(column.name): column for column in side.shape.columns}
        computed = joined(
            (
                Sql(
                    f", {self.column(name)} {columns[caseless(name)].affinity} COLLATE {columns[caseless(name)].collation}"
                )
                for name in self.generated
            ),
            "",
        )
        slots = {"candidate": self.name, "columns": side.definitions, "computed": computed}
        with CANDIDATE.of(side.table.id).created(self.connection, **slots):
            yield

    def begin(self) -> None:
        """List the held rows that the table might show, as they are."""
        side = self.side
        self.connection.execute(f"DELETE FROM {self.name}")
        statement = sql(
            "shown/deciding/candidates/list",
            candidate=self.name,
            columns=joined(side.held_columns),
            held_columns=joined(Sql(f"held.{name}") for name in side.held_columns),
            held=side.table.held,
            table_id=integer(side.table.id),
        )
        self.connection.execute(statement)
        self.reading.read_foretold()

    def complete(self) -> None:
        """Add all forms that must be compared, once the references of the rows were read."""
        if any(mark.kind == "SUFFIX" for mark in self.marks.every):
            self._note_suffixes()
        if self.reading.changes:
            self.reading.keep_truths()
            self.read = self.reading.found()
            self.moved = self.reading.moved()
        for form in self.needed - {0}:
            self._add_form(form)
        if self.generated:
            self._compute()

    def _note_suffixes(self) -> None:
        keys = joined(Sql(f"typeof({key}) || hex({key})") for key in self.side.table.key_names)
        which = f"id IN (SELECT id FROM {self.name})"
        found = query.rows(self.connection, f"SELECT id, {keys} FROM {self.side.table.held} WHERE {which}")
        statement = f"UPDATE {self.name} SET suffix = ?, digits = ? WHERE id = ?"
        self.connection.executemany(statement, [(suffix(key), digits(key), number) for number, *key in found])

    def _add_form(self, form: int, number: int | None = None) -> None:
        """Add a form of all candidates, or of one."""
        side, shown = self.side, self.marks.shown(form)
        columns = {caseless(column.name): column for column in side.shape.columns}
        names = (*side.table.key, *(field.name for field in side.table.fields))
        values = [self.marks.expression(columns[caseless(n)], shown.get(caseless(n)), "truth") for n in names]
        statement = sql(
            "shown/deciding/candidates/add_form",
            candidate=self.name,
            columns=joined(side.held_columns),
            values=joined(values),
        )
        self.connection.execute(statement, {"form": form, "id": number})

    def _compute(self, number: int | None = None) -> None:
        """Compute the generated columns; each may depend on those before it."""
        for name in self.generated:
            value = self.term(identifier(name))
            statement = sql(
                "shown/deciding/candidates/compute", candidate=self.name, column=self.column(name), value=value
            )
            self.compute(statement, {"id": number})

    def compute(self, statement: str, values: Mapping[str, SqliteValue]) -> None:
        """Execute a statement that computes the user's expressions for the candidates, or for one, `:id`, in one form, `:form`.

        One on whose values an expression fails is left out: the table will not take it.
        """
        every = {"id": None, "form": None, **values}
        with suppress(apsw.ConstraintError), query.savepoint(self.connection, "crdt_compute"):
            writing.execute(self.connection, statement, every)
            return
        for number, form in query.rows(
            self.connection, f"SELECT id, form FROM {self.name} WHERE ?1 IN (id, 0)", (every["id"] or 0,)
        ):
            with suppress(apsw.ConstraintError):
                writing.execute(self.connection, statement, {**every, "id": number, "form": form})

    def term(self, expression: Sql) -> Sql:
        """Compute an expression on a row of the user's table for a candidate."""
        table = self.side.table.quoted
        row = joined(
            Sql(f"candidate.{held} AS {column}")
            for held, column in zip(self.side.held_columns, self.side.columns, strict=True)
        )
        for name, computed in self.generated.items():
            row = Sql(f"*, ({computed}) AS {identifier(name)} FROM (SELECT {row}) AS {table}")
        return fragment("shown/deciding/candidates/term_of", expression=expression, row=row, table=table)

    # -- showing ----------------------------------------------------------------------------------

    def probe(self, number: int, form: int) -> tuple[int, str] | None:
        """Return what SQLite says to a candidate by itself (extended error code, words), None if it takes it; shows nothing.

        SQLite looks at CHECK, NOT NULL and types before UNIQUE, so what it says of UNIQUE is no answer.
        """
        self._have(number, form)
        self.connection.execute("SAVEPOINT crdt_probe")
        try:
            return self._put_one(number, form, probing=True)
        finally:
            self.connection.execute("ROLLBACK TO crdt_probe; RELEASE crdt_probe")

    def _have(self, number: int, form: int) -> None:
        if form not in self.needed:
            self._add_form(form, number)
            if self.generated:
                self._compute(number)

    def choose(self, chosen: Mapping[int, int], out: Mapping[int, str]) -> None:
        """Say which candidates are shown in which form, and why the others are not."""
        for number, form in chosen.items():
            self._have(number, form)
        self.connection.execute(f"UPDATE {self.name} SET chosen = 0, decided = 0, masks = NULL, why = NULL")
        self.connection.executemany(
            f"UPDATE {self.name} SET chosen = 1, decided = 1 WHERE id = ? AND form = ?", chosen.items()
        )
        self.connection.executemany(
            f"UPDATE {self.name} SET masks = ? WHERE id = ? AND chosen",
            ((json.dumps(sorted(names)), number) for number, names in self._masked().items()),
        )
        self.connection.executemany(
            f"UPDATE {self.name} SET decided = 1, why = ?2 WHERE id = ?1 AND form = 0", out.items()
        )

    def _masked(self) -> dict[int, list[str]]:
        """Return the chosen candidates that are shown otherwise than they are, with the names of these columns."""
        found: dict[int, list[str]] = defaultdict(list)
        names = [*zip(self.side.table.key, self.side.table.key_names, strict=True)]
        names += [(field.name, naming.value(field.id)) for field in self.side.table.fields]
        marked = {self.column(name).text for mark in self.marks.every for name in mark.columns}
        for name, column in names:
            if column.text in marked or column in self.reading.columns:
                statement = sql(
                    "shown/deciding/candidates/differing",
                    candidate=self.name,
                    held=self.side.table.held,
                    differs=differs("truth", "shown", column),
                )
                for (number,) in query.rows(self.connection, statement):
                    found[number].append(name)
        return found

    def put_back(self) -> dict[int, tuple[int, str]]:
        """Show the chosen candidates; return those that SQLite refuses: id -> (extended error code, what it says)."""
        (count,) = query.first(self.connection, f"SELECT count(*) FROM {self.name} WHERE chosen")
        if not count:
            return {}
        self.connection.execute("SAVEPOINT crdt_put_back")
        with suppress(apsw.ConstraintError, apsw.MismatchError):
            self._put_back.execute(self.connection, {"id": None, "form": None})
            if self.connection.changes() == count:
                self.connection.execute("RELEASE crdt_put_back")
                return {}
        self.connection.execute("ROLLBACK TO crdt_put_back; RELEASE crdt_put_back")
        refused = {}
        for number, form in query.rows(self.connection, f"SELECT id, form FROM {self.name} WHERE chosen ORDER BY id"):
            if (found := self._put_one(number, form)) is not None:
                refused[number] = found
        return refused

    @cached_property
    def _put_back(self) -> writing.Write:
        statement = partial(
            sql,
            "shown/deciding/candidates/put_back",
            table=self.side.table.quoted,
            columns=joined(self.side.columns),
            candidate_columns=joined(Sql(f"candidate.{name}") for name in self.side.held_columns),
            candidate=self.name,
        )
        return writing.prepare(self.connection, self.side.table.name, statement)

    def _put_one(self, number: int, form: int, *, probing: bool = False) -> tuple[int, str] | None:
        try:
            failure = self._put_back.execute_apart(self.connection, {"id": number, "form": form})
        except (apsw.ConstraintError, apsw.MismatchError) as error:
            return getattr(error, "extendedresult", apsw.SQLITE_MISMATCH), writing.said(error)
        if self.connection.changes() != 1:
            return apsw.SQLITE_CONSTRAINT_TRIGGER, "a trigger of the table ignored the row"
        writing.warn(self.side.table.name, None if probing else failure)
        return None

    def settle_shown(self) -> None:
        """Forget the held rows of what is shown as it is, and say of the others why they are held."""
        table = self.side.table
        if self.moved:
            moved.keep(self.connection, self.side, self.name, self.moved)
        same = table.same_keys("clock", "candidate")
        slots = {"held": table.held, "candidate": self.name}
        self.connection.execute(
            sql(
                "shown/deciding/candidates/unlink_shown",
                clock=table.clock,
                clock_is_candidate=same,
                candidate=self.name,
            )
        )
        self.connection.execute(sql("shown/deciding/candidates/forget_shown", **slots))
        self.connection.execute(sql("shown/deciding/candidates/set_reasons", **slots))
