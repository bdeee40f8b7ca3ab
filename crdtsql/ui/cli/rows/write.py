"""The commands that write one row: `write`, `revision`. No SQL and no rules here."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import click

from crdtsql.base import SqliteValue, UsageError, from_json, show_key
from crdtsql.replica import Replica
from crdtsql.store import Actor
from crdtsql.ui.cli.running.run import acting_options
from crdtsql.ui.terminal import DATABASE, JSON, LOCK_TIMEOUT, open_replica, print_json

_SETTING = re.compile(r"([^=:]+)(:?=)(.*)", re.DOTALL)


def register(group: click.Group) -> None:
    """Add the commands to a group."""
    for command in (write, revision):
        group.add_command(command)


@click.command()
@DATABASE
@click.argument("table")
@click.argument("words", nargs=-1, required=True, metavar="KEY... COLUMN=VALUE...")
@click.option(
    "--if-revision", metavar="REVISION", help="Write only if the row is still at this revision, else exit with 3."
)
@click.option(
    "--token", type=int, help="The token of the row's claim; with another one nothing is written, and it exits with 3."
)
@click.option("--delete", "is_delete", is_flag=True, help="Delete the row.")
@acting_options
@LOCK_TIMEOUT
@JSON
def write(
    database: str,
    table: str,
    words: tuple[str, ...],
    if_revision: str | None,
    token: int | None,
    is_delete: bool,
    actor: str | None,
    session: str | None,
    run: str | None,
    note: str | None,
    as_json: bool,
) -> None:
    """Write columns of a row, if it is still what you looked at; print its revision afterwards.

    The row is updated if the table shows it, else inserted, with defaults for all other columns. The key comes first, as many words
    as it has columns; then COLUMN=TEXT, or COLUMN:=JSON for numbers, null and {"blob": "00ff"}.

    With --if-revision nothing is written if anybody wrote the row since `revision` printed that; the exit code is then 3. The revision
    `absent` means that the row must not be there. A table whose writers all say which revision they looked at loses nothing unseen.
    """
    if actor is None and (session, run, note) != (None, None, None):
        raise UsageError("--session, --run and --note say more of who writes: give --as ACTOR too")
    who = None if actor is None else Actor(actor, session, run, note)
    with open_replica(database) as replica:
        key, settings = _split(replica, table, words)
        if is_delete:
            if settings:
                raise UsageError("--delete takes a key and no values")
            replica.delete(table, *key, if_revision=if_revision, token=token, actor=who)
            found = replica.revision(table, *key)
        else:
            values = dict(map(_setting, settings))
            found = replica.write(table, *key, values=values, if_revision=if_revision, token=token, actor=who)
    if as_json:
        print_json({"table": table, "key": list(key), "revision": found})
        return
    click.echo(f"deleted {table} {show_key(key)}" if is_delete else found)


@click.command()
@DATABASE
@click.argument("table")
@click.argument("key", nargs=-1, required=True)
@LOCK_TIMEOUT
@JSON
def revision(database: str, table: str, key: tuple[str, ...], as_json: bool) -> None:
    """Print the revision of a row: another text after each write, whoever wrote it; `absent` if it is not there.

    It counts in this file alone. For SQL it is in the view crdt_revision, with the columns tbl, key and revision.
    """
    with open_replica(database) as replica:
        found = replica.revision(table, *key)
    print_json({"table": table, "key": list(key), "revision": found}) if as_json else click.echo(found)


def _split(replica: Replica, table: str, words: Sequence[str]) -> tuple[tuple[str, ...], Sequence[str]]:
    """Tell the key's parts from the settings behind them."""
    width = len(replica.key_of(table))
    return tuple(words[:width]), words[width:]


def _setting(word: str) -> tuple[str, SqliteValue]:
    found = _SETTING.fullmatch(word)
    if found is None:
        raise UsageError(f"{word!r} is no value: say COLUMN=TEXT, or COLUMN:=JSON")
    column, sign, value = found.groups()
    if sign == "=":
        return column, value
    try:
        return column, from_json(json.loads(value))
    except ValueError as error:
        raise UsageError(f"{value!r} is no value as JSON ({error}); text is written as {column}=TEXT") from None
