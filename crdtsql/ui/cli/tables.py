"""The commands that say what is replicated, and how: `enable`, `disable`, `type`, `rows`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from crdtsql.base import caseless, policy
from crdtsql.types import TYPES
from crdtsql.ui.cli import doctor
from crdtsql.ui.terminal import DATABASE, JSON, LOCK_TIMEOUT, open_replica, print_json

ROW_POLICY = click.Choice(policy.ROW_POLICIES)
GRANULARITY = click.Choice(policy.GRANULARITIES)
TYPE_LINES = "\b\nTypes:\n" + "\n".join(f"  {name:13} {kind.summary}" for name, kind in TYPES.items())


def register(group: click.Group) -> None:
    """Add the commands to the others."""
    for command in (enable, disable, type_, rows):
        group.add_command(command)


@click.command()
@DATABASE
@click.argument("tables", nargs=-1)
@click.option("--all", "all_tables", is_flag=True, help="Every ordinary table of the file.")
@click.option(
    "-c",
    "--column",
    "columns",
    multiple=True,
    metavar="COLUMN=TYPE",
    help=f"Merge a column as a TYPE ({', '.join(TYPES)}); with several tables, TABLE.COLUMN=TYPE.",
)
@click.option(
    "--rows",
    type=ROW_POLICY,
    help=f"What becomes of a row that is deleted and written concurrently.  [default: {policy.ADD_WINS}]",
)
@click.option(
    "--granularity",
    type=GRANULARITY,
    help=f"What an UPDATE counts as written: the columns it changed, or the row.  [default: {policy.BY_COLUMN}]",
)
@doctor.ADD_KEY
@doctor.YES
@click.option(
    "--identity",
    type=click.Choice(policy.IDENTITIES),
    help="What names a row: its primary key (key), or the INSERT that made it, so that its number may change (row).",
)
@click.option(
    "--if-needed",
    is_flag=True,
    help="Leave tables alone that are enabled already; an error if they are in another way.",
)
@LOCK_TIMEOUT
@JSON
def enable(
    database: str,
    tables: tuple[str, ...],
    all_tables: bool,
    columns: tuple[str, ...],
    rows: str | None,
    granularity: str | None,
    add_key: bool,
    yes: bool,
    identity: str | None,
    if_needed: bool,
    as_json: bool,
) -> None:
    """Make tables of DATABASE replicated, in place.

    The tables keep their names, columns and indexes; triggers record what any program writes. Enabling is instant,
    whatever the number of rows. Rows with an INTEGER PRIMARY KEY that are inserted under one number on several replicas
    stay several rows: all but one get another number, unless --identity key says that the number is the row.
    """
    if not tables and not all_tables:
        raise click.UsageError("name the tables to enable, or give --all")
    types = dict(_column_type(column) for column in columns)
    options: dict[str, Any] = {
        "all": all_tables,
        "types": types,
        "rows": rows,
        "granularity": granularity,
        "identity": identity,
        "if_needed": if_needed,
    }
    with open_replica(database) as replica:
        if add_key:
            doctor.confirm_keys(replica, tables, all_tables=all_tables, yes=yes)
        enabled = replica.enable(*tables, add_key=add_key, **options)
    already = [name for name in tables if caseless(name) not in map(caseless, enabled)]
    if as_json:
        print_json({"enabled": enabled, "already": already})
        return
    for name in enabled:
        click.echo(f"enabled {name}")
    for name in already:
        click.echo(f"{name} is enabled already")


def _column_type(given: str) -> tuple[str, str]:
    column, equals, kind = given.rpartition("=")
    if not equals or not column or not kind:
        raise click.UsageError(f"{given!r}: write COLUMN=TYPE, for example votes=counter")
    return column, kind


@click.command(name="type", epilog=TYPE_LINES)
@DATABASE
@click.argument("column", metavar="TABLE.COLUMN")
@click.argument("type_", metavar="TYPE", type=click.Choice(list(TYPES)))
@LOCK_TIMEOUT
@JSON
def type_(database: str, column: str, type_: str, as_json: bool) -> None:
    """Give a replicated column another TYPE; its values stay.

    The same must be done on every replica: replicas whose types differ refuse each other's changesets of that table.
    """
    table, dot, name = column.rpartition(".")
    if not dot or not table:
        raise click.UsageError(f"{column!r}: write TABLE.COLUMN, for example task.votes")
    with open_replica(database) as replica:
        changed = replica.set_type(table, name, type_)
    if as_json:
        print_json({"table": table, "column": name, "type": type_, "changed": changed})
        return
    click.echo(f"{column} is a {type_} now" if changed else f"{column} is a {type_} already")


@click.command()
@DATABASE
@click.argument("tables", nargs=-1)
@click.option("--all", "all_tables", is_flag=True, help="Every replicated table of the file.")
@LOCK_TIMEOUT
@JSON
def disable(database: str, tables: tuple[str, ...], all_tables: bool, as_json: bool) -> None:
    """Take everything of crdtsql off tables; they are left exactly as they were.

    With the last table, everything of crdtsql leaves the file. Deleted rows that were kept, and the conflict log, go too.
    """
    if not tables and not all_tables:
        raise click.UsageError("name the tables to disable, or give --all")
    with open_replica(database) as replica:
        disabled = replica.disable(*tables, all=all_tables)
    if as_json:
        print_json({"disabled": disabled})
        return
    for name in disabled:
        click.echo(f"disabled {name}")


@click.command()
@DATABASE
@click.argument("table")
@click.argument("policy", type=ROW_POLICY)
@click.option("--granularity", type=GRANULARITY, help="What an UPDATE counts as written; without this, as before.")
@LOCK_TIMEOUT
@JSON
def rows(database: str, table: str, policy: str, granularity: str | None, as_json: bool) -> None:
    """Change what becomes of a row of TABLE that is deleted on one replica and written on another.

    Run it on every replica: those with another policy refuse the changesets of this one.
    """
    with open_replica(database) as replica:
        report = replica.set_rows(table, policy, granularity=granularity)
    if as_json:
        print_json(asdict(report) | {"policy": policy})
        return
    click.echo(
        f"{report.table} is {policy} now: {report.deleted:,} rows went, {report.revived:,} came back; "
        "run the same on every other replica"
    )
