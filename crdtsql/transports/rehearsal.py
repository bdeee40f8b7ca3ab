"""Rehearsal: what a sync would change, row by row. Everything is merged into a copy that nobody keeps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import apsw

from crdtsql.base import SqliteValue, identifier, joined, query
from crdtsql.merge import MergeReport
from crdtsql.replica import Replica, RowChange, SyncOptions, SyncReport
from crdtsql.transports import scope
from crdtsql.transports.interface import Peer, Request, Response

Rows = dict[tuple[SqliteValue, ...], dict[str, SqliteValue]]


def with_peer(replica: Replica, peer: Peer, known: Response, options: SyncOptions) -> SyncReport:
    """Say what a sync with a peer would change here, and what would be sent there."""
    report = SyncReport(peer.address, MergeReport(known.site, known=True))
    vector = replica.vector()
    if options.pull:
        found = peer.exchange(Request(replica.site, vector, replica.lanes_known()))
        if found.changeset:
            report.received, report.received_bytes = 1, len(found.changeset)
            merged_into_copy(replica, [found.changeset], report, options)
    if options.push and replica.has_news_for(known.vector, known.lanes):
        report.cells = replica.changes(known.vector)
    return report


def merged_into_copy(replica: Replica, changesets: Sequence[bytes], report: SyncReport, options: SyncOptions) -> None:
    """Merge changesets into a copy, and note in the report which rows differ afterwards."""
    with replica.rehearsal() as copy:
        for data in changesets:
            scope.check(data, options, report.remote)
            report.here.add(copy.merge(data, refuse_unrelated=options.refuse_unrelated))
        changed = sorted(report.here.tables)
        report.rows = [row for table in changed for row in _differences(table, replica, copy)]


def _differences(table: str, before: Replica, after: Replica) -> Iterator[RowChange]:
    registered = after.registry.table(table)
    columns = registered.names
    old, new = (_rows(one.connection, table, columns, len(registered.key)) for one in (before, after))
    for key in sorted(old.keys() | new.keys(), key=repr):
        was, now = old.get(key), new.get(key)
        if was is None and now is not None:
            yield RowChange(table, key, "inserted", now)
        elif now is None and was is not None:
            yield RowChange(table, key, "deleted", was)
        elif was is not None and now is not None and was != now:
            yield RowChange(
                table, key, "updated", {name: value for name, value in now.items() if value != was.get(name)}
            )


def _rows(connection: apsw.Connection, table: str, columns: Sequence[str], key_count: int) -> Rows:
    statement = f"SELECT {joined(identifier(name) for name in columns)} FROM main.{identifier(table)}"
    return {
        tuple(row[:key_count]): dict(zip(columns[key_count:], row[key_count:], strict=True))
        for row in query.rows_to_show(connection, statement)
    }
