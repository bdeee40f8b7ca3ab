"""What tables show under constraints: a pure function of the known events (decisions 0011 and 0012).

Written from the decisions for obviousness: every step looks at full sets of rows, again and again until nothing changes.
A record is a row's column -> value, its key's columns included; the *truth* of a row is its merged record.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, TypeVar

from tests.machines.oracle.events import Event, Row
from tests.machines.oracle.model import RowState, World
from tests.machines.oracle.numbers import labels, translate
from tests.machines.oracle.parts import Stamp

Record = Mapping[str, Any]

KEEPS_PARENT = ("RESTRICT", "NO ACTION")
MASKS = ("SET NULL", "SET DEFAULT")
KINDS = ("suffix", "SET DEFAULT", "null")


@dataclass(frozen=True)
class Unique:
    """A UNIQUE index: `where` says which records it has, `policy` what becomes of a row that lost its value: hold, null or suffix."""

    name: str
    columns: tuple[str, ...]
    nocase: bool = False
    where: Callable[[Record], bool] = lambda record: True
    where_columns: tuple[str, ...] = ()
    policy: str = "hold"

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


Mark = Reference | Unique
"""What a row may show otherwise: where a reference leads, or the value in an index."""


class Shown:
    """The function, one step a method; `view` is its result.

    Attributes:
        truths: the merged record of every known row, dead or alive.
        rows: the rows that may be shown: those that live, and those that are restored.
        order: these, the best claim first.
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
        self.forms = {row: [*self._forms(row)] for row in self.rows}
        self.values = {row: {v for form in self.forms[row] for v in self._values(row, form)} for row in self.rows}
        self.order = self._in_claim_order()
        self.parents = {row: self._may_mean(row) for row in self.rows}
        self.reasons: dict[Row, set[str]] = {}
        self.view = View()
        self._take_turns()
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
        found = {(row[0], unique.name, unique.value(record)) for unique in self.rules[row[0]].uniques}
        return {value for value in found if value[2] is not None}

    # -- 3. turns ---------------------------------------------------------------------------------

    def _forms(self, row: Row) -> Iterable[Record]:
        """Yield what a row might be shown as: its truth, and that with any of its references and values marked."""
        rules = self.rules[row[0]]
        marks = [mark for mark in (*rules.references, *rules.uniques) if self._may_mark(row, mark)]
        for bits in range(1 << len(marks)):
            yield self._record(row, {mark for n, mark in enumerate(marks) if bits >> n & 1})

    def _record(self, row: Row, marks: set[Mark]) -> Record:
        """Return a row as it is shown under some marks: where several change a column, NULL goes before a default, that before a suffix."""
        record, defaults = dict(self.truths[row]), self.rules[row[0]].defaults
        for kind in ("suffix", "SET DEFAULT", "null"):
            for column in {column for mark in marks for column in self._marked(row, mark, kind)}:
                value = record[column]
                suffixed = value + self._suffix(row) if kind == "suffix" and isinstance(value, str) else value
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

    def _suffix(self, row: Row) -> str:
        key = [translate(part, self.labels) for part in row[1]]
        parts = [f"{'text' if isinstance(part, str) else 'integer'}{str(part).encode().hex().upper()}" for part in key]
        return "#" + blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()[:8]

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
        """Return the rows that a row may come to refer to, however it and they are shown."""
        return {
            parent
            for reference in self.rules[row[0]].references
            for parent in self.rows
            if any(refers(mine, reference, parent, its) for mine in self.forms[row] for its in self.forms[parent])
        }

    def _take_turns(self) -> None:
        """Let all rows have their turn, and those that may refer to each other in a circle one together.

        A row waits for those that it may refer to, and for better ones that may have one of its values. Of rows that all wait for one
        another, the best of those that only wait for better ones goes all the same. What had its turn is decided for good.
        """
        units = circles(self.parents)
        above = {u: {v for row in u for v in units if v & self.parents[row]} - {u} for u in units}
        better = {u: {v for v in units if self._is_better(v, u)} - {u} for u in units}
        rank = {u: min(self.order.index(row) for row in u) for u in units}
        waiting = set(units)
        while waiting:
            turns = [u for u in waiting if not (above[u] | better[u]) & waiting]
            if not turns:
                knots = circles({u: (above[u] | better[u]) & waiting for u in waiting})
                last = next(k for k in knots if all((above[u] | better[u]) & waiting <= k for u in k))
                turns = [min((u for u in last if not above[u] & waiting), key=lambda u: rank[u])]
            for unit in turns:
                self._turn(unit)
            waiting -= set(turns)

    def _is_better(self, unit: frozenset[Row], other: frozenset[Row]) -> bool:
        """Tell whether a row of a unit comes before one of another and may have one of its values."""
        return any(
            self.values[one] & self.values[two] and self.order.index(one) < self.order.index(two)
            for one in unit
            for two in other
        )

    def _turn(self, unit: frozenset[Row]) -> None:
        """Decide what is shown of some rows, beside what was decided before.

        All are shown as they are; then rounds, of which each does the first of these that there is to do: references that lead to
        nothing are marked, or take their row out if they can't be or were; the best row of which others have values is marked, if it
        can do without all of these; rows go out of which a row that was decided before has a value; rows that a CHECK refuses go
        out; so does the best row of which a better one of the same turn has a value. Marks and rows that are out only grow.
        """
        marks: dict[Row, set[Mark]] = {row: set() for row in unit}
        out: dict[Row, set[str]] = {}
        while True:
            found = {row: self._record(row, marks[row]) for row in self.order if row in unit and row not in out}
            nowhere = self._dangling(found, marks)
            for row, reference in nowhere:
                if self._may_mark(row, reference) and reference not in marks[row]:
                    marks[row].add(reference)
                else:
                    out.setdefault(row, set()).add(f"foreign key: {reference.parent}")
            if nowhere or self._give_up(found, marks):
                continue
            late = {row: lost for row in found for _, lost in self._losers({row: found[row]})}
            failed = {row: {c.reason for c in self.rules[row[0]].checks if not c.holds(found[row])} for row in found}
            broken = {} if late else {row: reasons for row, reasons in failed.items() if reasons}
            losers = late or ({} if broken else dict([*self._losers(found)][:1]))
            if not broken and not losers:
                break
            out |= broken or {row: {f"unique: {unique.name}" for unique in lost} for row, lost in losers.items()}
        self.view.shown |= found
        self.view.dangling |= {row for row, _ in self._leading_nowhere(found)}
        self.reasons |= out

    def _give_up(self, found: dict[Row, Record], marks: dict[Row, set[Mark]]) -> bool:
        """Mark the best row of which others have values, if it can be shown without all of them."""
        for row, lost in self._losers(found):
            if all(self._may_mark(row, unique) and unique not in marks[row] for unique in lost):
                marks[row] |= lost
                return True
        return False

    def _losers(self, found: dict[Row, Record]) -> Iterable[tuple[Row, set[Unique]]]:
        """Yield the rows that have a value of a better one, the best first, and in which indexes."""
        taken = {value for row, record in self.view.shown.items() for value in self._values(row, record)}
        for row, record in found.items():
            values = self._values(row, record)
            names = {name for _, name, _ in values & taken}
            if names:
                yield row, {unique for unique in self.rules[row[0]].uniques if unique.name in names}
            taken |= values

    def _dangling(self, shown: dict[Row, Record], marks: dict[Row, set[Mark]]) -> set[tuple[Row, Reference]]:
        """Return the references of shown rows that refer to nothing shown, but for those that were found so and show it."""
        return {
            (row, reference)
            for row, reference in self._leading_nowhere(shown)
            if not self._was_found_so(row, reference)
            or any(set(self._marked(row, mark, kind)) & set(reference.columns) for mark in marks[row] for kind in KINDS)
        }

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

    # -- held rows --------------------------------------------------------------------------------

    def _hold(self) -> None:
        """Hold the rows whose truth is not shown."""
        for row, truth in self.truths.items():
            record = self.view.shown.get(row)
            if row not in self.live:
                reasons = {"deleted" if record is None else "deleted, shown: referenced"}
            elif record is None:
                reasons = self.reasons[row]
            else:
                masked = [column for column, value in truth.items() if record[column] != value]
                if not masked:
                    continue
                reasons = {f"masked: {', '.join(sorted(masked))}"}
            self.view.held[row] = Held(frozenset(reasons), truth)


def refers(record: Record, reference: Reference, parent: Row, found: Record) -> bool:
    """Tell whether a record refers to a row; one that has a NULL there refers to nothing."""
    if parent[0] != reference.parent:
        return False
    pairs = zip(reference.columns, reference.parent_columns, strict=True)
    return all(record[c] is not None and comparable(record[c]) == comparable(found[p]) for c, p in pairs)


Node = TypeVar("Node", bound=Hashable)


def circles(graph: Mapping[Node, Iterable[Node]]) -> set[frozenset[Node]]:
    """Group what leads to one another in a circle; what does not is a group of its own."""
    reach = {node: {other for other in nodes if other in graph} for node, nodes in graph.items()}
    while True:
        wider = {node: found.union(*(reach[other] for other in found)) for node, found in reach.items()}
        if wider == reach:
            return {frozenset({node} | {o for o in found if node in reach[o]}) for node, found in reach.items()}
        reach = wider


def shown(world: World, known: int, rules: Mapping[str, Rules]) -> View:
    """Return what tables show where these events are known."""
    return Shown(world, known, rules).view
