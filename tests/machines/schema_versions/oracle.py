"""The oracle of replicas with different schemas: what is known where, as sets of events, and what follows from that.

Written from the rules, not from the code: a cell is what its latest write says, whoever lacks the column; a row lives while one of
the events that no other one had seen is an insert or an update. Who inserts a row that was deleted writes all its cells, those of
columns that its own table lacks with what it knows of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

COLUMNS = {
    "note": {"a": None, "b": "bee", "c": None, "d": 7},
    "item": {"x": None, "y": "why"},
    "tag": {"p": None},
}
"""Table -> column -> default. The key of each table is `id`."""


@dataclass(frozen=True)
class Event:
    """One write of one row: the values that it wrote, and the events of the row that its writer knew."""

    number: int
    table: str
    key: str
    add: bool
    values: tuple[tuple[str, Any], ...]
    saw: frozenset[int]


@dataclass
class Site:
    """What one replica knows, and which columns its tables have."""

    tables: dict[str, set[str]]
    known: dict[int, Event] = field(default_factory=dict)

    def events(self, table: str, key: str) -> list[Event]:
        """Return the known events of a row, in order."""
        return [event for _, event in sorted(self.known.items()) if (event.table, event.key) == (table, key)]

    def lives(self, table: str, key: str) -> bool:
        """Tell whether a row lives."""
        events = self.events(table, key)
        seen = {number for event in events for number in event.saw}
        return any(event.add for event in events if event.number not in seen)

    def rows(self, table: str, columns: set[str]) -> dict[str, dict[str, Any]]:
        """Return the living rows of a table: key -> column -> value."""
        keys = {event.key for event in self.known.values() if event.table == table}
        return {key: self._values(table, key, columns) for key in keys if self.lives(table, key)}

    def _values(self, table: str, key: str, columns: set[str]) -> dict[str, Any]:
        values = {column: COLUMNS[table][column] for column in columns}
        for event in self.events(table, key):
            values |= {column: value for column, value in event.values if column in columns}
        return values

    def write(self, number: int, table: str, key: str, values: dict[str, Any], *, add: bool = True) -> None:
        """Let this site write a row."""
        saw = frozenset(event.number for event in self.events(table, key))
        self.known[number] = Event(number, table, key, add, tuple(values.items()), saw)

    def insert(self, number: int, table: str, key: str, values: dict[str, Any]) -> None:
        """Let this site insert a row, which it does not show; perhaps it was deleted."""
        written = {column for event in self.events(table, key) for column, _ in event.values}
        kept = self._values(table, key, written - self.tables[table])
        self.write(number, table, key, kept | values)

    def merge(self, other: Site) -> None:
        """Let both sites know what either of them knows."""
        both = self.known | other.known
        self.known, other.known = dict(both), dict(both)
