"""Contest: which rows of a table want the same value in a UNIQUE index, and which of them comes first (decision 0017).

Pure functions of the candidates, their stamps and what their writers had seen. `find_rivals` names the shown rows that must be
taken out of the table and join the candidates first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from crdtsql.base import Sql, TemporaryTable, caseless, identifier, joined, query, reasons, sql, verbatim
from crdtsql.shown.deciding.candidates import Candidates
from crdtsql.shown.deciding.reading import TRUTH
from crdtsql.sqlite import UniqueIndex
from crdtsql.store import Causality, Registry, Stamp

CLAIM = TemporaryTable("_crdt_claim", "shown/deciding/contest/create_claim")

Claims = dict[int, tuple[int, bytes, int]]
"""Candidate -> its claim: hlc, site id, local ordinal of the site."""


class Contest:
    """The UNIQUE indexes of one table, and which candidates want which of their values."""

    def __init__(self, registry: Registry, candidates: Candidates, causality: Causality) -> None:
        self.connection = registry.connection
        self.registry = registry
        self.candidates = candidates
        self.side = candidates.side
        self.indexes = candidates.indexes
        self.causality = causality

    def find_rivals(self) -> int:
        """Fill `side.out_table` with the shown rows that have a value that a candidate may come to have; return how many."""
        if not self.indexes:
            return 0
        with self._claimed():
            for number, index in enumerate(self.indexes):
                terms = _terms(index)
                statement = sql(
                    "shown/deciding/contest/find_rivals",
                    keys=self.side.table.keys,
                    key_columns=self.side.table.key_columns,
                    table=self.side.table.quoted,
                    out=self.side.out_table,
                    claims=self._claim.quoted,
                    expressions=joined(
                        Sql(f"{term} COLLATE {identifier(collation)}")
                        for term, collation in zip(terms, index.collations, strict=True)
                    ),
                    terms=joined(Sql(f"crdt_claim.x{position}") for position in range(len(terms))),
                    condition=verbatim(f"({index.parts.where})") if index.parts and index.parts.where else Sql("1"),
                )
                self.connection.execute(statement, {"number": number})
        (count,) = query.first(self.connection, f"SELECT count(*) FROM {self.side.out_table}")
        return int(count)

    def values(self) -> list[dict[tuple[int, int], int]]:
        """Return, per index, (candidate, form) -> a number that is the same for rows that have the same value."""
        if not self.indexes:
            return []
        found = []
        with self._claimed():
            for number, index in enumerate(self.indexes):
                order = joined(
                    Sql(f"claim.x{position} COLLATE {identifier(collation)}")
                    for position, collation in enumerate(index.collations)
                )
                statement = sql("shown/deciding/contest/group_claims", order=order, claims=self._claim.quoted)
                rows = query.rows(self.connection, statement, {"number": number})
                found.append({(row, form): group for row, form, group in rows})
        return found

    def yielding(self, claims: Claims, values: list[dict[tuple[int, int], int]]) -> set[int]:
        """Find the rows one of whose values, as they are, somebody took on purpose, knowing the row: their claims yield."""
        holders: dict[tuple[int, int], list[int]] = defaultdict(list)
        read = self.candidates.read
        for number, groups in enumerate(values):
            for (row, form), group in groups.items():
                if form == (TRUTH if row in read else 0):
                    holders[number, group].append(row)
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

    def claims(self) -> Claims:
        """Return each candidate's claim: the newest stamp among the columns that the indexes depend on, and its insert."""
        names = set().union(*(self.candidates.inputs_of(index) for index in self.indexes))
        pairs = [(Sql("clock.t"), Sql("clock.s"))]
        pairs += [self.side.stamp_of(f.name, "clock") for f in self.side.table.fields if caseless(f.name) in names]
        statement = sql(
            "shown/deciding/contest/claim_stamps",
            stamps=joined(Sql(f"{t}, {s}") for t, s in pairs),
            candidate=self.candidates.name,
            clock=self.side.table.clock,
            clock_is_candidate=self.candidates.clock_is("candidate"),
        )
        sites = {ordinal: site for ordinal, site, _ in self.registry.sites()}
        claims: Claims = {}
        for row, *found in query.rows(self.connection, statement):
            claims[row] = max((t, sites[s], s) for t, s in zip(found[0::2], found[1::2], strict=True))
        return claims

    @property
    def _claim(self) -> TemporaryTable:
        """Return the table of claims on this table's values; two of the user's may have indexes of different widths."""
        return CLAIM.of(self.side.table.id)

    @contextmanager
    def _claimed(self) -> Iterator[None]:
        """Keep a table of the values that the candidates may come to have, for the length of a block."""
        width = max(len(index.columns) for index in self.indexes)
        terms = joined(Sql(f"x{position}") for position in range(width))
        with self._claim.created(self.connection, claims=self._claim.quoted, terms=terms):
            for number, index in enumerate(self.indexes):
                values = [self.candidates.term(term) for term in _terms(index)]
                claimed = joined((Sql(f"{value} IS NOT NULL") for value in values), " AND ")
                if index.parts is not None and index.parts.where:
                    # SQLite computes no term of a row that is not in the index, and it might fail.
                    where = self.candidates.term(verbatim(f"({index.parts.where})"))
                    claimed = Sql(f"CASE WHEN {where} THEN {claimed} END")
                statement = sql(
                    "shown/deciding/contest/claim_values",
                    claims=self._claim.quoted,
                    terms=joined(Sql(f"x{position}") for position in range(len(values))),
                    values=joined(values),
                    candidate=self.candidates.name,
                    is_claimed=claimed,
                )
                marks = self.candidates.relevant(index)
                self.candidates.compute(statement, {"number": number, "other_marks": ~marks})
            yield


def because(index: UniqueIndex, kind: str = reasons.UNIQUE) -> str:
    """Say why a row is held that lost its value in an index."""
    name = ", ".join(str(name) for name in index.columns) if index.is_plain else index.name
    return reasons.because(kind, name)


def _terms(index: UniqueIndex) -> list[Sql]:
    """Return an index's terms as expressions on a row of the user's table."""
    if index.parts is not None:
        return [verbatim(f"({term})") for term in index.parts.terms]
    return [identifier(str(name)) for name in index.columns]
