"""Which way an address leads, and what is said of a wrong one."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from crdtsql import Replica, errors, sync
from crdtsql.transports import addresses
from tests.support import peers

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title)"
PLUG_IN = '''
"""A transport of somebody else's: a replica that another program of this process offers under a name."""
from crdtsql import Replica
from crdtsql.transports import Peer, Request, Response, answer

OFFERED = {}


class Offered(Peer):
    def __init__(self, address, replica):
        self.address, self.replica = address, replica

    def exchange(self, request: Request) -> Response:
        return answer(self.replica, request)


def open_offered(address, context):
    return Offered(address.text, OFFERED[address.rest])
'''


@pytest.mark.parametrize(
    ("text", "scheme", "rest"),
    [
        ("app.db", "file", "app.db"),
        ("C:\\data\\app.db", "file", "C:\\data\\app.db"),
        ("file:my app.db", "file", "my app.db"),
        ("FILE:///srv/app.db", "file", "///srv/app.db"),
        (Path("dir:odd"), "file", "dir:odd"),
    ],
)
def test_what_an_address_means(text: str | Path, scheme: str, rest: str) -> None:
    """An address without a scheme is a path, and so is a path object, and one letter before a colon is a drive."""
    found = addresses.parse(text)
    assert (found.scheme, found.rest) == (scheme, rest)


def test_a_file_that_looks_like_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is there is meant, whatever its name looks like."""
    monkeypatch.chdir(tmp_path)
    Path("s3:team").touch()
    assert addresses.parse("s3:team").scheme == "file"


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("host:/srv/app.db", "write ssh://host/srv/app.db"),
        ("ada@host.example:/srv/app.db", "write ssh://ada@host.example/srv/app.db"),
        ("host:app.db", "write ssh://host/~/app.db"),
        ("host:~/app.db", "write ssh://host/~/app.db"),
        ("ada@host:x", "write ssh://ada@host/~/x"),
        ("[::1]:/srv/x", "write ssh://[::1]/srv/x"),
        ("ada@[fe80::1]:x", "write ssh://ada@[fe80::1]/~/x"),
        ("127.0.0.1:7700/app", "write http://127.0.0.1:7700/app"),
        ("localhost:7700/app", "write http://localhost:7700/app"),
        ("[::1]:7700/app", "write http://[::1]:7700/app"),
        ("127.0.0.1:7700", "write http://127.0.0.1:7700/app"),
        ("host.example:7700/app", "write https://host.example:7700/app"),
        ("fil:app.db", "did you mean 'file'?"),
        ("gopher://host/app", "there is no transport gopher:, those there are: "),
    ],
)
def test_wrong_addresses_say_what_to_write(text: str, advice: str) -> None:
    """An address of another program's, a mistyped scheme and an unknown one are refused with what to write instead, in one line."""
    with pytest.raises(errors.UsageError) as caught:
        addresses.parse(text)
    assert advice in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("https://u:geheim@h/a", "write https://h/a; `crdtsql token keep https://h/a`"),
        ("https://u:ge/heim@h:7700/a", "write https://h:7700/a;"),
        ("http://geheim@h/a", "write http://h/a;"),
        ("ssh://me:geheim@host/x", "write ssh://me@host/x; ssh asks for it"),
        ("ssh://me:123geheim@host/x", "write ssh://me@host/x;"),
        ("me:geheim@host:x", "write ssh://me@host/~/x;"),
        ("s3://key:geheim@bucket/x", "write s3://bucket/x; credentials stand in the environment"),
        ("sftp://me:geheim@host/x", "write sftp://me@host/x;"),
        ("htps://me:geheim@host/x", "write htps://me@host/x;"),
    ],
)
def test_passwords_are_refused_and_not_repeated(text: str, advice: str) -> None:
    """A password in an address is refused, by whatever way, with the address without it; it is not printed again."""
    with pytest.raises(errors.UsageError) as caught:
        addresses.parse(text)
    assert advice in str(caught.value) and "heim" not in str(caught.value)


@pytest.mark.parametrize("text", ["ssh://host:22/srv/a@b.db", "ssh://me@host/x", "ssh://[::1]:22/a@b", "file:a:b@c"])
def test_what_is_no_password(text: str) -> None:
    """A port, a user and a path with such signs are no password."""
    assert addresses.parse(text).text == text


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """A folder that is named without a scheme is refused with the address that it would have."""
    with pytest.raises(errors.UsageError, match=f"write dir:{tmp_path}"):
        addresses.parse(str(tmp_path))


@pytest.mark.parametrize(("rest", "path"), [("a/b", "a/b"), ("/a/b", "/a/b"), ("///a/b", "/a/b")])
def test_paths_of_addresses(rest: str, path: str) -> None:
    """A path stands behind the colon, relative or absolute, or as URLs have it."""
    assert addresses.Address(f"file:{rest}", "file", rest).path == path


@pytest.mark.parametrize(("rest", "advice"), [("//srv/team", "write file:/team or file:srv/team"), ("", "has no path")])
def test_paths_that_are_none(rest: str, advice: str) -> None:
    """Two slashes would name a machine, so they are refused with what was perhaps meant; nothing is no path."""
    with pytest.raises(errors.UsageError, match=advice):
        _ = addresses.Address(f"file:{rest}", "file", rest).path


def plug_in(folder: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """Install a package with a transport into a folder, and let this process find it there."""
    about = folder / "offered-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: offered\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[crdtsql.transports]\noffered = {value}\n")
    (folder / "offered_transport.py").write_text(PLUG_IN)
    monkeypatch.syspath_prepend(folder)


def test_a_plug_in_brings_a_transport(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package with an entry point `crdtsql.transports` is a transport like those of ours, for `sync` and for the command."""
    plug_in(tmp_path / "packages", monkeypatch, "offered_transport:open_offered")
    one, other = peers.two(tmp_path, SCHEMA)
    import offered_transport  # type: ignore[import-not-found]

    offered_transport.OFFERED["team"] = other
    one.connection.execute("INSERT INTO task VALUES ('a', 1)")
    other.connection.execute("INSERT INTO task VALUES ('b', 2)")
    report = one.sync("offered:team")
    assert (report.sent, report.received, report.there and report.there.total.inserted) == (1, 1, 1)
    rows = "SELECT id, title FROM task ORDER BY id"
    assert [list(replica.connection.execute(rows)) for replica in (one, other)] == [[("a", 1), ("b", 2)]] * 2
    assert "offered" in str(pytest.raises(errors.UsageError, addresses.parse, "nothing://x").value)


def test_a_plug_in_that_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A transport whose package lacks something is named with what it lacks."""
    plug_in(tmp_path / "packages", monkeypatch, "no_such_module:open")
    with pytest.raises(errors.TransportError, match=r"offered: can't be loaded \(No module named 'no_such_module'\)"):
        addresses.opener(addresses.parse("offered:team"))


def test_files_by_address(tmp_path: Path) -> None:
    """`file:` and a plain path are the same remote; the file is closed afterwards."""
    one, other = peers.two(tmp_path, SCHEMA)
    one.connection.execute("INSERT INTO task VALUES ('a', 1)")
    other.close()
    here, there = sync(one, f"file:{tmp_path / '2.db'}")
    assert (here.known, there.total.inserted) == (True, 1)
    here, there = sync(tmp_path / "2.db", tmp_path / "1.db")
    assert here.known and there.known
    with Replica.open(tmp_path / "2.db") as again:
        assert again.connection.execute("SELECT count(*) FROM task").fetchone() == (1,)


def test_what_is_nothing_to_sync_with(tmp_path: Path) -> None:
    """Something that is no remote is refused, and so is a sync in no direction."""
    one = peers.replica(tmp_path / "1.db", SCHEMA)
    with pytest.raises(errors.UsageError, match="nothing to sync with"):
        one.sync(apsw)
    with pytest.raises(errors.UsageError, match="neither pulls nor pushes"):
        one.sync("app.db", pull=False, push=False)
