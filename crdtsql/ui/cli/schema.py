"""The commands that change the schema and mend what others changed: alter, ids, repair, downgrade. No SQL and no rules here."""

from __future__ import annotations

import click

from crdtsql.base import policy, printable
from crdtsql.store import FORMAT
from crdtsql.ui.terminal import DATABASE, JSON, LOCK_TIMEOUT, open_replica, print_json


def register(group: click.Group) -> None:
    """Add the commands to a group."""
    for command in (alter, ids, repair, downgrade):
        group.add_command(command)


DRY_RUN = click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")


@click.command()
@DATABASE
@click.argument("statement")
@DRY_RUN
@LOCK_TIMEOUT
@JSON
def alter(database: str, statement: str, dry_run: bool, as_json: bool) -> None:
    """Run one STATEMENT that changes the schema, and let what is replicated follow it.

    ALTER TABLE (ADD COLUMN, RENAME COLUMN, DROP COLUMN, RENAME TO), CREATE TABLE, DROP TABLE, CREATE INDEX, DROP INDEX. The
    statement stays in this file: other replicas may run it too, at any time, or never, and changes go on between all of them.
    """
    with open_replica(database) as replica:
        done = replica.alter(statement, dry_run=dry_run)
    if as_json:
        print_json({"done": done, "dry_run": dry_run})
        return
    for line in done:
        click.echo(printable(line))
    if dry_run:
        click.echo("nothing was changed (--dry-run)")


@click.command()
@DATABASE
@click.argument("table")
@click.argument("kind", metavar="KIND", type=click.Choice([policy.AUTOINCREMENT]))
@LOCK_TIMEOUT
@JSON
def ids(database: str, table: str, kind: str, as_json: bool) -> None:
    """Let TABLE, which has an INTEGER PRIMARY KEY, hand out its ids in another way: KIND is autoincrement.

    With AUTOINCREMENT each replica takes ids from blocks of its own, so an id that a program was told does not change; without it, two
    replicas hand out the same ids, and one of two such rows gets another one. The table's statement in the schema gets the word; rows,
    indexes, triggers and references stay as they are. Run it on every replica.
    """
    with open_replica(database) as replica:
        changed = replica.set_ids(table, kind)
    if as_json:
        print_json({"table": table, "kind": kind, "changed": changed})
        return
    was = "" if changed else " already"
    click.echo(printable(f"{table} hands out its ids by {kind.upper()}{was}; run the same on every other replica"))


@click.command()
@DATABASE
@click.option(
    "--restamp", multiple=True, metavar="TABLE", help="All that TABLE shows counts as written now, in this file."
)
@click.option(
    "--accept",
    multiple=True,
    metavar="TABLE",
    help="Nobody wrote to TABLE while its triggers were missing: what it shows counts as it is.",
)
@DRY_RUN
@LOCK_TIMEOUT
@JSON
@click.pass_context
def repair(
    ctx: click.Context,
    database: str,
    restamp: tuple[str, ...],
    accept: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Mend what was done to replicated tables without crdtsql, and find the writes that no trigger saw.

    Columns and tables that were added, renamed or dropped, triggers that were dropped, tables that were rebuilt. Values that were
    changed while the triggers of a table were missing can't be told from old ones: they keep their stamps, and
    stay reported as in doubt, until --restamp or --accept says what they are.
    """
    with open_replica(database) as replica:
        report = replica.repair(restamp=restamp, accept=accept, dry_run=dry_run)
    if as_json:
        print_json(report.to_json())
    else:
        for finding in report.findings:
            click.echo(printable(f"{finding.table}: {finding.problem}: {finding.done}"))
        if not report.findings:
            click.echo(f"{database}: nothing to repair")
        elif dry_run:
            click.echo("nothing was changed (--dry-run)")
    if not report.mended:
        ctx.exit(1)


@click.command()
@DATABASE
@click.option("--to", type=int, default=FORMAT - 1, show_default=True, metavar="FORMAT", help="The file format.")
@LOCK_TIMEOUT
@JSON
def downgrade(database: str, to: int, as_json: bool) -> None:
    """Write DATABASE in an earlier file format, so that an earlier version of crdtsql opens it; or say why that can't be.

    All that is replicated stays as it is, and the file stays the replica that it is. The next command of this version that opens it
    for writing upgrades it again.
    """
    with open_replica(database) as replica:
        changed = replica.downgrade(to)
    if as_json:
        print_json({"format": to, "changed": changed})
        return
    click.echo(f"{database} {'is in' if changed else 'was in'} file format {to}{'' if changed else ' already'}")
