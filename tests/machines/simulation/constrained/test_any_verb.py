"""Whatever verbs come in between, what tables show follows from what is known: policies, indexes, tables that are enabled anew.

CRDTSQL_VERBS=200 runs more of them. No model follows: settling from scratch and the other replicas are the judges.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import apsw
import pytest

from crdtsql import Replica
from crdtsql.base import CannotAlterError, CannotPurgeError, ColumnTypeError, MissingChangesError, UsageError
from tests.machines.oracle import model
from tests.machines.simulation.constrained import tables as constrained_tables
from tests.machines.simulation.constrained.making import agree
from tests.machines.simulation.constrained.simulation import held
from tests.machines.simulation.constrained.test_constrained import _Untold
from tests.machines.simulation.constrained.writes import ConstrainedWriter
from tests.machines.simulation.writes import Habits
from tests.support import seeds
from tests.support.peers import START_MS, come_to_rest, fast_directory
from tests.support.settled import assert_settled

PLAYS = seeds.chosen(1, "CRDTSQL_VERBS")
STEPS = 24


class Play:
    """A few replicas of one family of tables, and what was done to them."""

    def __init__(self, directory: Path, family: str, seed: int) -> None:
        self.random = Random(f"{family} {seed}")
        self.habits = Habits({**constrained_tables.FAMILIES[family], **constrained_tables.OTHER}, {}, calm=False)
        self.now = START_MS
        self.story: list[str] = []
        path = directory / "0.db"
        connection = apsw.Connection(str(path))
        connection.execute(constrained_tables.schema(self.habits.tables))
        connection.close()
        first = Replica.open(path, now=lambda: self.now, make_site=lambda: self.random.randbytes(16))
        for table, shape in self.habits.tables.items():
            first.enable(table, **shape.options)
            agree(first, table, constrained_tables.TABLES[table].rules)
        self.replicas = [first, first.clone(directory / "1.db"), first.clone(directory / "2.db")]
        self.writers: list[ConstrainedWriter] = [
            _Untold(Path(str(one.path)), self.habits, Counter()) for one in self.replicas
        ]
        self.vectors = [{}, *(one.vector() for one in self.replicas)]

    def close(self) -> None:
        for one in (*self.replicas, *self.writers):
            one.close()

    def step(self) -> None:
        """Do one thing; afterwards what every file shows follows from what it knows."""
        self.now += self.random.choice((0, 1, 40, 2000))
        verbs = (self.set_rows, self.set_unique, self.refer, self.index, self.enable_anew)
        act = self.random.choices((self.write, self.send, self.purge, *verbs), (12, 8, 3, 1, 2, 2, 1, 1))[0]
        if act in verbs:
            come_to_rest(self.replicas)
        self.story.append(f"{act.__name__} {act()}")
        for one in self.replicas:
            assert_settled(one)

    def write(self) -> str:
        number = self.random.randrange(3)
        self.writers[number].write(self.random, model.Replica(model.World(), b""))
        if self.random.random() < 0.7:
            self.replicas[number].vector()
        return str(number)

    def send(self) -> str:
        """Send what is new, or everything, or what is new to a vector of long ago; once or twice."""
        sender, receiver = self.random.sample(self.replicas, 2)
        self.vectors.append(receiver.vector())
        data = sender.export(self.random.choice((self.vectors[-1], self.vectors[-1], {}, *self.vectors[-6:])))
        for _ in range(self.random.choice((1, 1, 2))):
            with suppress(MissingChangesError):
                receiver.merge(data)
        return f"{self.replicas.index(sender)} {self.replicas.index(receiver)}"

    def purge(self) -> str:
        """Purge a deleted row on one replica, unless rows refer to it."""
        one, table = self.random.choice(self.replicas), self.table()
        gone = [row.key for row in one.held(table, deleted=True) if row.reason in ("deleted", "referenced")]
        if not gone:
            return "none"
        key = self.random.choice(gone)
        with suppress(CannotPurgeError):
            one.purge(table, [key])
        return f"{self.replicas.index(one)} {table} {key}"

    def everywhere(self, verb: Callable[[Replica], object]) -> None:
        for one in self.replicas:
            verb(one)
            assert_settled(one)

    def table(self) -> str:
        return self.random.choice(list(self.habits.tables))

    def set_rows(self) -> str:
        table, policy = self.table(), self.random.choice(("add-wins", "delete-wins"))
        self.everywhere(lambda one: one.set_rows(table, policy))
        return f"{table} {policy}"

    def set_unique(self) -> str:
        table, policy = self.table(), self.random.choice(("hold", "null", "suffix", "same"))
        plain = [one.columns for one in constrained_tables.TABLES[table].rules.uniques if not one.where_columns]
        if not plain:
            return "none"
        columns = self.random.choice(plain)
        self.everywhere(lambda one: one.set_unique(table, columns, policy))
        return f"{table} {columns} {policy}"

    def refer(self) -> str:
        """Declare to crdtsql that a column refers to a key, or take it back; what can't be is refused by all replicas."""
        table, parent = self.table(), self.table()
        column = self.random.choice((*self.habits.tables[table].key, *self.habits.tables[table].columns))
        target = f"{parent}.{','.join(self.habits.tables[parent].key)}"
        drops = self.random.random() < 0.4
        with suppress(UsageError):
            if drops:
                self.everywhere(lambda one: one.drop_reference(f"{table}.{column}"))
            else:
                self.everywhere(lambda one: one.set_reference(f"{table}.{column}", target))
            return f"{table}.{column} {'nowhere' if drops else target}"
        return "none"

    def index(self) -> str:
        """Create a UNIQUE index or drop it; where rows break it already, or it is a counter, all replicas refuse it."""
        table = self.table()
        column = self.random.choice(self.habits.tables[table].columns)
        for statement in (f"CREATE UNIQUE INDEX more_{table} ON {table} ({column})", f"DROP INDEX more_{table}"):
            with suppress(CannotAlterError, ColumnTypeError):
                self.everywhere(lambda one, statement=statement: one.alter(statement))  # type: ignore[misc]
                return statement
        return "none"

    def enable_anew(self) -> str:
        """Disable a table and enable it again, on all replicas; what it shows then was there before."""
        table = self.table()
        options = self.habits.tables[table].options
        for one in self.replicas:
            one.disable(table)
            assert_settled(one)
        for one in self.replicas:
            one.enable(table, **options)
            assert_settled(one)
        come_to_rest(self.replicas)
        return table

    def finish(self) -> None:
        come_to_rest(self.replicas)
        shown = [
            ({table: writer.rows(table) for table in self.habits.tables}, held(one.connection, self.habits.tables))
            for one, writer in zip(self.replicas, self.writers, strict=True)
        ]
        assert shown[0] == shown[1] == shown[2]
        assert not any(one.doctor().broken for one in self.replicas)


@pytest.mark.parametrize("family", constrained_tables.FAMILIES)
def test_what_is_shown_follows_from_what_is_known_whatever_is_done(family: str) -> None:
    """After any verb on any replica nothing waits, settling from scratch gives what is there, and in the end all replicas show the same."""
    for seed in PLAYS:
        with fast_directory() as directory, pytest.MonkeyPatch.context() as patch:
            patch.setenv("CRDTSQL_STATE_DIR", str(directory / "state"))
            play = Play(directory, family, seed)
            try:
                for _ in range(STEPS):
                    play.step()
                play.finish()
            except Exception as error:
                error.add_note(f"{family} {seed}: " + "\n".join(play.story))
                raise
            finally:
                play.close()
