"""Objects: what is common to stores in places that keep files whole under names, and where each request costs a round trip.

A visit lists once. A place is asked for four things alone: to list, read, put and delete.
"""

from __future__ import annotations

import secrets
import time
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence

from crdtsql.base import TransportError
from crdtsql.transports.interface import Entry, Store

MARK = "crdtsql-store.txt"
"""What makes a place a store."""
FIRST_LINE = b"crdtsql store 1"
TEXT = (
    FIRST_LINE
    + b"""

Replicas of SQLite tables exchange their changes here: crdtsql sync FILE ADDRESS
Files appear and go by themselves here. Leave them alone.
"""
)
PROBES = "crdtsql-probes"
"""Where `remote add` tries out what the place can do."""
FRESH_S = 2.0
"""A listing that a glance made is good enough for the visit that follows at once."""


class _Listing:
    """What was listed last, and which questions it has answered already: none is answered twice by it."""

    def __init__(self, entries: dict[str, Entry]) -> None:
        self.entries, self.at, self.used = entries, time.monotonic(), set[str]()


class Objects(Store):
    """A place that keeps files.

    Attributes:
        own_place: what a person is to give instead of a place with other files.
    """

    pause_s = 5.0
    own_place = "a place of its own"

    def __init__(self, address: str) -> None:
        self.address = address
        self._listing: _Listing | None = None
        self._marked = False

    @abstractmethod
    def _all(self, under: str = "") -> Iterator[tuple[str, Entry]]:
        """List what is in a folder of the place, and in those within."""

    @abstractmethod
    def _read(self, name: str) -> bytes | None:
        """Read a file, None if it is not there or larger than any of ours."""

    def exists(self) -> bool:
        """Look for the mark; a place with other files is none of ours."""
        if not self._marked:
            text = self._read(MARK)
            if text is not None and text.partition(b"\n")[0] != FIRST_LINE:
                raise TransportError(
                    f"{self.address} is a store of another version of crdtsql, or {MARK} was altered: "
                    "install the version that it belongs to, or use another place"
                )
            self._marked = text is not None
        if self._marked:
            self._listed("exists")
            return True
        other = next((path for path, _ in self._all() if not path.startswith(f"{PROBES}/")), None)
        if other is not None:
            raise TransportError(
                f"{self.address} is no store: there is no {MARK}, and other files are there, such as {other!r}: "
                f"give {self.own_place}, under which nothing is"
            )
        return False

    def begin(self) -> None:
        """Put the mark there."""
        self.put(MARK, TEXT)
        self._marked = True

    def _listed(self, question: str) -> dict[str, Entry]:
        """Return a listing that has not answered this question yet, and was made for what goes on now."""
        known = self._listing
        if known is None or question in known.used or time.monotonic() - known.at > FRESH_S:
            known = _Listing({path: entry for path, entry in self._all() if "/" in path})
            self._listing = known
        known.used.add(question)
        return known.entries

    def glance(self) -> str:
        """List, which costs money; the visit that follows does not list again."""
        return str(hash(frozenset(self._listed("glance"))))

    def names(self) -> Sequence[str]:
        """List the names."""
        return list(self._listed("names"))

    def entries(self) -> Mapping[str, Entry]:
        """List the names with size and mark."""
        return dict(self._listed("entries"))

    def get(self, name: str) -> bytes | None:
        """Read a file, if it is not larger than any file of ours."""
        return self._read(name)

    def probe(self) -> str:
        """Put, read, list and delete a file of its own."""
        name, data = f"{PROBES}/{secrets.token_hex(8)}", secrets.token_bytes(16)
        self.put(name, data)
        if self.get(name) != data:
            raise TransportError(f"{self.address} does not give back what was just put there: use another place")
        said = []
        listed = any(path == name for path, _ in self._all(PROBES))
        said.append("lists what was just put" if listed else "lists late, so changes arrive late")
        said += self._probe_more(name)
        try:
            self.delete(name)
        except TransportError:
            said.append("nothing may be deleted, so it grows")
        else:
            said.append("deletes" if self.get(name) is None else "deletes late")
        return ", ".join(said)

    def _probe_more(self, _name: str) -> list[str]:
        """Try out what only some places can do, with a file that is there; return that in some words."""
        return []
