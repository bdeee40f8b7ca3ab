"""Who works on what, and is that still so?"""

from typing import TYPE_CHECKING

from crdtsql.base import door

if TYPE_CHECKING:
    from crdtsql.claims.claiming import create_views, fence, is_there, listed, views
    from crdtsql.claims.orders import Order, carry_out
    from crdtsql.claims.records import Claim, Moment
else:
    __getattr__ = door(
        __name__,
        {
            "claiming": "create_views fence is_there listed views",
            "orders": "Order carry_out",
            "records": "Claim Moment",
        },
    )

__all__ = ["Claim", "Moment", "Order", "carry_out", "create_views", "fence", "is_there", "listed", "views"]
