"""The header: what a changeset says about itself, readable without any database.

The header is a JSON object:

    sender      site id of the replica that exported, 32 hex digits
    created_ms  when, in milliseconds since 1970
    sites       list of {ordinal, id, upto, needs}: ordinal is 1, 2, ... and is what the image says instead of the id;
                upto is the sender's version vector, needs what the receiver's vector must cover
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
    others      optional: {identity: list of uids}: tables without rows here that are as usual, and not in `tables`
    geneses     optional: {uid: [t, ordinal]}: the genesis of those of them whose rows are numbered
    lanes       optional: {site id: [lane, times]}: which ids of AUTOINCREMENT tables a site takes, and how often it has chosen that

Unknown keys are ignored. Everything in it is distrusted: `read_header` takes what is in range and refuses the rest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from crdtsql.base import (
    Declared,
    InvalidChangesetError,
    Lane,
    OldNumbers,
    blocks_rule,
    caseless,
    clock,
    old_numbers,
    policy,
)

MAXIMUM_ERAS = 2_000
MAXIMUM_UNSEEN = 10_000
MAXIMUM_LANES = 20_000
MAXIMUM_REFERENCES = 2_000
_HEX = set("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Site:
    """A site as a changeset names it."""

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
        """Return the header's keys for lists, which are left out where they are empty."""
        unique = [{"columns": list(uids), "policy": name} for uids, name in self.unique]
        found = {"parked": list(self.parked), "collations": list(self.collations), "unique": unique}
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


@dataclass(frozen=True, slots=True)
class Header:
    """What a changeset says about itself, readable without any database."""

    sender: bytes
    created_ms: int
    sites: tuple[Site, ...]
    tables: tuple[TableHeader, ...] = field(default=())
    eras: dict[str, int] = field(default_factory=dict)
    unseen: tuple[UnseenWrite, ...] = ()
    lanes: dict[bytes, Lane] = field(default_factory=dict)
    others: dict[str, frozenset[str]] = field(default_factory=dict)
    geneses: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def vector(self) -> dict[bytes, int]:
        """Return the sender's version vector."""
        return {site.id: site.upto for site in self.sites if site.upto > 0}

    @property
    def needs(self) -> dict[bytes, int]:
        """Return the vector that a receiver must cover."""
        return {site.id: site.needs for site in self.sites if site.needs > 0}

    @property
    def highest(self) -> int:
        """Return the highest hlc of any event in the changeset."""
        return max((site.upto for site in self.sites), default=0)

    @property
    def numbers(self) -> list[int]:
        """Return the numbers of the tables that have rows: 1 is the first."""
        return [number for number, table in enumerate(self.tables, 1) if table.rows]

    def has_news_for(self, vector: Mapping[bytes, int]) -> bool:
        """Tell whether there is any event in the changeset that a replica with this version vector lacks."""
        return any(upto > vector.get(site, 0) for site, upto in self.vector.items())

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
            **({"eras": self.eras} if self.eras else {}),
            **_unseen_to_json(self.unseen),
            **({"lanes": {site.hex(): list(lane) for site, lane in self.lanes.items()}} if self.lanes else {}),
            **({"others": {name: sorted(uids) for name, uids in self.others.items()}} if self.others else {}),
            **({"geneses": {uid: list(stamp) for uid, stamp in self.geneses.items()}} if self.geneses else {}),
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
        return found


def read_header(head: bytes) -> Header:
    """Read and check a header.

    Raises:
        InvalidChangesetError: it is not valid JSON, lacks a key, or says what no honest sender says.
    """
    try:
        return _parse_header(json.loads(head))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise InvalidChangesetError(f"not a sound changeset: its header is not valid ({error})") from error


def _parse_header(found: dict[str, Any]) -> Header:
    sites = tuple(
        Site(_number(site["ordinal"]), _site_id(site["id"]), _number(site["upto"]), _number(site["needs"]))
        for site in found["sites"]
    )
    if [site.ordinal for site in sites] != list(range(1, len(sites) + 1)):
        raise ValueError("sites are not numbered 1, 2, ...")
    if len({site.id for site in sites}) != len(sites):
        raise ValueError("a site is listed twice")
    if any(site.needs > site.upto for site in sites):
        raise ValueError("a site needs more than it gives")
    tables = tuple(_parse_table(table, sites) for table in found["tables"])
    if any(
        len(names) != len(tables)
        for names in ({caseless(table.name) for table in tables}, {table.uid for table in tables})
    ):
        raise ValueError("a table is listed twice")
    eras = {_name(name): _number(era) for name, era in found.get("eras", {}).items()}
    if len(eras) > MAXIMUM_ERAS:
        raise ValueError("more tables were disabled than anybody has")
    unseen = _parse_unseen(found, len(sites))
    lanes = {
        _site_id(site): Lane(_number(lane), _number(count)) for site, (lane, count) in found.get("lanes", {}).items()
    }
    if len(lanes) > MAXIMUM_LANES or any(lane.number >= blocks_rule.LANES for lane in lanes.values()):
        raise ValueError("the lanes of sites are not valid")
    others = _parse_others(found.get("others", {}), {table.uid for table in tables})
    geneses = {_name(uid): _parse_genesis(stamp, sites) for uid, stamp in found.get("geneses", {}).items()}
    if not geneses.keys() <= others.get(policy.BY_BIRTH, frozenset()):
        raise ValueError("it has a genesis of no table")
    sender, created = _site_id(found["sender"]), _number(found["created_ms"])
    return Header(sender, created, sites, tables, eras, unseen, lanes, others, geneses)


def _parse_others(found: dict[str, Any], listed: set[str]) -> dict[str, frozenset[str]]:
    others = {name: frozenset(map(_name, uids)) for name, uids in found.items()}
    several = [uid for uids in found.values() for uid in uids] + [*listed]
    lists = all(isinstance(uids, list) for uids in found.values())
    if not lists or not others.keys() <= {*policy.IDENTITIES} or len(set(several)) != len(several):
        raise ValueError("its tables without rows are not valid")
    return others


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


def _parse_unseen(found: dict[str, Any], sites: int) -> tuple[UnseenWrite, ...]:
    direct, exact = found.get("unseen", []), found.get("overwrites", [])
    if len(direct) > MAXIMUM_UNSEEN or len(exact) > MAXIMUM_UNSEEN:
        raise ValueError("more writes overwrote something unseen than anybody tells of")
    writes = []
    for t, s, uid, since_t, since_s, *value in exact:
        since, lost = (_number(since_t), _ordinal(since_s, sites)), None
        if value:
            lost_t, lost_s = value
            lost = _stamped(lost_t), _ordinal(lost_s, sites)
        writes.append(UnseenWrite(_number(t), _ordinal(s, sites), _name(uid), since, lost))
    known = {(one.hlc, one.site, one.uid) for one in writes}
    for t, s, uid in direct:
        if (t, s, uid) not in known:
            writes.append(UnseenWrite(_number(t), _ordinal(s, sites), _name(uid), (t, s), None))
    return tuple(writes)


def _parse_table(found: dict[str, Any], sites: tuple[Site, ...]) -> TableHeader:
    key = tuple(_name(name) for name in found["key"])
    columns = tuple((_name(column["name"]), _name(column["type"])) for column in found["columns"])
    names = [caseless(name) for name in (*key, *(name for name, _ in columns))]
    key_uids = [_name(uid) for uid in found.get("key_uids", names[: len(key)])]
    uids = (*key_uids, *(_name(column.get("uid", caseless(column["name"]))) for column in found["columns"]))
    if not key or len(set(names)) != len(names) or len(names) > 2000 or len(key_uids) != len(key):
        raise ValueError("a table's columns are not valid")
    if len(set(uids)) != len(uids):
        raise ValueError("two columns of a table have the same uid")
    genesis = None if found["genesis"] is None else _parse_genesis(found["genesis"], sites)
    name, rows, gone = _name(found["name"]), _number(found["rows"]), _number(found["gone"])
    row_policy = _policy(found, name, "row_policy", policy.ROW_POLICIES)
    granularity = _policy(found, name, "granularity", policy.GRANULARITIES)
    identity = _policy(found, name, "identity", policy.IDENTITIES)
    if identity == policy.BY_BIRTH and len(key) != 1:
        raise ValueError("a table whose rows are numbered has one key column")
    uid = _name(found.get("uid", ""))
    parked, collations = (tuple(_name(name) for name in found.get(what, [])) for what in ("parked", "collations"))
    links = tuple((_name(uid), _name(parent), _name(target)) for uid, parent, target in found.get("links", []))
    wrong = {*parked} - {column for column, _ in columns} or len(collations) not in (0, len(key)) or len(links) > 2000
    if wrong:
        raise ValueError("a table's parked columns, collations or links are not valid")
    return TableHeader(
        *(
            name,
            key,
            columns,
            genesis,
            rows,
            gone,
            row_policy,
            granularity,
            identity,
            uid,
            uids,
            parked,
            collations,
            links,
        ),
        unique=_parse_unique(found.get("unique", []), name),
        references=_parse_references(found.get("references", []), {*uids}),
        old_numbers=tuple(_parse_old_numbers(found.get("old_numbers", []), sites)),
    )


def _parse_genesis(stamp: Any, sites: tuple[Site, ...]) -> tuple[int, int]:
    t, ordinal = stamp
    if not isinstance(t, int) or not 1 <= _number(ordinal) <= len(sites):
        raise ValueError("a genesis is not valid")
    if not 1 <= t + clock.GENESIS_OFFSET <= sites[ordinal - 1].upto:
        raise ValueError("a genesis is not covered by the sender's vector")
    return t, ordinal


def _parse_unique(found: list[dict[str, Any]], table: str) -> tuple[tuple[tuple[str, ...], str], ...]:
    unique = {
        tuple(_name(uid) for uid in one["columns"]): _policy(one, table, "policy", policy.UNIQUE_POLICIES)
        for one in found
    }
    return tuple(sorted((uids, name) for uids, name in unique.items() if name != policy.HOLD))


def _parse_references(found: list[list[Any]], uids: set[str]) -> tuple[Declared, ...]:
    if not all(isinstance(part, list) for part in (found, *(uids for one in found for uids in one[::2]))):
        raise ValueError("what a table's columns refer to is not a list")
    references = {
        Declared(tuple(_name(uid) for uid in columns), _name(parent), tuple(_name(uid) for uid in targets))
        for columns, parent, targets in found
    }
    if len(found) > MAXIMUM_REFERENCES or any(
        not one.columns or len(one.columns) != len(one.targets) or not uids.issuperset(one.columns)
        for one in references
    ):
        raise ValueError("what a table's columns refer to is not valid")
    return tuple(sorted(references))


def _parse_old_numbers(found: list[list[Any]], sites: tuple[Site, ...]) -> Iterator[OldNumbers]:
    if not isinstance(found, list):
        raise ValueError("the old numbers of a table are not a list")  # noqa: TRY004 - a changeset is wrong, not a program
    left = old_numbers.MAXIMUM_RANGES
    for t, ordinal, ranges in found:
        genesis = OldNumbers(*_parse_genesis((t, ordinal), sites), tuple((first, last) for first, last in ranges))
        ends = [end for ends in genesis.ranges for end in ends]
        if any(isinstance(end, bool) or not isinstance(end, int) for end in ends) or ends != sorted(ends):
            raise ValueError("the old numbers of a table are not valid")
        if ends and not old_numbers.LOWEST <= ends[0] <= ends[-1] <= old_numbers.HIGHEST:
            raise ValueError("the old numbers of a table are out of range")
        left -= len(genesis.ranges)
        if left < 0:
            raise ValueError("a table has more old numbers than anybody tells of")
        yield genesis


def _policy(found: dict[str, Any], table: str, key: str, known: tuple[str, ...]) -> str:
    value = found.get(key, known[0])
    if value not in known:
        raise InvalidChangesetError(
            f"the changeset has the {key} {value!r:.40} for table {table!r:.100}, this version of crdtsql knows "
            f"{', '.join(known)}: install the version that wrote it, or it is not a sound changeset"
        )
    return str(value)


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= clock.HIGHEST_HLC:
        raise ValueError(f"{value!r:.40} is not a number in range")
    return value


def _ordinal(value: Any, sites: int) -> int:
    if not 1 <= _number(value) <= sites:
        raise ValueError(f"{value!r:.40} is not the number of a site")
    return int(value)


def _stamped(value: Any) -> int:
    """Read the hlc of a stamp, which is negative for a genesis."""
    if isinstance(value, int) and value < 0:
        return _number(value + clock.GENESIS_OFFSET) - clock.GENESIS_OFFSET
    return _number(value)


def _site_id(value: Any) -> bytes:
    if not isinstance(value, str) or len(value) != 32 or not _HEX.issuperset(value):
        raise ValueError(f"{value!r:.40} is not a site id")
    return bytes.fromhex(value)


def _name(value: Any) -> str:
    if not isinstance(value, str) or "\0" in value or len(value) > 10_000:
        raise ValueError(f"{value!r:.40} is not a name")
    value.encode()
    return value
