"""Syncs over HTTP: both ways in one round trip, over TLS and a unix socket, in an app of one's own; and what is said of what goes wrong."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

import crdtsql
from crdtsql import Replica, errors
from crdtsql.transports import http, messages
from crdtsql.transports.addresses import parse
from crdtsql.transports.http import places
from crdtsql.transports.http.client import HttpPeer
from crdtsql.transports.interface import Request
from tests.support import hub, peers
from tests.support.peers import read, write

SCHEMA = (
    "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title); CREATE TABLE note (id TEXT PRIMARY KEY NOT NULL, text)"
)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Replica, Path]]:
    """Give a replica and the path of another one, which nobody has open."""
    with peers.replica(tmp_path / "here.db", SCHEMA, site=1, now=hub.now_ms) as here:
        with here.clone(tmp_path / "app.db") as there:
            write(there, "INSERT INTO task VALUES ('there', 2)")
        write(here, "INSERT INTO task VALUES ('here', 1)")
        yield here, tmp_path / "app.db"


def test_both_ways_in_one_round_trip(two: tuple[Replica, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Both sides have all afterwards; who has met the other one needs one round trip, on a connection that is kept."""
    here, path = two
    with hub.serving(path) as server:
        server.grant(path)
        with HttpPeer(server.address(path), places.place_of(parse(server.address(path)))) as peer:
            report = here.sync(peer)
            assert (report.sent, report.received) == (1, 1)
            trips = []
            monkeypatch.setattr(peer, "_post", lambda data, post=peer._post: trips.append(1) or post(data))
            write(here, "UPDATE task SET title = 'new' WHERE id = 'there'")
            here.sync(peer)
            assert here.sync(peer).here.known and len(trips) == 2
            assert len(server.running.server_state.connections) == 1
    rows = [("here", 1), ("there", "new")]
    assert read(here, "SELECT * FROM task ORDER BY id") == rows
    assert read(path, "SELECT * FROM task ORDER BY id") == rows


def test_several_files(tmp_path: Path, two: tuple[Replica, Path]) -> None:
    """Each file is reached by its name, with a token of its own; odd names too."""
    here, path = two
    other = path.with_name("it's ü.db")
    with Replica.open(path) as app:
        app.clone(other).close()
        write(app, "INSERT INTO note VALUES ('n', 'of app alone')")
    with hub.serving(path, other) as server:
        server.grant(path)
        token = http.Tokens(other).add("me")
        address = f"{server.base}/it%27s%20%C3%BC"
        http.keys.keep(http.identity(address), token)
        here.sync(f"{server.base}/it's%20ü")
        assert read(here, "SELECT count(*) FROM note") == [(0,)]
        here.sync(server.address(path))
        assert read(here, "SELECT count(*) FROM note") == [(1,)]


@pytest.mark.parametrize("names", [["a.db", "sub/a.sqlite"], ["health.db"], ["metrics"], []])
def test_names_that_collide(tmp_path: Path, names: list[str]) -> None:
    """Two files of one name, and one that is a word of the server's, are refused before anything is served."""
    with pytest.raises(errors.UsageError, match="serve them apart|the server itself|name the files"):
        crdtsql.serve(*(tmp_path / name for name in names))


def test_a_unix_socket_needs_no_token(two: tuple[Replica, Path], tmp_path: Path) -> None:
    """On a unix socket, which only this user can reach, no token is asked for; on the port beside it one is."""
    here, path = two
    place = f"{tmp_path}/s"
    with hub.serving(path, unix=place) as server:
        assert os.stat(place).st_mode & 0o777 == 0o600
        assert here.sync(f"unix:{place}:app").received == 1
        with pytest.raises(errors.TransportError, match="needs a token"):
            here.sync(server.address(path))
        with pytest.raises(errors.TransportError, match="no file /other here: /app"):
            here.sync(f"unix:{place}:other")
    assert not os.path.exists(place)
    with pytest.raises(errors.TransportError, match="No such file"):
        here.sync(f"unix:{place}:app")


def certificate(folder: Path) -> Path:
    """Make a certificate for this machine, with its key, in one file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "here")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    return path


def test_over_tls(two: tuple[Replica, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """https works with a certificate that is trusted; one that is not, and http in its place, are named in one line."""
    here, path = two
    made = certificate(tmp_path)
    with hub.serving(path, certificate=str(made)) as server:
        server.grant(path)
        with pytest.raises(errors.TransportError, match="certificate is not trusted here; SSL_CERT_FILE"):
            here.sync(server.address(path))
        with pytest.raises(errors.TransportError, match="disconnected|closed|reset"):
            here.sync(server.address(path).replace("https", "http"))
        monkeypatch.setenv("SSL_CERT_FILE", str(made))
        assert here.sync(server.address(path)).received == 1
        for wrong in (tmp_path / "gone.pem", path):
            monkeypatch.setenv("SSL_CERT_FILE", str(wrong))
            with pytest.raises(errors.TransportError, match=f"{wrong}, which SSL_CERT_FILE names"):
                here.sync(server.address(path))
    with pytest.raises(errors.UsageError, match=f"no certificate and key can be read from {path} "):
        hub.serving(path, certificate=str(path)).__enter__()
    with pytest.raises(errors.UsageError, match="gone.pem can't be read"):
        hub.serving(path, certificate=str(tmp_path / "gone.pem")).__enter__()


def test_in_an_app_of_ones_own(two: tuple[Replica, Path]) -> None:
    """The ASGI app can be mounted below a path of another app, which may let in whom it knows."""
    here, path = two
    app = crdtsql.serve(path, needs_no_token=lambda scope: (b"x-user", b"ada") in scope["headers"])
    client = TestClient(Starlette(routes=[Mount("/sync", app=app)]))
    try:
        data = messages.pack_request(Request(here.site, {}))
        assert client.post("/sync/app", content=data).status_code == 401
        found = client.post("/sync/app", content=data, headers={"X-User": "ada"})
        response = messages.unpack_response(found.content, "it")
        assert found.status_code == 200 and len(response.vector) == 1
        here.merge(response.changeset)
        assert read(here, "SELECT count(*) FROM task") == [(2,)]
    finally:
        app.close()
    assert client.post("/sync/app", content=data, headers={"X-User": "ada"}).status_code == 503


def test_health_and_figures(two: tuple[Replica, Path]) -> None:
    """`/health` tells everybody that the server is there, `/metrics` those who may read a file what was done with it."""
    here, path = two
    with hub.serving(path) as server:
        token = server.grant(path)
        writer = http.Tokens(path).add("writer", read=False)
        here.sync(server.address(path))
        assert httpx2.get(f"{server.base}/health").json() == {"ok": True, "version": crdtsql.__version__}
        assert httpx2.get(f"{server.base}/metrics").status_code == 401
        assert httpx2.get(f"{server.base}/metrics", headers={"Authorization": f"Bearer {writer}"}).status_code == 401
        text = httpx2.get(f"{server.base}/metrics", headers={"Authorization": f"Bearer {token}"}).text
        assert 'crdtsql_http_requests_total{file="app",status="200"} 2.0' in text
        assert 'crdtsql_http_request_seconds_count{file="app"} 1.0' in text
        assert 'crdtsql_http_bytes_total{direction="in",file="app"}' in text
        assert 'crdtsql_merge_seconds_count{file="app"} 1.0' in text
        some = http.Tokens(path).add("some", tables=["task"])
        told = httpx2.get(f"{server.base}/metrics", headers={"Authorization": f"Bearer {some}"}).text
        assert "crdtsql_http_requests_total" in told and 'table="' not in told and 'table="task"' in text
        names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
        assert len(names) == len(set(names))
        for method, place in (("GET", "/app"), ("POST", "/a/b"), ("PUT", "/app"), ("GET", "/")):
            assert httpx2.request(method, server.base + place).status_code in (404, 405)


def test_unrelated_files_of_one_name(two: tuple[Replica, Path], tmp_path: Path) -> None:
    """A server that has another database under the name is refused as any other remote is, and neither side is changed."""
    _, path = two
    with peers.replica(tmp_path / "mine.db", SCHEMA, site=7, now=hub.now_ms) as mine, hub.serving(path) as server:
        write(mine, "INSERT INTO task VALUES ('there', 'mine')")
        server.grant(path)
        before = mine.vector()
        with pytest.raises(errors.FilledSeparatelyError) as caught:
            mine.sync(server.address(path), refuse_unrelated=True)
        assert caught.value.rows == {"task": 1}
        assert mine.vector() == before and read(mine, "SELECT title FROM task") == [("mine",)]
    assert read(path, "SELECT * FROM task") == [("there", 2)]
    connection = tmp_path / "plain.db"
    connection.touch()
    with peers.replica(tmp_path / "more.db", SCHEMA, site=8, now=hub.now_ms) as more, hub.serving(connection) as server:
        server.grant(connection)
        with pytest.raises(errors.TransportError, match="answers: .*plain.db"):
            more.sync(server.address(connection))


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 3\r\n\r\nno!", "502 Bad Gateway, and not as crdtsql does"),
        (b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 3\r\n\r\nno!", "200 OK, and not as crdtsql"),
        (b"HTTP/1.1 308 Moved\r\nlocation: https://x/app\r\ncontent-length: 0\r\n\r\n", "it is at https://x/app now"),
        (b"HTTP/1.1 200 OK\r\ncontent-type: application/vnd.crdtsql\r\ncontent-length: 3\r\n\r\nno!", "not a message"),
        (b"HTTP/1.1 200 OK\r\ncontent-type: application/vnd.crdtsql\r\ncontent-length: 9\r\n\r\nno!", "sync again"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "sync again"),
        (b"", "sync again"),
    ],
)
def test_something_else_listens_there(two: tuple[Replica, Path], answer: bytes, told: str) -> None:
    """Whatever answers that is not crdtsql is told in one line; nothing is changed, and no redirect gets the token."""
    here, _ = two
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def stranger() -> None:
            for _ in range(1):
                connection, _address = listening.accept()
                with connection:
                    connection.recv(100_000)
                    connection.sendall(answer)

        thread = threading.Thread(target=stranger)
        thread.start()
        with pytest.raises(errors.TransportError, match=told) as caught:
            here.sync(f"http://127.0.0.1:{listening.getsockname()[1]}/app")
        thread.join()
    assert len(str(caught.value).splitlines()) == 1
    assert read(here, "SELECT count(*) FROM task") == [(1,)]


def test_nobody_listens(two: tuple[Replica, Path]) -> None:
    """A port where nobody listens is told with what to look at."""
    with pytest.raises(errors.TransportError, match="Connection refused: is .* running at 127.0.0.1:1, and is it http"):
        two[0].sync("http://127.0.0.1:1/app")


@pytest.mark.parametrize("words", [["sync", "here.db", "http://h/a"], ["serve", "here.db", "--listen", "127.0.0.1:0"]])
def test_a_package_that_is_missing(two: tuple[Replica, Path], words: list[str]) -> None:
    """Where a package is missing, one line names the extra that brings it."""
    missing = "; ".join(f"sys.modules[{name!r}] = None" for name in ("httpx2", "starlette", "uvicorn"))
    code = f"import sys; {missing}; from crdtsql.ui.cli import main; sys.argv[0] = 'crdtsql'; main()"
    words[1] = str(two[1])
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert done.stderr.endswith(": pip install 'crdtsql[http]'\n")


def test_commands_do_not_load_it() -> None:
    """Commands that need no HTTP load none of its packages, which would take them as long again to start."""
    heavy = {"httpx2", "starlette", "uvicorn", "sse_starlette", "prometheus_client", "asyncio"}
    code = f"import sys, crdtsql.ui.cli; print(sorted({heavy!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    "text",
    ["http://h", "http://h/", "http://h/a?b", "http://h/a#b", "http:///a", "http://h:x/a",
     "http://h:0/a", "http://-h/a", "http://h h/a", "http:h/a", "http://h/a\nb", "http://[::1/a", "unix:s:app", "unix:/s", "unix:/s:"],
)  # fmt: skip
def test_addresses_that_are_none(text: str) -> None:
    """What has no host or no name is no address."""
    with pytest.raises(errors.UsageError, match="is no address of HTTP, such as"):
        places.place_of(parse(text))


def test_one_place_has_one_name() -> None:
    """Spellings of one place are one place, under which its token is kept."""
    assert (
        http.identity("HTTPS://Host:7700/app/") == http.identity("https://host:7700/%61pp") == "https://host:7700/app"
    )
    assert http.identity("unix:/run/x.sock:/app") == "unix:/run/x.sock:app"
    assert (
        places.place_of(parse("http://host/app")).in_clear and not places.place_of(parse("http://[::1]:7/app")).in_clear
    )
    with pytest.raises(errors.UsageError, match="no address of a server of HTTP"):
        http.identity("dir:team")


def test_a_file_that_was_replaced(two: tuple[Replica, Path], tmp_path: Path) -> None:
    """A file that is put in the place of the one that is served is what is served from then on."""
    here, path = two
    with hub.serving(path) as server:
        server.grant(path)
        here.sync(server.address(path))
        with peers.replica(tmp_path / "new.db", SCHEMA, site=9, now=hub.now_ms) as new:
            write(new, "INSERT INTO note VALUES ('n', 'new')")
        os.replace(tmp_path / "new.db", path)
        here.sync(server.address(path))
        assert read(here, "SELECT text FROM note") == [("new",)]


def test_what_is_sent_is_json_free(two: tuple[Replica, Path]) -> None:
    """Errors go as messages too, whatever their status, so that a client reads them as what they are."""
    here, path = two
    with hub.serving(path) as server:
        token = server.grant(path)
        found = httpx2.post(server.address(path), content=b"{}", headers={"Authorization": f"Bearer {token}"})
        assert found.status_code == 400 and found.headers["content-type"] == "application/vnd.crdtsql"
        with pytest.raises(errors.TransportError, match="it does not begin as one"):
            messages.unpack_response(found.content, "it")
        data = messages.pack_request(Request(here.site, {}, changeset=b"CRDT no changeset"))
        found = httpx2.post(server.address(path), content=data, headers={"Authorization": f"Bearer {token}"})
        assert found.status_code == 400 and json.dumps("not a changeset")[1:5] in found.text
