"""Which values of deleted rows must be forgotten, and where do they stand?"""

from typing import TYPE_CHECKING

from crdtsql.base import door

if TYPE_CHECKING:
    from crdtsql.purge import erasing, told
    from crdtsql.purge.choosing import Chosen, Scope
    from crdtsql.purge.purging import PurgeReport
    from crdtsql.purge.walking import PurgeWalk
else:
    __getattr__ = door(
        __name__,
        {
            "choosing": "Chosen Scope",
            "purging": "PurgeReport",
            "walking": "PurgeWalk",
        },
    )

__all__ = [
    "Chosen",
    "PurgeReport",
    "PurgeWalk",
    "Scope",
    "erasing",
    "told",
]
