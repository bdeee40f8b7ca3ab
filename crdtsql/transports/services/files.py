"""Files: a store in a folder that fsspec reaches: over SFTP, WebDAV, SMB, FTP or HDFS, or in the memory of this process.

fsspec asks a package of its own for most protocols, and raises what that raises. A connection is used by one thread. Nothing is
renamed: a file that is cut off, or read while it is written, is noticed like any damage.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from crdtsql.base import TransportError, UsageError, printable
from crdtsql.transports.addresses import Address
from crdtsql.transports.interface import Context, Entry
from crdtsql.transports.services.objects import Objects
from crdtsql.transports.stores.segments import PIECE_BYTES

_TIMES = ("ETag", "etag", "mtime", "modified", "last_modified", "LastModified", "modify", "created")
"""What a protocol calls what changes when a file does; there is one where one is known at all."""
_SECRET = re.compile(r"//[^/@]*:[^/@]*@")
_LONGEST = 300


@contextmanager
def _explained(address: str) -> Iterator[None]:
    """Turn what a protocol raises into ours."""
    try:
        yield
    except TransportError:
        raise
    except ImportError as error:
        raise TransportError(
            f"{address}: {error}: install that (pip install 'crdtsql[fsspec]' brings fsspec alone), then sync again"
        ) from error
    except Exception as error:
        short = printable(str(error).partition("\n")[0])[:_LONGEST] or type(error).__name__
        raise TransportError(
            f"{address} can't be reached, or does not do what it should ({short}): check the address, the network and "
            "what you may do there, then sync again"
        ) from error


class Files(Objects):
    """A folder of a file system of fsspec's."""

    own_place = "a folder of its own"

    def __init__(self, address: str, files: Any, root: str) -> None:
        super().__init__(address)
        self._files, self._root = files, root.rstrip("/")

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _all(self, under: str = "") -> Iterator[tuple[str, Entry]]:
        with _explained(self.address):
            self._files.invalidate_cache()
            try:
                found = self._files.find(self._path(under).rstrip("/"), detail=True, on_error="raise")
            except FileNotFoundError:
                found = {}
        for path, known in found.items():
            mark = next((str(known[one]) for one in _TIMES if known.get(one) is not None), "")
            name = path.lstrip("/").removeprefix(f"{self._root.lstrip('/')}/")  # not all protocols keep the first slash
            yield name, Entry(int(known.get("size") or 0), mark)

    def _read(self, name: str) -> bytes | None:
        with _explained(self.address):
            try:
                data = bytes(self._files.cat_file(self._path(name), end=PIECE_BYTES + 1))
            except FileNotFoundError:
                return None
        return None if len(data) > PIECE_BYTES else data

    def put(self, name: str, data: bytes | memoryview) -> None:
        """Write a file."""
        path = self._path(name)
        with _explained(self.address):
            self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
            self._files.pipe_file(path, bytes(data))

    def delete(self, name: str) -> None:
        """Delete a file."""
        with _explained(self.address):
            try:
                self._files.rm_file(self._path(name))
            except FileNotFoundError:
                return


def open_files(address: Address, _: Context) -> Files:
    """Open `sftp://host/folder` and the like.

    Raises:
        UsageError: a password stands in the address, or no folder.
        TransportError: the protocol needs a package that is missing, or the host can't be reached.
    """
    if _SECRET.search(address.rest):
        raise UsageError(
            f"{address.scheme}: a password stands in the address: leave it out, and use keys or the environment"
        )
    if not address.rest.startswith("//") or not address.rest.strip("/").partition("?")[0]:
        raise UsageError(f"{address.text!r} is no address of a folder: write {address.scheme}://host/folder")
    with _explained(address.text):
        from fsspec.core import url_to_fs  # missing, it is named like the protocols' own packages

        files, root = url_to_fs(f"{address.scheme}:{address.rest}", skip_instance_cache=True)
    return Files(address.text, files, root)
