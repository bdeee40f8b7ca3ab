"""The commands for monitoring: `metrics`."""

from __future__ import annotations

from contextlib import ExitStack

import click

from crdtsql.base import UsageError
from crdtsql.transports import metrics_text
from crdtsql.ui.terminal import JSON, LOCK_TIMEOUT, open_replica, print_json
from crdtsql.wire import write_file


def register(group: click.Group) -> None:
    """Add the commands to the others."""
    group.add_command(metrics)


@click.command()
@click.argument("databases", metavar="DATABASE...", nargs=-1, required=True, type=click.Path(dir_okay=False))
@click.option(
    "--textfile",
    type=click.Path(dir_okay=False, writable=True),
    help="Write them to this file, whole or not at all, for the textfile collector of Prometheus' node_exporter.",
)
@LOCK_TIMEOUT
@JSON
def metrics(databases: tuple[str, ...], textfile: str | None, as_json: bool) -> None:
    """Print figures for monitoring, in the text format of Prometheus.

    How far peers and stores are apart, as they were last seen; conflicts, held rows, sizes; and what syncs on this machine moved, and
    how long they took. docs/TRANSPORTS.md explains each. Needs the package prometheus-client.
    """
    if len(set(databases)) < len(databases):
        raise UsageError("a file is named twice")
    with ExitStack() as opened:
        text = metrics_text({path: opened.enter_context(open_replica(path)) for path in databases})
    if textfile is not None:
        write_file(textfile, text.encode())
    if as_json:
        print_json({"textfile": textfile, "text": text})
    elif textfile is None:
        click.echo(text, nl=False)
