"""The commands that compare schemas and take them over: schema show, diff, pull, push. No SQL and no rules here."""

from __future__ import annotations

import sys

import click

from crdtsql.base import dumps, printable
from crdtsql.evolve import SchemaDiff
from crdtsql.replica import Replica
from crdtsql.ui.terminal import DATABASE, JSON, open_replica

OTHER = click.argument("other", type=click.Path(dir_okay=False, readable=False))
YES = click.option("--yes", is_flag=True, help="Run the statements without asking.")
EXTRAS = click.option("--extras", is_flag=True, help="Run the CREATE statements of triggers and views too.")


def register(group: click.Group) -> None:
    """Add the commands to a group."""
    group.add_command(schema)


@click.group()
def schema() -> None:
    """Compare the schemas of two files, and take over tables and columns that are missing.

    Replicas with different schemas can be synced at any time: what one of them lacks is kept and passed on, and appears once its
    schema has it. Nothing here ever drops anything, and no statement ever travels in a changeset.
    """


@schema.command()
@DATABASE
@JSON
def show(database: str, as_json: bool) -> None:
    """Show the statements of the replicated tables, and what is kept for tables and columns that are not in the file."""
    with open_replica(database) as replica:
        found = replica.describe_schema()
    if as_json:
        click.echo(dumps([table.to_json() for table in found]))
        return
    for table in found:
        click.echo(f"-- {printable(table.summary)}")
        for statement in table.statements:
            click.echo(f"{_shown(statement)};")
        for line in table.kept:
            click.echo(f"-- {printable(line)}")
        click.echo("")


@schema.command()
@DATABASE
@OTHER
@JSON
def diff(database: str, other: str, as_json: bool) -> None:
    """Show the statements that give DATABASE the tables, columns and names that it lacks of OTHER; change nothing."""
    with open_replica(database) as replica, open_replica(other) as source:
        found = replica.schema_diff(source)
    if as_json:
        click.echo(dumps(found.to_json()))
        return
    _show(found)
    if not found.steps and not found.by_hand:
        click.echo(f"{database} has all tables and columns of {other}")


@schema.command()
@DATABASE
@OTHER
@YES
@EXTRAS
def pull(database: str, other: str, yes: bool, extras: bool) -> None:
    """Give DATABASE the tables, columns and names that it lacks of OTHER, replicated as they are there."""
    _adopt(database, other, yes=yes, extras=extras)


@schema.command()
@DATABASE
@OTHER
@YES
@EXTRAS
def push(database: str, other: str, yes: bool, extras: bool) -> None:
    """Give OTHER the tables, columns and names that it lacks of DATABASE, replicated as they are here."""
    _adopt(other, database, yes=yes, extras=extras)


def _adopt(path: str, source_path: str, *, yes: bool, extras: bool) -> None:
    with open_replica(path) as replica, open_replica(source_path) as source:
        found = replica.schema_diff(source)
        _show(found, extras=extras)
        if found.steps or (extras and found.extras):
            if not yes:
                _ask(path)
            _run(replica, source, extras=extras)
        elif not found.by_hand:
            click.echo(f"{path} has all tables and columns of {source_path}")
    if found.by_hand:
        raise click.ClickException(
            f"{len(found.by_hand)} things that {source_path} has must be added by hand; see above"
        )


def _ask(path: str) -> None:
    if not sys.stdin.isatty():
        raise click.ClickException(
            f"nothing was changed: give --yes to run these statements in {path}; nobody can be asked here"
        )
    click.confirm(f"Run this in {path}?", abort=True)


def _run(replica: Replica, source: Replica, *, extras: bool) -> None:
    done = replica.adopt_schema(source, extras=extras)
    count = len(done.steps) + (len(done.extras) if extras else 0)
    click.echo(f"{replica.path}: {count} statement{'s' if count != 1 else ''} run")


def _shown(statement: str) -> str:
    return "\n".join(printable(line) for line in statement.splitlines())


def _show(found: SchemaDiff, *, extras: bool = False) -> None:
    for step in [*found.steps, *(found.extras if extras else [])]:
        click.echo(f"{_shown(step.statement)};")
    for problem in found.by_hand:
        click.echo(f"-- by hand: {printable(str(problem))}")
    for step in [] if extras else found.extras:
        click.echo(f"-- not run without --extras: {printable(' '.join(step.statement.split()))}")
