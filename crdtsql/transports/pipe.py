"""Pipes: requests and responses one after the other over two byte streams, as between a process and the one that started it.

Each message (`messages.py`) has its length before it, 8 bytes, little-endian. Whoever asks ends it by closing its stream. Whoever
works on an answer says so every few seconds, by the length 0: so silence means that something is stuck.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO

from crdtsql.base import CrdtsqlError, TransportError
from crdtsql.replica import Replica
from crdtsql.transports import messages
from crdtsql.transports.exchange import answer
from crdtsql.wire import Spill, Spilled, pieces_of

MAXIMUM_BYTES = 1 << 30
"""Longer messages are refused; a replica of that size is better copied with `clone`."""
BEAT_S = 5.0
"""How often whoever works on an answer says so."""
MOST_BEATS = 10_000
"""So often somebody is believed that works on an answer: half a day."""
_LENGTH = struct.Struct("<Q")
_PIECE = 1 << 20


def serve(replica: Replica, asks: IO[bytes], answers: IO[bytes]) -> int:
    """Answer requests until there are no more; return how many there were.

    Raises:
        TransportError: what comes is no message.
    """
    answered = 0
    while (request := read(asks)) is not None:
        answered += 1
        try:
            with _beating(answers):
                response: bytes | Spilled = messages.pack_response(answer(replica, messages.unpack_request(request)))
        except CrdtsqlError as error:
            response = messages.pack_error(error)
        write(answers, response)
    return answered


@contextmanager
def _beating(stream: IO[bytes]) -> Iterator[None]:
    """Say every few seconds that work goes on; what can't be written shows when the answer is."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(BEAT_S):
            with suppress(OSError, ValueError):
                stream.write(_LENGTH.pack(0))
                stream.flush()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _nothing() -> None:
    """Take no notice."""


def write(stream: IO[bytes], message: bytes | Spilled, moved: Callable[[], None] = _nothing) -> None:
    """Write a message.

    Args:
        moved: is called whenever a piece went.
    """
    stream.write(_LENGTH.pack(len(message)))
    for piece in pieces_of(message, _PIECE):
        stream.write(piece)
        moved()
    stream.flush()


def read(stream: IO[bytes], moved: Callable[[], None] = _nothing) -> bytes | Spilled | None:
    """Read a message, None at the end.

    Args:
        moved: is called whenever a piece came, or a sign that the other side works on it.

    Raises:
        TransportError: it is cut off, or no message.
    """
    for _ in range(MOST_BEATS):
        head = stream.read(_LENGTH.size)
        if head != _LENGTH.pack(0):
            break
        moved()
    if not head:
        return None
    (length,) = _LENGTH.unpack(head) if len(head) == _LENGTH.size else (0,)
    if not 0 < length <= MAXIMUM_BYTES:
        raise TransportError(f"not a message of crdtsql's, or a longer one than {MAXIMUM_BYTES:,} bytes: {head!r:.40}")
    spill = Spill()
    while length:
        piece = stream.read(min(length, _PIECE))  # the length is a stranger's word and no reason to make room
        if not piece:
            raise TransportError("a message of crdtsql's was cut off: sync again")
        moved()
        spill.write(piece)
        length -= len(piece)
    return spill.whole()
