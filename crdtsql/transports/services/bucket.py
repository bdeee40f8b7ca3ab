"""Buckets: a store under a prefix of a bucket of an object store: S3 and what speaks like it, Google's and Azure's.

Each request costs a round trip and money, so a visit lists once, and files are read several at a time. No conditional write is relied
on: some servers accept them and overwrite all the same. Credentials and the server stand in the environment, as obstore reads them,
never in the address.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import AzureStore, GCSStore, S3Store

from crdtsql.base import TransportError, UsageError
from crdtsql.transports.addresses import Address
from crdtsql.transports.interface import Context, Entry
from crdtsql.transports.services import complaints
from crdtsql.transports.services.objects import Objects
from crdtsql.transports.stores.segments import PIECE_BYTES

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

RETRY: RetryConfig = {
    "max_retries": 5,
    "retry_timeout": timedelta(seconds=60),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=10), "base": 2},
}
CONNECT_S, REQUEST_S = 10, 120
"""A connection takes at most so long, and a request, which may bring 8 MiB over a slow line."""
AHEAD = 8
"""So many files are read at a time."""
_PLACE = re.compile(r"//(?P<bucket>[A-Za-z0-9][A-Za-z0-9._-]{1,254})(?:/(?P<prefix>.*))?", re.DOTALL)
_PREFIX = re.compile(r"[A-Za-z0-9!_.'()=,+ -]+")


class Bucket(Objects):
    """A prefix of a bucket."""

    settles_s = 3600.0
    own_place = "a prefix of its own (s3://bucket/prefix)"

    def __init__(self, address: str, store: ObjectStore, place: str, *, ahead: int = AHEAD) -> None:
        super().__init__(address)
        self._store, self._place, self._ahead = store, place, ahead
        self._readers: ThreadPoolExecutor | None = None

    @property
    def identity(self) -> str:
        """Return server, bucket and prefix."""
        return self._place

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn obstore's errors into ours."""
        try:
            yield
        except (BaseError, FileNotFoundError) as error:
            raise TransportError(f"{self.address}: {complaints.explain(self.address, str(error))}") from error

    def _all(self, under: str = "") -> Iterator[tuple[str, Entry]]:
        with self._explained():
            for chunk in obstore.list(self._store, under or None, chunk_size=1_000):
                for one in chunk:
                    yield one["path"], Entry(one["size"], one["e_tag"] or one["last_modified"].isoformat())

    def _read(self, name: str) -> bytes | None:
        with self._explained():
            try:
                found = obstore.get(self._store, name)
                return None if found.meta["size"] > PIECE_BYTES else bytes(found.bytes())
            except FileNotFoundError as error:
                if complaints.no_bucket(str(error)):
                    raise
                return None

    def get_many(self, names: Sequence[str]) -> Iterator[bytes | None]:
        """Read several objects at a time."""
        if self._ahead < 2 or len(names) < 2:
            yield from map(self.get, names)
            return
        if self._readers is None:
            self._readers = ThreadPoolExecutor(self._ahead, "crdtsql-bucket")
        left, waiting = iter(names), deque[Future[bytes | None]]()
        try:
            for name in left:
                waiting.append(self._readers.submit(self.get, name))
                if len(waiting) >= self._ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for one in waiting:
                one.cancel()

    def put(self, name: str, data: bytes | memoryview) -> None:
        """Put an object: in one request, as it is 8 MiB at most, so that nothing is left of one that was cut off."""
        with self._explained():
            obstore.put(self._store, name, bytes(data), use_multipart=False)

    def delete(self, name: str) -> None:
        """Delete an object."""
        with self._explained():
            try:
                obstore.delete(self._store, name)
            except FileNotFoundError as error:
                if complaints.no_bucket(str(error)):
                    raise

    def _probe_more(self, name: str) -> list[str]:
        """Ask for the conditional write that nothing here relies on."""
        return [f"If-None-Match is {self._honours_conditions(name)} (not needed)"]

    def _honours_conditions(self, name: str) -> str:
        """Try to create what is there."""
        try:
            obstore.put(self._store, name, b"other", mode="create", use_multipart=False)
        except AlreadyExistsError:
            return "honoured"
        except BaseError:
            return "refused"
        return "ignored"

    def close(self) -> None:
        """End what reads ahead."""
        if self._readers is not None:
            self._readers.shutdown(cancel_futures=True)
            self._readers = None


def open_bucket(address: Address, _: Context) -> Bucket:
    """Open `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`; nothing is asked yet.

    Raises:
        UsageError: it is no such address.
        TransportError: the environment lacks something.
    """
    found = _PLACE.fullmatch(address.rest)
    if "@" in address.rest.removeprefix("//").partition("/")[0]:
        raise UsageError(f"{address.scheme}: credentials stand in the environment, not in the address")
    parts = [part for part in (found["prefix"] or "").split("/") if part] if found else []
    if found is None or any(part in {".", ".."} or not _PREFIX.fullmatch(part) for part in parts):
        raise UsageError(
            f"{address.text!r} is no address of a bucket: write {address.scheme}://bucket/prefix, "
            "with letters, digits and signs such as - _ . in the prefix"
        )
    kinds = {"s3": S3Store, "gs": GCSStore, "az": AzureStore}
    server = next(filter(None, map(os.environ.get, complaints.SERVERS[address.scheme])), "")
    options: ClientConfig = {
        "timeout": timedelta(seconds=REQUEST_S),
        "connect_timeout": timedelta(seconds=CONNECT_S),
        "allow_http": server.startswith("http://"),
    }
    prefix = "/".join(parts)
    try:
        store = kinds[address.scheme](
            found["bucket"], prefix=prefix or None, client_options=options, retry_config=RETRY
        )
    except (BaseError, ValueError) as error:
        raise TransportError(f"{address.text}: {complaints.explain(address.text, str(error))}") from error
    return Bucket(address.text, store, f"{address.scheme}://{found['bucket']}/{prefix} {server}")
