"""News: a stream that a server writes to when its file changed, read by a thread of its own, which wakes a watcher.

It says only that there is news: an ordinary sync brings them. What it says is the mark of what the file has; so a peer that had
just that as an answer knows that it is no news to it.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress

import httpx2

LONGEST_EVENT = 4_096


class News:
    """Reads a stream until it ends.

    Attributes:
        mark: what the server said last.
        lost: why the stream broke; None while it goes on, and where the server has none for us.
    """

    def __init__(
        self, open_stream: Callable[[], AbstractContextManager[httpx2.Response]], wake: Callable[[], None]
    ) -> None:
        self.mark: str | None = None
        self.lost: str | None = None
        self._open, self._wake = open_stream, wake
        self._socket: socket.socket | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="crdtsql news", daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Tell whether nothing will come any more."""
        return not self._thread.is_alive()

    def close(self) -> None:
        """End the stream."""
        self._closed = True
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)  # a thread that reads is not woken by a mere close

    def _run(self) -> None:
        try:
            with self._open() as response:
                self._socket = response.extensions["network_stream"].get_extra_info("socket")
                if self._closed or response.status_code != httpx2.codes.OK:
                    return
                for event in httpx2.EventSource(response, LONGEST_EVENT):
                    self.mark = event.data
                    self._wake()
            self._break("the server ended it")
        except httpx2.ReadTimeout:
            pass  # something on the way keeps back what the server sends: asking now and then must do
        except (httpx2.HTTPError, OSError, ValueError, LookupError) as error:
            self._break(str(error) or type(error).__name__)

    def _break(self, why: str) -> None:
        if not self._closed:
            self.lost = why
            self._wake()
