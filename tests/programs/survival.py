"""Nothing vanishes: follow every row from its insert, by what a plain connection sees before and after each burst of writes.

A row with an automatic number may get another one, so it is followed by the mark that its writer put into
it; other rows are followed by their keys, in which a reference stands for the row it refers to.
"""

from __future__ import annotations

from typing import Any

import apsw

from crdtsql.store.registry import Registry
from tests.programs.observe import is_of_deleted
from tests.programs.shape import Shape, quoted

Name = tuple[Any, ...]
Found = dict[str, dict[tuple[Any, ...], dict[str, Any]]]


class Ledger:
    """What was inserted, deleted and overwritten anywhere."""

    def __init__(self, shapes: list[Shape], named_by_key: set[str]) -> None:
        self.named_by_key = named_by_key
        self.shapes = {shape.name: shape for shape in shapes if not shape.is_view}
        self.by_name = {name.lower(): shape for name, shape in self.shapes.items()}
        self.born: dict[Name, str] = {}
        self.gone: set[Name] = set()
        self.overwritten: set[Name] = set()
        """Rows of one key in which one mark took the place of another: which of them stays depends on the clocks."""
        self.free: dict[str, set[tuple[str, tuple[Any, ...]]]] = {}
        """Keys that a replica's programs freed since its last fold: a row that takes one goes on as the row that had it."""

    def look(self, connection: apsw.Connection) -> Found:
        """Read all rows: table -> key -> column -> value."""
        found: Found = {}
        for shape in self.shapes.values():
            names = [column.name for column in shape.columns]
            rows = connection.execute(f"SELECT {', '.join(map(quoted, names))} FROM {quoted(shape.name)}")
            as_dicts = [dict(zip(names, row, strict=True)) for row in rows]
            found[shape.name] = {tuple(row[name] for name in shape.key): row for row in as_dicts}
        return found

    def note(self, before: Found, after: Found, who: str) -> None:
        """Note what a burst of writes inserted and deleted."""
        for shape in self.shapes.values():
            old = {self.name(shape, row, before): key for key, row in before[shape.name].items()}
            new = {self.name(shape, row, after): key for key, row in after[shape.name].items()}
            kept = {key: name for name, key in old.items()}
            free = self.free.setdefault(who, set())
            free |= {(shape.name, key) for key in kept if key not in after[shape.name]}
            for name in set(new) - set(old):
                if new[name] in kept or (shape.name, new[name]) in free:
                    self.overwritten |= {name, kept.get(new[name])} - {None}
                elif name is not None:
                    self.born[name] = who
            self.gone |= set(old) - set(new) - {None}

    def name(self, shape: Shape, row: dict[str, Any], within: Found, depth: int = 0) -> Name | None:
        """Name a row so that the name stays when the row is renumbered; None if that can't be done."""
        if shape.name not in self.named_by_key:
            return None if shape.mark is None or row[shape.mark] is None else (shape.name, row[shape.mark])
        parts: list[Any] = []
        for column in shape.key:
            parts.append(self._part(shape, row, column, within, depth))
            if parts[-1] is None:
                return None
        return (shape.name, *parts)

    def _part(self, shape: Shape, row: dict[str, Any], column: str, within: Found, depth: int) -> Any:
        references = [reference for reference in shape.references if column in reference.columns]
        if not references:
            return ("value", _comparable(row[column], next(c.collation for c in shape.columns if c.name == column)))
        reference = references[0]
        parent = self.by_name.get(reference.parent.lower())
        values = tuple(row[name] for name in reference.columns)
        if parent is None or depth > 5:
            return None
        rows = within[parent.name]
        if reference.parent_columns == parent.key:
            return None if values not in rows else self.name(parent, rows[values], within, depth + 1)
        for candidate in rows.values():
            if tuple(candidate[name] for name in reference.parent_columns) == values:
                return self.name(parent, candidate, within, depth + 1)
        return None

    def missing(self, connection: apsw.Connection) -> list[str]:
        """Return the rows that were inserted and not deleted by anybody, and are neither shown nor held."""
        found = self.look(connection)
        present: set[Name | None] = set()
        waiting: list[tuple[Shape, dict[str, Any]]] = []
        for table in Registry(connection).tables():
            columns = [*table.key, *(field.name for field in table.fields)]
            values = [*map(str, table.key_names), *(f"v{field.id}" for field in table.fields)]
            for reason, *row in connection.execute(
                f"SELECT held.reason, {', '.join(f'held.{value}' for value in values)} FROM {table.clock} AS clock "
                f"JOIN {table.held} AS held ON held.id = clock.held"
            ):
                named = dict(zip(columns, row, strict=True))
                shape = self.shapes[table.name]
                found[table.name].setdefault(tuple(named[name] for name in shape.key), named)
                if not is_of_deleted(str(reason)):
                    waiting.append((shape, named))
        for shape in self.shapes.values():
            present |= {self.name(shape, row, found) for row in found[shape.name].values()}
        present |= {self.name(shape, row, found) for shape, row in waiting}
        doubtful = self.gone | self.overwritten
        return [
            f"{name} of {who}"
            for name, who in self.born.items()
            if name not in present and not _mentions(name, doubtful)
        ]


def _comparable(value: Any, collation: str) -> Any:
    """Make keys equal that SQLite has for equal."""
    if isinstance(value, str):
        return value.lower() if collation == "NOCASE" else value.rstrip(" ") if collation == "RTRIM" else value
    return value


def _mentions(name: Any, doubtful: set[Name]) -> bool:
    return isinstance(name, tuple) and (name in doubtful or any(_mentions(part, doubtful) for part in name))
