"""`doctor` names the columns that another type would merge better, with the command, and says nothing where it can't know."""

from __future__ import annotations

import shlex
from pathlib import Path

import apsw
import pytest
from click.testing import CliRunner

from crdtsql import Replica
from crdtsql.ui.cli import cli
from tests.support.library import connect
from tests.support.peers import Clock, in_memory, send, two, write


def named(replica: Replica) -> dict[str, tuple[str, str, str]]:
    """Return what is said of types: table.column -> (type that is named, level, command)."""
    found = {}
    for table in replica.doctor().tables:
        for finding in table.findings:
            if finding.about == "type":
                column = next(
                    (name for name in columns(replica, table.name) if finding.text.startswith(f"{name} ")), ""
                )
                kind = finding.text.partition("column is a ")[2].split(";")[0].split(",")[0].split()[0]
                found[f"{table.name}.{column}"] = (kind, finding.level, str(finding.fix))
    return found


def columns(replica: Replica, table: str) -> list[str]:
    return [str(row[0]) for row in replica.connection.execute("SELECT name FROM pragma_table_info(?)", (table,))]


def types(script: str) -> dict[str, str]:
    """Return the types that are named for the columns of a schema with some rows."""
    connection = connect()
    connection.execute(script)
    return {column: kind for column, (kind, _, _) in named(Replica.on(connection)).items()}


@pytest.mark.parametrize(
    ("column", "values", "kind"),
    [
        ("updated_at", "", "max"),
        ("updated_at TEXT", "'2026-11-26T10:00:00Z', '2026-11-27T10:00:00Z'", "max"),
        ("updatedAt INTEGER", "1764150000, 1764150001123", "max"),
        ("last_seen REAL", "1764150000.5", "max"),
        ("lastModified INTEGER", "", "max"),
        ("dateModified TIMESTAMP", "'2026-11-26 10:00:00'", "max"),
        ("changed DATETIME", "", "max"),
        ("tags TEXT", """'["a","b"]', '[]'""", "set"),
        ("labels JSON DEFAULT '[]'", "", "set"),
        ("members TEXT DEFAULT ('[]')", "'[]'", "set"),
        ("votes INTEGER", "1, 0, 7", "counter"),
        ("play_count INTEGER NOT NULL", "", "counter"),
        ("downloadCount INT", "12", "counter"),
    ],
)
def test_what_is_named(column: str, values: str, kind: str) -> None:
    """Times of the latest change, arrays of different texts and counts are named with the type that merges them."""
    rows = ", ".join(f"('t{n}', {value})" for n, value in enumerate(values.split(", ")) if value)
    script = f"CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, {column})" + (
        f"; INSERT INTO t VALUES {rows}" if rows else ""
    )
    assert types(script) == {f"t.{column.split()[0]}": kind}


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("created_at TEXT", "'2026-11-26'"), ("last_name TEXT", "'Ada'"), ("last_name TEXT", ""), ("updated INTEGER", "1"),
        ("updated BOOLEAN", ""), ("modified_by TEXT", ""), ("change TEXT", "'x'"), ("read_at TEXT", ""), ("mtime INTEGER", ""),
        ("updated_at TEXT", "'26.11.2026'"), ("updated_at TEXT", "'2026-11-26', '2026-11-26T10:00'"),
        ("updated_at TEXT", "'2026-11-26T10:00+01:00'"), ("updated_at INTEGER", "1, 2"), ("updated_at TEXT", "'now'"),
        ("tags TEXT", "'a,b'"), ("tags TEXT", "'[1,2]'"), ("tags TEXT", """'["a","a"]'"""), ("tags TEXT", "'[[]]'"),
        ("tags TEXT", """'["a"]', 'x'"""), ("tags TEXT", "'[]'"), ("tags TEXT", ""), ("steps TEXT", """'["a","b"]'"""),
        ("tags TEXT", "x'5b22615d'"), ("tags TEXT", "CAST(x'ff' AS TEXT)"), ("tags TEXT", "'[' || char(0)"),
        ("word_count INTEGER", "100"), ("count INTEGER", "3"), ("account INTEGER", ""), ("votes TEXT", "'many'"),
        ("votes REAL", "1.5"), ("votes INTEGER", "-1"), ("play_count TEXT", ""), ("n INTEGER", "1, 2, 3"), ("discount INTEGER", ""),
        # what a type can't be
        ("votes INTEGER UNIQUE", "1"), ("updated_at TEXT UNIQUE", ""), ("votes INTEGER REFERENCES t (id)", ""),
        ("votes INTEGER AS (7)", ""), ("tags TEXT UNIQUE", ""),
    ],
)  # fmt: skip
def test_what_is_not_named(column: str, values: str) -> None:
    """What only looks alike, what has other values, and what can't have the type, is not named."""
    rows = ", ".join(f"('t{n}', {value})" for n, value in enumerate(values.split(", ")) if value)
    fill = f"; INSERT INTO t VALUES {rows}" if rows and " AS (" not in column else ""
    assert types(f"CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, {column}){fill}") == {}


def test_keys_and_what_indexes_depend_on_are_not_named() -> None:
    """Key columns, and columns in the expressions and conditions of UNIQUE indexes, are not named."""
    assert types("CREATE TABLE t (id TEXT, updated_at TEXT, votes INTEGER, PRIMARY KEY (id, updated_at, votes))") == {}
    index = "CREATE UNIQUE INDEX i ON t (lower(updated_at)) WHERE votes > 1"
    assert types(f"CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, updated_at TEXT, votes INTEGER); {index}") == {}


def test_what_a_trigger_counts_is_named_once() -> None:
    """A column that a trigger counts in is named with its trigger, not once more."""
    counts = "CREATE TRIGGER c AFTER INSERT ON u BEGIN UPDATE t SET votes = votes + 1 WHERE id = NEW.t; END"
    script = (
        "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, votes INTEGER); CREATE TABLE u (id TEXT PRIMARY KEY NOT NULL, t)"
    )
    assert types(f"{script}; {counts}") == {}


def test_large_values_are_not_read() -> None:
    """Values that are long don't count, and don't hinder."""
    script = "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, votes INTEGER, photo); INSERT INTO t VALUES ('a', 1, zeroblob(50000000))"
    assert types(script) == {"t.votes": "counter"}


def test_each_command_can_be_pasted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command that is printed gives the column its type, before and after the table is enabled; then nothing is named any more."""
    monkeypatch.chdir(tmp_path)
    table = "(id TEXT PRIMARY KEY NOT NULL, updated_at, tags TEXT DEFAULT '[]', \"my votes\" INTEGER)"
    connection = apsw.Connection("it's.db")
    connection.execute(f'CREATE TABLE "a table" {table}; CREATE TABLE enabled {table}')
    connection.close()
    with Replica.open("it's.db") as replica:
        replica.enable("enabled")
        found = named(replica)
    assert len(found) == 6
    commands = dict.fromkeys(command for _, _, command in found.values())
    assert len(commands) == 4, "those of a table that is not enabled yet are one command"
    for command in commands:
        done = CliRunner().invoke(cli, shlex.split(command)[1:])
        assert done.exit_code == 0, (command, done.output)
    with Replica.open("it's.db") as replica:
        assert named(replica) == {}


def clashed(column: str, *sides: tuple[object, object]) -> Replica:
    """Give a replica in which the value of a column of one row collided, once for each pair of values that two replicas wrote."""

    def make(folder: Path) -> list[Replica]:
        a, b = two(folder, f"CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, {column})", now=Clock(step=1000))
        write(a, "INSERT INTO t (id) VALUES ('t1')")
        send(a, b)
        return [a, b]

    a, b = in_memory(("columns", column), make, Clock(step=1000))
    name = column.split()[0]
    for ours, theirs in sides:
        write(a, f"UPDATE t SET {name} = ?", values=[ours])
        write(b, f"UPDATE t SET {name} = ?", values=[theirs])
        send(b, a)
        send(a, b)
    return a


def test_conflicts_make_it_a_warning() -> None:
    """What was lost already is said with its number, as something to watch."""
    assert named(clashed("tags TEXT", ('["a"]', '["b"]'))) == {
        "t.tags": ("set", "watch", "crdtsql type :memory: t.tags set")
    }


def test_counts_are_seen_in_conflicts() -> None:
    """Numbers that only went up, or only down, through several conflicts of a cell were counted; others were not."""
    up = [(1, 2), (3, 4), (5, 6), (7, 9)]
    assert named(clashed("n INTEGER", *up))["t.n"][:2] == ("counter", "watch")
    assert named(clashed("n INTEGER", *[(-one, -other) for one, other in up]))["t.n"][:2] == ("counter", "watch")
    assert named(clashed("n INTEGER", *up[:3])) == {}
    assert named(clashed("n INTEGER", *up, (2, 3))) == {}
    assert named(clashed("n INTEGER", *[(10**9 + one, 10**9 + other) for one, other in up])) == {}
    assert named(clashed("position INTEGER", *up)) == {}
    assert named(clashed("n", *up)) == {}, "a counter needs a column of whole numbers"
