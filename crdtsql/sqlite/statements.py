"""Statements: run one statement of somebody who may read, or write rows of some tables, and nothing else; within limits.

SQLite itself asks about everything that a statement would do, before it does anything (its authorizer).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import apsw

from crdtsql.base import SqliteValue, StatementError, UsageError, caseless

Parameters = Sequence[SqliteValue] | Mapping[str, SqliteValue]
_LOOKING = {apsw.SQLITE_SELECT, apsw.SQLITE_RECURSIVE}
_WRITING = {apsw.SQLITE_INSERT, apsw.SQLITE_UPDATE, apsw.SQLITE_DELETE}
_SCHEMA = {"sqlite_schema", "sqlite_master", "sqlite_temp_schema", "sqlite_temp_master"}
_STEPS = 1000
"""After so many of SQLite's steps the clock is looked at."""


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """How much a statement may give back, and how long it may take.

    Attributes:
        rows: so many rows are given, and the answer says if there were more.
        size: bytes of values; one that gives more is refused.
        seconds: one that takes longer is stopped.
    """

    rows: int = 1000
    size: int = 4 << 20
    seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Rows:
    """What a statement gave back.

    Attributes:
        columns: their names.
        rows: a tuple for each.
        complete: there were no more.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[SqliteValue, ...], ...]
    complete: bool


def run(
    connection: apsw.Connection,
    statement: str,
    parameters: Parameters,
    limits: ReadLimits,
    *,
    writes: bool = False,
    tables: Sequence[str] | None = None,
) -> Rows:
    """Run one statement; if it raises, the caller undoes what it did.

    Args:
        writes: it may insert, update and delete rows, other than those of crdtsql's own tables.
        tables: it may touch no other tables; None for all.

    Raises:
        StatementError: it is not one statement, it would do something else, SQLite refuses it, or it goes beyond the limits.
        UsageError: the parameters do not fit.
    """
    guard = _Guard(writes, None if tables is None else frozenset(map(caseless, tables)))
    cursor = connection.cursor()
    cursor.exec_trace = guard.one_only
    try:
        with _asking(connection, guard), _stopping(connection, limits.seconds):
            cursor.execute(statement, parameters, can_cache=False)
            rows = tuple(_fetch(cursor, limits))
        if guard.columns is None:
            raise StatementError("no statement was given")
        return Rows(guard.columns, rows[: limits.rows], len(rows) <= limits.rows)
    except apsw.AuthError as error:
        raise StatementError(guard.refused) from error
    except apsw.ExecTraceAbort as error:
        raise StatementError("more than one statement was given: run them one by one") from error
    except apsw.InterruptError as error:
        raise StatementError(
            f"the statement took more than {limits.seconds:g} seconds and was stopped: ask for less of it"
        ) from error
    except (apsw.BindingsError, TypeError) as error:
        raise UsageError(f"the parameters do not fit the statement ({error})") from error
    except (apsw.SQLError, apsw.ConstraintError, apsw.MismatchError, apsw.RangeError, apsw.TooBigError) as error:
        raise StatementError(f"SQLite refuses the statement ({_said(error)}): nothing was changed") from error
    finally:
        cursor.close(True)


def _said(error: apsw.Error) -> str:
    return str(error).removeprefix(f"{type(error).__name__}: ")


def _fetch(cursor: apsw.Cursor, limits: ReadLimits) -> Iterator[tuple[SqliteValue, ...]]:
    """Yield rows, one more than wanted if there is one; a statement that writes is run to its end all the same."""
    size = 0
    for number, row in enumerate(cursor):
        if number > limits.rows:
            if cursor.is_readonly:
                return
            continue
        size += sum(len(value) if isinstance(value, (str, bytes)) else 8 for value in row)
        if size > limits.size:
            raise StatementError(
                f"the statement gives more than {limits.size:,} bytes back: ask for fewer rows or columns"
            )
        yield row


class _Guard:
    """Tells SQLite what a statement may do.

    Attributes:
        refused: why it may not, once it may not.
        columns: of the statement that runs; None before.
    """

    def __init__(self, writes: bool, tables: frozenset[str] | None) -> None:
        self._writes = writes
        self._tables = tables
        self.refused = ""
        self.columns: tuple[str, ...] | None = None

    def one_only(self, cursor: apsw.Cursor, _statement: str, _parameters: object) -> bool:
        """Be told of each statement before it runs; a comment behind one is told of too."""
        columns = tuple(name for name, _ in cursor.get_description())
        if cursor.is_readonly and not columns:
            return True
        if self.columns is not None:
            return False
        self.columns = columns
        return True

    def __call__(
        self, action: int, first: str | None, second: str | None, _database: str | None, by: str | None
    ) -> int:
        """Answer SQLite: whether it may do one thing, which a trigger or view may be the reason for."""
        if action in _LOOKING or self._may(action, first, second, by):
            return apsw.SQLITE_OK
        self.refused = self.refused or self._why(action, first)
        return apsw.SQLITE_DENY

    def _may(self, action: int, first: str | None, second: str | None, by: str | None) -> bool:
        name = caseless(first or "")
        if action == apsw.SQLITE_FUNCTION:
            return caseless(second or "") != "load_extension"
        if action == apsw.SQLITE_READ:
            return self._covers(name) or (by is not None and _is_ours(name) and self._writes)
        if action not in _WRITING or not self._writes:
            return False
        return by is not None if _is_ours(name) else self._covers(name) and name not in _SCHEMA

    def _covers(self, name: str) -> bool:
        return self._tables is None or name in self._tables

    def _why(self, action: int, name: str | None) -> str:
        ours, of_schema = _is_ours(caseless(name or "")), caseless(name or "") in _SCHEMA
        if action == apsw.SQLITE_READ or (action in _WRITING and self._writes and not ours and not of_schema):
            covered = ", ".join(sorted(self._tables or ())) or "no table"
            return f"the statement may touch {covered} alone, not {name!r}"
        if action in _WRITING and self._writes and ours:
            return f"{name!r} is crdtsql's own: only its triggers and commands write there"
        allowed = "SELECT, INSERT, UPDATE or DELETE" if self._writes else "SELECT"
        return f"the statement may be one {allowed} and nothing else"


def _is_ours(name: str) -> bool:
    return name.startswith(("_crdt_", "crdt_"))


class _Gate:
    """What SQLite asks on a connection: a guard while there is one, else whoever it asked before.

    It stays on the connection, because another authorizer has SQLite compile all statements of the connection anew.
    """

    def __init__(self, before: apsw.Authorizer | None) -> None:
        self.before = before
        self.guard: _Guard | None = None

    def __call__(self, *question: Any) -> int:
        """Answer SQLite."""
        asked = self.guard or self.before
        return apsw.SQLITE_OK if asked is None else asked(*question)


@contextmanager
def _asking(connection: apsw.Connection, guard: _Guard) -> Iterator[None]:
    asked = connection.authorizer
    if not isinstance(asked, _Gate):
        asked = connection.authorizer = _Gate(asked)
    asked.guard = guard
    try:
        yield
    finally:
        asked.guard = None


@contextmanager
def _stopping(connection: apsw.Connection, seconds: float) -> Iterator[None]:
    end = time.monotonic() + seconds
    connection.set_progress_handler(lambda: time.monotonic() > end, _STEPS, id=_stopping)
    try:
        yield
    finally:
        connection.set_progress_handler(None, id=_stopping)
