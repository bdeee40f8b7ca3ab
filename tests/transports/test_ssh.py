"""Over ssh: a real server on this machine, addresses that want to be options, and conversations that break off."""

from __future__ import annotations

import getpass
import io
import os
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from crdtsql import Replica, errors
from crdtsql.transports import answer, messages, pipe, ssh
from crdtsql.transports.addresses import parse
from crdtsql.transports.interface import Request, Response
from crdtsql.transports.ssh import SshPeer, place_of
from tests.support import hub, peers
from tests.support.peers import read, write

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title)"
SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
CRDTSQL = "import sys; from crdtsql.ui.cli import main; main()"


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Replica, Path]]:
    """Give a replica and the path of another one, which is closed."""
    here, there = peers.two(tmp_path, SCHEMA)
    write(here, "INSERT INTO task VALUES ('here', 1)")
    write(there, "INSERT INTO task VALUES ('there', 2)")
    path = Path(there.path)
    there.close()
    with here:
        yield here, path


def program(folder: Path, name: str, script: str) -> Path:
    """Write a program into a folder."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def crdtsql_in(tmp_path: Path) -> Path:
    """Give a folder with `crdtsql`, as it is installed on the other side."""
    program(tmp_path / "bin", "crdtsql", f"exec {sys.executable} -c '{CRDTSQL}' \"$@\"")
    return tmp_path / "bin"


@pytest.fixture
def loopback(tmp_path: Path, crdtsql_in: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Run an OpenSSH server on a free port of this machine, to which this user's ssh has a key; give the port."""
    if SSHD is None:
        pytest.skip("there is no OpenSSH server here: apt-get install openssh-server")
    folder = tmp_path / "ssh"
    folder.mkdir(mode=0o700)
    for name in ("host", "mine"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    shutil.copy(folder / "mine.pub", folder / "authorized_keys")
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    state = os.environ["CRDTSQL_STATE_DIR"]
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized_keys\nStrictModes no\n"
        f"PidFile none\nUsePAM no\nPasswordAuthentication no\nSetEnv PATH={crdtsql_in}:{os.environ['PATH']} CRDTSQL_STATE_DIR={state} "
        f"PYTHONPATH={Path(__file__).parents[2]}\n"
    )
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([SSHD, "-D", "-e", "-f", folder / "sshd_config"], stderr=log)
    options = f"-i {folder}/mine -o IdentitiesOnly=yes -o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no -o LogLevel=ERROR"
    program(tmp_path / "client", "ssh", f'exec {shutil.which("ssh")} -F /dev/null {options} "$@"')
    monkeypatch.setenv("PATH", f"{tmp_path / 'client'}:{os.environ['PATH']}")
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        tried = subprocess.run(["ssh", "-p", str(port), f"{getpass.getuser()}@127.0.0.1", "true"], capture_output=True)
        if tried.returncode:
            pytest.skip(
                f"this machine's OpenSSH server lets nobody in: {tried.stderr.decode(errors='replace').strip()}"
            )
        yield port
    finally:
        server.terminate()
        server.wait()


def test_two_machines_sync(two: tuple[Replica, Path], loopback: int) -> None:
    """Both sides have all afterwards; a second sync brings nothing; one connection carries several."""
    here, path = two
    address = f"ssh://{getpass.getuser()}@127.0.0.1:{loopback}{path}"
    report = here.sync(address)
    assert (report.sent, report.received) == (1, 1)
    assert here.sync(address).here.known
    write(here, "UPDATE task SET title = 'new' WHERE id = 'there'")
    here.sync(address)
    rows = [("here", 1), ("there", "new")]
    assert read(here, "SELECT * FROM task ORDER BY id") == rows
    assert read(path, "SELECT * FROM task ORDER BY id") == rows


def test_what_ssh_says_is_told(two: tuple[Replica, Path], loopback: int) -> None:
    """A missing file, a key that nobody knows and a port where nobody listens are told in the words of the other side."""
    here, path = two
    me = getpass.getuser()
    with pytest.raises(errors.TransportError, match="no such file"):
        here.sync(f"ssh://{me}@127.0.0.1:{loopback}{path.with_name('none.db')}")
    with pytest.raises(errors.TransportError, match="Permission denied"):
        here.sync(f"ssh://nobody-here@127.0.0.1:{loopback}{path}")
    with pytest.raises(errors.TransportError, match="Connection refused"):
        here.sync(f"ssh://{me}@127.0.0.1:1{path}")


@pytest.fixture
def pretended(tmp_path: Path, crdtsql_in: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a program in the place of ssh that runs the command here, and notes its arguments; give the file with these."""
    told = tmp_path / "arguments"
    script = (
        f'printf "%s\\n" "$@" > {told}; for last; do :; done; PATH={crdtsql_in}:$PATH; export PATH; exec sh -c "$last"'
    )
    program(tmp_path / "client", "ssh", script)
    monkeypatch.setenv("PATH", f"{tmp_path / 'client'}:{os.environ['PATH']}")
    return told


@pytest.mark.parametrize("name", ["it's mine.db", "$(touch gone).db", "a;b.db", "--help", "-n.db", "ü n.db", 'a"b.db'])
def test_a_path_is_no_command(two: tuple[Replica, Path], pretended: Path, name: str) -> None:
    """Whatever a path looks like, the shell of the other side takes it for one file, and so does crdtsql there."""
    here, path = two
    other = path.rename(path.with_name(name))
    here.sync(f"ssh://host{other}")
    assert read(here, "SELECT count(*) FROM task") == [(2,)]
    told = pretended.read_text().splitlines()
    assert told[told.index("--") + 1] == "host"


@pytest.mark.parametrize(
    "rest",
    ["//-oProxyCommand=x/a.db", "//h;x/a.db", "//a b/a.db", "//h:0/a.db", "//h:70000/a.db", "//h:22", "//h", "//h/", "h/a.db",
     "//-u@h/a.db", "//u@-h/a.db", "//u@v@h/a.db", "//h/a\0.db", "//h/a\nb.db", "//$(x)/a.db", "///a.db"],
)  # fmt: skip
def test_hostile_addresses_are_refused(rest: str) -> None:
    """What would be an option of ssh, or is no host, is no address."""
    with pytest.raises(errors.UsageError, match="is no address of ssh"):
        place_of(parse(f"ssh:{rest}"))


def test_paths_of_the_home(two: tuple[Replica, Path]) -> None:
    """`~/` is where ssh begins; a literal IPv6 address has brackets."""
    assert place_of(parse("ssh://u@h:22/~/a.db")) == ("u", "h", "22", "./a.db")
    assert place_of(parse("ssh://[::1]/srv/a.db")) == (None, "::1", None, "/srv/a.db")
    assert SshPeer("x", place_of(parse("ssh://u@h:22/~/a.db"))).command[-6:] == [
        "u", "-p", "22", "--", "h", "crdtsql serve --stdio -- ./a.db",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "script",
    [
        "exit 3",
        "echo hello",
        "printf '\\377\\377\\377\\377\\377\\377\\377\\377'",
        "head -c 20 /dev/zero",
        "exec cat /dev/zero",
        "exec sleep 0.1",
    ],
)
def test_the_other_side_is_something_else(
    two: tuple[Replica, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    """An end, a greeting, garbage or silence in place of an answer is an error of one line; nothing is changed."""
    program(tmp_path / "client", "ssh", script)
    monkeypatch.setenv("PATH", f"{tmp_path / 'client'}:{os.environ['PATH']}")
    with pytest.raises(errors.TransportError, match="crdtsql --version") as caught:
        two[0].sync("ssh://host/srv/a.db")
    assert len(str(caught.value).splitlines()) == 1
    assert read(two[0], "SELECT count(*) FROM task") == [(1,)]


def test_who_says_nothing_is_not_waited_for(
    two: tuple[Replica, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the other side is silent for too long, with the request taken or not, the sync ends with an error."""
    program(tmp_path / "client", "ssh", "exec sleep 60")
    monkeypatch.setenv("PATH", f"{tmp_path / 'client'}:{os.environ['PATH']}")
    monkeypatch.setattr(ssh, "FIRST_PATIENCE_S", 0.05)
    with pytest.raises(errors.TransportError, match="the other side said nothing for 0.05 s"):
        two[0].sync("ssh://host/srv/a.db")
    write(two[0], "UPDATE task SET title = randomblob(1000000)")
    with SshPeer("ssh://host/srv/a.db", place_of(parse("ssh://host/srv/a.db"))) as peer:
        request = Request(two[0].site, {}, changeset=os.urandom(1_000_000))
        with pytest.raises(errors.TransportError, match="the other side said nothing for 0.05 s"):
            peer.exchange(request)


def test_who_works_on_an_answer_says_so(two: tuple[Replica, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """While an answer takes long, signs of life come, which are no answers."""
    here, path = two
    whole, answers, signs = io.BytesIO(), io.BytesIO(), []
    pipe.write(whole, messages.pack_request(Request(here.site, here.vector(), pull=True)))
    whole.seek(0)
    monkeypatch.setattr(pipe, "BEAT_S", 0.001)

    def slow_answer(replica: Replica, request: Request) -> Response:
        hub.until(lambda: len(answers.getvalue()) >= 24)
        return answer(replica, request)

    monkeypatch.setattr(pipe, "answer", slow_answer)
    with Replica.open(path) as there:
        assert pipe.serve(there, whole, answers) == 1
    answers.seek(0)
    found = pipe.read(answers, lambda: signs.append(1))
    assert found is not None and messages.unpack_response(found, "it").changeset and len(signs) >= 4


def test_a_conversation_that_is_cut_anywhere(two: tuple[Replica, Path]) -> None:
    """Requests that are cut off are no requests; what was answered before stays answered."""
    here, path = two
    ask = messages.pack_request(Request(here.site, here.vector(), pull=True))
    whole = io.BytesIO()
    pipe.write(whole, ask)
    with Replica.open(path) as there:
        answers = io.BytesIO()
        pipe.serve(there, io.BytesIO(whole.getvalue() * 2), answers)
        answers.seek(0)
        assert pipe.read(answers) is not None and pipe.read(answers) is not None and pipe.read(answers) is None
        for length in range(1, len(whole.getvalue())):
            with pytest.raises(errors.TransportError):
                pipe.serve(there, io.BytesIO(whole.getvalue()[:length]), io.BytesIO())
    assert stat.S_ISREG(path.stat().st_mode)
