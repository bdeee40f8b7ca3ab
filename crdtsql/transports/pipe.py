"""Pipes: requests and responses one after the other over two byte streams, as between a process and the one that started it.

Each message (`messages.py`) has its length before it, 8 bytes, little-endian. Whoever asks ends it by closing its stream.
"""

from __future__ import annotations

import struct
from typing import IO

from crdtsql.base import CrdtsqlError, TransportError
from crdtsql.replica import Replica
from crdtsql.transports import messages
from crdtsql.transports.exchange import answer

MAXIMUM_BYTES = 1 << 30
"""Longer messages are refused; a replica of that size is better copied with `clone`."""
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
            response = messages.pack_response(answer(replica, messages.unpack_request(request)))
        except CrdtsqlError as error:
            response = messages.pack_error(error)
        write(answers, response)
    return answered


def write(stream: IO[bytes], message: bytes) -> None:
    """Write a message."""
    stream.write(_LENGTH.pack(len(message)))
    stream.write(message)
    stream.flush()


def read(stream: IO[bytes]) -> bytes | None:
    """Read a message, None at the end.

    Raises:
        TransportError: it is cut off, or no message.
    """
    head = stream.read(_LENGTH.size)
    if not head:
        return None
    (length,) = _LENGTH.unpack(head) if len(head) == _LENGTH.size else (0,)
    if not 0 < length <= MAXIMUM_BYTES:
        raise TransportError(f"not a message of crdtsql's, or a longer one than {MAXIMUM_BYTES:,} bytes: {head!r:.40}")
    pieces = []
    while length:
        piece = stream.read(min(length, _PIECE))  # the length is a stranger's word and no reason to make room
        if not piece:
            raise TransportError("a message of crdtsql's was cut off: sync again")
        pieces.append(piece)
        length -= len(piece)
    return b"".join(pieces)
