"""The command that makes one file of two that were filled separately: `combine`. No SQL and no rules here."""

from __future__ import annotations

from typing import Literal

import click

from crdtsql.base import UsageError, printable, suggest
from crdtsql.combine import CombinedTable, CombineReport, UndoReport
from crdtsql.ui.terminal import DATABASE, JSON, LOCK_TIMEOUT, open_replica, print_json


def register(group: click.Group) -> None:
    """Add the command to a group."""
    group.add_command(combine)


@click.command()
@DATABASE
@click.argument("other", required=False, type=click.Path(dir_okay=False, readable=False))
@click.option(
    "--take",
    type=click.Choice(["ours", "theirs"]),
    default="ours",
    show_default=True,
    help="Rows of one key that both files have with other values: keep those of DATABASE, or take those of OTHER.",
)
@click.option("--undo", is_flag=True, help="Take back the last combination.")
@click.option("--changed-too", is_flag=True, help="With --undo: delete also rows that were changed since.")
@click.option("--again", is_flag=True, help="Also if OTHER was combined with DATABASE before.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
@LOCK_TIMEOUT
@JSON
def combine(
    database: str,
    other: str | None,
    take: Literal["ours", "theirs"],
    undo: bool,
    changed_too: bool,
    again: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Let all rows of OTHER, an SQLite file that was filled separately, become rows of DATABASE; OTHER stays as it is.

    Rows with automatic ids (INTEGER PRIMARY KEY) get ids that are free in DATABASE, and declared foreign keys follow. Rows
    with another key are the same row if both files have the key. Constraints hold, as after any merge, and the rows go to the other
    replicas. Files that were copied from each other are brought together by `sync`.
    """
    if (other is None) != undo:
        raise UsageError("name the other file, or give --undo")
    if (changed_too and not undo) or (undo and (again or take != "ours")):
        raise UsageError("--changed-too goes with --undo; --take and --again go with OTHER")
    with open_replica(database) as replica:
        done = (
            replica.combine(other, take=take, again=again, dry_run=dry_run)
            if other is not None
            else replica.undo_combine(changed_too=changed_too, dry_run=dry_run)
        )
    if as_json:
        print_json(done.to_json())
        return
    for line in _undone(database, done) if isinstance(done, UndoReport) else _combined(database, done):
        click.echo(printable(line))
    if dry_run:
        click.echo("nothing was changed (--dry-run)")


def _combined(database: str, report: CombineReport) -> list[str]:
    lines = [line for name, table in report.tables.items() for line in _table(name, table, report)]
    for name, rows in report.left_out.items():
        lines.append(f"table {name!r} is not replicated in {database}: its {rows:,} rows were left out")
    if report.held_there:
        why = suggest.plain_command("held", report.other)
        lines.append(f"{report.other} has {report.held_there:,} rows that it does not show, or not as they are: {why}")
    lines.append(f"{database}: {report.inserted:,} rows came in")
    if any(table.held for table in report.tables.values()):
        lines.append(f"  rows that can't be shown, or not as they are: {suggest.plain_command('held', database)}")
    if not report.dry_run:
        lines.append(f"  to take it back: {suggest.plain_command('combine', database, options=['--undo'])}")
    return lines


def _table(name: str, table: CombinedTable, report: CombineReport) -> list[str]:
    facts = [f"{name}: {table.rows:,} rows, {table.inserted:,} of them new"]
    facts += [f"ids and references to them +{table.added:,}"] if table.added else []
    facts += [f"{table.same:,} were here with equal values"] if table.same else []
    took = "stay as they are" if report.take == "ours" else "have the other file's values"
    facts += [f"{table.differing:,} were here with other values, and {took}"] if table.differing else []
    facts += [f"{table.held:,} held"] if table.held else []
    lines = [", ".join(facts)]
    if table.alike:
        lines.append(
            f"  {table.alike:,} of them equal one here under the same id, and are there twice now: was one file copied?"
        )
    for column, values in table.left_out.items():
        lines.append(f"  column {column!r} is not in this file: {values:,} values were left out")
    return lines


def _undone(database: str, report: UndoReport) -> list[str]:
    lines = [f"{name}: {rows:,} rows deleted" for name, rows in report.deleted.items()]
    lines += [
        f"{name}: {rows:,} rows were changed since, and stay (--changed-too deletes them)"
        for name, rows in report.changed.items()
    ]
    if report.restored:
        lines.append(f"{report.restored:,} values are as before")
    if report.failed:
        lines.append(
            f"{report.failed:,} values are not, because their rows are held, or a constraint refuses those from before; once nothing "
            "is in their way: "
            + suggest.plain_command("resolve", database, options=["--site", report.site, "--take", "ours"])
        )
    if report.kept:
        lines.append(
            f"what came into {', '.join(report.kept)} stays, because columns of these types merge without a conflict: look at the "
            "rows, and write what they should be"
        )
    return [*lines, f"{database}: what came from {report.other} is taken back"]
