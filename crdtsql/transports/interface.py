"""The interface of transports: what a remote is, in one page (docs/TRANSPORTS.md says how to write one).

There are two kinds. A `Peer` answers: there is a replica on the other side. A `Store` keeps files, which replicas put there and
take from there. A transport is a function that opens either of them; it moves bytes, and decides nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from crdtsql.merge import MergeReport

if TYPE_CHECKING:
    from crdtsql.wire import Spilled


class Context(NamedTuple):
    """What a transport is told besides the address.

    Attributes:
        lock_timeout: how many seconds to wait for a file that another program has locked.
        token: what to show to a server; None for what is kept for its address.
    """

    lock_timeout: float
    token: str | None = None


class Request(NamedTuple):
    """What one replica says to another in a round trip.

    Attributes:
        site: its site id.
        vector: its version vector.
        lanes: its `lanes_known()`.
        changeset: what the other one lacks, as far as it is known; may be empty.
        pull: it wants what it lacks.
        refuse_unrelated: as in `Replica.merge`.
        max_deletes: how many rows may disappear there, as `Replica.merge` reads it.
        question: about what the other one holds (`crdtsql/verify/digests.py`); then nothing else of it is answered.
        order: what to do with a claim there (`crdtsql/claims/orders.py`); then nothing else of it is done.
        through: the name of the token that was shown with it; a server says it, and nothing of it travels.
        hears_waits: it understands an answer that says that its changeset has to wait; else that is an error.
        whole: it wants all that is there in one changeset, whatever it has.
    """

    site: str
    vector: dict[str, int]
    lanes: Mapping[str, int] = MappingProxyType({})
    changeset: bytes | Spilled = b""
    pull: bool = True
    refuse_unrelated: bool = False
    max_deletes: str = "half"
    question: Mapping[str, Any] | None = None
    order: Mapping[str, Any] | None = None
    through: str = ""
    hears_waits: bool = False
    whole: bool = False


class Response(NamedTuple):
    """What the other one answers.

    Attributes:
        site: its site id.
        vector: its version vector, after it merged what the request brought.
        lanes: its `lanes_known()`.
        changeset: what the asking replica lacks; empty if that is nothing, or not wanted.
        merged: what merging the request's changeset did, None if there was none.
        missing: the request's changeset builds on changes that are not here, so nothing was merged.
        clock_ms: its clock when it answered, in milliseconds since 1970; None from an earlier version.
        answer: to the request's question or order; None if there was none, and from a version that knows none.
        waits: why the request's changeset was not merged yet, though nothing is wrong with it; None if it was, or there was none.
    """

    site: str
    vector: dict[str, int]
    lanes: Mapping[str, int] = MappingProxyType({})
    changeset: bytes | Spilled = b""
    merged: MergeReport | None = None
    missing: bool = False
    clock_ms: int | None = None
    answer: Mapping[str, Any] | None = None
    waits: str | None = None


class Remote(ABC):
    """What both kinds have.

    Attributes:
        address: how a person calls it.
        pause_s: seconds between two glances at least, where each of them costs money.
        gather_s: writes go there when none came for so long.
    """

    address: str
    pause_s = 0.0
    gather_s = 0.002

    @property
    def identity(self) -> str:
        """Return the same for all addresses of one remote, as far as that is known."""
        return self.address

    def glance(self) -> str | None:
        """Return what is another text once there is news, at next to no cost; None where that can't be had.

        A watcher asks often, and syncs when it is another one; else it syncs every ten seconds or so.
        """
        return None

    def listen(self, wake: Callable[[], None]) -> None:  # noqa: B027 - many hear of nothing by themselves
        """Call `wake`, from any thread, as soon as a glance would return another text, where that is known without asking."""

    def close(self) -> None:  # noqa: B027 - many have nothing to close
        """Let go of what it holds."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Peer(Remote):
    """A replica on the other side that answers.

    Attributes:
        asks_first: to ask costs next to nothing, so nothing is guessed of what it has.
        known: what it said last of what it has, to whatever replica; syncs keep it here.
    """

    asks_first = False
    known: Response | None = None

    @abstractmethod
    def exchange(self, request: Request) -> Response:
        """Bring a request there, and the answer back: one round trip.

        On the other side, `answer` answers. Raise a TransportError if it can't be brought there.
        """

    def acknowledge(self, site: str, vector: dict[str, int]) -> None:
        """Hear which vector the asking replica has after it merged the answer."""


class Entry(NamedTuple):
    """What a store's listing says of a file.

    Attributes:
        size: in bytes.
        mark: changes when the content does: a time, or an ETag.
    """

    size: int
    mark: str


class Store(Remote):
    """A place that keeps files under names, and answers nothing: a folder, a bucket, a stream.

    Names have the form `<32 hex digits>/<at most 200 of [0-9a-z.-]>`. Nothing is ever changed under its name: it is put, perhaps again
    with the same bytes, and deleted. Listings may be late and incomplete, files may be cut off, damaged and lost: all that is noticed.
    Every method raises a TransportError where the place can't be reached.

    Attributes:
        settles_s: after so long whoever sees a file sees those that were put before it. It decides how soon old files go, no more.
        most_bytes: how large a file may be.
    """

    gather_s = 0.01  # each sync is a file there, for long
    settles_s = 7 * 24 * 3600.0
    most_bytes = 8 << 20

    @abstractmethod
    def exists(self) -> bool:
        """Tell whether this is a store: False if it is empty, and so may become one.

        Raises:
            TransportError: it is something else.
        """

    @abstractmethod
    def begin(self) -> None:
        """Make an empty place a store."""

    @abstractmethod
    def entries(self) -> Mapping[str, Entry]:
        """List the names, with what is known of each file. Names that are no segments may be among them."""

    def names(self) -> Collection[str]:
        """List the names alone; this is asked at each poll, and should be as cheap as can be."""
        return self.entries().keys()

    def glance(self) -> str | None:
        """Return what changes when a name comes or goes."""
        return str(hash(frozenset(self.names())))

    @abstractmethod
    def get(self, name: str) -> bytes | None:
        """Return the bytes of a file, None if it is not there."""

    def get_many(self, names: Sequence[str]) -> Iterator[bytes | None]:
        """Return the bytes of several files in that order; where each takes a round trip, the next ones are under way meanwhile."""
        return map(self.get, names)

    @abstractmethod
    def put(self, name: str, data: bytes | memoryview) -> None:
        """Keep a file, so that it survives a power cut; it should not be seen under its name before it is whole."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Delete a file; it does not matter if it is not there."""

    def probe(self) -> str:
        """Try out what the place can do; return that in some words, "" if there is nothing to say."""
        return ""

    def remarks(self) -> Sequence[str]:
        """Tell, once, of what was found there that is none of ours, where a person should know of it."""
        return ()
