"""conflicts, resolve and undelete as users type them, each in a process of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import apsw
import pytest

from crdtsql import Replica, sync
from crdtsql.base.errors import UsageError
from tests.support.command import COMMAND, execute, ok, query, refused, run

SCHEMA = """
CREATE TABLE task (id TEXT PRIMARY KEY, title TEXT, votes INTEGER CHECK (votes < 100));
CREATE TABLE pair (a INTEGER, b TEXT, v, PRIMARY KEY (a, b)) WITHOUT ROWID;
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """Give a replica with three open conflicts, beside its peer peer.db, which wrote later."""
    path, other = tmp_path / "app.db", tmp_path / "peer.db"
    connection = apsw.Connection(str(path))
    connection.execute(SCHEMA + "INSERT INTO task VALUES ('t1', 'one', 1); INSERT INTO pair VALUES (1, 'a', x'00ff')")
    connection.close()
    with Replica.open(path) as replica:
        replica.enable(all=True)
        with replica.clone(other) as peer:
            replica.connection.execute(
                "UPDATE task SET title = 'of app', votes = 5 WHERE id = 't1'; UPDATE pair SET v = x'aa'"
            )
            time.sleep(0.01)
            peer.connection.execute(
                "UPDATE task SET title = 'of peer', votes = 6 WHERE id = 't1'; UPDATE pair SET v = x'bb'"
            )
            sync(replica, peer)
    return path


def listed(path: Path, *options: str) -> dict[str, dict[str, object]]:
    """Return the listed conflicts by column."""
    return {str(conflict["column"]): conflict for conflict in json.loads(ok("conflicts", path, *options, "--json"))}


def number(path: Path, column: str) -> str:
    return str(listed(path)[column]["id"])


def shown(path: Path) -> tuple[object, ...]:
    ((title, votes),) = query(path, "SELECT title, votes FROM task WHERE id = 't1'")
    return title, votes


def script(tmp_path: Path, body: str) -> str:
    """Write a program that answers, and return the command that runs it."""
    path = tmp_path / "answer.py"
    path.write_text(f"import json, sys, time\nconflict = json.load(sys.stdin)\n{body}\n")
    return f"'{sys.executable}' '{path}'"


def test_conflicts_says_who_wrote_what_when(app: Path) -> None:
    """`conflicts` lists table, key, column, both values with writer and time, which side is shown, and whether it is resolved."""
    text = ok("conflicts", app)
    found = listed(app)
    site, peer = json.loads(ok("status", app, "--json"))["site"], found["title"]["won_site"]
    assert "'t1' title: open, took theirs" in text
    assert re.search(rf"won  'of peer'  20\d\d-\d\d-\d\dT[\d:.]+Z by {peer}$", text, re.MULTILINE)
    assert re.search(rf"lost 'of app'  20\d\d-\d\d-\d\dT[\d:.]+Z by {site} \(this file\)$", text, re.MULTILINE)
    assert "pair (1, 'a') v:" in text and "3 concurrent overwrites, 3 open" in text
    assert (
        found["title"] | {"won_value": "of peer", "lost_value": "of app", "ours": "of app", "theirs": "of peer"}
        == found["title"]
    )
    assert found["title"]["table"] == "task" and found["title"]["key"] == "t1" and found["title"]["resolved"] is False
    assert found["v"]["key"] == [1, "a"] and found["v"]["won_value"] == {"blob": "bb"}


def test_conflicts_are_chosen_by_table_and_state(app: Path) -> None:
    """--table and --open leave out the others; an unknown table is refused."""
    assert set(listed(app, "--table", "TASK")) == {"title", "votes"}
    execute(app, "UPDATE task SET title = 'resolved' WHERE id = 't1'")
    assert set(listed(app, "--open")) == {"v", "votes"}
    assert "resolved 20" in ok("conflicts", app, "--table", "task")
    assert "is not replicated" in refused("conflicts", app, "--table", "nothing")


def test_the_view_says_the_same(app: Path) -> None:
    """Any SQLite client reads the log in the view crdt_conflicts, with 1 for what is resolved."""
    ok("resolve", app, number(app, "title"), "--take", "ours")
    rows = query(
        app,
        """SELECT "table", "key", "column", part, won_value, lost_value, took, resolved, resolved_time > won_time OR
        resolved_time = won_time FROM crdt_conflicts WHERE "table" = 'task' ORDER BY id""",
    )
    assert rows == [
        ("task", "t1", "title", "", "of peer", "of app", "theirs", 1, 1),
        ("task", "t1", "votes", "", 6, 5, "theirs", 0, None),
    ]
    assert [row[0] for row in query(app, "SELECT name FROM pragma_table_info('crdt_conflicts')")] == [
        "id", "table", "key", "column", "part", "won_value", "won_site", "won_time", "lost_value", "lost_site", "lost_time",
        "took", "resolved", "resolved_time", "won_site_name", "lost_site_name", "lost_actor", "lost_run", "won_actor", "won_run",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "stored"),
    [
        (["--take", "ours"], "of app"), (["--take", "theirs"], "of peer"), (["--value", '"both"'], "both"),
        (["--value", '"ours"'], "ours"), (["--value", "null"], None), (["--value", "7"], "7"), (["--value", '"it\'s"'], "it's"),
        (["--value", '{"blob": "00ff"}'], b"\0\xff"), (["--value", "true"], "1"), (["--value", '""'], ""),
    ],
)  # fmt: skip
def test_resolve_takes_a_side_or_a_value(app: Path, tmp_path: Path, options: list[str], stored: object) -> None:
    """--take names a side, --value anything as JSON; the answer reaches the peer and resolves the conflict there."""
    assert ok("resolve", app, number(app, "title"), *options) == f"resolved conflict {number(app, 'title')}\n"
    assert shown(app) == (stored, 6)
    ok("sync", app, tmp_path / "peer.db")
    assert shown(tmp_path / "peer.db") == (stored, 6)
    assert set(listed(tmp_path / "peer.db", "--open")) == set(listed(app, "--open")) == {"v", "votes"}


@pytest.mark.parametrize("word", ["their", "Theirs", "both", "", "7", "won"])
def test_take_is_ours_or_theirs(app: Path, word: str) -> None:
    """A typing error after --take is wrong usage, and no value."""
    assert "'ours', 'theirs'" in refused("resolve", app, number(app, "title"), "--take", word, code=2)
    assert shown(app) == ("of peer", 6)
    with Replica.open(app) as replica, pytest.raises(UsageError, match="'ours' and 'theirs'"):
        replica.resolve(1, word)  # type: ignore[arg-type]


def test_resolve_refuses_in_one_line(app: Path) -> None:
    """What is resolved, unknown, deleted or not allowed is refused with what to do, and nothing is changed."""
    title, votes = number(app, "title"), number(app, "votes")
    assert "CHECK constraint failed: votes < 100" in refused("resolve", app, votes, "--value", "100")
    assert "has no conflict 99" in refused("resolve", app, "99", "--take", "ours")
    ok("resolve", app, title, "--take", "ours")
    assert "resolved already" in refused("resolve", app, title, "--take", "theirs")
    assert shown(app) == ("of app", 6)
    ok("resolve", app, title, "--take", "theirs", "--again")
    assert shown(app) == ("of peer", 6)
    execute(app, "DELETE FROM task WHERE id = 't1'")
    assert "bring it back with `crdtsql undelete" in refused("resolve", app, votes, "--take", "ours")
    assert "row deleted" in ok("conflicts", app, "--open")


def test_resolve_takes_several(app: Path) -> None:
    """Several conflicts are resolved one by one; what fails is reported in a line each, the others are resolved, exit code 1."""
    title, votes = number(app, "title"), number(app, "votes")
    done = run("resolve", app, title, "99", votes, "--take", "ours")
    assert done.returncode == 1
    assert done.stderr.decode().splitlines() == [
        line for line in done.stderr.decode().splitlines() if "has no conflict 99" in line
    ]
    assert done.stdout.decode().splitlines() == [f"resolved conflict {title}", f"resolved conflict {votes}"]
    assert shown(app) == ("of app", 5)


@pytest.mark.parametrize(
    "options",
    [
        [], ["1"], ["--take", "ours"], ["1", "--take", "ours", "--value", "1"], ["1", "--take", "ours", "--with", "true"],
        ["1", "--value", "{"], ["1", "--value", "[1]"], ["1", "--value", "NaN"], ["1", "--value", "9" * 30],
        ["1", "--value", '{"blob": "x"}'], ["1", "--take", "ours", "--table", "task"], ["1", "--with", "true", "--table", "task"],
        ["1", "--with", "true", "--timeout", "0"], ["--value", "[" * 100_000, "1"],
    ],
)  # fmt: skip
def test_resolve_says_how_it_is_used(app: Path, options: list[str]) -> None:
    """Wrong options of `resolve` exit with 2."""
    refused("resolve", app, *options, code=2)


def test_a_command_answers(app: Path, tmp_path: Path) -> None:
    """--with asks a command for every open conflict and applies its answers: a side, a value, or none."""
    command = script(
        tmp_path,
        """answers = {"title": {"take": "ours"}, "v": {"skip": True}}
print(json.dumps(answers.get(conflict["column"]) or {"value": conflict["ours"] + conflict["theirs"]}))""",
    )
    output = ok("resolve", app, "--with", command)
    assert f"skipped conflict {number(app, 'v')}" in output
    assert shown(app) == ("of app", 11)
    assert set(listed(app, "--open")) == {"v"}
    assert ok("resolve", app, "--with", command, "--table", "task") == ""
    assert ok("resolve", app, number(app, "v"), "--with", """echo '{"value": {"blob": "cc"}}'""") != ""
    assert query(app, "SELECT v FROM pair") == [(b"\xcc",)]
    assert "resolved already" in refused("resolve", app, number(app, "v"), "--with", command)


@pytest.mark.parametrize(
    "body",
    [
        "sys.exit(3)", "print('no JSON')", "print('{}')", """print('{"take": "both"}')""", """print('{"take": "ours", "value": 1}')""",
        """print('{"skip": false}')""", "print('[]')", "", "sys.stdout.buffer.write(bytes([255]))", "print('[' * 100000)",
        """print('{"value": [1]}')""", "time.sleep(60)",
        "import subprocess; subprocess.Popen(['sleep', '60']); print('{\"take\": \"ours\"}')",
    ],
)  # fmt: skip
def test_a_command_that_fails_leaves_the_conflict_open(app: Path, tmp_path: Path, body: str) -> None:
    """A failing command, an answer that is none, and one that does not come in time leave that conflict alone, one line each."""
    command = script(
        tmp_path, f"if conflict['column'] == 'title':\n    {body or 'pass'}\nelse:\n    print('{{\"take\": \"ours\"}}')"
    )
    begin = time.monotonic()
    done = run("resolve", app, "--table", "task", "--with", command, "--timeout", "2", timeout=30)
    assert time.monotonic() - begin < 20
    assert done.returncode == 1
    lines = done.stderr.decode().splitlines()
    assert [line for line in lines if line.startswith(f"Error: conflict {number(app, 'title')} is left as it was: ")], (
        lines
    )
    assert sum(line.startswith("Error: ") for line in lines) == 1
    assert shown(app) == ("of peer", 5)


def test_a_command_may_write_the_file_itself(app: Path, tmp_path: Path) -> None:
    """Nothing is locked while a command runs; if the cell changed meanwhile, the answer is discarded and that is said."""
    command = script(
        tmp_path,
        f"""import sqlite3
with sqlite3.connect({str(app)!r}, timeout=0) as connection:
    connection.execute("UPDATE task SET title = 'by the command' WHERE id = 't1'")
print('{{"take": "ours"}}')""",
    )
    line = refused("resolve", app, number(app, "title"), "--with", command)
    assert "written meanwhile" in line
    assert shown(app) == ("by the command", 6)


def test_entries_of_one_cell_are_asked_once(app: Path, tmp_path: Path) -> None:
    """An answer resolves all entries of its cell, so the command is not asked about the others."""
    peer = tmp_path / "peer.db"
    execute(app, "UPDATE task SET title = 'again app' WHERE id = 't1'")
    execute(peer, "UPDATE task SET title = 'again peer' WHERE id = 't1'")
    third = tmp_path / "third.db"
    ok("clone", peer, third)
    execute(third, "UPDATE task SET title = 'third' WHERE id = 't1'")
    execute(peer, "UPDATE task SET title = 'more' WHERE id = 't1'")
    ok("sync", app, peer)
    ok("sync", app, third)
    found = [
        conflict for conflict in json.loads(ok("conflicts", app, "--open", "--json")) if conflict["column"] == "title"
    ]
    assert len(found) >= 2
    log = tmp_path / "asked"
    output = ok(
        "resolve",
        app,
        *(str(conflict["id"]) for conflict in found),
        "--with",
        f"""echo x >> '{log}'; echo '{{"take": "ours"}}'""",
    )
    assert "was resolved together with another one of its cell" in output
    assert len(log.read_text().split()) == 1


def test_conflicts_of_deleted_rows_are_not_asked(app: Path) -> None:
    """--with leaves out the conflicts of deleted rows, and says so; named, they are refused."""
    votes = number(app, "votes")
    execute(app, "DELETE FROM task WHERE id = 't1'")
    assert "left out: 2 conflicts in deleted rows" in ok("resolve", app, "--with", """echo '{"take": "ours"}'""")
    assert "undelete" in refused("resolve", app, votes, "--with", "true")


def test_undelete_brings_a_row_back(app: Path, tmp_path: Path) -> None:
    """`undelete` shows the row again, here and on the peer, and its conflicts are as they were."""
    peer = tmp_path / "peer.db"
    execute(app, "DELETE FROM task WHERE id = 't1'; DELETE FROM pair")
    ok("sync", app, peer)
    before = json.loads(ok("blame", app, "task", "t1", "--json"))
    assert ok("undelete", app, "task", "t1") == "undeleted task 't1'\n"
    assert ok("undelete", app, "pair", "1", "a") == "undeleted pair ('1', 'a')\n"
    assert json.loads(ok("blame", app, "task", "t1", "--json")) == [cell | {"shown": True} for cell in before]
    ok("sync", app, peer)
    assert shown(app) == shown(peer) == ("of peer", 6)
    assert query(peer, "SELECT * FROM pair") == [(1, "a", b"\xbb")]
    assert set(listed(app, "--open")) == {"title", "votes", "v"}


def test_undelete_refuses_in_one_line(app: Path) -> None:
    """A row that is shown, unknown or in the way of a constraint is not brought back."""
    assert "is not deleted" in refused("undelete", app, "task", "t1")
    assert "has no row '7', shown or held" in refused("undelete", app, "task", "7")
    assert "is not replicated" in refused("undelete", app, "nothing", "1")
    assert "give 2 value(s)" in refused("undelete", app, "pair", "1", code=2)
    execute(app, "DELETE FROM task WHERE id = 't1'; CREATE UNIQUE INDEX once ON task (title)")
    execute(app, "INSERT INTO task VALUES ('new', 'of peer', 1)")
    line = refused("undelete", app, "task", "t1")
    assert "UNIQUE constraint failed: task.title" in line and "nothing was changed" in line


def test_the_log_is_bounded(app: Path, tmp_path: Path) -> None:
    """--keep-per-cell, --keep-total and --keep-bytes bound the log from then on; `status` says how many entries were forgotten."""
    found = json.loads(ok("status", app, "--json"))
    assert (found["conflicts_per_cell"], found["conflicts_total"], found["conflicts_pruned"]) == (20, 10_000, 0)
    assert [table["open_conflicts"] for table in found["tables"]] == [1, 2]
    assert ok("conflicts", app, "--keep-total", "2", "--keep-per-cell", "5") == "1 entries forgotten now\n"
    found = json.loads(ok("status", app, "--json"))
    assert (found["conflicts_per_cell"], found["conflicts_total"], found["conflicts_pruned"]) == (5, 2, 1)
    assert "at most 5 entries per cell, 2 in all and 67,108,864 bytes of values are kept, 1 were forgotten" in ok(
        "status", app
    )
    assert set(listed(app)) == {"title", "votes"}
    assert ok("conflicts", app, "--keep-bytes", "0") == "2 entries forgotten now\n"
    assert json.loads(ok("status", app, "--json"))["conflicts_bytes"] == 0
    refused("conflicts", app, "--keep-total", "-1", code=2)


def test_an_interrupted_command_is_ended(app: Path, tmp_path: Path) -> None:
    """Ctrl-C ends the command that was asked too, and leaves the conflict open."""
    mark, alive = tmp_path / "late", tmp_path / "alive"
    os.mkfifo(alive)
    process = subprocess.Popen(
        [
            *COMMAND,
            "resolve",
            app,
            number(app, "title"),
            "--with",
            f"exec 3> '{alive}'; echo >&3; sleep 8; touch '{mark}'",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a test run in the background ignores it
    )
    with alive.open("rb") as pipe:
        assert pipe.read(1)
        process.send_signal(2)
        process.communicate(timeout=20)
        assert process.returncode == -signal.SIGINT
        assert pipe.read() == b"", "the pipe ends when all of the command has ended"
    assert not mark.exists()
    assert set(listed(app, "--open")) == {"v", "title", "votes"}
