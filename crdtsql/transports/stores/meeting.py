"""Meeting: whether a replica and a store were filled separately, which is asked before anything is put there.

Who is refused must leave nothing: what is in a store is everybody's, and all who have met in it would be refused from then on. What is
put must be made before anything is taken (decision 0026), so what would be taken is merged into a copy first. That is seldom:
vectors, and then headers, tell of nearly all segments that their writers and this replica have met.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from crdtsql.base import ChangesetError, FilledSeparatelyError, InvalidChangesetError
from crdtsql.merge import unrelated
from crdtsql.replica import asked
from crdtsql.transports.stores.reach import plan
from crdtsql.wire import unpack

if TYPE_CHECKING:
    from crdtsql.transports.stores.segments import Segment
    from crdtsql.transports.stores.visit import Visit


def check(visit: Visit) -> None:
    """Check that what the store has can be taken without rows becoming one that were filled separately, also if it is not to be taken.

    Raises:
        FilledSeparatelyError: it can't.
    """
    if not visit.options.pull and not asked(visit.replica, unrelated.may_be, visit.vector):
        return  # what it only gives is there already
    path = plan(list(visit.found.values()), visit.had)
    if not any(_is_strange(visit, segment) for segment in path):
        return
    with visit.replica.rehearsal() as copy:
        copy.notice_level = logging.DEBUG  # the merge itself will tell
        for segment in path:
            data = visit.peek_for(copy, segment)
            if data is None:
                continue
            try:
                copy.merge(data, refuse_unrelated=True)
            except FilledSeparatelyError:
                raise
            except ChangesetError:
                continue  # it will be left out


def _is_strange(visit: Visit, segment: Segment) -> bool:
    """Tell whether this replica and the writer of a segment filled something separately."""
    if not asked(visit.replica, unrelated.may_be, segment.upto):
        return False
    data = visit.peek(segment.stem)
    with suppress(InvalidChangesetError):
        return data is not None and bool(asked(visit.replica, unrelated.find, unpack(data).header))
    return False
