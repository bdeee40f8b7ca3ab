"""Which site is this file, and what proves that it still is?"""

from crdtsql.store.identity import copies, retired, said, secretfiles, starts
from crdtsql.store.identity.copies import state_directory

__all__ = ["copies", "retired", "said", "secretfiles", "starts", "state_directory"]
