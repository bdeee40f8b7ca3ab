"""Buckets: a store under a prefix of a bucket of an object store: S3 and what speaks like it, Google's and Azure's.

Each request costs a round trip and money, so a visit lists once, and files are read several at a time. No conditional write is relied
on: some servers accept them and overwrite all the same. Credentials and the server stand in the environment, as obstore reads them,
never in the address.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import AzureStore, GCSStore, S3Store

from crdtsql.base import TransportError, UsageError
from crdtsql.transports.addresses import Address
from crdtsql.transports.interface import Context, Entry, Store
from crdtsql.transports.services import complaints
from crdtsql.transports.stores.segments import PIECE_BYTES

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

MARK = "crdtsql-store.txt"
"""What makes a prefix a store."""
FIRST_LINE = b"crdtsql store 1"
TEXT = (
    FIRST_LINE
    + b"""

Replicas of SQLite tables exchange their changes under this prefix: crdtsql sync FILE s3://BUCKET/PREFIX
Files appear and go by themselves here. Leave them alone.
"""
)
PROBES = "crdtsql-probes"
"""Where `remote add` tries out what the place can do."""
RETRY: RetryConfig = {
    "max_retries": 5,
    "retry_timeout": timedelta(seconds=60),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=10), "base": 2},
}
CONNECT_S, REQUEST_S = 10, 120
"""A connection takes at most so long, and a request, which may bring 8 MiB over a slow line."""
AHEAD = 8
"""So many files are read at a time."""
FRESH_S = 2.0
"""A listing that a glance made is good enough for the visit that follows at once."""
_PLACE = re.compile(r"//(?P<bucket>[A-Za-z0-9][A-Za-z0-9._-]{1,254})(?:/(?P<prefix>.*))?", re.DOTALL)
_PREFIX = re.compile(r"[A-Za-z0-9!_.'()=,+ -]+")


class _Listing:
    """What was listed last, and which questions it has answered already: none is answered twice by it."""

    def __init__(self, entries: dict[str, Entry]) -> None:
        self.entries, self.at, self.used = entries, time.monotonic(), set[str]()


class Bucket(Store):
    """A prefix of a bucket."""

    settles_s = 3600.0
    pause_s = 5.0

    def __init__(self, address: str, store: ObjectStore, place: str, *, ahead: int = AHEAD) -> None:
        self.address, self._store, self._place, self._ahead = address, store, place, ahead
        self._listing: _Listing | None = None
        self._marked = False
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

    def exists(self) -> bool:
        """Look for the mark; a prefix with other files is none of ours."""
        if not self._marked:
            text = self._read(MARK)
            if text is not None and text.partition(b"\n")[0] != FIRST_LINE:
                raise TransportError(
                    f"{self.address} is a store of another version of crdtsql, or {MARK} was altered: "
                    "install the version that it belongs to, or use another prefix"
                )
            self._marked = text is not None
        if self._marked:
            self._listed("exists")
            return True
        with self._explained():
            first: Sequence[ObjectMeta] = next(iter(obstore.list(self._store)), [])
        other = next((one["path"] for one in first if not one["path"].startswith(f"{PROBES}/")), None)
        if other is not None:
            raise TransportError(
                f"{self.address} is no store: there is no {MARK}, and other files are there, such as {other!r}: "
                "give a prefix of its own (s3://bucket/prefix), under which nothing is"
            )
        return False

    def begin(self) -> None:
        """Put the mark there."""
        with self._explained():
            obstore.put(self._store, MARK, TEXT, use_multipart=False)
        self._marked = True

    def _listed(self, question: str) -> dict[str, Entry]:
        """Return a listing that has not answered this question yet, and was made for what goes on now."""
        known = self._listing
        if known is None or question in known.used or time.monotonic() - known.at > FRESH_S:
            with self._explained():
                known = _Listing(
                    {
                        one["path"]: Entry(one["size"], one["e_tag"] or one["last_modified"].isoformat())
                        for chunk in obstore.list(self._store, chunk_size=1_000)
                        for one in chunk
                        if "/" in one["path"]
                    }
                )
            self._listing = known
        known.used.add(question)
        return known.entries

    def glance(self) -> str:
        """List, which costs money; the visit that follows does not list again."""
        return str(hash(frozenset(self._listed("glance"))))

    def names(self) -> Sequence[str]:
        """List the names."""
        return list(self._listed("names"))

    def entries(self) -> Mapping[str, Entry]:
        """List the names with size and ETag."""
        return dict(self._listed("entries"))

    def get(self, name: str) -> bytes | None:
        """Read an object, if it is not larger than any file of ours."""
        return self._read(name)

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

    def probe(self) -> str:
        """Put, read, list and delete an object, and ask for the conditional write that nothing here relies on."""
        name, data = f"{PROBES}/{secrets.token_hex(8)}", secrets.token_bytes(16)
        self.put(name, data)
        if self.get(name) != data:
            raise TransportError(f"{self.address} does not give back what was just put there: use another place")
        said = []
        with self._explained():
            listed = any(one["path"] == name for chunk in obstore.list(self._store, PROBES) for one in chunk)
        said.append("lists what was just put" if listed else "lists late, so changes arrive late")
        said.append(f"If-None-Match is {self._honours_conditions(name)} (not needed)")
        try:
            self.delete(name)
        except TransportError:
            said.append("nothing may be deleted, so it grows")
        else:
            said.append("deletes" if self.get(name) is None else "deletes late")
        return ", ".join(said)

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
