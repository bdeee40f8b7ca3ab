"""The client of HTTP: a peer that a server answers for; one POST is one round trip.

Requests can be sent again at any time: what was merged is known then. Connections are kept, and one that turns out to be closed is
opened again once.
"""

from __future__ import annotations

import logging
import os
import socket
import ssl
from collections.abc import Callable
from contextlib import AbstractContextManager, closing

import httpx2

from crdtsql.base import TransportError, printable, suggest
from crdtsql.transports import messages
from crdtsql.transports.addresses import Address
from crdtsql.transports.http import keys
from crdtsql.transports.http.agreed import MEDIA_TYPE, mark_of
from crdtsql.transports.http.news import News
from crdtsql.transports.http.places import HttpPlace, place_of
from crdtsql.transports.interface import Context, Peer, Request, Response
from crdtsql.wire import Spill, Spilled

log = logging.getLogger("crdtsql")

MAXIMUM_BYTES = 1 << 30
"""Longer answers are refused; a replica of that size is better copied with `clone`."""
CONNECT_S, WRITE_S, ANSWER_S = 15.0, 60.0, 600.0
SILENT_S = 50.0
"""A stream of news that says nothing for so long, not even that it is there, has broken."""
KEPT_S = 60.0
"""So long a connection is kept that nothing goes over; the server keeps it longer."""
_ALIVE = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))
        if hasattr(socket, name)
    ),
]
"""A host that is gone without a word is noticed in a minute and a half, however long an answer may take."""
_HEADERS = {"Accept": MEDIA_TYPE, "Accept-Encoding": "identity", "Content-Type": MEDIA_TYPE, "User-Agent": "crdtsql"}
_EXTENSIONS = {"timeout": httpx2.Timeout(CONNECT_S, write=WRITE_S, read=ANSWER_S).as_dict()}
_warned: set[str] = set()


class HttpPeer(Peer):
    """A replica that an HTTP server answers for."""

    def __init__(self, address: str, place: HttpPlace, token: str | None = None) -> None:
        self.address, self._place, self._token = address, place, token
        self._url = httpx2.URL(place.url)
        self._client: httpx2.Client | None = None
        self._wake: Callable[[], None] | None = None
        self._news: News | None = None
        self._answered: str | None = None
        self._seen: str | None = None

    @property
    def identity(self) -> str:
        """Return where it is, however it is spelled."""
        return self._place.identity

    def exchange(self, request: Request) -> Response:
        """Send a request, and wait for the answer."""
        kept = self._client is not None
        data = messages.pack_request(request)
        try:
            answer = self._post(data)
        except (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError) as error:
            self._let_go()
            if not kept:
                raise self._failed(error) from error
            try:
                answer = self._post(data)
            except httpx2.HTTPError as again:
                raise self._failed(again) from again
        except httpx2.HTTPError as error:
            self._let_go()
            raise self._failed(error) from error
        response = messages.unpack_response(answer, self.address)
        self._answered = mark_of(response.vector, response.lanes)
        self._listen()
        return response

    def listen(self, wake: Callable[[], None]) -> None:
        """Have a watcher woken by the server's stream of news; it begins with the first answer."""
        self._wake = wake

    def glance(self) -> str | None:
        """Return what is another text once the server has told of something that was not in its last answer.

        Raises:
            TransportError: the stream of news broke.
        """
        news = self._news
        if news is None:
            return None
        if news.lost is not None:
            raise TransportError(f"{self.address}: its stream of news broke ({printable(news.lost)[:200]})")
        if news.mark is not None and news.mark != self._answered:
            self._seen = news.mark
        return self._seen

    def close(self) -> None:
        """Let go of all connections."""
        self._let_go()

    def _listen(self) -> None:
        """Have a stream of news, if anybody wants to be woken."""
        if self._wake is not None and (self._news is None or (self._news.ended and self._news.lost is None)):
            self._news = News(self._open_news, self._wake)

    def _open_news(self) -> AbstractContextManager[httpx2.Response]:
        timeout = httpx2.Timeout(CONNECT_S, read=SILENT_S)
        return self._connected().stream(
            "GET", f"{self._place.url}/news", headers={"Accept": "text/event-stream"}, timeout=timeout
        )

    def _connected(self) -> httpx2.Client:
        if self._client is None:
            self._look_for_socket()
            token = self._token or keys.find(self.identity)
            if token:
                keys.check(token, f"the token for {self.address}")
                self._warn()
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            limits = httpx2.Limits(keepalive_expiry=KEPT_S)
            trust, direct = self._trust(), self._place.near or not _has_proxy()
            own = httpx2.HTTPTransport(
                verify=trust,
                uds=self._place.socket,
                limits=limits,
                socket_options=None if self._place.socket else _ALIVE,
            )
            self._client = httpx2.Client(
                transport=own if direct else None,
                verify=trust,
                headers=headers | _HEADERS,
                limits=limits,
                trust_env=not direct,
            )
        return self._client

    def _trust(self) -> ssl.SSLContext:
        """Return whose certificates count; where no TLS is spoken nobody's, which spares reading them all."""
        if not self._place.url.startswith("https:"):
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            return httpx2.create_ssl_context()
        except OSError as error:
            file = os.environ.get("SSL_CERT_FILE")
            whose = f"{file}, which SSL_CERT_FILE names" if file else "this system's list of them"
            raise TransportError(
                f"{self.address}: no certificates to trust can be read from {whose} ({error.strerror or error}): "
                "let SSL_CERT_FILE name a file with certificates (PEM), or unset it"
            ) from error

    def _look_for_socket(self) -> None:
        """Check that somebody listens on a unix socket."""
        if self._place.socket is not None:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                try:
                    probe.connect(self._place.socket)
                except OSError as error:
                    raise self._failed(httpx2.ConnectError(error.strerror or str(error))) from error

    def _warn(self) -> None:
        if self._place.in_clear and self._place.server not in _warned:
            _warned.add(self._place.server)
            log.warning("%s: a token goes there that whoever is on the way can read: use https:", self.address)

    def _post(self, data: bytes | Spilled) -> bytes | Spilled:
        client = self._connected()
        headers = client.headers
        if isinstance(data, Spilled):  # else it would be sent in chunks, whose sum nobody says
            headers = httpx2.Headers({**headers, "content-length": str(len(data))})
        content = data if isinstance(data, bytes) else data.pieces()
        request = httpx2.Request("POST", self._url, headers=headers, content=content, extensions=_EXTENSIONS)
        with closing(client.send(request, stream=True)) as response:
            if response.headers.get("content-type") != MEDIA_TYPE:
                raise self._stranger(response)
            spill = Spill()
            for piece in response.iter_raw():
                spill.write(piece)
                if spill.size > MAXIMUM_BYTES:
                    raise TransportError(f"{self.address}: its answer is longer than {MAXIMUM_BYTES:,} bytes")
            return spill.whole()

    def _stranger(self, response: httpx2.Response) -> TransportError:
        told = f"{response.status_code} {printable(response.reason_phrase)[:100]}"
        there = response.headers.get("location")
        if response.is_redirect and there:
            return TransportError(f"{self.address} answers {told}: it is at {printable(there)[:300]} now; write that")
        return TransportError(
            f"{self.address} answers {told}, and not as crdtsql does: is {suggest.verb('serve')} what listens at {self._place.server}?"
        )

    def _failed(self, error: httpx2.HTTPError) -> TransportError:
        why = printable(str(error) or type(error).__name__)[:300]
        if isinstance(error, httpx2.ConnectError) and ("CERTIFICATE" in why or "certificate" in why):
            what = "its certificate is not trusted here; SSL_CERT_FILE names a file with the certificates that are"
        elif isinstance(error, (httpx2.ConnectError, httpx2.ConnectTimeout)):
            scheme = self.identity.partition(":")[0]
            what = f"is {suggest.verb('serve')} running at {self._place.server}, and is it {scheme}?"
        else:
            what = "nothing of this answer was taken; sync again"
        return TransportError(f"{self.address}: {why}: {what}")

    def _let_go(self) -> None:
        news, self._news = self._news, None
        if news is not None:
            news.close()
        client, self._client = self._client, None
        if client is not None:
            client.close()


def _has_proxy() -> bool:
    """Tell whether the environment names proxies, which the client knows how to use by itself."""
    from urllib.request import getproxies

    return any(scheme in getproxies() for scheme in ("http", "https", "all"))


def open_http(address: Address, context: Context) -> HttpPeer:
    """Open a file that a server answers for; it is connected to when it is asked first."""
    return HttpPeer(address.text, place_of(address), context.token)
