"""Schema changes that somebody makes without crdtsql: noticed by the next operation, and mended where nothing can be lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from crdtsql import Replica
from crdtsql.base.errors import NotEnabledError, SchemaDriftError, SchemaMismatchError
from tests.support.changes import ROWS, TASK, fresh_triggers, pair, shell, transform, triggers
from tests.support.command import make, ok, refused, run
from tests.support.peers import exchange, rows
from tests.support.state import content

CERTAIN = {
    "add": ("ALTER TABLE task ADD COLUMN due TEXT DEFAULT 'soon'", "column 'due' was added"),
    "rename": ('ALTER TABLE task RENAME COLUMN title TO "na me"', "column 'title' is called 'na me' now"),
    "rename key": ("ALTER TABLE task RENAME COLUMN id TO key", "column 'id' is called 'key' now"),
    "rename table": ('ALTER TABLE task RENAME TO "jo""b"', "it is called 'jo\"b' now"),
    "swap": (
        "ALTER TABLE task RENAME COLUMN title TO x; ALTER TABLE task RENAME COLUMN n TO title; ALTER TABLE task RENAME COLUMN x TO n",
        "column 'title' is called 'n' now; column 'n' is called 'title' now",
    ),
    "all at once": (
        """ALTER TABLE task RENAME TO job; ALTER TABLE job RENAME COLUMN title TO name; ALTER TABLE job ADD COLUMN title;
        CREATE TABLE task (id TEXT PRIMARY KEY, title TEXT, n INTEGER)""",
        "it is called 'job' now; column 'title' is called 'name' now; column 'title' was added",
    ),
}


@pytest.mark.parametrize("change", CERTAIN)
def test_what_is_certain_is_mended_by_the_next_operation(change: str, tmp_path: Path) -> None:
    """While the triggers are in place, added and renamed columns and tables are followed, and no write before or after is lost."""
    script, said = CERTAIN[change]
    with pair(tmp_path) as (one, other):
        shell(one, "UPDATE task SET n = 100 WHERE id = 'g1'; DELETE FROM task WHERE id = 'g2'")
        shell(one, script)
        table, columns = one.registry.tables()[0], [name for (name,) in one.connection.execute("SELECT 'n'")]
        assert said in str(one.status().tables[0].problem)
        assert table.name == "task" and columns == ["n"]
        one.vector()
        table = one.registry.tables()[0]
        now = {uid: name.replace('"', '""') for uid, name in zip(table.uids, table.names, strict=True)}
        shell(
            one,
            f"""INSERT INTO {table.quoted} ("{now["id"]}", "{now["title"]}", "{now["n"]}") VALUES ('new', 'one', 5)""",
        )
        other.connection.execute("UPDATE task SET title = 'other' WHERE id = 'g1'")
        assert one.status().tables[0].problem is None
        exchange(one, other)
        assert rows(other, "task") == [("g1", "other", 100), ("new", "one", 5)]
        names = ", ".join(f'"{now[uid]}"' for uid in ("id", "title", "n"))
        found = one.connection.execute(f"SELECT {names} FROM {table.quoted} ORDER BY 1").fetchall()
        assert found == rows(other, "task")
        assert [row[:2] for row in triggers(one)] == fresh_triggers(one, tmp_path)
        assert not one.repair().findings
        one.undelete(table.name, "g2")
        exchange(one, other)
        assert rows(other, "task")[1] == ("g2", "genesis", 2)


def test_cells_of_an_added_column_that_were_written_before_it_was_noticed(tmp_path: Path) -> None:
    """What somebody wrote to a column before crdtsql knew of it counts as written, in old rows, new rows and changed rows alike."""
    with pair(tmp_path) as (one, other):
        shell(
            one,
            "UPDATE task SET n = 3 WHERE id = 'g1'; ALTER TABLE task ADD COLUMN due TEXT DEFAULT 'soon'; "
            "UPDATE task SET due = 'early' WHERE id = 'g1'; INSERT INTO task VALUES ('new', 'one', 1, 'set'), ('old', 'one', 1, 'soon')",
        )
        exchange(one, other)
        shell(other, "ALTER TABLE task ADD COLUMN due TEXT DEFAULT 'soon'")
        exchange(one, other)
        assert rows(one, "task") == rows(other, "task")
        assert [row[3] for row in rows(other, "task")] == ["early", "soon", "set", "soon"]
        other.connection.execute("UPDATE task SET due = 'later'")
        exchange(one, other)
        assert {row[3] for row in rows(one, "task")} == {"later"}


def test_what_others_wrote_is_shown_in_a_column_that_is_added_at_last(tmp_path: Path) -> None:
    """Values that were kept for a column appear when somebody adds it, but not over what was written to it here since."""
    with pair(tmp_path) as (one, other):
        one.alter("ALTER TABLE task ADD COLUMN due TEXT")
        one.connection.execute("UPDATE task SET due = 'of one ' || id")
        exchange(one, other)
        shell(other, "ALTER TABLE task ADD COLUMN due TEXT; UPDATE task SET due = 'of other' WHERE id = 'g2'")
        exchange(one, other)
        assert (
            [row[3] for row in rows(one, "task")]
            == [row[3] for row in rows(other, "task")]
            == ["of one g1", "of other"]
        )


def test_status_and_vector_of_an_altered_file(tmp_path: Path) -> None:
    """Commands that only look work on any altered file, and lose none of the writes that wait."""
    with pair(tmp_path) as (one, other):
        shell(one, "UPDATE task SET n = 50 WHERE id = 'g1'; DROP TRIGGER _crdt_insert_task")
        assert one.status().tables[0].problem
        one.vector()
        one.conflicts()
        assert one.status().log_rows == 1
        with pytest.raises(SchemaDriftError):
            one.export()
        one.repair()
        exchange(one, other)
        assert rows(other, "task")[0] == ("g1", "genesis", 50)


def test_enabling_another_table_hides_nothing(tmp_path: Path) -> None:
    """What only a person can judge stays reported after other tables were enabled or disabled."""
    with pair(tmp_path) as (one, _):
        shell(one, "CREATE TABLE other (id TEXT PRIMARY KEY); DROP TRIGGER _crdt_insert_task")
        one.enable("other")
        with pytest.raises(SchemaDriftError):
            one.export()
        one.disable("other")
        with pytest.raises(SchemaDriftError):
            one.export()
        one.repair()
        one.export()


def test_dropped_triggers(tmp_path: Path) -> None:
    """Rows that came and went while triggers were missing are found where clocks speak of them; the rest is said to be in doubt."""
    with pair(tmp_path, TASK) as (one, other):
        one.connection.execute("INSERT INTO task VALUES ('a', 'a', 1), ('b', 'b', 2), ('c', 'c', 3)")
        exchange(one, other)
        for name, _, _ in triggers(one):
            shell(one, f'DROP TRIGGER "{name}"')
        shell(
            one,
            "INSERT INTO task VALUES ('new', 'new', 4); DELETE FROM task WHERE id = 'b'; UPDATE task SET n = 30 WHERE id = 'c'",
        )
        with pytest.raises(SchemaDriftError, match="crdtsql repair"):
            one.export()
        tried = one.repair(dry_run=True)
        with pytest.raises(SchemaDriftError):
            one.export()
        done = one.repair()
        assert tried.findings == done.findings and done.mended
        said = [(finding.problem.partition(" that ")[0], finding.rows) for finding in done.findings]
        ours, said = said[:3], said[3:]
        assert ours == [(f"_crdt_acting_{event} is gone", 0) for event in ("insert", "update", "delete")]
        assert said[:3] == [("its capture triggers were gone", 0), ("1 rows came", 1), ("1 rows went", 1)]
        assert "can't be told from an old one" in done.findings[6].problem and done.findings[6].rows == 2
        assert "--restamp task" in done.findings[6].done
        exchange(one, other)
        assert rows(other, "task") == [("a", "a", 1), ("c", "c", 3), ("new", "new", 4)]
        one.repair(restamp=["TASK"])
        exchange(one, other)
        assert rows(one, "task") == rows(other, "task") == [("a", "a", 1), ("c", "c", 30), ("new", "new", 4)]


def test_restamping_loses_nothing_without_a_trace(tmp_path: Path) -> None:
    """Restamped values win over what others wrote meanwhile, and these values are in the conflict log."""
    with pair(tmp_path) as (one, other):
        transform(one, "task")
        shell(one, "UPDATE task SET n = 10 WHERE id = 'g1'; INSERT INTO task VALUES ('g0', 'unseen', 0)")
        other.connection.execute("UPDATE task SET n = 20 WHERE id = 'g1'")
        other.vector()
        one.repair(restamp=["task"])
        exchange(one, other)
        assert (
            rows(one, "task")
            == rows(other, "task")
            == [("g0", "unseen", 0), ("g1", "genesis", 10), ("g2", "genesis", 2)]
        )
        assert [conflict.lost_value for conflict in one.conflicts()] == [20]


def test_a_rebuilt_table_keeps_its_history(tmp_path: Path) -> None:
    """After `sqlite-utils transform` and `repair`, later writes of others still win over values that are merely old."""
    with pair(tmp_path) as (one, other):
        one.connection.execute("INSERT INTO task VALUES ('x', 'one', 1)")
        exchange(one, other)
        other.connection.execute(
            "UPDATE task SET title = 'other' WHERE id IN ('x', 'g1'); DELETE FROM task WHERE id = 'g2'"
        )
        transform(one, "task", "--not-null", "title", "--column-order", "n")
        assert "repair" in refused("export", one.path, "-o", tmp_path / "x.crdt")
        assert one.repair().mended
        assert not one.repair().findings
        one.connection.execute("UPDATE task SET n = 7 WHERE id = 'x'")
        exchange(one, other)
        assert rows(other, "task") == [("g1", "other", 1), ("x", "other", 7)]
        assert one.connection.execute("SELECT id, title, n FROM task ORDER BY id").fetchall() == rows(other, "task")


TRANSFORMS: dict[str, tuple[tuple[str, ...], str]] = {
    "rename": (("--rename", "title", "name"), "column 'title' is called 'name' now"),
    "drop": (("--drop", "title"), "column 'title' was dropped"),
}


@pytest.mark.parametrize("change", TRANSFORMS)
def test_transformed_columns(change: str, tmp_path: Path) -> None:
    """`sqlite-utils transform` renames and drops columns; `repair` follows, and the other side keeps what it has."""
    options, said = TRANSFORMS[change]
    with pair(tmp_path) as (one, other):
        one.connection.execute(
            "INSERT INTO task VALUES ('x', 'one', 1), ('gone', 'gone', 2); DELETE FROM task WHERE id = 'gone'"
        )
        exchange(one, other)
        transform(one, "task", *options)
        other.connection.execute("UPDATE task SET title = 'other', n = 9 WHERE id = 'x'")
        assert said in [finding.problem for finding in one.repair().findings]
        one.connection.execute("UPDATE task SET n = 8 WHERE id = 'g1'")
        exchange(one, other)
        assert rows(other, "task") == [("g1", "genesis", 8), ("g2", "genesis", 2), ("x", "other", 9)]
        other.undelete("task", "gone")
        exchange(one, other)
        assert rows(other, "task")[2] == ("gone", "gone", 2)
        assert [row[-1] for row in rows(one, "task")] == [8, 2, 2, 9]
        if change == "rename":
            assert rows(one, "task") == rows(other, "task")
        with one.clone(tmp_path / "c.db") as third:
            exchange(third, other)
            assert rows(third, "task") == rows(one, "task")


def test_columns_that_were_dropped_and_added_at_once(tmp_path: Path) -> None:
    """Where it is not clear which column became which, the old ones count as dropped and the new ones' values as written now."""
    with pair(tmp_path) as (one, other):
        transform(one, "task", "--drop", "title", "--drop", "n")
        shell(
            one,
            "ALTER TABLE task ADD COLUMN a TEXT; ALTER TABLE task ADD COLUMN b TEXT; UPDATE task SET a = id, b = 'b'",
        )
        one.repair()
        exchange(one, other)
        for name in ("a", "b"):
            other.alter(f"ALTER TABLE task ADD COLUMN {name} TEXT")
        assert rows(other, "task") == [("g1", "genesis", 1, "g1", "b"), ("g2", "genesis", 2, "g2", "b")]


def test_a_dropped_table(tmp_path: Path) -> None:
    """A table that somebody dropped is forgotten by `repair`; the others go on with this file once they have disabled theirs."""
    schema = f"{TASK}; {ROWS}; CREATE TABLE other (id TEXT PRIMARY KEY, v)"
    with pair(tmp_path, schema) as (one, other):
        shell(one, "DROP TABLE task; INSERT INTO other VALUES ('x', 1)")
        with pytest.raises(SchemaDriftError, match="crdtsql repair"):
            one.export()
        (finding,) = one.repair().findings
        assert (finding.table, finding.problem) == ("task", "the table was dropped or renamed")
        with pytest.raises(NotEnabledError):
            one.registry.table("task")
        with pytest.raises(SchemaMismatchError, match="disabled on the sender"):
            other.merge(one.export(other.vector()))
        other.disable("task")
        exchange(one, other)
        assert rows(other, "other") == [("x", 1)] and len(rows(other, "task")) == 2


def test_a_table_that_was_dropped_and_created_again(tmp_path: Path) -> None:
    """A table of the same name and columns goes on: what it lacks counts as deleted, and what is new as inserted."""
    with pair(tmp_path, TASK) as (one, other):
        one.connection.execute("INSERT INTO task VALUES ('a', 'a', 1), ('b', 'b', 2)")
        exchange(one, other)
        shell(one, f"DROP TABLE task; {TASK}; INSERT INTO task VALUES ('b', 'again', 2), ('c', 'c', 3)")
        with pytest.raises(SchemaDriftError):
            one.export()
        one.repair(restamp=["task"])
        exchange(one, other)
        assert rows(one, "task") == rows(other, "task") == [("b", "again", 2), ("c", "c", 3)]


def test_a_table_that_was_renamed_without_its_triggers(tmp_path: Path) -> None:
    """A table with the same columns and the rows that are known takes the place of one that went; another one does not."""
    with pair(tmp_path, TASK) as (one, other):
        one.connection.execute("INSERT INTO task VALUES ('a', 'a', 1), ('b', 'b', 2)")
        exchange(one, other)
        shell(one, f"{TASK.replace('task', 'job')}; INSERT INTO job SELECT * FROM task; DROP TABLE task")
        findings = one.repair().findings
        assert findings[0].problem == "it was called 'task'"
        one.connection.execute("UPDATE job SET n = 10")
        exchange(one, other)
        assert [row[2] for row in rows(other, "task")] == [10, 10]
        shell(other, f"{TASK.replace('task', 'job')}; INSERT INTO job VALUES ('z', 'another', 1); DROP TABLE task")
        other.repair()
        assert not other.registry.exists


@pytest.mark.parametrize("kind", ["columns", "type"])
def test_another_key_is_left_to_a_person(kind: str, tmp_path: Path) -> None:
    """A table with another key is another table: `repair` changes nothing, says what to run, and exits with 1."""
    path = make(tmp_path / "app.db", f"{TASK}; {ROWS}")
    ok("enable", path, "task")
    changes: dict[str, Callable[[Replica], None]] = {
        "columns": lambda replica: transform(replica, "task", "--pk", "title", "--pk", "id"),
        "type": lambda replica: shell(
            replica,
            "CREATE TABLE copy (id INTEGER PRIMARY KEY, title TEXT, n INTEGER); DROP TABLE task; ALTER TABLE copy RENAME TO task",
        ),
    }
    with Replica.open(path) as replica:
        changes[kind](replica)
        before = content(replica.connection)
    done = run("repair", path)
    assert done.returncode == 1
    assert b"primary key was changed: nothing was changed; run `crdtsql disable" in done.stdout
    with Replica.open(path) as replica:
        assert content(replica.connection) == before
    ok("disable", path, "task")


def test_indexes_and_triggers_that_come_and_go(tmp_path: Path) -> None:
    """`repair` also says that triggers are out of date; operations mend them without a word."""
    with pair(tmp_path) as (one, other):
        shell(one, "CREATE UNIQUE INDEX by_n ON task (n)")
        assert [finding.problem for finding in one.repair().findings] == ["its triggers were out of date"]
        shell(one, "INSERT OR REPLACE INTO task VALUES ('new', 'new', 1); DROP INDEX by_n")
        exchange(one, other)
        assert rows(one, "task") == rows(other, "task") == [("g2", "genesis", 2), ("new", "new", 1)]
        assert [row[:2] for row in triggers(one)] == fresh_triggers(one, tmp_path)


def test_the_command(tmp_path: Path) -> None:
    """`crdtsql repair` says what it found and did, for people and as JSON; with --dry-run nothing is changed."""
    path = make(tmp_path / "app.db", f"{TASK}; {ROWS}")
    ok("enable", path, "task")
    assert ok("repair", path) == f"{path}: nothing to repair\n"
    with Replica.open(path) as replica:
        transform(replica, "task", "--rename", "title", "name")
        before = content(replica.connection)
    tried = ok("repair", path, "--dry-run").splitlines()
    assert tried[-1] == "nothing was changed (--dry-run)"
    with Replica.open(path) as replica:
        assert content(replica.connection) == before
    found = json.loads(ok("repair", path, "--json"))
    assert found["mended"] and not found["dry_run"]
    assert [f"{one['table']}: {one['problem']}: {one['done']}" for one in found["findings"]] == tried[:-1]
    assert "2 rows count as written now" in ok("repair", path, "--restamp", "task")
    assert "is not replicated" in refused("repair", path, "--restamp", "nothing")


def test_restamping_typed_columns(tmp_path: Path) -> None:
    """A restamped typed cell is a whole write: what others did to it without knowing of that still counts."""
    schema = (
        "CREATE TABLE task (id TEXT PRIMARY KEY, votes INTEGER, tags TEXT); INSERT INTO task VALUES ('g', 1, '[\"a\"]')"
    )
    with pair(tmp_path, schema, types={"votes": "counter", "tags": "set"}) as (one, other):
        one.connection.execute("UPDATE task SET votes = votes + 4")
        exchange(one, other)
        other.connection.execute("UPDATE task SET votes = votes + 1, tags = json_insert(tags, '$[#]', 'b')")
        transform(one, "task")
        shell(one, "UPDATE task SET votes = 10, tags = json_insert(tags, '$[#]', 'c')")
        assert one.repair(restamp=["task"]).mended
        exchange(one, other)
        assert rows(one, "task") == rows(other, "task") == [("g", 11, '["a","b","c"]')]
        one.connection.execute("UPDATE task SET votes = votes + 1")
        exchange(one, other)
        assert rows(other, "task")[0][1] == 12


def test_columns_behind_the_back_of_a_table_with_row_granularity(tmp_path: Path) -> None:
    """In a table that stamps rows as a whole, a column that was added without crdtsql is stamped with the row."""
    with pair(tmp_path, granularity="row", rows="delete-wins") as (one, other):
        shell(one, "ALTER TABLE task ADD COLUMN due TEXT; UPDATE task SET due = 'now' WHERE id = 'g1'")
        one.vector()
        shell(one, "UPDATE task SET due = 'later' WHERE id = 'g2'")
        shell(other, "ALTER TABLE task ADD COLUMN due TEXT")
        exchange(one, other)
        assert rows(one, "task") == rows(other, "task") == [("g1", "genesis", 1, "now"), ("g2", "genesis", 2, "later")]


def test_a_grow_only_table_is_altered(tmp_path: Path) -> None:
    """The triggers of a grow-only table go on refusing deletes after its columns and its name were changed."""
    with pair(tmp_path, rows="grow-only") as (one, other):
        shell(one, "ALTER TABLE task ADD COLUMN due TEXT")
        one.vector()
        shell(one, "ALTER TABLE task RENAME COLUMN title TO name; ALTER TABLE task RENAME TO job")
        one.vector()
        one.alter("ALTER TABLE job DROP COLUMN n")
        with pytest.raises(apsw.ConstraintError, match="grow-only"):
            one.connection.execute("DELETE FROM job")
        one.connection.execute("UPDATE job SET name = 'new', due = 'now' WHERE id = 'g1'")
        exchange(one, other)
        assert rows(other, "task") == [("g1", "new", 1), ("g2", "genesis", 2)]


def test_restamped_rows_keep_their_numbers(tmp_path: Path) -> None:
    """Rows with automatic numbers that are restamped are the same rows still, also those from before the table was enabled."""
    schema = (
        "CREATE TABLE task (id INTEGER PRIMARY KEY, title TEXT); INSERT INTO task VALUES (1, 'genesis'), (2, 'genesis')"
    )
    with pair(tmp_path, schema) as (one, other):
        one.connection.execute("INSERT INTO task VALUES (3, 'three')")
        exchange(one, other)
        other.connection.execute("UPDATE task SET title = 'other' WHERE id = 2")
        other.vector()
        transform(one, "task")
        shell(one, "UPDATE task SET title = 'unseen' WHERE id IN (1, 3)")
        one.repair(restamp=["task"])
        exchange(one, other)
        assert rows(one, "task") == rows(other, "task") == [(1, "unseen"), (2, "genesis"), (3, "unseen")]
