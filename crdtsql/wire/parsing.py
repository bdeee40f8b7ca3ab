"""Parsing: read a header that comes from a stranger. Everything in it is distrusted: what is in range is taken, the rest refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import suppress
from operator import gt, itemgetter, lt
from typing import Any

from crdtsql.base import (
    RETIRED,
    Agreement,
    Declared,
    InvalidChangesetError,
    Lane,
    OldNumbers,
    Rest,
    SiteLine,
    Start,
    blocks_rule,
    caseless,
    clock,
    from_json,
    naming,
    old_numbers,
    policy,
    rounds_rule,
    starts_rule,
)
from crdtsql.wire.header import Header, KeyStep, PurgedRow, Site, TableHeader, UnseenWrite

MAXIMUM_SITES = 20_000
MAXIMUM_ERAS = 2_000
MAXIMUM_UNSEEN = 10_000
MAXIMUM_PURGES = 10_000
MAXIMUM_LANES = 20_000
MAXIMUM_NAMES = 20_000
MAXIMUM_STARTS = 20_000
MAXIMUM_REFERENCES = 2_000
MAXIMUM_ENDS = 100_000
MAXIMUM_FORETOLD = 400_000
MAXIMUM_KEYS = 100
_HEX = set("0123456789abcdef")
Uptos = dict[int, int]
"""The vector, by what the changeset calls the sites."""


FindRest = Callable[[int, bytes, AbstractSet[bytes]], Rest]
"""Finds what a header does not list: how many entries, their digest, and the sites that are listed -> the entries."""


def read_header(head: bytes, find_rest: FindRest | None = None) -> Header:
    """Read and check a header.

    Args:
        find_rest: raises ValueError if it finds none; None if the header must list all sites.

    Raises:
        InvalidChangesetError: it is not valid JSON, lacks a key, or says what no honest sender says.
    """
    try:
        return _parse_header(json.loads(head), find_rest)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise InvalidChangesetError(f"not a sound changeset: its header is not valid ({error})") from error


def _parse_header(found: dict[str, Any], find_rest: FindRest | None) -> Header:
    sites, sender = _parse_sites(found["sites"]), _site_id(found["sender"])
    if not _are_numbered(sites, "rest" in found):
        raise ValueError("sites are not numbered 1, 2, ...")
    uptos, vector = _parse_vector(sites)
    rest = _parse_rest(found["rest"], vector, sender, find_rest) if "rest" in found else None
    tables = tuple(_parse_table(table, uptos) for table in found["tables"])
    if any(
        len(names) != len(tables)
        for names in ({caseless(table.name) for table in tables}, {table.uid for table in tables})
    ):
        raise ValueError("a table is listed twice")
    eras = {_name(name): _number(era) for name, era in found.get("eras", {}).items()}
    if len(eras) > MAXIMUM_ERAS:
        raise ValueError("more tables were disabled than anybody has")
    unseen = _parse_unseen(found, uptos)
    lanes = {
        _site_id(site): Lane(_number(lane), _number(count)) for site, (lane, count) in found.get("lanes", {}).items()
    }
    if len(lanes) > MAXIMUM_LANES or any(lane.number >= blocks_rule.LANES for lane in lanes.values()):
        raise ValueError("the lanes of sites are not valid")
    others = _parse_others(found.get("others", {}), {table.uid for table in tables})
    geneses = {_name(uid): _parse_genesis(stamp, uptos) for uid, stamp in found.get("geneses", {}).items()}
    if not geneses.keys() <= others.get(policy.BY_BIRTH, frozenset()):
        raise ValueError("it has a genesis of no table")
    names = {_site_id(site): (_name(name), _number(times)) for site, (name, times) in found.get("names", {}).items()}
    if len(names) > MAXIMUM_NAMES or any(name and not naming.is_site_name(name) for name, _ in names.values()):
        raise ValueError("the names of sites are not valid")
    starts = {_site_id(site): _parse_line(line) for site, line in found.get("starts", {}).items()}
    if len(starts) > MAXIMUM_STARTS:
        raise ValueError("more sites have starts than anybody tells of")
    compaction = _parse_compaction(found.get("compaction", {}), rest.vector | vector if rest else vector)
    created = _number(found["created_ms"])
    keys = sum(table.rows * len(table.key) for table in tables)
    foretold = _parse_foretold(found.get("foretold", []), uptos, keys)
    purges = _parse_purges(found, uptos)
    retired = _parse_retired(found.get("retired", {}), vector.keys())
    return Header(
        sender,
        created,
        sites,
        tables,
        eras,
        unseen,
        lanes,
        others,
        geneses,
        names,
        starts,
        purges,
        compaction,
        foretold,
        retired,
        _parse_keys(found.get("keys", [])),
        _number(found.get("acted", 0)),
        rest,
    )


def _parse_vector(sites: tuple[Site, ...]) -> tuple[Uptos, dict[bytes, int]]:
    """Return what the sender has of the sites that are listed, by what the changeset calls them, and by their ids."""
    ordinals, ids, reached, needed = zip(*sites, strict=True) if sites else ((), (), (), ())
    vector = dict(zip(ids, reached, strict=True))
    if len(vector) != len(sites):
        raise ValueError("a site is listed twice")
    if any(map(gt, needed, reached)):
        raise ValueError("a site needs more than it gives")
    return dict(zip(ordinals, reached, strict=True)), vector


def _parse_rest(found: dict[str, Any], listed: dict[bytes, int], sender: bytes, find_rest: FindRest | None) -> Rest:
    """Find what is not listed. The sender is, because of what it may bring it is asked by itself; and ended sites are."""
    count, digest = _number(found["sites"]), _bytes(found["hash"], 32)
    if count > MAXIMUM_SITES - len(listed):
        raise ValueError("it names more sites than anybody knows")
    if find_rest is None or sender not in listed:
        raise ValueError("it leaves out sites that it must list")
    return find_rest(count, digest, listed.keys() | {RETIRED})


def read_rest(content: bytes, digest: bytes, listed: AbstractSet[bytes]) -> Rest:
    """Read the entries that a header does not list from their bytes, if they are those.

    Raises:
        ValueError: they are not, or are none that an honest sender has.
    """
    rest = Rest.read(content)
    if rest.digest != digest:
        raise ValueError("the sites that it does not list are not those that it says")
    if not rest.vector.keys().isdisjoint(listed):
        raise ValueError("a site is listed twice")
    if not all(1 <= hlc <= clock.HIGHEST_HLC for hlc in rest.vector.values()):
        raise ValueError("an entry of the vector is out of range")
    return rest


def _are_numbered(sites: tuple[Site, ...], may_have_gaps: bool) -> bool:
    """Tell whether sites are numbered 1, 2, ...; who does not list all of them may leave numbers out."""
    numbers = [site.ordinal for site in sites]
    if numbers == list(range(1, len(sites) + 1)):
        return True
    may_have_gaps = may_have_gaps or any(site.id == RETIRED for site in sites)
    return may_have_gaps and min(numbers) >= 1 and all(map(lt, numbers, numbers[1:]))


def _parse_retired(found: dict[str, Any], listed: AbstractSet[bytes]) -> dict[bytes, tuple[int, int]]:
    retired = {_site_id(site): (_number(upto), _number(ended)) for site, (upto, ended) in found.items()}
    if len(retired) > MAXIMUM_ENDS or (retired and RETIRED not in listed):
        raise ValueError("the sites that it names no more are not valid")
    return retired


def _parse_keys(found: list[Any]) -> tuple[KeyStep, ...]:
    keys = tuple(
        KeyStep(_bytes(key, 32), _number(since), _bytes(proof, 64 * (n > 0)))
        for n, (key, since, proof) in enumerate(found)
    )
    sinces = [one.since for one in keys]
    if len(keys) > MAXIMUM_KEYS or len({one.key for one in keys}) != len(keys) or sinces != sorted(sinces):
        raise ValueError("the keys of its sender are not valid")
    return keys


def _bytes(value: Any, length: int) -> bytes:
    if not isinstance(value, str) or len(value) != 2 * length or not _HEX.issuperset(value):
        raise ValueError(f"{value!r:.40} is not {length} bytes in hex")
    return bytes.fromhex(value)


def _parse_line(found: list[Any]) -> SiteLine:
    upto, several = found
    starts = tuple(Start(_number(number), _number(since), _nonce(nonce)) for number, since, nonce in several)
    numbers, sinces = [start.number for start in starts], [start.since for start in starts]
    if not 1 <= len(starts) <= starts_rule.KEPT or len({*numbers}) != len(numbers):
        raise ValueError("the starts of a site are not valid")
    if numbers != sorted(numbers) or sinces != sorted(sinces) or sinces[-1] >= _number(upto):
        raise ValueError("the starts of a site are not in order")
    return SiteLine(upto, starts)


def _nonce(value: Any) -> str:
    if not isinstance(value, str) or len(value) != 8 or not _HEX.issuperset(value):
        raise ValueError(f"{value!r:.40} is not the nonce of a start")
    return value


def _parse_compaction(found: dict[str, Any], vector: dict[bytes, int]) -> Agreement:
    told = Agreement.from_json(found)
    if not rounds_rule.covers(vector, told.floor) or not rounds_rule.covers(vector, told.cut):
        raise ValueError("it forgot, or agreed to forget, what its sender does not have")
    if max(len(told.ends), len(told.vouchers), len(told.acks), len(told.known_ends)) > MAXIMUM_ENDS:
        raise ValueError("more sites were ended, vouched for or have agreed than anybody has")
    return told


def _parse_foretold(found: list[list[Any]], sites: Uptos, keys: int) -> tuple[tuple[str, int, int], ...]:
    if not isinstance(found, list) or len(found) > min(MAXIMUM_FORETOLD, keys):
        raise ValueError("more rows are awaited than anybody tells of")
    foretold = tuple((_name(uid), _ordinal(site, sites), number) for uid, site, number in found)
    for _, _, number in foretold:
        if not isinstance(number, int) or isinstance(number, bool) or not -1 << 63 <= number < 1 << 63:
            raise ValueError("a row is awaited under what is no number")
    return foretold


def _parse_sites(found: list[dict[str, Any]]) -> tuple[Site, ...]:
    """Read the sites, of which there may be thousands: all of them at once, or one by one to say what is wrong with which."""
    if len(found) > MAXIMUM_SITES:
        raise ValueError("it names more sites than anybody knows")
    ordinals, ids, uptos, needs = (list(map(itemgetter(name), found)) for name in Site._fields)
    numbers = [*ordinals, *uptos, *needs]
    are_numbers = {*map(type, numbers)} == {int} and min(numbers) >= 0 and max(numbers) <= clock.HIGHEST_HLC
    if are_numbers and {*map(type, ids)} == {str} and {*map(len, ids)} == {32}:
        together = "".join(ids)
        with suppress(ValueError):
            if bytes.fromhex(together).hex() == together:  # else they have capitals or blanks
                return tuple(map(Site._make, zip(ordinals, map(bytes.fromhex, ids), uptos, needs, strict=True)))
    return tuple(
        Site(_number(site["ordinal"]), _site_id(site["id"]), _number(site["upto"]), _number(site["needs"]))
        for site in found
    )


def _parse_others(found: dict[str, Any], listed: set[str]) -> dict[str, frozenset[str]]:
    others = {name: frozenset(map(_name, uids)) for name, uids in found.items()}
    several = [uid for uids in found.values() for uid in uids] + [*listed]
    lists = all(isinstance(uids, list) for uids in found.values())
    if not lists or not others.keys() <= {*policy.IDENTITIES} or len(set(several)) != len(several):
        raise ValueError("its tables without rows are not valid")
    return others


def _parse_unseen(found: dict[str, Any], sites: Uptos) -> tuple[UnseenWrite, ...]:
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


def _parse_purges(found: dict[str, Any], sites: Uptos) -> tuple[PurgedRow, ...]:
    listed = found.get("purges", [])
    if len(listed) > MAXIMUM_PURGES:
        raise ValueError("more rows were purged and written again than anybody tells of")
    purges = tuple(
        PurgedRow(_number(t), _ordinal(s, sites), _name(uid), tuple(map(from_json, key))) for t, s, uid, *key in listed
    )
    for one in purges:
        "".join(part for part in one.key if isinstance(part, str)).encode()
    if any(one.hlc > sites[one.site] for one in purges):
        raise ValueError("a purge is later than all that its site did")
    return purges


def _parse_table(found: dict[str, Any], sites: Uptos) -> TableHeader:
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
        rests=found.get("rests") is True,
    )


def _parse_genesis(stamp: Any, sites: Uptos) -> tuple[int, int]:
    t, ordinal = stamp
    if not isinstance(t, int) or _number(ordinal) not in sites:
        raise ValueError("a genesis is not valid")
    if not 1 <= t + clock.GENESIS_OFFSET <= sites[ordinal]:
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


def _parse_old_numbers(found: list[list[Any]], sites: Uptos) -> Iterator[OldNumbers]:
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


def _ordinal(value: Any, sites: Uptos) -> int:
    if _number(value) not in sites:
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
