"""The commands that bring replicas together, wherever they are: `sync` and `reconcile`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import click

from crdtsql.base import (
    CrdtsqlError,
    FilledSeparatelyError,
    StopEvent,
    TooManyDeletesError,
    UsageError,
    dumps,
    suggest,
)
from crdtsql.replica import Replica, SyncReport
from crdtsql.transports import Peer, Store, named, parse
from crdtsql.ui.cli.access.showing import TOKEN_FILE, token_in, with_token
from crdtsql.ui.cli.rows.diff import LIMIT, show_preview
from crdtsql.ui.interrupts import until_signal
from crdtsql.ui.merged import MAX_DELETES, REQUIRE_SIGNED, YES, advised, asking, letting, limit_words, show_report
from crdtsql.ui.outcome import FAILED, show_notice
from crdtsql.ui.sites import name_in
from crdtsql.ui.terminal import DATABASE, JSON, LOCK_TIMEOUT, open_rehearsed, open_replica, print_json

if TYPE_CHECKING:
    from crdtsql.merge import MergeReport


def register(group: click.Group) -> None:
    """Add the commands to the others."""
    for command in (sync, reconcile):
        group.add_command(command)


@click.command()
@DATABASE
@click.argument("remote", required=False)
@click.option("--pull", is_flag=True, help="Only take what the remote has.")
@click.option("--push", is_flag=True, help="Only give what the remote lacks.")
@click.option("--dry-run", is_flag=True, help="Change nothing, and show what would be changed, as `diff` does.")
@LIMIT
@click.option(
    "--watch",
    is_flag=True,
    help="Go on: sync as soon as there is news on either side, until a signal ends it. Nobody is asked meanwhile: without --yes, what "
    "would have to be asked is told, and tried again later.",
)
@click.option(
    "--tables", metavar="TABLE,...", help="Refuse to give or take changes of other tables; none are left out."
)
@MAX_DELETES
@REQUIRE_SIGNED
@TOKEN_FILE
@YES
@LOCK_TIMEOUT
@JSON
def sync(
    database: str,
    remote: str | None,
    pull: bool,
    push: bool,
    dry_run: bool,
    limit: int,
    watch: bool,
    tables: str | None,
    max_deletes: str,
    require_signed: bool,
    token_file: str | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Exchange changes both ways between DATABASE and REMOTE; without it, with all remotes that have names.

    REMOTE is another file, the name of a remote, or an address: its scheme says which way leads there (docs/TRANSPORTS.md).
    """
    options: dict[str, Any] = {
        "pull": pull or not push,
        "push": push or not pull,
        "tables": _names(tables),
        "max_deletes": max_deletes,
    }
    if watch and dry_run:
        raise click.UsageError("--watch changes things as they come, --dry-run nothing: give one of them")
    token = token_in(token_file, remote)
    flags = {"--pull": pull, "--push": push, "--require-signed": require_signed, "--yes": yes}
    words = _words(flags, {"--tables": tables, "--token-file": token_file})
    words += limit_words(max_deletes)
    with (open_rehearsed if dry_run else open_replica)(database) as replica:
        replica.require_signed = require_signed
        if dry_run:
            options |= {"refuse_unrelated": not yes, "limit": limit}
            _rehearse(replica, database, remote, options, token, as_json=as_json)
            return
        if watch:
            options["refuse_unrelated"] = not yes
            _watch(replica, database, remote, options, words, token=token, as_json=as_json)
            return
        if remote is not None:
            position = replica.position() if as_json else 0
            report = _sync(replica, database, remote, options, words, yes=yes, token=token)
            found = _show(database, remote, report, as_json=as_json)
            if as_json:
                _tell_changed(replica, position, found[database])
                print_json(found)
            return
        _sync_all(replica, database, options, words, yes=yes, as_json=as_json)


def _sync_all(
    replica: Replica, database: str, options: dict[str, Any], words: list[str], *, yes: bool, as_json: bool
) -> None:
    """Sync with all remotes that have names, one after the other, whatever becomes of any."""
    told, failed = {}, False
    for name in _known(replica, database):
        try:
            position = replica.position() if as_json else 0
            report = _sync(replica, database, name, options, words, yes=yes)
            told[name] = _show(database, name, report, as_json=as_json)
            if as_json:
                _tell_changed(replica, position, told[name][database])
        except CrdtsqlError as error:
            failed = True
            name_in(error, replica)
            told[name] = {"error": error.to_json()}
            show_notice(f"{name}: {error}")
    if as_json:
        print_json(told)
    click.get_current_context().exit(FAILED if failed else 0)


def _known(replica: Replica, database: str) -> list[str]:
    """Return the remotes that have names."""
    known = [*replica.remotes()]
    if not known:
        add = suggest.command("remote add", database, "NAME", "ADDRESS")
        raise UsageError(f"{database} has no remotes: say with what to sync, or name one with {add}")
    return known


def _rehearse(
    replica: Replica, database: str, remote: str | None, options: dict[str, Any], token: str | None, *, as_json: bool
) -> None:
    """Say what a sync with a remote, or with all that have names, would do; `replica` is a copy."""
    told, failed = {}, False
    for name in [remote] if remote is not None else _known(replica, database):
        try:
            there = with_token(replica, name, token)
            with nullcontext() if isinstance(there, str) else there:
                found = replica.preview(there, **options)
            rows, cells = ([one.to_json() for one in listed] for listed in (found.here.rows, found.cells))
            told[name] = {database: rows, name: cells, "preview": found.to_json()}
            if not as_json:
                show_preview(found)
        except CrdtsqlError as error:
            if remote is not None:
                raise
            failed = True
            told[name] = {"error": error.to_json()}
            show_notice(f"{name}: {error}")
    if as_json:
        print_json(told if remote is None else told[remote])
    click.get_current_context().exit(FAILED if failed else 0)


def _names(tables: str | None) -> list[str] | None:
    """Take a list of tables apart."""
    if tables is None:
        return None
    names = [part.strip() for part in tables.split(",") if part.strip()]
    if not names:
        raise click.UsageError("--tables needs the name of a table")
    return names


def _words(flags: dict[str, bool], values: dict[str, str | None]) -> list[str]:
    """Write options as they were given, for a command that is to be run next."""
    found = [flag for flag, given in flags.items() if given]
    return found + [word for option, value in values.items() if value for word in (option, value)]


def _watch(
    replica: Replica,
    database: str,
    remote: str | None,
    options: dict[str, Any],
    words: list[str],
    *,
    token: str | None,
    as_json: bool,
) -> None:
    """Sync until SIGINT or SIGTERM comes, and finish what is under way; a second one ends it at once."""
    stop = StopEvent()
    position = replica.position() if as_json else 0

    def tell(name: str, what: SyncReport | CrdtsqlError) -> None:
        nonlocal position
        if isinstance(what, CrdtsqlError):
            if isinstance(what, FilledSeparatelyError):
                what = advised(what, *_advice(replica, database, remote or name, words))
            elif isinstance(what, TooManyDeletesError):
                what = what.advised(f"run {_without_limit(database, remote or name, words)}")
            name_in(what, replica)
            show_notice(str(what) if str(what).startswith(name) else f"{name}: {what}")
        elif as_json:
            found = _show(database, name, what, as_json=True)
            position = _tell_changed(replica, position, found[database])
            click.echo(dumps(found, None))
        else:
            _show(database, name, what, as_json=False)

    with until_signal(stop.set):
        there = [] if remote is None else [with_token(replica, remote, token)]
        replica.watch(*there, stop=stop, told=tell, **options)


def _tell_changed(replica: Replica, position: int, found: Any) -> int:
    """Add to what is told of a sync which rows it changed here; return from which batch on the next one did."""
    from crdtsql.ui.changed import changed_since

    changed = changed_since(replica, position)
    found["changed"] = changed.to_json()
    return changed.position


def _sync(
    replica: Replica,
    database: str,
    remote: str,
    options: dict[str, Any],
    words: list[str],
    *,
    yes: bool,
    token: str | None = None,
) -> SyncReport:
    """Sync with one remote, and ask first where rows would be taken for one that were filled separately."""
    again, instead = _advice(replica, database, remote, words)
    with _reached(replica, remote, token) as there, letting(_without_limit(database, remote, words)):
        return asking(
            lambda refuse: replica.sync(there, **options, refuse_unrelated=refuse),
            again,
            instead,
            yes=yes,
        )


def _advice(replica: Replica, database: str, remote: str, words: list[str]) -> tuple[str, str]:
    """Return the commands that merge with a remote all the same, and that combine with it.

    Args:
        words: the options with which it is synced.
    """
    path = _file(replica, remote)
    return (
        suggest.command("sync", database, remote, options=[*words, "--yes"]),
        suggest.command("combine", database, path) if path else suggest.verb("combine"),
    )


def _without_limit(database: str, remote: str, words: list[str]) -> str:
    """Return the command that lets through whatever is deleted."""
    at = words.index("--max-deletes") if "--max-deletes" in words else len(words)
    return suggest.command("sync", database, remote, options=[*words[:at], *words[at + 2 :], "--max-deletes", "off"])


def _file(replica: Replica, name: str) -> str | None:
    """Return the path of a remote that is a file."""
    address = parse(str(named(replica.remotes(), name)))
    return address.path if address.scheme == "file" else None


@contextmanager
def _reached(replica: Replica, name: str, token: str | None) -> Iterator[Replica | Peer | Store | str]:
    """Open a remote that is a file, with its notices; others are opened by their transport."""
    path = _file(replica, name)
    if path is None:
        there = with_token(replica, name, token)
        with nullcontext() if isinstance(there, str) else there:
            yield there
        return
    with open_replica(path) as other:
        yield other


def _show(database: str, remote: str, report: SyncReport, *, as_json: bool) -> dict[str, Any]:
    """Print for people what a sync did; return the same for programs."""
    if not as_json:
        show_report(database, report.here)
        if report.there is None:
            _show_store(remote, report)
        else:
            show_report(remote, report.there)
        for reason in report.skipped:
            click.echo(f"  left out: {reason}")
    left_out = {"skipped": report.skipped} if report.skipped else {}
    return {
        database: report.here.to_json(),
        remote: report.to_json() if report.there is None else report.there.to_json() | left_out,
    }


def _show_store(remote: str, report: SyncReport) -> None:
    """Print what was taken from a store, and put there."""
    click.echo(
        f"{remote}: {report.received:,} changesets taken ({report.received_bytes:,} bytes), "
        f"{report.sent:,} put there ({report.sent_bytes:,} bytes)"
    )
    if report.waiting:
        click.echo(f"  {report.waiting:,} changesets there build on what is not there yet")


@click.command()
@DATABASE
@click.argument("copies", nargs=-1, required=True, type=click.Path(dir_okay=False, readable=False))
@MAX_DELETES
@YES
@LOCK_TIMEOUT
@JSON
def reconcile(database: str, copies: tuple[str, ...], max_deletes: str, yes: bool, as_json: bool) -> None:
    """Merge what COPIES of DATABASE have: conflict copies that Syncthing or Dropbox made of it, backups, a colleague's copy.

    The copies stay as they are. No program may be writing to them meanwhile.
    """
    reports: dict[str, MergeReport] = {}

    def hear(copy: str, report: MergeReport) -> None:
        if copy in reports:  # it was merged before a person was asked about another one
            return
        reports[copy] = report
        if not as_json:
            click.echo(f"from {copy}:")
            show_report(database, report)

    with open_replica(database) as replica:
        agreed = ["--yes"] if yes else []
        again = suggest.command("reconcile", database, *copies, options=[*limit_words(max_deletes), "--yes"])
        through = suggest.command("reconcile", database, *copies, options=[*agreed, "--max-deletes", "off"])
        try:
            with letting(through):
                asking(
                    lambda refuse: replica.reconcile(
                        *copies, refuse_unrelated=refuse, max_deletes=max_deletes, told=hear
                    ),
                    again,
                    suggest.verb("combine"),
                    yes=yes,
                )
        except CrdtsqlError:
            if as_json and reports:
                show_notice(f"what these copies have was merged before this failed: {', '.join(reports)}")
            raise
    if as_json:
        print_json({copy: report.to_json() for copy, report in reports.items()})
