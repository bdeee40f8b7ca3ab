"""Rows that the user's own triggers write, created before or after the table was enabled."""

from __future__ import annotations

import pytest

from crdtsql import Replica
from tests.support.judge import Judge, Statement, fold
from tests.support.library import connect, undone

SCHEMA = """
CREATE TABLE t (id {key}, u TEXT UNIQUE, n, up TEXT REFERENCES t (u) ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE other (id TEXT PRIMARY KEY, u UNIQUE, n);
CREATE TABLE plain (n);
CREATE VIEW shown AS SELECT id, u FROM t;
INSERT INTO t VALUES (1, 'u1', 1, NULL), (2, 'u2', 2, 'u1'), (3, 'u3', 3, 'u2');
INSERT INTO other VALUES ('o1', 'u1', 1), ('o2', 'u2', 2);
"""
TRIGGERS = {
    "stamps its own row": "AFTER INSERT ON t BEGIN UPDATE t SET n = 'stamped', u = upper(NEW.u) WHERE id = NEW.id; END",
    "counts updates": "AFTER UPDATE OF u ON t BEGIN UPDATE t SET n = ifnull(n, 0) + 1 WHERE id = NEW.id; END",
    "puts the old value back": "AFTER UPDATE OF n ON t WHEN NEW.n IS NOT OLD.n BEGIN UPDATE t SET n = OLD.n WHERE id = NEW.id; END",
    "removes what was inserted": "AFTER INSERT ON t BEGIN DELETE FROM t WHERE id = NEW.id; END",
    "inserts again what was deleted": "AFTER DELETE ON t BEGIN INSERT OR IGNORE INTO t VALUES (OLD.id, OLD.u, 'again', NULL); END",
    "makes room": "BEFORE INSERT ON t BEGIN DELETE FROM t WHERE u = NEW.u; END",
    "takes a key from another row": "AFTER UPDATE OF n ON t BEGIN INSERT OR REPLACE INTO t VALUES (9, 'u3', 'by trigger', NULL); END",
    "writes another row before": "BEFORE UPDATE ON t BEGIN UPDATE t SET n = 'before' WHERE id = 3 AND OLD.id <> 3; END",
    "moves the row": "AFTER INSERT ON t WHEN NEW.id < 50 BEGIN UPDATE t SET id = NEW.id + 50 WHERE id = NEW.id; END",
    "writes another table": "AFTER UPDATE ON t BEGIN REPLACE INTO other VALUES ('o9', NEW.u, NEW.n); INSERT INTO plain VALUES (1); END",
    "is run by a plain table": "AFTER INSERT ON plain BEGIN UPDATE t SET n = NEW.n; REPLACE INTO t VALUES (8, 'u1', 8, NULL); END",
    "is run by another table": "AFTER DELETE ON other BEGIN DELETE FROM t WHERE u = OLD.u; END",
    "stands for a view": "INSTEAD OF INSERT ON shown BEGIN REPLACE INTO t (id, u) VALUES (NEW.id, NEW.u); END",
    "ignores the statement": "BEFORE INSERT ON t WHEN NEW.id > 5 BEGIN SELECT RAISE(IGNORE); END",
    "inserts what the statement then evicts": "BEFORE INSERT ON t WHEN NEW.id = 7 BEGIN INSERT INTO t VALUES (40, NEW.u, 'short', NULL); END",
    "changes what the statement then evicts": "BEFORE INSERT ON t WHEN NEW.id = 7 BEGIN UPDATE t SET u = NEW.u WHERE id = 3; END",
}
STATEMENTS = (
    "INSERT INTO t VALUES (7, 'u7', 7, NULL)",
    "REPLACE INTO t VALUES (7, 'u2', 7, NULL)",
    "REPLACE INTO t VALUES (7, 'fresh', 7, NULL)",
    "INSERT INTO t VALUES (1, 'u9', 0, NULL) ON CONFLICT (id) DO UPDATE SET u = excluded.u",
    "UPDATE t SET n = n + 10",
    "UPDATE OR REPLACE t SET u = 'u1', n = 0 WHERE id = 2",
    "UPDATE t SET u = 'moved' WHERE id = 1",
    "DELETE FROM t WHERE id = 1",
    "DELETE FROM t",
    "INSERT INTO plain VALUES (5)",
    "DELETE FROM other",
    "INSERT INTO shown VALUES (6, 'u3')",
)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("key", ["TEXT PRIMARY KEY", "INTEGER PRIMARY KEY"])
@pytest.mark.parametrize("trigger", TRIGGERS)
def test_what_the_users_triggers_write_is_captured(trigger: str, key: str, when: str) -> None:
    """Rows that the user's own triggers write are captured like all others, in whatever order triggers fire."""
    connection = connect()
    connection.execute(SCHEMA.format(key=key))
    if when == "before":
        connection.execute(f"CREATE TRIGGER mine {TRIGGERS[trigger]}")
    replica = Replica.on(connection)
    replica.enable("t", "other")
    if when == "after":
        connection.execute(f"CREATE TRIGGER mine {TRIGGERS[trigger]}")
        fold(replica)
    judge = Judge(replica)
    start = judge.before
    for pragmas in ("OFF", "ON"):
        connection.execute(f"PRAGMA recursive_triggers = {pragmas}; PRAGMA foreign_keys = {pragmas}")
        for statement in STATEMENTS:
            if "INTO shown" in statement and trigger != "stands for a view":
                continue
            judge.start(start)
            try:
                with undone(connection):
                    judge.run(Statement(trigger, statement, reinserts=True, mixes=True))
                    judge.check()
            except AssertionError as error:
                raise AssertionError(f"{TRIGGERS[trigger]}\n{statement} with pragmas {pragmas}\n{error}") from None
