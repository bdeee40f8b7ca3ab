"""Permissions: what a site may write here, checked on its events in whatever changeset they come (decision 0039).

A site with a permission speaks for itself alone: what it sends may bring nothing of other sites. Else it would write under their
names. Invariant: a changeset that passes changes no row that its limited sites may not write.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

import apsw

from crdtsql.base import (
    WORD_BITS,
    Agreement,
    NotAllowedError,
    Sql,
    fragment,
    integer,
    joined,
    naming,
    query,
    sql,
    suggest,
)
from crdtsql.store import Registry, facts, retired
from crdtsql.trust import chains, signers
from crdtsql.wire import Header, Site, TableHeader, image

KIND = "allow"
HISTORY_KEY = ("at", "site", "op")
"""The key of a history: when something was written, by which site, and what."""
NO_SITE = -1
"""No site has this ordinal in a changeset: the own one of a sender that is not listed there, because it wrote nothing."""
MASKS = 100
"""Of so many columns at a time it is asked what was sent, because SQLite bounds how deep an expression is."""


@dataclass(frozen=True, slots=True)
class Permission:
    """What a site may write here. Whatever else it says, the site may bring its own changes alone.

    Attributes:
        site: its id, as hex.
        tables: uids of the tables that it may write, sorted; None for all.
        deletes: whether it may delete rows.
    """

    site: str
    tables: tuple[str, ...] | None = None
    deletes: bool = True

    def covers(self, uid: str) -> bool:
        """Tell whether it lets the site write a table, or the history of one."""
        return self.tables is None or naming.with_history(uid) in self.tables

    def to_json(self) -> dict[str, Any]:
        """Return it as `--json` prints it."""
        return asdict(self)

    def __str__(self) -> str:
        tables = "all tables" if self.tables is None else ", ".join(self.tables) or "no table"
        return f"{tables}{'' if self.deletes else ', no deletes'}; its own changes alone"


def read(registry: Registry) -> dict[bytes, Permission]:
    """Return the permissions of sites that have one; the others may write anything.

    What can't be read lets a site write nothing: whoever limited it did not mean that it may write all.
    """
    found = {}
    for site, value in facts.of_kind(registry.connection, KIND) if signers.is_guarded(registry) else ():
        if value is None:
            continue
        permission = Permission(site, (), deletes=False)
        with suppress(ValueError, TypeError, KeyError):
            said = json.loads(str(value))
            tables = None if said["tables"] is None else tuple(map(str, said["tables"]))
            permission = Permission(site, tables, deletes=said["deletes"] is True)
        with suppress(ValueError):
            found[bytes.fromhex(site)] = permission
    return found


def limits(registry: Registry) -> Callable[[bytes], Permission | None] | None:
    """Return what says of a site what it may write here, None if it may write anything; or None if all may.

    Where proofs are required every site but the local one speaks for itself alone.
    """
    said = read(registry)
    if not chains.are_required(registry):
        return said.get if said else None
    own = registry.site_id(registry.self_ordinal)
    return lambda site: said.get(site) or (Permission(site.hex()) if site != own else None)


def is_limited(registry: Registry, site: bytes) -> bool:
    """Tell whether a site may not write anything here, and so speaks for itself alone."""
    limit = limits(registry)
    return limit is not None and limit(site) is not None


def write(registry: Registry, permission: Permission) -> None:
    """Limit what a site may write."""
    said = {"tables": permission.tables, "deletes": permission.deletes}
    registry.set(f"{KIND}:{permission.site}", json.dumps(said))
    signers.guard(registry)


def clear(registry: Registry, site: bytes) -> None:
    """Let a site write anything, and speak for others."""
    registry.set(f"{KIND}:{site.hex()}", None)


def own_words(registry: Registry, header: Header, known: Agreement) -> Header:
    """Return what a changeset says beside its events, but for what a limited sender says of others.

    Args:
        known: what is known here of rounds.
    """
    if not is_limited(registry, header.sender):
        return header
    sender = header.sender
    own = {site.ordinal for site in header.sites if site.id == sender}
    known_sites = registry.ordinals()
    return replace(
        header,
        sites=tuple(site for site in header.sites if site.upto or site.id == sender or site.id in known_sites),
        tables=tuple(table if table.rows else replace(table, old_numbers=(), rests=False) for table in header.tables),
        eras={uid: era for uid, era in header.eras.items() if registry.find_uid(uid) is not None},
        unseen=tuple(one for one in header.unseen if one.site in own),
        purges=tuple(one for one in header.purges if one.site in own),
        lanes={site: lane for site, lane in header.lanes.items() if site == sender},
        names={site: name for site, name in header.names.items() if site == sender},
        starts={site: line for site, line in header.starts.items() if site == sender},
        compaction=known.own_word(sender, header.compaction),
        retired={},
    )


def check(registry: Registry, header: Header, database: str) -> None:
    """Check that a changeset, which is laid open, has nothing that a site may not write here.

    Raises:
        NotAllowedError: it has.
    """
    limit = limits(registry)
    if limit is None:
        return
    vector = retired.vector_with(registry, header.vector)
    for site in header.sites:
        permission = limit(site.id)
        if permission is not None:
            seen = vector.get(site.id, 0)
            _refuse(
                registry, header, permission, _broken(registry.connection, header, site, permission, database, seen)
            )
    permission = limit(header.sender)
    if permission is None:
        return
    _check_own(registry, header, permission)
    own = next((site.ordinal for site in header.sites if site.id == header.sender), NO_SITE)
    if any(_brings(header)):
        _leave_out_others(registry.connection, header, own, database)
    else:
        _refuse(registry, header, permission, _of_others(registry.connection, header, own, database))
    for table in ("merged", "acted") if header.acted else ("merged",):
        registry.connection.execute(f"DELETE FROM {database}.{table} WHERE site <> ?", (own,))


def _refuse(registry: Registry, header: Header, permission: Permission, broken: Iterator[str]) -> None:
    """Refuse a changeset if anything is said of it.

    Raises:
        NotAllowedError: something is.
    """
    for what in broken:
        allow = suggest.command("allow", registry.path, permission.site)
        raise NotAllowedError(
            f"the changeset of site {header.sender.hex()} {what}, which site {permission.site} may not do here "
            f"({permission}): nothing was changed; {allow} shows and changes what it may do",
            permission.site,
        )


def check_unlimited(registry: Registry, header: Header) -> None:
    """Check that the sender of a changeset may bring what others wrote, as its whole state does.

    Raises:
        NotAllowedError: it may not.
    """
    permission = read(registry).get(header.sender)
    if permission is not None:
        raise NotAllowedError(
            f"the changeset has all that site {permission.site} knows, which may bring its own changes alone here "
            f"({permission}): nothing was changed; take that of another replica",
            permission.site,
        )


def _check_own(registry: Registry, header: Header, permission: Permission) -> None:
    """Check that a sender that speaks for itself alone brings no changes of others that are not here.

    Raises:
        NotAllowedError: it does; what it wrote itself can be taken once these have come from others.
    """
    ours = retired.vector_with(registry, header.vector)
    more = next((site for site in _brings(header) if site.upto > ours.get(site.id, 0)), None)
    if more is not None:
        raise NotAllowedError(
            f"the changeset of site {permission.site} brings changes of other sites, the first of them {more.id.hex()}, which it may "
            f"not do here ({permission}): nothing was changed; what it wrote itself is taken once {registry.path} has got these "
            "from others",
            permission.site,
            waits=True,
        )


def _brings(header: Header) -> Iterator[Site]:
    """Yield the other sites of which a changeset has changes."""
    return (site for site in header.sites if site.id != header.sender and site.upto > site.needs)


def _leave_out_others(connection: apsw.Connection, header: Header, own: int, database: str) -> None:
    """Leave out the cells that others wrote, which all are here: so a changeset is as its sender would have made it for this file."""
    for number in header.numbers:
        for place in range(len(header.tables[number - 1].columns)):
            value, t, s = image.cell(place)
            slots = {
                "word": image.words(place + 1)[-1],
                "bit": integer(place % WORD_BITS),
                "value": value,
                "t": t,
                "s": s,
            }
            row_table = image.row_table(number)
            statement = sql("trust/permissions/leave_out", image=Sql(database), row_table=row_table, **slots)
            connection.execute(statement, {"site": own})


def _broken(
    connection: apsw.Connection, header: Header, site: Site, permission: Permission, database: str, seen: int
) -> Iterator[str]:
    """Say what a site wrote that it may not write, as far as that is new here."""
    if site.upto <= seen:
        return
    values = {"site": site.ordinal, "seen": seen}
    for number in header.numbers:
        table = header.tables[number - 1]
        allowed = permission.covers(table.uid)
        entries = _find_entries(table, number, database) if _is_history(table) else None
        if entries is not None and query.first(connection, entries, values | {"id": site.id}):
            yield f"has entries of table {table.name!r} about what others wrote"
        if allowed and permission.deletes:
            continue
        found = query.first(connection, _find_written(table, number, database, allowed=allowed), values)
        if found:
            yield f"{'deletes rows of' if allowed else 'writes'} table {table.name!r}"
    for purge in header.purges:
        if purge.site == site.ordinal and purge.hlc > seen:
            if not permission.covers(purge.uid):
                yield f"purges rows of table {purge.uid!r}"
            elif not permission.deletes:
                yield f"deletes rows of table {purge.uid!r}"


def _find_written(table: TableHeader, number: int, database: str, *, allowed: bool) -> str:
    slots = {"image": Sql(database), "row_table": image.row_table(number), "head_table": image.head_table(number)}
    if allowed:
        return sql("trust/permissions/find_deleted", **slots)
    cells = _new_cells(table)
    parts = (
        fragment("trust/permissions/any_part", part_table=image.part_table(number), image=slots["image"])
        if image.typed_columns(table)
        else Sql("")
    )
    return sql("trust/permissions/find_written", cells=cells, parts=parts, **slots)


def _is_history(table: TableHeader) -> bool:
    return table.key == HISTORY_KEY and naming.is_history(table.uid)


def _find_entries(table: TableHeader, number: int, database: str) -> str:
    slots = {"image": Sql(database), "row_table": image.row_table(number)}
    return sql("trust/permissions/find_entries", cells=_new_cells(table), **slots)


def _new_cells(table: TableHeader) -> Sql:
    return joined((Sql(f", {_is_new(t, s)}") for _, t, s in map(image.cell, range(len(table.columns)))), "")


def _is_new(t: Sql, s: Sql) -> Sql:
    return fragment("trust/permissions/is_new", t=t, s=s)


def _of_others(connection: apsw.Connection, header: Header, own: int, database: str) -> Iterator[str]:
    """Say under which names of others a sender writes that speaks for itself alone."""
    for number in header.numbers:
        table = header.tables[number - 1]
        places = range(len(table.columns))
        for first in range(0, len(places), MASKS):
            cells = joined((Sql(f", {_is_strange(place)}") for place in places[first : first + MASKS]), "")
            statement = sql(
                "trust/permissions/find_strange", image=Sql(database), row_table=image.row_table(number), cells=cells
            )
            if query.first(connection, statement, {"site": own}):
                yield f"has values of table {table.name!r} that others are said to have written"
                return


def _is_strange(place: int) -> Sql:
    _, _, s = image.cell(place)
    word, bit = image.words(place + 1)[-1], integer(place % WORD_BITS)
    return fragment("trust/permissions/is_strange", word=word, bit=bit, s=s)
