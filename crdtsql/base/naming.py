"""The names of everything that crdtsql puts into a database.

Machinery begins with `_crdt_`, views for people with `crdt_`. A table's own clock, held rows and heads carry the
table's name; their columns carry the stable column id, so that renaming a column changes nothing of ours.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache

from crdtsql.base.sqltext import Sql, identifier

PREFIXES = ("_crdt_", "crdt_")
HISTORY = "crdt_history_"
"""How the name of a table with the history of another one begins."""
WORD_BITS = 60
"""Value columns per mask word: the 64 bits of an integer, less the sign and some room."""
KEPT_TOGETHER = 8
"""Of so many value columns the values that an update replaced stand together until they are in the history."""
MANY_COLUMNS = 20
"""From so many columns on, statements that name all of them take longer to compile than to run on few rows; so where few cells were
written, it is found out of which columns they are."""


def is_site_name(text: str) -> bool:
    """Tell whether a site can be called so: 1 to 64 characters that can be printed, no space around them.

    >>> is_site_name("Ada's laptop"), is_site_name("a\\nb"), is_site_name(" a"), is_site_name("")
    (True, False, False, False)
    """
    return 0 < len(text) <= 64 and text.isprintable() and text == text.strip()


def call_site(site: str, names: Mapping[str, str]) -> str:
    """Name a site for a person: by its name, where it has one, with so much of its id that two of one name differ.

    >>> call_site("a1" * 16, {"a1" * 16: "laptop"}), call_site("b2" * 4, {})
    ('laptop (a1a1a1a1)', 'b2b2b2b2')
    """
    return f"{names[site]} ({site[:8]})" if site in names else site


def clock(table: str) -> Sql:
    """Name the clock table."""
    return identifier(f"_crdt_clock_{table}")


def clock_index(table: str) -> Sql:
    """Name the clock's index by `seq`."""
    return identifier(f"_crdt_seq_{table}")


def kept_index(table: str) -> Sql:
    """Name the index of the rows that are held for another reason than a delete."""
    return identifier(f"_crdt_kept_{table}")


def held(table: str) -> Sql:
    """Name the table of held rows."""
    return identifier(f"_crdt_held_{table}")


def heads(table: str) -> Sql:
    """Name the overflow table for rows with several heads."""
    return identifier(f"_crdt_heads_{table}")


def born(table: str) -> Sql:
    """Name the table of births of rows whose number is not their name."""
    return identifier(f"_crdt_born_{table}")


def born_index(table: str) -> Sql:
    """Name the index of renumbered rows by the number that they ask for."""
    return identifier(f"_crdt_was_{table}")


def moved(table: str) -> Sql:
    """Name the table of the rows that stand under another key than their own; it is there once there was one."""
    return identifier(f"_crdt_moved_{table}")


def parts(table: str) -> Sql:
    """Name the table of the parts of typed cells."""
    return identifier(f"_crdt_parts_{table}")


def parked(table: str) -> Sql:
    """Name the table of the cells of columns that the user's table does not have."""
    return identifier(f"_crdt_parked_{table}")


def absent(table: str) -> str:
    """Name the placeholder for a table that is not in this file; the caller quotes it."""
    return f"_crdt_absent_{table}"


def tables_of(table: str) -> list[str]:
    """List the names that tables of ours for one table can have; the caller quotes them."""
    return [f"_crdt_{what}_{table}" for what in ("clock", "held", "heads", "parts", "parked", "born", "moved")]


def trigger(table: str, what: str) -> str:
    """Name a capture trigger; the caller quotes it."""
    return f"_crdt_{what}_{table}"


def is_ours(name: str) -> bool:
    """Tell whether a table, view or trigger belongs to crdtsql; a table's history is a table like those of the user's.

    >>> is_ours("_crdt_log"), is_ours("task"), is_ours("crdt_history"), is_ours("crdt_history_task")
    (True, False, True, False)
    """
    return name.lower().startswith(PREFIXES) and not is_history(name)


def history(uid: str) -> str:
    """Name the table with the history of a table that has this uid; the caller quotes it."""
    return HISTORY + uid


def is_history(name: str) -> bool:
    """Tell whether a table has the history of another one."""
    return name.lower().startswith(HISTORY)


def with_history(name: str) -> str:
    """Name the table that a permission must cover: of a history the one whose it is, else the table itself.

    >>> with_history("crdt_history_task"), with_history("task")
    ('task', 'task')
    """
    return name[len(HISTORY) :] if is_history(name) else name


def kept_key(uid: str) -> str:
    """Name a key column in the history, by its uid; the caller quotes it."""
    return f"k_{uid}"


def kept_value(uid: str) -> str:
    """Name a value column in the history, by its uid; the caller quotes it."""
    return f"v_{uid}"


def of_kept_value(name: str) -> str | None:
    """Return the uid of which a column of a history has the values, None if it has others."""
    return name[2:] if name.startswith("v_") else None


def gone(uid: str, names: Collection[str]) -> str:
    """Name a column in the past that is gone from its table: as it began, and apart from the one that has that name now."""
    return f"{uid} (gone)" if uid in names else uid


def kept_before(uid: str) -> str:
    """Name what a typed column was before a write, in the history; the caller quotes it."""
    return f"o_{uid}"


def replaced(column_id: int) -> tuple[int, Sql]:
    """Say where the value of a column is that an update replaced: the part, and the column of it."""
    part, place = divmod(column_id, KEPT_TOGETHER)
    return part, Sql(f"o{place}")


@lru_cache(maxsize=4096)
def key(position: int) -> Sql:
    """Name the key column at a position (1 for the first) in clocks, logs and changesets."""
    return Sql(f"k{int(position)}")


@lru_cache(maxsize=4096)
def value(column_id: int) -> Sql:
    """Name a value column in held rows and changesets."""
    return Sql(f"v{int(column_id)}")


@lru_cache(maxsize=4096)
def stamp_t(column_id: int) -> Sql:
    """Name the clock column that holds the hlc of a cell's stamp."""
    return Sql(f"c{int(column_id)}_t")


@lru_cache(maxsize=4096)
def stamp_s(column_id: int) -> Sql:
    """Name the clock column that holds the site of a cell's stamp."""
    return Sql(f"c{int(column_id)}_s")


@lru_cache(maxsize=4096)
def word(number: int) -> Sql:
    """Name a bit mask word (bit n of word w stands for the value column at 60 * w + n)."""
    return Sql(f"p{int(number)}")
