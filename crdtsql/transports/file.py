"""Files: a peer that is another file of this machine."""

from __future__ import annotations

from crdtsql.replica import Replica, data_version
from crdtsql.transports.addresses import Address
from crdtsql.transports.exchange import answer
from crdtsql.transports.interface import Context, Peer, Request, Response


class FilePeer(Peer):
    """A replica that is open in this process.

    Attributes:
        replica: that replica.
    """

    asks_first = True

    def __init__(self, replica: Replica, *, owned: bool = False) -> None:
        self.address = replica.path
        self.replica, self._owned = replica, owned

    def exchange(self, request: Request) -> Response:
        """Response at once."""
        return answer(self.replica, request)

    def acknowledge(self, site: str, vector: dict[str, int]) -> None:
        """Remember it, for `status`."""
        self.replica.remember_peer(site, vector)

    def glance(self) -> str:
        """Return what changes when another connection writes to the file."""
        return str(data_version(self.replica))

    def close(self) -> None:
        """Close the file, if it was opened for this."""
        if self._owned:
            self.replica.close()


def open_file(address: Address, context: Context) -> FilePeer:
    """Open a file; `file:path`, or the path alone."""
    return FilePeer(Replica.open(address.path, lock_timeout=context.lock_timeout), owned=True)
