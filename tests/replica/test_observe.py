"""Observing: what changes in the result of a query is told, whoever writes, and nothing can be written through it."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
import time
from pathlib import Path

import httpx2
import pytest

from crdtsql import Replica, errors, sync
from crdtsql.replica import Observation
from crdtsql.sqlite import ReadLimits
from crdtsql.transports import http
from tests.support import hub, peers
from tests.support.command import run, start
from tests.support.peers import write

SCHEMA = (
    "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, state, n); CREATE TABLE secret (id TEXT PRIMARY KEY NOT NULL, v)"
)


@pytest.fixture
def app(tmp_path: Path) -> Replica:
    """Give a replica with rows."""
    found = peers.replica(tmp_path / "app.db", SCHEMA, tables=("task",), site=1, now=hub.now_ms)
    found.connection.execute(
        "INSERT INTO task VALUES ('a', 'new', 1), ('b', 'new', 2); INSERT INTO secret VALUES ('s', 'x')"
    )
    found.fold()
    return found


def told(found: Observation) -> list[tuple[object, ...]]:
    """Return what changed: what was done, the key, the row, and the row before."""
    return [
        (one.did, *one.key.values(), tuple(one.row.values()), one.before and tuple(one.before.values()))
        for one in found.poll()
    ]


def test_who_ever_writes(app: Replica, tmp_path: Path) -> None:
    """Writes of other programs, of this process, and merges are told; what does not touch the result is not."""
    with app.clone(tmp_path / "2.db") as other, app.observe("SELECT id, state FROM task WHERE n < 10") as found:
        assert (found.columns, found.key, told(found)) == (("id", "state"), ("id",), [])
        write(
            tmp_path / "app.db",
            "UPDATE task SET state = 'done' WHERE id = 'a'",
            "INSERT INTO task VALUES ('c', 'new', 3)",
        )
        assert told(found) == [("changed", "a", ("a", "done"), ("a", "new")), ("added", "c", ("c", "new"), None)]
        app.connection.execute("UPDATE task SET n = 5 WHERE id = 'a'; UPDATE secret SET v = 'y'")
        assert told(found) == []
        write(other, "UPDATE task SET n = 11 WHERE id = 'b'", "UPDATE task SET state = 1 WHERE id = 'a'")
        sync(app, other)
        assert told(found) == [("removed", "b", ("b", "new"), None), ("changed", "a", ("a", 1), ("a", "done"))]
        app.connection.execute("UPDATE task SET state = 1.0 WHERE id = 'a'")
        assert [(one.before, one.row) for one in found.poll()] == [({"id": "a", "state": 1}, {"id": "a", "state": 1.0})]


def test_changes_add_up(app: Replica) -> None:
    """Whatever is written, the rows that are told of, one after the other, are always the result."""
    import random

    chance = random.Random(7)
    rows: dict[str, object] = {}
    with app.observe("SELECT * FROM task", initial=True) as found:
        for _ in range(200):
            for _ in range(chance.randrange(4)):
                name = chance.choice("abcdef")
                app.connection.execute(
                    chance.choice(
                        [
                            "INSERT OR REPLACE INTO task VALUES (?, random() % 3, 1)",
                            "DELETE FROM task WHERE id = ?",
                            "UPDATE task SET n = n + 1 WHERE id = ?",
                        ]
                    ),
                    (name,),
                )
            for change in found.poll():
                if change.did == "removed":
                    assert rows.pop(change.key["id"]) == change.row
                else:
                    assert rows.get(change.key["id"]) == change.before
                    rows[change.key["id"]] = change.row
            assert sorted(rows.values(), key=str) == sorted(
                (
                    dict(zip(("id", "state", "n"), row, strict=True))
                    for row in app.connection.execute("SELECT * FROM task")
                ),
                key=str,
            )


def test_rows_without_a_key(app: Replica) -> None:
    """Without a key whole rows come and go, as often as they are there; a key that is no key is refused."""
    with app.observe("SELECT state FROM task") as found:
        assert found.key == ()
        app.connection.execute(
            "UPDATE task SET state = 'done' WHERE id = 'a'; INSERT INTO task VALUES ('c', 'new', 1), ('d', 'new', 1)"
        )
        assert sorted((one.did, one.row["state"]) for one in found.poll()) == [("added", "done"), ("added", "new")]
    with pytest.raises(errors.UsageError, match="two rows of the result have the key 'new'"):
        app.observe("SELECT state FROM task", key=["state"])
    with pytest.raises(errors.UsageError, match="no column id: it has state"):
        app.observe("SELECT state FROM task", key=["id"])
    with app.observe("SELECT state, count(*) AS tasks FROM task GROUP BY state", key=["state"]) as found:
        app.connection.execute("DELETE FROM task WHERE id = 'a'")
        assert [(one.did, one.key, one.row["tasks"]) for one in found.poll()] == [("removed", {"state": "done"}, 1)]
    with app.observe("SELECT task.id, other.id AS other FROM task JOIN task AS other ON other.id = 'b'") as found:
        assert found.key == ("id",) or found.key == ()


def test_a_join_that_doubles_rows(app: Replica) -> None:
    """Where a row of a table comes to be there twice, whole rows are told apart from then on."""
    with app.observe("SELECT task.id, task.state FROM task LEFT JOIN secret ON secret.v = task.n") as found:
        assert found.key == ("id",)
        app.connection.execute("INSERT INTO secret VALUES ('p', 1), ('q', 1)")
        assert [(one.did, one.row["id"]) for one in found.poll()] == [("added", "a")] and found.key == ()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE task SET n = 1", "DELETE FROM task", "INSERT INTO task VALUES ('x', 1, 1)", "PRAGMA user_version = 3", "CREATE TABLE x (y)",
        "ATTACH 'other.db' AS other", "SELECT 1; SELECT 2", "", "SELECT load_extension('x')", "SELECT id, id FROM task", "SELECT nothing",
        "BEGIN", "VACUUM INTO 'copy.db'",
    ],
)  # fmt: skip
def test_nothing_but_a_query(app: Replica, statement: str) -> None:
    """Only one SELECT can be observed, whose columns have names of their own."""
    with pytest.raises((errors.StatementError, errors.UsageError)):
        app.observe(statement).close()
    assert app.connection.execute("SELECT count(*), sum(n) FROM task").fetchall() == [(2, 3)]


def test_limits(app: Replica) -> None:
    """A result of too many rows, a query that takes too long, and a table that is gone end it, in words."""
    with pytest.raises(errors.StatementError, match="more than 1 rows"):
        app.observe("SELECT * FROM task", limits=ReadLimits(rows=1))
    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    with pytest.raises(errors.StatementError, match="was stopped"):
        app.observe(endless, limits=ReadLimits(seconds=0.05))
    with pytest.raises(errors.StatementError, match="may touch task alone"):
        app.observe("SELECT * FROM secret", tables=["task"])
    with app.observe("SELECT * FROM secret") as found:
        app.connection.execute("DROP TABLE secret")
        with pytest.raises(errors.StatementError, match="no such table"):
            found.poll()


def test_it_hinders_nobody(app: Replica) -> None:
    """Nothing is locked between two looks, and a look while somebody has the file locked is made later."""
    app.connection.execute("PRAGMA journal_mode = DELETE")
    with Observation(str(app.path), "SELECT * FROM task", lock_timeout=0) as found:
        app.connection.execute("BEGIN EXCLUSIVE; UPDATE task SET n = 9 WHERE id = 'a'")
        assert found.poll() == []
        app.connection.execute("COMMIT")
        assert [one.did for one in found.poll()] == ["changed"]
        assert found.poll() == []


def test_for_and_async_for(app: Replica, tmp_path: Path) -> None:
    """`for`, and `async for`, give changes as they come, until it is stopped."""

    def later() -> None:
        time.sleep(0.2)
        write(tmp_path / "app.db", "UPDATE task SET n = 7 WHERE id = 'a'")

    thread = threading.Thread(target=later)
    thread.start()
    with app.observe("SELECT * FROM task") as found:
        for change in found:
            assert change.row["n"] == 7
            found.stop()
    thread.join()

    async def listen() -> list[object]:
        seen = []
        async with app.observe("SELECT * FROM task", initial=True) as found:
            async for change in found:
                seen.append(change.row["n"])
                if len(seen) == 2:
                    await asyncio.to_thread(write, tmp_path / "app.db", "UPDATE task SET n = 8 WHERE id = 'a'")
                if len(seen) == 3:
                    found.stop()
        return seen

    assert asyncio.run(asyncio.wait_for(listen(), 20)) == [7, 2, 8]


def test_the_command(app: Replica, tmp_path: Path) -> None:
    """`observe` prints a line for each change, runs a command for it, names one that fails, and ends with a signal."""
    app.close()
    script = tmp_path / "hook.sh"
    script.write_text(f"cat >> {tmp_path}/heard; grep -q fails {tmp_path}/heard && exit 3; true")
    query = "SELECT id, state FROM task"
    process = start("observe", tmp_path / "app.db", query, "--initial", "--json", "--exec", f"sh {script}")
    try:
        assert process.stdout is not None
        hub.until(lambda: b"observe" in Path(f"/proc/{process.pid}/cmdline").read_bytes())
        seen = []
        for _ in "ab":
            process.stdout.readline()  # what was there when it began
        for state in ("fine", "fails"):
            write(tmp_path / "app.db", f"UPDATE task SET state = '{state}' WHERE id = 'a'")
            seen.append(json.loads(process.stdout.readline()))
        assert [(one["did"], one["key"], one["row"]["state"]) for one in seen] == [
            ("changed", {"id": "a"}, "fine"), ("changed", {"id": "a"}, "fails"),
        ]  # fmt: skip
        hub.until(lambda: (tmp_path / "heard").read_text().count("\n") == 4)
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=20)
        assert process.returncode == 0 and b"exit code 3" in said
    finally:
        process.kill()
    shown = run(
        "observe", tmp_path / "app.db", "SELECT id, state FROM task", "--initial", "--count", "2"
    ).stdout.decode()
    assert shown == "+ id = 'a', state = 'fails'\n+ id = 'b', state = 'new'\n"
    assert run("observe", tmp_path / "app.db", "DELETE FROM task").returncode == 1


def events(response: httpx2.Response, count: int) -> list[tuple[str, dict]]:
    """Read events of a stream."""
    found, kind = [], ""
    for line in response.iter_lines():
        if line.startswith("event:"):
            kind = line.partition(":")[2].strip()
        elif line.startswith("data:"):
            found.append((kind, json.loads(line.partition(":")[2])))
            if len(found) == count:
                break
    return found


def test_over_http(app: Replica, tmp_path: Path) -> None:
    """A server tells what changes as a stream of events; a token hears of replicated tables that it is for, and of no others."""
    app.close()
    with hub.serving(tmp_path / "app.db") as server:
        token = http.Tokens(tmp_path / "app.db").add("listener")
        some = http.Tokens(tmp_path / "app.db").add("some", tables=["other"])
        blind = http.Tokens(tmp_path / "app.db").add("blind", read=False)
        address = f"{server.base}/app/observe"

        def ask(secret: str | None, sql: str = "SELECT id, state FROM task") -> tuple[int, str]:
            headers = {"Authorization": f"Bearer {secret}"} if secret else {}
            answer = httpx2.get(address, params={"sql": sql}, headers=headers, timeout=10)
            return answer.status_code, answer.text

        assert ask(None)[0] == 401 and ask(blind)[0] == 403 and ask(token, "")[0] == 400
        for sql in ("SELECT * FROM secret", "SELECT * FROM _crdt_meta", "DELETE FROM task"):
            status, why = ask(token, sql)
            assert status == 400 and "the statement may" in why
        assert ask(some)[0] == 400
        with httpx2.stream(
            "GET",
            address,
            params={"sql": "SELECT id, state FROM task"},
            headers={"Authorization": f"Bearer {token}"},
            timeout=20,
        ) as stream:
            assert stream.status_code == 200
            threading.Timer(0.3, write, (tmp_path / "app.db", "UPDATE task SET state = 'done' WHERE id = 'a'")).start()
            found = events(stream, 2)
    assert found[0] == ("columns", {"columns": ["id", "state"], "key": ["id"]})
    assert (found[1][0], found[1][1]["did"], found[1][1]["row"]) == ("change", "changed", {"id": "a", "state": "done"})


def test_a_token_that_is_revoked(app: Replica, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream ends soon after its token counts no more."""
    from crdtsql.transports.observing import queries

    monkeypatch.setattr(queries, "CHECK_EVERY", 2)
    app.close()
    with hub.serving(tmp_path / "app.db") as server:
        tokens = http.Tokens(tmp_path / "app.db")
        token = tokens.add("listener")
        with httpx2.stream(
            "GET",
            f"{server.base}/app/observe",
            params={"sql": "SELECT 1 AS one"},
            headers={"Authorization": f"Bearer {token}"},
            timeout=20,
        ) as stream:
            threading.Timer(0.3, tokens.revoke, ("listener",)).start()
            assert len(events(stream, 5)) == 1
