"""The commands as users type them, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import COMMAND, execute, make, ok, query, refused, run

SCHEMA = """
CREATE TABLE task (id TEXT PRIMARY KEY, title TEXT, votes INTEGER DEFAULT 0);
CREATE TABLE pair (a INTEGER, b TEXT, v, PRIMARY KEY (a, b)) WITHOUT ROWID;
CREATE TABLE nokey (a);
CREATE INDEX by_title ON task (title);
CREATE VIEW titles AS SELECT title FROM task;
CREATE TRIGGER loud AFTER INSERT ON task BEGIN UPDATE task SET title = upper(title) WHERE id = NEW.id AND NEW.title = 'shout'; END;
"""
COMMANDS = (
    "history",
    "show",
    "undo",
    "enable",
    "encryption",
    "disable",
    "status",
    "strangers",
    "clone",
    "combine",
    "compact",
    "forget",
    "rejoin",
    "vector",
    "export",
    "inspect",
    "import",
    "sync",
    "token",
    "reconcile",
    "serve",
    "name",
    "log",
    "mcp",
    "members",
    "metrics",
    "service",
    "verify",
    "remote",
    "blame",
    "type",
    "rows",
    "schema",
    "renumbered",
    "unique",
    "reference",
    "held",
    "alter",
    "ids",
    "repair",
    "conflicts",
    "resolve",
    "undelete",
    "write",
    "revision",
    "claim",
    "renew",
    "release",
    "complete",
    "claims",
    "fence",
    "diff",
    "observe",
    "arbitrate",
    "run",
    "sign",
    "trust",
    "allow",
    "aside",
    "downgrade",
    "purge",
    "demo",
    "completion",
    "doctor",
)
OBJECTS = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY 1, 2"


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """Give a database that crdtsql never saw."""
    path = make(tmp_path / "app.db", SCHEMA, [("t1", "one", 1), ("t2", "two", 2)])
    execute(path, "INSERT INTO pair VALUES (1, 'a', x'00ff')")
    return path


@pytest.fixture
def app(plain: Path) -> Path:
    """Give a replica."""
    ok("enable", plain, "task", "pair")
    return plain


def test_the_main_job_works_in_one_go(plain: Path, tmp_path: Path) -> None:
    """Enable, clone, offline writes, vector, export, inspect, import, sync, blame and status work as the README says."""
    peer, vector, delta = tmp_path / "peer.db", tmp_path / "app.vv", tmp_path / "delta.crdt"
    assert ok("enable", plain, "task").splitlines() == ["enabled task"]
    assert ok("clone", plain, peer) == f"cloned {plain} to {peer}\n"
    execute(peer, "UPDATE task SET votes = 9 WHERE id = 't1'; INSERT INTO task VALUES ('t3', 'three', 3)")
    vector.write_text(ok("vector", plain))
    assert ok("export", peer, "--for", vector, "-o", delta) == ""
    assert "2 rows" in ok("inspect", delta)
    assert "1 rows inserted, 1 updated, 0 deleted" in ok("import", plain, delta)
    assert "nothing new" in ok("import", plain, delta)
    execute(plain, "DELETE FROM task WHERE id = 't2'")
    report = json.loads(ok("sync", plain, peer, "--json"))
    assert report[str(peer)]["deleted"] == 1
    assert report[str(plain)] == report[str(plain)] | {"inserted": 0, "updated": 0, "known": True}
    assert query(plain, "SELECT * FROM task ORDER BY id") == query(peer, "SELECT * FROM task ORDER BY id")
    assert "votes" in ok("blame", plain, "task", "t1")
    assert "task" in ok("status", plain)


def test_enable_all_takes_every_table_that_can_be(plain: Path) -> None:
    """`enable --all` enables what can be enabled, says why for the rest, and may be repeated."""
    done = run("enable", plain, "--all")
    assert done.returncode == 0
    assert sorted(done.stdout.decode().splitlines()) == ["enabled pair", "enabled task"]
    assert done.stderr.decode().startswith("crdtsql: left out: cannot enable 'nokey': it has no primary key")
    assert ok("enable", plain, "--all") == ""


def test_disable_leaves_the_schema_as_it_was(plain: Path) -> None:
    """`disable` leaves the file's schema and rows exactly as if crdtsql had never been there."""
    before, rows = query(plain, OBJECTS), query(plain, "SELECT * FROM task ORDER BY id")
    ok("enable", plain, "--all")
    assert query(plain, OBJECTS) != before
    ok("disable", plain, "pair")
    ok("disable", plain, "--all")
    assert query(plain, OBJECTS) == before
    assert query(plain, "SELECT * FROM task ORDER BY id") == rows
    assert "is not replicated yet" in refused("disable", plain, "task")
    assert ok("enable", plain, "task") == "enabled task\n"


def test_json_outputs_are_parseable_and_hold_the_numbers(app: Path, tmp_path: Path) -> None:
    """--json of status, inspect, import, sync and blame is JSON with the documented numbers."""
    peer = tmp_path / "peer.db"
    ok("clone", app, peer)
    execute(app, "UPDATE task SET votes = 5 WHERE id = 't1'; DELETE FROM task WHERE id = 't2'")
    ok("export", app, "-o", tmp_path / "all.crdt")
    found = json.loads(ok("inspect", tmp_path / "all.crdt", "--json"))
    assert found["format"] == 2
    assert found["bytes"] == (tmp_path / "all.crdt").stat().st_size
    assert {table["name"]: (table["rows"], table["gone"]) for table in found["tables"]} == {
        "pair": (1, 0),
        "task": (2, 1),
    }
    found = json.loads(ok("import", peer, tmp_path / "all.crdt", "--json"))
    assert (found["inserted"], found["updated"], found["deleted"], found["known"]) == (0, 1, 1, False)
    assert found["tables"]["task"]["cells_won"] == 1
    found = json.loads(ok("status", app, "--json"))
    tables = {table["name"]: table for table in found["tables"]}
    assert tables["task"]["rows"] == 1 and tables["task"]["changed_rows"] == 2 and tables["task"]["held_rows"] == 1
    assert found["not_enabled"] == ["nokey"]
    assert found["vector"] == json.loads(ok("vector", app))
    assert len(found["site"]) == 32
    (cell,) = json.loads(ok("blame", app, "pair", "1", "a", "--json"))
    assert cell["value"] == {"blob": "00ff"} and cell["genesis"] is True and cell["site"] == found["site"]


def test_changesets_travel_through_pipes(app: Path, tmp_path: Path) -> None:
    """`-` is standard input and output, for vectors and changesets; without -o export writes to a pipe."""
    peer = tmp_path / "peer.db"
    ok("clone", app, peer)
    execute(app, "INSERT INTO task VALUES ('t9', 'nine', 9)")
    vector = run("vector", peer).stdout
    data = run("export", app, "--for", "-", "-o", "-", input=vector).stdout
    assert data.startswith(b"\x89CRDT")
    assert run("export", app, "--for", "-", input=vector).stdout[:8] == data[:8]
    assert b"1 rows inserted" in run("import", peer, "-", input=data).stdout
    assert b"1 rows" in run("inspect", "-", input=data).stdout
    assert ok("export", app, "-o", "/dev/null") == ""


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    """--help and -h of each command say what it does."""
    assert f"crdtsql {name}" in ok(name, "--help")
    assert ok(name, "--help") == ok(name, "-h")


def test_the_list_of_commands_is_whole() -> None:
    """`crdtsql --help` lists every command, and no other; --version says the version."""
    listed = [line.split()[0] for line in ok("--help").split("Commands:\n")[1].splitlines() if line.strip()]
    assert sorted(listed) == sorted(COMMANDS)
    assert ok("--version").startswith("crdtsql, version ")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell: str) -> None:
    """`completion` prints a script that names the program."""
    assert "_CRDTSQL_COMPLETE" in ok("completion", shell)


def test_the_bash_completion_is_valid() -> None:
    """What `completion bash` prints is accepted by bash."""
    subprocess.run(["bash", "-n"], input=ok("completion", "bash").encode(), check=True)


@pytest.mark.parametrize(
    "arguments",
    [[], ["nothing"], ["enable"], ["enable", "app.db"], ["disable", "app.db"], ["status"], ["status", "a", "b"], ["clone", "app.db"],
     ["sync"], ["remote", "add", "app.db", "x"], ["import", "app.db"], ["export"], ["inspect"], ["blame", "app.db"], ["conflicts"], ["resolve", "app.db"],
     ["resolve", "app.db", "1"], ["resolve", "app.db", "x", "--take", "ours"], ["undelete", "app.db", "task"], ["completion", "csh"], ["status", "--no"],
     ["type", "app.db", "t", "counter"], ["type", "app.db", "t.a", "number"], ["enable", "app.db", "t", "-c", "a"],
     ["status", "."], ["vector", "/"], ["rows", "app.db", "t"], ["rows", "app.db", "t", "last-wins"]],
)  # fmt: skip
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    """Wrong usage exits with 2 and says what is missing."""
    done = run(*arguments)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert b"Usage: crdtsql" in done.stderr + done.stdout


@pytest.mark.parametrize(
    "name",
    [
        "enable",
        "disable",
        "status",
        "vector",
        "export",
        "clone",
        "import",
        "sync",
        "blame",
        "type",
        "rows",
        "conflicts",
        "resolve",
        "undelete",
        "purge",
    ],
)
def test_files_that_are_none_give_one_line(name: str, tmp_path: Path, app: Path) -> None:
    """A missing file, and a file that is no database, end each command with one line that names the file."""
    ok("export", app, "-o", tmp_path / "all.crdt")
    more = {
        "enable": ["task"], "disable": ["task"], "clone": [tmp_path / "copy.db"], "import": [tmp_path / "all.crdt"], "sync": [app],
        "export": ["-o", tmp_path / "out.crdt"], "blame": ["task", "t1"], "rows": ["task", "grow-only"],
        "resolve": ["1", "--take", "ours"], "undelete": ["task", "t1"], "purge": ["task", "t1"], "type": ["task.votes", "counter"],
    }  # fmt: skip
    rest = more.get(name, [])
    assert "no such file" in refused(name, tmp_path / "missing.db", *rest)
    assert not (tmp_path / "missing.db").exists()
    (tmp_path / "text.db").write_text("no database at all " * 100)
    assert "text.db is not an SQLite database" in refused(name, tmp_path / "text.db", *rest)
    (tmp_path / "image.db").write_bytes(b"SQLite format 3\0" + b"\x10\0\1\1\0\x40\x20\x20" + b"\xff" * 5000)
    assert "image.db" in refused(name, tmp_path / "image.db", *rest)
    assert not (tmp_path / "out.crdt").exists() and not (tmp_path / "copy.db").exists()


def test_an_empty_file_is_a_database_without_tables(tmp_path: Path) -> None:
    """An empty file, which is a database to SQLite, gives clear errors too."""
    (tmp_path / "empty.db").write_bytes(b"")
    assert "is not replicated yet" in refused("status", tmp_path / "empty.db")
    assert "no such table; tables in this file: none" in refused("enable", tmp_path / "empty.db", "task")
    assert "no table that can be enabled" in refused("enable", tmp_path / "empty.db", "--all")
    assert (tmp_path / "empty.db").read_bytes() == b""


def test_wrong_names_and_vectors_give_one_line(app: Path, plain: Path, tmp_path: Path) -> None:
    """Unknown tables, tables that can't be enabled, and texts that are no vectors are refused with what to do."""
    assert "tables in this file: nokey, pair, task" in refused("enable", app, "tusk")
    assert "it has no primary key" in refused("enable", app, "nokey")
    assert "it is a view" in refused("enable", app, "titles")
    assert "_crdt_meta" in refused("enable", app, "_crdt_meta")
    assert "enabled already" in refused("enable", app, "TASK")
    assert "is not replicated" in refused("disable", app, "nokey")
    assert "are the same replica" in refused("sync", app, app)
    for text in ("", "{", "[]", "7", '{"a": 1}', '{"' + "g" * 32 + '": 1}', '{"' + "a" * 32 + '": "1x"}', '{"' + "a" * 32 + '": -1}',
                 '{"' + "a" * 32 + '": 1e400}', '{"' + "a" * 32 + '": ' + "9" * 40 + "}", "[" * 100_000, "\ufeff{}"):  # fmt: skip
        (tmp_path / "bad.vv").write_text(text)
        line = refused("export", app, "--for", tmp_path / "bad.vv", "-o", tmp_path / "out.crdt", code=2)
        assert "not a version vector" in line, (text[:40], line)
        assert not (tmp_path / "out.crdt").exists()
    assert "missing.vv" in refused("export", app, "--for", tmp_path / "missing.vv", "-o", "-")


def test_outputs_that_cannot_be_written_give_one_line(app: Path, tmp_path: Path) -> None:
    """An existing clone target, a missing folder, and a folder in place of a file are refused and left as they are."""
    (tmp_path / "there.db").write_text("mine")
    assert "there is a file already" in refused("clone", app, tmp_path / "there.db")
    assert (tmp_path / "there.db").read_text() == "mine"
    (tmp_path / "dangling.db").symlink_to(tmp_path / "nowhere.db")
    refused("clone", app, tmp_path / "dangling.db")
    assert not (tmp_path / "nowhere.db").exists()
    refused("clone", app, tmp_path / "no" / "folder.db")
    refused("clone", app, tmp_path, code=2)
    assert "folder" in refused("export", app, "-o", tmp_path / "no" / "folder.crdt")
    refused("export", app, "-o", tmp_path)
    refused("import", app, tmp_path)
    refused("import", app, tmp_path / "missing.crdt")
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"app.db", "there.db", "dangling.db", "state"}


def test_the_plugin_of_sqlite_utils_has_the_same_commands(app: Path) -> None:
    """`sqlite-utils crdt status FILE` is `crdtsql status FILE`."""
    command = [sys.executable, "-m", "sqlite_utils", "crdt"]
    done = subprocess.run([*command, "status", str(app), "--json"], capture_output=True, check=True)
    assert json.loads(done.stdout) == json.loads(ok("status", app, "--json"))
    failed = subprocess.run([*command, "status", "missing.db"], capture_output=True, check=False)
    assert failed.returncode == 1
    assert failed.stderr.startswith(b"Error: missing.db: no such file")


def test_the_installed_script_is_the_module() -> None:
    """`crdtsql` and `python -m crdtsql` are the same program."""
    script = Path(sys.executable).with_name("crdtsql")
    assert subprocess.check_output([script, "--version"]) == subprocess.check_output([*COMMAND, "--version"])
    assert subprocess.check_output([sys.executable, "-m", "crdtsql", "--version"]) == subprocess.check_output(
        [script, "--version"]
    )
