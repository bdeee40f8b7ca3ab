"""Which values of deleted rows must be forgotten, and where do they stand?"""

from crdtsql.purge import erasing, told
from crdtsql.purge.purging import Chosen, PurgeReport, purge

__all__ = [
    "Chosen",
    "PurgeReport",
    "erasing",
    "purge",
    "told",
]
