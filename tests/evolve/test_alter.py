"""Schema changes through `crdtsql alter`, while replicas are apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from crdtsql import Replica
from crdtsql.base.errors import CannotAlterError, ConflictError, NotEnabledError, SchemaMismatchError, UsageError
from crdtsql.base.sqltext import identifier
from tests.support.changes import ROWS, TASK, fresh_triggers, pair, shell, triggers
from tests.support.command import make, ok, refused
from tests.support.peers import exchange, rows
from tests.support.state import content

ADD = "ALTER TABLE task ADD COLUMN due TEXT DEFAULT 'soon'"
SHAPES = {
    "text key": ("task", "id TEXT PRIMARY KEY, title TEXT", ""),
    "rowid": ("task", "title TEXT, id INTEGER PRIMARY KEY", ""),
    "automatic": ("task", "id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT", ""),
    "without rowid": (
        "task",
        "id TEXT COLLATE NOCASE, l INTEGER DEFAULT 1, title TEXT, PRIMARY KEY (l, id)",
        "WITHOUT ROWID",
    ),
    "strict": ("task", "id ANY PRIMARY KEY, title TEXT", "STRICT"),
    "odd names": ("""sel"ect 'x'; --""", """id TEXT PRIMARY KEY, title TEXT, "a ""b"" 'c' [d]" TEXT""", ""),
    "generated": (
        "task",
        "id TEXT PRIMARY KEY, title TEXT, loud AS (upper(title)) STORED, quiet AS (lower(title))",
        "",
    ),
    "one column": ("task", "id TEXT PRIMARY KEY, title TEXT DEFAULT 'none'", ""),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_each_change_goes_with_writes_on_both_sides(shape: str, tmp_path: Path) -> None:
    """In tables of any shape, columns are added, renamed and dropped here, or there too, and writes of both sides meet."""
    name, columns, options = SHAPES[shape]
    table = identifier(name)
    schema = (
        f"CREATE TABLE {table} ({columns}) {options}; INSERT INTO {table} (id, title) VALUES (1, 'old'), (2, 'old')"
    )
    with pair(tmp_path, schema) as (one, other):

        def write(replica: Replica, column: str, value: str, key: int) -> None:
            replica.connection.execute(f"UPDATE {table} SET {identifier(column)} = ? WHERE id = ?", (value, key))

        def read(replica: Replica, *columns: str) -> list[object]:
            names = ", ".join(str(identifier(column)) for column in columns)
            return replica.connection.execute(f"SELECT {names} FROM {table} ORDER BY id").fetchall()

        one.alter(f"ALTER TABLE {table} ADD COLUMN \"du'e\" TEXT DEFAULT 'so''on'")
        write(one, "du'e", "now", 1)
        write(other, "title", "other", 1)
        exchange(one, other)
        assert read(one, "title", "du'e") == [("other", "now"), ("old", "so'on")]
        other.alter(f"ALTER TABLE {table} ADD COLUMN \"du'e\" TEXT DEFAULT 'so''on'")
        assert read(other, "title", "du'e") == read(one, "title", "du'e")
        write(other, "du'e", "later", 2)
        exchange(one, other)
        one.alter(f'ALTER TABLE {table} RENAME COLUMN title TO "na me"')
        write(one, "na me", "renamed", 2)
        exchange(one, other)
        assert read(one, "na me", "du'e") == read(other, "title", "du'e") == [("other", "now"), ("renamed", "later")]
        other.connection.execute(f"INSERT INTO {table} (id, title) VALUES (3, 'new')")
        one.connection.execute(f"DELETE FROM {table} WHERE id = 1")
        one.alter(f'ALTER TABLE {table} DROP COLUMN "du\'e"')
        write(other, "du'e", "still here", 2)
        exchange(one, other)
        assert read(other, "title", "du'e") == [("renamed", "still here"), ("new", "so'on")]
        assert read(one, "na me") == [("renamed",), ("new",)]
        one.alter(f'ALTER TABLE {table} RENAME TO "jo""b"')
        one.connection.execute('UPDATE "jo""b" SET "na me" = \'last\' WHERE id = 3')
        exchange(one, other)
        assert read(other, "title") == [("renamed",), ("last",)]
        assert [row[:2] for row in triggers(one)] == fresh_triggers(one, tmp_path)
        assert not one.repair().findings and not other.repair().findings
        with one.clone(tmp_path / "c.db") as third:
            third.connection.execute('UPDATE "jo""b" SET "na me" = \'third\' WHERE id = 3')
            exchange(other, third)
            assert read(other, "title", "du'e") == [("renamed", "still here"), ("third", "so'on")]


def test_a_default_overwrites_nothing(tmp_path: Path) -> None:
    """A column that was added later holds its default in old rows, and loses there against anything that anybody wrote."""
    paths = [make(tmp_path / f"{name}.db", f"{TASK}; {ROWS}") for name in "ab"]
    shell_sql = "ALTER TABLE task ADD COLUMN due TEXT; UPDATE task SET due = 'before ' || id"
    with Replica.open(paths[1]) as other:
        shell(other, shell_sql)
        other.enable("task")
    with Replica.open(paths[0]) as one:
        one.enable("task")
        one.alter("ALTER TABLE task ADD COLUMN due TEXT")
        one.connection.execute("UPDATE task SET n = 7 WHERE id = 'g1'")
        with Replica.open(paths[1]) as other:
            exchange(one, other)
            assert (
                rows(one, "task")
                == rows(other, "task")
                == [("g1", "genesis", 7, "before g1"), ("g2", "genesis", 2, "before g2")]
            )


def test_the_same_column_added_on_both_sides_is_one(tmp_path: Path) -> None:
    """Replicas that add a column of one name on their own have the same column."""
    with pair(tmp_path) as (one, other):
        for replica, row in ((one, "g1"), (other, "g2")):
            replica.alter(ADD)
            replica.connection.execute("UPDATE task SET due = 'by ' || id WHERE id = ?", (row,))
        exchange(one, other)
        assert (
            rows(one, "task") == rows(other, "task") == [("g1", "genesis", 1, "by g1"), ("g2", "genesis", 2, "by g2")]
        )


def test_a_name_that_was_used_before_is_another_column(tmp_path: Path) -> None:
    """A new column under the name of one that was renamed or dropped is another one, on every replica that does the same."""
    changes = (
        "ALTER TABLE task RENAME COLUMN title TO name",
        "ALTER TABLE task ADD COLUMN title TEXT",
        "ALTER TABLE task DROP COLUMN n",
        "ALTER TABLE task ADD COLUMN n TEXT",
    )
    with pair(tmp_path) as (one, other):
        done = [line for change in changes for line in one.alter(change)]
        assert any("'title~2'" in line for line in done) and any("'n~2'" in line for line in done)
        one.connection.execute("UPDATE task SET title = 'new title', n = 'new n' WHERE id = 'g1'")
        other.connection.execute("UPDATE task SET title = 'old title', n = 99 WHERE id = 'g1'")
        exchange(one, other)
        assert rows(one, "task")[0] == ("g1", "old title", "new title", "new n")
        assert rows(other, "task")[0] == ("g1", "old title", 99)
        for change in changes:
            other.alter(change)
        assert rows(one, "task") == rows(other, "task")
        other.connection.execute("UPDATE task SET n = 'by other'")
        exchange(one, other)
        assert rows(one, "task") == rows(other, "task")


def test_a_table_name_that_was_used_before_is_another_table(tmp_path: Path) -> None:
    """A new table under the name of one that was renamed is another one, on every replica that does the same."""
    changes = ("ALTER TABLE task RENAME TO job", TASK)
    with pair(tmp_path) as (one, other):
        for change in changes:
            one.alter(change)
        one.enable("task")
        one.connection.execute("INSERT INTO task VALUES ('new', 'new', 1); UPDATE job SET n = 5 WHERE id = 'g1'")
        other.connection.execute("UPDATE task SET title = 'other' WHERE id = 'g1'")
        with pytest.raises(SchemaMismatchError, match="another one .'task~2'. than the table of that name"):
            other.merge(one.export(other.vector()))
        for change in changes:
            other.alter(change)
        other.enable("task")
        exchange(one, other)
        assert rows(other, "job") == rows(one, "job") == [("g1", "other", 5), ("g2", "genesis", 2)]
        assert rows(other, "task") == rows(one, "task") == [("new", "new", 1)]
        assert [table.uid for table in one.registry.tables()] == ["task", "task~2"]


def test_adding_a_column_takes_no_time(tmp_path: Path) -> None:
    """A column is added to 200,000 written rows without a look at them: a few thousand instructions, and no page of theirs written."""
    with pair(tmp_path, TASK) as (one, _):
        one.connection.execute(
            "WITH RECURSIVE number (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM number WHERE n < 200000) "
            "INSERT INTO task SELECT printf('%07d', n), 'title', n FROM number"
        )
        one.vector()
        steps = 0

        def count() -> bool:
            nonlocal steps
            steps += 1
            return False

        one.connection.set_progress_handler(count, 1000)
        one.alter(ADD)
        one.connection.set_progress_handler(None)
        assert steps < 100
        (stamps,) = one.connection.execute("SELECT count(*) FROM _crdt_clock_task WHERE c2_t = -(1 << 62)").fetchone()
        assert stamps == 200_000


def test_more_columns_than_a_mask_word_has_bits(tmp_path: Path) -> None:
    """The hundredth column is captured and merged like the first."""
    with pair(tmp_path) as (one, other):
        for number in range(100):
            one.alter(f"ALTER TABLE task ADD COLUMN c{number} INTEGER")
        one.connection.execute("UPDATE task SET c0 = 1, c57 = 2, c58 = 3, c99 = 4 WHERE id = 'g1'")
        exchange(one, other)
        for number in range(100):
            other.alter(f"ALTER TABLE task ADD COLUMN c{number} INTEGER")
        assert rows(one, "task") == rows(other, "task")
        other.connection.execute("UPDATE task SET c99 = 5, c58 = 6")
        exchange(one, other)
        assert rows(one, "task") == rows(other, "task")
        one.alter("ALTER TABLE task DROP COLUMN c0")
        one.connection.execute("UPDATE task SET c99 = 7, c1 = 8")
        exchange(one, other)
        assert [row[:3] + row[4:] for row in rows(other, "task")] == rows(one, "task")


TYPES = {"votes": "counter", "tags": "set", "extra": "map", "note": "register", "top": "max"}
TYPED = (
    "CREATE TABLE task (id TEXT PRIMARY KEY, votes INTEGER, tags TEXT, extra TEXT, note TEXT, top INTEGER);"
    """INSERT INTO task VALUES ('g', 1, '["a"]', '{"k": 1}', 'n', 1)"""
)


def test_typed_columns_are_renamed_and_dropped(tmp_path: Path) -> None:
    """Columns of every type keep merging part by part when they are renamed, and when the other side drops them."""
    writes = """UPDATE task SET votes = votes + {0}, tags = json_insert(tags, '$[#]', 'x{0}'), extra = json_set(extra, '$.x{0}', {0}),
        note = 'note {0}', top = {0}"""
    with pair(tmp_path, TYPED, types=TYPES) as (one, other):
        one.alter("ALTER TABLE task ADD COLUMN more TEXT")
        for column in TYPES:
            one.alter(f"ALTER TABLE task RENAME COLUMN {column} TO my_{column}")
        mine = writes.format(2)
        for column in TYPES:
            mine = mine.replace(column, f"my_{column}")
        one.connection.execute(mine.replace("'my_note", "'note"))
        other.connection.execute(writes.format(3))
        exchange(one, other)
        assert rows(one, "task")[0][:-1] == rows(other, "task")[0]
        assert rows(other, "task")[0][1:4] == (6, '["a","x2","x3"]', '{"k":1,"x2":2,"x3":3}')
        for column in TYPES:
            other.alter(f"ALTER TABLE task DROP COLUMN {column}")
        one.connection.execute("UPDATE task SET my_votes = my_votes + 10")
        exchange(one, other)
        assert rows(other, "task") == [("g",)]
        with other.clone(tmp_path / "c.db") as third:
            exchange(third, one)
            assert rows(one, "task")[0][1] == 16


def test_a_type_is_given_to_an_added_column(tmp_path: Path) -> None:
    """A column that was added can become a counter, and counts on both sides."""
    with pair(tmp_path) as (one, other):
        for replica in (one, other):
            replica.alter("ALTER TABLE task ADD COLUMN votes INTEGER NOT NULL DEFAULT 5")
            replica.set_type("task", "votes", "counter")
            replica.connection.execute("UPDATE task SET votes = votes + 1")
        exchange(one, other)
        assert [row[3] for row in rows(one, "task")] == [row[3] for row in rows(other, "task")] == [7, 7]


def test_deleted_rows_come_back_with_the_default(tmp_path: Path) -> None:
    """A row that is deleted when a column is added comes back with the column's default; one of a dropped column without it."""
    with pair(tmp_path) as (one, other):
        one.connection.execute("DELETE FROM task WHERE id = 'g1'")
        exchange(one, other)
        one.alter("ALTER TABLE task ADD COLUMN due TEXT NOT NULL DEFAULT 'so''on'")
        one.alter("ALTER TABLE task DROP COLUMN n")
        one.undelete("task", "g1")
        assert rows(one, "task")[0] == ("g1", "genesis", "so'on")
        exchange(one, other)
        assert rows(other, "task")[0] == ("g1", "genesis", 1)


def test_the_users_own_triggers_and_views_survive(tmp_path: Path) -> None:
    """Triggers and views of the user's stay, follow the new names, and go on working."""
    schema = f"""{TASK}; CREATE TABLE audit (id INTEGER PRIMARY KEY, what TEXT); CREATE VIEW titles AS SELECT title FROM task;
        CREATE TRIGGER noted AFTER UPDATE OF title ON task BEGIN INSERT INTO audit (what) VALUES (NEW.title); END;"""
    with pair(tmp_path, schema) as (one, other):
        one.alter("ALTER TABLE task RENAME COLUMN title TO name")
        one.alter("ALTER TABLE task RENAME TO job")
        one.connection.execute("INSERT INTO job VALUES ('x', 'one', 1); UPDATE job SET name = 'two'")
        exchange(one, other)
        assert rows(one, "audit") == rows(other, "audit") == [(1, "two")]
        assert rows(one, "titles") == rows(other, "titles") == [("two",)]
        assert "INSERT INTO audit" in dict((name, sql) for name, _, sql in triggers(one))["noted"]


def test_conflicts_of_a_dropped_column_are_settled(tmp_path: Path) -> None:
    """The conflict log keeps its entries under the names that columns have now; those of a dropped column are settled."""
    with pair(tmp_path) as (one, other):
        one.connection.execute("UPDATE task SET title = 'one', n = 10 WHERE id = 'g1'")
        other.connection.execute("UPDATE task SET title = 'other', n = 20 WHERE id = 'g1'")
        exchange(one, other)
        one.alter("ALTER TABLE task RENAME COLUMN title TO name")
        one.alter("ALTER TABLE task RENAME TO job")
        one.alter("ALTER TABLE job DROP COLUMN n")
        one.alter("ALTER TABLE job ADD COLUMN n INTEGER")
        found = {conflict.column: conflict for conflict in one.conflicts("job")}
        assert found.keys() == {"name", "n"}
        assert not found["name"].resolved and found["n"].resolved
        with pytest.raises(ConflictError, match="dropped here"):
            one.resolve(found["n"].id, "ours", again=True)
        one.resolve(found["name"].id, value="both")
        exchange(one, other)
        assert rows(other, "task")[0][1] == "both"
        assert rows(one, "job")[0] == ("g1", "both", None)


def test_indexes(tmp_path: Path) -> None:
    """A UNIQUE index that comes or goes is looked at by the triggers at once, so that REPLACE loses no delete."""
    with pair(tmp_path) as (one, other):
        assert any("triggers" in line for line in one.alter("CREATE UNIQUE INDEX by_n ON task (n)"))
        one.connection.execute("INSERT OR REPLACE INTO task VALUES ('new', 'took the place', 1)")
        exchange(one, other)
        assert [row[0] for row in rows(one, "task")] == [row[0] for row in rows(other, "task")] == ["g2", "new"]
        one.alter("DROP INDEX by_n")
        assert not [name for name, _, _ in triggers(one) if "evict_insert0" in name]
        assert one.alter("CREATE INDEX by_title ON task (title)") == ["ran: CREATE INDEX by_title ON task (title)"]


def test_rows_that_an_index_kept_out_come_back_without_it(tmp_path: Path) -> None:
    """When a UNIQUE index is dropped, by `alter` or behind the back, the rows that it kept out are shown."""
    with pair(tmp_path, f"{TASK}; CREATE UNIQUE INDEX by_title ON task (title)") as (one, other):
        one.connection.execute("INSERT INTO task VALUES ('x', 'same', 1)")
        other.connection.execute("INSERT INTO task VALUES ('y', 'same', 2)")
        exchange(one, other)
        assert len(rows(one, "task")) == 1 and rows(one, "task") == rows(other, "task")
        one.alter("ALTER TABLE task RENAME COLUMN title TO name")
        one.alter("DROP INDEX by_title")
        shell(other, "DROP INDEX by_title")
        other.vector()
        assert rows(one, "task") == rows(other, "task") == [("x", "same", 1), ("y", "same", 2)]


def test_tables_come_and_go(tmp_path: Path) -> None:
    """CREATE TABLE just runs; DROP TABLE ends the replication of the table in this file, and of this table alone."""
    schema = f"{TASK}; CREATE TABLE other (id TEXT PRIMARY KEY, v)"
    with pair(tmp_path, schema) as (one, other):
        one.alter("CREATE TABLE third (id TEXT PRIMARY KEY); -- that is all")
        assert "third" in one.status().not_enabled
        assert "not replicated any more" in one.alter("DROP TABLE IF EXISTS main.task")[0]
        with pytest.raises(NotEnabledError):
            one.registry.table("task")
        assert not [name for name, _, _ in triggers(one) if name.endswith("_task")]
        other.connection.execute("INSERT INTO other VALUES ('x', 1)")
        other.alter("DROP TABLE task")
        one.merge(other.export(one.vector()))
        assert rows(one, "other") == [("x", 1)]
        one.alter("DROP TABLE other")
        assert not one.registry.exists
        assert one.connection.execute("SELECT name FROM sqlite_schema WHERE name GLOB '*crdt*'").fetchall() == []


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("ALTER TABLE task DROP COLUMN id", "SQLite refuses.*PRIMARY KEY"),
        ("ALTER TABLE task ADD COLUMN k INTEGER PRIMARY KEY", "SQLite refuses.*PRIMARY KEY"),
        ("ALTER TABLE task RENAME TO crdt_task", "crdtsql|would change"),
        ("ALTER TABLE task RENAME TO _crdt_task", "crdtsql|would change"),
        ("ALTER TABLE task ADD COLUMN n TEXT", "SQLite refuses.*duplicate column"),
        ("ALTER TABLE task DROP COLUMN nothing", "SQLite refuses"),
        ("ALTER TABLE missing ADD COLUMN n", "SQLite refuses.*no such table"),
        ("ALTER TABLE task ADD COLUMN x TEXT COLLATE nothing", "collation|SQLite refuses"),
        ("ALTER TABLE _crdt_log ADD COLUMN x", "would change what crdtsql keeps"),
        ("CREATE INDEX mine ON _crdt_log (at)", "would change what crdtsql keeps"),
        ("DROP TABLE _crdt_site", "would change what crdtsql keeps"),
        ("CREATE TABLE crdt_mine (id INTEGER PRIMARY KEY)", "would change what crdtsql keeps"),
        ("DROP INDEX _crdt_seq_task", "would change what crdtsql keeps"),
        ("CREATE UNIQUE INDEX by_title ON task (title)", "rows that are there"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, statement: str, said: str) -> None:
    """What SQLite refuses, or would touch what crdtsql keeps, is refused in one line, and nothing is changed."""
    with pair(tmp_path) as (one, _):
        before = content(one.connection)
        with pytest.raises(CannotAlterError, match=said):
            one.alter(statement)
        assert content(one.connection) == before


@pytest.mark.parametrize(
    "statement",
    [
        "",
        "SELECT 1",
        "DELETE FROM task",
        "ALTER TABLE task ADD COLUMN x; DROP TABLE task",
        "CREATE TABLE x (a); CREATE TABLE y (a)",
        "PRAGMA writable_schema = ON",
        "CREATE TRIGGER x AFTER INSERT ON task BEGIN SELECT 1; END",
        "ATTACH 'x' AS y",
        "/* DROP TABLE task */ DELETE FROM task",
    ],
)
def test_one_statement_that_changes_the_schema(tmp_path: Path, statement: str) -> None:
    """Only one statement is taken at a time, and only one that alters, creates or drops a table or an index."""
    with pair(tmp_path) as (one, _), pytest.raises(UsageError):
        one.alter(statement)


def test_semicolons_inside_of_a_statement(tmp_path: Path) -> None:
    """Semicolons in strings, names and comments end no statement."""
    with pair(tmp_path) as (one, _):
        one.alter("""ALTER TABLE task ADD COLUMN "a;b" TEXT DEFAULT ';' /* ; */ -- ;""")
        assert rows(one, "task")[0] == ("g1", "genesis", 1, ";")


def test_the_command(tmp_path: Path) -> None:
    """`crdtsql alter` says what it did; with --dry-run it says the same, and changes nothing."""
    path = make(tmp_path / "app.db", f"{TASK}; {ROWS}")
    ok("enable", path, "task")
    tried = ok("alter", path, "ALTER TABLE task DROP COLUMN n", "--dry-run").splitlines()
    assert tried[-1] == "nothing was changed (--dry-run)"
    assert tried[:-1] == ok("alter", path, "ALTER TABLE task DROP COLUMN n").splitlines()
    assert "2 values are kept" in tried[0]
    assert "SQLite refuses" in refused("alter", path, "ALTER TABLE task DROP COLUMN n")
    assert "one statement at a time" in refused("alter", path, "DROP TABLE task; DROP TABLE task", code=2)
