"""Views: what each page shows, read in one look by the thread that works on the file. No HTML here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crdtsql.base import SqliteValue, UnknownRowError, UsageError, clock, from_json, show, value_to_json
from crdtsql.conflicts import Conflict
from crdtsql.history import HistoryEntry
from crdtsql.look import CellOrigin, Graph, KnownMerge, LogEntry, Member, graph, lanes, writer, writer_at
from crdtsql.replica import UNSET, Replica
from crdtsql.transports import http

MOST = 100
"""So many of anything are on one page."""
LANES = 12
"""So many sites have a lane of their own in the graph."""

View = dict[str, Any]


def overview(replica: Replica, token: http.Token) -> View:
    """Show the tables, the members, and what came in last."""
    status = replica.status()
    tables = [one for one in status.tables if not token.others([one.name])]
    names = replica.names()
    view: View = {
        "site": names.get(status.site, status.site[:8]),
        "tables": tables,
        "open_conflicts": sum(one.open_conflicts for one in tables),
        "held_rows": sum(one.held_rows for one in tables),
        "whole": token.tables is None,
        "acting": "" if status.acting is None or token.tables is not None else str(status.acting),
    }
    if token.tables is None:
        view["members"] = [_member(one) for one in replica.members()]
        view["changes"] = _changes(replica.log(limit=10), names)
        view["claims"] = [one.to_json() for one in replica.claims()]
    return view


def conflicts(replica: Replica, token: http.Token) -> View:
    """Show open conflicts, both values side by side."""
    names = replica.names()
    found = [one for table in _tables(replica, token) for one in replica.conflicts(table, open_only=True)]
    found.sort(key=lambda one: one.id)
    return {
        "conflicts": [_conflict(one, names) for one in found[:MOST]],
        "more": max(0, len(found) - MOST),
        "may_write": token.write,
    }


def held(replica: Replica, token: http.Token) -> View:
    """Show rows that tables can't show, and what would release them."""
    found = [one for table in _tables(replica, token) for one in replica.held(table)]
    rows = [
        {
            "table": one.table,
            "key": _key(one.key),
            "reason": one.reason,
            "detail": one.detail,
            "release": one.release,
            "by": "" if one.by is None else str(one.by),
            "values": {name: _text(value) for name, value in one.values.items()},
        }
        for one in found[:MOST]
    ]
    return {"held": rows, "more": max(0, len(found) - MOST)}


def changes(replica: Replica, token: http.Token) -> View:
    """Show what came from others, the newest first, and by whom; to whoever may see all, also the merges of all replicas."""
    names = replica.names()
    found = [one for table in _tables(replica, token) for one in replica.log(table, limit=MOST)]
    found.sort(key=lambda one: one.batch, reverse=True)
    found = found[:MOST]
    view: View = {
        "changes": _changes(found, names),
        "graph": _graph(graph(found, LANES), names),
        "whole": token.tables is None,
    }
    if token.tables is None:
        view["merges"] = _merges(replica.merges(limit=MOST), names)
    return view


def row(replica: Replica, token: http.Token, table: str, key: Sequence[Any]) -> View:
    """Show a row: each cell, who wrote it last, and when; and every value before, if the table keeps a history.

    Raises:
        UsageError: the caller may not see the table, or the key is none.
        UnknownRowError: there is no such row, and no history tells of it.
    """
    if token.others([table]):
        raise UsageError(f"token {token.name} is not for the table {table!r}")
    try:
        parts = tuple(from_json(part) for part in key)
    except ValueError as error:
        raise UsageError(f"the key in the address is none ({error})") from error
    names = replica.names()
    kept = replica.has_history(table)
    written = replica.history(table, *parts, limit=MOST + 1) if kept else []
    known = True
    try:
        cells = replica.blame(table, *parts)
    except UnknownRowError:
        if not written:
            raise
        cells, known = [], False
    columns = zip(replica.key_of(table), parts, strict=True)
    return {
        "table": table,
        "key": _key(parts),
        "columns": [(name, _text(part)) for name, part in columns],
        "cells": [_cell(one, names) for one in cells],
        "kept": kept,
        "history": [_past(one, names) for one in written[: -MOST - 1 : -1]],
        "more": len(written) > MOST,
        "deleted": not known or (bool(cells) and not cells[0].shown),
        "revision": replica.revision(table, *parts),
    }


def settle(replica: Replica, token: http.Token, number: int, present: str, take: str, value: str) -> str:
    """Settle a conflict as a person chose; return what was done.

    Raises:
        UsageError: the caller may not, or the cell was written since the person looked.
    """
    entry = replica.conflict(number)
    if not token.write or token.others([entry.table]):
        raise UsageError(f"token {token.name} may not write {entry.table!r}")
    if entry.present_mark != present:
        raise UsageError(f"the cell of conflict {number} was written since you looked: look again")
    if take == "value":
        replica.resolve(number, value=value, seen=entry)
        return f"conflict {number}: {value} was written"
    if take not in ("ours", "theirs"):
        raise UsageError(f"{take!r} is no side to take")
    done = replica.resolve(number, "ours" if take == "ours" else "theirs", value=UNSET, seen=entry)
    return f"conflict {number}: {_text(done.ours if take == 'ours' else done.theirs)} counts"


def _text(value: SqliteValue) -> str:
    """Write a value for a person: text as it is, all else as SQL has it."""
    return value if isinstance(value, str) else show(value)


def _key(parts: Sequence[SqliteValue]) -> str:
    return ", ".join(map(_text, parts))


def _tables(replica: Replica, token: http.Token) -> list[str | None]:
    """Return the tables that a caller may look at; None for all."""
    if token.tables is None:
        return [None]
    return [one.name for one in replica.status().tables if not token.others([one.name])]


def _cell(one: CellOrigin, names: dict[str, str]) -> View:
    return {
        "column": one.column,
        "value": _text(one.value),
        "by": writer(one, names, 8),
        "site": one.site,
        "at": one.time,
        "genesis": one.genesis,
    }


def _past(one: HistoryEntry, names: dict[str, str]) -> View:
    return {
        "did": one.did,
        "values": {name: _text(value) for name, value in one.values.items()},
        "by": "" if one.did == "before" else writer(one, names, 8),
        "site": one.site,
        "at": one.time,
    }


def _member(one: Member) -> View:
    lacks = "" if one.is_this_file else "unknown"
    if one.peer is not None:
        lacks = (
            f"{one.peer.missing_rows:,} rows, {one.peer.behind_ms / 1000:,.0f} s"
            if one.peer.missing_sites
            else "nothing"
        )
    return {
        "site": one.site,
        "name": one.name or one.site[:8],
        "is_this_file": one.is_this_file,
        "wrote": clock.show_time(one.wrote_hlc) if one.wrote_hlc else "nothing",
        "heard": "" if one.is_this_file else clock.show_time(one.heard_hlc) if one.heard_hlc else "never",
        "lacks": lacks,
        "behind": one.peer is not None and bool(one.peer.missing_sites),
        "compaction": one.compaction or "",
    }


def _changes(entries: Sequence[LogEntry], names: dict[str, str]) -> list[View]:
    return [
        {
            "table": one.table,
            "key": _key(one.key),
            "parts": [value_to_json(part) for part in one.key],
            "did": one.did,
            "columns": ", ".join(one.columns),
            "by": writer(one, names, 8),
            "site": one.site,
            "at": one.time,
            "held": one.held,
        }
        for one in entries
    ]


def _graph(found: Graph, names: dict[str, str]) -> View:
    """Say in which lanes the dots of each merge are; writes of sites without a lane of their own share the last one."""
    lanes = {site: lane for lane, site in enumerate(found.sites)}
    lines = []
    for arrival in found.arrivals:
        dots: dict[int, int] = {}
        for site, rows in arrival.rows.items():
            lane = lanes.get(site, LANES - 1)
            dots[lane] = dots.get(lane, 0) + rows
        lines.append((arrival.time, [{"lane": lane, "rows": rows} for lane, rows in sorted(dots.items())]))
    return {"sites": [names.get(site, site[:8]) for site in found.sites], "lines": lines}


def _merges(found: Sequence[KnownMerge], names: dict[str, str]) -> View:
    """Say in which lanes each merge is: of who merged, and of whose writes; sites without a lane of their own share the last one."""
    order = lanes(found, LANES)
    lane = {site: number for number, site in enumerate(order)}
    lines = [
        {
            "at": one.time,
            "by": names.get(one.site, one.site[:8]),
            "lane": lane.get(one.site, LANES - 1),
            "saw": [
                {
                    "name": names.get(site, site[:8]),
                    "lane": lane.get(site, LANES - 1),
                    "upto": clock.show_time(upto),
                }
                for site, upto in one.saw.items()
            ],
        }
        for one in found
    ]
    return {"sites": [names.get(site, site[:8]) for site in order], "lines": lines}


def _conflict(one: Conflict, names: dict[str, str]) -> View:
    return {
        "number": one.id,
        "table": one.table,
        "key": _key(one.key),
        "parts": [value_to_json(part) for part in one.key],
        "column": one.column + (f" {one.part}" if one.part else ""),
        "ours": _text(one.ours),
        "theirs": _text(one.theirs),
        "ours_by": writer_at(one.ours_site, one.ours_by, names, 8),
        "theirs_by": writer_at(one.theirs_site, one.theirs_by, names, 8),
        "took": one.took,
        "deleted": one.deleted,
        "present": one.present_mark,
    }
