"""Streams: a store that is a JetStream stream of NATS: each file is a message, its name the subject (decision 0028).

So the server tells what is new as soon as it is kept, and a replica is never asked. What the server loses though it acknowledged it is
noticed as in any store: by vectors.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from nats.errors import Error
from nats.js.api import StreamConfig
from nats.js.errors import NotFoundError

from crdtsql.base import TransportError, UsageError
from crdtsql.transports.addresses import Address
from crdtsql.transports.interface import Context, Entry, Store
from crdtsql.transports.services.broker import Broker
from crdtsql.transports.services.listing import Listing
from crdtsql.transports.stores.segments import PIECE_BYTES

MARK = "crdtsql store 1"
"""How the description of a stream begins that is a store."""
PORT = 4222
SPARE_BYTES = 1_024
"""A message is smaller than the server lets it be, by so much."""
AHEAD, AHEAD_BYTES = 64, 16 << 20
"""So many messages, and bytes, are asked for at a time."""
COUNT_S = 20.0
"""So often it is counted whether others deleted messages."""
_PLACE = re.compile(
    r"//(?P<host>\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9_][A-Za-z0-9._-]*)(?::(?P<port>[0-9]{1,5}))?/(?P<team>[A-Za-z0-9_-]{1,64})/?"
)


class Stream(Store):
    """A stream; it is connected to when it is asked first."""

    settles_s = 60.0
    gather_s = 0.003

    def __init__(self, address: str, server: str, team: str) -> None:
        self.address, self._server, self._team = address, server, team
        self._stream, self._prefix = f"crdtsql-{team}", f"crdtsql.{team}."
        self._broker: Broker | None = None
        self._listing: Listing | None = None
        self._wake: Callable[[], None] = lambda: None
        self._news = 0
        self._own: set[str] = set()
        self._counted_at = 0.0
        self._last: dict[str, Entry] | None = None
        self._told = False

    @property
    def identity(self) -> str:
        """Return server and stream."""
        return f"{self._server}/{self._team}"

    def _connected(self) -> Broker:
        if self._broker is None:
            self._broker = Broker(self.address, self._server, self._lost)
            self.most_bytes = min(PIECE_BYTES, self._broker.most_bytes - SPARE_BYTES)
        if self._listing is not None and self._listing.silent:
            self._broker.lose(Error("nothing was heard of the stream for long"))
        self._broker.check()
        return self._broker

    def _hear(self, name: str) -> None:
        """Hear of a message, in the connection's thread; what was put from here is no news."""
        if name in self._own:
            self._own.discard(name)
        else:
            self._news += 1
            self._wake()

    def _lost(self) -> None:
        """Hear that the connection is lost."""
        self._wake()

    def _listed(self) -> Listing:
        if self._listing is None and not self.exists():
            raise TransportError(f"{self.address} has no stream {self._stream!r} any more: sync again")
        assert self._listing is not None  # noqa: S101 - `exists` began it
        return self._listing

    def exists(self) -> bool:
        """Look for the stream."""
        broker = self._connected()
        if self._listing is not None:
            return True
        found = broker.ask(self._description)
        if found is None:
            return False
        if not found.startswith(MARK):
            raise TransportError(
                f"{self.address} is no store of this version of crdtsql: the description of the stream {self._stream!r} "
                f"does not begin with {MARK!r}: use another name, or the version that it belongs to"
            )
        self._begin_listing(broker)
        return True

    def _begin_listing(self, broker: Broker) -> None:
        listing = Listing(broker, self._stream, self._prefix)
        broker.ask(listing.begin)
        listing.news = self._hear
        before, self._listing, self._counted_at = self._listing, listing, time.monotonic()
        if before is not None:
            broker.ask(before.end)

    async def _description(self) -> str | None:
        assert self._broker is not None  # noqa: S101 - it is asked by one
        try:
            found = await self._broker.jetstream.stream_info(self._stream)
        except NotFoundError:
            return None
        return found.config.description or ""

    def begin(self) -> None:
        """Make the stream: one message for each name, kept until somebody deletes it."""
        broker = self._connected()
        config = StreamConfig(
            name=self._stream,
            description=f"{MARK}: replicas of SQLite tables exchange their changes here",
            subjects=[f"{self._prefix}>"],
            max_msgs_per_subject=1,
            allow_direct=True,
        )
        broker.ask(lambda: broker.jetstream.add_stream(config))
        self._begin_listing(broker)

    def glance(self) -> str:
        """Return what changes when others put something there; that is known without asking."""
        self._connected()
        return str(self._news)

    def listen(self, wake: Callable[[], None]) -> None:
        """Call `wake` when others put something there, or the connection is lost."""
        self._wake = wake

    def names(self) -> Sequence[str]:
        """List the names."""
        self._last = self._asked()
        return list(self._last)

    def entries(self) -> Mapping[str, Entry]:
        """List the names with size and number, as they were when the names were listed if that was asked before."""
        found, self._last = self._last, None
        return self._asked() if found is None else found

    def _asked(self) -> dict[str, Entry]:
        broker, listing = self._connected(), self._listed()
        if time.monotonic() - self._counted_at > COUNT_S:
            self._counted_at = time.monotonic()
            if broker.ask(self._count) != len(listing.entries) + len(listing.foreign):
                self._begin_listing(broker)
                listing = self._listed()
        return broker.ask(listing.now)

    async def _count(self) -> int:
        assert self._broker is not None  # noqa: S101 - it is asked by one
        return (await self._broker.jetstream.stream_info(self._stream)).state.messages

    def remarks(self) -> list[str]:
        """Tell once of messages that are none of ours."""
        if self._listing is None or not self._listing.foreign or self._told:
            return []
        self._told, some = True, sorted(self._listing.foreign)
        return [f"{len(some):,} messages that are none of crdtsql's, such as one of the subject {some[0]!r}"]

    def _subject(self, name: str) -> str:
        return self._prefix + name.replace("/", ".")

    async def _read(self, name: str) -> bytes | None:
        assert self._broker is not None  # noqa: S101 - it is asked by one
        try:
            found = await self._broker.jetstream.get_msg(self._stream, subject=self._subject(name), direct=True)
        except NotFoundError:
            return None
        return found.data or b""

    def get(self, name: str) -> bytes | None:
        """Read the message of a name."""
        return self._connected().ask(lambda: self._read(name))

    def get_many(self, names: Sequence[str]) -> Iterator[bytes | None]:
        """Read several messages at a time, as many as are not too much together."""
        entries = self._listed().entries
        wanted: list[str] = []
        size = 0
        for name in names:
            wanted.append(name)
            size += entries[name].size if name in entries else 0
            if len(wanted) >= AHEAD or size >= AHEAD_BYTES:
                yield from self._read_all(wanted)
                wanted, size = [], 0
        yield from self._read_all(wanted)

    def _read_all(self, names: Sequence[str]) -> list[bytes | None]:
        async def read_all() -> list[bytes | None]:
            return list(await asyncio.gather(*map(self._read, names)))

        return self._connected().ask(read_all) if names else []

    def put(self, name: str, data: bytes | memoryview) -> None:
        """Put a message there, and wait until the server says that it is kept."""
        broker, listing = self._connected(), self._listed()
        self._own.add(name)

        async def publish() -> None:
            kept = await broker.jetstream.publish(self._subject(name), bytes(data), stream=self._stream)
            listing.entries[name] = Entry(len(data), str(kept.seq))

        broker.ask(publish)

    def delete(self, name: str) -> None:
        """Delete the message of a name."""
        broker, listing = self._connected(), self._listed()

        async def purge() -> None:
            await broker.jetstream.purge_stream(self._stream, subject=self._subject(name))
            listing.entries.pop(name, None)

        broker.ask(purge)

    def probe(self) -> str:
        """Say what server it is; the stream was found or made by now."""
        return f"a stream of nats-server {self._connected().version}"

    def close(self) -> None:
        """End the connection."""
        broker, self._broker, self._listing = self._broker, None, None
        if broker is not None:
            broker.close()


def open_stream(address: Address, _: Context) -> Stream:
    """Open `nats://host:4222/team`.

    Raises:
        UsageError: it is no such address.
    """
    if "@" in address.rest.removeprefix("//").partition("/")[0]:
        raise UsageError("nats: who asks stands in the environment (NATS_USER and so on), not in the address")
    found = _PLACE.fullmatch(address.rest)
    if found is None or (found["port"] and not 0 < int(found["port"]) < 1 << 16):
        raise UsageError(
            f"{address.text!r} is no address of a stream: write nats://host/team, or nats://host:{PORT}/team, "
            "with letters, digits, - and _ in the name"
        )
    return Stream(address.text, f"nats://{found['host']}:{found['port'] or PORT}", found["team"])
