"""Tables that one replica has and another has not."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from crdtsql import Replica, sync
from crdtsql.base.errors import CannotEnableError, SchemaMismatchError, UsageError
from crdtsql.merge import absent
from tests.support.forge import with_header
from tests.support.peers import exchange, read, write
from tests.support.versions import INVOICE, OLD, is_at_rest, make, told

ALL = "SELECT * FROM invoice ORDER BY nr"
COUNTER = {"invoice.votes": "counter"}


def chain(folder: Path, rows: str = "") -> tuple[Replica, Replica, Replica]:
    """Give a replica with the table, one without it, and another with it."""
    return (
        make(folder / "a.db", f"{OLD}; {INVOICE}; {rows}", "task", "invoice", types=COUNTER),
        make(folder / "b.db", OLD, "task"),
        make(folder / "c.db", f"{OLD}; {INVOICE}", "task", "invoice", types=COUNTER),
    )


def test_a_table_comes_through_a_replica_that_lacks_it(tmp_path: Path) -> None:
    """Rows, deletions, counters and rows from before enabling come through a replica without the table."""
    a, b, c = chain(tmp_path, "INSERT INTO invoice VALUES ('G1', 2.5, 1, 'g'), ('G2', 3.5, 1, 'g')")
    write(a, "INSERT INTO invoice VALUES ('i1', 1, 0, 'n')")
    write(a, "DELETE FROM invoice WHERE nr = 'G2'")
    write(a, "INSERT INTO task VALUES ('t', 'x')")
    exchange(a, b, c)
    assert read(c, ALL) == read(a, ALL) == [("G1", 2.5, 1, "g"), ("i1", 1.0, 0, "n")]
    assert read(b, "SELECT * FROM task") == [("t", "x")]
    write(c, "UPDATE invoice SET votes = votes + 4 WHERE nr = 'g1'")
    write(c, "DELETE FROM invoice WHERE nr = 'i1'")
    write(a, "UPDATE invoice SET votes = votes + 2, amount = 9 WHERE nr = 'g1'")
    write(a, "UPDATE invoice SET note = 'kept' WHERE nr = 'i1'")
    exchange(a, b, c)
    assert read(c, ALL) == read(a, ALL) == [("G1", 9.0, 7, "g"), ("i1", 1.0, 0, "kept")]
    assert told(a) == told(c)
    assert is_at_rest(a, b, c)


def test_a_table_comes_with_rows_of_one_that_has_triggers(tmp_path: Path) -> None:
    """A changeset may have rows of a table that is not here, and of one on which the user's triggers fire for what merges bring."""
    a, b, _ = chain(tmp_path)
    b.connection.execute(
        "CREATE TABLE audit (id); CREATE TRIGGER noted AFTER INSERT ON task BEGIN INSERT INTO audit VALUES (NEW.id); END"
    )
    write(a, "INSERT INTO invoice VALUES ('i1', 1, 0, 'n')", "INSERT INTO task VALUES ('t', 'x')")
    exchange(a, b)
    assert read(b, "SELECT id FROM audit") == [("t",)]
    write(a, "UPDATE invoice SET amount = 2", "INSERT INTO task VALUES ('u', 'x')")
    exchange(a, b)
    assert read(b, "SELECT id FROM audit") == [("t",), ("u",)]
    assert is_at_rest(a, b)


@pytest.mark.parametrize("way", ["enable", "create", "alter", "adopt", "all"])
def test_a_table_that_is_created_shows_its_rows(tmp_path: Path, way: str) -> None:
    """Once the table is there and enabled, by hand or found by the next operation, it has all rows, and goes on as on the others."""
    a, b, c = chain(tmp_path, "INSERT INTO invoice VALUES ('G1', 2.5, 1, 'g'), ('G2', 3.5, 1, 'g')")
    exchange(a, b, c)
    write(a, "UPDATE invoice SET votes = votes + 2 WHERE nr = 'G1'")
    write(c, "UPDATE invoice SET votes = votes + 3 WHERE nr = 'G1'")
    write(a, "DELETE FROM invoice WHERE nr = 'G2'")
    exchange(a, b, c)
    if way == "adopt":
        b.adopt_schema(a)
    elif way == "alter":
        b.alter(INVOICE)
    else:
        b.connection.execute(INVOICE)
        if way in ("enable", "all"):
            b.enable(*(["invoice"] if way == "enable" else []), all=way == "all")
        else:
            sync(a, b)
            assert "the rows kept for it are in it now" in b.notices[-1]
    assert read(b, ALL) == read(a, ALL) == [("G1", 2.5, 6, "g")]
    b.undelete("invoice", "G2")
    write(b, "UPDATE invoice SET votes = votes + 10, note = 'b'")
    exchange(a, b, c)
    assert read(a, ALL) == read(b, ALL) == read(c, ALL) == [("G1", 2.5, 16, "b"), ("G2", 3.5, 11, "b")]
    assert told(a) == told(b) == told(c)
    assert not read(b, "SELECT name FROM sqlite_schema WHERE name GLOB '_crdt_absent*'")


def test_a_table_with_rows_of_its_own_is_asked_for(tmp_path: Path) -> None:
    """A table that somebody created and filled is not replicated unasked; enabled, it has its rows and those that were kept."""
    a, b, c = chain(tmp_path)
    write(a, "INSERT INTO invoice VALUES ('1', 1, 1, 'a'), ('2', 2, 2, 'a')")
    exchange(a, b)
    b.connection.execute(f"{INVOICE}; INSERT INTO invoice VALUES ('2', 20, 20, 'b'), ('3', 30, 30, 'b')")
    sync(a, b)
    assert "crdtsql enable" in b.notices[-1]
    assert read(b, "SELECT nr FROM invoice ORDER BY nr") == [("2",), ("3",)]
    b.enable("invoice")
    assert read(b, ALL) == [("1", 1.0, 1, "a"), ("2", 2.0, 2, "a"), ("3", 30.0, 30, "b")]
    exchange(a, b, c)
    assert read(a, ALL) == read(b, ALL) == read(c, ALL)
    assert told(a) == told(b) == told(c)


def test_a_table_may_have_other_columns(tmp_path: Path) -> None:
    """A table that is created with other columns than elsewhere shows those that it has, and keeps the others."""
    a, b, c = chain(tmp_path)
    write(a, "INSERT INTO invoice VALUES ('1', 2.5, 7, 'note')")
    exchange(a, b)
    b.connection.execute(
        "CREATE TABLE invoice (nr TEXT COLLATE NOCASE PRIMARY KEY, due TEXT DEFAULT 'now', amount REAL)"
    )
    b.enable("invoice")
    assert read(b, ALL) == [("1", "now", 2.5)]
    exchange(a, b, c)
    assert read(c, ALL) == [("1", 2.5, 7, "note")]
    b.alter("ALTER TABLE invoice ADD COLUMN votes INTEGER")
    write(b, "UPDATE invoice SET votes = votes + 1")
    exchange(a, b, c)
    assert read(a, ALL) == [("1", 2.5, 8, "note")]


def test_a_column_that_comes_while_the_table_is_absent(tmp_path: Path) -> None:
    """A column that others add to a table that is not here appears with the table."""
    a, b, c = chain(tmp_path)
    write(a, "INSERT INTO invoice VALUES ('1', 2.5, 7, 'note')")
    exchange(a, b, c)
    a.alter("ALTER TABLE invoice ADD COLUMN due TEXT")
    write(a, "UPDATE invoice SET due = 'soon'")
    exchange(a, b)
    b.adopt_schema(a)
    assert read(b, ALL) == [("1", 2.5, 7, "note", "soon")]
    exchange(a, b, c)
    c.adopt_schema(b)
    assert told(a) == told(b) == told(c)


def test_children_of_an_absent_table_wait(tmp_path: Path) -> None:
    """Rows that refer to a table that is not here come and go with everything else, and all is there once it is."""
    item = "CREATE TABLE item (id TEXT PRIMARY KEY, invoice TEXT REFERENCES invoice (nr))"
    a = make(tmp_path / "a.db", f"{INVOICE}; {item}", "invoice", "item")
    b = make(tmp_path / "b.db", item, "item")
    write(a, "INSERT INTO invoice (nr) VALUES ('n'); INSERT INTO item VALUES ('i', 'n'), ('j', NULL)")
    exchange(a, b)
    write(a, "DELETE FROM item WHERE id = 'j'; INSERT INTO item VALUES ('k', 'n')")
    exchange(a, b)
    b.adopt_schema(a)
    assert read(b, "SELECT * FROM item ORDER BY id") == [("i", "n"), ("k", "n")]
    assert told(a) == told(b)


def test_policies_go_with_the_table(tmp_path: Path) -> None:
    """A table is enabled as the others have it; other options are refused, and can be changed on all replicas also while it is absent."""
    a = make(tmp_path / "a.db", INVOICE, "invoice", rows="delete-wins", granularity="row", types={"votes": "counter"})
    b = make(tmp_path / "b.db", OLD, "task")
    write(a, "INSERT INTO invoice (nr) VALUES ('n')")
    exchange(a, b)
    a.set_rows("invoice", "add-wins")
    write(a, "INSERT INTO invoice (nr) VALUES ('m')")
    with pytest.raises(SchemaMismatchError):
        sync(a, b)
    b.set_rows("invoice", "add-wins")
    sync(a, b)
    b.connection.execute(INVOICE)
    with pytest.raises(UsageError, match="enable it without options"):
        b.enable("invoice", rows="grow-only")
    b.enable("invoice")
    table = b.registry.table("invoice")
    assert (table.rows, table.granularity, [field.type for field in table.typed_fields]) == (
        "add-wins",
        "row",
        ["counter"],
    )
    assert told(a)[0] == told(b)[0]


def test_what_does_not_fit_is_said(tmp_path: Path) -> None:
    """A table of another key, or whose columns can't have their types, is not enabled, and its rows stay kept."""
    a, b, _ = chain(tmp_path)
    write(a, "INSERT INTO invoice (nr, votes) VALUES ('n', 3)")
    exchange(a, b)
    b.connection.execute("CREATE TABLE invoice (id INTEGER PRIMARY KEY, nr TEXT)")
    with pytest.raises(CannotEnableError, match="primary key"):
        b.enable("invoice")
    b.connection.execute("DROP TABLE invoice; CREATE TABLE invoice (nr TEXT PRIMARY KEY, votes TEXT)")
    with pytest.raises(Exception, match="counter needs"):
        b.enable("invoice")
    b.connection.execute(f"DROP TABLE invoice; {INVOICE}")
    b.enable("invoice")
    assert read(b, "SELECT nr, votes FROM invoice") == [("n", 3)]


def test_a_table_that_is_here_but_not_replicated_is_refused(tmp_path: Path) -> None:
    """Rows are not kept beside an ordinary table of the same name: its owner must say what is meant."""
    a, _, _ = chain(tmp_path)
    b = make(tmp_path / "mine.db", f"{OLD}; {INVOICE}", "task")
    write(a, "INSERT INTO invoice (nr) VALUES ('n')")
    with pytest.raises(SchemaMismatchError, match="crdtsql enable"):
        sync(a, b)


def test_a_table_whose_history_was_forgotten_is_refused(tmp_path: Path) -> None:
    """A replica that disabled a table does not take it for one that it never had: some of its events are lost here."""
    a, b, c = chain(tmp_path)
    write(a, "INSERT INTO invoice (nr) VALUES ('n')")
    exchange(a, b, c)
    c.disable("invoice")
    c.connection.execute("DROP TABLE invoice")
    write(a, "INSERT INTO invoice (nr) VALUES ('m')")
    with pytest.raises(SchemaMismatchError, match="forgot its history"):
        c.merge(a.export(c.vector()))
    b.disable("invoice")
    assert not read(b, "SELECT 1 FROM sqlite_schema WHERE name GLOB '_crdt_*_invoice'")


def test_verbs_on_an_absent_table(tmp_path: Path) -> None:
    """Looking at what is kept works; what would write to the table says that it is not there."""
    a, b, _ = chain(tmp_path)
    write(a, "INSERT INTO invoice VALUES ('n', 1, 2, 'x')")
    write(a, "INSERT INTO invoice VALUES ('gone', 1, 2, 'x'); DELETE FROM invoice WHERE nr = 'gone'")
    exchange(a, b)
    assert [cell.value for cell in b.blame("invoice", "n")] == [1.0, 2, "x"]
    assert {table.name for table in b.status().tables} == {"task", "invoice"}
    for call in (lambda: b.undelete("invoice", "gone"), lambda: b.set_type("invoice", "note", "set")):
        with pytest.raises(Exception, match="not in"):
            call()
    b.clone(tmp_path / "clone.db").close()
    b.repair()
    b.fold()


def test_thousands_of_unknown_tables_are_refused(tmp_path: Path) -> None:
    """More tables than anybody lacks are not kept, and nothing is changed."""
    a, b, _ = chain(tmp_path)
    write(a, "INSERT INTO invoice (nr) VALUES ('n')")
    data = a.export(b.vector())

    def called(number: int) -> bytes:
        def renamed(header: dict[str, Any]) -> None:
            header["tables"][0] = copy.deepcopy(header["tables"][0]) | {"name": f"t{number}"}

        return with_header(data, renamed)

    for number in range(absent.MAXIMUM_TABLES):
        with b._writing():
            header = absent.TableHeader(f"t{number}", ("id",), (), None)
            absent.admit(b.registry, header, 0, [])
    before = b.vector()
    with pytest.raises(SchemaMismatchError, match="400 such tables"):
        b.merge(called(999))
    assert b.vector() == before
