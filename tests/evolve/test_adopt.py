"""Taking over the schema of another file: `schema show`, `diff`, `pull`, `push`."""

from __future__ import annotations

import json
from pathlib import Path

import apsw
import pytest
from click.testing import CliRunner

from crdtsql import Replica
from crdtsql.base.errors import CannotAdoptError, CrdtsqlError, NotEnabledError
from crdtsql.evolve.adopt import checked
from crdtsql.ui.cli.group import cli
from tests.support.peers import exchange, read, write
from tests.support.versions import CLOCK, OLD, make, told

RICH = """
CREATE TABLE task (id TEXT PRIMARY KEY, title TEXT, prio TEXT DEFAULT 'low' /* , ; ) */ CHECK (prio <> ')'),
  "the votes" INTEGER NOT NULL DEFAULT 0 CHECK ("the votes" > -5), [tags] TEXT, up TEXT GENERATED ALWAYS AS (upper(title)));
CREATE TABLE item (id TEXT PRIMARY KEY, task TEXT REFERENCES task (id), invoice TEXT REFERENCES invoice (nr));
CREATE UNIQUE INDEX by_task ON item (task, id) WHERE task > ';';
CREATE TABLE invoice (nr TEXT COLLATE NOCASE PRIMARY KEY, amount REAL DEFAULT 1) WITHOUT ROWID;
CREATE TABLE secret (id TEXT PRIMARY KEY);
CREATE VIEW cheap AS SELECT * FROM invoice WHERE amount < 5;
CREATE TRIGGER count_invoices AFTER INSERT ON invoice BEGIN SELECT 1; END;
"""
NAMES = ("task", "item", "invoice")
TYPES = {"task.the votes": "counter", "task.tags": "set"}


def pair(folder: Path) -> tuple[Replica, Replica]:
    """Give a replica of a rich schema and one of a poor one."""
    return make(folder / "rich.db", RICH, *NAMES, types=TYPES), make(folder / "poor.db", OLD, "task")


def tables(replica: Replica) -> set[str]:
    rows = read(
        replica, "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view', 'trigger') AND name NOT GLOB '*crdt_*'"
    )
    return {name for (name,) in rows}


def test_what_is_missing_is_added_and_shown(tmp_path: Path) -> None:
    """Missing tables with their indexes and missing columns are added, replicated as elsewhere, and have what was kept for them."""
    rich, poor = pair(tmp_path)
    write(rich, """INSERT INTO task (id, title, prio, tags) VALUES ('1', 'one', 'high', '["x"]')""")
    write(rich, "INSERT INTO invoice VALUES ('n', 2); INSERT INTO item VALUES ('i', '1', 'n')")
    exchange(rich, poor)
    found = poor.schema_diff(rich)
    assert not found.by_hand
    assert [step.kind for step in found.steps] == [*["add column"] * 3, *["create table"] * 2, "create index"]
    assert [step.kind for step in found.extras] == ["create view", "create trigger"]
    poor.adopt_schema(rich)
    assert tables(poor) == {"task", "item", "invoice"}
    for name in NAMES:
        columns = ", ".join(f'"{row[1]}"' for row in read(poor, f"PRAGMA table_info({name})"))
        assert read(poor, f"SELECT {columns} FROM {name}") == read(rich, f"SELECT {columns} FROM {name}")
    write(poor, """UPDATE task SET "the votes" = "the votes" + 2""")
    write(rich, """UPDATE task SET "the votes" = "the votes" + 1""")
    exchange(rich, poor)
    assert read(rich, 'SELECT "the votes" FROM task') == read(poor, 'SELECT "the votes" FROM task') == [(3,)]
    assert told(rich) == told(poor)
    assert not poor.schema_diff(rich).steps
    assert not rich.schema_diff(poor).steps


def test_extras_are_run_on_request(tmp_path: Path) -> None:
    """Triggers on new tables and views come only if they are asked for."""
    rich, poor = pair(tmp_path)
    poor.adopt_schema(rich, extras=True)
    assert tables(poor) == {"task", "item", "invoice", "cheap", "count_invoices"}


def test_names_are_taken_over(tmp_path: Path) -> None:
    """What was renamed elsewhere is renamed here, and goes on as the same column and table; nothing is dropped."""
    rich, poor = pair(tmp_path)
    poor.adopt_schema(rich)
    write(rich, "INSERT INTO task (id, title) VALUES ('1', 'one'); INSERT INTO invoice VALUES ('n', 1)")
    rich.alter("ALTER TABLE task RENAME COLUMN prio TO priority")
    rich.alter("ALTER TABLE invoice RENAME TO bill")
    poor.alter("ALTER TABLE task ADD COLUMN own TEXT")
    write(rich, "UPDATE task SET priority = 'p'")
    exchange(rich, poor)
    assert read(poor, "SELECT prio FROM task") == [("p",)]
    poor.adopt_schema(rich)
    assert read(poor, "SELECT priority, own FROM task") == [("p", None)]
    assert read(poor, "SELECT nr FROM bill") == [("n",)]
    rich.adopt_schema(poor)
    exchange(rich, poor)
    assert told(rich) == told(poor)


def test_a_dropped_column_can_be_asked_for_again(tmp_path: Path) -> None:
    """A column that this file dropped comes back, with what was written meanwhile, if its schema is pulled, and not otherwise."""
    one, other = (make(tmp_path / f"{n}.db", "CREATE TABLE t (id TEXT PRIMARY KEY, x, y)", "t") for n in "ab")
    write(one, "INSERT INTO t VALUES (1, 'x', 'y'), (2, 'x', 'y')")
    exchange(one, other)
    one.alter("ALTER TABLE t DROP COLUMN x")
    write(other, "UPDATE t SET x = 'later' WHERE id = 1")
    exchange(one, other)
    one.adopt_schema(other)
    assert read(one, "SELECT id, x, y FROM t ORDER BY id") == [("1", "later", "y"), ("2", "x", "y")]
    exchange(one, other)
    assert told(one) == told(other)


@pytest.mark.parametrize(
    ("definition", "advice"),
    [
        ("x TEXT UNIQUE", "CREATE UNIQUE INDEX"),
        ("x TEXT NOT NULL", "a DEFAULT"),
        ("x TEXT DEFAULT CURRENT_TIMESTAMP", "constant DEFAULT"),
        ("x TEXT DEFAULT (abs(random()))", "constant DEFAULT"),
    ],
)
def test_what_sqlite_cannot_add_is_explained(tmp_path: Path, definition: str, advice: str) -> None:
    """A column that ADD COLUMN can't bring is left, with the reason and what to do; the rest is added."""
    one = make(tmp_path / "a.db", "CREATE TABLE t (id TEXT PRIMARY KEY)", "t")
    other = make(tmp_path / "b.db", f"CREATE TABLE t (id TEXT PRIMARY KEY, {definition}, y)", "t")
    write(one, "INSERT INTO t VALUES (1)")
    found = one.adopt_schema(other)
    assert [step.statement for step in found.steps] == ['ALTER TABLE "t" ADD COLUMN y']
    assert advice in str(found.by_hand[0])
    result = CliRunner().invoke(cli, ["schema", "pull", str(tmp_path / "a.db"), str(tmp_path / "b.db"), "--yes"])
    assert result.exit_code == 1
    assert advice in result.output


def test_a_file_that_is_no_replica_takes_over_everything(tmp_path: Path) -> None:
    """A file without replicated tables becomes a replica by a pull, and a file can't give what it has not."""
    rich, _ = pair(tmp_path)
    write(rich, "INSERT INTO invoice VALUES ('n', 2)")
    apsw.Connection(str(tmp_path / "new.db")).execute("CREATE TABLE other (x)")
    with Replica.open(tmp_path / "new.db", now=CLOCK) as new:
        with pytest.raises(NotEnabledError):
            rich.schema_diff(new)
        new.adopt_schema(rich)
        exchange(rich, new)
        assert read(new, "SELECT nr FROM invoice") == [("n",)]
        assert told(rich)[0] == told(new)[0]
    with pytest.raises(CrdtsqlError, match="same"):
        rich.schema_diff(rich)


HOSTILE = {
    "a second statement": "CREATE TABLE invoice (nr TEXT PRIMARY KEY, amount REAL); DROP TABLE task",
    "another table": "CREATE TABLE task (nr TEXT PRIMARY KEY, amount REAL)",
    "another schema": "CREATE TABLE temp.invoice (nr TEXT PRIMARY KEY, amount REAL)",
    "one of our names": "CREATE TABLE _crdt_meta (nr TEXT PRIMARY KEY, amount REAL)",
    "rows": "CREATE TABLE invoice AS SELECT 1 AS nr, 2 AS amount",
    "a view": "CREATE VIEW invoice AS SELECT 1 AS nr, 2 AS amount",
    "a virtual table": "CREATE VIRTUAL TABLE invoice USING fts5(nr, amount)",
    "a trigger": "CREATE TRIGGER invoice AFTER INSERT ON task BEGIN DELETE FROM task; END",
    "a deletion": "DELETE FROM task",
    "nothing": "",
    "a NUL": "CREATE TABLE invoice (nr TEXT PRIMARY KEY, amount REAL)\0; DROP TABLE task",
    "an open quotation": "CREATE TABLE invoice (nr TEXT PRIMARY KEY, amount REAL DEFAULT ')",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_schema_is_refused(what: str) -> None:
    """A text of another file's schema that is not one statement of the kind and for the name that it is said to be is refused."""
    with pytest.raises(CannotAdoptError):
        checked(HOSTILE[what], "TABLE", "invoice")


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE INDEX i ON task (x)",
        "CREATE INDEX i ON invoice (nr); DROP TABLE task",
        "CREATE INDEX j ON invoice (nr)",
        "CREATE INDEX temp.i ON invoice (nr)",
        "CREATE TABLE i (x)",
    ],
)
def test_a_hostile_index_is_refused(statement: str) -> None:
    """An index is taken over only for the table that it is said to be for."""
    assert checked("CREATE UNIQUE INDEX i ON invoice(nr) WHERE nr > 1", "INDEX", "i", "invoice")
    with pytest.raises(CannotAdoptError):
        checked(statement, "INDEX", "i", "invoice")


def test_triggers_and_views_are_checked_too() -> None:
    """A trigger or view is taken over only if it is one, of its name, on its table."""
    trigger = "CREATE TRIGGER x AFTER INSERT ON task BEGIN SELECT 1; SELECT 2; END"
    assert checked(trigger, "TRIGGER", "x", "task")
    assert checked("CREATE VIEW v AS SELECT 1", "VIEW", "v", "v")
    for statement, kind, name, table in (
        (trigger, "TRIGGER", "x", "invoice"),
        (trigger, "TRIGGER", "y", "task"),
        (trigger, "VIEW", "x", "task"),
        ("CREATE VIEW v AS SELECT 1; DROP TABLE task", "VIEW", "v", "v"),
        ("CREATE VIEW crdt_conflicts AS SELECT 1", "VIEW", "crdt_conflicts", "crdt_conflicts"),
        ("CREATE TABLE v (x)", "VIEW", "v", "v"),
    ):
        with pytest.raises(CannotAdoptError):
            checked(statement, kind, name, table)


def test_a_hostile_file_changes_nothing(tmp_path: Path) -> None:
    """A file whose schema says something else than SQLite wrote is refused as a whole."""
    rich, poor = pair(tmp_path)
    rich.close()
    connection = apsw.Connection(str(tmp_path / "rich.db"))
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("UPDATE sqlite_schema SET sql = sql || '; DROP TABLE task' WHERE name = 'count_invoices'")
    connection.close()
    before = read(poor, "SELECT name, sql FROM sqlite_schema")
    with pytest.raises(CrdtsqlError), Replica.open(tmp_path / "rich.db", now=CLOCK) as opened:
        poor.adopt_schema(opened, extras=True)
    assert read(poor, "SELECT name, sql FROM sqlite_schema") == before


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(cli, ["schema", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result.output


def test_the_commands(tmp_path: Path) -> None:
    """Without --yes nothing is run where nobody can be asked; with it, the statements that were shown are."""
    for replica in pair(tmp_path):
        replica.close()
    rich, poor = tmp_path / "rich.db", tmp_path / "poor.db"
    shown = run("diff", poor, rich)
    assert 'ALTER TABLE "task" ADD COLUMN [tags] TEXT;' in shown
    assert "-- not run without --extras: CREATE VIEW cheap" in shown
    refused = run("pull", poor, rich, code=2)
    assert "--yes" in refused
    assert "CREATE TABLE invoice" in refused
    assert "CREATE TABLE invoice" in run("diff", poor, rich)
    assert "6 statements run" in run("push", rich, poor, "--yes")
    assert "has all tables and columns" in run("diff", poor, rich)
    assert "has all tables and columns" in run("pull", poor, rich)
    listed = run("show", poor)
    assert "-- task is replicated: the votes=counter, tags=set" in listed
    assert "CREATE UNIQUE INDEX by_task" in listed
    assert {table["name"] for table in json.loads(run("show", poor, "--json"))} == set(NAMES)
    assert json.loads(run("diff", poor, rich, "--json"))["statements"] == []


def test_show_says_what_is_kept(tmp_path: Path) -> None:
    """`schema show` says what is kept for columns and tables that are not in the file."""
    rich, poor = pair(tmp_path)
    write(rich, "INSERT INTO task (id) VALUES ('1'); INSERT INTO invoice VALUES ('n', 2)")
    exchange(rich, poor)
    poor.close()
    listed = run("show", tmp_path / "poor.db")
    assert "-- invoice is not in this file" in listed
    assert "1 rows are kept" in listed
    assert "column 'the votes' (counter) is not in this table: 1 cells are kept" in listed
