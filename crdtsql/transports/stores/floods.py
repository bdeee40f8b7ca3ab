"""Floods: whether what a store has takes too many rows out of a table, counted over all changesets that a visit takes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from crdtsql.base import DeleteLimit, InvalidChangesetError
from crdtsql.replica import limit_of_each
from crdtsql.wire import unpack

if TYPE_CHECKING:
    from crdtsql.transports.stores.segments import Segment
    from crdtsql.transports.stores.visit import Visit


def check(visit: Visit, path: Sequence[Segment]) -> DeleteLimit | None:
    """Check the changesets that a visit takes, in order; return the limit that each of them must keep by itself.

    Raises:
        TooManyDeletesError: they take too many rows out of a table.
    """
    limit = visit.options.max_deletes
    if limit is None or len(path) < 2:
        return limit
    gone = _count_deleted(visit, path)
    return limit_of_each(visit.replica, limit, gone, lambda copy: (visit.peek_for(copy, segment) for segment in path))


def _count_deleted(visit: Visit, path: Sequence[Segment]) -> int:
    gone = 0
    for segment in path:
        data = visit.peek(segment.stem)
        with suppress(InvalidChangesetError):
            gone += sum(table.gone for table in unpack(data).header.tables) if data is not None else 0
    return gone
