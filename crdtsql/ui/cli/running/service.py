"""The command that prints what keeps `sync --watch` running: a unit for systemd, or a property list for launchd."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import click

from crdtsql.base import UsageError, suggest
from crdtsql.replica import Replica, asked
from crdtsql.store import Registry
from crdtsql.transports import Store, named, parse, reached
from crdtsql.ui.terminal import DATABASE, JSON, LOCK_TIMEOUT, open_replica, print_json

STATE = "CRDTSQL_STATE_DIR"


def register(group: click.Group) -> None:
    """Add the command to the others."""
    group.add_command(service)


@click.command()
@DATABASE
@click.argument("remote", required=False)
@click.option(
    "--launchd/--systemd", "launchd", default=None, help="For which of the two; the default is this system's."
)
@LOCK_TIMEOUT
@JSON
def service(database: str, remote: str | None, launchd: bool | None, as_json: bool) -> None:
    """Print a service that keeps DATABASE in step with REMOTE, or with all remotes that have names, as `sync --watch` does.

    \b
    On Linux, for this user:
      crdtsql service app.db > ~/.config/systemd/user/crdtsql-app.service
      systemctl --user enable --now crdtsql-app
    On macOS:
      crdtsql service app.db > ~/Library/LaunchAgents/crdtsql-app.plist
      launchctl load ~/Library/LaunchAgents/crdtsql-app.plist
    """
    with open_replica(database) as replica:
        known = replica.remotes()
        if remote is None and not known:
            add = suggest.command("remote add", database, "NAME", "ADDRESS")
            raise UsageError(f"{database} has no remotes: say with what to sync, or name one with {add}")
        words = [*_program(), "sync", os.path.abspath(database)]
        words += ["--watch"] if remote is None else [remote if remote in known else _from_anywhere(remote), "--watch"]
        for word in words:
            if not word.isprintable():
                raise UsageError(f"{word!r} has a character that can't stand in a service: move or rename it")
        if remote is not None and remote not in known:
            _look_at(replica, remote)
    name = f"crdtsql-{Path(database).stem}"
    if launchd is None:
        launchd = sys.platform == "darwin"
    text = _launchd(name, words) if launchd else _systemd(words)
    if as_json:
        print_json({"name": name, "for": "launchd" if launchd else "systemd", "text": text})
        return
    click.echo(text, nl=False)


def _program() -> list[str]:
    """Return what starts this program, from wherever and with whatever PATH."""
    found = shutil.which("crdtsql")
    return [os.path.abspath(found)] if found else [sys.executable, "-m", "crdtsql"]


def _look_at(replica: Replica, remote: str) -> None:
    """Check what can be known of an address here: that it is one, and that what is on this machine is there, as `sync` does."""
    address = parse(str(named(replica.remotes(), remote)))
    if address.scheme == "file":
        with open_replica(address.path) as other:
            asked(other, Registry.require)
        return
    with reached(replica, remote) as there:
        if address.scheme == "dir" and isinstance(there, Store):
            there.exists()


def _from_anywhere(remote: str) -> str:
    """Return an address that means the same in any folder."""
    address = parse(remote)
    if address.scheme not in ("dir", "file"):
        return remote
    return f"{address.scheme}:{os.path.abspath(address.path)}"


def _systemd(words: list[str]) -> str:
    state = os.environ.get(STATE)
    environment = f"Environment={_quoted(f'{STATE}={os.path.abspath(state)}')}\n" if state else ""
    return f"""[Unit]
Description=Keep {words[words.index("sync") + 1].replace("%", "%%")} in step with others
Wants=network-online.target
After=network-online.target

[Service]
ExecStart={" ".join(map(_quoted, words))}
{environment}Restart=always
RestartSec=5

[Install]
WantedBy=default.target
"""


def _quoted(word: str) -> str:
    """Write a word so that systemd takes it as it is: it reads backslashes, quotes, `%` and `$` (systemd.service, systemd.unit)."""
    for character in '\\"':
        word = word.replace(character, f"\\{character}")
    return f'"{word.replace("%", "%%").replace("$", "$$")}"'


def _launchd(name: str, words: list[str]) -> str:
    import plistlib

    found = {"Label": name, "ProgramArguments": words, "RunAtLoad": True, "KeepAlive": True, "ThrottleInterval": 5}
    state = os.environ.get(STATE)
    if state:
        found["EnvironmentVariables"] = {STATE: os.path.abspath(state)}
    return plistlib.dumps(found).decode()
