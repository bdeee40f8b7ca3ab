"""What a program writes to a row that is shown otherwise than it is changes the truth in what was written alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from crdtsql import Replica
from tests.shown.test_shown_again import OTHER, assert_alike, rows, some, write
from tests.support.peers import come_to_rest

SCHEMA = (
    "CREATE TABLE p (id TEXT PRIMARY KEY NOT NULL);"
    "CREATE TABLE c (id INTEGER PRIMARY KEY, p TEXT REFERENCES p ON DELETE SET NULL, w INT);" + OTHER
)


def masked(directory: Path, identity: str) -> list[Replica]:
    """Make replicas that show NULL in place of a reference whose row was deleted."""
    replicas = some(directory, SCHEMA, tables=("p", "other"))
    for one in replicas:
        one.enable("c", identity=identity)
    write(replicas[0], "INSERT INTO p VALUES ('p1')")
    come_to_rest(replicas)
    write(replicas[0], "DELETE FROM p")
    write(replicas[1], "INSERT INTO c VALUES (2, 'p1', 0)")
    come_to_rest(replicas)
    assert rows(replicas[0], "c") == rows(replicas[1], "c") == [(2, None, 0)]
    return replicas


@pytest.mark.parametrize("identity", ["row", "key"])
@pytest.mark.parametrize(
    "statements",
    [
        "DELETE FROM c; INSERT INTO c VALUES (2, NULL, 5)",
        "UPDATE c SET w = 3; DELETE FROM c; INSERT INTO c VALUES (2, NULL, 5); UPDATE c SET w = 6",
        "DELETE FROM c; INSERT INTO c VALUES (2, NULL, 5); DELETE FROM c; INSERT INTO c VALUES (2, NULL, 7)",
        "REPLACE INTO c VALUES (2, NULL, 5); DELETE FROM c; INSERT INTO c VALUES (2, NULL, 7)",
        "DELETE FROM c; INSERT INTO c VALUES (2, NULL, 5); DELETE FROM c",
    ],
)
def test_a_masked_row_whose_number_is_used_again_stays_what_it_was(
    statements: str, identity: str, tmp_path: Path
) -> None:
    """A masked row that is deleted keeps what it hides, also if another one is inserted under its number before any command."""
    replicas = masked(tmp_path, identity)
    write(replicas[0], statements)
    assert_alike(replicas)


def test_what_a_masked_row_hides_comes_back_with_it(tmp_path: Path) -> None:
    """Who wrote to a masked row without knowing that its number was used again finds its reference there, once it leads somewhere."""
    replicas = masked(tmp_path, "row")
    write(replicas[0], "DELETE FROM c; INSERT INTO c VALUES (2, NULL, 5)")
    write(replicas[1], "UPDATE c SET w = 1; INSERT INTO p VALUES ('p1')")
    assert_alike(replicas)
    assert {row[1:] for row in rows(replicas[0], "c")} == {(None, 5), ("p1", 1)}
