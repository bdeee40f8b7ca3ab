"""What tables show under constraints: a pure function of the known events (decisions 0011 and 0012).

Written from the decisions for obviousness: every step looks at full sets of rows, again and again until nothing changes.
A record is a row's column -> value, its key's columns included; the *truth* of a row is its merged record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.machines.oracle.events import Event, Row
from tests.machines.oracle.model import RowState, World
from tests.machines.oracle.numbers import labels, translate
from tests.machines.oracle.parts import Stamp

Record = Mapping[str, Any]

KEEPS_PARENT = ("RESTRICT", "NO ACTION")
MASKS = ("SET NULL", "SET DEFAULT")


@dataclass(frozen=True)
class Unique:
    """A UNIQUE index; `of` makes the value that must be unique of a record, `where` says which records it has."""

    name: str
    columns: tuple[str, ...]
    nocase: bool = False
    where: Callable[[Record], bool] = lambda record: True
    where_columns: tuple[str, ...] = ()

    def value(self, record: Record) -> tuple[Any, ...] | None:
        """Return what no two shown rows may share; None if the index has no entry that could collide."""
        found = tuple(comparable(record[column], self.nocase) for column in self.columns)
        return None if any(value is None for value in found) or not self.where(record) else found


@dataclass(frozen=True)
class Reference:
    """A foreign key."""

    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...] = ("id",)
    on_delete: str = "NO ACTION"


@dataclass(frozen=True)
class Check:
    """What a row must fulfil by itself: a CHECK, a NOT NULL, a STRICT column's type; `reason` as the held row gives it."""

    reason: str
    holds: Callable[[Record], bool]


@dataclass(frozen=True)
class Rules:
    """The constraints of a table; `required` has the columns that are NOT NULL, `numbered` says that its ids are automatic."""

    key: tuple[str, ...] = ("id",)
    uniques: tuple[Unique, ...] = ()
    references: tuple[Reference, ...] = ()
    checks: tuple[Check, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    numbered: bool = False


@dataclass(frozen=True)
class Held:
    """A row whose truth the table does not show.

    Attributes:
        reasons: the reason; several where more than one thing is in its way and either may be named.
    """

    reasons: frozenset[str]
    truth: Record


@dataclass
class View:
    """What tables show, and the truths that they don't; a row that is in both has a stand-in.

    Attributes:
        dangling: the rows whose reference was found so at genesis and stays.
    """

    shown: dict[Row, Record] = field(default_factory=dict)
    held: dict[Row, Held] = field(default_factory=dict)
    dangling: set[Row] = field(default_factory=set)


def comparable(value: Any, nocase: bool = False) -> Any:
    """Return a value as SQLite compares it for equality: 1 is 1.0, and text is never a number."""
    if isinstance(value, (int, float)):
        return "number", value
    if isinstance(value, str):
        return "text", value.translate(_LOWER) if nocase else value
    return value


_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


class Shown:
    """The function, one step a method; `view` is its result.

    Attributes:
        truths: the merged record of every known row, dead or alive.
        rows: the rows that may be shown: those that live, and those that are restored.
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
        self.view = View()
        for tables in in_order(rules):
            self._decide(tables)

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

    # -- 2. restored rows -------------------------------------------------------------------------

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
            if reference.on_delete not in KEEPS_PARENT or parents & self.live:
                continue
            wrote = self._event(child, reference.columns)
            for parent in parents:
                deletes = [self.events[hlc, site] for hlc, site, gone in self.states[parent].heads if gone]
                if not any(self.world.happened_before(wrote, delete) for delete in deletes):
                    yield parent

    def _all_parents(self, child: Record, reference: Reference) -> set[Row]:
        """Return the rows, dead or alive, whose truth is what a record refers to."""
        return {row for row, truth in self.truths.items() if refers(child, reference, row, truth)}

    # -- 3. foreign keys, 6. cycles ---------------------------------------------------------------

    def _decide(self, tables: frozenset[str]) -> None:
        """Decide what some tables show that refer to each other, once all others that they refer to are decided.

        `broken` counts the references that turned out to refer to nothing shown; it only grows, so this comes to an end. The
        first time a row is shown without that reference, if it may be; then it is not shown.
        """
        rows = {row for row in self.live | self.restored if row[0] in tables}
        broken: Counter[tuple[Row, Reference]] = Counter()
        while True:
            taken = self._without_losers(self._sound(rows, broken))
            dangling = self._dangling(taken)
            if not dangling:
                break
            broken.update(dangling)
        self.view.shown |= taken
        self.view.dangling |= {row for row, _ in self._leading_nowhere(taken)}
        for row in self.states:
            if row[0] in tables:
                self._hold(row, broken, taken)

    def _sound(self, rows: set[Row], broken: Counter[tuple[Row, Reference]]) -> dict[Row, Record]:
        """Return the records that break nothing but UNIQUE."""
        while True:
            found = {}
            for row in rows:
                record = self._record(row, broken)
                if record is not None and all(check.holds(record) for check in self.rules[row[0]].checks):
                    found[row] = record
            dangling = self._dangling(found)
            if not dangling:
                return found
            broken.update(dangling)

    def _dangling(self, shown: dict[Row, Record]) -> set[tuple[Row, Reference]]:
        """Return the references of shown rows that refer to nothing shown, but for those that were found so."""
        return {found for found in self._leading_nowhere(shown) if not self._was_found_so(*found)}

    def _leading_nowhere(self, shown: dict[Row, Record]) -> set[tuple[Row, Reference]]:
        everything = {**self.view.shown, **shown}
        return {
            (row, reference)
            for row, record in shown.items()
            for reference in self.rules[row[0]].references
            if all(record[column] is not None for column in reference.columns)
            and not any(refers(record, reference, parent, found) for parent, found in everything.items())
        }

    def _was_found_so(self, row: Row, reference: Reference) -> bool:
        """Tell whether a reference is from genesis and no replica ever had what it refers to.

        Where it refers to values that were written since genesis, some row may have had it before.
        """
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

    def _record(self, row: Row, broken: Counter[tuple[Row, Reference]]) -> Record | None:
        """Return a row as it is shown where some of its references are broken; None if it can't be shown."""
        rules = self.rules[row[0]]
        record = dict(self.truths[row])
        for reference in rules.references:
            if broken[row, reference] and not self._may_mask(row, reference, broken):
                return None
            if broken[row, reference]:
                by_default = reference.on_delete == "SET DEFAULT"
                record |= {c: rules.defaults.get(c) if by_default else None for c in reference.columns}
        return record

    def _may_mask(self, row: Row, reference: Reference, broken: Counter[tuple[Row, Reference]]) -> bool:
        return (
            reference.on_delete in MASKS
            and broken[row, reference] == 1
            and not set(reference.columns) & set(self.rules[row[0]].key)
            and not (reference.on_delete == "SET NULL" and set(reference.columns) & self.rules[row[0]].required)
        )

    # -- 5. UNIQUE --------------------------------------------------------------------------------

    def _without_losers(self, records: dict[Row, Record]) -> dict[Row, Record]:
        """Let rows take their values in order, and leave out those that come too late."""
        taken: set[tuple[Any, ...]] = set()
        found = {}
        for row in self._in_claim_order(records):
            wanted = self._values(row, records[row])
            if not wanted & taken:
                taken |= wanted
                found[row] = records[row]
        return found

    def _values(self, row: Row, record: Record) -> set[tuple[Any, ...]]:
        found = {(row[0], unique.name, unique.value(record)) for unique in self.rules[row[0]].uniques}
        return {value for value in found if value[2] is not None}

    def _in_claim_order(self, records: dict[Row, Record]) -> list[Row]:
        """Order rows: first those that don't yield, the oldest claim first; then those that do, the newest first."""
        claims = {row: self.claim(row) for row in records}
        values = {row: self._values(row, record) for row, record in records.items()}
        yielding = {
            row
            for row in records
            if any(
                values[row] & values[rival] and self.world.happened_before(claims[row], claims[rival])
                for rival in records
                if rival != row and rival[0] == row[0] and values[row]
            )
        }
        rest = sorted((row for row in records if row not in yielding), key=lambda row: (claims[row].stamp, repr(row)))
        return rest + sorted(yielding, key=lambda row: (claims[row].stamp, repr(row)), reverse=True)

    # -- held rows --------------------------------------------------------------------------------

    def _hold(self, row: Row, broken: Counter[tuple[Row, Reference]], taken: Mapping[Row, Record]) -> None:
        """Hold a row whose truth is not shown."""
        truth, record = self.truths[row], taken.get(row)
        if row not in self.live:
            reasons = {"deleted" if record is None else "deleted, shown: referenced"}
        elif record is None:
            reasons = self._reasons(row, broken, taken)
        else:
            masked = [column for column, value in truth.items() if record[column] != value]
            if not masked:
                return
            reasons = {f"masked: {', '.join(masked)}"}
        self.view.held[row] = Held(frozenset(reasons), truth)

    def _reasons(self, row: Row, broken: Counter[tuple[Row, Reference]], taken: Mapping[Row, Record]) -> set[str]:
        """Say what keeps a live row out."""
        rules, record = self.rules[row[0]], self._record(row, broken)
        if record is None:
            return {
                f"foreign key: {reference.parent}"
                for reference in rules.references
                if broken[row, reference] and not self._may_mask(row, reference, broken)
            }
        failed = {check.reason for check in rules.checks if not check.holds(record)}
        if failed:
            return failed
        others = {value for other, found in taken.items() if other[0] == row[0] for value in self._values(other, found)}
        return {f"unique: {name}" for _, name, _ in self._values(row, record) & others}


def refers(record: Record, reference: Reference, parent: Row, found: Record) -> bool:
    """Tell whether a record refers to a row; one that has a NULL there refers to nothing."""
    if parent[0] != reference.parent:
        return False
    pairs = zip(reference.columns, reference.parent_columns, strict=True)
    return all(record[c] is not None and comparable(record[c]) == comparable(found[p]) for c, p in pairs)


def in_order(rules: Mapping[str, Rules]) -> list[frozenset[str]]:
    """Group tables that refer to each other, and order the groups: what is referred to comes first."""
    reach = {name: {r.parent for r in found.references if r.parent in rules} for name, found in rules.items()}
    for _ in rules:
        reach = {name: found.union(*(reach[other] for other in found)) for name, found in reach.items()}
    groups = {frozenset({name} | {o for o in found if name in reach[o]}) for name, found in reach.items()}
    return sorted(groups, key=lambda group: (len(set().union(*(reach[name] for name in group)) | group), sorted(group)))


def shown(world: World, known: int, rules: Mapping[str, Rules]) -> View:
    """Return what tables show where these events are known."""
    return Shown(world, known, rules).view
