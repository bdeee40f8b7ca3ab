"""A shop whose rows have automatic numbers, and what plain Python says it must look like.

In the oracle a row is an object, and a reference is a reference to an object: it knows no numbers. Events carry what their
writer had seen. A row lives while one of its latest events is a write; of two writes of a cell the later one counts.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from crdtsql import Replica
from crdtsql.base import DERIVED
from tests.support.settled import assert_settled

SCHEMA = """
CREATE TABLE artist (id INTEGER PRIMARY KEY, tag TEXT, name, boss INTEGER REFERENCES artist (id));
CREATE TABLE album (id INTEGER PRIMARY KEY AUTOINCREMENT, tag TEXT, title, artist TEXT REFERENCES artist);
CREATE TABLE credit (
  artist INTEGER NOT NULL REFERENCES artist (id), album INT NOT NULL REFERENCES album, tag TEXT, part,
  PRIMARY KEY (album, artist)
) WITHOUT ROWID;
CREATE TABLE fee (
  id TEXT PRIMARY KEY NOT NULL, tag TEXT, album, artist, amount, FOREIGN KEY (album, artist) REFERENCES credit (album, artist)
);
"""
COLUMNS = {"artist": ("name", "boss"), "album": ("title", "artist"), "credit": ("part",), "fee": ("amount",)}
TARGETS = {("artist", "boss"): "artist", ("album", "artist"): "artist"}
QUERIES = {
    "artist": "SELECT row.tag, row.name, other.tag FROM artist AS row LEFT JOIN artist AS other ON other.id = row.boss",
    "album": "SELECT row.tag, row.title, other.tag FROM album AS row LEFT JOIN artist AS other ON other.id = row.artist",
    "credit": "SELECT credit.tag, credit.part, artist.tag, album.tag FROM credit JOIN artist ON artist.id = credit.artist "
    "JOIN album ON album.id = credit.album",
    "fee": "SELECT fee.tag, fee.amount, artist.tag, album.tag FROM fee JOIN artist ON artist.id = fee.artist "
    "JOIN album ON album.id = fee.album JOIN credit ON credit.album = fee.album AND credit.artist = fee.artist",
}
NUMBERED = ("artist", "album")


@dataclass(eq=False)
class Thing:
    """A row; `lasting` ones are never deleted, so that they can be referred to."""

    table: str
    tag: str
    lasting: bool
    parents: tuple[Thing, ...] = ()


@dataclass(frozen=True, eq=False)
class Event:
    """A write of some cells of a row, or its delete."""

    thing: Thing
    writes: dict[str, Any] | None
    seen: frozenset[Event]


@dataclass
class Shop:
    """One replica and the events that are in it.

    Attributes:
        pending: events since the log was folded; folding stamps them.
    """

    replica: Replica
    events: set[Event] = field(default_factory=set)
    pending: list[Event] = field(default_factory=list)

    def alive(self) -> set[Thing]:
        """Return the rows that live."""
        superseded = {(old, event.thing) for event in self.events for old in event.seen}
        return {
            event.thing for event in self.events if event.writes is not None and (event, event.thing) not in superseded
        }

    def expected(self, order: list[Event]) -> dict[str, list[tuple[Any, ...]]]:
        """Return what the tables must show, with tags in place of numbers."""
        alive = self.alive()
        cells: dict[Thing, dict[str, Any]] = {}
        for event in (*order, *self.pending):
            if event in self.events and event.writes is not None:
                cells.setdefault(event.thing, {}).update(event.writes)
        shown: dict[str, list[tuple[Any, ...]]] = {table: [] for table in COLUMNS}
        for thing in alive:
            values = [cells[thing].get(column) for column in COLUMNS[thing.table]]
            told = [value.tag if isinstance(value, Thing) else value for value in values]
            shown[thing.table].append((thing.tag, *told, *(parent.tag for parent in thing.parents)))
        return {table: sorted(rows, key=str) for table, rows in shown.items()}

    def found(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return what the tables show, with tags in place of numbers."""
        return {
            table: sorted(self.replica.connection.execute(query).fetchall(), key=str)
            for table, query in QUERIES.items()
        }

    def rows(self) -> list[Any]:
        """Return the tables as they are, and the renumbered rows."""
        return [
            self.replica.connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3").fetchall()
            for table in (*COLUMNS, "crdt_renumbered")
        ]


class Trade:
    """Several shops, and programs that write to them offline."""

    def __init__(self, shops: list[Shop], rng: random.Random) -> None:
        self.shops = shops
        self.rng = rng
        self.order: list[Event] = []
        self.count = 0
        self.mail: list[tuple[Shop, bytes, frozenset[Event]]] = []
        self.derived: dict[str, list[int]] = {table: [] for table in NUMBERED}

    def note(self, shop: Shop, thing: Thing, writes: dict[str, Any] | None) -> None:
        """Note an event; it has seen all events of its row that are here."""
        seen = frozenset(event for event in shop.events if event.thing is thing)
        event = Event(thing, writes, seen)
        shop.events.add(event)
        shop.pending.append(event)

    def folded(self, *shops: Shop) -> None:
        """Note that the logs of shops were folded."""
        for shop in shops:
            self.order += shop.pending
            shop.pending = []

    def tag(self, what: str) -> str:
        """Make a tag that no row has."""
        self.count += 1
        return f"{what}{self.count}"

    def number(self, shop: Shop, thing: Thing) -> int:
        """Return the number that a row has in a shop."""
        (found,) = shop.replica.connection.execute(
            f"SELECT id FROM {thing.table} WHERE tag = ?", (thing.tag,)
        ).fetchall()[0]
        return int(found)

    def things(self, shop: Shop, table: str) -> list[Thing]:
        """List the live rows of a table."""
        return sorted((thing for thing in shop.alive() if thing.table == table), key=lambda thing: thing.tag)

    def lasting(self, shop: Shop, table: str) -> Thing | None:
        """Choose a row that can be referred to."""
        found = [thing for thing in self.things(shop, table) if thing.lasting]
        return self.rng.choice(found) if found else None

    def values(self, shop: Shop, table: str) -> dict[str, Any]:
        """Make new values for a row."""
        self.count += 1
        found: dict[str, Any] = {COLUMNS[table][0]: self.count}
        for column in COLUMNS[table][1:]:
            found[column] = self.lasting(shop, TARGETS[table, column]) if self.rng.random() < 0.7 else None
        return found

    def stored(self, shop: Shop, writes: dict[str, Any]) -> list[Any]:
        """Return values as a program in this shop writes them: with the numbers that it sees."""
        return [self.number(shop, value) if isinstance(value, Thing) else value for value in writes.values()]

    def insert(self, shop: Shop) -> None:
        """Insert a row, under a number that is often used elsewhere too, or that a row got or may get which lost another one."""
        table = self.rng.choice(NUMBERED)
        numbers = [None, *range(1, 5)]
        if self.derived[table]:
            numbers += [self.rng.choice(self.derived[table]) + further for further in (0, 0, 1)]
        self.put(shop, table, self.rng.choice(numbers))

    def restore(self, shop: Shop) -> None:
        """Delete rows that have derived numbers, as far as nobody refers to them, and insert rows under these again, and next to them."""
        table = self.rng.choice(NUMBERED)
        if not self.derived[table]:
            return
        first = self.rng.choice(self.derived[table])
        numbers = range(first, first + self.rng.choice((1, 2, 3)))
        things = {self.number(shop, thing): thing for thing in self.things(shop, table) if not thing.lasting}
        for number in numbers:
            if number in things:
                shop.replica.connection.execute(f"DELETE FROM {table} WHERE id = ?", (number,))
                self.note(shop, things[number], None)
        if self.rng.random() < 0.3:
            shop.replica.fold()
            self.folded(shop)
        for number in self.rng.choice((numbers, numbers, self.rng.sample(numbers, len(numbers)))):
            self.put(shop, table, number)

    def remember(self, shop: Shop) -> None:
        """Remember the numbers of rows that lost others."""
        for table, known in self.derived.items():
            found = shop.replica.connection.execute(f"SELECT id FROM {table} WHERE id >= ? ORDER BY id", (DERIVED,))
            known += [number for (number,) in found if number not in known]

    def put(self, shop: Shop, table: str, number: int | None) -> None:
        """Insert a row under a number; REPLACE one that is there."""
        connection = shop.replica.connection
        if number is None and table == "artist":
            ((number,),) = connection.execute("SELECT ifnull(max(id), 0) + 1 FROM artist").fetchall()
        writes = self.values(shop, table)
        there = connection.execute(f"SELECT tag FROM {table} WHERE id = ?", (number,)).fetchall()
        if there:
            thing = next(thing for thing in self.things(shop, table) if thing.tag == there[0][0])
        else:
            thing = Thing(table, self.tag(table[:2]), self.rng.random() < 0.5)
        marks = ", ".join("?" * len(writes))
        connection.execute(
            f"INSERT OR REPLACE INTO {table} (id, tag, {', '.join(writes)}) VALUES (?, ?, {marks})",
            (number, thing.tag, *self.stored(shop, writes)),
        )
        self.note(shop, thing, writes)
        if table == "artist" and not there and thing.lasting and self.rng.random() < 0.2:
            connection.execute("UPDATE artist SET boss = id WHERE tag = ?", (thing.tag,))
            self.note(shop, thing, {"boss": thing})

    def update(self, shop: Shop) -> None:
        """Update one column of a row."""
        table = self.rng.choice(tuple(COLUMNS))
        things = self.things(shop, table)
        if things:
            thing = self.rng.choice(things)
            column, value = self.rng.choice(list(self.values(shop, table).items()))
            (stored,) = self.stored(shop, {column: value})
            wanted = f"UPDATE {table} SET {column} = ?1 WHERE tag = ?2 AND ifnull(CAST({column} AS TEXT), 0) IS NOT ifnull(CAST(?1 AS TEXT), 0) RETURNING 1"
            if shop.replica.connection.execute(wanted, (stored, thing.tag)).fetchall():
                self.note(shop, thing, {column: value})

    def delete(self, shop: Shop) -> None:
        """Delete a row that nobody refers to."""
        things = [thing for table in COLUMNS for thing in self.things(shop, table) if not thing.lasting]
        if things:
            thing = self.rng.choice(things)
            shop.replica.connection.execute(f"DELETE FROM {thing.table} WHERE tag = ?", (thing.tag,))
            self.note(shop, thing, None)

    def link(self, shop: Shop) -> None:
        """Insert a row whose key is made of references, or one that refers to such a row."""
        artist, album = self.lasting(shop, "artist"), self.lasting(shop, "album")
        if artist is None or album is None:
            return
        known = {thing.parents: thing for one in self.shops for thing in self.things(one, "credit")}
        thing = known.get((artist, album)) or Thing("credit", f"{artist.tag}{album.tag}", True, (artist, album))
        self.count += 1
        connection = shop.replica.connection
        numbers = (self.number(shop, artist), self.number(shop, album))
        connection.execute(
            "INSERT OR REPLACE INTO credit (artist, album, tag, part) VALUES (?, ?, ?, ?)",
            (*numbers, thing.tag, self.count),
        )
        self.note(shop, thing, {"part": self.count})
        if self.rng.random() < 0.5:
            fee = Thing("fee", self.tag("fee"), False, (artist, album))
            self.count += 1
            connection.execute(
                "INSERT INTO fee (id, tag, artist, album, amount) VALUES (?, ?, ?, ?, ?)",
                (fee.tag, fee.tag, *numbers, self.count),
            )
            self.note(shop, fee, {"amount": self.count})

    def send(self, sender: Shop, receiver: Shop) -> None:
        """Merge what the receiver lacks, now or later."""
        self.folded(receiver, sender)
        data = sender.replica.export(receiver.replica.vector())
        if self.rng.random() < 0.2:
            self.mail.append((receiver, data, frozenset(sender.events)))
        else:
            receiver.replica.merge(data)
            receiver.events |= sender.events

    def deliver(self) -> None:
        """Merge a changeset that was on its way for a while."""
        if self.mail:
            receiver, data, events = self.mail.pop(self.rng.randrange(len(self.mail)))
            self.folded(receiver)
            receiver.replica.merge(data)
            receiver.events |= events

    def step(self) -> Shop:
        """Let something happen somewhere; return the shop where it did."""
        shop = self.rng.choice(self.shops)
        what = self.rng.choices(
            [self.insert, self.restore, self.update, self.delete, self.link, None, self.deliver], [5, 2, 3, 3, 3, 4, 1]
        )[0]
        if what is None:
            other = self.rng.choice([one for one in self.shops if one is not shop])
            self.send(other, shop)
        elif what == self.deliver:
            self.deliver()
        else:
            what(shop)
        if self.rng.random() < 0.7:
            shop.replica.fold()
            self.folded(shop)
        self.remember(shop)
        for one in self.shops:
            assert_settled(one.replica)
        return shop

    def come_to_rest(self) -> None:
        """Exchange everything, in any order."""
        for shop in self.shops:
            shop.replica.fold()
            self.folded(shop)
        while self.mail:
            self.deliver()
        for _ in range(2):
            pairs = [(one, other) for one in self.shops for other in self.shops if one is not other]
            self.rng.shuffle(pairs)
            for sender, receiver in pairs:
                receiver.replica.merge(sender.replica.export(receiver.replica.vector()))
                receiver.events |= sender.events
