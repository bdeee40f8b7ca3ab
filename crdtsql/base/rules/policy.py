"""Policies: the names of the ways in which a table's rows can live, of what one write of a row stamps, of UNIQUE losers, and of ids.

Names only: what a policy means is said where it counts, in `capture`, `fold`, `meet`, `image`, `rows` and `contest`.
"""

from __future__ import annotations

from dataclasses import dataclass

ADD_WINS = "add-wins"
"""A row lives while one of its heads is an add: a write survives a delete that did not know of it."""
DELETE_WINS = "delete-wins"
"""A row lives while none of its heads is a delete: a delete takes every write along that did not know of it."""
GROW_ONLY = "grow-only"
"""Rows are never deleted: the triggers refuse it. Heads count as under add-wins."""
ROW_POLICIES = (ADD_WINS, DELETE_WINS, GROW_ONLY)

BY_COLUMN = "column"
"""An update stamps the columns that it changed."""
BY_ROW = "row"
"""An update stamps all columns that are last-writer-wins, so that concurrent updates don't mix."""
GRANULARITIES = (BY_COLUMN, BY_ROW)

BY_KEY = "key"
"""The primary key is the row: rows that two replicas insert under one key are one row."""
BY_BIRTH = "row"
"""The event that created it is the row; its number is only what it is shown under (decision 0012)."""
IDENTITIES = (BY_KEY, BY_BIRTH)

AUTOINCREMENT = "autoincrement"
"""Ids are taken from blocks of the replica's own (decision 0019)."""

HOLD = "hold"
"""A row that lost a UNIQUE value is held."""
NULL = "null"
"""It is shown with NULL in the columns of the index."""
SUFFIX = "suffix"
"""It is shown with a suffix to its text, or its whole number, in the last column of the index."""
SAME = "same"
"""It is one with the row that has the value (decision 0018): held, and references to it show that row's key."""
UNIQUE_POLICIES = (HOLD, NULL, SUFFIX, SAME)


@dataclass(frozen=True, slots=True, order=True)
class Declared:
    """A reference that was declared to crdtsql alone: it is followed, and never enforced (decision 0022).

    Attributes:
        columns: the uids of the columns that refer.
        parent: the uid of the table that they refer to.
        targets: the uids of its columns.
    """

    columns: tuple[str, ...]
    parent: str
    targets: tuple[str, ...]
