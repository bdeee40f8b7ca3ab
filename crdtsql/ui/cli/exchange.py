"""The commands that bring changes from one replica to another: `clone`, `vector`, `export`, `inspect`, `import`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from crdtsql.base import RETIRED, by_id, clock, parse_vector, suggest, vector_to_json
from crdtsql.ui.merged import MAX_DELETES, REQUIRE_SIGNED, YES, asking, letting, limit_words, show_report
from crdtsql.ui.outcome import NOTHING_DONE, show_notice
from crdtsql.ui.terminal import DATABASE, JSON, LOCK_TIMEOUT, open_replica, print_json, print_table

if TYPE_CHECKING:
    from crdtsql.wire import Changeset


def register(group: click.Group) -> None:
    """Add the commands to the others."""
    for command in (clone, vector, export, inspect, import_):
        group.add_command(command)


@click.command()
@DATABASE
@click.argument("copy", type=click.Path(dir_okay=False, readable=False))
@LOCK_TIMEOUT
@JSON
def clone(database: str, copy: str, as_json: bool) -> None:
    """Write a second replica of DATABASE to COPY, with a site id of its own."""
    with open_replica(database) as replica, replica.clone(copy) as cloned:
        site = cloned.site
    if as_json:
        print_json({"file": copy, "site": site})
        return
    click.echo(f"cloned {database} to {copy}")


@click.command()
@DATABASE
@LOCK_TIMEOUT
@click.option("--json", is_flag=True, expose_value=False, help="Changes nothing: it prints JSON in any case.")
def vector(database: str) -> None:
    """Print the version vector as JSON: per site, up to which of its changes this replica has all."""
    with open_replica(database) as replica:
        print_json(vector_to_json(replica.vector()))


@click.command()
@DATABASE
@click.option(
    "--for",
    "receiver",
    type=click.Path(allow_dash=True, readable=False),
    help="The receiver's `vector`; all without it.",
)
@click.option(
    "-o", "--output", type=click.Path(allow_dash=True, readable=False), help="The file to write; - is standard output."
)
@click.option("--skip-empty", is_flag=True, help="If there is nothing to send, write nothing and exit with 3.")
@LOCK_TIMEOUT
@JSON
@click.pass_context
def export(
    ctx: click.Context, database: str, receiver: str | None, output: str | None, skip_empty: bool, as_json: bool
) -> None:
    """Write a changeset with what the receiver lacks.

    It may be empty, and to import it does no harm. With --skip-empty no file is written then, so that
    `crdtsql export ... -o FILE --skip-empty && send FILE` sends what there is to send.
    """
    from crdtsql.wire import parts_of, read_text, unpack, write_file

    if output is None and sys.stdout.isatty():
        raise click.UsageError("name a file with -o, or send standard output somewhere")
    if as_json and output in (None, "-"):
        raise click.UsageError("--json needs a file (-o): the changeset would be on standard output too")
    since = parse_vector(read_text(receiver)) if receiver else {}
    with open_replica(database) as replica:
        data = replica.export_spilled(since, skip_empty=skip_empty)
    if data:
        write_file(output or "-", data)
    if as_json:
        headers = [unpack(one).header for one in parts_of(data)] if data else []
        print_json(
            {
                "file": output if data else None,
                "bytes": len(data),
                "rows": sum(table.rows for header in headers for table in header.tables),
                "empty": not any(header.has_news_for(by_id(since)) for header in headers),
            }
        )
    if not data:
        if not as_json:
            show_notice("nothing to send: the receiver has everything; no file was written")
        ctx.exit(NOTHING_DONE)


@click.command()
@click.argument("file", type=click.Path(allow_dash=True, readable=False))
@JSON
def inspect(file: str, as_json: bool) -> None:
    """Show what is in a changeset, or in each of a bundle, without any database."""
    from crdtsql.wire import is_bundle, parts_of, read_changeset, unpack

    data = read_changeset(file)
    found = parts_of(data)
    if as_json:
        told = [_in_json(unpack(one)) for one in found]
        print_json({"changesets": told, "bytes": len(data)} if is_bundle(data) else told[0])
        return
    if is_bundle(data):
        click.echo(f"bundle of {len(found):,} changesets, {len(data):,} bytes")
    for one in found:
        _show_changeset(unpack(one))


def _in_json(received: Changeset) -> dict[str, Any]:
    found = received.header.for_people() | {"format": received.version, "bytes": received.size_bytes}
    return found | {"unfolded_bytes": received.unfolded_bytes}


def _show_changeset(received: Changeset) -> None:
    from crdtsql.ui.sites import say

    header = received.header
    rows = sum(table.rows for table in header.tables)
    names = {site.hex(): name for site, (name, _) in header.names.items() if name}
    click.echo(
        f"changeset of site {say(header.sender.hex(), names)}, written {clock.show_time(clock.from_ms(header.created_ms))}: "
        f"{rows:,} rows, {received.size_bytes:,} bytes"
    )
    print_table(
        ["table", ">rows", ">deleted", "key", "columns"],
        [
            [
                table.name,
                f"{table.rows:,}",
                f"{table.gone:,}",
                ", ".join(table.key),
                ", ".join(name for name, _ in table.columns),
            ]
            for table in header.tables
        ],
    )
    for site in header.sites:
        if site.upto:
            needs = clock.show_time(site.needs) if site.needs else "the beginning"
            called = "sites that were ended" if site.id == RETIRED else f"site {say(site.id.hex(), names)}"
            click.echo(f"{called}: after {needs}, up to {clock.show_time(site.upto)}")


@click.command(name="import")
@DATABASE
@click.argument("file", type=click.Path(allow_dash=True, readable=False))
@MAX_DELETES
@REQUIRE_SIGNED
@YES
@LOCK_TIMEOUT
@JSON
def import_(database: str, file: str, max_deletes: str, require_signed: bool, yes: bool, as_json: bool) -> None:
    """Merge a changeset into DATABASE, as a whole or not at all; - reads standard input."""
    from crdtsql.ui.changed import changed_since
    from crdtsql.wire import read_changeset

    data = read_changeset(file)
    with open_replica(database) as replica:
        replica.require_signed = require_signed
        position = replica.position() if as_json else 0
        given = ["--require-signed"] if require_signed else []
        agreed = ["--yes", *given] if yes else given
        again = suggest.command("import", database, file, options=[*limit_words(max_deletes), *given, "--yes"])
        with letting(suggest.command("import", database, file, options=[*agreed, "--max-deletes", "off"])):
            report = asking(
                lambda refuse: replica.merge(data, refuse_unrelated=refuse, max_deletes=max_deletes),
                again,
                suggest.verb("combine"),
                yes=yes,
            )
        if as_json:
            print_json(report.to_json() | {"changed": changed_since(replica, position).to_json()})
            return
    show_report(database, report)
