"""Contenders: find the rows that ask for or have a number, in a replica's file and in an attached image. Only reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from crdtsql.base import (
    DERIVED,
    MOST_ATTEMPTS,
    Birth,
    Contender,
    InvalidChangesetError,
    OldNumbers,
    Sql,
    clock,
    fragment,
    identifier,
    integer,
    query,
    sql,
)
from crdtsql.store import Registry, Table
from crdtsql.wire import TableHeader, image

Sites = Mapping[int, tuple[int, bytes]]


class Contenders:
    """The rows of one table that have to do with some numbers, found one number at a time."""

    def __init__(self, registry: Registry, table: Table, *, folding: bool = False) -> None:
        self.table = table
        self.contenders: dict[tuple[tuple[int, bytes], int], Contender] = {}
        self.geneses: dict[int, set[Birth]] = defaultdict(set)
        self._old_numbers = table.old_numbers
        self._connection = registry.connection
        self._sites: Sites = {ordinal: (ordinal, site) for ordinal, site, _ in registry.sites()}
        self._asked: set[int] = set()
        genesis_t, genesis_s = table.genesis or (None, None)
        self._values = {"genesis_t": genesis_t, "genesis_s": genesis_s, "derived": DERIVED, "most": MOST_ATTEMPTS}
        self._here = sql(
            "numbers/contenders/rows_at",
            table=table.quoted,
            key_column=identifier(table.key[0]),
            clock=table.clock,
            born=table.born,
            is_old=fragment("numbers/contenders/is_old", table_id=integer(table.id)) if folding else Sql("1"),
        )

    def load(self, number: int) -> list[Contender]:
        """Find the rows that ask for or have a number, those that were not found before."""
        if number in self._asked:
            return []
        self._asked.add(number)
        found = [self.add(self._contender(row, self._sites), here=row[0]) for row in self._rows(self._here, number)]
        found += self._others(number)
        return [contender for contender in found if contender is not None]

    def add(self, contender: Contender, *, here: int | None = None, there: int | None = None) -> Contender | None:
        """Add a row, or what else is known of a row that was found before; return it if it is new.

        Raises:
            InvalidChangesetError: the changeset says of a row what is not so.
        """
        known = self.contenders.setdefault(contender.identity, contender)
        if contender.birth.t < 0:
            self.geneses[contender.number].add(contender.birth)
        told = (known.number, known.generation, known.root.age) == (
            contender.number,
            contender.generation,
            contender.root.age,
        )
        if not told or (there is not None and known.there not in (None, there)):
            raise InvalidChangesetError(
                f"not a sound changeset: it says of a row of table {self.table.name!r} that it was born as another one"
            )
        known.here = known.here if here is None else here
        known.there = known.there if there is None else there
        return contender if known is contender else None

    def births(self, row: Contender) -> set[Birth]:
        """Return the births of a row: one, but of the genesis, which several files may have had it from."""
        if row.birth.t > 0:
            return {row.birth}
        told = {_stamp(one.t, one.s, self._sites) for one in self._old_numbers if one.has(row.number)}
        return self.geneses[row.number] | told

    def _others(self, _number: int) -> Iterable[Contender | None]:
        return ()

    def _rows(self, statement: str, number: int) -> list[tuple[Any, ...]]:
        return query.rows(self._connection, statement, self._values | {"number": number})

    @staticmethod
    def _contender(row: tuple[Any, ...], sites: Sites) -> Contender:
        number, born_t, born_s, root_t, root_s, generation, was = row
        birth = _stamp(born_t, born_s, sites)
        root = birth if root_t is None else _stamp(root_t, root_s, sites)
        return Contender(birth, root, generation or 0, number if was is None else was)


def _stamp(t: int, s: int, sites: Sites) -> Birth:
    ordinal, site = sites[s]
    return Birth(t, site, ordinal)


class BothSides(Contenders):
    """The rows of both sides of a merge; says of each whether the sender knows it, and under which number."""

    def __init__(
        self,
        registry: Registry,
        table: Table,
        theirs: TableHeader,
        number: int,
        database: str,
        local: Mapping[int, int],
        vector: Mapping[bytes, int],
    ) -> None:
        super().__init__(registry, table)
        ids = {ordinal: site for ordinal, site, _ in registry.sites()}
        self._their_sites: Sites = {remote: (ordinal, ids[ordinal]) for remote, ordinal in local.items()}
        self._vector = vector
        self.told = [one._replace(s=local[one.s]) for one in theirs.old_numbers]
        self._old_numbers += (*self.told,)
        genesis = None if theirs.genesis is None else (theirs.genesis[0], local[theirs.genesis[1]])
        self.share_genesis = genesis is not None and genesis == table.genesis
        slots = {
            "image": Sql(database),
            "row_table": image.row_table(number),
            "born_table": image.born_table(number),
        }
        self._connection.execute(sql("numbers/contenders/index_incoming", number=integer(number), **slots))
        self._there = sql("numbers/contenders/incoming_at", **slots)

    def add(self, contender: Contender, *, here: int | None = None, there: int | None = None) -> Contender | None:
        """Add a row as the base class does, and note whether the sender knows it."""
        contender.covered = there is not None or self._knows(contender.birth)
        found = super().add(contender, here=here, there=there)
        if there is not None:
            self.contenders[contender.identity].covered = True
        return found

    def _knows(self, birth: Birth) -> bool:
        covered = birth.t & clock.EVENT_MASK <= self._vector.get(birth.site, 0)
        return covered or (self.share_genesis and (birth.t, birth.s) == self.table.genesis)

    @property
    def known_there(self) -> list[Contender]:
        """Return the rows that the sender knows.

        It knows a row of the genesis if it knows one that had it. If no other row that it knows claims the number, that may be the
        sender's own, of which nothing else is kept here: then such a row is what it means by the number in any case.
        """
        known = [row for row in self.contenders.values() if row.covered or any(map(self._knows, self.births(row)))]
        claimed = {row.number for row in known if row.root.t > 0} - {row.number for row in known if row.root.t < 0}
        mine = {row for row in self.contenders.values() if row.birth.t < 0 and row.number not in claimed}
        return [*known, *mine.difference(known)]

    def old_numbers(self) -> Iterator[OldNumbers]:
        """Yield which genesis had which of the numbers that rows born since asked for too, as far as it was found or told."""
        yield from self.told
        asked = {row.number for row in self.contenders.values() if row.root.t > 0}
        for number in asked & self.geneses.keys():
            yield from (OldNumbers(birth.t, birth.s, ((number, number),)) for birth in self.geneses[number])

    def _others(self, number: int) -> Iterable[Contender | None]:
        for row in self._rows(self._there, number):
            yield self.add(self._contender(row, self._their_sites), there=row[0])
