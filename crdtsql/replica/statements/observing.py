"""Observing: what changes in the result of a query, whoever writes: programs, and merges.

A connection of its own looks whether anybody has committed, which costs next to nothing, and runs the query again if so. Nothing is
held meanwhile, and nothing can be written through it.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, NamedTuple, Self

import apsw
import apsw.ext

from crdtsql.base import SqliteValue, StatementError, StopEvent, UsageError, query, show_key, value_to_json
from crdtsql.replica.opening import connect
from crdtsql.sqlite import ReadLimits, schema, statements

EVERY_S = 0.05
"""How often it is looked whether anybody has committed."""
MOST_ROWS = 10_000
Row = tuple[SqliteValue, ...]


class ResultChange(NamedTuple):
    """One change in the result of a query.

    Attributes:
        did: `added`, `removed`, or `changed`, which only rows are that have a key.
        key: column -> value; of a row without a key all of it.
        row: column -> value, as it is now; of a row that was removed as it was.
        before: column -> value of a row that changed, as it was; None of others.
    """

    did: str
    key: dict[str, SqliteValue]
    row: dict[str, SqliteValue]
    before: dict[str, SqliteValue] | None

    def to_json(self) -> dict[str, Any]:
        """Return the change as `--json` prints it."""
        shown = {name: {k: value_to_json(v) for k, v in getattr(self, name).items()} for name in ("key", "row")}
        before = None if self.before is None else {name: value_to_json(value) for name, value in self.before.items()}
        return {"did": self.did, **shown, "before": before}


class Observation:
    """A query whose result is looked at whenever anybody has committed; `for` and `async for` give its changes until it is closed.

    Attributes:
        columns: of the result.
        key: those that say which row of the result is which; empty where only whole rows do.
    """

    def __init__(
        self,
        path: str,
        statement: str,
        parameters: statements.Parameters = (),
        *,
        key: Sequence[str] | None = None,
        initial: bool = False,
        tables: Sequence[str] | None = None,
        limits: ReadLimits | None = None,
        lock_timeout: float = 10.0,
    ) -> None:
        self._statement, self._parameters, self._tables = statement, parameters, tables
        self._limits = limits or ReadLimits(rows=MOST_ROWS)
        self._given = key
        self._version: int | None = None
        self._rows: list[Row] = []
        self._stop = StopEvent()
        self._lock = threading.Lock()
        self.columns: tuple[str, ...] = ()
        self.key: tuple[str, ...] = ()
        self._connection = connect(path, lock_timeout)
        try:
            self._connection.execute("PRAGMA query_only = ON")
            self._version, rows = self._version_now(), self._run()
            self.key = self._choose_key(rows)
            self._waiting = list(self._differences([], rows)) if initial else []
            self._rows = rows
        except BaseException:
            self._connection.close()
            raise

    def poll(self) -> list[ResultChange]:
        """Return what has changed since the last time; nothing if nobody has committed, or somebody holds the file locked.

        Raises:
            StatementError: the query can't be run any more, or goes beyond its limits.
            UsageError: two rows have one key.
        """
        with self._lock:
            if self._stop.is_set():
                return []
            try:
                version = self._version_now()
                if version != self._version:
                    rows = self._run()
                    self._waiting += self._differences(self._rows, rows)
                    self._version, self._rows = version, rows
            except apsw.BusyError:
                pass  # it is looked at next time
            waiting, self._waiting = self._waiting, []
            return waiting

    def __iter__(self) -> Iterator[ResultChange]:
        while not self._stop.is_set():
            for change in self.poll():
                yield change
                if self._stop.is_set():
                    return
            self._stop.wait(EVERY_S)

    async def __aiter__(self) -> AsyncIterator[ResultChange]:
        while not self._stop.is_set():
            for change in await asyncio.to_thread(self.poll):
                yield change
                if self._stop.is_set():
                    return
            await asyncio.sleep(EVERY_S)

    def stop(self) -> None:
        """Have whoever waits for changes get no more; from any thread, and in a signal handler."""
        self._stop.set()

    def close(self) -> None:
        """End it, and let go of the file."""
        self.stop()
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.close)

    def _version_now(self) -> int:
        return int(query.first(self._connection, "PRAGMA data_version")[0])

    def _run(self) -> list[Row]:
        try:
            found = statements.run(
                self._connection, self._statement, self._parameters, self._limits, tables=self._tables
            )
        except UnicodeDecodeError as error:
            raise StatementError("the result has text that is no UTF-8: CAST that column AS BLOB") from error
        if not found.columns:
            raise StatementError("the statement gives no rows: observe a SELECT")
        if not found.complete:
            raise StatementError(
                f"the result has more than {self._limits.rows:,} rows, which are too many to be kept: ask for fewer, or for counts"
            )
        if len(set(found.columns)) < len(found.columns):
            raise UsageError("two columns of the result have one name: give them others, with AS")
        self.columns = found.columns
        return list(found.rows)

    def _choose_key(self, rows: list[Row]) -> tuple[str, ...]:
        """Return the columns that tell rows apart: those that were given, else the primary key of the one table they are of."""
        if self._given is not None:
            missing = [name for name in self._given if name not in self.columns]
            if missing or not self._given:
                raise UsageError(
                    f"the result has no column {', '.join(missing) or 'of no name'}: it has {', '.join(self.columns)}"
                )
            self._by_key(rows, tuple(self._given))
            return tuple(self._given)
        info = apsw.ext.query_info(self._connection, self._statement)
        origins = [(one[3], one[4]) for one in info.description_full or ()]
        tables = {table for table, _ in origins if table}
        if len(tables) != 1:
            return ()
        (table,) = tables
        shape = schema.read(self._connection, table)
        places = {column: number for number, (_, column) in enumerate(origins)}
        key = [] if shape is None else [column.name for column in shape.key]
        if not key or any(name not in places for name in key):
            return ()
        chosen = tuple(self.columns[places[name]] for name in key)
        return chosen if self._is_key(rows, chosen) else ()

    def _is_key(self, rows: list[Row], key: tuple[str, ...]) -> bool:
        places = [self.columns.index(name) for name in key]
        return len({_exact(tuple(row[n] for n in places)) for row in rows}) == len(rows)

    def _by_key(self, rows: list[Row], key: tuple[str, ...]) -> dict[object, Row]:
        places = [self.columns.index(name) for name in key]
        found: dict[object, Row] = {}
        for row in rows:
            named = tuple(row[n] for n in places)
            if found.setdefault(_exact(named), row) is not row:
                raise UsageError(
                    f"two rows of the result have the key {show_key(named)}: name other columns as its key"
                )
        return found

    def _differences(self, before: list[Row], after: list[Row]) -> Iterator[ResultChange]:
        if self.key and self._given is None and not self._is_key(after, self.key):
            self.key = ()  # a join made two of one: from here on whole rows are told apart
        if not self.key:
            yield from self._of_whole_rows(before, after)
            return
        old, new = self._by_key(before, self.key), self._by_key(after, self.key)
        yield from (self._change("removed", row) for name, row in old.items() if name not in new)
        for name, row in new.items():
            if name not in old:
                yield self._change("added", row)
            elif _exact(row) != _exact(old[name]):
                yield self._change("changed", row, old[name])

    def _of_whole_rows(self, before: list[Row], after: list[Row]) -> Iterator[ResultChange]:
        rows = {_exact(row): row for row in (*before, *after)}
        old, new = Counter(map(_exact, before)), Counter(map(_exact, after))
        yield from (self._change("removed", rows[name]) for name in (old - new).elements())
        yield from (self._change("added", rows[name]) for name in (new - old).elements())

    def _change(self, did: str, row: Row, before: Row | None = None) -> ResultChange:
        named = dict(zip(self.columns, row, strict=True))
        was = None if before is None else dict(zip(self.columns, before, strict=True))
        return ResultChange(did, {name: named[name] for name in self.key or self.columns}, named, was)


def _exact(row: Row) -> object:
    """Tell values apart as SQLite keeps them: 1 is not 1.0."""
    return tuple((type(value), value) for value in row)
