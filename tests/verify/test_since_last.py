"""Comparing no more than what was written since both were last found equal."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from crdtsql import Replica, sync
from crdtsql.base import query
from crdtsql.base.errors import UsageError
from crdtsql.store import Registry, Table, catalogue
from crdtsql.transports import Request, Response
from crdtsql.transports.observing import looks
from crdtsql.ui.cli import cli
from tests.support import peers
from tests.support.peers import write
from tests.verify.comparing import SCHEMA, Wire, damage, told


@pytest.fixture
def met(met: list[Replica]) -> list[Replica]:
    """Give three replicas in memory that have the same changes; the first two were found equal."""
    assert met[0].verify(met[1]).since is None
    return met


OLD, NEW = "UPDATE task SET title = 'bad' WHERE id = 't2'", "UPDATE task SET title = 'bad' WHERE id = 't1'"
FOUND = [("task", ("t2",), "values", ("title",))]


def test_what_was_written_since_is_compared(met: list[Replica]) -> None:
    """Only what was written since is looked at, with two questions, and when all rows were last read is said."""
    one, other, _ = met
    first = one.verify(other, since_last=True)
    assert (first.equal, first.questions) == (True, 2) and first.since is not None
    write(one, "UPDATE task SET votes = votes + 1, title = 'new' WHERE id = 't1'", "DELETE FROM note WHERE id = 1")
    assert one.verify(other, since_last=True).missing_there == 1
    sync(one, other)
    again = one.verify(other, since_last=True)
    assert (again.equal, again.questions, again.since) == (True, 2, first.since)


def test_damage_to_what_was_written_since_is_found(met: list[Replica]) -> None:
    """If what was written since differs, all rows are read, and each that differs is told."""
    one, other, _ = met
    write(one, "UPDATE task SET n = 5 WHERE id = 't1'")
    sync(one, other)
    damage(other, f"{NEW}; {OLD}")
    report = one.verify(other, since_last=True)
    assert {row.key for row in report.rows} == {("t1",), ("t2",)} and report.since is None


def test_all_rows_are_read_unless_somebody_asks_for_less(met: list[Replica]) -> None:
    """Damage to a row that nobody wrote since goes unseen with `since_last` alone, and is found without it, each time until it is mended."""
    one, other, _ = met
    damage(other, OLD)
    assert one.verify(other, since_last=True).equal
    assert told(one.verify(other)) == FOUND
    assert told(one.verify(other, since_last=True)) == FOUND
    assert one.verify(other, since_last=True, repair=True, take="ours").equal
    assert one.verify(other, since_last=True).since is not None


def forget(one: Replica, other: Replica) -> None:
    looks.forget(one, other.path)


def spoil(one: Replica, other: Replica) -> None:
    found = looks.read(one, other.path)
    assert found is not None
    looks.keep(one, other.path, looks.Look({"batch": "x"}, found[0].there, found[0].columns), 0)


def go_back(one: Replica, other: Replica) -> None:
    found = looks.read(one, other.path)
    assert found is not None
    later = {**found[0].there, "batch": found[0].there["batch"] + 1000}
    looks.keep(one, other.path, looks.Look(found[0].here, later, found[0].columns), 0)


def add_column(*both: Replica) -> None:
    for replica in both:
        replica.alter("ALTER TABLE task ADD COLUMN more")


def change_type(*both: Replica) -> None:
    for replica in both:
        replica.set_type("task", "n", "max")


def rebuild(_: Replica, other: Replica) -> None:
    other.connection.execute("CREATE INDEX by_title ON task (title)")


def enable_anew(*both: Replica) -> None:
    for replica in both:
        replica.disable("pair")
        replica.enable("pair", identity="key")
    sync(*both)


def become(_: Replica, other: Replica) -> None:
    other.registry.become(bytes(range(16)))


@pytest.mark.parametrize(
    "done",
    [forget, spoil, go_back, add_column, change_type, rebuild, enable_anew, become],
    ids=lambda one: one.__name__,
)
def test_what_does_not_count_any_more_is_left(met: list[Replica], done: Callable[..., None]) -> None:
    """All rows are read where the last look is lost, or of another state of a file, of its schema, its types or its tables."""
    one, other, _ = met
    done(one, other)
    damage(other, OLD)
    assert told(one.verify(other, sync=True, since_last=True)) == FOUND


def test_what_is_read_as_a_whole_is_said_to_be(met: list[Replica]) -> None:
    """Where neither side knows what was written since, all rows are compared, and that is what the report says."""
    for replica in met[:2]:
        replica.connection.execute("CREATE INDEX by_title ON task (title)")
    report = met[0].verify(met[1], since_last=True)
    assert report.equal and report.since is None


def test_a_look_is_of_one_pair(met: list[Replica]) -> None:
    """That two were found equal says nothing of a third one, whatever its address."""
    one, other, third = met
    damage(third, OLD)
    found = looks.read(one, other.path)
    assert found is not None
    looks.keep(one, third.path, found[0], found[1])
    assert told(one.verify(third, since_last=True)) == FOUND


@pytest.mark.parametrize("kind", ["mark", "since"])
def test_an_earlier_version_reads_all_rows(met: list[Replica], kind: str) -> None:
    """A peer that knows no marks answers for all rows, and so does this side: nothing is said to be equal by halves."""
    one, other, _ = met

    class Earlier(Wire):
        def exchange(self, request: Request) -> Response:
            question = request.question and {what: asked for what, asked in request.question.items() if what != "since"}
            return super().exchange(Request(request.site, request.vector, pull=request.pull, question=question))

        def changed(self, _request: Request, found: Response) -> Response:
            content = found.answer and {what: said for what, said in found.answer.items() if what != kind}
            return Response(found.site, found.vector, found.lanes, answer=content)

    earlier = Earlier(other)
    assert one.verify(earlier).equal
    damage(other, OLD)
    assert told(one.verify(earlier, since_last=True)) == FOUND


def test_a_batch_of_many_rows_counts_as_written_since(met: list[Replica], monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of a batch that is not in the index, because it changed a large part of a table, are compared like others."""
    one, other, _ = met

    def all_at_once(registry: Registry, table: Table, batch: int, _rows: int) -> None:
        registry.connection.execute("UPDATE _crdt_table SET bulk = ? WHERE id = ?", (batch, table.id))
        catalogue.changed(registry.connection)

    monkeypatch.setattr(Registry, "seq_of", all_at_once)
    write(one, "UPDATE task SET n = 5 WHERE id = 't1'")
    sync(one, other)
    assert query.exists(one.connection, "_crdt_clock_task", "seq IS NULL")
    damage(one, NEW)
    damage(other, NEW.replace("bad", "worse"))
    assert told(one.verify(other, since_last=True)) == [("task", ("t1",), "values", ("title",))]


@pytest.mark.parametrize("seed", range(12))
def test_it_agrees_with_reading_all_rows(met: list[Replica], seed: int) -> None:
    """After random writes and syncs both ways of comparing say the same, of equal replicas and of damage to a row just written."""
    chance = random.Random(seed)
    one, other, third = met
    for step in range(4):
        for _ in range(5):
            row = chance.randrange(6)
            write(
                chance.choice((one, other, third)),
                chance.choice(
                    (
                        f"INSERT OR REPLACE INTO task VALUES ('t{row}', {chance.random()}, 1, 1)",
                        f"UPDATE task SET votes = votes + 1, n = {row} WHERE id = 't{row}'",
                        f"DELETE FROM task WHERE id = 't{row}'",
                        f"INSERT OR IGNORE INTO tag VALUES ('{row}', 'name {row % 3}')",
                        f"INSERT OR IGNORE INTO note VALUES ({row}, {chance.random()})",
                        f"DELETE FROM tag WHERE id = '{row}'",
                    )
                ),
            )
            if chance.random() < 0.4:
                sync(*chance.sample(met, 2))
        for pair in ((one, third), (third, other), (one, other)):
            sync(*pair)
        assert one.verify(other, since_last=True).equal and one.verify(other).equal
        write(chance.choice((one, other)), f"INSERT OR REPLACE INTO task VALUES ('last', {step}, 1, 1)")
        sync(one, other)
        if step == 3:
            damage(other, "UPDATE task SET n = 'broken' WHERE id = 'last'")
            assert told(one.verify(other, since_last=True)) == [("task", ("last",), "values", ("n",))]


def test_a_store_is_read_as_a_whole(met: list[Replica], tmp_path: Path) -> None:
    """A replica that is rebuilt from a store has no past: less than all can't be asked of it."""
    with pytest.raises(UsageError, match="is a store.*leave out --since-last"):
        met[0].verify(f"dir:{tmp_path}", since_last=True)


def test_the_command_says_since_when(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`verify --since-last` says when all rows were last read, for people and as JSON, and nothing of it when it reads them."""
    monkeypatch.chdir(tmp_path)
    with peers.replica(tmp_path / "app.db", SCHEMA, site=1) as app:
        write(app, "INSERT INTO task VALUES ('t1', 'one', 1, 1)")
        app.clone(tmp_path / "b.db").close()

    def call(*words: str) -> str:
        done = CliRunner().invoke(cli, ["verify", "app.db", "b.db", *words])
        assert done.exit_code == 0, done.output
        return done.output

    assert call("--since-last") == "4 tables compared: equal\n"
    since = json.loads(call("--since-last", "--json"))["since"]
    assert call("--since-last") == f"4 tables compared: equal, in what was written since all rows were read: {since}\n"
    assert json.loads(call("--json"))["since"] is None
