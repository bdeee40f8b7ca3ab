"""Suggest: what a message tells a person to do: commands that can be pasted into a shell, and names that were perhaps meant.

Every command of ours that a message names is written here, quoted for a POSIX shell; `tests/tidy` checks that.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

from crdtsql.base.values import SqliteValue, caseless, is_utf8

MOST_NAMES = 20


def plain_command(verb: str, *arguments: str, options: Sequence[str] = ()) -> str:
    """Write a command of ours, with nothing around it.

    >>> print(plain_command("enable", "my files/app.db", "it's", options=["--identity", "key"]))
    crdtsql enable 'my files/app.db' 'it'"'"'s' --identity key
    >>> print(plain_command("blame", "app.db", "task", "-1", options=["--json"]))
    crdtsql blame --json -- app.db task -1
    """
    if any(word.startswith("-") for word in arguments):
        return shlex.join(["crdtsql", *verb.split(), *options, "--", *arguments])
    return shlex.join(["crdtsql", *verb.split(), *arguments, *options])


def command(verb: str, *arguments: str, options: Sequence[str] = ()) -> str:
    """Write a command of ours in a sentence.

    >>> command("held", "app.db")
    '`crdtsql held app.db`'
    """
    return f"`{plain_command(verb, *arguments, options=options)}`"


def forget_kept(path: str, name: str) -> str:
    """Say how to forget what a file keeps for others under a name, to end a sentence with.

    >>> forget_kept("app.db", "task.more")
    '; if that was made up by somebody, `crdtsql strangers app.db task.more --drop` forgets it'
    """
    return f"; if that was made up by somebody, {command('strangers', path, name, options=['--drop'])} forgets it"


def verb(name: str) -> str:
    """Name a command of ours where its arguments are not known, so that nobody pastes half a one.

    >>> verb("undelete")
    "crdtsql's `undelete`"
    """
    return f"crdtsql's `{name}`"


def sqlite(statement: str, path: str) -> str:
    """Write a call of SQLite's own shell in a sentence.

    >>> sqlite("VACUUM", "my app.db")
    "`sqlite3 'my app.db' VACUUM`"
    """
    return f"`{shlex.join(['sqlite3', path, statement])}`"


def row_command(name: str, path: str, table: str, key: Sequence[SqliteValue]) -> str:
    """Write a command of ours about one row, by its name alone where the key can't stand in a command.

    >>> row_command("undelete", "app.db", "task", ("t 1", 2)), row_command("undelete", "app.db", "task", (b"1",))
    ("`crdtsql undelete app.db task 't 1' 2`", "crdtsql's `undelete`")
    """
    if any(isinstance(part, bytes) or part is None or not is_utf8(part) for part in key):
        return verb(name)
    return command(name, path, table, *map(str, key))


def meant(given: str, known: Iterable[str]) -> str | None:
    """Return the known name that was probably meant, None if none is like it.

    >>> meant("Tsk", ["note", "task"]), meant("x", ["note"]), meant("éx", ["éxx"])
    ('task', None, 'éxx')
    """
    from difflib import get_close_matches

    names = {caseless(name): name for name in known}
    found = get_close_matches(caseless(given), names, 1)
    return names[found[0]] if found else None


def instead(given: str, known: Sequence[str], what: str) -> str:
    """Say which names there are, and which one was probably meant.

    >>> instead("tsk", ["note", "task"], "tables in this file")
    "did you mean 'task'? tables in this file: note, task"
    >>> instead("x", [], "columns")
    'columns: none'
    """
    near = meant(given, known)
    shown = (
        list(known) if len(known) <= MOST_NAMES else [*list(known)[:MOST_NAMES], f"and {len(known) - MOST_NAMES} more"]
    )
    return f"{f'did you mean {near!r}? ' if near else ''}{what}: {', '.join(shown) or 'none'}"
