"""Listing: what a stream has, told by a pull consumer of this process: names and sizes, from the first message on, then what comes.

The consumer is not durable: where it stands is known here, so nothing stays behind at the server, and after any interruption the
listing begins anew. It is asked again and again, each time with a limit, and a heartbeat is heard meanwhile; silence is an error. What
others delete is not told; that is found by counting now and then.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from crdtsql.transports.interface import Entry
from crdtsql.transports.services.broker import Broker

BATCH = 1_000
ASK_S, HEARTBEAT_S, SILENT_S = 30.0, 5.0, 15.0
"""A request stands so long; so often it tells that it stands; after so long without a word it does not."""
UNUSED_S = 120.0
"""After so long the server forgets a consumer that nobody asks."""
_NANO = 1_000_000_000
_NAME = re.compile(r"([0-9a-f]{32})\.([0-9a-z.-]{1,200})", re.ASCII)


class Listing:
    """The listing of one stream, while it is told. All of it is used in the connection's thread, but for `silent`.

    Attributes:
        entries: name -> size, and its number in the stream as mark.
        foreign: subjects that are no names.
        news: is called with each name that comes.
    """

    def __init__(self, broker: Broker, stream: str, prefix: str) -> None:
        self._broker, self._stream, self._prefix = broker, stream, prefix
        self.news: Callable[[str], None] = lambda _: None
        self.entries: dict[str, Entry] = {}
        self.foreign: set[str] = set()
        self._consumer = ""
        self._received = self._left = 0
        self._heard = asyncio.Event()
        self._heard_at = time.monotonic()
        self._subscription: Subscription | None = None
        self._inbox = ""

    async def begin(self) -> None:
        """Ask for all that is there; return when it has come."""
        config = ConsumerConfig(
            deliver_policy=DeliverPolicy.ALL,
            ack_policy=AckPolicy.NONE,
            headers_only=True,
            mem_storage=True,
            num_replicas=1,
            inactive_threshold=UNUSED_S,
        )
        found = await self._broker.jetstream.add_consumer(self._stream, config)
        self._consumer = found.name
        self._inbox = self._broker.client.new_inbox()
        self._subscription = await self._broker.client.subscribe(self._inbox, cb=self._hear)
        await self._ask()
        await self._until(found.num_pending or 0)

    async def end(self) -> None:
        """Have no more told."""
        if self._subscription is not None:
            await self._subscription.unsubscribe()
            await self._broker.jetstream.delete_consumer(self._stream, self._consumer)

    async def _ask(self) -> None:
        self._left = BATCH
        wanted = {"batch": BATCH, "expires": int(ASK_S * _NANO), "idle_heartbeat": int(HEARTBEAT_S * _NANO)}
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._consumer}"
        await self._broker.client.publish(subject, json.dumps(wanted).encode(), self._inbox)

    async def _hear(self, message: Msg) -> None:
        self._heard_at = time.monotonic()
        status = (message.headers or {}).get("Status")
        if status == "100":
            return
        if status in {"404", "408"}:
            await self._ask()
        elif status is not None:
            said = (message.headers or {}).get("Description", "")
            self._broker.lose(Error(f"the stream is told no more: {status} {said}"))
        else:
            await self._note(message)

    async def _note(self, message: Msg) -> None:
        sequence = message.metadata.sequence
        if sequence.consumer != self._received + 1:
            self._broker.lose(Error("a message of the listing was lost"))
            return
        self._received = sequence.consumer
        found = _NAME.fullmatch(message.subject.removeprefix(self._prefix))
        if found is None:
            self.foreign.add(message.subject)
        else:
            name, size = f"{found[1]}/{found[2]}", int((message.headers or {}).get("Nats-Msg-Size", "0"))
            self.entries[name] = Entry(size, str(sequence.stream))
            self.news(name)
        self._left -= 1
        if self._left == 0:
            await self._ask()
        self._heard.set()

    async def _until(self, count: int) -> None:
        while self._received < count:
            self._heard.clear()
            await self._heard.wait()

    async def now(self) -> dict[str, Entry]:
        """Return all that was put there before this call."""
        found = await self._broker.jetstream.consumer_info(self._stream, self._consumer)
        delivered = found.delivered.consumer_seq if found.delivered is not None else 0
        await self._until(delivered + (found.num_pending or 0))
        return dict(self.entries)

    @property
    def silent(self) -> bool:
        """Tell whether the server forgot us."""
        return time.monotonic() - self._heard_at > SILENT_S
