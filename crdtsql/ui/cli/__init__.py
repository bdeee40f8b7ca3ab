"""The command line, a group of verbs a module."""

from crdtsql.ui.cli.group import cli, main

__all__ = ["cli", "main"]
