"""Seen: what a site had merged before its events, written down as far as it grew since the last time.

Who folds after each write asks that of thousands of sites, though none or one of them wrote meanwhile. So it is kept for which vector
it was written down last.
"""

from __future__ import annotations

import json
from functools import partial

import apsw

from crdtsql.base import memory, sql
from crdtsql.store import facts
from crdtsql.store.vectors import sites


def record(connection: apsw.Connection, site: int, at: int) -> None:
    """Record what a site, given by its ordinal, had merged before its event `at`.

    Whoever deletes records calls `memory.forget_rows`.
    """
    now = sites.known(connection)
    last = memory.told(connection, "recorded", partial(facts.state, connection))
    risen = now.risen_since(last[1]) if last is not None and last[0] == site else None
    if risen is None:
        connection.execute(sql("store/vectors/seen/record_all"), {"self": site, "at": at})
    elif risen - {site}:
        values = {"self": site, "at": at, "risen": json.dumps(sorted(risen))}
        connection.execute(sql("store/vectors/seen/record_risen"), values)
    memory.replace_row(connection, "recorded", (site, now))
