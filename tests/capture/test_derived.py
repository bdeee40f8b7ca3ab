"""What the user's own triggers derive from replicated tables: search indexes, audit trails, counts, time stamps."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

import apsw
import pytest

from crdtsql import Replica
from crdtsql.base.errors import WriteRefusedError
from tests.support import state
from tests.support.peers import come_to_rest, fast_directory, replica, send

WORDS = "apple pear plum cherry fig grape lemon mango".split()
Check = Callable[[Any], None]


@dataclass(frozen=True)
class Derived:
    """A derived table: what creates it beside the table doc, and a check that it fits what doc shows."""

    schema: str
    check: Check
    tables: tuple[str, ...] = ("doc",)


def _rows(replica: Replica, statement: str, *values: Any) -> list[Any]:
    return replica.connection.execute(statement, values).fetchall()


def _finds(rank: str | None, key: str = "id") -> Check:
    """Check that a search for each word finds the rows that have it, and that the index agrees with itself."""

    def check(replica: Replica) -> None:
        columns = "found, rank" if rank else "found"
        values = f"'integrity-check', {rank}" if rank else "'integrity-check'"
        replica.connection.execute(f"INSERT INTO found ({columns}) VALUES ({values})")
        for word in WORDS:
            hits = sorted(rowid for (rowid,) in _rows(replica, "SELECT rowid FROM found WHERE found MATCH ?", word))
            wanted = _rows(
                replica,
                f"SELECT {key} FROM doc WHERE ' ' || ifnull(title, '') || ' ' || ifnull(body, '') || ' ' LIKE ?",
                f"% {word} %",
            )
            assert hits == sorted(rowid for (rowid,) in wanted), word

    return check


def _same(derived: str, source: str) -> Check:
    def check(replica: Replica) -> None:
        assert _rows(replica, derived) == _rows(replica, source)

    return check


def _search(create: str, remove: str, key: str = "id", timing: str = "AFTER") -> str:
    insert = f"INSERT INTO found (rowid, title, body) VALUES (NEW.{key}, NEW.title, NEW.body);"
    if timing == "AFTER":
        update = f"CREATE TRIGGER doc_change AFTER UPDATE ON doc BEGIN {remove} {insert} END;"
    else:
        update = (
            f"CREATE TRIGGER doc_before BEFORE UPDATE ON doc BEGIN {remove} END; "
            f"CREATE TRIGGER doc_change AFTER UPDATE ON doc BEGIN {insert} END;"
        )
    return (
        f"CREATE VIRTUAL TABLE found USING {create}; CREATE TRIGGER doc_in AFTER INSERT ON doc BEGIN {insert} END; "
        f"CREATE TRIGGER doc_out {timing} DELETE ON doc BEGIN {remove} END; {update}"
    )


def _delete_command(key: str = "id") -> str:
    return f"INSERT INTO found (found, rowid, title, body) VALUES ('delete', OLD.{key}, OLD.title, OLD.body);"


DERIVED = {
    "FTS5 over the table": Derived(_search("fts5 (title, body, content = 'doc', content_rowid = 'id')", _delete_command()), _finds("1")),
    "FTS5 by rowid": Derived(
        _search("fts5 (title, body, content = 'doc')", _delete_command("rowid"), "rowid"), _finds("1", "rowid")
    ),
    "FTS5 with content of its own": Derived(_search("fts5 (title, body)", "DELETE FROM found WHERE rowid = OLD.id;"), _finds("1")),
    "FTS5 without content": Derived(_search("fts5 (title, body, content = '')", _delete_command()), _finds("0")),
    "FTS5 without content, with deletes": Derived(
        _search("fts5 (title, body, content = '', contentless_delete = 1)", "DELETE FROM found WHERE rowid = OLD.id;"), _finds("0")
    ),
    "FTS4 over the table": Derived(
        _search("fts4 (content='doc', title, body)", "DELETE FROM found WHERE docid = OLD.rowid;", timing="BEFORE"), _finds(None)
    ),
    "R*Tree": Derived(
        """CREATE VIRTUAL TABLE box USING rtree (id, x0, x1);
        CREATE TRIGGER doc_in AFTER INSERT ON doc WHEN NEW.x IS NOT NULL BEGIN INSERT INTO box VALUES (NEW.id, NEW.x, NEW.x); END;
        CREATE TRIGGER doc_out AFTER DELETE ON doc BEGIN DELETE FROM box WHERE id = OLD.id; END;
        CREATE TRIGGER doc_move AFTER UPDATE OF x ON doc BEGIN DELETE FROM box WHERE id = OLD.id;
          INSERT INTO box SELECT NEW.id, NEW.x, NEW.x WHERE NEW.x IS NOT NULL; END""",
        _same("SELECT id, x0 FROM box ORDER BY id", "SELECT id, x FROM doc WHERE x IS NOT NULL ORDER BY id"),
    ),
    "a table of vectors": Derived(
        """CREATE TABLE vector (doc INTEGER PRIMARY KEY, v);
        CREATE TRIGGER doc_in AFTER INSERT ON doc BEGIN INSERT INTO vector VALUES (NEW.id, NEW.title || NEW.body); END;
        CREATE TRIGGER doc_out AFTER DELETE ON doc BEGIN DELETE FROM vector WHERE doc = OLD.id; END;
        CREATE TRIGGER doc_change AFTER UPDATE OF title, body ON doc BEGIN
          UPDATE vector SET v = NEW.title || NEW.body WHERE doc = NEW.id; END""",
        _same("SELECT doc, v FROM vector ORDER BY doc", "SELECT id, title || body FROM doc ORDER BY id"),
    ),
    "an audit trail": Derived(
        """CREATE TABLE audit (number INTEGER PRIMARY KEY, doc, change);
        CREATE TRIGGER doc_in AFTER INSERT ON doc BEGIN INSERT INTO audit (doc, change) VALUES (NEW.id, 1); END;
        CREATE TRIGGER doc_out AFTER DELETE ON doc BEGIN INSERT INTO audit (doc, change) VALUES (OLD.id, -1); END""",
        _same(
            "SELECT doc FROM audit GROUP BY doc HAVING sum(change) = 1 AND min(change) IN (1, -1) ORDER BY doc",
            "SELECT id FROM doc ORDER BY id",
        ),
    ),
    "a count of this replica": Derived(
        """CREATE TABLE total (n); INSERT INTO total VALUES (0);
        CREATE TRIGGER doc_in AFTER INSERT ON doc BEGIN UPDATE total SET n = n + 1; END;
        CREATE TRIGGER doc_out AFTER DELETE ON doc BEGIN UPDATE total SET n = n - 1; END""",
        _same("SELECT n FROM total", "SELECT count(*) FROM doc"),
    ),
    "a time of change": Derived(
        """CREATE TRIGGER doc_change AFTER UPDATE OF title ON doc BEGIN
          UPDATE doc SET x = ifnull(x, 0) + 1, changed = NEW.title WHERE id = NEW.id; END;
        CREATE TRIGGER doc_in AFTER INSERT ON doc BEGIN UPDATE doc SET changed = NEW.title WHERE id = NEW.id; END""",
        _same("SELECT id, changed FROM doc ORDER BY id", "SELECT id, title FROM doc ORDER BY id"),
    ),
    "a derived table that is enabled": Derived(
        """CREATE TABLE vector (doc INTEGER PRIMARY KEY, v);
        CREATE TRIGGER doc_in AFTER INSERT ON doc BEGIN INSERT OR REPLACE INTO vector VALUES (NEW.id, NEW.title); END;
        CREATE TRIGGER doc_change AFTER UPDATE OF title ON doc BEGIN
          INSERT INTO vector VALUES (NEW.id, NEW.title) ON CONFLICT (doc) DO UPDATE SET v = excluded.v; END""",
        _same(
            "SELECT doc, v FROM vector WHERE doc IN (SELECT id FROM doc) ORDER BY doc", "SELECT id, title FROM doc ORDER BY id"
        ),
        ("doc", "vector"),
    ),
}  # fmt: skip
TABLE = "CREATE TABLE doc (id INTEGER PRIMARY KEY, title TEXT, body TEXT, x REAL, u UNIQUE, changed);"


class History:
    """Random writes on replicas, and merges between them."""

    def __init__(self, folder: Path, derived: Derived, seed: int, recursive: bool) -> None:
        self.random, self.derived, self.last, self.recursive = random.Random(seed), derived, 0, recursive
        self.now = [1_700_000_000_000]
        self.replicas = [
            replica(folder / f"{n}.db", TABLE + derived.schema, tables=derived.tables, site=n, now=lambda: self.now[0])
            for n in (1, 2, 3)
        ]
        for one in self.replicas:
            one.connection.execute(f"PRAGMA recursive_triggers = {recursive:d}")

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self.now[0] += self.random.choice((0, 1, 1000))
            one, other = self.random.sample(self.replicas, 2)
            if self.random.random() < 0.35:
                send(one, other)
                self.derived.check(other)
            else:
                self.write(one)
        come_to_rest(self.replicas)
        for one in self.replicas:
            self.derived.check(one)
            assert state.shared(one.connection) == state.shared(self.replicas[0].connection)
            assert _rows(one, "PRAGMA integrity_check") == [("ok",)]

    def write(self, one: Replica) -> None:
        self.last += 1
        u = self.last if self.recursive else self.random.choice((None, self.last % 4, self.last))
        with suppress(apsw.ConstraintError, WriteRefusedError):  # another row has the value here
            self._write(one, u)

    def _write(self, one: Replica, u: int | None) -> None:
        text = [" ".join(self.random.sample(WORDS, 2)) for _ in range(2)]
        ids = [id_ for (id_,) in _rows(one, "SELECT id FROM doc")]
        chosen = self.random.choice(ids or [0])
        match self.random.randrange(9):
            case 0 | 1:
                _rows(
                    one,
                    "INSERT INTO doc (id, title, body, x, u) VALUES (?, ?, ?, ?, ?)",
                    self.last,
                    *text,
                    self.last % 5,
                    u,
                )
            case 2:
                _rows(one, "UPDATE doc SET title = ? WHERE id = ?", text[0], chosen)
            case 3:
                _rows(
                    one,
                    "UPDATE doc SET body = ?, x = ? WHERE id = ?",
                    text[1],
                    self.random.choice((None, 1, 2.5)),
                    chosen,
                )
            case 4:
                _rows(one, "UPDATE doc SET u = ?, body = ? WHERE id = ?", u, text[1], chosen)
            case 5:
                _rows(one, "DELETE FROM doc WHERE id = ?", chosen)
            case 6:
                _rows(one, "UPDATE doc SET title = ?, body = ? WHERE id % 2 = ?", *text, self.last % 2)
            case 7 if self.recursive:  # else REPLACE fires no delete triggers, for no program
                taken = self.random.randrange(self.last)
                _rows(one, "REPLACE INTO doc (id, title, body, u) VALUES (?, ?, ?, ?)", chosen, *text, taken)
            case 8:
                gone = _rows(one, "SELECT k1 FROM _crdt_clock_doc WHERE gone = 1")
                if gone:
                    one.undelete("doc", *self.random.choice(gone))


@pytest.mark.parametrize("recursive", [False, True], ids=["plain", "recursive"])
@pytest.mark.parametrize("name", DERIVED)
def test_derived_tables_follow_merges(name: str, recursive: bool) -> None:
    """What triggers derive from a replicated table fits it after every merge: inserts, updates, deletes and rows that come back."""
    for seed in range(2):
        with fast_directory() as folder:
            history = History(folder, DERIVED[name], seed, recursive)
            history.run(36)
            for one in history.replicas:
                one.close()


COUNTED = """
CREATE TABLE post (id TEXT PRIMARY KEY, comments INTEGER NOT NULL DEFAULT 0);
CREATE TABLE comment (id TEXT PRIMARY KEY, post TEXT REFERENCES post (id));
CREATE TRIGGER comment_in AFTER INSERT ON comment BEGIN UPDATE post SET comments = comments + 1 WHERE id = NEW.post; END;
CREATE TRIGGER comment_out AFTER DELETE ON comment BEGIN UPDATE post SET comments = comments - 1 WHERE id = OLD.post; END;
INSERT INTO post (id) VALUES ('p');
"""


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_counter_cache_counts_once(tmp_path: Path, order: tuple[int, ...]) -> None:
    """A count that triggers keep in another replicated table is right everywhere if its column is a counter."""
    a = replica(tmp_path / "a.db", COUNTED, tables=("comment",), site=1)
    a.enable("post", types={"comments": "counter"})
    assert any("comment_in writes post" in notice for notice in a.notices)
    b, c = a.clone(tmp_path / "b.db"), a.clone(tmp_path / "c.db")
    replicas = [a, b, c]
    for number, one in enumerate(replicas):
        one.connection.execute(f"INSERT INTO comment VALUES ('c{number}', 'p'), ('d{number}', 'p')")
    b.connection.execute("DELETE FROM comment WHERE id = 'd1'")
    first, second, third = (replicas[n] for n in order)
    send(first, second)
    send(second, third)
    third.connection.execute("DELETE FROM comment WHERE id = 'c0'")
    send(third, first)
    come_to_rest(replicas)
    for one in replicas:
        ((shown, counted),) = _rows(one, "SELECT comments, (SELECT count(*) FROM comment) FROM post")
        assert shown == counted
        one.close()


def test_views_with_triggers_write_as_usual(tmp_path: Path) -> None:
    """What INSTEAD OF triggers of a view write to replicated tables travels, and a merge does not run them again."""
    schema = """
    CREATE TABLE t (id TEXT PRIMARY KEY, v); CREATE TABLE seen (n);
    CREATE VIEW shown AS SELECT id, v FROM t;
    CREATE TRIGGER put INSTEAD OF INSERT ON shown BEGIN
      INSERT INTO t VALUES (NEW.id, NEW.v) ON CONFLICT (id) DO UPDATE SET v = excluded.v; INSERT INTO seen VALUES (1); END;
    CREATE TRIGGER take INSTEAD OF DELETE ON shown BEGIN DELETE FROM t WHERE id = OLD.id; END;
    """
    a, b = (replica(tmp_path / f"{n}.db", schema, tables=("t",), site=n) for n in (1, 2))
    a.connection.execute("INSERT INTO shown VALUES ('x', 1), ('y', 2)")
    a.connection.execute("INSERT INTO shown VALUES ('x', 3); DELETE FROM shown WHERE id = 'y'")
    send(a, b)
    assert _rows(b, "SELECT * FROM shown") == [("x", 3)]
    assert _rows(b, "SELECT count(*) FROM seen") == [(0,)]
    a.close()
    b.close()


def test_a_chain_of_triggers_is_left_out_where_it_writes_replicated_tables(tmp_path: Path) -> None:
    """A trigger that is fired by another trigger is left out by merges only if it is the one that writes a replicated table."""
    schema = """
    CREATE TABLE "TÄSK" (id TEXT PRIMARY KEY, v); CREATE TABLE plain (n); CREATE TABLE log (id TEXT PRIMARY KEY, n);
    CREATE TRIGGER "it's one" AFTER INSERT ON "TÄSK" BEGIN INSERT INTO plain VALUES (NEW.id); END;
    CREATE TRIGGER [the "second"] AFTER INSERT ON plain BEGIN INSERT INTO log VALUES (lower(hex(randomblob(8))), NEW.n); END;
    CREATE TRIGGER third AFTER INSERT ON log BEGIN UPDATE "TÄSK" SET v = 'logged' WHERE id = NEW.n; END;
    """
    a, b = (replica(tmp_path / f"{n}.db", schema, tables=("TÄSK", "log"), site=n) for n in (1, 2))
    a.connection.execute("""INSERT INTO "TÄSK" VALUES ('x', 1)""")
    send(a, b)
    for one in (a, b):
        assert _rows(one, 'SELECT * FROM "TÄSK"') == [("x", "logged")]
        assert _rows(one, "SELECT count(*) FROM log") == [(1,)]
        assert _rows(one, "SELECT n FROM plain") == [("x",)]
        assert len(_rows(one, "SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND name NOT GLOB '_crdt*'")) == 3
        one.close()


def test_enabling_explains_triggers_that_write_replicated_tables(tmp_path: Path) -> None:
    """When a table is enabled, triggers that write replicated tables are named, with what merges do with them."""
    connection = apsw.Connection(str(tmp_path / "a.db"))
    connection.execute(COUNTED)
    connection.execute("CREATE TRIGGER note AFTER INSERT ON post BEGIN SELECT 1; END")
    connection.close()
    with Replica.open(tmp_path / "a.db") as opened:
        opened.enable("comment")
        assert opened.notices == []
        opened.enable("post")
        assert (
            len([text for text in opened.notices if "comment_in writes post" in text and "merges leave" in text]) == 1
        )
        assert len([text for text in opened.notices if "comment_out counts in post.comments" in text]) == 1
        assert not [text for text in opened.notices if "note" in text.split()]
