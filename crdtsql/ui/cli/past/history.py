"""The commands that keep and show what was ever written: `history`, `show`. No SQL and no rules here."""

from __future__ import annotations

import click

from crdtsql.base import UsageError, show, show_key, suggest
from crdtsql.history import HistoryEntry, PastRow
from crdtsql.replica import Replica
from crdtsql.ui.cli.forgetting.ages import read_age, show_age
from crdtsql.ui.cli.forgetting.purge import moment
from crdtsql.ui.sites import say_writer
from crdtsql.ui.terminal import DATABASE, JSON, LOCK_TIMEOUT, open_replica, print_json, print_table


def register(group: click.Group) -> None:
    """Add the commands to a group."""
    for command in (history, show_rows):
        group.add_command(command)


@click.command()
@DATABASE
@click.argument("table", required=False)
@click.argument("setting", required=False, type=click.Choice(["on", "off"]))
@click.option(
    "--keep", metavar="AGE", help="Keep entries for so long, such as 90d (h, d, w); for ever if it is not given."
)
@click.option(
    "--drop", is_flag=True, help="With off: take out what was kept, here and on all replicas that hear of it."
)
@LOCK_TIMEOUT
@JSON
def history(database: str, table: str | None, setting: str | None, keep: str | None, drop: bool, as_json: bool) -> None:
    """Keep every value that is written to TABLE from now on, with who wrote it and when; without on or off say what is kept.

    A history travels with the rows: all replicas that hear of it keep it too, whatever program writes. `log DATABASE TABLE KEY` lists
    what was written to a row, `show --as-of` says how rows were, `undo` takes a run back. In SQL: crdt_history, crdt_asof.

    With --keep, compaction takes older entries out, on all replicas, but for those that say how rows were then.
    """
    age = None if keep is None else read_age(keep)
    if keep is not None and age is None:
        raise UsageError(f"--keep {keep!r} is no time: give one such as 90d, 12h or 4w")
    if (drop and setting != "off") or (keep is not None and setting != "on"):
        raise UsageError("--keep goes with on, --drop with off")
    with open_replica(database) as replica:
        if table is None or setting is None:
            _print_kept(replica, table, as_json)
            return
        begins = setting == "on"
        changed = replica.keep_history(table, keep=age) if begins else replica.end_history(table, drop=drop)
    if as_json:
        print_json({"table": table, "history": setting, "changed": changed})
    elif not changed:
        click.echo(f"the history of {table} is {setting} already")
    elif setting == "on":
        click.echo(f"keeps all that is written to {table} from now on{'' if keep is None else f', for {keep}'}")
    else:
        click.echo(
            f"keeps no more of what is written to {table} in this file{', and took out what was kept' if drop else ''}"
        )


def _print_kept(replica: Replica, table: str | None, as_json: bool) -> None:
    kept = [one for one in replica.histories() if table is None or one.table == table]
    if as_json:
        print_json({"histories": [one.to_json() for one in kept]})
        return
    if not kept:
        wanted = table or "TABLE"
        on = suggest.command("history", replica.path, table, "on") if table else suggest.verb("history")
        click.echo(
            f"{wanted if table else 'no table'} has {'no' if table else 'a'} history; {on} keeps what is written from then on"
        )
        return
    rows = [
        [
            one.table,
            one.began,
            f"{one.entries:,}",
            show_age(one.keep_ms) if one.keep_ms else "ever",
            "on" if one.is_on else "off",
        ]
        for one in kept
    ]
    print_table(["table", "since", ">entries", "kept for", "here"], rows)


@click.command("show")
@DATABASE
@click.argument("table")
@click.argument("key", nargs=-1)
@click.option(
    "--as-of",
    "when",
    required=True,
    metavar="WHEN",
    help="2026-01-31, '2026-01-31 12:00' (UTC), or how long ago: 30d (h, d, w).",
)
@LOCK_TIMEOUT
@JSON
def show_rows(database: str, table: str, key: tuple[str, ...], when: str, as_json: bool) -> None:
    """Show the rows of TABLE as they were, or the one with KEY: what all writes up to then give, by the clocks of those who wrote.

    The table needs a history that began earlier. A row that nobody wrote since then is as it is.
    """
    with open_replica(database) as replica:
        found = replica.as_of(table, moment(when), *key)
    if as_json:
        print_json({"rows": [row.to_json() for row in found]})
        return
    if not found:
        click.echo(f"{table} {show_key(key)} was not there" if key else f"{table} had no rows")
        return
    print_table([*found[0].values], [_cells(row) for row in found])


def _cells(row: PastRow) -> list[str]:
    return [
        "NULL" if value is None else value if isinstance(value, str) else show(value) for value in row.values.values()
    ]


def print_entries(replica: Replica, table: str, key: tuple[str, ...], limit: int, as_json: bool) -> None:
    """Print what was written to a row, the oldest first."""
    found, names = replica.history(table, *key, limit=limit + 1), replica.names()
    more, shown = len(found) > limit, found[-limit:]
    if as_json:
        print_json({"entries": [entry.to_json() for entry in shown], "more": more, "names": names})
        return
    if not found:
        click.echo(f"nothing was written to {table} {show_key(key)} since its history began")
        return
    rows = [[entry.time, entry.did, _wrote(entry), say_writer(entry.site, entry.by, names)] for entry in shown]
    print_table(["written", "did", "values", "site"], rows)
    if more:
        click.echo(f"there are more: give --limit a larger number than {limit:,}")


def _wrote(entry: HistoryEntry) -> str:
    return ", ".join(f"{name}={show(value)}" for name, value in entry.values.items())
