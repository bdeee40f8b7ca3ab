"""Claims: of all who ask one file one gets it, tokens grow whatever happens, and a fence refuses what is written under an old one."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest

from crdtsql import Replica, errors, sync
from tests.support import hub, peers
from tests.support.command import ok, run
from tests.support.peers import write

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, state); CREATE TABLE pair (a TEXT NOT NULL, b NOT NULL, v, PRIMARY KEY (a, b))"
MINUTE = timedelta(minutes=1)
FENCED = "somebody has claimed this row"


@pytest.fixture
def clock() -> peers.Clock:
    """Give a clock that a test sets."""
    return peers.Clock()


@pytest.fixture
def app(tmp_path: Path, clock: peers.Clock) -> Replica:
    """Give a replica with rows."""
    found = peers.replica(tmp_path / "app.db", SCHEMA, site=1, now=clock)
    found.connection.execute(
        "INSERT INTO task VALUES ('t1', 'new'), ('t2', 'new'); INSERT INTO pair VALUES ('x', 1, 0)"
    )
    found.fold()
    return found


def refused(deed: Callable[[], Any], words: str = ".") -> errors.ClaimedError:
    """Do what must be refused because of a claim."""
    with pytest.raises(errors.ClaimedError, match=words) as caught:
        deed()
    return caught.value


def fenced(connection: apsw.Connection, statement: str, words: str = FENCED) -> None:
    """Execute a statement that a fence must refuse."""
    with pytest.raises(apsw.ConstraintError, match=words):
        connection.execute(statement)


def plain(path: Path | str, *statements: str) -> subprocess.CompletedProcess[str]:
    """Execute statements with the sqlite3 of another process, as a program that knows nothing of crdtsql, in one transaction."""
    script = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); c.execute('BEGIN IMMEDIATE')\n"
    )
    script += "for s in sys.argv[2:]: c.execute(s)\nc.execute('COMMIT')"
    return subprocess.run(
        [sys.executable, "-c", script, str(path), *statements], capture_output=True, text=True, check=False
    )


def test_one_gets_it(app: Replica, clock: peers.Clock) -> None:
    """What somebody claims nobody else gets until it is released; who is told has it, and tokens grow."""
    first = app.claim("task/t1", holder="ada")
    error = refused(lambda: app.claim("task/t1", holder="bob"), "it is held: .* of ada")
    assert error.claim is not None and error.claim["token"] == first.token and error.resource == "task/t1"
    assert app.claim("task/t2", holder="bob").token > first.token
    assert app.release("task/t1", first.token).state == "released"
    second = app.claim("task/t1", holder="bob")
    assert second.token > first.token + 1
    assert [(one.resource, one.holder, one.state) for one in app.claims()] == [
        ("task/t1", "bob", "held"), ("task/t2", "bob", "held"),
    ]  # fmt: skip


def test_a_claim_lapses(app: Replica, clock: peers.Clock) -> None:
    """A claim that nobody renews can be taken; until then its holder can renew it, and afterwards its token means nothing."""
    first = app.claim("deploy", holder="ada", length=MINUTE)
    clock.ms += 59_000
    refused(lambda: app.claim("deploy", holder="bob"))
    app.renew("deploy", first.token, length=MINUTE)
    clock.ms += 59_000
    refused(lambda: app.claim("deploy", holder="bob"))
    clock.ms += 1_000
    assert [one.state for one in app.claims()] == ["lapsed"]
    assert app.renew("deploy", first.token, length=MINUTE).state == "held"
    clock.ms += 60_000
    second = app.claim("deploy", holder="bob", length=MINUTE)
    for deed in (app.renew, app.release, app.complete):
        refused(lambda deed=deed: deed("deploy", first.token), f"token {first.token} is not that of its last claim")
    assert app.complete("deploy", second.token).state == "completed"


def test_what_is_completed_stays_so(app: Replica) -> None:
    """What is completed is claimed again only if somebody insists; to do it twice does no harm; what is not held is not renewed."""
    first = app.claim("task/t1")
    assert app.complete("task/t1", first.token) == app.complete("task/t1", first.token)
    refused(lambda: app.claim("task/t1"), "it is completed")
    refused(lambda: app.renew("task/t1", first.token), "it is completed")
    refused(lambda: app.release("task/t1", first.token), "it is completed")
    assert app.claims() == [] and [one.state for one in app.claims(every=True)] == ["completed"]
    assert app.claim("task/t1", again=True).token > first.token
    refused(lambda: app.complete("task/t2", 1), "claimed by nobody")
    assert app.release("task/t1", None).state == "released"


@pytest.mark.parametrize(
    "options",
    [{"resource": ""}, {"resource": "a\nb"}, {"resource": "x" * 501}, {"holder": ""}, {"length": timedelta(0)}],
)
def test_what_can_not_be_claimed(app: Replica, options: dict[str, Any]) -> None:
    """Names that are none, and no time at all, are refused."""
    given = {"resource": "x", "holder": "ada"} | options
    with pytest.raises(errors.UsageError):
        app.claim(given.pop("resource"), **given)
    assert not app.claims(every=True)


def test_clocks_that_jump(app: Replica, clock: peers.Clock) -> None:
    """A clock that is set back makes tokens grow on, and no claim outlive the time it was claimed for by more than that."""
    first = app.claim("a", length=MINUTE)
    clock.ms -= 10 * 24 * 3600 * 1000
    second = app.claim("b", length=MINUTE)
    assert second.token > first.token
    assert app.claims()[0].left_ms == 60_000
    refused(lambda: app.claim("a"))
    clock.ms += 59_999
    refused(lambda: app.claim("a"))
    clock.ms += 1
    assert app.claim("a").token > second.token


def test_the_machines_own_time_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the machine that was up since, a clock that is set on lets no claim lapse early; after a start the clock counts."""
    from crdtsql.replica.guarding import claiming

    app = peers.replica(tmp_path / "app.db", SCHEMA, site=1, now=hub.now_ms)
    app.close()
    up = ["one", 1_000]
    now = [int(time.time() * 1000)]
    monkeypatch.setattr(claiming, "_up", lambda: tuple(up))
    with Replica.open(tmp_path / "app.db") as app:
        monkeypatch.setattr(app, "_now", claiming.now_ms)
        app.claim("a", length=MINUTE)
        monkeypatch.setattr(claiming, "now_ms", lambda: now[0] + 3_600_000)
        monkeypatch.setattr(app, "_now", claiming.now_ms)
        up[1] += 59_000
        refused(lambda: app.claim("a"))
        up[0] = "two"
        assert app.claim("a").token


def test_tokens_never_come_again(app: Replica, tmp_path: Path, clock: peers.Clock) -> None:
    """Tokens grow on if the table of claims is emptied, and if an older state of the file is put back; no claim of that counts."""
    before = tmp_path / "backup.db"
    first = app.claim("task/t1", holder="ada")
    app.close()
    shutil.copy(tmp_path / "app.db", before)
    with Replica.open(tmp_path / "app.db", now=clock) as app:
        app.release("task/t1", first.token)
        app.claim("task/t1", holder="bob")
        app.connection.execute("DELETE FROM _crdt_claimed")
        last = app.claim("task/t1", holder="cora")
        assert last.token > first.token + 1
    clock.ms += 5_000
    shutil.copy(before, tmp_path / "app.db")
    with Replica.open(tmp_path / "app.db", now=clock) as app:
        assert app.claims() == []
        refused(lambda: app.renew("task/t1", first.token), "claimed by nobody")
        assert app.claim("task/t1").token > last.token
        with app.clone(tmp_path / "clone.db") as other:
            assert other.claims(every=True) == []
            other.claim("task/t1")
        assert len(app.claims()) == 1


CLAIMING = """
import sys
from crdtsql import Replica, errors
with Replica.open(sys.argv[1], lock_timeout=60) as app:
    print("ready", flush=True)
    sys.stdin.readline()
    for n in range(int(sys.argv[2])):
        try:
            print(n, app.claim(f"task/{n}", holder=sys.argv[3]).token, flush=True)
        except errors.ClaimedError:
            pass
"""


def test_many_processes_at_once(app: Replica, tmp_path: Path) -> None:
    """Of many processes that claim the same things at the same time exactly one gets each, and no token is given twice."""
    app.close()
    count, things = 8, 12
    words = [sys.executable, "-c", CLAIMING, str(tmp_path / "app.db"), str(things)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    running = [subprocess.Popen([*words, f"p{n}"], **pipes) for n in range(count)]
    for one in running:
        assert one.stdout is not None and one.stdout.readline() == "ready\n"
    for one in running:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    with ThreadPoolExecutor(count) as pool:
        told = [
            line.split()
            for out, _ in pool.map(lambda one: one.communicate(timeout=60), running)
            for line in out.splitlines()
        ]
    assert all(one.returncode == 0 for one in running)
    assert sorted(int(thing) for thing, _ in told) == list(range(things))
    assert len({token for _, token in told}) == things


def test_a_holder_that_is_killed(tmp_path: Path) -> None:
    """A process that is killed keeps its claim until it lapses; then somebody else has it, and what the first still sends is refused."""
    app = peers.replica(tmp_path / "app.db", SCHEMA, site=1, now=hub.now_ms)
    app.connection.execute("INSERT INTO task VALUES ('t1', 'new')")
    app.fence("task")
    app.close()
    script = (
        "import sys, time; from datetime import timedelta; from crdtsql import Replica\n"
        "with Replica.open(sys.argv[1]) as app:\n"
        "    print(app.claim('task/t1', holder='killed', length=timedelta(seconds=1)).token, flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "app.db")], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    old = int(holder.stdout.readline())
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    with Replica.open(tmp_path / "app.db") as app:
        refused(lambda: app.claim("task/t1", holder="next"), "of killed")
        time.sleep(1.1)
        assert (
            plain(
                tmp_path / "app.db", f"INSERT INTO crdt_token VALUES ({old})", "UPDATE task SET state = 'x'"
            ).returncode
            == 0
        )
        new = app.claim("task/t1", holder="next")
        late = plain(tmp_path / "app.db", f"INSERT INTO crdt_token VALUES ({old})", "UPDATE task SET state = 'late'")
        assert late.returncode != 0 and "no claim that is held here any more" in late.stderr
        app.write("task", "t1", values={"state": "done"}, token=new.token)
        assert app.connection.execute("SELECT state FROM task").fetchall() == [("done",)]


def test_a_fence(app: Replica, tmp_path: Path) -> None:
    """A row that is claimed is written by whoever shows the token, once for each time that it is shown; other rows by everybody."""
    assert app.fence("task") and not app.fence("task")
    claim = app.claim("task/t1")
    for statement in (
        "UPDATE task SET state = 'x' WHERE id = 't1'",
        "UPDATE task SET state = 'x'",
        "DELETE FROM task WHERE id = 't1'",
        "UPDATE task SET id = 't9' WHERE id = 't1'",
        "UPDATE task SET id = 't1' WHERE id = 't2'",
        "INSERT OR REPLACE INTO task VALUES ('t1', 'x')",
        "INSERT INTO task VALUES ('t1', 'x') ON CONFLICT (id) DO UPDATE SET state = 'x'",
    ):
        fenced(app.connection, statement)
    app.connection.execute("UPDATE task SET state = 'free' WHERE id = 't2'; INSERT INTO task VALUES ('t3', 'new')")
    show = f"INSERT INTO crdt_token VALUES ({claim.token})"
    assert plain(tmp_path / "app.db", show, "UPDATE task SET state = 'mine' WHERE id = 't1'").returncode == 0
    fenced(app.connection, "UPDATE task SET state = 'x' WHERE id = 't1'")
    upsert = "INSERT INTO task VALUES ('t1', 'more') ON CONFLICT (id) DO UPDATE SET state = excluded.state"
    assert plain(tmp_path / "app.db", show, upsert).returncode == 0
    assert (
        plain(tmp_path / "app.db", show, "UPDATE task SET state = 'x'", "UPDATE task SET state = 'y'").returncode != 0
    )
    app.connection.execute(show)
    app.connection.execute("DELETE FROM crdt_token")
    fenced(app.connection, "UPDATE task SET state = 'x' WHERE id = 't1'")
    assert app.connection.execute("SELECT * FROM task").fetchall() == [("t1", "more"), ("t2", "free"), ("t3", "new")]
    app.release("task/t1", claim.token)
    app.connection.execute("UPDATE task SET state = 'anybody' WHERE id = 't1'")
    assert app.fence("task", None) and not app.fence("task", None)


def test_a_fence_for_all_rows(app: Replica) -> None:
    """With `always`, rows that nobody has claimed are not updated or deleted either; new ones are inserted."""
    app.fence("pair", "always")
    fenced(app.connection, "UPDATE pair SET v = 1", "under a claim alone")
    fenced(app.connection, "DELETE FROM pair", "under a claim alone")
    app.connection.execute("INSERT INTO pair VALUES ('x', 2, 0)")
    claim = app.claim("pair/x/1")
    app.write("pair", "x", 1, values={"v": 5}, token=claim.token)
    refused(lambda: app.write("pair", "x", 2, values={"v": 5}, token=claim.token))
    app.connection.execute(f"INSERT INTO crdt_token VALUES ({claim.token})")
    app.delete("pair", "x", 1)
    with pytest.raises(errors.UsageError, match="no fence"):
        app.fence("pair", "often")


def test_a_fence_does_not_refuse_a_merge(app: Replica, tmp_path: Path) -> None:
    """What other replicas wrote comes in whoever has the claim; the fence stays where it is, and is there after an ALTER."""
    app.fence("task")
    with app.clone(tmp_path / "2.db") as other:
        claim = app.claim("task/t1")
        write(other, "UPDATE task SET state = 'elsewhere' WHERE id = 't1'")
        sync(app, other)
        assert app.connection.execute("SELECT state FROM task WHERE id = 't1'").fetchall() == [("elsewhere",)]
        assert not app.doctor().broken
        app.alter("ALTER TABLE task ADD COLUMN more")
        fenced(app.connection, "UPDATE task SET more = 'x' WHERE id = 't1'")
        app.write("task", "t1", values={"more": "x"}, token=claim.token)
        sync(app, other)


def test_a_token_of_a_table_without_a_fence(app: Replica) -> None:
    """`write` with a token is refused where the claim is not held, also where the table has no fence."""
    refused(lambda: app.write("task", "t1", values={"state": "x"}, token=5))
    claim = app.claim("Task/t1")
    assert claim.resource == "task/t1"
    app.write("task", "t1", values={"state": "x"}, token=claim.token)
    app.complete("task/t1", claim.token)
    refused(lambda: app.delete("task", "t1", token=claim.token))


def test_the_view(app: Replica, tmp_path: Path, clock: peers.Clock) -> None:
    """Any client sees in `crdt_claims` who has what, and what has lapsed by its machine's clock."""
    clock.ms = hub.now_ms()
    app.claim("a", holder="ada")
    clock.ms -= 3_600_000
    app.claim("b", holder="bob", length=MINUTE)
    app.close()
    found = subprocess.run(
        ["sqlite3", str(tmp_path / "app.db"), "SELECT resource, holder, state FROM crdt_claims ORDER BY 1"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert found.stdout.splitlines() == ["a|ada|held", "b|bob|lapsed"]


def test_a_file_with_claims_is_attached(app: Replica, tmp_path: Path) -> None:
    """Another program can attach a file with claims and a fence under any name, and read them and write there."""
    app.fence("task")
    claim = app.claim("task/t1", holder="ada")
    other = apsw.Connection(str(tmp_path / "other.db"))
    other.execute("ATTACH ? AS theirs", (str(tmp_path / "app.db"),))
    assert other.execute("SELECT holder FROM theirs.crdt_claims").fetchall() == [("ada",)]
    fenced(other, "UPDATE theirs.task SET state = 'x' WHERE id = 't1'")
    other.execute(
        f"INSERT INTO theirs.crdt_token VALUES ({claim.token}); UPDATE theirs.task SET state = 'x' WHERE id = 't1'"
    )
    other.close()


def test_it_goes_with_everything_else(app: Replica, tmp_path: Path) -> None:
    """`disable --all` leaves nothing of claims in a file; a file without any goes back to an earlier format, one with some does not."""
    app.fence("task")
    claim = app.claim("task/t1")
    with pytest.raises(errors.CrdtsqlError, match="there are claims in it"):
        app.downgrade(8)
    app.release("task/t1", claim.token)
    with pytest.raises(errors.CrdtsqlError, match="'fence'"):
        app.downgrade(8)
    app.fence("task", None)
    app.disable(all=True)
    names = {name for (name,) in app.connection.execute("SELECT name FROM sqlite_schema WHERE name LIKE '%crdt%'")}
    assert not names


def test_the_commands(app: Replica, tmp_path: Path) -> None:
    """`claim` prints the token, and exits with 3 where somebody has it; the others take it, and `claims` lists them."""
    app.close()
    path = tmp_path / "app.db"
    token = ok("claim", path, "task/t1", "--for", "10m", "--as", "ada").strip()
    taken = run("claim", path, "task/t1", "--json")
    assert taken.returncode == 3 and json.loads(taken.stderr)["error"]["details"]["claim"]["holder"] == "ada"
    assert "claimed" in ok("fence", path, "task")
    assert run("write", path, "task", "t1", "state=x", "--token", "7").returncode == 3
    assert run("write", path, "task", "t1", "state=x").returncode == 1
    ok("write", path, "task", "t1", "state=x", "--token", token)
    assert ok("renew", path, "task/t1", "--token", token, "--for", "1h").strip() == token
    assert json.loads(ok("claims", path, "--json"))[0]["state"] == "held"
    assert "ada" in ok("claims", path)
    assert run("complete", path, "task/t1", "--token", "7").returncode == 3
    assert ok("complete", path, "task/t1", "--token", token) == "completed task/t1\n"
    assert run("claim", path, "x", "--for", "soon").returncode == 2
    assert run("release", path, "task/t1").returncode == 2


@pytest.mark.parametrize("way", ["http", "file", "remote"])
def test_through_a_remote(app: Replica, tmp_path: Path, way: str) -> None:
    """Through a server, or a file that all share, one gets it; the claims are there alone, and say whose token asked."""
    with app.clone(tmp_path / "one.db") as one, app.clone(tmp_path / "two.db") as two:
        app.close()
        with hub.serving(tmp_path / "app.db") as server:
            server.grant(tmp_path / "app.db", "agents")
            via = server.address(tmp_path / "app.db") if way == "http" else str(tmp_path / "app.db")
            if way == "remote":
                for each in (one, two):
                    each.add_remote("hub", via)
                via = "hub"
            first = one.claim("task/t1", holder="one", via=via)
            assert first.through == ("agents" if way == "http" else "")
            error = refused(lambda: two.claim("task/t1", holder="two", via=via), "of one")
            assert error.claim is not None and error.claim["token"] == first.token
            assert one.claims() == [] == two.claims(every=True)
            assert [claim.holder for claim in two.claims(via=via)] == ["one"]
            one.renew("task/t1", first.token, via=via)
            one.release("task/t1", first.token, via=via)
            second = two.claim("task/t1", holder="two", via=via)
            assert second.token > first.token
            refused(lambda: one.complete("task/t1", first.token, via=via), "not that of its last claim")
            two.complete("task/t1", second.token, via=via)


def test_what_a_token_lets_claim(app: Replica, tmp_path: Path) -> None:
    """A token that may only read claims nothing, one for some tables claims their rows alone, and none claims without one."""
    with app.clone(tmp_path / "one.db") as one:
        app.close()
        with hub.serving(tmp_path / "app.db") as server:
            via = server.address(tmp_path / "app.db")
            with pytest.raises(errors.TransportError, match="needs a token"):
                one.claim("task/t1", via=via)
            server.grant(tmp_path / "app.db", "reader", write=False)
            with pytest.raises(errors.TransportError, match="claim nothing"):
                one.claim("task/t1", via=via)
            assert one.claims(via=via) == []
            server.grant(tmp_path / "app.db", "some", tables=["TASK"])
            one.claim("task/t1", via=via)
            for resource in ("pair/x/1", "task", "deploy"):
                with pytest.raises(errors.TransportError, match="is for TASK alone"):
                    one.claim(resource, via=via)
            with pytest.raises(errors.TransportError, match="may not hear of all claims"):
                one.claims(via=via)


def test_an_answer_that_was_lost(app: Replica, tmp_path: Path) -> None:
    """An order that comes twice, because its answer was lost, is one claim; a store, which can't answer, is refused."""
    order = {"deed": "claim", "resource": "a", "holder": "ada", "length_ms": 1000, "nonce": "n1"}
    first = app.ordered(order, "agents")
    assert app.ordered(order, "agents") == first
    refused(lambda: app.ordered(order | {"nonce": "n2"}))
    for odd in (
        {"deed": "steal"},
        {"token": "x", "deed": "renew"},
        {"length_ms": 1 << 80},
        {"holder": 7, "length_ms": {}},
    ):
        with pytest.raises(errors.UsageError):
            app.ordered(order | odd)
    (tmp_path / "team").mkdir()
    app.sync(f"dir:{tmp_path / 'team'}")
    with pytest.raises(errors.UsageError, match="only keeps files"):
        app.claim("a", via=f"dir:{tmp_path / 'team'}")


def test_a_row_has_one_name(tmp_path: Path) -> None:
    """Keys that the table takes for equal are one row, which one alone gets; its fence knows the claim."""
    schema = (
        "CREATE TABLE n (id TEXT PRIMARY KEY NOT NULL COLLATE NOCASE, v);"
        "CREATE TABLE i (id INTEGER PRIMARY KEY, v);"
        "CREATE TABLE p (a TEXT COLLATE NOCASE, b INT, v, PRIMARY KEY (a, b)) WITHOUT ROWID;"
        "INSERT INTO n VALUES ('Abc', 1), ('a/b', 1); INSERT INTO i VALUES (7, 1); INSERT INTO p VALUES ('X', 1, 1)"
    )
    with peers.replica(tmp_path / "app.db", schema, site=1, now=peers.Clock()) as app:
        for spellings, name in (
            (("n/abc", "N/ABC", "n/Abc"), "n/Abc"),
            (("n/A/B", "n/a/b"), "n/a/b"),
            (("i/007", "i/7"), "i/7"),
            (("p/x/01", "p/X/1"), "p/X/1"),
            (("n/later",), "n/later"),
        ):
            first, *others = spellings
            assert app.claim(first, length=MINUTE, holder="one").resource == name
            for other in others:
                with pytest.raises(errors.ClaimedError):
                    app.claim(other, length=MINUTE, holder="two")
        app.fence("n", "claimed")
        with pytest.raises(apsw.ConstraintError, match=FENCED):
            write(app, "UPDATE n SET v = 2 WHERE id = 'ABC'")
