"""The header: what a changeset says about itself, readable without any database.

The header is a JSON object:

    sender      site id of the replica that exported, 32 hex digits
    created_ms  when, in milliseconds since 1970
    sites       list of {ordinal, id, upto, needs}: ordinal is 1, 2, ... and is what the image says instead of the id;
                upto is the sender's version vector, needs what the receiver's vector must cover. If the id of zeros is among
                them, which stands for all ended sites, these are listed only where stamps name them, so ordinals may be left out
    rest        optional, and there if sites are not listed that no stamp names: those of which the receiver said to have what is here,
                and those that wrote nothing: {sites, hash}: how many of the former there are, and BLAKE2b-256 of their vector
                (base/vectors/packed.py), which is what the receiver needs of them too. Ordinals may be left out then
    tables      list of {name, key, columns, genesis, rows, gone}: key is a list of names, columns a list of
                {name, type}; genesis is null or [t, ordinal]: the stamp of the sender's rows that were never written
                since the table was enabled; rows counts all rows of the changeset, gone those of them that are deleted;
                row_policy, granularity and identity are there where they are not "add-wins", "column" and "key"; uid of the
                table, and of a column, where it is not the lower-case name; key_uids, for all columns of the key, where one
                of them is not; parked: names of the columns that the sender lacks; links: what columns refer to; collations
                of the key's columns, where one is not BINARY; unique: list of {columns, policy}: uids of the columns of a
                UNIQUE index, and "null", "suffix" or "same", where rows that lost a value are not just held; references: list of
                [columns, table, columns], all by uid: what columns refer to that was declared to crdtsql alone

    eras        optional: {uid: n} for tables that the sender disabled n times while others stayed enabled
    unseen      optional: list of [hlc, ordinal, uid of the column]: writes of cells that took the place of values that their
                writer's table did not show, for the receiver's conflict log
    overwrites  optional: list of [hlc, ordinal, uid of the column, hlc, ordinal, hlc, ordinal]: writes of cells that were in
                `unseen`, or written over such a one; then the one that was, and, if known, the stamp of the value whose place it took
    purges      optional: list of [hlc, ordinal, uid of the table, values ...]: purges of rows that were written since, and so do not
                show it: the key, or of numbered rows the number that was asked for, and the stamp of the root
    others      optional: {identity: list of uids}: tables without rows here that are as usual, and not in `tables`
    geneses     optional: {uid: [t, ordinal]}: the genesis of those of them whose rows are numbered
    names       optional: {site id: [name, times]}: what sites are called, "" for nothing, and how often they were given a name
    starts      optional: {site id: [hlc, [[number, hlc, nonce], ...]]}: of sites that go on where an operator says so, up to which
                event that is known, and the last starts before it: number, the site's last event before it, 8 hex digits by chance
    compaction  optional: what may be forgotten: {round, cut, acks, known_ends, floor, ends, vouchers}, with sites by their ids
    retired     optional, for a receiver that has nothing: {site id: [upto, hlc]}: ended sites that the vector names no more, their
                last event, and the event that ended them
    keys        optional, and there if the changeset is signed: list of [public key, hlc, signature]: the keys with which the sender
                signs, the last one now; its last event before it signed with that one; the signature by the key before
    foretold    optional: list of [uid of a table, ordinal, number]: rows for which numbers in keys stand here that are not theirs: the
                next one that a site inserts under a number of a table
    acted       optional: how many rows the table `acted` of the image has: who wrote which events, as the writers said it
    lanes       optional: {site id: [lane, times]}: which ids of AUTOINCREMENT tables a site takes, and how often it has chosen that

Unknown keys are ignored. `parsing.py` reads it from strangers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple

from crdtsql.base import (
    Agreement,
    Declared,
    Lane,
    OldNumbers,
    Rest,
    SiteLine,
    SqliteValue,
    caseless,
    differing,
    policy,
    value_to_json,
)

Vector = Mapping[bytes, int]
_NOTHING: MappingProxyType[bytes, int] = MappingProxyType({})


class Site(NamedTuple):
    """A site as a changeset names it. No dataclass: a changeset may name thousands, and these are made in a third of the time."""

    ordinal: int
    id: bytes
    upto: int
    needs: int


class UnseenWrite(NamedTuple):
    """The write of a cell with which a value went that a table did not show: it took its place, or that of one that had.

    Attributes:
        hlc, site: stamp of the write, by the ordinal of its site.
        uid: of the column.
        since: stamp of the write that took the value's place, this one or an earlier one.
        lost: stamp of the value, None if the sender does not say.
    """

    hlc: int
    site: int
    uid: str
    since: tuple[int, int]
    lost: tuple[int, int] | None


class PurgedRow(NamedTuple):
    """A purge that its row does not show any more.

    Attributes:
        hlc, site: stamp of the purge, by the ordinal of its site.
        uid: of the table.
        key: the row's key; of a numbered row the number that it asked for, and hlc and site of its root.
    """

    hlc: int
    site: int
    uid: str
    key: tuple[SqliteValue, ...]


@dataclass(frozen=True, slots=True)
class TableHeader:
    """A table as a changeset describes it; columns are (name, type).

    Attributes:
        given_uid: the table's uid; "" for its name in lower case.
        given_uids: the uids of the key's columns, then those of the others; empty for their names in lower case.
        parked: names of the columns whose cells the sender only keeps, because its table does not have them.
        collations: those of the key's columns; empty if all are BINARY.
        links: (uid of a column, uid of the table, uid of its column) that it refers to; empty where no numbers must follow.
        unique: (uids of the columns of a UNIQUE index, policy), sorted, where rows that lost a value are not held.
        references: what its columns refer to that was declared to crdtsql alone.
        old_numbers: which genesis had which of the numbers that rows born since asked for too.
        rests: what rows of its genesis refer to are the rows that have these numbers at the sender.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    genesis: tuple[int, int] | None
    rows: int = 0
    gone: int = 0
    row_policy: str = policy.ADD_WINS
    granularity: str = policy.BY_COLUMN
    identity: str = policy.BY_KEY
    given_uid: str = ""
    given_uids: tuple[str, ...] = ()
    parked: tuple[str, ...] = ()
    collations: tuple[str, ...] = ()
    links: tuple[tuple[str, str, str], ...] = ()
    unique: tuple[tuple[tuple[str, ...], str], ...] = ()
    references: tuple[Declared, ...] = ()
    old_numbers: tuple[OldNumbers, ...] = ()
    rests: bool = False

    @property
    def uid(self) -> str:
        """Return what the table is called whatever its name is."""
        return self.given_uid or caseless(self.name)

    @property
    def _uids(self) -> tuple[str, ...]:
        return self.given_uids or tuple(caseless(name) for name in (*self.key, *(name for name, _ in self.columns)))

    @property
    def key_uids(self) -> tuple[str, ...]:
        """Return the uids of the key's columns."""
        return self._uids[: len(self.key)]

    @property
    def uids(self) -> tuple[str, ...]:
        """Return the uids of the value columns."""
        return self._uids[len(self.key) :]

    @property
    def renamed(self) -> dict[str, Any]:
        """Return the header's keys for uids that are not the names in lower case, but for those of the value columns."""
        found: dict[str, Any] = {} if self.uid == caseless(self.name) else {"uid": self.uid}
        if self.key_uids != tuple(map(caseless, self.key)):
            found["key_uids"] = list(self.key_uids)
        return found

    @property
    def kept(self) -> dict[str, Any]:
        """Return the header's keys for lists, and for what seldom is so, which are left out where they are empty."""
        unique = [{"columns": list(uids), "policy": name} for uids, name in self.unique]
        found: dict[str, Any] = {
            "rests": self.rests,
            "parked": list(self.parked),
            "collations": list(self.collations),
            "unique": unique,
        }
        found["links"] = [list(link) for link in self.links]
        found["references"] = [[list(one.columns), one.parent, list(one.targets)] for one in self.references]
        found["old_numbers"] = [one.to_json() for one in self.old_numbers]
        return {name: values for name, values in found.items() if values}

    @property
    def policies(self) -> dict[str, str]:
        """Return the header's keys for a row policy, a granularity and an identity that are not the usual ones."""
        named = {"row_policy": self.row_policy, "granularity": self.granularity, "identity": self.identity}
        usual = {"row_policy": policy.ADD_WINS, "granularity": policy.BY_COLUMN, "identity": policy.BY_KEY}
        return {name: value for name, value in named.items() if value != usual[name]}


class KeyStep(NamedTuple):
    """A key with which a site signs (decision 0039).

    Attributes:
        key: the public key, 32 bytes.
        since: the site's last event before it signed with this key; 0 for its first one.
        proof: the signature by the key before, 64 bytes; b"" for the first.
    """

    key: bytes
    since: int = 0
    proof: bytes = b""


@dataclass(frozen=True)
class Header:
    """What a changeset says about itself, readable without any database.

    Attributes:
        sites: those that are listed.
        rest: what of others is there, and needed, but for sites that wrote nothing; None if all are listed.
        part_of: a vector of which the rest is known to be a part, if there is one: so much of that need not be compared again.
    """

    sender: bytes
    created_ms: int
    sites: tuple[Site, ...]
    tables: tuple[TableHeader, ...] = field(default=())
    eras: dict[str, int] = field(default_factory=dict)
    unseen: tuple[UnseenWrite, ...] = ()
    lanes: dict[bytes, Lane] = field(default_factory=dict)
    others: dict[str, frozenset[str]] = field(default_factory=dict)
    geneses: dict[str, tuple[int, int]] = field(default_factory=dict)
    names: dict[bytes, tuple[str, int]] = field(default_factory=dict)
    starts: dict[bytes, SiteLine] = field(default_factory=dict)
    purges: tuple[PurgedRow, ...] = ()
    compaction: Agreement = field(default_factory=Agreement)
    foretold: tuple[tuple[str, int, int], ...] = ()
    retired: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    keys: tuple[KeyStep, ...] = ()
    acted: int = 0
    rest: Rest | None = None
    part_of: Vector | None = field(default=None, compare=False)

    @cached_property
    def ids(self) -> MappingProxyType[int, bytes]:
        """Return the ids of the sites by the numbers that the changeset gives them."""
        return MappingProxyType({site.ordinal: site.id for site in self.sites})

    @cached_property
    def vector(self) -> MappingProxyType[bytes, int]:
        """Return the sender's version vector."""
        return MappingProxyType(self.unlisted | self._listed)

    @property
    def unlisted(self) -> MappingProxyType[bytes, int]:
        """Return that part of the sender's vector that is not listed, and needed."""
        return _NOTHING if self.rest is None else self.rest.vector

    @cached_property
    def _listed(self) -> dict[bytes, int]:
        return {site.id: site.upto for site in self.sites if site.upto > 0}

    @cached_property
    def needs(self) -> MappingProxyType[bytes, int]:
        """Return the vector that a receiver must cover."""
        return MappingProxyType(self.unlisted | self._needed)

    @cached_property
    def _needed(self) -> dict[bytes, int]:
        return {site.id: site.needs for site in self.sites if site.needs > 0}

    @property
    def highest(self) -> int:
        """Return the highest hlc of any event in the changeset."""
        return max(self.vector.values(), default=0)

    @property
    def numbers(self) -> list[int]:
        """Return the numbers of the tables that have rows: 1 is the first."""
        return [number for number, table in enumerate(self.tables, 1) if table.rows]

    @property
    def table_uids(self) -> frozenset[str]:
        """Return the uids of all tables that the sender replicates, with rows here or without."""
        return frozenset({table.uid for table in self.tables}.union(*self.others.values()))

    def has_news_for(self, vector: Vector) -> bool:
        """Tell whether there is any event in the changeset that a replica with this version vector lacks."""
        return bool(self.above(vector))

    def above(self, vector: Vector) -> dict[bytes, int]:
        """Return the entries of the sender's vector that are above those of another one."""
        return _above(self._listed if vector is self.part_of else self.vector, vector)

    def repeats(self, vector: Vector) -> bool:
        """Tell whether there is any event in the changeset that a replica with this version vector has, and need not have."""
        return any(site.upto > site.needs < vector.get(site.id, 0) for site in self.sites)

    def needs_above(self, vector: Vector) -> dict[bytes, int]:
        """Return the entries that a receiver must cover and that are above those of a vector."""
        return _above(self._needed if vector is self.part_of else self.needs, vector)

    def in_terms_of(self, vector: Vector) -> Header:
        """Return the header with sites listed of which a vector says something else, so that what is not listed is a part of that."""
        if self.rest is None or vector is self.part_of:
            return self
        left = self.unlisted.copy()
        entries = {site: left.pop(site) for site in differing(self.unlisted, vector)}
        return replace(self._listing(entries), rest=Rest(MappingProxyType(left)), part_of=vector)

    def in_full(self) -> Header:
        """Return the header with all sites listed."""
        return replace(self._listing(self.unlisted), rest=None, part_of=None)

    def _listing(self, entries: Vector) -> Header:
        """List sites that were not: site -> what of it is there, and needed; nothing names them, so they get further numbers."""
        first = max((site.ordinal for site in self.sites), default=0) + 1
        more = [Site(number, *entry, entry[1]) for number, entry in enumerate(sorted(entries.items()), first)]
        return replace(self, sites=(*self.sites, *more))

    def to_json(self) -> dict[str, Any]:
        """Return the header as the JSON object of the file."""
        return {
            "sender": self.sender.hex(),
            "created_ms": self.created_ms,
            "sites": [
                {"ordinal": site.ordinal, "id": site.id.hex(), "upto": site.upto, "needs": site.needs}
                for site in self.sites
            ],
            "tables": [
                {
                    "name": table.name,
                    "key": list(table.key),
                    "columns": [
                        {"name": name, "type": kind} | ({} if uid == caseless(name) else {"uid": uid})
                        for (name, kind), uid in zip(table.columns, table.uids, strict=True)
                    ],
                    "genesis": list(table.genesis) if table.genesis else None,
                    "rows": table.rows,
                    "gone": table.gone,
                    **table.policies,
                    **table.renamed,
                    **table.kept,
                }
                for table in self.tables
            ],
            **({} if self.rest is None else {"rest": {"sites": len(self.unlisted), "hash": self.rest.digest.hex()}}),
            **({"eras": self.eras} if self.eras else {}),
            **_unseen_to_json(self.unseen),
            **({"purges": [_purge_to_json(one) for one in self.purges]} if self.purges else {}),
            **({"lanes": {site.hex(): list(lane) for site, lane in self.lanes.items()}} if self.lanes else {}),
            **({"others": {name: sorted(uids) for name, uids in self.others.items()}} if self.others else {}),
            **({"geneses": {uid: list(stamp) for uid, stamp in self.geneses.items()}} if self.geneses else {}),
            **({"names": {site.hex(): list(name) for site, name in self.names.items()}} if self.names else {}),
            **(
                {"starts": {site.hex(): _line_to_json(line) for site, line in self.starts.items()}}
                if self.starts
                else {}
            ),
            **({"compaction": self.compaction.to_json()} if self.compaction else {}),
            **({"foretold": [list(one) for one in self.foretold]} if self.foretold else {}),
            **({"retired": {site.hex(): list(one) for site, one in self.retired.items()}} if self.retired else {}),
            **({"acted": self.acted} if self.acted else {}),
            **({"keys": [[one.key.hex(), one.since, one.proof.hex()] for one in self.keys]} if self.keys else {}),
        }

    def for_people(self) -> dict[str, Any]:
        """Return the header as `inspect --json` prints it: with stamps as strings, as all JSON has them that is not the file's own."""
        found = self.to_json()
        for site in found["sites"]:
            site |= {"upto": str(site["upto"]), "needs": str(site["needs"])}
        for table in found["tables"]:
            table["genesis"] = table["genesis"] and [str(table["genesis"][0]), table["genesis"][1]]
            for one in table.get("old_numbers", ()):
                one[0], one[2] = str(one[0]), [[str(end) for end in ends] for ends in one[2]]
        for line in found.get("starts", {}).values():
            line[:] = [str(line[0]), [[number, str(since), nonce] for number, since, nonce in line[1]]]
        for name in ("cut", "floor"):
            if name in found.get("compaction", {}):
                found["compaction"][name] = {site: str(hlc) for site, hlc in found["compaction"][name].items()}
        for end in found.get("compaction", {}).get("ends", {}).values():
            end[0] = str(end[0])
        for one in found.get("retired", {}).values():
            one[:] = map(str, one)
        for one in found.get("keys", ()):
            one[1] = str(one[1])
        return found


def _line_to_json(line: SiteLine) -> list[Any]:
    return [line.upto, [list(start) for start in line.starts]]


def _unseen_to_json(unseen: tuple[UnseenWrite, ...]) -> dict[str, Any]:
    """Return the header's keys for writes of what nobody saw; the first is for readers that know no other."""
    direct = sorted({(one.hlc, one.site, one.uid) for one in unseen if one.since == (one.hlc, one.site)})
    exact = [
        [one.hlc, one.site, one.uid, *one.since, *(one.lost or ())]
        for one in unseen
        if one.lost or one.since != (one.hlc, one.site)
    ]
    found = {"unseen": [list(one) for one in direct], "overwrites": exact}
    return {name: writes for name, writes in found.items() if writes}


def _purge_to_json(one: PurgedRow) -> list[Any]:
    return [one.hlc, one.site, one.uid, *map(value_to_json, one.key)]


def _above(entries: Vector, vector: Vector) -> dict[bytes, int]:
    return {site: entries[site] for site in differing(entries, vector) if entries[site] > vector.get(site, 0)}
