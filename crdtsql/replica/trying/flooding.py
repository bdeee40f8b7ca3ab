"""Flooding: how many rows several changesets take away together, which are merged one after another."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from crdtsql.base import ChangesetError, DeleteLimit

if TYPE_CHECKING:
    from crdtsql.replica.trying.rehearsed import Rehearsed
    from crdtsql.wire import Spilled


def limit_of_each(
    replica: Any,
    limit: DeleteLimit | None,
    gone: int,
    changesets: Callable[[Rehearsed], Iterable[bytes | Spilled | None]],
) -> DeleteLimit | None:
    """Check how many rows changesets take away that a replica is to merge; return the limit that each must keep by itself.

    Each is merged by itself, so that several could take by and by what none of them may. Where they have more deletes together than
    may be, they are merged into a copy first, and what disappears is counted there. Fewer deletes than that, which take many other
    rows along, are counted by each merge alone.

    Args:
        gone: how many deletes they have in all.
        changesets: gives them, in order, None for one that will be left out.

    Raises:
        TooManyDeletesError: they take too many rows out of a table.
    """
    if limit is None or limit.allows(gone, gone):
        return limit
    with replica.rehearsal() as copy:
        copy.notice_level = logging.DEBUG  # the merge itself will tell
        with copy.within(limit):
            for data in changesets(copy):
                with suppress(ChangesetError):  # it will be left out
                    if data is not None:
                        copy.merge(data)
    return None
