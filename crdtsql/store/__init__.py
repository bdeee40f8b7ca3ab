"""What do our own tables in the file say?"""

from crdtsql.store import columns, copies
from crdtsql.store.causality import Causality, Stamp
from crdtsql.store.registry import FORMAT, Registry, temporary
from crdtsql.store.tables import FIRST_PARKED, FIRST_UPDATE_OP, Field, Table

__all__ = [
    "FIRST_PARKED",
    "FIRST_UPDATE_OP",
    "FORMAT",
    "Causality",
    "Field",
    "Registry",
    "Stamp",
    "Table",
    "columns",
    "copies",
    "temporary",
]
