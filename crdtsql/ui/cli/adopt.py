"""The commands that compare schemas and take them over: schema show, diff, pull, push. No SQL and no rules here."""

from __future__ import annotations

import click

from crdtsql.base import CrdtsqlError, printable
from crdtsql.evolve import SchemaDiff
from crdtsql.ui.outcome import FAILED
from crdtsql.ui.terminal import DATABASE, JSON, LOCK_TIMEOUT, ask, open_replica, print_json

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
@LOCK_TIMEOUT
@JSON
def show(database: str, as_json: bool) -> None:
    """Show the statements of the replicated tables, and what is kept for tables and columns that are not in the file."""
    with open_replica(database) as replica:
        found = replica.describe_schema()
    if as_json:
        print_json([table.to_json() for table in found])
        return
    for table in found:
        click.echo(f"-- {printable(table.summary)}")
        for statement in table.statements:
            click.echo(f"{_shown(statement)};")
        for line in (*table.references, *table.kept):
            click.echo(f"-- {printable(line)}")
        click.echo("")


@schema.command()
@DATABASE
@OTHER
@LOCK_TIMEOUT
@JSON
def diff(database: str, other: str, as_json: bool) -> None:
    """Show what gives DATABASE the tables, columns, names and declared references that it lacks of OTHER; change nothing."""
    with open_replica(database) as replica, open_replica(other) as source:
        found = replica.schema_diff(source)
    if as_json:
        print_json(found.to_json())
        return
    _show(found)
    if not found.steps and not found.by_hand:
        click.echo(f"{database} has all tables and columns of {other}")


@schema.command()
@DATABASE
@OTHER
@YES
@EXTRAS
@LOCK_TIMEOUT
@JSON
@click.pass_context
def pull(ctx: click.Context, database: str, other: str, yes: bool, extras: bool, as_json: bool) -> None:
    """Give DATABASE the tables, columns, names and declared references that it lacks of OTHER, replicated as they are there."""
    _adopt(ctx, database, other, yes=yes, extras=extras, as_json=as_json)


@schema.command()
@DATABASE
@OTHER
@YES
@EXTRAS
@LOCK_TIMEOUT
@JSON
@click.pass_context
def push(ctx: click.Context, database: str, other: str, yes: bool, extras: bool, as_json: bool) -> None:
    """Give OTHER the tables, columns, names and declared references that it lacks of DATABASE, replicated as they are here."""
    _adopt(ctx, other, database, yes=yes, extras=extras, as_json=as_json)


def _adopt(ctx: click.Context, path: str, source_path: str, *, yes: bool, extras: bool, as_json: bool) -> None:
    with open_replica(path) as replica, open_replica(source_path) as source:
        found = replica.schema_diff(source)
        count = len(found.steps) + (len(found.extras) if extras else 0)
        if not as_json:
            _show(found, extras=extras)
        if count:
            if not yes:
                ask(f"run these statements in {path}")
            done = replica.adopt_schema(source, extras=extras)
            count = len(done.steps) + (len(done.extras) if extras else 0)
    if as_json:
        print_json(found.to_json() | {"run": count})
        ctx.exit(FAILED if found.by_hand else 0)
    if count:
        click.echo(f"{path}: {count} statement{'s' if count != 1 else ''} run")
    elif not found.by_hand:
        click.echo(f"{path} has all tables and columns of {source_path}")
    if found.by_hand:
        raise CrdtsqlError(f"{len(found.by_hand)} things that {source_path} has must be added by hand; see above")


def _shown(statement: str) -> str:
    return "\n".join(printable(line) for line in statement.splitlines())


def _show(found: SchemaDiff, *, extras: bool = False) -> None:
    for step in [*found.steps, *(found.extras if extras else [])]:
        click.echo(_shown(step.statement) if step.declared else f"{_shown(step.statement)};")
    for problem in found.by_hand:
        click.echo(f"-- by hand: {printable(str(problem))}")
    for step in [] if extras else found.extras:
        click.echo(f"-- not run without --extras: {printable(' '.join(step.statement.split()))}")
