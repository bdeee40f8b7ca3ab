"""Contest: which of several rows with the same value in a UNIQUE index a table shows.

A pure function of the rows, their stamps and what their writers had seen (docs/decisions/0011). The rows are those of
`temp._crdt_candidate`; `find_rivals` names the rows that must be taken out of the table and join them first.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from crdtsql.base import Sql, SqliteValue, caseless, fragment, identifier, joined, policy, query, reasons, sql, verbatim
from crdtsql.shown.holding import Side
from crdtsql.sqlite import UniqueIndex, indexsql, schema
from crdtsql.store import Causality, Registry, Stamp, temporary

Claims = dict[int, tuple[int, bytes, int]]
"""Candidate -> its claim: hlc, site id, local ordinal of the site."""


@dataclass(slots=True)
class Choice:
    """What a contest came to.

    Attributes:
        chosen: the rows that are shown.
        lost: why the others are not.
        masks: what rows show in place of values that they lost, by column.
    """

    chosen: set[int] = field(default_factory=set)
    lost: dict[int, str] = field(default_factory=dict)
    masks: dict[int, dict[str, SqliteValue]] = field(default_factory=dict)


class Contest:
    """The UNIQUE indexes of one table, and who has which of their values."""

    def __init__(self, registry: Registry, side: Side, causality: Causality) -> None:
        self.connection = registry.connection
        self.registry = registry
        self.side = side
        self.causality = causality
        self.indexes = schema.unique_indexes(self.connection, side.table.name)
        self.generated = schema.generated(self.connection, side.shape)

    def find_rivals(self) -> int:
        """Fill `temp._crdt_out` with the shown rows that have a value of a candidate; return how many."""
        with self._claimed():
            for number, index in enumerate(self.indexes):
                terms = _terms(index)
                statement = sql(
                    "shown/contest/find_rivals",
                    keys=self.side.table.keys,
                    key_columns=self.side.table.key_columns,
                    table=self.side.table.quoted,
                    expressions=joined(
                        Sql(f"{term} COLLATE {identifier(collation)}")
                        for term, collation in zip(terms, index.collations, strict=True)
                    ),
                    terms=joined(Sql(f"crdt_claim.x{position}") for position in range(len(terms))),
                    condition=verbatim(f"({index.parts.where})") if index.parts and index.parts.where else Sql("1"),
                )
                self.connection.execute(statement, {"number": number})
        (count,) = query.first(self.connection, "SELECT count(*) FROM temp._crdt_out")
        return int(count)

    def choose(self) -> Choice:
        """Decide which of the candidates that are not refused keep their values."""
        claims = self._claims()
        groups = self._groups()
        holders: dict[tuple[int, int], list[int]] = defaultdict(list)
        for number, found in enumerate(groups):
            for row, group in found.items():
                holders[number, group].append(row)
        yielding = self._yielding(claims, holders)
        firm = sorted((row for row in claims if row not in yielding), key=lambda row: claims[row][:2])
        yielded = sorted(yielding, key=lambda row: claims[row][:2], reverse=True)
        choice = Choice()
        taken: set[tuple[int, int]] = set()
        for row in firm + yielded:
            values = {(number, found[row]) for number, found in enumerate(groups) if row in found}
            blocked = sorted(number for number, group in values if (number, group) in taken)
            masks = self._masks(row, blocked)
            if masks is None:
                choice.lost[row] = reasons.because(reasons.UNIQUE, self._describe(self.indexes[blocked[0]]))
                continue
            choice.chosen.add(row)
            taken |= {value for value in values if value[0] not in blocked}
            if masks:
                choice.masks[row] = masks
        return choice

    def _masks(self, row: int, blocked: list[int]) -> dict[str, SqliteValue] | None:
        """Return what a row shows in place of the values that it lost; None if it must be held."""
        masks: dict[str, SqliteValue] = {}
        columns = {column.name: column for column in self.side.shape.values}
        for number in blocked:
            index = self.indexes[number]
            names = [str(name) for name in index.columns if name in columns]
            chosen = self.side.table.unique.get(self.side.table.uids_of(map(str, index.columns)))
            nullable = [name for name in names if not columns[name].not_null]
            if chosen == policy.NULL and nullable and index.is_plain:
                masks |= dict.fromkeys(nullable)
            elif chosen == policy.SUFFIX and names and index.is_plain and (found := self._suffixed(row, names[-1])):
                masks[names[-1]] = found
            else:
                return None
        return masks

    def _suffixed(self, row: int, column: str) -> str | None:
        """Return a row's text with a suffix made of its key, long enough that no row shows it; None if it has no text there."""
        held = self.side.held_name(column)
        keys = joined(Sql(f"typeof({key}) || hex({key})") for key in self.side.table.key_names)
        value, *key = query.first(
            self.connection,
            f"SELECT {held}, {keys} FROM temp._crdt_candidate WHERE id = ? AND typeof({held}) = 'text'",
            (row,),
        ) or (None,)
        if value is None:
            return None
        digest = hashlib.blake2b("\n".join(key).encode(), digest_size=16).hexdigest()
        for length in range(6, len(digest) + 1):
            found = f"{value}#{digest[:length]}"
            taken = f"SELECT 1 FROM {self.side.table.quoted} WHERE {identifier(column)} = ?"
            if query.first(self.connection, taken, (found,)) is None:
                return found
        return None

    def _yielding(self, claims: Claims, holders: dict[tuple[int, int], list[int]]) -> set[int]:
        """Find the rows one of whose values somebody took on purpose, knowing the row: their claims yield."""
        found = set()
        for rows in holders.values():
            if len(rows) < 2:
                continue
            latest: dict[int, Stamp] = {}
            for row in rows:
                hlc, _, site = claims[row]
                if site not in latest or hlc > latest[site][0]:
                    latest[site] = (hlc, site)
            for row in rows:
                mine = (claims[row][0], claims[row][2])
                if any(self.causality.has_seen(other, mine) for other in latest.values() if other != mine):
                    found.add(row)
        return found

    def _claims(self) -> Claims:
        """Return each candidate's claim: the newest stamp among the columns that the indexes depend on, and its insert."""
        fields = {name for index in self.indexes for name in self._columns_of(index)}
        pairs = [(Sql("clock.t"), Sql("clock.s"))]
        pairs += [self.side.stamp_of(name, "clock") for name in sorted(fields)]
        stamps = joined(Sql(f"{t}, {s}") for t, s in pairs)
        statement = sql(
            "shown/contest/claim_stamps",
            stamps=stamps,
            clock=self.side.table.clock,
            clock_is_candidate=self.side.table.same_keys("clock", "candidate"),
        )
        sites = {ordinal: site for ordinal, site, _ in self.registry.sites()}
        claims: Claims = {}
        for row, *found in query.rows(self.connection, statement):
            claims[row] = max((t, sites[s], s) for t, s in zip(found[0::2], found[1::2], strict=True))
        return claims

    def _columns_of(self, index: UniqueIndex) -> list[str]:
        """Name the value columns that an index depends on: of an expression or a condition, those it may mean."""
        names = {caseless(name) for name in index.columns if name is not None}
        if index.parts is not None:
            names |= {
                caseless(word) for text in (*index.parts.terms, index.parts.where) for word in indexsql.words(text)
            }
        for name, computed in reversed(self.generated.items()):
            if caseless(name) in names:
                names |= set(map(caseless, indexsql.words(computed)))
        return [field.name for field in self.side.table.fields if caseless(field.name) in names]

    def _groups(self) -> list[dict[int, int]]:
        """Return, per index, candidate -> a number that is the same for rows that have the same value."""
        found = []
        with self._claimed():
            for number, index in enumerate(self.indexes):
                order = joined(
                    Sql(f"claim.x{position} COLLATE {identifier(collation)}")
                    for position, collation in enumerate(index.collations)
                )
                rows = query.rows(self.connection, sql("shown/contest/group_claims", order=order), {"number": number})
                found.append(dict(rows))
        return found

    @contextmanager
    def _claimed(self) -> Iterator[None]:
        """Keep a table of the values that the candidates claim, for the length of a block."""
        width = max(len(index.columns) for index in self.indexes)
        columns = ", ".join(f"x{position}" for position in range(width))
        definition = f"CREATE TEMP TABLE _crdt_claim (number, id, {columns})"
        with temporary(self.connection, "_crdt_claim", definition):
            for number, index in enumerate(self.indexes):
                values = [self._of_candidate(term) for term in _terms(index)]
                conditions = [Sql(f"{value} IS NOT NULL") for value in values]
                if index.parts is not None and index.parts.where:
                    conditions.append(self._of_candidate(verbatim(f"({index.parts.where})")))
                statement = sql(
                    "shown/contest/claim_values",
                    terms=joined(Sql(f"x{position}") for position in range(len(values))),
                    values=joined(values),
                    is_claimed=joined(conditions, " AND "),
                )
                self.connection.execute(statement, {"number": number})
            yield

    def _of_candidate(self, expression: Sql) -> Sql:
        """Compute an expression on a row of the user's table for a candidate."""
        table = self.side.table.quoted
        row = joined(
            Sql(f"candidate.{held} AS {column}")
            for held, column in zip(self.side.held_columns, self.side.columns, strict=True)
        )
        for name, computed in self.generated.items():  # a generated column may depend on those before it
            row = Sql(f"*, ({computed}) AS {identifier(name)} FROM (SELECT {row}) AS {table}")
        return fragment("shown/contest/term_of", expression=expression, row=row, table=table)

    @staticmethod
    def _describe(index: UniqueIndex) -> str:
        if index.is_plain:
            return ", ".join(str(name) for name in index.columns)
        return index.name


def _terms(index: UniqueIndex) -> list[Sql]:
    """Return an index's terms as expressions on a row of the user's table."""
    if index.parts is not None:
        return [verbatim(f"({term})") for term in index.parts.terms]
    return [identifier(str(name)) for name in index.columns]
