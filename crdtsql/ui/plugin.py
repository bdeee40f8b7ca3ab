"""The sqlite-utils plugin: `sqlite-utils crdt enable app.db task`, and so on.

sqlite-utils itself does not open the file then: two copies of the SQLite library in one process must not have the same
file open (docs/SQLITE_FACTS.md, 14).
"""

from __future__ import annotations

import click
import sqlite_utils

from crdtsql.ui.cli.group import cli as crdtsql_cli


@sqlite_utils.hookimpl
def register_commands(cli: click.Group) -> None:
    """Add the group `crdt` to the commands of sqlite-utils."""
    cli.add_command(crdtsql_cli, name="crdt")
