"""Acting: who writes, and in which run, as any SQLite client says it; it travels, and is shown where somebody asks who wrote."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import apsw
import pytest

from crdtsql import Replica, errors, sync
from crdtsql.store import Actor, acting
from crdtsql.wire.envelope import ACTED, PREFIX, unpack
from tests.support import forge, peers
from tests.support.peers import read, write

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title, n INTEGER)"
SAY = "INSERT INTO crdt_actor (actor, session, run, note) VALUES ('{}', 's1', '{}', 'because')"
END = "DELETE FROM crdt_actor"


@pytest.fixture
def pair(tmp_path: Path) -> list[Replica]:
    """Give two replicas that have met."""
    found = [*peers.two(tmp_path, SCHEMA, now=peers.Clock(step=1))]
    sync(*found)
    return found


def inserted(*keys: str) -> str:
    """Write the statement that inserts rows."""
    return "INSERT INTO task VALUES " + ", ".join(f"('{key}', 'x', 1)" for key in keys)


def who(replica: Replica, key: str) -> str | None:
    """Return who wrote a row's title."""
    by = replica.blame("task", key)[0].by
    return None if by is None else str(by)


def attributions(replica: Replica) -> list[Any]:
    """Return all that is known of who wrote what."""
    return sorted(read(replica, "SELECT site, since_hlc, upto_hlc, actor, session, run, note FROM crdt_attributions"))


def test_what_is_written_between_insert_and_delete_is_the_actors(pair: list[Replica]) -> None:
    """Writes before the INSERT and after the DELETE are nobody's; another INSERT, or an UPDATE, says who goes on."""
    a, b = pair
    write(
        a,
        inserted("t0"),
        SAY.format("ann", "r1"),
        inserted("t1", "t2"),
        "UPDATE crdt_actor SET run = 'r2'",
        inserted("t3"),
        SAY.format("ben", "r3"),
        inserted("t4"),
        END,
        inserted("t5"),
    )
    sync(a, b)
    told = {
        "t0": None,
        "t1": "ann (run r1)",
        "t2": "ann (run r1)",
        "t3": "ann (run r2)",
        "t4": "ben (run r3)",
        "t5": None,
    }
    assert {key: who(b, key) for key in told} == told == {key: who(a, key) for key in told}
    assert attributions(a) == attributions(b) and len(attributions(a)) == 3
    assert a.blame("task", "t1")[0].by == Actor("ann", "s1", "r1", "because")
    assert read(a, "SELECT * FROM crdt_actor") == read(a, "SELECT * FROM _crdt_acting") == []


def test_it_goes_on_until_somebody_ends_it(pair: list[Replica]) -> None:
    """The actor is a state of the file: it outlives connections and folds, and what it wrote in several folds is one range."""
    a, b = pair
    write(a, SAY.format("ann", "r1"))
    for key in ("t1", "t2", "t3"):
        write(a, inserted(key))
        sync(a, b)
    assert len(attributions(a)) == 1 and attributions(a) == attributions(b)
    assert a.acting() == Actor("ann", "s1", "r1", "because") and b.acting() is None
    write(b, inserted("u1"))
    sync(a, b)
    write(a, END, inserted("t4"))
    assert a.acting() is None
    assert [who(a, key) for key in ("t3", "u1", "t4")] == ["ann (run r1)", None, None]


def test_a_transaction_that_is_undone_says_nothing(pair: list[Replica]) -> None:
    """ROLLBACK takes back who writes with what was written."""
    connection = apsw.Connection(str(pair[0].path))
    connection.execute("BEGIN; " + SAY.format("ann", "r1") + "; " + inserted("t1") + "; ROLLBACK; " + inserted("t2"))
    assert who(pair[0], "t2") is None and attributions(pair[0]) == []


def test_marks_without_writes_leave_nothing(pair: list[Replica]) -> None:
    """Who says a thousand times that it writes, and writes nothing, leaves no row, no event and no changeset."""
    a, _ = pair
    before = a.vector()
    connection = apsw.Connection(str(a.path))
    for number in range(1_000):
        connection.execute(SAY.format("ann", number))
        connection.execute(END)
    for number in range(10):
        connection.execute(SAY.format("ann", number))
    assert read(a, "SELECT count(*) FROM _crdt_acting") == [(1,)]
    connection.execute(END)
    assert read(a, "SELECT count(*) FROM _crdt_acting") == [(0,)]
    assert a.vector() == before and attributions(a) == []


def test_who_says_nothing_pays_nothing(pair: list[Replica]) -> None:
    """A changeset has neither flag, nor key, nor table for it unless somebody said who writes."""
    a, b = pair
    write(a, inserted("t1"))
    data = a.export(b.vector())
    assert not PREFIX.unpack_from(data)[2] & ACTED and "acted" not in forge.parts(data)[0]
    b.merge(data)
    write(a, SAY.format("ann", "r1"), inserted("t2"), END)
    assert PREFIX.unpack_from(a.export(b.vector()))[2] & ACTED and unpack(a.export(b.vector())).header.acted == 1
    sync(a, b)
    write(a, inserted("t3"))
    assert not PREFIX.unpack_from(a.export(b.vector()))[2] & ACTED


@pytest.mark.parametrize(
    "values",
    [
        "NULL, NULL, NULL",
        "'', NULL, NULL",
        f"'{'a' * 201}', NULL, NULL",
        f"'a', '{'s' * 201}', NULL",
        f"'a', NULL, '{'r' * 201}'",
    ],
)
def test_names_have_bounds(values: str, pair: list[Replica]) -> None:
    """A client that gives no name, or one that is too long, is told so, and nothing changes."""
    connection = apsw.Connection(str(pair[0].path))
    with pytest.raises(apsw.ConstraintError, match="crdt_actor takes an actor of 1 to 200 characters"):
        connection.execute(f"INSERT INTO crdt_actor (actor, session, run) VALUES ({values})")
    assert pair[0].acting() is None


def test_what_is_no_text_becomes_text(pair: list[Replica]) -> None:
    """Numbers count as their digits; bytes that are no UTF-8, and what was written past the triggers, are made good by fold."""
    a, b = pair
    write(a, "INSERT INTO crdt_actor (actor, run) VALUES (CAST(x'61ff' AS TEXT), 42)", inserted("t1"))
    write(a, f"UPDATE _crdt_acting SET note = '{'n' * 9_000}', session = x'00'", inserted("t2"))
    sync(a, b)
    assert b.blame("task", "t1")[0].by == Actor("a\ufffd", None, "42", None)
    assert b.blame("task", "t2")[0].by == Actor("a\ufffd", None, "42", "n" * 2_000)


def test_it_is_shown_where_somebody_asks(pair: list[Replica]) -> None:
    """`conflicts`, `log`, `held` and the views say who wrote both values, and in which run."""
    a, b = pair
    write(a, inserted("t1", "t2"))
    sync(a, b)
    write(a, SAY.format("ann", "r1"), "UPDATE task SET title = 'of ann'", END)
    write(
        b,
        SAY.format("ben", "r2"),
        "UPDATE task SET title = 'of ben' WHERE id = 't1'",
        "DELETE FROM task WHERE id = 't2'",
        END,
    )
    sync(a, b)
    (found,) = a.conflicts()
    assert {str(found.won_by), str(found.lost_by)} == {"ann (run r1)", "ben (run r2)"}
    assert found.to_json()["won_by"]["run"] in ("r1", "r2")
    for view in ("crdt_conflicts", "crdt_unseen_overwrites"):
        assert sorted(read(a, f"SELECT won_actor, lost_actor FROM {view}")[0]) == ["ann", "ben"]
        assert sorted(read(a, f"SELECT won_run, lost_run FROM {view}")[0]) == ["r1", "r2"]
    assert str(a.log()[0].by) == "ben (run r2)" and a.log()[0].to_json()["by"]["actor"] == "ben"
    write(b, SAY.format("ben", "r3"), "DELETE FROM task WHERE id = 't1'")
    sync(a, b)
    assert [str(row.by) for row in a.held(deleted=True)] == ["ben (run r3)"]


def test_log_of_a_run(pair: list[Replica]) -> None:
    """`log` with a run lists the rows that show what was written in it, on the replica that wrote it and on others."""
    a, b = pair
    write(a, inserted("t0"), SAY.format("ann", "r1"), inserted("t1"), END, inserted("t2"))
    sync(a, b)
    write(
        b,
        SAY.format("ben", "r1"),
        "UPDATE task SET n = 7 WHERE id = 't0'",
        END,
        "UPDATE task SET n = 8 WHERE id = 't2'",
    )
    sync(a, b)
    for replica in pair:
        found = {(one.key, one.did, str(one.by)) for one in replica.log(run="r1")}
        assert found == {(("t1",), "inserted", "ann (run r1)"), (("t0",), "updated", "ben (run r1)")}
        assert replica.log(run="r9") == []


def test_it_merges_in_any_order_and_again(tmp_path: Path) -> None:
    """What comes twice, later than what follows, or by way of another replica is the same in the end."""
    replicas = peers.three(tmp_path, SCHEMA, now=peers.Clock(step=1))
    a, b, c = replicas
    peers.exchange(*replicas)
    start = a.vector()
    write(a, SAY.format("ann", "r1"), inserted("t1"))
    first = a.export(start)
    write(a, inserted("t2"))
    both = a.export(start)
    for data in (both, first, both):
        b.merge(data)
    c.merge(first)
    peers.send(b, c)
    assert attributions(a) == attributions(b) == attributions(c) and len(attributions(a)) == 1


def test_a_copy_goes_on_as_nobody(tmp_path: Path) -> None:
    """What waits in the log of a copied file keeps its actor; what is written to the copy is nobody's, and the file goes on."""
    path, copy = tmp_path / "a.db", tmp_path / "copy.db"
    peers.replica(path, SCHEMA).close()
    write(path, SAY.format("ann", "r1"), inserted("t1"))
    shutil.copy(path, copy)
    with Replica.open(path) as one:
        one.fold()
        write(copy, inserted("t2"))
        with Replica.open(copy) as other:
            other.fold()
            assert other.acting() is None and one.acting() is not None
            write(path, inserted("t3"))
            sync(one, other)
            for replica in (one, other):
                assert [who(replica, key) for key in ("t1", "t2", "t3")] == ["ann (run r1)", None, "ann (run r1)"]
            assert attributions(one) == attributions(other)


def test_whose_log_was_folded_elsewhere_goes_on(tmp_path: Path) -> None:
    """A file of which a copy was opened first keeps its actor."""
    path, copy = tmp_path / "a.db", tmp_path / "copy.db"
    peers.replica(path, SCHEMA).close()
    write(path, SAY.format("ann", "r1"), inserted("t1"))
    shutil.copy(path, copy)
    with Replica.open(copy) as other:
        other.fold()
        write(path, inserted("t2"))
        with Replica.open(path) as one:
            sync(one, other)
            for replica in (one, other):
                assert [who(replica, key) for key in ("t1", "t2")] == ["ann (run r1)", "ann (run r1)"]


def test_a_clone_knows_it(pair: list[Replica], tmp_path: Path) -> None:
    """A clone knows who wrote what, and is nobody."""
    write(pair[0], SAY.format("ann", "r1"), inserted("t1"))
    with pair[0].clone(tmp_path / "clone.db") as clone:
        assert (
            attributions(clone) == attributions(pair[0])
            and clone.acting() is None
            and who(clone, "t1") == "ann (run r1)"
        )


def test_blocks_within_and_beside_each_other(pair: list[Replica]) -> None:
    """After an inner block writes are the outer one's again; a block that ends leaves alone what somebody else has said since."""
    one, _ = pair
    with one.acting_as("outer", run="r"):
        with one.acting_as("inner"):
            assert str(one.acting()) == "inner"
            with pytest.raises(ZeroDivisionError), one.acting_as("third"):
                raise ZeroDivisionError
            assert str(one.acting()) == "inner"
        assert str(one.acting()) == "outer (run r)"
    assert one.acting() is None
    with Replica.open(one.path) as other:
        first, second = one.acting_as("first"), other.acting_as("second")
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert str(one.acting()) == "second"
        second.__exit__(None, None, None)
        assert one.acting() is None


def test_acting_as(pair: list[Replica]) -> None:
    """The block's writes are the actor's, also where it fails; a name that can't be said is refused before it begins."""
    a, _ = pair
    with pytest.raises(ZeroDivisionError), a.acting_as("ann", session="s", run="r", note="n"):
        a.connection.execute(inserted("t1"))
        raise ZeroDivisionError
    a.connection.execute(inserted("t2"))
    assert a.blame("task", "t1")[0].by == Actor("ann", "s", "r", "n") and who(a, "t2") is None
    for name in ("", "a" * 201, "\0", "\ud800", 7):
        with pytest.raises(errors.UsageError, match="can't be said as actor in crdt_actor"), a.acting_as(name):
            pass


# -- strangers ----------------------------------------------------------------------------------------


def forged(data: bytes, *statements: str) -> bytes:
    """Return an image that says otherwise who wrote, whatever its constraints are."""

    def change(image: bytes) -> bytes:
        connection = apsw.Connection(":memory:")
        connection.deserialize("main", image)
        connection.execute("PRAGMA ignore_check_constraints = ON")
        for statement in statements:
            connection.execute(statement)
        return connection.serialize("main")

    return forge.flagged(forge.with_image(forge.as_image(data), change), ACTED)


@pytest.mark.parametrize(
    ("statement", "match"),
    [
        ("UPDATE acted SET upto = upto + 65536 * 60000", "vector|constraint|CHECK"),
        ("UPDATE acted SET since = upto + 1", "CHECK constraint failed"),
        ("DELETE FROM acted", "not as many attributions"),
        ("UPDATE acted SET actor = printf('%.*c', 201, 'x')", "CHECK constraint failed"),
        ("UPDATE acted SET actor = ''", "CHECK constraint failed"),
        ("UPDATE acted SET run = 'a' || char(0) || 'b'", "CHECK constraint failed"),
        ("UPDATE acted SET note = printf('%.*c', 2001, 'x')", "CHECK constraint failed"),
        ("UPDATE acted SET actor = CAST(x'ff' AS TEXT)", "no text"),
        ("UPDATE acted SET site = 2", "vector"),
        ("UPDATE acted SET site = 2, since = 1", "vector"),
    ],
)
def test_what_is_not_sound_is_refused(statement: str, match: str, pair: list[Replica], tmp_path: Path) -> None:
    """Names without bounds, ranges that end before they begin, or after what the sender has, or that are not counted, are refused."""
    write(pair[1], inserted("t0"))
    sync(*pair)
    write(pair[0], SAY.format("ann", "r1"), inserted("t1"), END, inserted("t2"))
    data = pair[0].export()
    with peers.replica(tmp_path / "3.db", SCHEMA, site=3, now=peers.Clock(step=1)) as third:
        with pytest.raises(errors.InvalidChangesetError, match=match):
            third.merge(forged(data, statement))
        assert attributions(third) == []
        third.merge(forged(data))
        assert attributions(third) == attributions(pair[0])


def test_nobody_else_says_who_wrote_here(pair: list[Replica]) -> None:
    """Of its own events a replica believes itself alone."""
    a, b = pair
    write(a, inserted("t1"))
    sync(a, b)
    ordinal = read(b, f"SELECT ordinal FROM _crdt_site WHERE lower(hex(id)) = '{a.site}'")[0][0]
    upto = b.vector()[a.site]
    b.connection.execute(f"INSERT INTO _crdt_attribution VALUES ({ordinal}, 1, {upto}, 'mallory', NULL, NULL, NULL)")
    write(b, inserted("t2"))
    a.merge(b.export())
    assert who(a, "t2") is None and attributions(a) == [] and who(a, "t1") is None


def test_a_limited_site_speaks_for_itself(tmp_path: Path) -> None:
    """What a site that may write little says of the events of others is not taken."""
    a, b, c = peers.three(tmp_path, SCHEMA, now=peers.Clock(step=1))
    peers.exchange(a, b, c)
    write(b, inserted("t1"))
    peers.exchange(a, b, c)
    a.allow(c.site, tables=["task"])
    write(c, SAY.format("cyd", "r1"), inserted("t2"), END)
    ordinal = read(c, f"SELECT ordinal FROM _crdt_site WHERE lower(hex(id)) = '{b.site}'")[0][0]
    upto = c.vector()[b.site]
    c.connection.execute(f"INSERT INTO _crdt_attribution VALUES ({ordinal}, 1, {upto}, 'mallory', NULL, NULL, NULL)")
    data = c.export(a.vector())
    number = next(site.ordinal for site in unpack(data).header.sites if site.id.hex() == b.site)
    a.merge(forged(data, f"UPDATE acted SET site = {number}, since = 1, upto = 1"))
    assert attributions(a) == []
    write(c, SAY.format("cyd", "r1"), inserted("t3"), END)
    sync(c, a)
    assert [row[3] for row in attributions(a)] == ["cyd"] and who(a, "t1") is None


# -- forgetting ---------------------------------------------------------------------------------------


def test_a_compaction_forgets_what_nobody_can_ask_for(tmp_path: Path) -> None:
    """An attribution goes once all members have its events and no stamp is in it; while one is, in a row or a conflict, it stays."""
    clock = peers.Clock(step=1)
    a, b = peers.two(tmp_path, SCHEMA, now=clock)
    sync(a, b)
    write(a, SAY.format("ann", "r1"), inserted("t1"), END)
    write(b, SAY.format("ben", "r2"), "INSERT INTO task VALUES ('t1', 'y', 2)", END)
    sync(a, b)
    assert len(a.conflicts()) > 0
    for _ in range(4):
        for one in (a, b):
            one.compact(keep_ms=0)
        sync(a, b)
    assert {row[3] for row in attributions(a)} == {"ann", "ben"}
    for one in (a, b):
        one.limit_conflicts(total=0)
    write(a, "UPDATE task SET title = 'z', n = 3")
    for _ in range(4):
        sync(a, b)
        for one in (a, b):
            one.compact(keep_ms=0)
    assert attributions(a) == attributions(b) == []


def test_a_downgrade_says_what_it_drops(pair: list[Replica]) -> None:
    """A file of an earlier format has no attributions; whoever writes it so is told how many there were."""
    write(pair[0], SAY.format("ann", "r1"), inserted("t1"), END)
    pair[0].fold()
    pair[0].downgrade(9)
    assert "1 attributions were dropped" in pair[0].notices[-1]
    pair[0].close()
    with Replica.open(pair[0].path) as again:
        assert attributions(again) == [] and who(again, "t1") is None and not again.doctor().broken


def test_marks_do_not_outlive_the_entries_that_they_stand_behind(pair: list[Replica]) -> None:
    """Where entries of the log are removed, later ones that get their numbers are not taken for theirs."""
    connection = pair[0].connection
    connection.execute(inserted("t1") + "; " + SAY.format("ann", "r1") + "; " + inserted("t2", "t3") + "; " + END)
    connection.execute("DELETE FROM _crdt_log WHERE seq > 1")
    acting.draw_back(connection)
    connection.execute(inserted("t4", "t5", "t6"))
    assert [who(pair[0], key) for key in ("t4", "t5", "t6")] == [None, None, None]
