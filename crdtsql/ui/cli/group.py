"""The command line: parse, call `Replica`, print. No SQL and no rules here; the commands stand in the modules beside this one."""

from __future__ import annotations

from pathlib import Path

import click
from click.shell_completion import get_completion_class

from crdtsql import __version__
from crdtsql.ui.cli import adopt, conflicts, doctor, exchange, held, look, resolve, schema, tables
from crdtsql.ui.terminal import Commands, console


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


for module in (tables, look, exchange, conflicts, resolve, schema, adopt, held, doctor):
    module.register(cli)


def main() -> None:
    """Run the command line."""
    cli(prog_name="crdtsql")
