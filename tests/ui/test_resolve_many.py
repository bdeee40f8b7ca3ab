"""`resolve` with a choice of conflicts, as users type it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import apsw
import pytest
from click.testing import CliRunner, Result

from crdtsql import Replica, load, sync
from crdtsql.base.errors import UsageError
from crdtsql.ui.cli import cli


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """Give a replica with four open conflicts: two titles, one of them with votes, and one in a deleted row."""
    path = tmp_path / "app.db"
    connection = apsw.Connection(str(path))
    connection.execute(
        "CREATE TABLE task (id TEXT PRIMARY KEY, title TEXT, votes INTEGER CHECK (votes <> 5));"
        "INSERT INTO task VALUES ('t1', 'one', 1), ('t2', 'two', 2), ('t3', 'three', 3)"
    )
    connection.close()
    with Replica.open(path) as replica:
        replica.enable(all=True)
        with replica.clone(tmp_path / "peer.db") as peer:
            replica.connection.execute("UPDATE task SET title = 'of app'; UPDATE task SET votes = 4 WHERE id = 't1'")
            time.sleep(0.003)
            peer.connection.execute("UPDATE task SET title = 'of peer'; UPDATE task SET votes = 6 WHERE id = 't1'")
            sync(replica, peer)
            replica.connection.execute("DELETE FROM task WHERE id = 't3'")
    return path


def run(*words: str | Path) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(cli, [str(word) for word in words])


def shown(path: Path) -> list[tuple[object, ...]]:
    with Replica.open(path) as replica:
        return replica.connection.execute("SELECT title, votes FROM task ORDER BY id").fetchall()


def test_a_choice_is_resolved_at_once(app: Path) -> None:
    """`resolve --all --take` says how many conflicts of which columns it resolved, and how many it left out."""
    done = run("resolve", app, "--all", "--take", "ours")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "left out: 1 conflicts in deleted rows",
        "resolved 3 conflicts (task.title: 2, task.votes: 1)",
        f"  to take one back, with its number as `crdtsql conflicts {app}` shows it: crdtsql resolve {app} 1 --take theirs --again",
    ]
    assert shown(app) == [("of app", 4), ("of app", 2)]
    assert run(*done.stdout.split("crdtsql ")[-1].split()).exit_code == 0
    assert shown(app) == [("of peer", 4), ("of app", 2)]
    assert run("resolve", app, "--all", "--take", "ours").stdout.splitlines()[-1] == "resolved 0 conflicts"


def test_a_dry_run_says_so(app: Path) -> None:
    """`--dry-run` says what would be resolved, and that nothing was changed."""
    done = run("resolve", app, "--column", "task.title", "--take", "ours", "--dry-run")
    assert done.stdout.splitlines()[-2:] == ["resolved 2 conflicts (task.title: 2)", "nothing was changed (--dry-run)"]
    assert shown(app) == [("of peer", 6), ("of peer", 2)]


def test_what_is_refused_is_told(app: Path) -> None:
    """What a constraint refuses is reported in a line that names the conflict, or in JSON; the exit code is 1, the rest is resolved."""
    with Replica.open(app) as replica:
        replica.connection.execute(
            "CREATE TRIGGER refuse BEFORE UPDATE OF votes ON task WHEN NEW.votes = 4 BEGIN SELECT raise(ABORT, 'not 4'); END"
        )
        (votes,) = replica.conflicts(column="votes")
    done = run("resolve", app, "--table", "task", "--take", "ours", "--dry-run", "--json")
    found = json.loads(done.stdout)
    assert (done.exit_code, done.stderr, found["take"], found["dry_run"]) == (1, "", "ours", True)
    assert len(found["resolved"]) == 2 and len(found["deleted"]) == 1 and found["columns"] == {"task.title": 2}
    (failed,) = found["failed"]
    assert failed["id"] == votes.id and failed["kind"] == "WriteRefusedError" and failed["details"]["table"] == "task"
    done = run("resolve", app, "--table", "task", "--take", "ours")
    assert done.exit_code == 1
    assert done.stderr.startswith(f"Error: conflict {votes.id} is left as it was: row 't1' of table 'task'")
    assert shown(app) == [("of app", 6), ("of app", 2)]


def test_a_command_is_asked_about_a_choice(app: Path) -> None:
    """`--with` takes a choice too, and says in JSON what became of each conflict."""
    done = run("resolve", app, "--column", "votes", "--with", """echo '{"value": 7}'""", "--json")
    found = json.loads(done.stdout)
    assert len(found["resolved"]) == 1 and not found["failed"] and not found["skipped"] and not found["deleted"]
    assert shown(app) == [("of peer", 7), ("of peer", 2)]
    found = json.loads(run("resolve", app, "--with", """echo '{"skip": true}'""", "--json").stdout)
    assert len(found["skipped"]) == 2 and len(found["deleted"]) == 1
    done = run("resolve", app, "99", "--take", "ours", "--json")
    assert (done.exit_code, json.loads(done.stdout)["failed"][0]["kind"]) == (1, "UnknownConflictError")


@pytest.mark.parametrize(
    "options",
    [
        ["--all"], ["--all", "--value", "7"], ["--all", "1", "--take", "ours"], ["--column", "title", "1", "--take", "ours"],
        ["1", "--take", "ours", "--dry-run"], ["--all", "--with", "true", "--dry-run"], ["--all", "--take", "ours", "--again"],
        ["--column", "titel", "--take", "ours"], ["--site", "7f", "--take", "ours"],
    ],
)  # fmt: skip
def test_wrong_choices_exit_with_2(app: Path, options: list[str]) -> None:
    """Options that don't go together, and names that are not there, are wrong usage."""
    assert run("resolve", app, *options).exit_code == 2


def test_conflicts_are_looked_at_by_the_same_choice(app: Path) -> None:
    """`conflicts` takes the choices of `resolve`, so that one can look first."""
    with Replica.open(app) as replica:
        site = replica.conflicts()[0].won_site
    assert len(json.loads(run("conflicts", app, "--column", "title", "--site", site, "--json").stdout)) == 3
    assert json.loads(run("conflicts", app, "--table", "task", "--column", "votes", "--open", "--json").stdout)


def test_the_sql_function(app: Path) -> None:
    """crdt_resolve_all resolves all conflicts, or those that its options choose, and returns the report as JSON."""
    connection = apsw.Connection(str(app))
    load(connection)
    call = "SELECT crdt_resolve_all('theirs', ?)"
    assert len(json.loads(connection.execute(call, ('{"column": "votes"}',)).get)["resolved"]) == 1
    assert len(json.loads(connection.execute("SELECT crdt_resolve_all('ours')").get)["resolved"]) == 2
    assert connection.execute("SELECT title, votes FROM task WHERE id = 't1'").fetchone() == ("of app", 6)
    for options in ("7", "[]", "{", '{"row": "t1"}', '{"table": 7}'):
        with pytest.raises(UsageError):
            connection.execute(call, (options,)).fetchall()
    for statement in (
        "SELECT crdt_resolve_all()",
        "SELECT crdt_resolve_all('both')",
        "SELECT crdt_resolve_all('ours', NULL, 1)",
    ):
        with pytest.raises(UsageError):
            connection.execute(statement).fetchall()
    connection.close()
