"""What tables show under constraints: a pure function of the known events (decisions 0011 and 0012).

Written from the decisions for obviousness: every step looks at full sets of rows, again and again until nothing changes.
A record is a row's column -> value, its key's columns included; the *truth* of a row is its merged record.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from hashlib import blake2b
from typing import Any, NamedTuple

from tests.machines.oracle.events import Event, Row
from tests.machines.oracle.model import RowState, World
from tests.machines.oracle.numbers import labels, translate
from tests.machines.oracle.parts import Stamp
from tests.machines.oracle.rules import (
    KEEPS_PARENT,
    MASKS,
    Held,
    Mark,
    Record,
    Reference,
    Rules,
    Unique,
    View,
    circles,
    comparable,
    refers,
)
from tests.machines.oracle.turns import Turns


class Union(NamedTuple):
    """The row that a row is united with, and the indexes by which it is."""

    winner: Row
    names: frozenset[str]


class Shown:
    """The function, one step a method; `view` is its result.

    Attributes:
        truths: the merged record of every known row, dead or alive.
        rows: the rows that may be shown: those that live, and those that are restored.
        order: these, the best claim first.
        records: these, with references that are read as those to the row that theirs is united with.
        united: the rows that are united with one that is shown.
    """

    def __init__(self, world: World, known: int, rules: Mapping[str, Rules]) -> None:
        self.world = world
        self.rules = rules
        self.labels = labels(world, known, [name for name, found in rules.items() if found.numbered])
        self.states = {row: state for row, state in world.rows(known).items() if row[0] in rules}
        self.truths = {row: self._truth(row, state) for row, state in self.states.items()}
        self.events = {event.stamp: event for event in world.of(known)}
        self.live = {row for row, state in self.states.items() if state.alive}
        self.restored = self._restored()
        self.rows = self.live | self.restored
        self.order = self._in_claim_order()
        self.records = {row: self.truths[row] for row in self.rows}
        self.forms: dict[Row, list[Record]] = {}
        self.values: dict[Row, set[tuple[Any, ...]]] = {}
        self.parents: dict[Row, set[Row]] = {}
        self.reasons: dict[Row, set[str]] = {}
        self.united: dict[Row, Union] = {}
        self.view = View()
        for tables in self._groups():
            self._decide(tables)
        self._hold()

    def _truth(self, row: Row, state: RowState) -> Record:
        values = {column: value for column, (value, _) in state.cells.items()}
        record = {**dict(zip(self.rules[row[0]].key, row[1], strict=True)), **values}
        return {column: translate(value, self.labels) for column, value in record.items()}

    # -- stamps -----------------------------------------------------------------------------------

    def _event(self, row: Row, columns: Iterable[str], *, insert: bool = False) -> Event:
        """Return the newest event that wrote one of some columns of a row; the key's columns are written by its insert."""
        state = self.states[row]
        stamps: set[Stamp] = {state.cells[column][1] if column in state.cells else state.born for column in columns}
        return self.events[max(stamps | ({state.born} if insert else set()))]

    def claim(self, row: Row) -> Event:
        """Return the event by which a row claims its values in all UNIQUE indexes."""
        uniques = self.rules[row[0]].uniques
        return self._event(row, {c for u in uniques for c in (*u.columns, *u.where_columns)}, insert=True)

    # -- 1. restored rows -------------------------------------------------------------------------

    def _restored(self) -> set[Row]:
        found: set[Row] = set()
        while True:
            more = {parent for child in self.live | found for parent in self._kept_by(child)} - found
            if not more:
                return found
            found |= more

    def _kept_by(self, child: Row) -> Iterable[Row]:
        """Yield the deleted rows that a row refers to and whose deletes had not seen the reference."""
        for reference in self.rules[child[0]].references:
            parents = self._all_parents(self.truths[child], reference)
            if not reference.enforced or reference.on_delete not in KEEPS_PARENT or parents & self.live:
                continue
            wrote = self._event(child, reference.columns)
            for parent in parents:
                deletes = [self.events[hlc, site] for hlc, site, gone in self.states[parent].heads if gone]
                if not any(self.world.happened_before(wrote, delete) for delete in deletes):
                    yield parent

    def _all_parents(self, child: Record, reference: Reference) -> set[Row]:
        """Return the rows, dead or alive, whose truth is what a record refers to."""
        return {row for row, truth in self.truths.items() if refers(child, reference, row, truth)}

    # -- 2. who comes first -----------------------------------------------------------------------

    def _in_claim_order(self) -> list[Row]:
        """Order rows: first those that don't yield, the oldest claim first; then those that do, the newest first."""
        claims = {row: self.claim(row) for row in self.rows}
        truths = {row: self._values(row, self.truths[row]) for row in self.rows}
        yielding = {
            row
            for row in self.rows
            if any(
                truths[row] & truths[rival] and self.world.happened_before(claims[row], claims[rival])
                for rival in self.rows
                if rival != row
            )
        }
        by_key = sorted(self.rows, key=lambda row: (row[0], [comparable(translate(k, self.labels)) for k in row[1]]))
        firm = sorted((row for row in by_key if row not in yielding), key=lambda row: claims[row].stamp)
        rest = sorted((row for row in by_key if row in yielding), key=lambda row: claims[row].stamp, reverse=True)
        return firm + rest

    def _values(self, row: Row, record: Record) -> set[tuple[Any, ...]]:
        """Return what no other row may have in a UNIQUE index where a row is shown like that."""
        found = {(row[0], unique.name, unique.value(record)) for unique in self.uniques(row[0])}
        return {value for value in found if value[2] is not None}

    def uniques(self, table: str) -> tuple[Unique, ...]:
        """Return the UNIQUE indexes of a table, and its key, which a row that is read under another one may come to share."""
        rules = self.rules[table]
        return (*rules.uniques, Unique(", ".join(rules.key), rules.key))

    def _is_moved(self, row: Row) -> bool:
        """Tell whether a row is read under another key than its own."""
        return any(self.records[row][column] != self.truths[row][column] for column in self.rules[row[0]].key)

    def _barred(self, order: list[Row]) -> dict[Row, set[str]]:
        """Return the rows that are read under the key of another live one, be that shown or not: they can't be shown."""
        found = {}
        for row in order:
            *_, key = self.uniques(row[0])
            taken = {key.value(self.truths[other]) for other in self.rows if other[0] == row[0] and other != row}
            if self._is_moved(row) and key.value(self.records[row]) in taken:
                found[row] = {f"moved: {key.name}"}
        return found

    # -- 3. tables that refer to each other in a circle, or one that does not, after those that they refer to -----------------

    def _groups(self) -> list[frozenset[str]]:
        graph = {
            name: {reference.parent for reference in rules.references if reference.parent in self.rules}
            for name, rules in self.rules.items()
        }
        found = circles(graph)
        depth = {group: 0 for group in found}
        for _ in found:
            for group in found:
                above = {other for other in found - {group} for name in group if graph[name] & other}
                depth[group] = max((depth[other] + 1 for other in above), default=0)
        return sorted(found, key=lambda group: depth[group])

    def _decide(self, tables: Collection[str]) -> None:
        """Decide what is shown of some tables, again and again until it is known which rows references to united ones mean.

        What is decided stays: a row that is united is out, and references to it are read as those to its winner, until its winner
        is not shown after all; then it may be united once more, and after that no reference within the tables is read so.
        """
        order = [row for row in self.order if row[0] in tables]
        may_lead = {r.parent for name in tables for r in self.rules[name].references if r.parent in tables}
        pins: dict[Row, Union] = {}
        freed: set[Row] = set()
        loose: set[Row] = set()
        while True:
            self._read(order, pins)
            barred = self._barred([row for row in order if row not in pins])
            turns = Turns(
                self, [row for row in order if row not in pins and row not in barred], may_lead, loose, barred
            )
            unions = self._unions(turns)
            new = {row: union for row, union in unions.items() if row[0] in may_lead and row not in loose}
            lost = {row: union.winner for row, union in pins.items() if union.winner not in turns.shown}
            ghosts = turns.present.keys() - unions.keys()
            if not new and not lost and not ghosts:
                break
            loose |= ghosts
            for row, winner in lost.items():
                (freed if winner in new and row not in freed else loose).add(row)
                del pins[row]
            pins |= new
        self.united |= pins | unions
        self.view.shown |= turns.shown
        self.view.dangling |= turns.dangling
        self.reasons |= turns.reasons

    def _unions(self, turns: Turns) -> dict[Row, Union]:
        """Return the rows that are out, and share a value of an index that unites with one that is shown: the best of these."""
        found = {}
        for row in turns.reasons:
            own = self.uniting(row, self.records[row])
            winners = [other for other in turns.order if other in turns.shown]
            for winner in winners:
                names = {name for _, name, _ in own & self._values(winner, turns.shown[winner])}
                if names and row not in found:
                    found[row] = Union(winner, frozenset(names))
        return found

    def uniting(self, row: Row, record: Record) -> set[tuple[Any, ...]]:
        """Return the values of a row that unite it with another one that has them: in indexes that say so, and the key it is read under."""
        uniting = {unique.name for unique in self.rules[row[0]].uniques if unique.policy == "same"}
        if self._is_moved(row):
            uniting.add(self.uniques(row[0])[-1].name)
        return {value for value in self._values(row, record) if value[1] in uniting}

    def _read(self, order: list[Row], pins: Mapping[Row, Union]) -> None:
        """Read the references to rows that are united with others; first those to other tables, then those within these."""
        self.records |= {row: self.truths[row] for row in order}
        tables = {row[0] for row in order}
        for inner in (False, True):
            read = {row: dict(self.records[row]) for row in order}
            for row in order:
                for reference in sorted(
                    self.rules[row[0]].references, key=lambda r: (r.columns, r.parent, r.parent_columns)
                ):
                    if (reference.parent in tables) == inner:
                        read[row] |= self._reading(row, reference, pins, inner)
            self.records |= read
        self.forms |= {row: [*self._forms(row)] for row in order}
        self.values |= {row: {v for form in self.forms[row] for v in self._values(row, form)} for row in order}
        self.parents |= {row: self._may_mean(row) for row in order}

    def _reading(self, row: Row, reference: Reference, pins: Mapping[Row, Union], inner: bool) -> dict[str, Any]:
        """Return what the columns of a reference are read as: nothing, if one of the rows that it may mean is no other one."""
        if self.rules[row[0]].numbered and set(reference.columns) & set(self.rules[row[0]].key):
            return {}
        meant = [p for p in self.order if refers(self.truths[row], reference, p, self.truths[p])]
        ends = [self._end(parent, pins) for parent in meant]
        if not ends or any(end is None for end in ends):
            return {}
        found = (self.records if inner else self.view.shown)[ends[0]]
        values = [found[column] for column in reference.parent_columns]
        return {} if None in values else dict(zip(reference.columns, values, strict=True))

    def _end(self, row: Row, pins: Mapping[Row, Union]) -> Row | None:
        """Return the row that stands where one was: the one that it is united with, or itself, where its references were read."""
        if row in pins or row in self.united:
            return (pins.get(row) or self.united[row]).winner
        return row if row in self.view.shown and self.records[row] != self.truths[row] else None

    # -- 4. what turns ask ------------------------------------------------------------------------

    def _forms(self, row: Row) -> Iterable[Record]:
        """Yield what a row might be shown as: its record, and that with any of its references and values marked."""
        rules = self.rules[row[0]]
        marks = [mark for mark in (*rules.references, *rules.uniques) if self._may_mark(row, mark)]
        for bits in range(1 << len(marks)):
            yield self._record(row, {mark for n, mark in enumerate(marks) if bits >> n & 1})

    def _record(self, row: Row, marks: set[Mark]) -> Record:
        """Return a row as it is shown under some marks: where several change a column, NULL goes before a default, that before a suffix."""
        record, defaults = dict(self.records[row]), self.rules[row[0]].defaults
        for kind in ("suffix", "SET DEFAULT", "null"):
            for column in {column for mark in marks for column in self._marked(row, mark, kind)}:
                suffixed = self._suffixed(record[column], row) if kind == "suffix" else None
                record[column] = {"suffix": suffixed, "SET DEFAULT": defaults.get(column), "null": None}[kind]
        return record

    def _marked(self, row: Row, mark: Mark, kind: str) -> Iterable[str]:
        """Return the columns in which a mark shows a suffix, the default or NULL."""
        if isinstance(mark, Reference):
            return mark.columns if kind == mark.on_delete or (kind == "null" and mark.on_delete == "SET NULL") else ()
        if mark.policy != kind:
            return ()
        columns = [column for column in mark.columns if column not in self.rules[row[0]].key]
        return columns[-1:] if kind == "suffix" else [c for c in columns if c not in self.rules[row[0]].required]

    def _suffixed(self, value: Any, row: Row) -> Any:
        """Return a text with eight digits of a digest of the key behind it, a whole number with nine, and others as they are."""
        digest = self._digest(row)
        if isinstance(value, str):
            return f"{value}#{digest[:8]}"
        if isinstance(value, int) and abs(value) <= 9_000_000:
            digits = 10**8 + int(digest, 16) % (9 * 10**8)
            return value * 10**9 + (digits if value >= 0 else -digits)
        return value

    def _digest(self, row: Row) -> str:
        key = [translate(part, self.labels) for part in row[1]]
        parts = [f"{'text' if isinstance(part, str) else 'integer'}{str(part).encode().hex().upper()}" for part in key]
        return blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()

    def _may_mark(self, row: Row, mark: Mark) -> bool:
        rules = self.rules[row[0]]
        if isinstance(mark, Reference):
            return (
                mark.on_delete in MASKS
                and not set(mark.columns) & set(rules.key)
                and not (mark.on_delete == "SET NULL" and set(mark.columns) & rules.required)
            )
        used = {column for reference in rules.references for column in reference.columns}
        used |= {c for r in self.rules.values() for f in r.references if f.parent == row[0] for c in f.parent_columns}
        suffixed = set(self._marked(row, mark, "suffix"))
        return bool(self._marked(row, mark, "null")) or bool(suffixed and not suffixed & used)

    def _may_mean(self, row: Row) -> set[Row]:
        """Return the rows that a row may come to need, because it refers to them, however it and they are shown."""
        return {
            parent
            for reference in self.rules[row[0]].references
            for parent in self.forms
            if reference.enforced
            and any(refers(mine, reference, parent, its) for mine in self.forms[row] for its in self.forms[parent])
        }

    def _was_found_so(self, row: Row, reference: Reference) -> bool:
        """Tell whether a reference is from genesis and no replica ever had what it refers to.

        Where it refers to values that were written since genesis, some row may have had it before.
        """
        if any(self.records[row][column] != self.truths[row][column] for column in reference.columns):
            return False
        if self._event(row, reference.columns).kind != "genesis" or self._all_parents(self.truths[row], reference):
            return False
        to_key = all(
            column not in self.states[parent].cells
            for parent in self._rows_of(reference)
            for column in reference.parent_columns
        )
        return to_key or all(
            self._event(parent, reference.parent_columns).kind == "genesis" for parent in self._rows_of(reference)
        )

    def _rows_of(self, reference: Reference) -> list[Row]:
        return [parent for parent in self.states if parent[0] == reference.parent]

    # -- held rows --------------------------------------------------------------------------------

    def _hold(self) -> None:
        """Hold the rows whose truth is not shown."""
        for row, truth in self.truths.items():
            record = self.view.shown.get(row)
            if row not in self.live:
                reasons = {"deleted" if record is None else "deleted, shown: referenced"}
            elif row in self.united:
                reasons = {f"united: {name}" for name in self.united[row].names}
            elif record is None:
                reasons = self.reasons[row]
            else:
                masked = [column for column, value in truth.items() if record[column] != value]
                if not masked:
                    continue
                reasons = {f"masked: {', '.join(sorted(masked))}"}
            self.view.held[row] = Held(frozenset(reasons), truth)


def shown(world: World, known: int, rules: Mapping[str, Rules]) -> View:
    """Return what tables show where these events are known."""
    return Shown(world, known, rules).view
