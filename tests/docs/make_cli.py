"""Write docs/CLI.md from the commands themselves: `python -m tests.docs.make_cli`. A test fails when the page is stale."""

from __future__ import annotations

from collections.abc import Iterator

import click

from crdtsql.ui.cli import cli
from crdtsql.ui.outcome import EXIT_CODES
from tests.docs.blocks import ROOT

PAGE = ROOT / "docs" / "CLI.md"
WIDTH = 100
INTRODUCTION = """# Commands

Every command with its options, as `crdtsql COMMAND --help` prints them. This page is made by `make cli-page`; the
[guide](GUIDE.md) shows how the commands are used.

A command that fails prints one line to standard error. Notices go there too, and on a terminal the progress of long work. The exit code
says how it ended:

{codes}

With `--json`, standard output is one JSON document and nothing else. What a command reports stands there, also where the exit code is 1
or 3 because of it. If it fails, standard output is empty, and standard error has the error as a JSON object on a line of its own:

```json
{{"error": {{"kind": "NotEnabledError", "message": "app.db: ...", "details": {{}}, "exit_code": 1}}}}
```

`kind` is the exception that Python raises ([PYTHON.md](PYTHON.md#exceptions)), and `details` are its fields; besides there are `OSError`,
`MemoryError`, `Interrupted`, and `Fault` for a mistake of crdtsql's. A notice is such a line too: `{{"notice": "..."}}`. Stamps (`hlc`,
vectors) are strings, because as numbers they are beyond 2^53, where many programs round. The `key` of a row is a list of the values of its
key's columns; only in an entry of `conflicts` the key of one column is the value itself.
"""


def commands(group: click.Group, parent: click.Context) -> Iterator[tuple[click.Command, click.Context]]:
    """Yield the commands below a group with their contexts, by name."""
    for name in group.list_commands(parent):
        command = group.get_command(parent, name)
        assert command is not None
        context = click.Context(command, info_name=name, parent=parent, terminal_width=WIDTH, max_content_width=WIDTH)
        yield command, context
        if isinstance(command, click.Group):
            yield from commands(command, context)


def page() -> str:
    """Make the page's text."""
    top = click.Context(cli, info_name="crdtsql", **cli.context_settings)
    found = list(commands(cli, top))
    listed = "\n".join(
        f"| [`{context.command_path}`](#{context.command_path.replace(' ', '-')}) | {summary(command)} |"
        for command, context in found
    )
    sections = "\n".join(section(context) for _, context in found)
    codes = "\n".join(
        ["| exit code | means |", "|---|---|", *(f"| {code} | {text} |" for code, text in EXIT_CODES.items())]
    )
    return f"{INTRODUCTION.format(codes=codes)}\n| command | does |\n|---|---|\n{listed}\n\n{sections}"


def summary(command: click.Command) -> str:
    """Return the first sentence of a command's help."""
    return command.get_short_help_str(limit=1000).replace("|", "\\|")


def section(context: click.Context) -> str:
    """Write a command's section."""
    lines = "\n".join(line.rstrip() for line in context.get_help().split("\n"))
    return f"## {context.command_path}\n\n```text\n{lines}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
