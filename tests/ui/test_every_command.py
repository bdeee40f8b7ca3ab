"""What holds for every command: it can speak JSON, also when it fails, and its exit code says how it ended."""

from __future__ import annotations

import json
import logging
import os
import re
import shlex
import shutil
import time
from pathlib import Path
from typing import Any

import apsw
import click
import pytest
from click.testing import CliRunner, Result

from crdtsql import Replica, sync
from crdtsql.base.values import EXACT
from crdtsql.transports import http, secrecy
from crdtsql.ui import demo
from crdtsql.ui.cli import cli
from crdtsql.ui.outcome import EXIT_CODES
from tests.docs.make_cli import commands

TOP = click.Context(cli, info_name="crdtsql", **cli.context_settings)
COMMANDS = {
    context.command_path.removeprefix("crdtsql "): command
    for command, context in commands(cli, TOP)
    if not isinstance(command, click.Group)
}
OTHER_PUBLIC = "age1hk7xsma4jl0558kj8uaqt6h9r4rnrq2hn2ulz3q7euqvg3j7a9xqrj88rt"
PUBLIC = "age1vqmfjukmfnepm0a9utwjy6tfdn7mht8wamqdy40dhagytd488a4qp8qxnh"
SITE = "0123456789abcdef" * 2
CALLS = {
    "allow": f"app.db {SITE} --tables task --no-delete",
    "alter": "app.db 'ALTER TABLE task ADD COLUMN note'",
    "arbitrate": "app.db --with 'echo {\\\"skip\\\":true}'",
    "aside": "app.db",
    "blame": "app.db task t1",
    "claim": "app.db task/t1",
    "claims": "app.db",
    "clone": "app.db new.db",
    "combine": "app.db strange.db",
    "compact": "app.db",
    "complete": "app.db done --token 7",
    "completion": "bash",
    "conflicts": "app.db",
    "demo": "",
    "diff": "app.db peer.db",
    "disable": "app.db task",
    "doctor": "app.db",
    "downgrade": "peer.db",
    "enable": "app.db other",
    "encryption add": f"dir:sealed {PUBLIC} --name mate",
    "encryption begin": "dir:empty",
    "encryption join": f"dir:empty {'0' * 64}",
    "encryption key": "",
    "encryption list": "dir:sealed",
    "encryption remove": "dir:sealed other",
    "encryption rotate": "dir:sealed",
    "export": "app.db -o new.crdt",
    "fence": "app.db task",
    "forget": "app.db mate",
    "held": "app.db --deleted",
    "history": "app.db task on --keep 90d",
    "ids": "app.db ticket autoincrement",
    "import": "app.db all.crdt",
    "inspect": "all.crdt",
    "log": "app.db",
    "members": "app.db",
    "metrics": "app.db",
    "name": "app.db laptop",
    "observe": "app.db 'SELECT id FROM task' --initial --count 1",
    "purge": "app.db task t2",
    "reconcile": "app.db peer.db",
    "reference": "app.db ticket.subject task.id",
    "rejoin": "app.db peer.db --yes",
    "release": "app.db given --token 8",
    "remote add": "app.db peer peer.db",
    "remote list": "app.db",
    "remote remove": "app.db office",
    "remote show": "app.db office",
    "renew": "app.db kept --token 9",
    "renumbered": "app.db",
    "repair": "app.db",
    "revision": "app.db task t1",
    "resolve": "app.db --all --take ours",
    "rows": "app.db task delete-wins",
    "mcp": "app.db",
    "serve": "app.db --stdio",
    "run": "--as agent-7 --json app.db -- true",
    "schema diff": "app.db peer.db",
    "schema pull": "app.db peer.db --yes",
    "schema push": "app.db peer.db --yes",
    "schema show": "app.db",
    "service": "app.db",
    "show": "app.db ticket --as-of 0h",
    "sign": "app.db",
    "status": "app.db",
    "strangers": "app.db",
    "sync": "app.db peer.db",
    "token add": "app.db laptop",
    "token keep": "https://host/app --token-file token",
    "token list": "app.db",
    "token revoke": "app.db old",
    "trust": f"app.db {SITE} --key {'0' * 64}",
    "type": "app.db task.votes counter",
    "undelete": "app.db task t2",
    "undo": "app.db --run r7",
    "unique": "app.db task title null",
    "vector": "app.db",
    "verify": "app.db peer.db --repair --take ours",
    "write": "app.db task t1 title=x",
}
"""A call of each command that succeeds in the folder below; it fails where app.db and all.crdt are not."""
OF_ANY_FILE = {"doctor", "enable", "observe", "schema pull", "serve", "token list", "token revoke"}
"""The commands that can do what is asked of them in a file where nothing is replicated too."""
DATABASE_COMMANDS = {
    name for name, words in CALLS.items() if words.startswith(("app.db", "peer.db", "--as"))
} - OF_ANY_FILE


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with two replicas that have a conflict, a deleted row and a schema each, and a changeset; be in it."""
    connection = apsw.Connection(str(tmp_path / "app.db"))
    connection.execute(
        "CREATE TABLE task (id TEXT PRIMARY KEY, title TEXT UNIQUE, votes INTEGER); CREATE TABLE other (id INTEGER PRIMARY KEY);"
        "CREATE TABLE ticket (id INTEGER PRIMARY KEY, subject);"
        f"INSERT INTO task VALUES ('t1', 'one', {EXACT + 2}), ('t2', 'two', 2)"
    )
    connection.close()
    with Replica.open(tmp_path / "app.db") as app:
        app.enable("task", "ticket")
        app.add_remote("office", "dir:/nowhere")
        for token, resource in ((7, "done"), (8, "given"), (9, "kept")):
            app.claim(resource)
            app.connection.execute("UPDATE _crdt_claimed SET token = ? WHERE resource = ?", (token, resource))
        (tmp_path / "token").write_text(http.Tokens(tmp_path / "app.db").add("old"))
        with app.clone(tmp_path / "peer.db") as peer:
            app.connection.execute("UPDATE task SET title = 'of app' WHERE id = 't1'; DELETE FROM task WHERE id = 't2'")
            time.sleep(0.003)
            peer.set_name("mate")
            peer.connection.execute("UPDATE task SET title = 'of peer' WHERE id = 't1'")
            sync(app, peer)
            peer.alter("ALTER TABLE task ADD COLUMN more")
            peer.connection.execute("UPDATE task SET votes = 7")
            (tmp_path / "all.crdt").write_bytes(peer.export())
            app.keep_history("ticket")
    apsw.Connection(str(tmp_path / "strange.db")).execute(
        "CREATE TABLE task (id TEXT, n); INSERT INTO task VALUES ('s', 7)"
    )
    monkeypatch.chdir(tmp_path)
    for name in ("empty", "sealed"):
        (tmp_path / name).mkdir()
    secrecy.begin("dir:sealed")
    secrecy.add("dir:sealed", OTHER_PUBLIC, "other")
    return tmp_path


def call(*words: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(cli, words)


def words_of(name: str) -> list[str]:
    """Return the words of a command's call above, with --json."""
    return [*name.split(), *shlex.split(CALLS[name]), "--json"]


def check_numbers(found: Any, name: str = "") -> None:
    """Check that no number is one that programs of doubles round, and that stamps are strings of digits."""
    if isinstance(found, dict):
        for key, part in found.items():
            check_numbers(part, key)
    elif isinstance(found, list):
        for part in found:
            check_numbers(part, name)
    elif isinstance(found, int):
        assert abs(found) <= EXACT and not name.endswith("hlc"), (name, found)


def error_of(done: Result) -> dict[str, Any]:
    """Return what a command that failed says of it, which must be JSON and all that it says."""
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    found = json.loads(line)["error"]
    assert found.keys() == {"kind", "message", "details", "exit_code"}
    assert found["exit_code"] == done.exit_code and done.exit_code in EXIT_CODES
    assert "Fault" not in found["kind"]
    check_numbers(found)
    return dict(found)


def test_every_command_is_called_here() -> None:
    """No command is left out of these tests."""
    assert CALLS.keys() == COMMANDS.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_the_common_options(name: str) -> None:
    """Every command has --json, and each that opens a database --lock-timeout."""
    options = {option for parameter in COMMANDS[name].params for option in parameter.opts}
    arguments = {parameter.name for parameter in COMMANDS[name].params if isinstance(parameter, click.Argument)}
    assert "--json" in options
    assert ("--lock-timeout" in options) == bool(arguments & {"database", "databases", "first"})


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_speaks_json(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --json a command prints one JSON document; what it has to notice besides is a JSON object a line on standard error."""
    monkeypatch.setattr(demo, "run", lambda console, *_: console.print("the story") or True)
    done = call(*words_of(name))
    assert done.exit_code == 0, done.output
    check_numbers(json.loads(done.stdout))
    assert all(json.loads(line).keys() == {"notice"} for line in done.stderr.splitlines())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_fails_in_json(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that fails with --json prints one JSON object, on standard error, and so does one that is called in a wrong way."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "run", lambda *_: False)
    words = words_of(name)
    if name == "completion":
        words[1] = "csh"
    if name == "demo":
        done = call(*words)
        assert (json.loads(done.stdout), done.stderr, done.exit_code) == ({"equal": False}, "", 1)
    elif name != "encryption key":  # which succeeds anywhere
        found = error_of(call(*words))
        of_store = name.startswith("encryption")
        expected = (2, "UsageError") if name == "completion" else (1, "TransportError" if of_store else "DatabaseError")
        assert (found["exit_code"], found["kind"]) == expected
        assert name == "completion" or f"no such {'folder' if of_store else 'file'}" in found["message"]
    # What stands behind the file of `run` is the command that it runs.
    strange = [words[0], "--no-such-option", *words[1:]] if name == "run" else [*words, "--no-such-option"]
    found = error_of(call(*strange))
    assert (found["exit_code"], found["kind"]) == (2, "UsageError") and "--no-such-option" in found["message"]
    assert os.listdir(tmp_path) in ([], ["state"])


@pytest.mark.parametrize("name", sorted(DATABASE_COMMANDS))
def test_every_command_says_that_nothing_is_replicated(name: str, folder: Path) -> None:
    """In a file where nothing is set up a command that needs it says so, with the command that helps."""
    for file in ("app.db", "peer.db"):
        (folder / file).unlink()
    for file in ("app.db", "peer.db"):
        connection = apsw.Connection(str(folder / file))
        connection.execute("CREATE TABLE task (id TEXT PRIMARY KEY, title TEXT UNIQUE, votes INTEGER)")
        connection.execute("CREATE TABLE other (id INTEGER PRIMARY KEY)")
        connection.close()
    found = error_of(call(*words_of(name)))
    assert (found["kind"], found["exit_code"]) == ("NotEnabledError", 1), found
    assert re.search(
        "(app|peer).db is not replicated yet: run `crdtsql enable (app|peer).db --all` first", found["message"]
    )


@pytest.mark.parametrize(
    ("words", "kind", "code"),
    [
        (["exprot", "--json"], "UsageError", 2),
        (["--jsn", "--json"], "UsageError", 2),
        (["schema", "shw", "--json"], "UsageError", 2),
        (["blame", "app.db", "tsk", "t1", "--json"], "NotEnabledError", 1),
        (["blame", "--json", "--", "app.db", "task", "--json"], "UnknownRowError", 1),
        (["enable", "app.db", "task", "--json"], "CannotEnableError", 1),
        (["type", "app.db", "task.id", "max", "--json"], "ColumnTypeError", 1),
        (["import", "app.db", "app.db", "--json"], "InvalidChangesetError", 1),
        (["schema", "pull", "app.db", "peer.db", "--json"], "UsageError", 2),
        (["status", "app.db", "--lock-timeout", "-1", "--json"], "UsageError", 2),
        (["status", "app.db", "--lock-timeout", "inf", "--json"], "UsageError", 2),
    ],
)
def test_the_kind_of_an_error_is_that_of_python(folder: Path, words: list[str], kind: str, code: int) -> None:
    """The kind of an error in JSON is the name of the exception of the Python API; nobody is asked anything."""
    found = error_of(call(*words))
    assert (found["kind"], found["exit_code"]) == (kind, code), found


def test_stamps_in_errors_are_strings(folder: Path) -> None:
    """What is missing before a changeset is named by stamps that are strings of digits."""
    with Replica.open("peer.db") as peer:
        peer.connection.execute("INSERT INTO task (id) VALUES ('t4')")
        have = peer.vector()
        peer.connection.execute("INSERT INTO task (id) VALUES ('t5')")
        (folder / "late.crdt").write_bytes(peer.export(have))
    found = error_of(call("import", "app.db", "late.crdt", "--json"))
    assert found["kind"] == "MissingChangesError"
    ((has, needs),) = [(entry["has"], entry["needs"]) for entry in found["details"]["missing"].values()]
    assert 0 < int(has) < int(needs)


def test_what_opening_a_file_has_to_tell_is_a_notice(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also the first thing that a process has to tell is a line of JSON with --json, as that a file is a copy."""
    for words in ((), ("--json",)):
        shutil.copyfile("app.db", f"copy{len(words)}.db")
        monkeypatch.setattr(logging.getLogger("crdtsql"), "handlers", [])
        done = call("vector", f"copy{len(words)}.db", *words)
        (line,) = done.stderr.splitlines()
        notice = json.loads(line)["notice"] if words else line.removeprefix("crdtsql: ")
        assert notice.startswith(f"copy{len(words)}.db: it is a copy") and (words or line != notice)


def test_a_report_of_trouble_is_no_error(folder: Path) -> None:
    """What `doctor` finds broken is its report on standard output, with exit code 1 and nothing on standard error."""
    with Replica.open("app.db") as app:
        app.connection.execute("CREATE TABLE votes (a)")
    done = call("doctor", "app.db", "votes", "--json")
    assert (done.exit_code, done.stderr) == (1, "")
    assert json.loads(done.stdout)["tables"][0]["can_enable"] is False
