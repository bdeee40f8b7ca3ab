"""Chains: what each site signs of its own changes, link by link, kept to be passed on as it was signed (decision 0049).

A link is a changeset that has its author's changes alone, as the author's file was when it was signed. Each names the hash of the one
before, so that a site which tells two others two things has signed two links that exclude each other: that is a proof, which anybody
can check who knows the key. Links stand in `_crdt_link`, which is there as soon as the first one is. The changeset of one goes a while
after all members have it, or when something was purged; what was signed of it stays for longer.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import apsw

from crdtsql.base import InvalidChangesetError, memory, query, rounds_rule, sql
from crdtsql.store import Registry, facts
from crdtsql.trust import signers
from crdtsql.wire import NOTHING_BEFORE, Capacity, ChainLink, Changeset, Header, Spilled, bytes_of, unpack

CHAINS = "chains"
"""The fact that says that a file signs its changes as a chain, and keeps the links of others."""
PROVEN_ONLY = "proven_only"
"""The fact that says that a file takes changes from their authors alone, or as these signed them."""
OWN = "chain"
"""The kind of facts that say of a site that this file was, up to which event what it wrote is no part of its chain, and which link was
its last one: so no chain begins anew under one name, whatever becomes of the table."""
FORK = "fork"
"""The kind of facts that hold two links of a site which exclude each other."""
MOST_KEPT = 1_000
"""So many links of a site are known for longer than their changesets are kept."""
MOST_HEADS = 1_000
MOST_TOLD = 10
"""So many links of one site that are told without their changesets are looked at: an honest file tells three."""
KEPT_MS = 30 * 24 * 3600 * 1000
"""So long the changeset of a link is kept at least, unless something is purged."""


class Fork(NamedTuple):
    """Two links of one site that exclude each other.

    Attributes:
        first: the one with the lower number, or that was here first.
        second: another one of that number; or a later one that names another one before it, or begins before the first one ends.
    """

    first: ChainLink
    second: ChainLink


@memory.of_schema
def is_there(connection: apsw.Connection) -> bool:
    """Tell whether any link was ever kept in this file."""
    return query.exists(connection, "main.sqlite_schema", "type = 'table' AND name = '_crdt_link'")


def are_kept(registry: Registry) -> bool:
    """Tell whether this file signs what it writes as a chain, and keeps the links of others."""
    return signers.is_guarded(registry) and bool(registry.number(CHAINS))


def are_required(registry: Registry) -> bool:
    """Tell whether this file takes changes from their authors alone, or as these signed them."""
    return signers.is_guarded(registry) and bool(registry.number(PROVEN_ONLY))


def begin(registry: Registry) -> None:
    """Keep chains from now on; what the local site has written so far is no part of its own."""
    if not is_there(registry.connection):
        registry.connection.execute(sql("trust/chains/create"))
    if not are_kept(registry):
        own = registry.site_id(registry.self_ordinal)
        _write_own(registry, registry.vector().get(own, 0), _own(registry)[1])
        registry.set(CHAINS, 1)
        signers.guard(registry)


def end(registry: Registry) -> None:
    """Keep no chains any more. Which link was the last one stays, for the chain to go on from there."""
    registry.set(CHAINS, 0)
    forget_changesets(registry)


def _own(registry: Registry, site: bytes | None = None) -> tuple[int, ChainLink | None]:
    """Return up to which event what the local site, or one that it was, wrote is no part of its chain, and the last link of that."""
    with suppress(ValueError, TypeError, InvalidChangesetError):
        own = site or registry.site_id(registry.self_ordinal)
        began, link = json.loads(str(registry.get(f"{OWN}:{own.hex()}")))
        return int(began), None if link is None else ChainLink.from_json(link)
    return 0, None


def _write_own(registry: Registry, began: int, link: ChainLink | None) -> None:
    own = registry.site_id(registry.self_ordinal)
    registry.set(f"{OWN}:{own.hex()}", json.dumps([began, None if link is None else link.to_json()]))


def following(registry: Registry, content: Changeset) -> ChainLink:
    """Return the link that a changeset of the local site's own changes becomes, before it is signed."""
    own, (_, before) = content.header.sender, _own(registry)
    number, hashed = (before.number + 1, before.hash) if before else (1, NOTHING_BEFORE)
    since, upto = (vector.get(own, 0) for vector in (content.header.needs, content.header.vector))
    return ChainLink(own, number, since, upto, hashed, content.digest)


def sealed_upto(registry: Registry) -> int:
    """Return up to which event what the local site wrote is in its chain, or came before that began."""
    return _sealed(registry, registry.site_id(registry.self_ordinal))


def _sealed(registry: Registry, site: bytes) -> int:
    began, link = _own(registry, site)
    return max(began, 0 if link is None else link.upto)


def keep(registry: Registry, link: ChainLink, data: bytes | Spilled | None, at_ms: int) -> None:
    """Keep a link, and its changeset, if that is to be passed on; of two with one number that goes on for longer.

    Args:
        at_ms: when it came.
    """
    if not is_there(registry.connection):
        registry.connection.execute(sql("trust/chains/create"))
    values = {
        "site": link.site,
        "number": link.number,
        "since": link.since,
        "upto": link.upto,
        "before": link.before,
        "content": link.content,
        "signature": link.signature,
        "at": at_ms,
        "data": None if data is None else bytes_of(data),
    }
    registry.connection.execute(sql("trust/chains/keep"), values)


def go_on(registry: Registry, link: ChainLink) -> None:
    """Note which link of the local site's chain is the last one, once it is signed; the next one names it.

    Never what came from others: who brings an old link back would have the site sign another one in the place of the one after it.
    """
    _write_own(registry, _own(registry)[0], link)


def check_content(link: ChainLink, received: Changeset) -> None:
    """Check that a link is of the changeset that comes with it.

    Raises:
        InvalidChangesetError: it is of another one.
    """
    header, site = received.header, received.header.sender
    said = site, header.needs.get(site, 0), header.vector.get(site, 0), received.digest
    if said != (link.site, link.since, link.upto, link.content):
        raise InvalidChangesetError("not a sound bundle of changesets: what was signed of one is of another one")


def lacking(registry: Registry, vector: Mapping[bytes, int], room: Capacity) -> Iterator[tuple[ChainLink, bytes]]:
    """Yield the links, with their changesets, that a receiver with a vector lacks and can take, once it took those before.

    In the order in which they came, which is one in which they can be merged; as many as there is room for. None that this file would
    not take itself: its site may have another key since, which nothing leads to, or somebody wrote to our table.
    """
    if not is_there(registry.connection):
        return
    reached, known, waits = dict(vector), signers.read(registry), True
    needs = dict[int, Mapping[bytes, int]]()
    statement = "SELECT id, site, since, upto FROM main._crdt_link WHERE data IS NOT NULL ORDER BY id"
    found = [one for one in query.rows(registry.connection, statement) if one[1] in known]
    while waits:  # a link may have come before one that it builds on: a copied file has what its original signed later
        before, found, waits = found, [], False
        for number, site, since, upto in before:
            if reached.get(site, 0) >= upto:
                continue
            needed = needs.get(number, {site: since})
            one = _with_data(registry, number, known[site]) if rounds_rule.covers(reached, needed) else None
            if one is not None:
                needs[number] = one[2].needs
            if one is None or not rounds_rule.covers(reached, one[2].needs):
                found.append((number, site, since, upto))
                continue
            if not room.takes(one[1]):
                return
            reached[site], waits = upto, True
            yield one[:2]


def changesets_of(registry: Registry, site: bytes, after: int) -> list[bytes]:
    """Return the changesets of a site's links that have events after one, in order."""
    if not is_there(registry.connection):
        return []
    statement = "SELECT data FROM main._crdt_link WHERE site = ? AND upto > ? AND data IS NOT NULL ORDER BY number"
    return [bytes(data) for (data,) in query.rows(registry.connection, statement, (site, after))]


def unsigned_after(registry: Registry) -> dict[bytes, int]:
    """Return after which events there is something of other sites here that no link has which is known: site -> event.

    A copied file begins with what its original had not signed yet. Whoever requires proofs can't pass that on, and asks others for it
    as if it were not here, until somebody brings the link.
    """
    if not (are_required(registry) and is_there(registry.connection)):
        return {}
    vector, own = registry.vector(), registry.site_id(registry.self_ordinal)
    signed = {
        bytes.fromhex(site): _sealed(registry, bytes.fromhex(site))
        for site, _ in facts.of_kind(registry.connection, OWN)
    }
    for site, upto in query.rows(registry.connection, "SELECT site, max(upto) FROM main._crdt_link GROUP BY site"):
        signed[site] = max(upto, signed.get(site, 0))
    return {site: upto for site, upto in signed.items() if site != own and upto < vector.get(site, 0)}


def _with_data(registry: Registry, number: int, signer: signers.Signer) -> tuple[ChainLink, bytes, Header] | None:
    """Return a link, its changeset and that one's header; None if it is not signed, or not of that changeset."""
    statement = "SELECT site, number, since, upto, before, content, signature, data FROM main._crdt_link WHERE id = ?"
    *found, data = query.first(registry.connection, statement, (number,))
    with suppress(InvalidChangesetError):
        link, received = ChainLink.from_json(ChainLink(*found).to_json()), unpack(data)
        check_content(link, received)
        keys = received.header.keys
        leads = signer.key in [step.key for step in keys] and is_signed_with(keys[-1].key, link)  # a later one, perhaps
        return (link, data, received.header) if leads or _is_signed_by(signer, link) else None
    return None


def heads(registry: Registry) -> tuple[ChainLink, ...]:
    """Return what is told of chains beside changesets: the last link of each that is known, and links that exclude each other."""
    if not is_there(registry.connection):
        return ()
    found = list(_read(registry, sql("trust/chains/find_last"), (MOST_HEADS,)))
    for fork in forks(registry).values():
        found += fork
    return tuple(found)


def some_of_each(told: Iterable[ChainLink]) -> dict[ChainLink, bytes]:
    """Return so many of the links that are told without their changesets as are looked at, each with no key."""
    counts, found = Counter[bytes](), dict[ChainLink, bytes]()
    for link in told:
        counts[link.site] += 1
        if counts[link.site] <= MOST_TOLD:
            found[link] = b""
    return found


def find_forks(registry: Registry, told: Mapping[ChainLink, bytes]) -> dict[bytes, Fork]:
    """Look whether links that are told exclude others, or such as are known; return two of each site of which that is proven.

    Only links that are signed count, and of a site that was believed again those after that. Whatever else is told hides nothing.

    Args:
        told: links, each with the key that its changeset names, b"" where it came without one.
    """
    known, of_sites = signers.read(registry), dict[bytes, dict[ChainLink, bytes]]()
    for link, key in told.items():
        if link.site in known and link.upto > known[link.site].pardoned:
            of_sites.setdefault(link.site, {})[link] = key
    forks = ((site, _find_fork(registry, known[site], links)) for site, links in of_sites.items())
    return {site: fork for site, fork in forks if fork is not None}


def _find_fork(registry: Registry, signer: signers.Signer, told: Mapping[ChainLink, bytes]) -> Fork | None:
    chain, kept = dict[ChainLink, bytes](), set[ChainLink]()
    for link, key in told.items():
        place = {"site": link.site, "number": link.number, "pardoned": signer.pardoned}
        beside = [*_read(registry, sql("trust/chains/find_near"), place)]
        if link.hash not in [one.hash for one in beside]:
            kept |= {*beside}
            chain |= {**dict.fromkeys(beside, b""), link: key}
    later = (one for one in chain.items() if one[0].upto > signer.pardoned)
    counting = (link for link, key in later if _is_signed_by(signer, link, key, held=link in kept))
    in_order = sorted(counting, key=lambda link: link.number)
    return next((Fork(*pair) for pair in pairwise(in_order) if _exclude(*pair)), None)


def _exclude(first: ChainLink, second: ChainLink) -> bool:
    """Tell whether no honest site signs two links, the first of which has the lower number or the same."""
    if first.number == second.number or second.since < first.upto:
        return first.hash != second.hash
    follows, touches = second.number == first.number + 1, second.since == first.upto
    return (follows or touches) and not (follows and second.before == first.hash)


def is_signed(registry: Registry, link: ChainLink) -> bool:
    """Tell whether a link is signed with a key that its site has here, and that counted then."""
    signer = signers.read(registry).get(link.site)
    return signer is not None and _is_signed_by(signer, link)


def _is_signed_by(signer: signers.Signer, link: ChainLink, named: bytes = b"", *, held: bool = False) -> bool:
    """Tell whether a link is signed with a key of its site that counted then.

    Args:
        named: the key that its changeset names; b"" if none came with it, and any may be it.
        held: it was taken, so its key counted when it came, whatever is said since of when that was replaced.
    """
    steps = signer.steps
    ends = [step.since for step in steps[1:]] + [link.upto]
    counting = (step.key for step, end in zip(steps, ends, strict=True) if held or link.upto <= end)
    return any(named in (b"", key) and is_signed_with(key, link) for key in counting)


def is_signed_with(key: bytes, link: ChainLink) -> bool:
    """Tell whether a link is signed with a key."""
    from crdtsql.trust import ed25519

    return ed25519.is_signed(key, ed25519.LINK, link.statement, link.signature)


def quarantine(registry: Registry, fork: Fork) -> None:
    """Believe a site no more that signed two links which exclude each other."""
    site = fork.first.site
    before = signers.read(registry).get(site, signers.Signer(site))
    known = registry.vector().get(site, 0)
    until = known if before.until is None else before.until
    signers.write(registry, replace(before, trusted=False, until=until, forked=fork.first.number))
    registry.set(f"{FORK}:{site.hex()}", json.dumps([one.to_json() for one in fork]))


def forks(registry: Registry) -> dict[bytes, Fork]:
    """Return the proofs that are known: site -> two links of it that exclude each other."""
    found = {}
    for site, value in facts.of_kind(registry.connection, FORK):
        # What somebody else wrote there is as good as nothing.
        with suppress(ValueError, TypeError, InvalidChangesetError):
            found[bytes.fromhex(site)] = Fork(*map(ChainLink.from_json, json.loads(str(value))))
    return found


def tidy(registry: Registry, members: Iterable[bytes], now_ms: int) -> None:
    """Forget the changesets of links that came long ago and that all members are known to have, and links of longer ago.

    A replica that nobody here has heard of yet, such as a clone, still gets those that came in the last month.

    Args:
        members: the sites that take part, but for the local one.
    """
    known = registry.peers()
    vectors = [known.get(site, {}) for site in members]
    statement = "SELECT id, site, upto FROM main._crdt_link WHERE data IS NOT NULL AND at < ?"
    done = [
        (number,)
        for number, site, upto in query.rows(registry.connection, statement, (now_ms - KEPT_MS,))
        if all(vector.get(site, 0) >= upto for vector in vectors)
    ]
    registry.connection.executemany("UPDATE main._crdt_link SET data = NULL WHERE id = ?", done)
    registry.connection.execute(sql("trust/chains/forget_old"), {"kept": MOST_KEPT})


def forget_changesets(registry: Registry) -> None:
    """Forget the changesets of all links, which have values that were purged since."""
    if is_there(registry.connection):
        registry.connection.execute("UPDATE main._crdt_link SET data = NULL WHERE data IS NOT NULL")


def _read(registry: Registry, statement: str, values: tuple[object, ...] | dict[str, object]) -> Iterator[ChainLink]:
    if is_there(registry.connection):
        for row in query.rows(registry.connection, statement, values):
            with suppress(InvalidChangesetError):  # what somebody else wrote there is as good as nothing
                yield ChainLink.from_json(ChainLink(*row).to_json())
