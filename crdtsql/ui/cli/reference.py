"""The command about references that the schema does not declare. No SQL and no rules here."""

from __future__ import annotations

import click

from crdtsql.base import UsageError, printable
from crdtsql.numbers import FollowedReference
from crdtsql.replica import Replica
from crdtsql.ui.terminal import DATABASE, JSON, LOCK_TIMEOUT, open_replica, print_json


def register(group: click.Group) -> None:
    """Add the command to the others."""
    group.add_command(reference)


@click.command()
@DATABASE
@click.argument("child", required=False, metavar="[TABLE.COLUMN]")
@click.argument("parent", required=False, metavar="[TABLE.COLUMN]")
@click.option("--drop", is_flag=True, help="Take back what was declared of the first column.")
@LOCK_TIMEOUT
@JSON
def reference(database: str, child: str | None, parent: str | None, drop: bool, as_json: bool) -> None:
    """Declare that a column refers to another one, to crdtsql alone: for schemas without FOREIGN KEY.

    The first column refers to the second one; `table.a,b` are two columns. Where a row gets another automatic id, or counts as one
    with another row (`unique ... same`), what refers to it follows, as a foreign key would. Nothing is enforced: a row whose reference
    leads nowhere stays as it is. Run it on every replica: those that don't have it refuse the changesets of those that do. It may be
    declared late; only of a column that is part of a key it can be too late. With no column, list what is declared.
    """
    with open_replica(database) as replica:
        if child is None:
            found = replica.references()
            print_json([one.to_json() for one in found]) if as_json else _list(found)
            return
        changed = _change(replica, child, parent, drop=drop)
    if as_json:
        print_json({"child": child, "parent": parent, "dropped": drop, "changed": changed})
        return
    if drop:
        said = f"{child} is not followed any more" if changed else f"of {child} nothing was declared"
    else:
        said = f"{child} refers to {parent}{'' if changed else ' already'}"
    click.echo(printable(f"{said}; run the same on every other replica"))


def _change(replica: Replica, child: str, parent: str | None, *, drop: bool) -> bool:
    if drop:
        return replica.drop_reference(child, parent)
    if parent is None:
        raise UsageError(f"say what {child!r} refers to, as in table.column; or --drop to take back what was declared")
    return replica.set_reference(child, parent)


def _list(found: list[FollowedReference]) -> None:
    for one in found:
        missing = f" (not followed: {one.missing} is not in this file)" if one.missing else ""
        click.echo(printable(f"{' refers to '.join(one.names)}{missing}"))
    click.echo(f"{len(found):,} reference{'' if len(found) == 1 else 's'} declared to crdtsql")
