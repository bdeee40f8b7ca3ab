"""The facts of docs/SQLITE_FACTS.md about statements and triggers, run on the SQLite that apsw carries and on the one of Python's `sqlite3` module.

A test's docstring begins with the number of its fact. Both libraries are used in one process, but never on one file (fact 14).
"""

from __future__ import annotations

import math
import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest
import sqlite_utils

PROJECT = Path(__file__).parents[2]
ERRORS = (apsw.Error, sqlite3.Error)
Rows = list[tuple[Any, ...]]
Run = Callable[..., Rows]
OUTER_FORMS = (
    "INSERT",
    "INSERT OR REPLACE",
    "INSERT OR IGNORE",
    "INSERT OR FAIL",
    "INSERT OR ABORT",
    "INSERT OR ROLLBACK",
)


@pytest.fixture(params=["apsw", "sqlite3"])
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    """Run one statement, or a script of them, on an in-memory database; return its rows."""
    if request.param == "apsw":
        connection: Any = apsw.Connection(":memory:")
    else:
        connection = sqlite3.connect(":memory:", isolation_level=None)

    def execute(script: str, *values: Any) -> Rows:
        rows: Rows = []
        for statement in statements(script):
            rows = connection.execute(statement, values).fetchall()
        return rows

    yield execute
    connection.close()


def statements(script: str) -> Iterator[str]:
    """Split a script where a statement is complete."""
    pending = ""
    for piece in re.split(r"(?<=;)", script):
        pending += piece
        if sqlite3.complete_statement(pending) or not pending.rstrip().endswith(";"):
            if pending.strip():
                yield pending
            pending = ""
    if pending.strip():
        yield pending


@pytest.mark.parametrize("outer", OUTER_FORMS)
def test_outer_conflict_clause_overrides_the_one_in_a_trigger(run: Run, outer: str) -> None:
    """1: INSERT OR IGNORE in a trigger becomes REPLACE under an outer INSERT OR REPLACE; three other forms keep their meaning."""
    run(
        """CREATE TABLE task (id INTEGER PRIMARY KEY);
        CREATE TABLE ignoring (k PRIMARY KEY, v); CREATE TABLE leaving (k PRIMARY KEY, v);
        CREATE TABLE updating (k PRIMARY KEY, v, kept); CREATE TABLE selecting (k PRIMARY KEY, v);
        INSERT INTO leaving VALUES (1, 'first'); INSERT INTO updating VALUES (1, 'first', 'kept');
        INSERT INTO selecting VALUES (1, 'first'); INSERT INTO ignoring VALUES (1, 'first');
        CREATE TRIGGER log AFTER INSERT ON task BEGIN
          INSERT INTO leaving VALUES (NEW.id, 'second') ON CONFLICT (k) DO NOTHING;
          INSERT INTO updating VALUES (NEW.id, 'second', 'lost') ON CONFLICT (k) DO UPDATE SET v = excluded.v;
          INSERT INTO selecting SELECT NEW.id, 'second' WHERE NOT EXISTS (SELECT 1 FROM selecting WHERE k = NEW.id);
        END;"""
    )
    run(f"{outer} INTO task VALUES (1)")
    assert run("SELECT * FROM leaving") == [(1, "first")]
    assert run("SELECT * FROM updating") == [(1, "second", "kept")]
    assert run("SELECT * FROM selecting") == [(1, "first")]
    run("CREATE TRIGGER log2 AFTER INSERT ON task BEGIN INSERT OR IGNORE INTO ignoring VALUES (1, 'second'); END")
    if outer in ("INSERT OR REPLACE", "INSERT", "INSERT OR IGNORE"):
        run(f"{outer} INTO task VALUES (2)")
        expected = "second" if outer == "INSERT OR REPLACE" else "first"
        assert run("SELECT v FROM ignoring") == [(expected,)]
    else:
        with pytest.raises(ERRORS):
            run(f"{outer} INTO task VALUES (2)")


@pytest.mark.parametrize(
    ("ours", "body"),
    [
        ("CREATE TABLE ours (x CHECK (x > 100))", "INSERT INTO ours VALUES (NEW.id)"),
        ("CREATE TABLE ours (x NOT NULL)", "INSERT INTO ours VALUES (NULL)"),
        ("CREATE TABLE ours (x UNIQUE); INSERT INTO ours VALUES (1)", "INSERT INTO ours VALUES (NEW.id)"),
    ],
)
def test_outer_ignore_swallows_our_failing_constraint(run: Run, ours: str, body: str) -> None:
    """2: under an outer OR IGNORE a failing CHECK, NOT NULL or UNIQUE of the trigger's table raises nothing and logs nothing."""
    run(f"CREATE TABLE task (id INTEGER PRIMARY KEY); {ours}")
    run(f"CREATE TRIGGER log AFTER INSERT ON task BEGIN {body}; END")
    before = run("SELECT count(*) FROM ours")
    run("INSERT OR IGNORE INTO task VALUES (1)")
    assert run("SELECT id FROM task") == [(1,)]
    assert run("SELECT count(*) FROM ours") == before


@pytest.mark.parametrize("body", ["INSERT INTO ours VALUES ('text')", "SELECT RAISE(ABORT, 'no')"])
def test_outer_ignore_does_not_swallow_strict_types_and_raise(run: Run, body: str) -> None:
    """2: a STRICT type error and RAISE(ABORT) stop the statement under an outer OR IGNORE too."""
    run("CREATE TABLE task (id INTEGER PRIMARY KEY); CREATE TABLE ours (x INTEGER) STRICT")
    run(f"CREATE TRIGGER log AFTER INSERT ON task BEGIN {body}; END")
    with pytest.raises(ERRORS):
        run("INSERT OR IGNORE INTO task VALUES (1)")
    assert run("SELECT count(*) FROM task") == [(0,)]


def test_before_trigger_runs_for_ignored_rows_and_sees_no_automatic_key(run: Run) -> None:
    """3: a BEFORE INSERT trigger runs for a row that is then ignored, and reads an automatic integer key as -1."""
    run("CREATE TABLE task (id INTEGER PRIMARY KEY, name UNIQUE); CREATE TABLE hint (id)")
    run("CREATE TRIGGER log BEFORE INSERT ON task BEGIN INSERT INTO hint VALUES (NEW.id); END")
    run("INSERT INTO task (name) VALUES ('a'); INSERT OR IGNORE INTO task (name) VALUES ('a')")
    assert run("SELECT id FROM task") == [(1,)]
    assert run("SELECT id FROM hint") == [(-1,), (-1,)]


@pytest.mark.parametrize(("setting", "deleted"), [(None, []), ("OFF", []), ("ON", [(1,), (2,)])])
def test_replace_deletes_silently(run: Run, setting: str | None, deleted: Rows) -> None:
    """4: REPLACE evicts rows without their delete triggers unless recursive_triggers is on; off is the default."""
    if setting:
        run(f"PRAGMA recursive_triggers = {setting}")
    run("CREATE TABLE task (id INTEGER PRIMARY KEY, name UNIQUE, tag UNIQUE); CREATE TABLE log (id)")
    run("CREATE TRIGGER gone AFTER DELETE ON task BEGIN INSERT INTO log VALUES (OLD.id); END")
    run("INSERT INTO task VALUES (1, 'a', 'x'), (2, 'b', 'y'); REPLACE INTO task VALUES (3, 'a', 'y')")
    assert run("SELECT id FROM task") == [(3,)]
    assert run("SELECT id FROM log ORDER BY id") == deleted


def test_what_changed_means(run: Run) -> None:
    """5: only a BINARY comparison with IS NOT and the type together see every change of a stored value."""
    tests = {
        "full": "old COLLATE BINARY IS NOT new OR typeof(old) <> typeof(new)",
        "is_not": "old IS NOT new",
        "differs": "ifnull(old <> new, 0)",
    }
    seen = {}
    for name, condition in tests.items():
        rows = run(
            f"""WITH pair (old, new) AS (SELECT a, b FROM (SELECT 1 AS a, 1.0 AS b UNION ALL SELECT NULL, 1
            UNION ALL SELECT 'a', X'61' UNION ALL SELECT 1, 1 UNION ALL SELECT NULL, NULL))
            SELECT {condition} FROM pair"""
        )
        seen[name] = [changed for (changed,) in rows]
    assert seen == {"full": [1, 1, 1, 0, 0], "is_not": [0, 1, 1, 0, 0], "differs": [0, 0, 1, 0, 0]}
    run("CREATE TABLE task (name TEXT COLLATE NOCASE); CREATE TABLE log (plain, exact)")
    run(
        """CREATE TRIGGER log AFTER UPDATE ON task BEGIN
          INSERT INTO log VALUES (OLD.name IS NOT NEW.name, OLD.name COLLATE BINARY IS NOT NEW.name);
        END"""
    )
    run("INSERT INTO task VALUES ('a'); UPDATE task SET name = 'A'")
    assert run("SELECT * FROM log") == [(0, 1)]


def test_bit_operators_share_one_precedence(run: Run) -> None:
    """6: shifts, & and | bind left to right; a bit beyond 63 is lost by <<, and makes a REAL of a sum or a literal."""
    assert run("SELECT 1 << 0 | 1 << 1, (1 << 0) | (1 << 1)") == [(2, 3)]
    assert run("SELECT 1 << 64, 1 << 63") == [(0, -(2**63))]
    assert run("SELECT typeof((1 << 62) + (1 << 62)), typeof(18446744073709551615)") == [("real", "real")]


def test_limits_inside_triggers(run: Run) -> None:
    """7: a trigger has no statement-level WITH, no qualified targets and no sight of temporary tables."""
    run("CREATE TABLE task (id); CREATE TABLE log (id); CREATE TEMP TABLE aside (id)")
    for body in ("WITH w AS (SELECT 1) INSERT INTO log SELECT * FROM w", "INSERT INTO main.log VALUES (1)"):
        with pytest.raises(ERRORS):
            run(f"CREATE TRIGGER log AFTER INSERT ON task BEGIN {body}; END")
    run("CREATE TRIGGER log AFTER INSERT ON task BEGIN INSERT INTO aside VALUES (1); END")
    with pytest.raises(ERRORS, match="no such table"):
        run("INSERT INTO task VALUES (1)")


def test_now_is_one_moment_per_statement(run: Run) -> None:
    """7: all rows that a statement's triggers log have the same 'now', however long it runs."""
    run("CREATE TABLE task (id); CREATE TABLE log (at)")
    run("CREATE TRIGGER log AFTER INSERT ON task BEGIN INSERT INTO log VALUES (julianday('now')); END")
    run("WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) INSERT INTO task SELECT i FROM n")
    assert run("SELECT count(DISTINCT at), count(*) FROM log") == [(1, 20000)]


def test_alter_table_and_triggers(run: Run) -> None:
    """8: renames reach identifiers in triggers, not literals nor our tables; a named column can't be dropped."""
    run("CREATE TABLE task (id, name); CREATE TABLE clock_task (id, of)")
    run("CREATE TRIGGER log AFTER UPDATE ON task BEGIN INSERT INTO clock_task (id, of) VALUES (NEW.id, 'task'); END")
    run("ALTER TABLE task RENAME COLUMN id TO number; ALTER TABLE task RENAME TO job")
    ((trigger,),) = run("SELECT sql FROM sqlite_schema WHERE type = 'trigger'")
    assert 'ON "job"' in trigger
    assert "(id, of) VALUES (NEW.number, 'task')" in trigger
    assert run("SELECT count(*) FROM sqlite_schema WHERE name = 'clock_task'") == [(1,)]
    with pytest.raises(ERRORS, match="number"):
        run("ALTER TABLE job DROP COLUMN number")


def test_added_column_is_not_tracked(run: Run) -> None:
    """8: a column that is added later is not seen by a trigger that lists columns, and nothing says so."""
    run("CREATE TABLE task (id, name); CREATE TABLE log (id)")
    run(
        """CREATE TRIGGER log AFTER UPDATE ON task WHEN OLD.name IS NOT NEW.name BEGIN INSERT INTO log VALUES (1); END;
        ALTER TABLE task ADD COLUMN later; INSERT INTO task VALUES (1, 'a', 'b'); UPDATE task SET later = 'c'"""
    )
    assert run("SELECT count(*) FROM log") == [(0,)]


def test_transform_drops_triggers() -> None:
    """8: `sqlite-utils transform` rebuilds a table without its triggers."""
    database = sqlite_utils.Database(memory=True)
    database.execute("CREATE TABLE task (id INTEGER PRIMARY KEY, name TEXT)")
    database.execute("CREATE TRIGGER log AFTER INSERT ON task BEGIN SELECT 1; END")
    database.conn.commit()
    database["task"].transform(rename={"name": "title"})
    assert [trigger.name for trigger in database.triggers] == []
    database.close()


def test_vacuum_renumbers_rowids(run: Run) -> None:
    """9: VACUUM may give new rowids to a table without INTEGER PRIMARY KEY, and leaves those of one that has it."""
    run("CREATE TABLE bare (v); CREATE TABLE named (id INTEGER PRIMARY KEY, v)")
    for table in ("bare", "named"):
        run(f"INSERT INTO {table} (v) VALUES ('a'), ('b'), ('c'); DELETE FROM {table} WHERE v = 'a'")
    run("VACUUM")
    assert run("SELECT rowid, v FROM named ORDER BY v") == [(2, "b"), (3, "c")]
    assert run("SELECT rowid, v FROM bare ORDER BY v") == [(1, "b"), (2, "c")]


def test_table_xinfo(run: Run) -> None:
    """10: the key's order stands in `pk`, generated columns in `table_xinfo` alone, and the pragma takes a bound name."""
    run("CREATE TABLE task (a, b, c AS (a + 1), d AS (b) STORED, PRIMARY KEY (b, a))")
    query = "SELECT name, pk, hidden FROM pragma_table_xinfo(?)"
    assert run(query, "task") == [("a", 2, 0), ("b", 1, 0), ("c", 0, 2), ("d", 0, 3)]
    assert run("SELECT name FROM pragma_table_info(?)", "task") == [("a",), ("b",)]


def test_cascades_fire_the_childs_triggers(run: Run) -> None:
    """11: a foreign key's cascade fires the triggers of the child's table, with recursive_triggers off."""
    run(
        """PRAGMA foreign_keys = ON; PRAGMA recursive_triggers = OFF; CREATE TABLE log (what);
        CREATE TABLE list (id INTEGER PRIMARY KEY);
        CREATE TABLE task (id INTEGER PRIMARY KEY, list REFERENCES list ON DELETE CASCADE ON UPDATE CASCADE);
        CREATE TRIGGER gone AFTER DELETE ON task BEGIN INSERT INTO log VALUES ('delete'); END;
        CREATE TRIGGER moved AFTER UPDATE ON task BEGIN INSERT INTO log VALUES ('update'); END;
        INSERT INTO list VALUES (1); INSERT INTO task VALUES (1, 1); UPDATE list SET id = 2; DELETE FROM list"""
    )
    assert run("SELECT what FROM log") == [("update",), ("delete",)]


def test_delete_without_where_runs_row_by_row(run: Run) -> None:
    """11: with a trigger on the table, DELETE without WHERE fires it for every row."""
    run("CREATE TABLE task (id); CREATE TABLE log (id); INSERT INTO task VALUES (1), (2), (3)")
    run("CREATE TRIGGER gone AFTER DELETE ON task BEGIN INSERT INTO log VALUES (OLD.id); END; DELETE FROM task")
    assert run("SELECT count(*) FROM log") == [(3,)]


def test_text_primary_key_takes_null(run: Run) -> None:
    """12: a TEXT PRIMARY KEY without NOT NULL takes any number of NULL keys, unless the table is WITHOUT ROWID or STRICT."""
    run("CREATE TABLE task (id TEXT PRIMARY KEY); INSERT INTO task VALUES (NULL), (NULL)")
    assert run("SELECT count(*) FROM task") == [(2,)]
    for option in ("WITHOUT ROWID", "STRICT"):
        run(f"CREATE TABLE [{option}] (id TEXT PRIMARY KEY) {option}")
        with pytest.raises(ERRORS, match="NOT NULL"):
            run(f"INSERT INTO [{option}] VALUES (NULL)")


def test_negative_zero_is_invisible_in_sql(run: Run) -> None:
    """18: SQL can't tell -0.0 from 0.0, though an untyped column stores the difference; a REAL column stores 0.0."""
    run("CREATE TABLE task (untyped, number REAL)")
    run("INSERT INTO task VALUES (?1, ?1)", 0.0)
    run("CREATE TABLE log (x)")
    run(
        """CREATE TRIGGER log AFTER UPDATE ON task
        WHEN OLD.untyped COLLATE BINARY IS NOT NEW.untyped OR typeof(OLD.untyped) <> typeof(NEW.untyped)
        BEGIN INSERT INTO log VALUES (1); END"""
    )
    run("UPDATE task SET untyped = ?1, number = ?1", -0.0)
    ((untyped, number),) = run("SELECT untyped, number FROM task")
    assert (math.copysign(1, untyped), math.copysign(1, number)) == (-1, 1)
    assert run("SELECT quote(untyped), hex(untyped), untyped IS 0.0 FROM task") == [("0.0", "302E30", 1)]
    assert run("SELECT count(*) FROM log") == [(0,)]


def test_last_insert_rowid_inside_a_trigger(run: Run) -> None:
    """19: inside a trigger, last_insert_rowid() is that of the trigger's own last insert; outside it is untouched."""
    run(
        """CREATE TABLE task (id INTEGER PRIMARY KEY); CREATE TABLE held (id INTEGER PRIMARY KEY); CREATE TABLE log (held);
        INSERT INTO held VALUES (100);
        CREATE TRIGGER log AFTER INSERT ON task BEGIN
          INSERT INTO held VALUES (NULL); INSERT INTO log VALUES (last_insert_rowid());
        END;
        INSERT INTO task VALUES (7)"""
    )
    assert run("SELECT held FROM log") == [(101,)]
    assert run("SELECT last_insert_rowid()") == [(7,)]


@pytest.mark.parametrize("alias", ["rowid", "_rowid_", "oid"])
def test_update_of_rowid_is_no_update_of_its_alias(run: Run, alias: str) -> None:
    """20: `UPDATE t SET rowid = ..` fires no UPDATE OF id trigger, although id is the rowid; a trigger without OF fires."""
    run("CREATE TABLE task (id INTEGER PRIMARY KEY); CREATE TABLE log (what); INSERT INTO task VALUES (1)")
    run("CREATE TRIGGER of_id AFTER UPDATE OF id ON task BEGIN INSERT INTO log VALUES ('of id'); END")
    run("CREATE TRIGGER any_column AFTER UPDATE ON task BEGIN INSERT INTO log VALUES (OLD.id || ' to ' || NEW.id); END")
    run(f"UPDATE task SET {alias} = 2")
    assert run("SELECT what FROM log") == [("1 to 2",)]


def test_quick_check_verifies_check_and_strict(run: Run) -> None:
    """21: PRAGMA quick_check reports rows that break a CHECK, a NOT NULL or a STRICT column's type."""
    run("CREATE TABLE a (x CHECK (x > 0)); PRAGMA ignore_check_constraints = ON; INSERT INTO a VALUES (-1)")
    run("PRAGMA ignore_check_constraints = OFF")
    assert run("PRAGMA quick_check") == [("CHECK constraint failed in a",)]
    run("DROP TABLE a; CREATE TABLE b (x INTEGER, y); INSERT INTO b VALUES ('text', NULL); PRAGMA writable_schema = ON")
    run("UPDATE sqlite_schema SET sql = 'CREATE TABLE b (x INTEGER, y ANY NOT NULL) STRICT' WHERE name = 'b'")
    run("PRAGMA writable_schema = RESET")
    assert sorted(run("PRAGMA quick_check")) == [("NULL value in b.y",), ("non-INTEGER value in b.x",)]


def test_quick_check_is_silent_while_checks_are_ignored(run: Run) -> None:
    """21: quick_check looks at CHECK constraints only while ignore_check_constraints is off."""
    run("CREATE TABLE a (x CHECK (x > 0)); PRAGMA ignore_check_constraints = ON; INSERT INTO a VALUES (-1)")
    assert run("PRAGMA quick_check") == [("ok",)]


def test_attached_memory_database_is_part_of_the_transaction(run: Run) -> None:
    """22: a ROLLBACK undoes an attached in-memory database too, and it can't be detached once the transaction uses it."""
    run("ATTACH ':memory:' AS image; CREATE TABLE image.row_1 (k1); BEGIN; INSERT INTO image.row_1 VALUES (1)")
    with pytest.raises(ERRORS, match="locked"):
        run("DETACH image")
    run("ROLLBACK")
    assert run("SELECT count(*) FROM image.row_1") == [(0,)]
    run("BEGIN; SELECT count(*) FROM image.row_1")
    with pytest.raises(ERRORS, match="locked"):
        run("DETACH image")
    run("COMMIT; BEGIN; DETACH image; COMMIT")


DECLARED = "CREATE TABLE t (k TEXT PRIMARY KEY ON CONFLICT {0}, u UNIQUE ON CONFLICT {0}, n NOT NULL ON CONFLICT {0} DEFAULT 7);"


@pytest.mark.parametrize(("clause", "left"), [
    ("REPLACE", [("a", 1, 1), ("c", 2, 7)]),
    ("IGNORE", [("a", 1, 1), ("b", 2, 2)]),
])  # fmt: skip
def test_constraints_have_conflict_clauses_of_their_own(run: Run, clause: str, left: Rows) -> None:
    """24: REPLACE and IGNORE of a constraint hold for plain statements; a clause of the statement, also OR ABORT, goes before them."""
    run(DECLARED.format(clause) + "INSERT INTO t VALUES ('a', 1, 1), ('b', 2, 2)")
    for values in ("'a', 9, 9", "'d', 1, 9", "'d', 9, NULL"):
        with pytest.raises(ERRORS, match="constraint failed"):
            run(f"INSERT OR ABORT INTO t VALUES ({values})")
    with pytest.raises(ERRORS, match="UNIQUE"):
        run("UPDATE OR ABORT t SET u = 1 WHERE k = 'b'")
    run("INSERT INTO t VALUES ('c', 2, NULL)")
    assert run("SELECT * FROM t ORDER BY k") == left


def test_rollback_of_a_constraint_ends_the_transaction(run: Run) -> None:
    """24: a plain statement that breaks a constraint with ON CONFLICT ROLLBACK rolls the transaction back; OR ABORT does not."""
    run(
        DECLARED.format("ROLLBACK")
        + "INSERT INTO t VALUES ('a', 1, 1); BEGIN; DELETE FROM t WHERE k = 'x'; SAVEPOINT one"
    )
    with pytest.raises(ERRORS, match="UNIQUE"):
        run("INSERT OR ABORT INTO t VALUES ('b', 1, 1)")
    run("ROLLBACK TO one")
    with pytest.raises(ERRORS, match="UNIQUE"):
        run("INSERT INTO t VALUES ('b', 1, 1)")
    with pytest.raises(ERRORS, match="no such savepoint"):
        run("ROLLBACK TO one")


def test_replace_lets_a_row_refer_to_nothing_in_its_own_table(run: Run) -> None:
    """29: REPLACE may write a reference to nothing where a table refers to itself with ON DELETE SET NULL; a plain INSERT may not."""
    run("PRAGMA foreign_keys = ON; CREATE TABLE t (k INTEGER PRIMARY KEY, up REFERENCES t ON DELETE SET NULL)")
    with pytest.raises(ERRORS, match="FOREIGN KEY"):
        run("INSERT INTO t VALUES (1, 2)")
    run("INSERT OR REPLACE INTO t VALUES (1, 2)")
    assert run("SELECT * FROM t") == [(1, 2)]


def test_or_abort_overrides_the_clauses_in_triggers(run: Run) -> None:
    """24: OR ABORT of a statement goes before the OR IGNORE inside of a trigger that it fires."""
    run("CREATE TABLE t (k); CREATE TABLE seen (k UNIQUE); INSERT INTO seen VALUES (1)")
    run("CREATE TRIGGER note AFTER INSERT ON t BEGIN INSERT OR IGNORE INTO seen VALUES (NEW.k); END")
    run("INSERT INTO t VALUES (1)")
    with pytest.raises(ERRORS, match="UNIQUE"):
        run("INSERT OR ABORT INTO t VALUES (1)")


FAILING = {
    "json(v) = 1": "'{bad'",
    "abs(v) > 0": "-9223372036854775807 - 1",
    "'x' NOT LIKE v": "hex(zeroblob(25001))",
    "length(zeroblob(v)) > 0": "9000000000",
}


@pytest.mark.parametrize(("check", "value"), FAILING.items())
def test_expressions_that_fail_are_no_constraints(run: Run, check: str, value: str) -> None:
    """25: A CHECK that can't be computed is another error than one that is false, and OR IGNORE does not help."""
    run(f"CREATE TABLE t (v, CHECK (v IS NULL OR {check}))")
    with pytest.raises(ERRORS) as caught:
        run(f"INSERT OR IGNORE INTO t VALUES ({value})")
    assert not isinstance(caught.value, (apsw.ConstraintError, sqlite3.IntegrityError))
    assert "constraint" not in str(caught.value)


def test_every_fact_has_a_test() -> None:
    """Every fact of docs/SQLITE_FACTS.md has a test that names its number, and every number here has its fact."""
    page = (PROJECT / "docs" / "SQLITE_FACTS.md").read_text(encoding="utf-8")
    facts = [int(number) for number in re.findall(r"^## (\d+)\. ", page, re.MULTILINE)]
    assert facts == list(range(1, len(facts) + 1))
    tests = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_sqlite_facts*.py"))
    tested = {int(number) for number in re.findall(r'^    """(\d+): ', tests, re.MULTILINE)}
    assert tested == set(facts)


def test_code_refers_to_facts_that_exist() -> None:
    """A comment that refers to a fact by its number refers to one that is there."""
    page = (PROJECT / "docs" / "SQLITE_FACTS.md").read_text(encoding="utf-8")
    facts = set(re.findall(r"^## (\d+)\. ", page, re.MULTILINE))
    for file in [
        *(PROJECT / "crdtsql").rglob("*.py"),
        *(PROJECT / "crdtsql").rglob("*.sql"),
        PROJECT / "pyproject.toml",
    ]:
        for number in re.findall(r"SQLITE_FACTS\.md, (\d+)", file.read_text(encoding="utf-8")):
            assert number in facts, file


def test_sequences(run: Run) -> None:
    """26: the first row of sqlite_sequence counts; a trigger can't change the one that its statement has read, but can put one before it."""
    run(
        """CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, v UNIQUE);
        CREATE TRIGGER over AFTER INSERT ON t WHEN NEW.id = 3 BEGIN UPDATE sqlite_sequence SET seq = 100; END;
        CREATE TRIGGER before AFTER INSERT ON t WHEN NEW.id = 5 BEGIN
        INSERT INTO sqlite_sequence (rowid, name, seq) SELECT min(rowid) - 1, 't', 100 FROM sqlite_sequence; END"""
    )
    for _ in range(5):
        run("INSERT INTO t DEFAULT VALUES")
    assert run("SELECT max(id) FROM t") == [(5,)]
    assert run("SELECT seq FROM sqlite_sequence ORDER BY rowid") == [(100,), (5,)]
    run("INSERT INTO t (v) VALUES (1), (2)")
    assert run("SELECT max(id) FROM t") == [(102,)]
    assert run("SELECT seq FROM sqlite_sequence ORDER BY rowid") == [(102,), (5,)]
    run("UPDATE sqlite_sequence SET seq = 7; INSERT OR IGNORE INTO t (v) VALUES (1)")
    run("INSERT INTO t DEFAULT VALUES")
    assert run("SELECT max(id) FROM t")[0][0] in (103, 104)
    run("ALTER TABLE t RENAME TO u")
    assert {name for (name,) in run("SELECT name FROM sqlite_sequence")} == {"u"}


EXPIRES: dict[str, Callable[[apsw.Connection], object]] = {
    "triggers switched off": lambda connection: connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0),
    "foreign keys": lambda connection: connection.execute("PRAGMA foreign_keys = ON"),
    "checks ignored": lambda connection: connection.execute("PRAGMA ignore_check_constraints = ON"),
    "detached": lambda connection: connection.execute("DETACH aside"),
    "deserialized": lambda connection: connection.deserialize(
        "aside", apsw.Connection(":memory:").serialize("main") or b""
    ),
    "temporary table": lambda connection: connection.execute("CREATE TEMP TABLE x (y)"),
}
KEEPS: dict[str, Callable[[apsw.Connection], object]] = {
    "triggers stay on": lambda connection: connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 1),
    "table in an attached database": lambda connection: connection.execute(
        "CREATE TABLE aside.x (y); DROP TABLE aside.x"
    ),
}


STATEMENTS = ("SELECT x FROM t", "SELECT y FROM temp.before")


@pytest.mark.parametrize("what", [*EXPIRES, *KEEPS])
def test_what_expires_statements(what: str) -> None:
    """28: settings that change, DETACH, deserialize and temporary tables expire all compiled statements; other tables' DDL does not."""
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE TABLE t (x); CREATE TEMP TABLE before (y); ATTACH ':memory:' AS aside")
    asked: list[object] = []
    connection.authorizer = lambda *about: asked.append(about) or apsw.SQLITE_OK
    for _ in range(2):
        asked.clear()
        for statement in STATEMENTS:
            connection.execute(statement).fetchall()
    assert not asked  # SQLite asks while it compiles
    {**EXPIRES, **KEEPS}[what](connection)
    asked.clear()
    for statement in STATEMENTS:
        connection.execute(statement).fetchall()
    assert bool(asked) == (what in EXPIRES)


@pytest.mark.parametrize("stable", [False, True])
@pytest.mark.parametrize("statement", ["SELECT x FROM t LIMIT ?", "SELECT x FROM t, u WHERE x = ?"])
def test_a_bound_value_has_a_statement_compiled_again(statement: str, stable: bool) -> None:
    """28: a statement is compiled anew for each value of a LIMIT, or in a join without an index for it, unless plans go by no value."""
    connection = apsw.Connection(":memory:")
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, int(stable))
    connection.execute("CREATE TABLE t (x); CREATE TABLE u (y)")
    asked: list[object] = []
    connection.authorizer = lambda *about: asked.append(about) or apsw.SQLITE_OK
    connection.execute(statement, (1,)).fetchall()
    asked.clear()
    connection.execute(statement, (2,)).fetchall()
    assert bool(asked) == (not stable)
