"""The command line: parse, call `Replica`, print. No SQL and no rules here; the commands stand in the modules beside this one."""

from __future__ import annotations

import gc
from importlib import import_module
from typing import Final

import click

from crdtsql.base import CrdtsqlError, __version__
from crdtsql.ui.interrupts import end_by_interrupt, ignore_interrupts
from crdtsql.ui.outcome import FAILED, INTERRUPTED, Commands
from crdtsql.ui.terminal import JSON, console, print_json

PLACES: Final = {
    name: module
    for module, names in {
        "adopt": "schema",
        "carry": "sync reconcile",
        "combine": "combine",
        "forgetting.compact": "compact forget rejoin",
        "conflicts": "conflicts undelete",
        "doctor": "doctor",
        "exchange": "clone vector export inspect import",
        "rows.held": "held unique",
        "rows.claim": "claim renew release complete claims fence",
        "rows.diff": "diff",
        "access.encryption": "encryption",
        "access.serving": "serve",
        "access.tokens": "token",
        "access.trust": "sign trust",
        "access.allow": "allow aside",
        "look": "status members log blame renumbered",
        "running.observe": "metrics verify",
        "running.arbiter": "arbitrate",
        "running.queries": "observe",
        "forgetting.purge": "purge",
        "forgetting.strangers": "strangers",
        "past.history": "history show",
        "past.undo": "undo",
        "reference": "reference",
        "remotes": "remote name",
        "resolve": "resolve",
        "running.agents": "mcp",
        "running.run": "run",
        "running.service": "service",
        "schema": "alter ids repair downgrade",
        "tables": "enable disable type rows",
        "rows.write": "write revision",
    }.items()
    for name in names.split()
}
"""Command -> the module beside this one in which it stands, which is imported when somebody asks for it."""


class _Verbs(Commands):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*PLACES, *super().list_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.commands:  # of an unknown one click says which are spelled nearly so
            for module in {PLACES[cmd_name]} if cmd_name in PLACES else {*PLACES.values()}:
                import_module(f"crdtsql.ui.cli.{module}").register(self)
        return super().get_command(ctx, cmd_name)


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
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
    Between machines, through a folder or a bucket that both see, once or live:
      crdtsql sync app.db dir:/mnt/team
      crdtsql sync app.db s3://bucket/team
      crdtsql sync app.db dir:/mnt/team --watch

    \b
    By any other way that carries a file:
      crdtsql vector app.db > app.vv                           what this replica has
      crdtsql export laptop.db --for app.vv -o delta.crdt      what it lacks
      crdtsql import app.db delta.crdt
    """


@cli.command()
@click.option("--keep", type=click.Path(file_okay=False), help="Keep the replicas in this folder.")
@click.option("--seed", type=int, default=None, help="Repeat the same writes.")
@JSON
@click.pass_context
def demo(ctx: click.Context, keep: str | None, seed: int | None, as_json: bool) -> None:
    """Show the main job on the Chinook music shop: three replicas, offline writes, a partition, live syncs, proof of convergence."""
    from pathlib import Path

    from crdtsql.ui.demo import run

    equal = run(console(), Path(keep) if keep else None, seed)
    if as_json:
        print_json({"equal": equal})
        ctx.exit(0 if equal else FAILED)
    if not equal:
        raise CrdtsqlError("the replicas differ")


@cli.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@JSON
def completion(shell: str, as_json: bool) -> None:
    """Print the completion script of a shell, for example: eval "$(crdtsql completion bash)"."""
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is None:
        raise CrdtsqlError(f"no completion for {shell}")
    script = found(cli, {}, "crdtsql", "_CRDTSQL_COMPLETE").source()
    print_json({"shell": shell, "script": script}) if as_json else click.echo(script)


def main() -> None:
    """Run the command line."""
    try:
        cli(prog_name="crdtsql")
    except SystemExit as end:
        if end.code == INTERRUPTED:
            end_by_interrupt()
        raise
    finally:
        ignore_interrupts()
        gc.freeze()  # the process ends: nothing has to be looked through for garbage any more
