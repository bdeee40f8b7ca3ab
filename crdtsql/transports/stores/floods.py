"""Floods: whether what a store has takes too many rows out of a table, counted over all changesets that a visit takes.

Each is merged by itself, so that several could take by and by what none of them may. Where they have more deletes together than
may be, they are merged into a copy first, and what disappears is counted there. Fewer deletes than that, which take many other rows
along, are counted by each merge alone.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from crdtsql.base import ChangesetError, DeleteLimit, InvalidChangesetError
from crdtsql.shown import vanishing
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
    if limit is None or len(path) < 2 or limit.allows(gone := _count_deleted(visit, path), gone):
        return limit
    with visit.replica.rehearsal() as copy:
        copy.notice_level = logging.DEBUG  # the merge itself will tell
        tables = copy.registry.tables()
        names = frozenset(table.name for table in tables)
        with vanishing.guarded(copy.registry, vanishing.Allowed(limit, names), tables) as guard:
            for segment in path:
                data = visit.peek_for(copy, segment)
                with suppress(ChangesetError):  # it will be left out
                    if data is not None:
                        copy.merge(data)
            guard.count(names)
    return None


def _count_deleted(visit: Visit, path: Sequence[Segment]) -> int:
    gone = 0
    for segment in path:
        data = visit.peek(segment.stem)
        with suppress(InvalidChangesetError):
            gone += sum(table.gone for table in unpack(data).header.tables) if data is not None else 0
    return gone
