"""Row policies and granularities that differ between replicas, or change later."""

from __future__ import annotations

import json
import subprocess
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from crdtsql import Replica
from crdtsql.base.errors import InvalidChangesetError, SchemaMismatchError, UsageError
from crdtsql.wire.envelope import unpack
from tests.merge.test_policies import POLICIES, SCHEMA, made, of_one_row
from tests.support.forge import parts, with_header, with_sql
from tests.support.peers import all_equal, come_to_rest, replica, rows, send, write
from tests.support.victim import keep, refused

# -- what both sides must agree on ----------------------------------------------------------------


@pytest.mark.parametrize(("ours", "theirs"), list(permutations(POLICIES, 2)))
def test_replicas_with_other_policies_refuse_each_other(tmp_path: Path, ours: str, theirs: str) -> None:
    """A changeset of a table with another row policy is refused; the command that the message names mends it."""
    first, second = made(tmp_path / "1.db", 1, rows=ours), made(tmp_path / "2.db", 2, rows=theirs)
    write(first, "INSERT INTO t VALUES ('x', 1, 1)")
    write(second, "INSERT INTO t VALUES ('y', 2, 2)")
    data = second.export(first.vector())
    with refused(
        first, f"is {ours} by column here and {theirs} by column in the changeset.*crdtsql rows .*1.db t {theirs}"
    ):
        first.merge(data)
    first.set_rows("t", theirs)
    first.merge(data)
    assert rows(first) == [("x", 1, 1), ("y", 2, 2)]


def test_replicas_with_other_granularities_refuse_each_other(tmp_path: Path) -> None:
    """A changeset of a table with another granularity is refused, even if it has no rows of it; it can be mended too."""
    first, second = made(tmp_path / "1.db", 1, granularity="row"), made(tmp_path / "2.db", 2)
    write(second, "INSERT INTO first VALUES (1)")
    data = second.export()
    with pytest.raises(SchemaMismatchError, match="add-wins by row here and add-wins by column.*--granularity column"):
        first.merge(data)
    first.set_rows("t", "add-wins", granularity="column")
    first.merge(data)
    write(first, "INSERT INTO t VALUES ('x', 1, 1); UPDATE t SET a = 2")
    first.vector()
    stamped = first.connection.execute("SELECT c0_t IS NOT NULL, c1_t IS NOT NULL FROM _crdt_clock_t").fetchall()
    assert stamped == [(1, 0)]


def test_a_policy_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    """Wrong names are refused with the possible ones, and change nothing."""
    one = replica(tmp_path / "1.db", SCHEMA + "; CREATE TABLE u (id INTEGER PRIMARY KEY)", tables=("t",), site=1)
    for call in (
        lambda: one.enable("u", rows="last-wins"),
        lambda: one.set_rows("t", "Add-wins"),
    ):
        with refused(one, "use one of: add-wins, delete-wins, grow-only"):
            call()
    for call in (lambda: one.enable("u", granularity=""), lambda: one.set_rows("t", "add-wins", granularity="cell")):
        with pytest.raises(UsageError, match="use one of: column, row"):
            call()
    assert one.status().not_enabled == ["u"]


def test_the_header_says_what_is_not_usual(tmp_path: Path) -> None:
    """The header of a changeset names a policy and a granularity only where they are not the usual ones."""
    usual = made(tmp_path / "1.db", 1)
    assert not {"row_policy", "granularity"} & {key for table in parts(usual.export())[0]["tables"] for key in table}
    other = made(tmp_path / "2.db", 2, rows="delete-wins", granularity="row")
    header = parts(other.export())[0]
    (table,) = [table for table in header["tables"] if table["name"] == "t"]
    assert (table["row_policy"], table["granularity"]) == ("delete-wins", "row")
    assert unpack(other.export()).header.to_json()["tables"] == header["tables"]
    other.set_rows("t", "grow-only", granularity="column")
    (table,) = [table for table in parts(other.export())[0]["tables"] if table["name"] == "t"]
    assert (table["row_policy"], "granularity" in table) == ("grow-only", False)


WRONG = (
    None,
    True,
    7,
    "",
    "Delete-wins",
    "delete-wins ",
    "remove-wins",
    [],
    ["delete-wins"],
    {},
    "\ud800",
    "x" * 1_000_000,
)


@pytest.mark.parametrize("key", ["row_policy", "granularity"])
@pytest.mark.parametrize("value", WRONG, ids=lambda value: f"{value!r:.20}")
def test_a_policy_of_a_later_version_is_refused(tmp_path: Path, key: str, value: Any) -> None:
    """A changeset with a policy that this version does not know is refused, and the message says what to do."""
    victim, sender = made(tmp_path / "1.db", 1), made(tmp_path / "2.db", 2)
    write(sender, "INSERT INTO t VALUES ('x', 1, 1)")
    data = with_header(sender.export(), lambda header: header["tables"][0].update({key: value}))
    error = keep(victim, data)
    assert isinstance(error, InvalidChangesetError)
    assert "install the version that wrote it" in str(error)
    assert len(str(error)) < 1000


@pytest.mark.parametrize("policy", POLICIES)
def test_heads_that_don_t_fit_the_policy_are_refused(tmp_path: Path, policy: str) -> None:
    """A changeset in which the first head of a row is not of the kind that decides is no sound changeset."""
    replicas = of_one_row(rows="delete-wins" if policy == "delete-wins" else "add-wins")
    write(replicas[0], "DELETE FROM t")
    write(replicas[1], "UPDATE t SET a = 'new'")
    send(replicas[0], replicas[1])
    data = replicas[1].export()
    victim = made(tmp_path / "victim.db", 9, rows=policy)
    data = with_header(data, lambda header: header["tables"][0].update(row_policy=policy))
    turned = with_sql(
        data, "UPDATE row_1 SET gone = iif(gone, NULL, 1) WHERE many; UPDATE head_1 SET gone = iif(gone, NULL, 1)"
    )
    with refused(victim, "the heads of table 't' don't fit its rows"):
        victim.merge(turned)
    victim.merge(data)
    assert bool(rows(victim)) == (policy != "delete-wins")


# -- another policy, later ------------------------------------------------------------------------


def contested(schema: str = SCHEMA, **policies: str) -> list[Replica]:
    """Make three replicas at rest on which row x was deleted and updated concurrently."""
    replicas = of_one_row(schema, **policies)
    write(replicas[0], "DELETE FROM t WHERE id = 'x'")
    write(replicas[1], "UPDATE t SET a = 'new' WHERE id = 'x'")
    come_to_rest(replicas)
    return replicas


def test_rows_go_and_come_back_with_the_policy() -> None:
    """Rows written and deleted concurrently go with delete-wins and come back with add-wins; all replicas are equal again."""
    replicas = contested()
    assert [rows(one) for one in replicas] == [[("x", "new", "old")]] * 3
    before = [one.vector() for one in replicas]
    for one in replicas:
        report = one.set_rows("T", "delete-wins")
        assert (report.table, report.deleted, report.revived) == ("t", 1, 0)
    assert [rows(one) for one in replicas] == [[]] * 3
    assert all_equal(replicas)
    assert replicas[0].set_rows("t", "delete-wins").deleted == 0
    for one in replicas:
        assert one.set_rows("t", "grow-only").revived == 1
    assert [rows(one) for one in replicas] == [[("x", "new", "old")]] * 3
    assert all_equal(replicas)
    assert before == [one.vector() for one in replicas]
    write(replicas[2], "UPDATE t SET b = 'on'")
    come_to_rest(replicas)
    assert [rows(one) for one in replicas] == [[("x", "new", "on")]] * 3


def test_triggers_of_the_user_see_rows_go_and_come_back() -> None:
    """Triggers of the user's own run for rows that a policy lets go or come back, and nothing of it is captured."""
    schema = (
        SCHEMA
        + """; CREATE TABLE plain_seen (what);
      CREATE TRIGGER went AFTER DELETE ON t BEGIN INSERT INTO plain_seen VALUES ('went ' || OLD.id); END;
      CREATE TRIGGER came AFTER INSERT ON t BEGIN INSERT INTO plain_seen VALUES ('came ' || NEW.id); END;"""
    )
    one = contested(schema)[2]
    one.connection.execute("DELETE FROM plain_seen")
    one.set_rows("t", "delete-wins")
    one.set_rows("t", "add-wins")
    assert rows(one, "plain_seen") == [("came x",), ("went x",)]
    assert one.connection.execute("SELECT count(*) FROM _crdt_log").fetchall() == [(0,)]


def test_a_policy_that_meets_constraints() -> None:
    """Rows that can't come back are held; rows that a table which is not replicated refers to stop a change of the policy."""
    schema = "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, a UNIQUE, b); CREATE TABLE plain_child (id INTEGER PRIMARY KEY, t REFERENCES t (id))"
    one = contested(schema, rows="delete-wins")[2]
    write(one, "INSERT INTO t VALUES ('y', 'new', NULL)")
    assert one.set_rows("t", "add-wins").revived == 0
    assert [(row.key, row.reason) for row in one.held()] == [(("x",), "unique")]
    write(one, "UPDATE t SET a = 'else' WHERE id = 'y'")
    assert [row[0] for row in rows(one)] == ["x", "y"]
    one.connection.execute("INSERT INTO plain_child VALUES (5, 'x'), (6, 'nobody')")
    with refused(one, "rows of table 'plain_child', which is not replicated, .* rows 5"):
        one.set_rows("t", "delete-wins")
    one.connection.execute("DELETE FROM plain_child WHERE id = 5")
    assert one.set_rows("t", "delete-wins").deleted == 1


def test_the_commands_know_policies(tmp_path: Path) -> None:
    """`enable`, `rows`, `status` and `inspect` take and show policies; wrong names are refused with the possible ones."""
    from tests.support import command

    app = command.make(tmp_path / "app.db", SCHEMA)
    wrong = command.refused("enable", app, "t", "--rows", "last", code=2)
    assert "'add-wins', 'delete-wins', 'grow-only'" in wrong
    assert "'column', 'row'" in command.refused("enable", app, "t", "--granularity", "cell", code=2)
    command.ok("enable", app, "t", "--rows", "delete-wins", "--granularity", "row")
    assert "delete-wins by row" in command.ok("status", app)
    assert "grow-only now: 0 rows went, 0 came back" in command.ok("rows", app, "t", "grow-only")
    (table,) = json.loads(command.ok("status", app, "--json"))["tables"]
    assert (table["row_policy"], table["granularity"]) == ("grow-only", "row")
    command.execute(app, "INSERT INTO t VALUES ('x', 1, 1)")
    done = subprocess.run(["sqlite3", app, "DELETE FROM t"], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert 'crdtsql: rows of "t" can only be added (grow-only)' in done.stderr
    assert "not replicated" in command.refused("rows", app, "u", "add-wins")
