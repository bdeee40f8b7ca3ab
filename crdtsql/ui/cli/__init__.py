"""The command line, a group of verbs a module."""

import gc

gc.set_threshold(
    50_000
)  # hardly anything that imports make is garbage: to look for it would be a tenth of a short command's time

from crdtsql.ui.cli.group import cli, main  # noqa: E402 - most imports come after it that way

__all__ = ["cli", "main"]
