"""The command that says what a merge would do, `diff`, and how `sync --dry-run` says it."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import click

from crdtsql.base import printable, show, show_key
from crdtsql.ui.cli.access.showing import TOKEN_FILE, token_in, with_token
from crdtsql.ui.terminal import DATABASE, JSON, LOCK_TIMEOUT, open_rehearsed, print_json

if TYPE_CHECKING:
    from crdtsql.replica import SidePreview, SyncPreview

LISTED = 1_000
LIMIT = click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=LISTED,
    show_default=True,
    help="List at most so many rows, conflicts, held rows and cells; counts are whole.",
)


def register(group: click.Group) -> None:
    """Add the command to the others."""
    group.add_command(diff)


@click.command()
@DATABASE
@click.argument("remote")
@LIMIT
@TOKEN_FILE
@LOCK_TIMEOUT
@JSON
def diff(database: str, remote: str, limit: int, token_file: str | None, as_json: bool) -> None:
    """Say row by row what a sync of DATABASE with REMOTE would do: rows that change, what collides, and what can't be shown.

    REMOTE is another file, the name of a remote, or an address, as in `sync`. Nothing is changed on either side. Of a remote that is
    no file, what would be sent there is listed cell by cell. --json has the same in the keys `here` and `there`.
    """
    token = token_in(token_file, remote)
    with open_rehearsed(database) as replica:
        there = with_token(replica, remote, token)
        with nullcontext() if isinstance(there, str) else there:
            found = replica.preview(there, refuse_unrelated=True, limit=limit)
    if as_json:
        print_json(found.to_json())
        return
    show_preview(found)


def show_preview(found: SyncPreview) -> None:
    """Print for people what a sync would do."""
    if found.stopped:
        click.echo(f"this would be refused: {printable(found.stopped)}; if it were not:")
    sides = [found.here] if found.there is None else [found.here, found.there]
    for side in sides:
        _show_side(side)
    if found.there is None:
        for change in found.cells:
            where = f"{printable(found.remote)}: {printable(change.table)} {show_key(change.key_parts)} would be sent"
            value = f"{printable(change.column)} = {show(change.value)}" if change.column else "the row"
            click.echo(f"{where}: {'deleted' if change.deleted else value}")
        _say_more(len(found.cells), found.cell_count, "cells to be sent")
    for reason in found.skipped:
        click.echo(f"{printable(found.remote)}: would be left out: {printable(reason)}")
    if not any(_is_changed(side) for side in sides) and not found.cell_count:
        click.echo("nothing would change")


def _is_changed(side: SidePreview) -> bool:
    return bool(side.row_count or side.conflict_count or side.held_count or side.released_count)


def _show_side(side: SidePreview) -> None:
    name = printable(side.path)
    for row in side.rows:
        columns = ", ".join(f"{printable(column)} = {show(value)}" for column, value in row.columns.items())
        end = f": {columns}" if columns else ""
        click.echo(f"{name}: {printable(row.table)} {show_key(row.key)} would be {row.did}{end}")
    _say_more(len(side.rows), side.row_count, "rows")
    for one in side.conflicts:
        column = one.column + (f" {one.part}" if one.part else "")
        values = f"{show(one.won_value)} over {show(one.lost_value)}"
        click.echo(f"{name}: {printable(one.table)} {show_key(one.key)} {printable(column)} would collide: {values}")
    _say_more(len(side.conflicts), side.conflict_count, "conflicts")
    for held in side.held:
        why = f"{held.reason}{f' ({printable(held.detail)})' if held.detail else ''}"
        shown = ", and shown all the same" if held.shown else ""
        click.echo(f"{name}: {printable(held.table)} {show_key(held.key)} would be held: {why}{shown}")
    _say_more(len(side.held), side.held_count, "held rows")
    for held in side.released:
        click.echo(f"{name}: {printable(held.table)} {show_key(held.key)} would not be held any more: {held.reason}")
    _say_more(len(side.released), side.released_count, "rows that would not be held any more")
    if not _is_changed(side):
        return
    inserted, updated, deleted = (sum(counts[n] for counts in side.tables.values()) for n in range(3))
    click.echo(
        f"{name}: {inserted:,} rows would be inserted, {updated:,} updated, {deleted:,} deleted; {side.conflict_count:,} would "
        f"collide, {side.held_count:,} be held, {side.released_count:,} not any more"
    )


def _say_more(listed: int, count: int, what: str) -> None:
    if listed < count:
        click.echo(f"  and {count - listed:,} more {what}: --limit")
