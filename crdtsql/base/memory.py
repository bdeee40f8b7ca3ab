"""Memory: what was read of a connection's main database, kept while it can't have changed.

An operation asks the same questions dozens of times: which tables are replicated, what they look like, what this site is called. The
answers are kept in six ways, each with the reason why they still hold:

- `of_schema`: while SQLite's schema version is the same. SQLite itself keeps its knowledge of the schema by that.
- `of_transaction`: until whoever changes what was read says so with `forget_row`. Others can't change it while the transaction
  lasts; the next one goes on with it if nobody committed anything in between (`begin`).
- `of_state`: as `of_transaction`, and beyond a commit of somebody else that leaves the state of our tables as it was, which a short
  answer tells: an ordinary write does.
- `of_content`: while nobody, in whatever program, has committed anything to the file since, which two cheap look-ups say.
- `of_answer`, of what is made of an answer: while SQLite answers the same. It is asked each time.
- `holds`, of what was found sound: as long as that. Nobody else can damage it meanwhile, and what we take off says so.

A ROLLBACK takes back changes that none of these would notice, so whoever rolls back says so with `forget`; `query.roll_back_to` does.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from copy import copy
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from weakref import ref

import apsw

MOST_ANSWERS = 50_000
"""How many answers are kept of one schema."""

State = tuple[Hashable, Hashable]
"""What tells one state of our tables from another: what every transaction changes that changes the replica, and what others change."""

MOST_STATES = 100
"""So many answers are kept for longer than their transaction, as that may be long; then it begins anew."""

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(slots=True)
class _Memory:
    """What is known of one connection's main database.

    Attributes:
        states: what is kept of rows, with the state of our tables of which it is true.
        lasting: the keys of `rows` that are kept so too.
        committed: SQLite's number of the committed content that `rows` and `sound` are true of; None while a transaction of ours runs.
    """

    schema_version: int = -1
    schema: dict[Hashable, Any] = field(default_factory=dict)
    rows: dict[Hashable, Any] = field(default_factory=dict)
    states: dict[Hashable, tuple[State, Any]] = field(default_factory=dict)
    lasting: set[Hashable] = field(default_factory=set)
    sound: set[Hashable] = field(default_factory=set)
    content: dict[Hashable, tuple[int, Any]] = field(default_factory=dict)
    made: dict[Hashable, tuple[Any, Any]] = field(default_factory=dict)
    committed: int | None = None


_memories: dict[int, tuple[_Memory, ref[apsw.Connection]]] = {}
"""By the connection's id, which is asked hundreds of times in an operation; who has it is forgotten with the connection."""


def _of(connection: apsw.Connection) -> _Memory:
    found = _memories.get(id(connection))
    if found is None:
        number = id(connection)

        def gone(_: ref[apsw.Connection]) -> None:
            _memories.pop(number, None)

        found = _memories[number] = _Memory(), ref(connection, gone)
    return found[0]


def begin(connection: apsw.Connection, *, nested: bool = False) -> None:
    """Forget what was read before a transaction of ours, unless nobody committed anything since the last one; it has just begun.

    Args:
        nested: it is a savepoint of the caller's transaction, in which anything may have been written.
    """
    if nested:
        forget_rows(connection)
        return
    connection.execute("PRAGMA main.schema_version").fetchone()  # has SQLite look at the file (fact 31)
    memory = _of(connection)
    # Whoever deserializes a database into a connection has SQLite count anew; it has no name then.
    if memory.committed != connection.data_version("main") or not connection.filename:
        memory.rows.clear()
        memory.sound.clear()
    memory.committed = None


def committed(connection: apsw.Connection) -> None:
    """Keep what was read and written for the next transaction of ours; this one was just committed."""
    _of(connection).committed = connection.data_version("main")


def of_schema(
    function: Callable[Concatenate[apsw.Connection, P], R],
) -> Callable[Concatenate[apsw.Connection, P], R]:
    """Keep what a function reads from the schema alone."""

    @wraps(function)
    def remembering(connection: apsw.Connection, /, *arguments: P.args, **options: P.kwargs) -> R:
        memory = _of(connection)
        (version,) = connection.execute("PRAGMA main.schema_version").fetchone()  # type: ignore[misc]
        if version != memory.schema_version:
            memory.schema.clear()
            memory.schema_version = version
        key = (function, arguments, tuple(options.items()))
        if key not in memory.schema:
            if len(memory.schema) >= MOST_ANSWERS:  # arguments may change where the schema does not
                memory.schema.clear()
            memory.schema[key] = function(connection, *arguments, **options)
        found: R = memory.schema[key]
        return copy(found) if type(found) in (list, dict, set) else found

    return remembering


def of_transaction(connection: apsw.Connection, key: Hashable, read: Callable[[], R]) -> R:
    """Return what `read` returned the last time in this transaction; outside of one it is read each time."""
    if not connection.in_transaction:
        return read()
    rows = _of(connection).rows
    if key not in rows:
        rows[key] = read()
    found: R = rows[key]
    return found


def of_state(connection: apsw.Connection, key: Hashable, state: Callable[[], State], read: Callable[[], R]) -> R:
    """Return what `read` returned the last time, in this transaction or one before it with the same state of our tables.

    Args:
        state: returns what is never the same again once a transaction has changed what is read, but by `forget_row` or `replace_row`.
    """
    if not connection.in_transaction:
        return read()
    memory = _of(connection)
    if key not in memory.rows:
        known = memory.states.get(key)
        now = state()
        memory.rows[key] = known[1] if known is not None and known[0] == now else read()
        memory.states[key] = now, memory.rows[key]
        memory.lasting.add(key)
    found: R = memory.rows[key]
    return found


def keep(connection: apsw.Connection, before: Hashable, after: State) -> None:
    """Keep what `of_state` keeps for a new state of our tables: what is known in this transaction, or was not changed in it.

    Args:
        before: the first part of the state before.
    """
    memory = _of(connection)
    if len(memory.lasting) > MOST_STATES:
        memory.states.clear()
        memory.lasting.clear()
    states = {key: kept[1] for key, kept in memory.states.items() if kept[0][0] == before}
    states |= {key: memory.rows[key] for key in memory.lasting & memory.rows.keys()}
    memory.states.clear()
    memory.states.update({key: (after, value) for key, value in states.items()})


def told(connection: apsw.Connection, key: Hashable, state: Callable[[], State]) -> Any:
    """Return what `replace_row` kept under a key, in this transaction or one before it with the same state; else None.

    For what can't be read.
    """
    memory = _of(connection)
    memory.lasting.add(key)
    if key in memory.rows:
        return memory.rows[key]
    known = memory.states.get(key)
    return known[1] if known is not None and known[0] == state() else None


def last(connection: apsw.Connection, key: Hashable) -> Any:
    """Return what `of_state` kept last under a key, whether it is still true or not; None if it kept nothing."""
    return _of(connection).states.get(key, (None, None))[1]


def kept(connection: apsw.Connection, key: Hashable) -> Any:
    """Return what was read in this transaction under a key, None if nothing was or there is none."""
    return _of(connection).rows.get(key) if connection.in_transaction else None


def of_content(connection: apsw.Connection, key: Hashable, read: Callable[[], R]) -> R:
    """Return what `read` returned the last time, if nothing was committed since then; within a transaction it is read each time.

    What `read` itself commits, or others meanwhile, has the next call read again: what is kept is as old as its version, or newer.
    """
    if connection.in_transaction:
        return read()
    connection.execute("PRAGMA main.data_version", can_cache=False).fetchone()  # has SQLite look at the file (fact 31)
    version = connection.data_version("main")
    return _as_of(connection, key, version, read)


def _as_of(connection: apsw.Connection, key: Hashable, version: int, read: Callable[[], R]) -> R:
    """Return what is kept under a key if it was read at that version, else read it."""
    content = _of(connection).content
    if key not in content or content[key][0] != version:
        content[key] = version, read()
    found: R = content[key][1]
    return found


def of_others(connection: apsw.Connection, key: Hashable, read: Callable[[], R]) -> R:
    """Return what `read` returned the last time, if nobody else committed since then; within a transaction it is read each time.

    For what this connection itself changes at places that call `forget_of_others` alone.
    """
    if connection.in_transaction:
        return read()
    version = int(str(connection.execute("PRAGMA main.data_version", can_cache=False).get))
    return _as_of(connection, key, version, read)


def forget_of_others(connection: apsw.Connection, key: Hashable) -> None:
    """Forget what `of_others` keeps under a key."""
    _of(connection).content.pop(key, None)


def of_answer(connection: apsw.Connection, key: Hashable, answer: Any, make: Callable[[], R]) -> R:
    """Return what was made of the same answer of SQLite's the last time; one is kept for each key."""
    made = _of(connection).made
    if key not in made or made[key][0] != answer:
        made[key] = answer, make()
    found: R = made[key][1]
    return found


def holds(connection: apsw.Connection, key: Hashable, check: Callable[[], bool]) -> bool:
    """Tell whether something holds; if it did in this transaction, it does."""
    if not connection.in_transaction:
        return check()
    sound = _of(connection).sound
    if key in sound:
        return True
    found = check()
    if found:
        sound.add(key)
    return found


def forget_row(connection: apsw.Connection, key: Hashable) -> None:
    """Forget what was read from rows under a key: somebody changed it."""
    memory = _of(connection)
    memory.rows.pop(key, None)
    memory.states.pop(key, None)


def replace_row(connection: apsw.Connection, key: Hashable, value: Any) -> None:
    """Keep what is in the rows now that were read under a key: whoever changed them knows that."""
    if connection.in_transaction:
        forget_row(connection, key)
        _of(connection).rows[key] = value


def forget_rows(connection: apsw.Connection) -> None:
    """Forget what was read from rows: a transaction begins, or somebody changed some of them."""
    memory = _of(connection)
    memory.committed = None
    memory.rows.clear()
    memory.states.clear()
    memory.sound.clear()


def forget(connection: apsw.Connection) -> None:
    """Forget everything: changes of rows or of the schema were rolled back, or may have been."""
    forget_rows(connection)
    memory = _of(connection)
    memory.schema.clear()
    memory.content.clear()
    memory.schema_version = -1
