"""Members: which sites a file knows, when each was last heard of, and what each is last known to lack. Only reads a folded registry.

Nothing is written for it: the version vector says up to when a site wrote, `_crdt_peer` what it was last seen to have. Whatever a site
has, it had when it was seen, so the newest of both is a time at which it was there.

A site that writes after a merge says what it had merged (`_crdt_merged`), and that travels with its writes. So of merges those alone
are known after which a replica wrote something, and compaction forgets those that nobody asks for any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from crdtsql.base import RETIRED, Agreement, Now, clock, query, sql
from crdtsql.compaction import floor, silence
from crdtsql.look.status import PeerStatus, peer_status
from crdtsql.store import Registry, names, retired


@dataclass(frozen=True, slots=True)
class Member:
    """One site that a file knows.

    Attributes:
        name: what it is called, None where that is not known here.
        is_this_file: it is the site that the file writes as now.
        wrote_hlc: stamp of its newest event that is here, 0 if there is none.
        heard_hlc: the newest time at which it is known to have been there, by what it wrote and what it told; 0 where nothing tells.
        peer: what it lacked when it last told what it had; None if it never told this file, and of this file itself.
        compaction: `ended`: it writes no more, so nobody waits for it; `agreed` or `awaited`: whether it has agreed to what is to be
            forgotten next; `silent`: it has not for so long that the next `compact` ends it; None while nothing is to be
            forgotten, or where it need not agree.
        awaited_since_ms: since when this file waits for it to agree, in milliseconds since 1970; None if it does not.
    """

    site: str
    name: str | None
    is_this_file: bool
    wrote_hlc: int
    heard_hlc: int
    peer: PeerStatus | None
    compaction: str | None = None
    awaited_since_ms: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the member as `--json` prints it."""
        shown = asdict(self) | {"wrote_hlc": str(self.wrote_hlc), "heard_hlc": str(self.heard_hlc)}
        for what in ("wrote", "heard"):
            hlc = getattr(self, f"{what}_hlc")
            shown[f"{what}_time"] = clock.show_time(hlc) if hlc else None
        return shown


def members(registry: Registry, now: Now) -> list[Member]:
    """List the sites: this file's, then the others, those that were heard of last first.

    Cost: for each one that lacks something, reads the rows that changed since then.
    """
    vector, told, known = retired.told_vector(registry), registry.peers(), names.read(registry)
    agreement, over = floor.read(registry), {RETIRED, *retired.named(registry)}
    awaited = agreement.missing(vector) if agreement.is_open else set()
    since, longest = silence.awaited_since(registry), silence.silent_ms(registry)
    silent = {*silence.find(registry, longest, now)} if longest else set()
    found = []
    for ordinal, site, upto in registry.sites():
        if site in over:
            continue
        seen = None if ordinal == registry.self_ordinal else told.get(site)
        found.append(
            Member(
                site=site.hex(),
                name=known.get(site, ("", 0))[0] or None,
                is_this_file=ordinal == registry.self_ordinal,
                wrote_hlc=upto,
                heard_hlc=max(upto, *(seen or {}).values(), 0),
                peer=None if seen is None else peer_status(registry, site, seen, vector),
                compaction="silent" if site in silent & awaited else _standing(agreement, awaited, site),
                awaited_since_ms=since.get(site) if site in awaited else None,
            )
        )
    return sorted(found, key=lambda one: (not one.is_this_file, -one.heard_hlc, one.site))


def _standing(agreement: Agreement, awaited: set[bytes], site: bytes) -> str | None:
    if site in agreement.ends:
        return "ended"
    if site in agreement.acks:
        return "agreed"
    return "awaited" if site in awaited else None


@dataclass(frozen=True, slots=True)
class KnownMerge:
    """What one site had merged when it wrote on, beyond what it had merged when it did so before.

    Attributes:
        site: id of the site that merged, as hex.
        hlc: stamp of its first write afterwards.
        saw: whose writes: site -> stamp of the last one of them; the latest first.
    """

    site: str
    hlc: int
    saw: dict[str, int] = field(default_factory=dict)

    @property
    def time(self) -> str:
        """Return when the site wrote on, by its clock, UTC, ISO 8601."""
        return clock.show_time(self.hlc)

    def to_json(self) -> dict[str, Any]:
        """Return the merge as `--json` prints it."""
        return {
            "site": self.site,
            "hlc": str(self.hlc),
            "time": self.time,
            "saw": {site: str(hlc) for site, hlc in self.saw.items()},
        }


def merges(registry: Registry, limit: int | None) -> list[KnownMerge]:
    """List the merges of all sites, the latest first.

    Args:
        limit: at most so many, None for all.
    """
    found: list[KnownMerge] = []
    statement = sql("look/members/list_merges")
    for site, at, peer, upto in query.rows(registry.connection, statement, {"limit": -1 if limit is None else limit}):
        if not found or (found[-1].site, found[-1].hlc) != (site, at):
            found.append(KnownMerge(site, at))
        found[-1].saw[peer] = upto
    return found


def lanes(found: Iterable[KnownMerge], most: int) -> tuple[str, ...]:
    """Return the sites that have a lane of their own in a drawing of merges, those that the latest ones name first."""
    named = (site for one in found for site in (one.site, *one.saw))
    return tuple(dict.fromkeys(named))[:most]
