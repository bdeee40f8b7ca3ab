"""Sealed: a store as replicas see it, whose files are encrypted where a ring lies in it, and as they are where none does.

A store that was once seen to be encrypted stays so for this user: nothing is put there in clear again, and nothing taken that is not
encrypted, also if the ring is gone, or an older one came back.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from crdtsql.base import InvalidChangesetError, TransportError, suggest
from crdtsql.transports.interface import Entry, Store
from crdtsql.transports.secrecy import device

if TYPE_CHECKING:
    from crdtsql.transports.secrecy.ring import Ring

_FOLDER = "0" * 32 + "/"
_ENCRYPTED = b"age-encryption.org/"
"""What a file in the format of age begins with."""
OVERHEAD_BYTES = 8 << 10
"""A file of 8 MiB gets longer by less."""


class Sealed(Store):
    """A store within, and the ring that counts there.

    Attributes:
        within: the store that keeps the files.
        ring: None if the store is not encrypted, as far as it was looked at.
    """

    def __init__(self, within: Store) -> None:
        self.within = within
        self.address = within.address
        self.pause_s, self.gather_s, self.settles_s = within.pause_s, within.gather_s, within.settles_s
        self.most_bytes = within.most_bytes - OVERHEAD_BYTES
        self.ring: Ring | None = None
        self._known = device.find(within.identity)
        self._seen: frozenset[str] | None = None
        self._remarks: list[str] = []

    @property
    def identity(self) -> str:
        """Return the same as the store within."""
        return self.within.identity

    # -- what is there ----------------------------------------------------------------------------

    def exists(self) -> bool:
        """Tell whether there is a store."""
        return self.within.exists()

    def begin(self) -> None:
        """Make an empty place a store."""
        self.within.begin()

    def names(self) -> Collection[str]:
        """List the names; rings are among them."""
        return self._look(self.within.names())

    def entries(self) -> Mapping[str, Entry]:
        """List the names, with the sizes of the files as they lie there."""
        found = self.within.entries()
        self._look(found)
        return found

    def _look(self, names: Collection[str]) -> Collection[str]:
        """Read the rings among some names, if they are not those that were read last."""
        rings = frozenset(name for name in names if name.startswith(_FOLDER))
        if rings != self._seen:
            if rings or self._known is not None:
                self.ring = self._newest(rings)
            self._seen = rings
        return names

    def _newest(self, names: Iterable[str]) -> Ring:
        """Return the ring that counts, and keep it.

        Raises:
            TransportError: there is none for this device, or nobody can tell which one counts.
        """
        from crdtsql.transports.secrecy import ring as rings

        private, known = device.private_key(), self._known
        best: Ring | None = None
        with suppress(InvalidChangesetError):
            best = (
                rings.read(known.ring, private, known.version, known.group)
                if known is not None and known.ring
                else None
            )
        least = 0 if known is None else known.version
        ours, groups, excluded, strange = b"" if known is None else known.ring, set(), 0, False
        for name in sorted(names):
            version = rings.version_of(name)
            if version is None or version < least or (data := self.within.get(name)) is None:
                continue
            try:
                found = rings.read(data, private, version, None if known is None else known.group)
            except InvalidChangesetError as error:
                strange = strange or isinstance(error, rings.AnotherGroupError)
                self._remarks.append(f"{name}: {error}")
                continue
            if found is None:
                excluded = version
            elif best is None or version > best.version:
                best, ours = found, data
                groups.add(found.group)
        if known is None and len(groups) > 1:
            raise TransportError(
                f"{self.address} has keys of {len(groups)} groups, so one of them is not whom you expect: ask whoever runs it for the "
                f"group that counts, which {suggest.command('encryption list', self.address)} prints there, then "
                f"{suggest.command('encryption join', self.address, 'GROUP')}"
            )
        if best is None or excluded > best.version:
            if known is not None and not known.ring and strange and not excluded:
                raise self._of_another_group(known.group)
            raise self._not_for_this(rings.public_key(private), known, excluded)
        self._known = device.KnownRing(best.group, best.version, ours)
        device.keep(self.identity, self._known)
        return best

    def _of_another_group(self, group: str) -> TransportError:
        """Say that nobody of the group that somebody named here has anything there, so that it may be misspelt."""
        prints = f"the group that {suggest.command('encryption list', self.address)} prints on a device that you trust"
        return TransportError(
            f"{self.address} is encrypted by another group than {group}, which this device was told to believe alone: nothing was "
            f"taken; if that is misspelt, run {suggest.command('encryption join', self.address, 'GROUP')} with {prints}"
        )

    def _not_for_this(self, own: str, known: device.KnownRing | None, excluded: int) -> TransportError:
        """Say why this device, with a public key, can't read what is there, and who can change that."""
        removed = known is not None and bool(known.ring) and bool(excluded)
        why = (
            "this device may not read it any more"
            if removed
            else "it is not encrypted for this device"
            if excluded
            else "the ring with its keys is not there, or not yet"
        )
        return TransportError(
            f"{self.address} is encrypted, and {why}: whoever began it lets this device in: "
            f"{suggest.command('encryption add', self.address, own, options=['--name', socket.gethostname()])}"
        )

    # -- files ------------------------------------------------------------------------------------

    def get(self, name: str) -> bytes | None:
        """Return what a file holds, decrypted; None if it is not there, or its key has not come yet."""
        return self._opened(name, self.within.get(name))

    def get_many(self, names: Sequence[str]) -> Iterator[bytes | None]:
        """Return what files hold, decrypted."""
        return map(self._opened, names, self.within.get_many(names))

    def _opened(self, name: str, data: bytes | None) -> bytes | None:
        if data is None or name.startswith(_FOLDER):
            return data
        if self.ring is not None:
            found = self.ring.opened(data)
            if found == b"" and data and not data.startswith(_ENCRYPTED):
                self._remarks.append(f"{name} is not encrypted, as all files here must be")
            return found
        if data.startswith(_ENCRYPTED):
            raise TransportError(
                f"{self.address} is encrypted, but the ring with its keys is not there: if it is still being copied here, sync again "
                "later; else whoever syncs with it puts it there"
            )
        return data

    def put(self, name: str, data: bytes | memoryview) -> None:
        """Keep a file, encrypted; and the ring, if it was lost."""
        if self._seen is None:
            self.names()
        if self.ring is None:
            self.within.put(name, data)
            return
        from crdtsql.transports.secrecy import ring as rings

        if self._known is not None and (own := rings.name_of(self._known.version, self._known.ring)) not in (
            self._seen or ()
        ):
            self.within.put(own, self._known.ring)
            self._seen = frozenset({*(self._seen or ()), own})
        self.within.put(name, self.ring.sealed(data))

    def delete(self, name: str) -> None:
        """Delete a file."""
        self.within.delete(name)

    # -- the rest ---------------------------------------------------------------------------------

    def glance(self) -> str | None:
        """Return what changes when a name comes or goes."""
        return self.within.glance()

    def listen(self, wake: Callable[[], None]) -> None:
        """Call `wake` where the store within would."""
        self.within.listen(wake)

    def probe(self) -> str:
        """Try out what the place can do, and say whether it is encrypted."""
        self.names()
        what = f"encrypted for {len(self.ring.readers)} devices" if self.ring is not None else ""
        return ", ".join(filter(None, (what, self.within.probe())))

    def remarks(self) -> Sequence[str]:
        """Tell, once, of what is left out."""
        found, self._remarks = self._remarks, []
        return [*found, *self.within.remarks()]

    def close(self) -> None:
        """Let go of what the store within holds."""
        self.within.close()
