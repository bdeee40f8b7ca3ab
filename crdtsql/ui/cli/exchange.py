"""The command line: parse, call `Replica`, print. No SQL and no rules here."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
from click.shell_completion import get_completion_class

from crdtsql import __version__
from crdtsql.base import clock, dumps, parse_vector, policy, show, suggest, vector_to_json
from crdtsql.merge import MergeReport
from crdtsql.replica import sync
from crdtsql.types import TYPES
from crdtsql.ui.cli import adopt, conflicts, doctor, held, schema
from crdtsql.ui.terminal import DATABASE, JSON, Commands, console, open_replica, print_table
from crdtsql.wire import VERSION, read_changeset, read_text, unpack, write_file

ROW_POLICY = click.Choice(policy.ROW_POLICIES)
GRANULARITY = click.Choice(policy.GRANULARITIES)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="crdtsql")
def cli() -> None:
    """Replicate ordinary SQLite tables: any program writes, offline, and copies merge.

    \b
    A first tour:
      crdtsql enable app.db task          make the table task a replicated one
      crdtsql clone app.db laptop.db      a second replica
      sqlite3 laptop.db "UPDATE task SET done = 1"
      crdtsql sync app.db laptop.db       both have each other's changes

    \b
    Between machines, by any way that carries a file:
      crdtsql vector app.db > app.vv                           what this replica has
      crdtsql export laptop.db --for app.vv -o delta.crdt      what it lacks
      crdtsql import app.db delta.crdt
    """


@cli.command()
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
    default=policy.ADD_WINS,
    help="What becomes of a row that is deleted and written concurrently.",
)
@click.option(
    "--granularity",
    type=GRANULARITY,
    default=policy.BY_COLUMN,
    help="What an UPDATE counts as written: the columns it changed, or the row.",
)
@doctor.ADD_KEY
@doctor.YES
@click.option(
    "--identity",
    type=click.Choice(policy.IDENTITIES),
    help="What names a row: its primary key (key), or the INSERT that made it, so that its number may change (row).",
)
def enable(
    database: str,
    tables: tuple[str, ...],
    all_tables: bool,
    columns: tuple[str, ...],
    rows: str,
    granularity: str,
    add_key: bool,
    yes: bool,
    identity: str | None,
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
    }
    with open_replica(database) as replica:
        if add_key:
            doctor.confirm_keys(replica, tables, all_tables=all_tables, yes=yes)
        for name in replica.enable(*tables, add_key=add_key, **options):
            click.echo(f"enabled {name}")


def _column_type(given: str) -> tuple[str, str]:
    column, equals, kind = given.rpartition("=")
    if not equals or not column or not kind:
        raise click.UsageError(f"{given!r}: write COLUMN=TYPE, for example votes=counter")
    return column, kind


TYPE_LINES = "\b\nTypes:\n" + "\n".join(f"  {name:13} {kind.summary}" for name, kind in TYPES.items())


@cli.command(name="type", epilog=TYPE_LINES)
@DATABASE
@click.argument("column", metavar="TABLE.COLUMN")
@click.argument("type_", metavar="TYPE", type=click.Choice(list(TYPES)))
def type_(database: str, column: str, type_: str) -> None:
    """Give a replicated column another TYPE; its values stay.

    The same must be done on every replica: replicas whose types differ refuse each other's changesets of that table.
    """
    table, dot, name = column.rpartition(".")
    if not dot or not table:
        raise click.UsageError(f"{column!r}: write TABLE.COLUMN, for example task.votes")
    with open_replica(database) as replica:
        changed = replica.set_type(table, name, type_)
    click.echo(f"{column} is a {type_} now" if changed else f"{column} is a {type_} already")


@cli.command()
@DATABASE
@click.argument("tables", nargs=-1)
@click.option("--all", "all_tables", is_flag=True, help="Every replicated table of the file.")
def disable(database: str, tables: tuple[str, ...], all_tables: bool) -> None:
    """Take everything of crdtsql off tables; they are left exactly as they were.

    With the last table, everything of crdtsql leaves the file. Deleted rows that were kept, and the conflict log, go too.
    """
    if not tables and not all_tables:
        raise click.UsageError("name the tables to disable, or give --all")
    with open_replica(database) as replica:
        for name in replica.disable(*tables, all=all_tables):
            click.echo(f"disabled {name}")


@cli.command()
@DATABASE
@click.argument("table")
@click.argument("policy", type=ROW_POLICY)
@click.option("--granularity", type=GRANULARITY, help="What an UPDATE counts as written; without this, as before.")
def rows(database: str, table: str, policy: str, granularity: str | None) -> None:
    """Change what becomes of a row of TABLE that is deleted on one replica and written on another.

    Run it on every replica: those with another policy refuse the changesets of this one.
    """
    with open_replica(database) as replica:
        report = replica.set_rows(table, policy, granularity=granularity)
    click.echo(
        f"{report.table} is {policy} now: {report.deleted:,} rows went, {report.revived:,} came back; "
        "run the same on every other replica"
    )


@cli.command()
@DATABASE
@JSON
def status(database: str, as_json: bool) -> None:
    """Show what is replicated, how large the clocks are, and how far peers are behind."""
    with open_replica(database) as replica:
        found = replica.status()
    if as_json:
        click.echo(dumps(found.to_json()))
        return
    click.echo(f"{found.path}: site {found.site}, {found.sites} sites known, {found.log_rows} changes to fold")
    print_table(
        [
            "table",
            "policy",
            "identity",
            ">rows",
            ">changed",
            ">held",
            ">conflicts",
            ">open",
            ">data",
            ">clocks",
            ">of data",
            "capture",
        ],
        [
            [
                table.name,
                f"{table.row_policy} by {table.granularity}",
                table.identity,
                f"{table.rows:,}",
                f"{table.changed_rows:,}",
                f"{table.held_rows:,}",
                f"{table.conflicts:,}",
                f"{table.open_conflicts:,}",
                f"{table.data_bytes:,} B",
                f"{table.clock_bytes:,} B",
                f"{table.clock_percent:.0f} %",
                table.problem or "ok",
            ]
            for table in found.tables
        ],
    )
    if found.conflicts_pruned or any(table.conflicts for table in found.tables):
        click.echo(
            f"conflict log: at most {found.conflicts_per_cell:,} entries per cell, {found.conflicts_total:,} in all and "
            f"{found.conflicts_bytes:,} bytes of values are kept, "
            f"{found.conflicts_pruned:,} were forgotten (pruned) so far"
        )
    if found.not_enabled:
        click.echo(f"not replicated: {', '.join(found.not_enabled)}")
    for site, upto in found.vector.items():
        click.echo(f"has site {site} up to {clock.show_time(upto)}{' (this file)' if site == found.site else ''}")
    for peer in found.peers:
        behind = (
            f"lacks {peer.missing_rows:,} rows, {peer.behind_ms / 1000:,.1f} s behind"
            if peer.missing_sites
            else "has all"
        )
        click.echo(f"peer {peer.site}, when last seen: {behind}")


@cli.command()
@DATABASE
@click.argument("copy", type=click.Path(dir_okay=False, readable=False))
def clone(database: str, copy: str) -> None:
    """Write a second replica of DATABASE to COPY, with a site id of its own."""
    with open_replica(database) as replica:
        replica.clone(copy).close()
    click.echo(f"cloned {database} to {copy}")


@cli.command()
@DATABASE
def vector(database: str) -> None:
    """Print the version vector as JSON: per site, up to which of its changes this replica has all."""
    with open_replica(database) as replica:
        click.echo(dumps(vector_to_json(replica.vector())))


@cli.command()
@DATABASE
@click.option(
    "--for",
    "receiver",
    type=click.Path(allow_dash=True, readable=False),
    help="The receiver's `vector`; all without it.",
)
@click.option(
    "-o", "--output", type=click.Path(allow_dash=True, readable=False), help="The file to write; - is standard output."
)
def export(database: str, receiver: str | None, output: str | None) -> None:
    """Write a changeset with what the receiver lacks."""
    if output is None and sys.stdout.isatty():
        raise click.UsageError("name a file with -o, or send standard output somewhere")
    since = parse_vector(read_text(receiver)) if receiver else None
    with open_replica(database) as replica:
        data = replica.export(since)
    write_file(output or "-", data)


@cli.command()
@click.argument("file", type=click.Path(allow_dash=True, readable=False))
@JSON
def inspect(file: str, as_json: bool) -> None:
    """Show what is in a changeset, without any database."""
    received = unpack(read_changeset(file))
    header = received.header
    if as_json:
        found = header.for_people() | {"format": VERSION, "bytes": received.size_bytes}
        click.echo(dumps(found | {"image_bytes": received.image_bytes}))
        return
    rows = sum(table.rows for table in header.tables)
    click.echo(
        f"changeset of site {header.sender.hex()}, written {clock.show_time(clock.from_ms(header.created_ms))}: "
        f"{rows:,} rows, {received.size_bytes:,} bytes"
    )
    print_table(
        ["table", ">rows", ">deleted", "key", "columns"],
        [
            [
                table.name,
                f"{table.rows:,}",
                f"{table.gone:,}",
                ", ".join(table.key),
                ", ".join(name for name, _ in table.columns),
            ]
            for table in header.tables
        ],
    )
    for site in header.sites:
        if site.upto:
            needs = clock.show_time(site.needs) if site.needs else "the beginning"
            click.echo(f"site {site.id.hex()}: after {needs}, up to {clock.show_time(site.upto)}")


@cli.command(name="import")
@DATABASE
@click.argument("file", type=click.Path(allow_dash=True, readable=False))
@JSON
def import_(database: str, file: str, as_json: bool) -> None:
    """Merge a changeset into DATABASE, as a whole or not at all; - reads standard input."""
    data = read_changeset(file)
    with open_replica(database) as replica:
        report = replica.merge(data)
    _show_reports({database: report}, as_json)


@cli.command(name="sync")
@click.argument("first", type=click.Path(dir_okay=False, readable=False))
@click.argument("second", type=click.Path(dir_okay=False, readable=False))
@JSON
def sync_(first: str, second: str, as_json: bool) -> None:
    """Exchange changes both ways between two files."""
    with open_replica(first) as one, open_replica(second) as other:
        into_first, into_second = sync(one, other)
    _show_reports({first: into_first, second: into_second}, as_json)


def _show_reports(reports: dict[str, MergeReport], as_json: bool) -> None:
    if as_json:
        found = {path: report.to_json() for path, report in reports.items()}
        click.echo(dumps(found if len(found) > 1 else next(iter(found.values()))))
        return
    for path, report in reports.items():
        total = report.total
        if report.known or not report.tables:
            click.echo(f"{path}: nothing new")
            continue
        click.echo(
            f"{path}: {total.inserted:,} rows inserted, {total.updated:,} updated, {total.deleted:,} deleted; "
            f"{total.cells_won:,} cells won, {total.cells_lost:,} lost, {total.concurrent:,} concurrent overwrites"
        )
        if total.renumbered:
            click.echo(f"  {total.renumbered:,} rows renumbered, see them: {suggest.plain_command('renumbered', path)}")
        if total.concurrent:
            click.echo(f"  see them: {suggest.plain_command('conflicts', path)}")
        if total.held:
            click.echo(
                f"  {total.held:,} rows can't be shown, or not as they are; why: {suggest.plain_command('held', path)}"
            )


@cli.command()
@DATABASE
@click.option("--table", help="Only rows of this table.")
@JSON
def renumbered(database: str, table: str | None, as_json: bool) -> None:
    """List rows that have another number than they were inserted under.

    When several replicas insert rows under one number, one row keeps it and the others get numbers from 2^52 on; foreign keys
    follow. References that are not declared as foreign keys can't, and must be changed by hand.
    """
    with open_replica(database) as replica:
        found = replica.renumbered(table)
    if as_json:
        click.echo(dumps([row.to_json() for row in found]))
        return
    if not found:
        click.echo("no row was renumbered")
        return
    print_table(
        ["table", ">old number", ">new number", "inserted"],
        [[row.table, str(row.old), str(row.new), row.when] for row in found],
    )


@cli.command()
@DATABASE
@click.argument("table")
@click.argument("key", nargs=-1, required=True)
@JSON
def blame(database: str, table: str, key: tuple[str, ...], as_json: bool) -> None:
    """Show per column of a row: the value, which site wrote it, and when."""
    with open_replica(database) as replica:
        cells = replica.blame(table, *key)
        me = replica.site
    if as_json:
        click.echo(dumps([cell.to_json() for cell in cells]))
        return
    if cells and not cells[0].shown:
        click.echo("this row is deleted; these are its last values")
    rows = []
    for cell in cells:
        written = f"before {cell.time} (when the table was enabled)" if cell.genesis else cell.time
        rows.append([cell.column, show(cell.value), _named(cell.site, me), written])
        for part in cell.parts:
            value = "removed" if part.removed else show(part.value) if part.value is not None else ""
            rows.append([f"  {part.part}", value, _named(part.site, me), clock.show_time(part.hlc)])
    print_table(["column", "value", "site", "written"], rows)


def _named(site: str, me: str) -> str:
    return f"{site} (this file)" if site == me else site


@cli.command()
@click.option("--keep", type=click.Path(file_okay=False), help="Keep the replicas in this folder.")
@click.option("--seed", type=int, default=None, help="Repeat the same writes.")
def demo(keep: str | None, seed: int | None) -> None:
    """Show the main job on the Chinook music shop: three replicas, offline writes, a partition, proof of convergence."""
    from crdtsql.ui.demo import run

    if not run(console(), Path(keep) if keep else None, seed):
        raise click.ClickException("the replicas differ")


@cli.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell, for example: eval "$(crdtsql completion bash)"."""
    found = get_completion_class(shell)
    if found is None:
        raise click.ClickException(f"no completion for {shell}")
    click.echo(found(cli, {}, "crdtsql", "_CRDTSQL_COMPLETE").source())


conflicts.register(cli)
schema.register(cli)
adopt.register(cli)
held.register(cli)
doctor.register(cli)


def main() -> None:
    """Run the command line."""
    cli(prog_name="crdtsql")


if __name__ == "__main__":
    main()
