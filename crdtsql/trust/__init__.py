"""Whom does a file believe, and who may write what?"""

from typing import TYPE_CHECKING

from crdtsql.base import door

if TYPE_CHECKING:
    from crdtsql.trust import aside, chains, permissions, signers
    from crdtsql.trust.aside import SetAside
    from crdtsql.trust.chains import Fork
    from crdtsql.trust.checking import can_check, check
    from crdtsql.trust.permissions import Permission
    from crdtsql.trust.signers import Signer
else:
    __getattr__ = door(
        __name__,
        {
            "aside": "SetAside",
            "chains": "Fork",
            "checking": "can_check check",
            "permissions": "Permission",
            "signers": "Signer",
        },
    )

__all__ = [
    "Fork",
    "Permission",
    "SetAside",
    "Signer",
    "aside",
    "can_check",
    "chains",
    "check",
    "permissions",
    "signers",
]
