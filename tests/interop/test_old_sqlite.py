"""The triggers on SQLite 3.35, the oldest version that they promise to work on: sql.js 1.5.0 carries it as WebAssembly.

The package comes from npm, into a folder beside this file that git ignores.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path

import apsw
import pytest

from crdtsql import Replica
from tests.capture import matrix
from tests.support.judge import Judge, Statement
from tests.support.peers import fast_directory, replica

HERE = Path(__file__).parent
PACKAGE = "sql.js@1.5.0"
NO_STRICT = [shape for shape in matrix.SHAPES.values() if "STRICT" not in shape.suffix]
"""STRICT came with SQLite 3.37; an older version can't read a file that has such a table."""
SINGLE = (
    "update", "rekey and update", "replace by several", "upsert update", "1 to 1.0", "other case", "delete", "respell key",
    "replace by default", "update or replace by generated", "insert or replace rowid", "update or replace oid",
)  # fmt: skip


@pytest.fixture(scope="module")
def node() -> str:
    """Find node, and install sql.js if it is not there yet."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node and npm are needed to run SQLite 3.35 (sql.js), and are not installed")
    if not (HERE / "node_modules" / "sql.js").is_dir():
        command = [
            npm,
            "install",
            "--prefix",
            str(HERE),
            "--no-save",
            "--no-package-lock",
            "--no-audit",
            "--no-fund",
            PACKAGE,
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=300)
    return node


@cache
def _program(node: str) -> subprocess.Popen[str]:
    """Start SQLite 3.35, which takes longer than most statements do; it ends with this process, which closes its input."""
    command = [node, str(HERE / "sqljs.cjs")]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def run(node: str, jobs: dict[Path, list[str]]) -> dict[Path, list[str | None]]:
    """Run statements with SQLite 3.35 on files that nobody has open; return their errors."""
    program = _program(node)
    assert program.stdin is not None
    assert program.stdout is not None
    program.stdin.write(json.dumps({str(file): statements for file, statements in jobs.items()}) + "\n")
    program.stdin.flush()
    answer = json.loads(program.stdout.readline())
    assert answer["version"].startswith("3.35."), answer["version"]
    return {Path(file): errors for file, errors in answer["errors"].items()}


def _is_allowed(error: str | None) -> bool:
    return error is None or "constraint failed" in error


def _run_and_judge(node: str, shape: matrix.Shape, jobs: dict[Path, tuple[str, list[Statement]]]) -> None:
    """Run statements on a fresh replica in each file, and judge the state before and after all of them."""
    judges = {}
    for file in jobs:
        replica = matrix.replica_of(shape, str(file))
        judges[file] = Judge(replica)
        replica.close()
    given = {file: [pragmas, *(statement.sql for statement in chosen)] for file, (pragmas, chosen) in jobs.items()}
    for file, errors in run(node, given).items():
        chosen = jobs[file][1]
        wrong = [(sql, error) for sql, error in zip(given[file], errors, strict=True) if not _is_allowed(error)]
        assert not wrong
        with Replica.open(file) as replica:
            judge = judges[file]
            judge.replica = replica
            assert replica.site == judge.site.hex()
            several = Statement("all", "", reinserts=True, mixes=True)
            judge.look(chosen[0] if len(chosen) == 1 else several)
            judge.check()


@pytest.mark.parametrize("shape", NO_STRICT, ids=lambda shape: shape.name)
def test_triggers_work_on_sqlite_3_35(shape: matrix.Shape, node: str) -> None:
    """Whatever statements SQLite 3.35 runs, the clocks agree with the tables afterwards."""
    with fast_directory() as directory:
        jobs = {}
        for number in range(2):
            pragmas = f"PRAGMA recursive_triggers = {number}; PRAGMA foreign_keys = {number}"
            jobs[directory / f"{number}.db"] = (pragmas, matrix.statements(shape)[number::2])
        _run_and_judge(node, shape, jobs)


def test_single_statements_on_sqlite_3_35(node: str) -> None:
    """One statement of SQLite 3.35 gives new stamps to exactly the cells that it changed."""
    shape = matrix.SHAPES["nocase"]
    with fast_directory() as directory:
        jobs = {
            directory / f"{number}.db": ("PRAGMA foreign_keys = ON", [statement])
            for number, statement in enumerate(matrix.statements(shape))
            if statement.name in SINGLE
        }
        assert len(jobs) == len(SINGLE)
        _run_and_judge(node, shape, jobs)


def test_a_null_key_is_refused_on_sqlite_3_35(node: str, tmp_path: Path) -> None:
    """SQLite 3.35 gives the same clear message for a row without a key."""
    file = tmp_path / "file.db"
    connection = apsw.Connection(str(file))
    connection.execute("CREATE TABLE t (id TEXT PRIMARY KEY, v)")
    Replica.on(connection).enable("t")
    connection.close()
    ((error,),) = run(node, {file: ["INSERT OR IGNORE INTO t (v) VALUES (1)"]}).values()
    assert error is not None
    assert "the primary key t.id must not be NULL" in error


def test_policies_on_sqlite_3_35(node: str, tmp_path: Path) -> None:
    """SQLite 3.35 refuses with the same clear messages what a grow-only table does not take, and stamps whole rows."""
    file = tmp_path / "file.db"
    connection = apsw.Connection(str(file))
    connection.execute(
        "CREATE TABLE t (id TEXT PRIMARY KEY, u UNIQUE, v); INSERT INTO t VALUES ('x', 1, 1), ('y', 2, 2)"
    )
    Replica.on(connection, now=lambda: 0).enable("t", rows="grow-only", granularity="row")
    connection.close()
    refused = ["DELETE FROM t", "UPDATE t SET id = 'z' WHERE v = 1", "REPLACE INTO t VALUES ('z', 2, 3)"]
    taken = [
        "REPLACE INTO t VALUES ('y', 2, 9)",
        "UPDATE t SET v = 7 WHERE id = 'x'",
        "INSERT OR IGNORE INTO t VALUES ('z', 1, 1)",
    ]
    (errors,) = run(node, {file: [*refused, *taken]}).values()
    assert all("can only be added (grow-only)" in str(error) for error in errors[: len(refused)])
    assert errors[len(refused) :] == [None] * len(taken)
    with Replica.open(file) as replica:
        assert replica.connection.execute("SELECT id, u, v FROM t ORDER BY id").fetchall() == [("x", 1, 7), ("y", 2, 9)]
        assert not any(cell.genesis for cell in replica.blame("t", "x") if cell.column != "id")


def test_typed_columns_on_sqlite_3_35(node: str, tmp_path: Path) -> None:
    """SQLite 3.35 captures typed columns, and refuses with the same clear messages what their types don't take."""
    file = tmp_path / "file.db"
    connection = apsw.Connection(str(file))
    connection.execute(
        "CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER, g INTEGER, s TEXT, e TEXT, m TEXT, x, r);"
        "INSERT INTO t VALUES ('a', 5, 5, '[1]', '[1]', '{}', 5, 'r')"
    )
    types = {"n": "counter", "g": "grow-counter", "s": "set", "e": "grow-set", "m": "map", "x": "max", "r": "register"}
    Replica.on(connection).enable("t", types=types)
    connection.close()
    refused = {
        "UPDATE t SET n = 'x'": "t.n is a counter and must be",
        "UPDATE t SET g = g - 1": "t.g is a grow-counter and can only grow",
        "INSERT OR IGNORE INTO t (id, s) VALUES ('b', '[[1]]')": "t.s is a set and must be",
        "UPDATE t SET e = '[2]'": "t.e is a grow-set and can only grow",
        "UPDATE t SET m = '[]'": "t.m is a map and must be",
    }
    taken = [
        "UPDATE t SET n = n + 1, g = g + 1",
        "UPDATE t SET s = json_insert(s, '$[#]', 'b'), e = json_insert(e, '$[#]', 2.5), m = json_set(m, '$.k', 1)",
        "UPDATE t SET x = 9, r = 's'",
        "UPDATE t SET x = 3",
        "INSERT INTO t (id, n) VALUES ('a', 1) ON CONFLICT DO UPDATE SET n = n + excluded.n",
    ]
    (errors,) = run(node, {file: [*refused, *taken]}).values()
    assert all(message in str(error) for message, error in zip(refused.values(), errors, strict=False))
    assert errors[len(refused) :] == [None] * len(taken)
    with Replica.open(file) as replica:
        replica.fold({})
        found = replica.connection.execute("SELECT * FROM t").fetchall()
    assert found == [("a", 7, 6, '[1,"b"]', "[1,2.5]", '{"k":1}', 9, "s")]


def test_the_conflict_log_is_read_by_sqlite_3_35(node: str, tmp_path: Path) -> None:
    """SQLite 3.35 reads the view crdt_conflicts."""
    file = tmp_path / "1.db"
    a, b = (replica(tmp_path / f"{n}.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, v)", site=n) for n in (1, 2))
    for n, one in enumerate((a, b)):
        one.connection.execute("INSERT INTO t VALUES (1, ?), (2, ?)", (n, n))
    a.merge(b.export())
    a.resolve(1, "ours")
    a.close()
    statements = [
        "CREATE TABLE seen AS SELECT * FROM crdt_conflicts",
        "SELECT resolved, resolved_time FROM crdt_conflicts",
    ]
    ((first, second),) = run(node, {file: statements}).values()
    assert first is second is None
    connection = apsw.Connection(str(file))
    assert connection.execute("SELECT id, took, resolved FROM seen").fetchall() == [(1, "theirs", 1), (2, "theirs", 0)]
    connection.close()
