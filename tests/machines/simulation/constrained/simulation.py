"""The simulation over tables with constraints: what tables show, and which rows are held, beside the model.

Everything else of a history is as in `simulation.py`: files, changesets that are late, doubled or lost, and the clocks.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, permutations
from pathlib import Path
from typing import Any

import apsw

from crdtsql.base.errors import CannotPurgeError, WriteRefusedError
from tests.machines.oracle import model
from tests.machines.oracle.events import Row
from tests.machines.oracle.numbers import Birth, Foretold, translate
from tests.machines.oracle.rules import View
from tests.machines.oracle.shown import Shown
from tests.machines.simulation import accounting, answers, files
from tests.machines.simulation.constrained import situations as constrained_situations
from tests.machines.simulation.constrained.making import agree
from tests.machines.simulation.constrained.tables import (
    FAMILIES,
    FOLLOWING,
    MOVING,
    OTHER,
    OTHERS,
    TABLES,
    UNITING,
    schema,
)
from tests.machines.simulation.constrained.writes import ConstrainedWriter
from tests.machines.simulation.files import Peer
from tests.machines.simulation.simulation import Simulation
from tests.machines.simulation.tables import Shape
from tests.machines.simulation.writes import Habits
from tests.support import state
from tests.support.clauses import CLAUSES
from tests.support.settled import assert_settled


@dataclass
class Constrained(Simulation):
    """One history of tables with constraints."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.rules = {name: TABLES[name].rules for name in self.habits.tables}
        self.views: dict[Path, tuple[int, View]] = {}
        self.labels: dict[Path, dict[Birth | Foretold, int]] = {}

    def choose_habits(self) -> Habits:
        """Choose a family of tables.

        In every fifth history rows are united, in every tenth of the others references are followed, in another tenth rows stand under
        other keys, and of the rest every seventh one has automatic ids: they need many chances to meet.
        """
        numbered, others = _by_numbers()
        unites = self.seed % 5 == 4
        follows, moves = self.seed % 10 == 3, self.seed % 10 == 8
        chosen = self.random.choice(numbered if self.seed % 7 == 6 else others)
        chosen = list(UNITING)[self.seed // 5 % len(UNITING)] if unites else chosen
        chosen = list(FOLLOWING)[self.seed // 10 % len(FOLLOWING)] if follows else chosen
        chosen = list(MOVING)[self.seed // 10 % len(MOVING)] if moves else chosen
        tables = dict(FAMILIES[chosen])
        if len(tables) > 3 and self.random.random() < 0.3:
            tables.pop(list(tables)[-1])
        if self.random.random() < 0.4:
            tables |= OTHER
        return Habits({**tables}, {}, calm=False)

    def schema(self) -> str:
        """Return the tables of one file; what they say of conflicts, and the user's triggers, may be its own."""
        chance = random.Random(f"{self.seed} {self.count} clauses")
        clauses = chance.choice(("", "", *CLAUSES))
        triggers = chance.random() < (0.3 if clauses else 0.05)
        self.occurred["tables with conflict clauses"] += bool(clauses)
        self.occurred["tables with conflict clauses and triggers"] += bool(clauses) and triggers
        return schema(self.habits.tables, clauses, triggers=triggers)

    def open_writer(self, path: Path) -> ConstrainedWriter:
        return ConstrainedWriter(path, self.habits, self.occurred)

    def enabled(self, peer: Peer, table: str) -> None:
        """Say what becomes of rows that lost a UNIQUE value, and what refers to what."""
        agree(peer.replica, table, self.rules[table])

    def actions(self) -> dict[Callable[[], None], float]:
        answering = (answers.resolve, answers.undelete, answers.purge)
        found = {action: n for action, n in super().actions().items() if getattr(action, "func", None) not in answering}
        of_numbers = {self._claim: 16, self._contest: 12} if self.numbered else {}
        of_unions = {self._create_both: 30} if self._uniting() else {}
        return {**found, self._undelete: 2, self._purge: 3, self._send_again: 6, **of_numbers, **of_unions}

    def beginnings(self) -> Sequence[Callable[[Simulation], None]]:
        """Let most files be filled on their own where rows have automatic ids, so that several have a row of one number before they meet."""
        return (*super().beginnings(), files.create, files.create) if self.numbered else super().beginnings()

    def _step(self) -> None:
        """Take a step; whatever it was, what every file shows then follows from what it knows."""
        super()._step()
        for peer in self.peers:
            assert_settled(peer.replica)

    def _send_again(self) -> None:
        """Send what the receiver knows already: everything, or what is new to a vector of long ago, once or twice."""
        sender, receiver = self.random.sample(self.peers, 2)
        parcel = self.export(sender, self.random.choice([{}, {}, *self.vectors[-5:]]))
        known = sum(row in receiver.twin.rows for row in sender.twin.rows)
        for _ in range(self.random.choice((1, 2))):
            self.deliver(parcel, receiver)
            self.occurred["known rows arrived again"] += bool(known)

    def created(self, peer: Peer) -> None:
        """Let the conflict log forget nothing, so that all that was written can be accounted for."""
        peer.replica.limit_conflicts(per_cell=1_000_000, total=1_000_000)

    def write(self, peer: Peer) -> None:
        """Let a program run one statement, and take what it wrote into account."""
        super().write(peer)
        peer.marks |= accounting.written(peer.twin.pending, self.habits.tables)

    def _account(self, peer: Peer, now: Shown) -> None:
        """Check that a replica still has every mark that it had, but for those that somebody who saw them wrote over."""
        tables = self.habits.tables
        held = accounting.held(now.states, tables)
        rows = {_as_seen(row, now): row for row in now.states}
        alone = {(rows[row], mark) for row, mark in accounting.logged(peer.writer.connection, tables)} - held
        lost = peer.marks - held - alone - self.habits.overwritten
        elsewhere = {placed for placed in lost if accounting.lost_elsewhere(self.world, peer.twin.known, *placed)}
        self.occurred["a value that had lost elsewhere was overwritten"] += bool(elsewhere)
        lost -= elsewhere
        assert not lost, f"{peer.path.name} lost {lost}: in no table, not held and not in the conflict log"
        self.occurred["a mark was kept by the conflict log alone"] += bool(alone - self.habits.overwritten)
        peer.marks = held | alone
        severed = "SELECT resolved IS won_t FROM _crdt_conflict WHERE took = 'severed'"
        for (noted,) in peer.writer.connection.execute(severed):
            self.occurred[f"a reference that SQLite severed was {'noted' if noted else 'logged'}"] += 1

    def _claim(self) -> None:
        """Let two files insert a row under one number, and a third one write to one of these before they meet, or after."""
        first, second = sorted(self.random.sample(self.peers, 2), key=lambda peer: peer.skew_ms)
        others = [peer for peer in self.peers if peer is not first and peer is not second]
        table = self.random.choice(first.writer.referred)
        number = self.random.randint(4, 12)  # others are taken soon
        for peer in (first, second):
            self._let(peer, peer.writer.claim, table, number)
            if self.random.random() < 0.7:
                self.check(peer)
        third = self.random.choice(others) if others else first
        if third is first or third.island != second.island:
            return
        self.deliver(self.export(second, third.replica.vector()), third)
        if self.random.random() < 0.7:
            for peer in (second, third):
                self._let(peer, peer.writer.refer, table, number)
        else:
            self._let(second, second.writer.delete, table, number)
            self._let(third, third.writer.update, table, number)
        self.deliver(self.export(third, second.replica.vector()), second)
        if self.random.random() < 0.8 and first.island == second.island:
            self.deliver(self.export(first, second.replica.vector()), second)

    def _contest(self) -> None:
        """Let a file insert a row under a number that others had before they met; who knows both refers to that number, and others get that late."""
        if len(self.peers) < 7 and not self._contestants():
            files.create(self)
        found = self._contestants()
        if not found:
            return
        old, writer, reader, third = self.random.choice(found)
        table, number = old[0], old[1][0].claimed
        self._let(third, third.writer.claim, table, number)
        for sender, receiver in self.random.sample([(writer, reader), (third, writer), (third, reader)], 3):
            if self.random.random() < 0.8:
                self.deliver(self.export(sender, receiver.replica.vector()), receiver)
        self._let(writer, writer.writer.refer, table, number)
        self.deliver(self.export(writer, reader.replica.vector()), reader)
        self.occurred["two files had a row of a number, and a third one inserted it"] += 1

    def _contestants(self) -> list[tuple[Row, Peer, Peer, Peer]]:
        """List rows that two files had before they met, these files, and one that lacks the row, all on one side of the network."""
        found = []
        for old in [(table, (Birth(table, n),)) for table in self.peers[0].writer.referred for n in (1, 2, 3)]:
            geneses = [event for event in self.world.events if event.kind == "genesis" and old in event.writes]
            knows = [{e.number for e in geneses if peer.twin.known >> e.number & 1} for peer in self.peers]
            for trio in permutations(range(len(self.peers)), 3):
                writer, reader, third = (knows[n] for n in trio)
                if reader and writer - reader and not third and len({self.peers[n].island for n in trio}) == 1:
                    found.append((old, *(self.peers[n] for n in trio)))
        return found

    def _uniting(self) -> list[str]:
        """List the tables whose rows are united."""
        return [name for name, rules in self.rules.items() if any(unique.policy == "same" for unique in rules.uniques)]

    def _create_both(self) -> None:
        """Let two or three files create a row of one value each, and rows that refer to it, and write on once they have met."""
        makers = self.random.sample(self.peers, min(len(self.peers), self.random.choice((2, 2, 3))))
        table = self.random.choice(self._uniting())
        unique = self.random.choice([found for found in self.rules[table].uniques if found.policy == "same"])
        values = {column: self.random.choice(makers[0].writer.choices(table, column)) for column in unique.columns}
        keys = self.random.sample(makers[0].writer.shape(table).pool, len(makers))
        for peer, key in zip(makers, keys, strict=True):
            peer.writer.create(self.random, peer.twin, table, key, values)
            self._wrote(peer)
        if len({peer.island for peer in makers}) > 1:
            return
        self._pass_on(makers)
        for _ in range(self.random.choice((1, 2, 3))):
            (peer, other), key = self.random.sample(makers, 2), self.random.choice(keys)
            kind = self.random.choice(("meddle", "meddle", "write", "part"))
            if kind == "write":
                self.write(peer)
                continue
            if kind == "part":
                peer.writer.drop(self.random, peer.twin, table, key)
                other.writer.follow(self.random, other.twin, table, key)
                self._wrote(other)
            else:
                peer.writer.meddle(self.random, peer.twin, table, key)
            self._wrote(peer)
        self._pass_on(makers)

    def _pass_on(self, peers: Sequence[Peer]) -> None:
        """Give each of some files what the one before it has, and the first one what the last one has: everything."""
        for sender, receiver in pairwise((*peers, peers[0])):
            self.deliver(self.export(sender, receiver.replica.vector()), receiver)

    def _wrote(self, peer: Peer) -> None:
        """Take into account what a program wrote."""
        self.written_on.add(peer.island)
        peer.marks |= accounting.written(peer.twin.pending, self.habits.tables)

    def _let(
        self, peer: Peer, write: Callable[[random.Random, model.Replica, str, int], None], table: str, number: int
    ) -> None:
        """Let a program write to a row under a number, and take what it wrote into account."""
        write(self.random, peer.twin, table, number)
        self._wrote(peer)

    def _undelete(self) -> None:
        """Bring a deleted row back; what can't be shown is refused."""
        self._answer(answers.undelete, WriteRefusedError, "an undelete was refused")

    def _purge(self) -> None:
        """Let a deleted row be forgotten; one that is shown, because rows refer to it, is left as it was."""
        self._answer(answers.purge, CannotPurgeError, "a purge was refused for a row that others refer to")

    def _answer(self, answer: Callable[[Simulation], None], refusal: type[Exception], situation: str) -> None:
        """Say what is to become of a deleted row; where that is refused, nothing has changed."""
        if self.numbered:
            return
        for peer in self.peers:
            self.check(peer)
        events = len(self.world.events)
        contents = {peer.path: state.content(peer.replica.connection) for peer in self.peers}
        try:
            answer(self)
        except refusal:
            self.occurred[situation] += 1
            assert events == len(self.world.events)
            assert contents == {peer.path: state.content(peer.replica.connection) for peer in self.peers}

    # -- comparing --------------------------------------------------------------------------------

    @property
    def numbered(self) -> bool:
        """Tell whether rows have automatic ids."""
        return any(rules.numbered for rules in self.rules.values())

    def may_overwrite_unseen(self, clash: model.Clash, known: int) -> bool:
        """Tell whether a write took the key of a row that may be held, or a column that may be masked."""
        rules = self.rules[clash.row[0]]
        maskable = {column for reference in rules.references for column in reference.columns}
        maskable |= {column for unique in rules.uniques if unique.policy != "hold" for column in unique.columns}
        return clash.column in maskable or bool(self.inserted_between(clash, known))

    def check_new_conflicts(self, peer: Peer, expected: set[model.Clash], known: int) -> None:
        if not self.numbered:  # the log keeps the numbers of its time
            super().check_new_conflicts(peer, expected, known)

    def check(self, peer: Peer) -> None:
        """Fold, and compare truths, what is shown and what is held with the model."""
        if self.numbered:
            peer.replica.vector()
            peer.fold(self)
        else:
            super().check(peer)
        known = peer.twin.known
        now = self.world.once(("shown", known), lambda: Shown(self.world, known, self.rules))
        if self.numbered:
            self._compare_truths(peer, now)
        view = self._by_number(now)
        self._compare(peer, view)
        self._account(peer, now)
        constrained_situations.note_followed(self.occurred, now)
        known_before, before = self.views.get(peer.path, (0, View()))
        if self.numbered:
            constrained_situations.note_numbers(self.occurred, self.labels.get(peer.path, {}), now)
            self.labels[peer.path] = now.labels
        else:
            constrained_situations.note_view(
                self.occurred, self.world, peer.twin.known, self.rules, (known_before, before), view
            )
        self.views[peer.path] = peer.twin.known, view

    def _by_number(self, now: Shown) -> View:
        """Name rows as people see them."""

        view = now.view
        return View(
            {_as_seen(row, now): record for row, record in view.shown.items()},
            {_as_seen(row, now): held for row, held in view.held.items()},
            {_as_seen(row, now) for row in view.dangling},
        )

    def _compare_truths(self, peer: Peer, now: Shown) -> None:
        real, expected = state.rows(peer.replica.connection), {}
        self.occurred["checks"] += 1
        for (table, key), row in now.states.items():
            cells = {c: (translate(value, now.labels), stamp) for c, (value, stamp) in row.cells.items()}
            numbered = replace(row, cells=cells)
            name = table, tuple(state.exact_of(translate(part, now.labels)) for part in key)
            assert name not in expected
            expected[name] = self._expected(table, numbered)
        found = difference(real, expected)  # type: ignore[arg-type]
        assert not found, f"{peer.path.name}:\n{found}"

    def _compare(self, peer: Peer, view: View) -> None:
        for table, shape in self.habits.tables.items():
            real = {
                (table, key): exactly({**dict(zip(shape.key, key, strict=True)), **values})
                for key, values in peer.writer.rows(table).items()
            }
            expected = {
                (table, tuple(record[column] for column in shape.key)): exactly(record)
                for row, record in view.shown.items()
                if row[0] == table
            }
            found = difference(real, expected)
            assert not found, f"{peer.path.name} shows otherwise:\n{found}"
        real_held = held(peer.replica.connection, self.habits.tables)
        found = difference(
            {row: (reason, exactly(values)) for row, (reason, values) in real_held.items()},
            {
                row: (reason_among(one.reasons, real_held.get(row)), exactly(one.truth))
                for row, one in view.held.items()
            },
        )
        assert not found, f"{peer.path.name} holds otherwise:\n{found}"
        connection = peer.writer.connection
        wrong = {table for table, *_ in connection.execute("PRAGMA foreign_key_check")}
        assert wrong == {row[0] for row in view.dangling}, f"a row of {wrong} refers to nothing that is shown"
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]

    def _end(self) -> None:
        self.come_to_rest()
        views = [
            ({t: peer.writer.rows(t) for t in self.habits.tables}, held(peer.replica.connection, self.habits.tables))
            for peer in self.peers
        ]
        assert all(view == views[0] for view in views), "replicas at rest show or hold different rows"


def _by_numbers() -> tuple[list[str], list[str]]:
    """Return the families with automatic ids, and the others."""
    numbered = [name for name, tables in FAMILIES.items() if any(table.rules.numbered for table in tables.values())]
    return [name for name in numbered if name in OTHERS], [name for name in OTHERS if name not in numbered]


def _as_seen(row: Row, now: Shown) -> Row:
    """Return a row by the key that people see."""
    return row[0], tuple(translate(part, now.labels) for part in row[1])


def difference(real: dict[Row, Any], expected: dict[Row, Any]) -> str:
    """Name the rows that differ."""
    return "\n".join(
        f"{row}: real  {real.get(row)}\n  model {expected.get(row)}"
        for row in sorted(real.keys() | expected.keys(), key=repr)
        if real.get(row) != expected.get(row)
    )


def exactly(values: Any) -> Any:
    """Make the values of a row comparable."""
    return sorted((column, state.exact_of(value)) for column, value in values.items())


def held(connection: apsw.Connection, tables: Mapping[str, Shape]) -> dict[Row, tuple[str, dict[str, Any]]]:
    """Read the held rows: their reasons and values, as (row -> (reason, column -> value))."""
    found = {}
    for table, shape in tables.items():
        keys = ", ".join(f"held.k{n}" for n in range(1, len(shape.key) + 1))
        values = ", ".join(["", *(f"held.v{n}" for n in range(len(shape.columns)))])
        for reason, *rest in connection.execute(
            f"SELECT held.reason, {keys}{values} FROM _crdt_held_{table} AS held "
            f"JOIN _crdt_clock_{table} AS clock ON clock.held = held.id"
        ):
            key = tuple(rest[: len(shape.key)])
            kind, _, masks = reason.partition(": ")
            if kind == "masked" and masks.startswith("["):
                reason = f"masked: {', '.join(json.loads(masks))}"
            found[table, key] = reason, dict(zip((*shape.key, *shape.columns), rest, strict=True))
    return found


def reason_among(reasons: frozenset[str], real: tuple[str, Any] | None) -> str:
    """Return the reason that the replica gave, if the model has it among its own; SQLite's own words count by their kind."""
    if real is not None:
        kind, _, rest = real[0].partition(": ")
        for reason in sorted(reasons):
            same_words = reason == real[0]
            if same_words or (kind == "check" and reason.startswith(("CHECK ", "NOT NULL ")) and _names(reason, rest)):
                return real[0]
    return " or ".join(sorted(reasons))


def _names(reason: str, words: str) -> bool:
    """Tell whether SQLite's words speak of what the model names."""
    kind, _, what = reason.rpartition(" ")
    return kind in words and what.rpartition(".")[2] in words
