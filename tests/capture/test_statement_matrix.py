"""The statement matrix: every statement that can touch a row, a second one after it, both pragmas, every key shape."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Self

import pytest

from crdtsql import Replica
from tests.capture import matrix
from tests.support.clauses import CLAUSES
from tests.support.judge import Judge, Statement, fold
from tests.support.library import connect, set_pragmas, undone
from tests.support.peers import fast_directory

WHOLE_PRODUCT = bool(os.environ.get("CRDTSQL_MATRIX"))
"""Judge the whole product (minutes); else each statement of each shape once, with pragmas and second statements in turn."""
PRAGMAS = [(recursive, foreign) for recursive in (0, 1) for foreign in (0, 1)]


@cache
def _replica(shape: str, clauses: str) -> tuple[Replica, Judge]:
    """Make one replica per shape and clauses; each case works in a transaction that is rolled back."""
    replica = matrix.replica_of(matrix.SHAPES[shape], clauses=clauses)
    return replica, Judge(replica)


def _judge(shape: str, pragmas: tuple[int, int], *statements: Statement, clauses: str = "") -> None:
    replica, judge = _replica(shape, clauses)
    connection = replica.connection
    set_pragmas(connection, recursive_triggers=pragmas[0], foreign_keys=pragmas[1])
    judge.start(judge.before)
    try:
        with undone(connection):
            for statement in statements:
                judge.run(statement)
                if not connection.in_transaction:  # ROLLBACK undid the statements before as well
                    connection.execute("BEGIN")
                    judge.start(judge.before)
            judge.check()
    except AssertionError as error:
        recursive, foreign = pragmas
        story = "\n".join(f"{statement.sql};" for statement in statements)
        raise AssertionError(
            f"{shape} {clauses}, recursive_triggers={recursive}, foreign_keys={foreign}:\n{story}\n{error}"
        ) from None


@pytest.mark.parametrize("pragmas", PRAGMAS, ids=["", "foreign", "recursive", "both"])
@pytest.mark.parametrize("shape", matrix.SHAPES)
def test_every_statement_and_a_second_one_after_it_are_captured(shape: str, pragmas: tuple[int, int]) -> None:
    """Exactly the rows and cells that statements changed get new stamps, whatever form the statements have."""
    firsts = matrix.statements(matrix.SHAPES[shape])
    seconds = [statement for statement in firsts if statement.name in matrix.SECONDS]
    turn = [*matrix.SHAPES].index(shape)
    for position, first in enumerate(firsts):
        if WHOLE_PRODUCT:
            for second in seconds:
                _judge(shape, pragmas, first, second)
        elif (position + turn) % len(PRAGMAS) == PRAGMAS.index(pragmas):
            _judge(shape, pragmas, first, seconds[(position + 3 * turn) % len(seconds)])


@pytest.mark.parametrize("clauses", CLAUSES)
@pytest.mark.parametrize("shape", matrix.SHAPES)
def test_every_statement_is_captured_whatever_the_constraints_say(shape: str, clauses: str) -> None:
    """Conflict clauses of UNIQUE, PRIMARY KEY and NOT NULL in CREATE TABLE change what statements do, and that is captured."""
    firsts = matrix.statements(matrix.SHAPES[shape], clauses)
    seconds = [statement for statement in firsts if statement.name in matrix.SECONDS]
    turn, part = [*matrix.SHAPES].index(shape), CLAUSES.index(clauses)
    for number, pragmas in enumerate(PRAGMAS):
        for position, first in enumerate(firsts):
            of_pragmas = (position // len(CLAUSES) + turn) % len(PRAGMAS) == number
            if of_pragmas and (WHOLE_PRODUCT or (position + turn) % len(CLAUSES) == part):
                _judge(shape, pragmas, first, seconds[(position + 3 * turn) % len(seconds)], clauses=clauses)


@pytest.mark.parametrize("recursive", [0, 1])
@pytest.mark.parametrize("statement", [
    "INSERT INTO t VALUES ('k1', 'new', 'new')",
    "INSERT INTO t VALUES ('k7', 'u1', 'new')",
    "INSERT INTO t VALUES ('k7', 'new', NULL)",
    "INSERT INTO t VALUES ('k7', 'u2', NULL), ('k8', 'u2', 'e2')",
    "UPDATE t SET u = 'u1' WHERE id = 'k2'",
    "UPDATE t SET d = NULL WHERE id = 'k2'",
    "UPDATE t SET id = 'k1' WHERE id = 'k3'",
    "UPDATE t SET id = 'k1', u = 'u2', d = NULL WHERE id = 'k3'",
])  # fmt: skip
def test_replace_declared_by_the_table_is_captured(statement: str, recursive: int) -> None:
    """A table that declares ON CONFLICT REPLACE evicts rows under a plain INSERT or UPDATE, and that is captured."""
    connection = connect()
    connection.execute(
        "CREATE TABLE t (id TEXT PRIMARY KEY ON CONFLICT REPLACE, u UNIQUE ON CONFLICT REPLACE, "
        "d TEXT NOT NULL ON CONFLICT REPLACE DEFAULT d1 UNIQUE ON CONFLICT REPLACE);"
        "INSERT INTO t VALUES ('k1', 'u1', 'd1'), ('k2', 'u2', 'e2'), ('k3', 'u3', 'e3');"
    )
    replica = Replica.on(connection)
    replica.enable("t", identity="key")
    connection.execute(f"PRAGMA recursive_triggers = {recursive}")
    judge = Judge(replica)
    assert judge.run(Statement("declared", statement, reinserts=True, mixes=" u2" in statement))
    judge.check()


def test_a_row_that_vanishes_while_it_takes_a_key_is_captured() -> None:
    """If replacing a row's parent deletes the row itself by a cascade, both are gone and keep their last values."""
    connection = connect()
    connection.execute(
        "CREATE TABLE t (id TEXT PRIMARY KEY, up TEXT REFERENCES t ON DELETE CASCADE, n);"
        "INSERT INTO t VALUES ('parent', NULL, 1), ('child', 'parent', 2), ('grandchild', 'child', 3);"
    )
    replica = Replica.on(connection)
    replica.enable("t", identity="key")
    connection.execute("PRAGMA foreign_keys = ON")
    judge = Judge(replica)
    assert judge.run(Statement("take", "UPDATE OR REPLACE t SET id = 'parent' WHERE id = 'child'", reinserts=True))
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
    judge.check()


@pytest.mark.parametrize("client", ["shell", "python"])
def test_other_clients_are_captured(client: str) -> None:
    """The sqlite3 shell and Python's sqlite3 module are captured as any other program, without loading anything."""
    shape = matrix.SHAPES["nocase"]
    with fast_directory() as directory, Client(client, directory / "file.db") as program:
        replica = matrix.replica_of(shape, str(directory / "file.db"))
        judge = Judge(replica)
        for position, statement in enumerate(matrix.statements(shape)):
            recursive, foreign = PRAGMAS[position % len(PRAGMAS)]
            replica.connection.execute("DELETE FROM child; DELETE FROM t; DELETE FROM parent;" + matrix.rows_of(shape))
            replica.connection.execute(matrix.row_of(shape, 4))
            fold(replica)
            judge.start()
            program.run(f"PRAGMA recursive_triggers = {recursive}; PRAGMA foreign_keys = {foreign}; {statement.sql};")
            judge.look(statement)
            judge.check()
        replica.close()


class Client:
    """Another program with an SQLite of its own: it runs in its own process, because two libraries spoil each other's locks."""

    def __init__(self, name: str, path: Path) -> None:
        if name == "shell" and shutil.which("sqlite3") is None:
            pytest.skip("the sqlite3 shell is not installed")
        command = ["sqlite3", str(path)] if name == "shell" else [sys.executable, "-c", PYTHON_CLIENT, str(path)]
        self.end = ".print ready" if name == "shell" else "ready"
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def run(self, script: str) -> None:
        """Run statements; an error of theirs is no error here."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(f"{script}\n{self.end}\n")
        self.process.stdin.flush()
        while self.process.stdout.readline().strip() != "ready":
            pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


PYTHON_CLIENT = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
for line in sys.stdin:
    if line != "ready\\n":
        for statement in line.strip().split(";"):
            try:
                connection.execute(statement).fetchall()
            except sqlite3.IntegrityError:
                pass
    else:
        print("ready", flush=True)
"""
