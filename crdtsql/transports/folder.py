"""Folders: a store that is a folder: shared over a network, synced by Syncthing or Dropbox, or on a stick."""

from __future__ import annotations

import errno
import os
import re
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from crdtsql.base import TransportError
from crdtsql.transports.addresses import Address
from crdtsql.transports.interface import Context, Entry, Store

if TYPE_CHECKING:
    from crdtsql.transports.noticing import Ear

MARK = "crdtsql-store.txt"
"""What makes a folder a store. Its bytes are the same everywhere, so that it never conflicts with itself."""
TEXT = b"""crdtsql store 1

Replicas of SQLite tables exchange their changes in this folder: crdtsql sync FILE dir:THIS_FOLDER
Files appear and go by themselves here. Leave them alone.
"""
_WRITER = re.compile("[0-9a-f]{32}", re.ASCII)
_OF_OTHERS = re.compile(
    r"\..*|lost\+found|desktop\.ini|Thumbs\.db|System Volume Information|\$RECYCLE\.BIN", re.IGNORECASE
)
"""What systems and sync programs put into a folder that is empty to its user."""
_FIRST = {
    (errno.ENOSPC, errno.EDQUOT): "make room there, then ",
    (errno.EROFS, errno.EACCES, errno.EPERM): "get the right to read and write there, then ",
}
"""What to do about an error of the system before one syncs again."""
_LEFT_S = 24 * 3600
"""After so long a temporary file is one that somebody left."""


class Folder(Store):
    """A folder."""

    def __init__(self, address: str, path: str) -> None:
        self.address = address
        self._path = os.path.abspath(path)
        self._ear: Ear | None = None

    @property
    def identity(self) -> str:
        """Return the folder's path without links."""
        return f"dir:{os.path.realpath(self._path)}"

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn the system's errors into ours."""
        try:
            yield
        except OSError as error:
            if not os.path.isdir(self._path):
                raise TransportError(f"{self.address}: {self._no_folder()}") from error
            first = next((what for codes, what in _FIRST.items() if error.errno in codes), "")
            raise TransportError(
                f"{self.address}: {error.strerror or error} ({error.filename or self._path}): {first}sync again"
            ) from error

    def exists(self) -> bool:
        """Look for the mark; a folder that is missing is not made, because it may be one that is not mounted."""
        if not os.path.isdir(self._path):
            raise TransportError(f"{self.address}: {self._no_folder()}")
        with self._explained():
            try:
                with open(os.path.join(self._path, MARK), "rb") as file:
                    found = file.read(len(TEXT))
            except FileNotFoundError:
                found = None
            if found is not None and found.partition(b"\n")[0] != TEXT.partition(b"\n")[0]:
                raise TransportError(
                    f"{self.address} is a store of another version of crdtsql, or {MARK} was altered: "
                    "install the version that it belongs to, or use another folder"
                )
            others = sorted(name for name in os.listdir(self._path) if not _OF_OTHERS.fullmatch(name) and name != MARK)
        if found is None and others:
            raise TransportError(
                f"{self.address} is no store: there is no {MARK}, and other files are there, such as {others[0]!r}: "
                "give a folder of its own, which may be empty; if this is one that is still being copied here, wait for that"
            )
        return found is not None

    def _no_folder(self) -> str:
        """Say what stands there that is no folder, and what to do."""
        path = shlex.quote(self._path)
        if not os.path.lexists(self._path):
            return f"there is no such folder: mount it, or make an empty one first: mkdir -p {path}"
        if not os.path.isfile(self._path):
            return "it is no folder: name one"
        with suppress(OSError), open(self._path, "rb") as file:
            if file.read(16) != b"SQLite format 3\0":
                return "it is no folder but a file: name a folder of its own"
            return f"it is no folder but an SQLite database: to sync with that write its path without dir: ({path})"
        return "it is no folder but a file that can't be read: name a folder of its own"

    def begin(self) -> None:
        """Put the mark there."""
        with self._explained():
            self._write(self._path, MARK, TEXT)

    def listen(self, wake: Callable[[], None]) -> None:
        """Hear of what changes at once, where watchfiles is installed; who listens looks on a timer all the same."""
        try:
            from crdtsql.transports.noticing import Ear
        except ImportError:
            return
        self.close()
        self._ear = Ear(self._path, wake)

    def close(self) -> None:
        """Stop listening."""
        if self._ear is not None:
            self._ear.close()
            self._ear = None

    def names(self) -> list[str]:
        """List the names, without a look at the files."""
        with self._explained():
            return [f"{writer}/{name}" for writer in self._writers() for name in self._listed(writer)]

    def _writers(self) -> list[str]:
        return [name for name in os.listdir(self._path) if _WRITER.fullmatch(name)]

    def _listed(self, writer: str) -> list[str]:
        with suppress(FileNotFoundError, NotADirectoryError):
            return os.listdir(os.path.join(self._path, writer))
        return []

    def entries(self) -> Mapping[str, Entry]:
        """List the names with size and time."""
        found = {}
        with self._explained():
            for writer in self._writers():
                with (
                    suppress(FileNotFoundError, NotADirectoryError),
                    os.scandir(os.path.join(self._path, writer)) as files,
                ):
                    for file in files:
                        with suppress(FileNotFoundError):
                            status = file.stat()
                            found[f"{writer}/{file.name}"] = Entry(status.st_size, str(status.st_mtime_ns))
        return found

    def get(self, name: str) -> bytes | None:
        """Read a file."""
        with self._explained():
            try:
                with open(os.path.join(self._path, name), "rb") as file:
                    return file.read()
            except FileNotFoundError:
                return None

    def put(self, name: str, data: bytes | memoryview) -> None:
        """Write a file under a temporary name, then give it its own."""
        writer, _, last = name.partition("/")
        folder = os.path.join(self._path, writer)
        with self._explained():
            if not os.path.isdir(folder):
                os.makedirs(folder, exist_ok=True)
                _sync(self._path)
            self._sweep(folder)
            self._write(folder, last, data)

    def _write(self, folder: str, name: str, data: bytes | memoryview) -> None:
        import secrets  # takes longer to import than to list ten thousand names

        temporary = os.path.join(folder, f".{secrets.token_hex(8)}.tmp")
        try:
            with open(temporary, "xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, os.path.join(folder, name))
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
        _sync(folder)

    def _sweep(self, folder: str) -> None:
        """Delete temporary files that somebody left who was killed."""
        for name in os.listdir(folder):
            if name.startswith(".") and name.endswith(".tmp"):
                path = os.path.join(folder, name)
                with suppress(OSError):
                    if os.stat(path).st_mtime < time.time() - _LEFT_S:
                        os.unlink(path)

    def delete(self, name: str) -> None:
        """Delete a file."""
        with self._explained(), suppress(FileNotFoundError):
            os.unlink(os.path.join(self._path, name))


def _sync(folder: str) -> None:
    """Have the names in a folder survive a power cut, where the file system can do that."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def open_folder(address: Address, _: Context) -> Folder:
    """Name a folder; `dir:path`."""
    return Folder(address.text, address.path)
