"""Tokens: where they are kept, what they let their holders do, and what is said to the others. Nothing is changed by what is refused."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from crdtsql import Replica, errors
from crdtsql.transports import http
from crdtsql.transports.http.client import HttpPeer
from crdtsql.transports.http.places import HttpPlace
from crdtsql.ui.cli import cli
from tests.support import hub, peers
from tests.support.peers import read, write

SCHEMA = (
    "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title); CREATE TABLE note (id TEXT PRIMARY KEY NOT NULL, text)"
)


def call(*words: object, **options: object) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(cli, [str(word) for word in words], **options)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Replica, Path]]:
    """Give a replica and the path of another one, which nobody has open."""
    with peers.replica(tmp_path / "here.db", SCHEMA, site=1, now=hub.now_ms) as here:
        with here.clone(tmp_path / "app.db") as there:
            write(there, "INSERT INTO task VALUES ('there', 2)")
        write(here, "INSERT INTO task VALUES ('here', 1)")
        yield here, tmp_path / "app.db"


def test_what_is_kept_of_a_token(two: tuple[Replica, Path], tmp_path: Path) -> None:
    """A token is printed once; what is kept of it can't be undone, stands in no database file, and only this user may read it."""
    _, path = two
    token = call("token", "add", path, "laptop").stdout.strip()
    assert token.startswith("crdtsql_") and len(token) > 45
    assert token != call("token", "add", path, "other").stdout.strip()
    files = [one for one in tmp_path.rglob("*") if one.is_file()]
    assert not [one for one in files if token.encode() in one.read_bytes()]
    kept = http.Tokens(path).path
    assert kept.stat().st_mode & 0o777 == 0o600 and kept.parent.stat().st_mode & 0o777 == 0o700
    assert [token.name for token in http.Tokens(path).all()] == ["laptop", "other"]
    listed = json.loads(call("token", "list", path, "--json").stdout)
    assert [(one["name"], one["read"], one["write"], one["tables"]) for one in listed] == [
        ("laptop", True, True, None), ("other", True, True, None)]  # fmt: skip
    with Replica.open(path) as app, app.clone(tmp_path / "clone.db"):
        assert http.Tokens(tmp_path / "clone.db").all() == []
    os.symlink(path, tmp_path / "link.db")
    assert len(http.Tokens(tmp_path / "link.db").all()) == 2


def test_a_token_from_everywhere(two: tuple[Replica, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client shows the token of --token-file, else the one that is kept for the address, else that of the environment; files hold none."""
    here, path = two
    here.close()
    with hub.serving(path) as server:
        address, token = server.address(path), http.Tokens(path).add("me")
        (tmp_path / "token").write_text(token + "\n")
        refused = call("sync", tmp_path / "here.db", address)
        assert (
            refused.exit_code == 1
            and "/app: it needs a token" in refused.stderr
            and len(refused.stderr.splitlines()) == 1
        )
        monkeypatch.setenv("CRDTSQL_TOKEN", "crdtsql_wrong")
        assert "not one of this file" in call("sync", tmp_path / "here.db", address).stderr
        assert "token" in call("diff", tmp_path / "here.db", address).stderr
        assert call("diff", tmp_path / "here.db", address, "--token-file", tmp_path / "token").exit_code == 0
        assert call("sync", tmp_path / "here.db", address, "--token-file", tmp_path / "token").exit_code == 0
        assert call("token", "keep", address, input=token).stdout == f"kept the token for {address}\n"
        assert call("sync", tmp_path / "here.db", address).exit_code == 0
        assert call("token", "keep", address, "--forget").exit_code == 0
        assert "there is no token for" in call("token", "keep", address, "--forget").stderr
        monkeypatch.setenv("CRDTSQL_TOKEN", token)
        assert call("sync", tmp_path / "here.db", address).exit_code == 0
        monkeypatch.delenv("CRDTSQL_TOKEN")
        added = call("remote", "add", tmp_path / "here.db", "office", address, "--token-file", tmp_path / "token")
        assert added.stdout.startswith(f"office: {address}, a replica, site"), added.output
        assert call("sync", tmp_path / "here.db").exit_code == 0
    assert (hub.state() / "keys.json").stat().st_mode & 0o777 == 0o600
    assert token.encode() not in (tmp_path / "here.db").read_bytes()
    assert "say which" in call("sync", tmp_path / "here.db", "--token-file", tmp_path / "token").stderr


def test_a_token_that_is_revoked(two: tuple[Replica, Path]) -> None:
    """A revoked token counts no more from the next request on, while the server runs; the others go on."""
    here, path = two
    with hub.serving(path) as server:
        server.grant(path, "mine")
        http.Tokens(path).add("other")
        here.sync(server.address(path))
        assert call("token", "revoke", path, "mine").stdout == "mine counts no more\n"
        write(here, "INSERT INTO task VALUES ('more', 1)")
        with pytest.raises(errors.TransportError, match=r"not one of this file \(any more\)"):
            here.sync(server.address(path))
        assert "no token 'mine': tokens of this file: other" in call("token", "revoke", path, "mine").stderr
        server.grant(path, "mine")
        here.sync(server.address(path))
    assert len(read(path, "SELECT * FROM task")) == 3


def test_a_token_of_another_file(two: tuple[Replica, Path]) -> None:
    """A token counts for its file alone, and who has none does not learn which files there are."""
    here, path = two
    with Replica.open(path) as app:
        app.clone(path.with_name("secret.db")).close()
    with hub.serving(path, path.with_name("secret.db")) as server:
        token = http.Tokens(path).add("mine")
        told = []
        for name in ("secret", "nothing"):
            http.keys.keep(f"{server.base}/{name}", token)
            with pytest.raises(errors.TransportError) as caught:
                here.sync(f"{server.base}/{name}")
            told.append(str(caught.value).replace(name, "NAME"))
        assert told[0] == told[1]


def test_a_token_that_only_takes(two: tuple[Replica, Path]) -> None:
    """A read-only token takes changes; a sync that has some to give is refused as a whole, and says to pull."""
    here, path = two
    with hub.serving(path) as server:
        server.grant(path, write=False)
        with pytest.raises(errors.TransportError, match="/app: token tests may only take changes.*--pull"):
            here.sync(server.address(path))
        assert len(read(here, "SELECT * FROM task")) == 1
        assert here.sync(server.address(path), push=False).received == 1
    assert len(read(path, "SELECT * FROM task")) == 1


def test_a_token_that_only_gives(two: tuple[Replica, Path]) -> None:
    """A write-only token gives changes; a sync that wants some is refused as a whole, and says to push."""
    here, path = two
    with hub.serving(path) as server:
        server.grant(path, read=False)
        with pytest.raises(errors.TransportError, match="/app: token tests may only give changes.*--push"):
            here.sync(server.address(path))
        assert here.sync(server.address(path), pull=False).sent == 1
    assert len(read(here, "SELECT * FROM task")) == 1 and len(read(path, "SELECT * FROM task")) == 2


def test_a_token_for_tables(two: tuple[Replica, Path]) -> None:
    """A token for some tables gives changes of these alone; a changeset that touches another one is refused as a whole, and names it."""
    here, path = two
    with hub.serving(path) as server:
        server.grant(path, tables=["TASK"])
        address = server.address(path)
        with pytest.raises(errors.TransportError, match="is for TASK alone, and the file there has note too.*--push"):
            here.sync(address, push=False)
        assert here.sync(address, pull=False).sent == 1
        write(here, "INSERT INTO task VALUES ('more', 1); INSERT INTO note VALUES ('n', 'x')")
        with pytest.raises(errors.TransportError, match="is for TASK alone, and there are changes of note to give"):
            here.sync(address, pull=False)
        assert read(path, "SELECT count(*) FROM task") == [(2,)]
        http.Tokens(path).revoke("tests")
        server.grant(path, tables=["task", "note"])
        report = here.sync(address)
        assert (report.sent, report.received) == (1, 1)
    assert read(path, "SELECT count(*) FROM task") == [(3,)] and len(read(here, "SELECT * FROM task")) == 3


def test_what_a_token_may_ask(two: tuple[Replica, Path]) -> None:
    """Who may take all changes of a file may compare what it holds, and nobody else is told anything of it."""
    here, path = two
    with hub.serving(path) as server:
        server.grant(path)
        address = server.address(path)
        assert here.verify(address, sync=True).equal
        http.Tokens(path).revoke("tests")
        server.grant(path, tables=["task", "note"], read=True)
        with pytest.raises(errors.TransportError, match="verify needs a token that may read all tables"):
            here.verify(address)
        http.Tokens(path).revoke("tests")
        server.grant(path, read=False)
        with pytest.raises(errors.TransportError):
            here.verify(address)


def test_scopes_on_the_command_line(two: tuple[Replica, Path]) -> None:
    """`token add` takes tables that are there, and one direction at most; a name that is taken or none is refused."""
    _, path = two
    made = json.loads(call("token", "add", path, "a", "--tables", "Task, note", "--read-only", "--json").stdout)
    assert (made["read"], made["write"], made["tables"]) == (True, False, ["task", "note"])
    assert "take" in call("token", "list", path).stdout
    assert "did you mean 'task'" in call("token", "add", path, "b", "--tables", "tsk").stderr
    assert "would be for nothing" in call("token", "add", path, "b", "--read-only", "--write-only").stderr
    assert (
        "has a token a already: take another name, or run `crdtsql token revoke"
        in call("token", "add", path, "a").stderr
    )
    assert "is no name for a token" in call("token", "add", path, "a/b").stderr
    assert call("token", "add", path, "b", "--tables", ",").exit_code == 2


@pytest.mark.parametrize(
    "text", ["", "[]", '{"tokens": 3}', '{"tokens": {"a": {}}}', '{"tokens": {"a": {"sha256": 1, "tables": 3}}}']
)
def test_tokens_that_are_damaged(two: tuple[Replica, Path], text: str) -> None:
    """Where what is kept of the tokens is damaged, nobody is let in, and it is said what to do."""
    _, path = two
    tokens = http.Tokens(path)
    secret = tokens.add("a")
    tokens.path.write_text(text)
    with pytest.raises(errors.CrdtsqlError, match="no token in it counts; delete it"):
        tokens.find(secret)
    tokens.path.unlink()
    assert tokens.find(secret) is None and tokens.all() == []


@pytest.mark.parametrize("token", ["", "a b", "a\nb", "é", "x" * 1_001])
def test_texts_that_are_no_token(token: str, tmp_path: Path) -> None:
    """What can't be a token is refused before it is kept or shown."""
    with pytest.raises(errors.UsageError, match="is no token"):
        http.keys.keep("https://h/a", token)
    (tmp_path / "token").write_text(token)
    with pytest.raises(errors.UsageError, match="no token"):
        http.keys.from_file(str(tmp_path / "token"))
    (tmp_path / "binary").write_bytes(b"SQLite format 3\0\xff")
    with pytest.raises(errors.UsageError, match="binary is not a token file: it is not text"):
        http.keys.from_file(str(tmp_path / "binary"))
    with pytest.raises(errors.DatabaseError, match="no such file"):
        http.keys.from_file(str(tmp_path / "none"))


def test_a_token_over_plain_http(two: tuple[Replica, Path], caplog: pytest.LogCaptureFixture) -> None:
    """Who shows a token over http to another machine is told, once, that others can read it."""
    here, _ = two
    address = "http://127.0.0.1:1/app"
    http.keys.keep(address, "crdtsql_x")
    for in_clear in (False, True, True):
        with pytest.raises(errors.TransportError):
            here.sync(HttpPeer(address, HttpPlace(address, None, in_clear)))
    assert caplog.text.count("use https:") == 1
