"""A proxy between a client and a server that cuts connections after a number of bytes."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from typing import Self

RESET = struct.pack("ii", 1, 0)


class Cutter:
    """Passes on what comes; the connections that begin after `cut` are cut when so many bytes went there, or came back."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.there: int | None = None
        self.back: int | None = None
        self.passed = {"there": 0, "back": 0}
        self.cuts = 0
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def cut(self, there: int | None = None, back: int | None = None) -> None:
        """Cut what begins from now on after so many bytes; with None not at all."""
        self.there, self.back = there, back

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for one in [*self._open]:
            self._reset(one)
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self._port))
                except OSError:
                    client.close()
                    continue
                self._open += [client, server]
                for one in (client, server):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for source, target, way, left in (
                    (client, server, "there", self.there),
                    (server, client, "back", self.back),
                ):
                    thread = threading.Thread(target=self._pass, args=(source, target, way, left))
                    self._threads.append(thread)
                    thread.start()

    def _pass(self, source: socket.socket, target: socket.socket, way: str, left: int | None) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if left is not None and len(data) >= left:
                    target.sendall(data[:left])
                    self.cuts += 1
                    break
                target.sendall(data)
                self.passed[way] += len(data)
                left = None if left is None else left - len(data)
        self._reset(source)
        self._reset(target)

    @staticmethod
    def _reset(one: socket.socket) -> None:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()
