"""What a person sees before a table is enabled: the command doctor, and the keys that enable adds. No SQL and no rules here."""

from __future__ import annotations

import click

from crdtsql.base import printable
from crdtsql.look import Finding, Report, TableFindings
from crdtsql.replica import Replica
from crdtsql.ui.outcome import wants_json
from crdtsql.ui.terminal import DATABASE, JSON, LOCK_TIMEOUT, ask, open_replica, print_json

ADD_KEY = click.option(
    "--add-key", is_flag=True, help="Give tables without a usable primary key one; shows how, and asks."
)
YES = click.option("-y", "--yes", is_flag=True, help="Don't ask.")


def register(group: click.Group) -> None:
    """Add the command to a group."""
    group.add_command(doctor)


@click.command()
@DATABASE
@click.argument("tables", nargs=-1)
@LOCK_TIMEOUT
@JSON
@click.pass_context
def doctor(ctx: click.Context, database: str, tables: tuple[str, ...], as_json: bool) -> None:
    """Say whether tables can be replicated, what merges will do with them, and what is broken; changes nothing.

    Works before anything is enabled. Without TABLES, looks at all. Exit code 1 if something in a replicated table is broken, or a
    table that was named can't be enabled; else 0.
    """
    with open_replica(database) as replica:
        report = replica.doctor(*tables)
    if as_json:
        print_json(report.to_json())
    else:
        _show(report)
    if report.broken or (tables and not all(table.can_enable for table in report.tables)):
        ctx.exit(1)


def _show(report: Report) -> None:
    for finding in report.findings:
        _line(finding)
    for table in report.tables:
        click.echo(printable(f"{table.name}: {_state(table)}"))
        for finding in table.findings:
            _line(finding)
    found = [*report.findings, *(finding for table in report.tables for finding in table.findings)]
    count = sum(finding.level == "broken" for finding in found)
    ready = [table.name for table in report.tables if table.can_enable and not table.enabled]
    click.echo(
        printable(
            f"{count} broken" if count else f"nothing is broken; can be enabled: {', '.join(ready) or 'no more tables'}"
        )
    )


def _state(table: TableFindings) -> str:
    if table.kind == "absent":
        return "kept for other replicas"
    if table.enabled:
        return "replicated"
    if table.kind == "virtual":
        return "kept by each replica"
    return "can be enabled" if table.can_enable else "can't be enabled"


def _line(finding: Finding) -> None:
    fix = f" -> {finding.fix}" if finding.fix else ""
    click.echo(printable(f"  {finding.level:7} {finding.about}: {finding.text}{fix}"))


def confirm_keys(replica: Replica, tables: tuple[str, ...], *, all_tables: bool, yes: bool) -> None:
    """Show how tables get their keys, and ask whether to go on.

    Raises:
        UsageError: nobody can be asked.
        CrdtsqlError: the answer is no.
    """
    plans = replica.key_plans(*tables, all=all_tables)
    for plan in [] if wants_json() else plans:
        for line in plan.meaning:
            click.echo(printable(f"{plan.table}: {line}"))
        for statement in plan.statements:
            click.echo("  " + "\n  ".join(printable(line) for line in f"{statement};".splitlines()))
    if plans and not yes:
        ask("add these keys")
