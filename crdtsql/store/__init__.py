"""What do our own tables in the file say?"""

from typing import TYPE_CHECKING

from crdtsql.base import door

if TYPE_CHECKING:
    from crdtsql.store import catalogue, columns, damage, facts, lanes, names, remotes, unlisted
    from crdtsql.store.book import Book, Folded
    from crdtsql.store.catalogue import Registered
    from crdtsql.store.causality import Causality, Stamp
    from crdtsql.store.damage import Damage, Remedy
    from crdtsql.store.identity import (
        Actor,
        Writers,
        acting,
        copies,
        retired,
        said,
        secretfiles,
        starts,
        state_directory,
    )
    from crdtsql.store.logged import CHANCE_BITS, Logged, has_pending
    from crdtsql.store.progress import PROGRESS_DETAIL
    from crdtsql.store.registry import FORMAT, LIMITS, Registry, kept_index
    from crdtsql.store.tables import FIRST_PARKED, FIRST_UPDATE_OP, INSERT_OP, Field, Table
    from crdtsql.store.vectors import began, heard, peers, sites
else:
    __getattr__ = door(
        __name__,
        {
            "book": "Book Folded",
            "catalogue": "Registered",
            "causality": "Causality Stamp",
            "damage": "Damage Remedy",
            "identity": "Actor Writers acting copies retired said secretfiles starts state_directory",
            "logged": "CHANCE_BITS Logged has_pending",
            "progress": "PROGRESS_DETAIL",
            "registry": "FORMAT LIMITS Registry kept_index",
            "vectors": "began heard peers sites",
            "tables": "FIRST_PARKED FIRST_UPDATE_OP INSERT_OP Field Table",
        },
    )

__all__ = [
    "CHANCE_BITS",
    "FIRST_PARKED",
    "FIRST_UPDATE_OP",
    "FORMAT",
    "INSERT_OP",
    "LIMITS",
    "PROGRESS_DETAIL",
    "Actor",
    "Book",
    "Causality",
    "Damage",
    "Field",
    "Folded",
    "Logged",
    "Registered",
    "Registry",
    "Remedy",
    "Stamp",
    "Table",
    "Writers",
    "acting",
    "began",
    "catalogue",
    "columns",
    "copies",
    "damage",
    "facts",
    "has_pending",
    "heard",
    "kept_index",
    "lanes",
    "names",
    "peers",
    "remotes",
    "retired",
    "said",
    "secretfiles",
    "sites",
    "starts",
    "state_directory",
    "unlisted",
]
