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
from nats.js.errors import NotFoundError

from crdtsql.transports.interface import Entry
from crdtsql.transports.services.broker import Broker

BATCH = 1_000
ASK_S, HEARTBEAT_S, SILENT_S = 30.0, 5.0, 15.0
"""A request stands so long; so often it tells that it stands; after so long without a word it does not."""
UNUSED_S = 120.0
"""After so long the server forgets a consumer that nobody asks."""
SOON_S = 0.1
"""A message that is there comes within so long, or it is asked whether it was deleted."""
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
        self._received = self._left = self._seen = 0
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
        while self._received < (found.num_pending or 0):
            await self._more()

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
        self._received, self._seen = sequence.consumer, sequence.stream
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

    async def _more(self) -> None:
        self._heard.clear()
        await self._heard.wait()

    async def now(self) -> dict[str, Entry]:
        """Return all that was put there before this call.

        What the server says to wait for a consumer is not that: a message is stored before it is counted there. So the stream is asked
        for its last number; what has a number up to it was told, or comes soon, or was deleted.
        """
        last = (await self._broker.jetstream.stream_info(self._stream)).state.last_seq
        while self._seen < last:
            try:
                await asyncio.wait_for(self._more(), SOON_S)
            except TimeoutError:
                if self._seen >= await self._last_there():
                    self._seen = last
        return dict(self.entries)

    async def _last_there(self) -> int:
        """Return the number of the last message that is not deleted."""
        try:
            return (await self._broker.jetstream.get_last_msg(self._stream, ">")).seq or 0
        except NotFoundError:
            return 0

    @property
    def silent(self) -> bool:
        """Tell whether the server forgot us."""
        return time.monotonic() - self._heard_at > SILENT_S
