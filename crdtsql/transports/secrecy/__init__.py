"""Who can read what lies in a store? Needs `pip install 'crdtsql[encrypted]'` where a store is encrypted."""

from typing import TYPE_CHECKING

from crdtsql.base import door

if TYPE_CHECKING:
    from crdtsql.transports.secrecy.readers import add, begin, join, look, own_key, remove, rotate
    from crdtsql.transports.secrecy.ring import Reader, Ring
else:
    __getattr__ = door(__name__, {"readers": "add begin join look own_key remove rotate", "ring": "Reader Ring"})

__all__ = ["Reader", "Ring", "add", "begin", "join", "look", "own_key", "remove", "rotate"]
