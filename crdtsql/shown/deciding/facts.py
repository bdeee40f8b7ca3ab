"""Facts: what there is to know about the candidates of some tables, read at once, for `turns` to decide by.

Reads the candidates, what the user's tables show besides, clocks and indexes. Writes nothing that stays.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import apsw

from crdtsql.base import Sql, SqliteValue, joined, query, reasons
from crdtsql.shown import references
from crdtsql.shown.deciding import contest
from crdtsql.shown.deciding.candidates import UNIQUE, Candidates
from crdtsql.shown.deciding.contest import Contest
from crdtsql.shown.deciding.reading import TRUTH
from crdtsql.shown.deciding.turns import Row, Value
from crdtsql.shown.deciding.unions import Unions
from crdtsql.shown.references import Reference
from crdtsql.store import Causality, Registry

Form = tuple[Row, int]
Shape = tuple[Row, int, tuple[object, ...]]
"""A form of a row, and what its references are read as."""
Key = tuple[tuple[int, Any], ...]
Entry = tuple[tuple[str, Key], tuple[int, bytes], Row]


@dataclass(slots=True)
class Link:
    """A reference of the candidates' tables, and where it leads.

    Attributes:
        mark: what masks it, 0 if nothing may.
        changing, emptying: the marks that change it, and those under which it refers to nothing.
        nowhere: the forms that refer to nothing that is shown besides the candidates.
        meant: form -> the candidates, each in its form, that it refers to.
        parent_changing, parent_emptying: the same of the parent's columns.
    """

    reference: Reference
    mark: int
    changing: int
    emptying: int
    nowhere: set[Form]
    meant: dict[Form, list[Form]] = field(default_factory=lambda: defaultdict(list))
    parent_changing: int = 0
    parent_emptying: int = 0
    why: str = ""


class Known:
    """What is known of the candidates of tables that refer to each other in a circle, or of one table.

    Attributes:
        refused: what SQLite said to rows when they were shown.
        suspects: rows that SQLite refused before, perhaps in another form.
    """

    def __init__(
        self,
        registry: Registry,
        candidates: Mapping[int, Candidates],
        own: Sequence[Reference],
        causality: Causality,
        refused: Mapping[Shape, str],
        suspects: set[Row],
        unions: Unions,
    ) -> None:
        self.connection = registry.connection
        self.candidates = candidates
        self.refused = refused
        self.suspects = suspects
        self.unions = unions
        self._values: dict[int, list[dict[tuple[int, int], int]]] = {}
        self._probed: dict[Form, str | None] = {}
        self._had: dict[Form, dict[Value, tuple[int, str]]] = {}
        self._indexes = {table: [*_describe(found)] for table, found in candidates.items()}
        self.order = self._in_order(registry, causality)
        self.barred = {row: why for row, why in self._find_barred() if row not in unions.assumed}
        self.rows = [row for row in self.order if row not in unions.assumed and row not in self.barred]
        self.links: dict[int, list[Link]] = defaultdict(list)
        for reference in own:
            if reference.child.table.id in candidates:
                self.links[reference.child.table.id].append(self._link(reference))
        self._parents: dict[Row, set[Row]] = defaultdict(set)
        for links in self.links.values():
            for link in links:
                for (child, _), found in link.meant.items():
                    self._parents[child] |= {parent for parent, _ in found}
        self._may_have: dict[Row, set[Value]] = defaultdict(set)
        for table, indexes in self._values.items():
            for number, values in enumerate(indexes):
                for (candidate, form), group in values.items():
                    if form != TRUTH:
                        self._may_have[table, candidate].add((table, number, group))

    # -- reading ----------------------------------------------------------------------------------

    def _in_order(self, registry: Registry, causality: Causality) -> list[Row]:
        """List all candidates, the best claim first: those that don't yield, oldest first; then those that do, newest first."""
        firm: list[Entry] = []
        rest: list[Entry] = []
        for table, candidates in self.candidates.items():
            found = Contest(registry, candidates, causality)
            self._values[table] = found.values()
            claims = found.claims()
            yielding = found.yielding(claims, self._values[table])
            keys = self._keys(candidates)
            for row, claim in claims.items():
                entry: Entry = ((candidates.side.table.uid, keys[row]), claim[:2], (table, row))
                (rest if row in yielding else firm).append(entry)
        firm.sort(key=lambda entry: (entry[1], entry[0]))
        rest.sort(key=lambda entry: entry[0])
        rest.sort(key=lambda entry: entry[1], reverse=True)
        return [row for *_, row in (*firm, *rest)]

    def _keys(self, candidates: Candidates) -> dict[int, Key]:
        keys = joined(query.as_bytes(key) for key in candidates.side.table.key_names)
        which = f"id IN (SELECT id FROM {candidates.name} WHERE form = 0)"
        rows = query.rows(self.connection, f"SELECT id, {keys} FROM {candidates.side.table.held} WHERE {which}")
        return {number: tuple(map(_sortable, key[::2], key[1::2])) for number, *key in rows}

    def _find_barred(self) -> Iterator[tuple[Row, str]]:
        """Yield the rows that would stand under the key of another one, whether that is shown or not."""
        for table, candidates in self.candidates.items():
            if not candidates.moved:
                continue
            values = self._values[table][-1]
            own = {values.get((row, TRUTH if row in candidates.read else 0)): row for row in candidates.rows()}
            for row in sorted(candidates.moved):
                if own.get(values.get((row, 0)), row) != row:
                    yield (table, row), contest.because(candidates.indexes[-1], reasons.MOVED)

    def _link(self, reference: Reference) -> Link:
        child = self.candidates[reference.child.table.id]
        inputs = child.inputs(reference.key.columns)
        mark = child.marks.of(reference)
        changing = child.marks.touching(inputs, "DEFAULT", "SUFFIX")
        columns = [child.column(name) for name in reference.key.columns]
        named = (child.name, child.reading.is_truth(reference), child.clock_is("child"))
        nowhere = references.dangling_candidates(self.connection, reference, named, columns, changing)
        link = Link(
            reference,
            mark.bit if mark else 0,
            changing,
            child.marks.touching(reference.key.columns, "NULL"),
            {((reference.child.table.id, row), form) for row, form in nowhere},
            why=reasons.because(reasons.FOREIGN_KEY, reference.key.parent),
        )
        if reference.parent is not None and reference.parent.table.id in self.candidates and nowhere:
            self._find_meant(link, child, self.candidates[reference.parent.table.id], columns)
        return link

    def _find_meant(self, link: Link, child: Candidates, parent: Candidates, columns: list[Sql]) -> None:
        names = link.reference.key.parent_columns
        link.parent_changing = parent.marks.touching(parent.inputs(names), "DEFAULT", "SUFFIX")
        link.parent_emptying = parent.marks.touching(names, "NULL")
        pairs = [*zip(columns, [parent.column(name) for name in names], strict=True)]
        marks = (link.changing, link.parent_changing)
        mine, its = child.side.table.id, parent.side.table.id
        for row, form, other, its_form in references.find_meant(
            self.connection, (child.name, parent.name), pairs, marks
        ):
            if ((mine, row), form) in link.nowhere:
                link.meant[(mine, row), form].append(((its, other), its_form))

    # -- what turns ask ---------------------------------------------------------------------------

    def above(self, row: Row) -> Iterable[Row]:
        """Return the candidates that a candidate may come to refer to."""
        return sorted(self._parents.get(row, ()))

    def may_have(self, row: Row) -> Iterable[Value]:
        """Return the values that a candidate may come to have."""
        return self._may_have.get(row, ())

    def values(self, row: Row, marks: int) -> Mapping[Value, tuple[int, str]]:
        """Return the values that a candidate has under some marks, each with the mark that gives it up, and why it is held without."""
        if (row, marks) not in self._had:
            self._had[row, marks] = dict(self._find_values(row, marks))
        return self._had[row, marks]

    def _find_values(self, row: Row, marks: int) -> Iterator[tuple[Value, tuple[int, str]]]:
        table, number = row
        for position, (emptying, relevant, mark, why, _) in enumerate(self._indexes[table]):
            if not marks & emptying:
                group = self._values[table][position].get((number, marks & relevant))
                if group is not None:
                    yield (table, position, group), (mark, why)

    def lost(self, row: Row, marks: int, shown: Mapping[Row, int]) -> Iterator[tuple[int, str]]:
        """Yield the references that lead to nothing beside the rows in `shown`: the mark of each, and why the row is held without."""
        for link in self.links.get(row[0], ()):
            form = (row, marks & link.changing)
            if marks & link.emptying or form not in link.nowhere:
                continue
            if not any(self._is_shown_as(link, parent, its, shown) for parent, its in link.meant.get(form, ())):
                yield link.mark, link.why

    @staticmethod
    def _is_shown_as(link: Link, parent: Row, form: int, shown: Mapping[Row, int]) -> bool:
        marks = shown.get(parent)
        return marks is not None and not marks & link.parent_emptying and marks & link.parent_changing == form

    def shape(self, row: Row, marks: int) -> Shape:
        """Name what a candidate shows under some marks, whatever else is decided."""
        return row, marks, self.candidates[row[0]].read.get(row[1], ())

    def refuses(self, row: Row, marks: int, *, surely: bool) -> str | None:
        """Say why SQLite does not take a candidate by itself; None if it does, or if nobody asked and it is not `surely`."""
        shape = self.shape(row, marks)
        if shape in self.refused:
            return self.refused[shape]
        if not surely and row not in self.suspects:
            return None
        if (row, marks) not in self._probed:
            found = self.candidates[row[0]].probe(row[1], marks)
            self._probed[row, marks] = None if found is None or found[0] in UNIQUE else why_refused(*found)
        return self._probed[row, marks]

    def most_marks(self, row: Row) -> int:
        """Return how many marks a candidate may have."""
        return len(self.candidates[row[0]].marks.every)

    def uniting(self, row: Row) -> Mapping[Value, str]:
        """Return the values by which a candidate is one with whoever has them."""
        table, number = row
        found, candidates = {}, self.candidates[table]
        for position, (*_, united) in enumerate(self._indexes[table]):
            group = self._values[table][position].get((number, 0)) if united else None
            if group is not None:
                found[table, position, group] = united
        if number in candidates.moved:  # its key is the last one
            position = len(candidates.indexes) - 1
            group = self._values[table][position][number, 0]
            found[table, position, group] = contest.because(candidates.indexes[position], reasons.UNITED)
        return found

    def may_lead(self, row: Row) -> bool:
        """Tell whether references to a candidate may be read otherwise, once it is known to be one with another."""
        return row[0] in self.unions.tables and row not in self.unions.loose and bool(self.uniting(row))


def _describe(candidates: Candidates) -> Iterator[tuple[int, int, int, str, str]]:
    """Describe each index, as a tuple.

    The marks that take its value away, those that change it, the one that gives it up, why a row is held without, and why if the
    index unites it with another one; "" if it does not.
    """
    for index in candidates.indexes:
        mark = candidates.marks.of(index)
        united = contest.because(index, reasons.UNITED) if candidates.marks.unites(index) else ""
        yield (
            candidates.emptying(index),
            candidates.relevant(index),
            mark.bit if mark else 0,
            contest.because(index),
            united,
        )


def why_refused(code: int, words: str) -> str:
    """Say why a row is held that SQLite did not take."""
    if code in UNIQUE:
        return reasons.because(reasons.UNIQUE, words)
    kind = reasons.TRIGGER if code == apsw.SQLITE_CONSTRAINT_TRIGGER else reasons.CHECK
    return reasons.because(kind, words)


def _sortable(kind: str, part: SqliteValue) -> tuple[int, Any]:
    """Make a part of a key comparable as SQLite orders values: numbers, text, blobs."""
    return {"text": 1, "blob": 2}.get(kind, 0), part
