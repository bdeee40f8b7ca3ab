"""A real S3 server on loopback (moto), in a thread of this process, which can be told to fail."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from moto.s3.models import s3_backends
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from crdtsql.transports.services import bucket

BUCKET = "team-bucket"
FAILURES = ("409 Conflict", "500 Internal Server Error", "503 Slow Down")
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Server:
    """The server, and what goes wrong there.

    Attributes:
        chance: says what goes wrong; None if nothing does.
        asked: method and path of each request.
        before: the answer to the last listing, which is given again now and then.
    """

    def __init__(self, application: Wsgi) -> None:
        self._application = application
        self.chance: random.Random | None = None
        self.refused: str | None = None
        self.asked: list[tuple[str, str]] = []
        self.before: bytes | None = None
        self.lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request, or not."""
        with self.lock:
            method = environ["REQUEST_METHOD"]
            self.asked.append((method, f"{environ['PATH_INFO']}?{environ['QUERY_STRING']}"))
            chance = self.chance.random() if self.chance else 1.0
            if self.refused or chance < 0.06:
                status = self.refused or self.chance.choice(FAILURES)
                start(status, [("Content-Length", "0")])
                return [b""]
            given: list[Any] = []
            body = b"".join(self._application(environ, lambda *answer: given.append(answer) or (lambda _: None)))
            status, headers = given[0][0], list(given[0][1])
            if "list-type" in environ["QUERY_STRING"]:
                if self.chance and self.before is not None and chance < 0.2:
                    body = self.before
                    headers = [(key, value) for key, value in headers if key.lower() != "content-length"]
                    headers.append(("Content-Length", str(len(body))))
                self.before = body
            if self.chance and method == "PUT" and 0.2 <= chance < 0.24:
                status, headers, body = FAILURES[1], [("Content-Length", "0")], b""  # it was done all the same
            if self.chance and method == "GET" and len(body) > 1 and 0.24 <= chance < 0.28:
                body = body[: self.chance.randrange(len(body))]  # the header promises more
            start(status, headers)
            return [body]


@contextmanager
def running() -> Iterator[Server]:
    """Run a server with one bucket, which environment variables name, and forget it afterwards."""
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    found = Server(DomainDispatcherApplication(create_backend_app))
    s3_backends["123456789012"]["aws"].reset()
    s3_backends["123456789012"]["aws"].create_bucket(BUCKET, "us-east-1")
    server = make_server("127.0.0.1", 0, found, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        patched.setenv("AWS_ACCESS_KEY_ID", "somebody")
        patched.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patched.setenv("AWS_REGION", "us-east-1")
        quick = {"init_backoff": timedelta(milliseconds=1), "max_backoff": timedelta(milliseconds=2), "base": 2}
        patched.setitem(bucket.RETRY, "backoff", quick)
        patched.setitem(bucket.RETRY, "max_retries", 1)
        try:
            yield found
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
