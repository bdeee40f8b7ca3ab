"""Which site is this file, what proves that it still is, and who writes to it?"""

from crdtsql.store.identity import acting, copies, retired, said, secretfiles, starts
from crdtsql.store.identity.acting import Actor, Writers
from crdtsql.store.identity.copies import state_directory

__all__ = ["Actor", "Writers", "acting", "copies", "retired", "said", "secretfiles", "starts", "state_directory"]
