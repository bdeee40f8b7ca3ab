"""Identity: notice that a file was copied or restored, so that no two writers share a site id.

Two things prove that a file is still the one that its site id was given to: the place that the file itself remembers (machine,
device, inode), which a copy doesn't have; and a note outside of the file (in the user's state directory) of how far
it had come, which a restored backup has not. A new site id is always safe, one more entry in the vector; keeping one
needs proof. (Active Directory's invocation id after USN rollback is the model.)

Where the place is another one at each start, as in containers, an operator can say which replica a file is. That word takes the place
of the first proof, unless something shows that it is wrong, and the file *starts* anew (`starts.py`), so that others can tell it from
another file that does so under the same word (decision 0033).
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from crdtsql.base import DatabaseError, memory
from crdtsql.store import facts
from crdtsql.store.identity import said, starts
from crdtsql.store.registry import Registry

ELSEWHERE = "it is a copy from another machine"
NOTHING = "nothing is lost"
_FOR_NOW = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO)
"""Errors that say nothing of a file, but that it can't be read as things are."""
RESTORED = "an older state of it was restored"

NOTE_BYTES = 256
"""A note has a multiple of so many bytes, so that nearly always the next one has as many."""


def state_directory() -> Path:
    """Return where the notes about this user's replicas are kept; `CRDTSQL_STATE_DIR` overrides it."""
    return _state_directory(*map(os.environ.get, ("CRDTSQL_STATE_DIR", "XDG_STATE_HOME", "HOME")))


@lru_cache(maxsize=16)
def _state_directory(override: str | None, *_platform_looks_at: str | None) -> Path:
    if override:
        return Path(override)
    import platformdirs

    return platformdirs.user_state_path("crdtsql")


@dataclass(frozen=True, slots=True)
class Home:
    """Where a file lives."""

    machine: str
    device: int
    inode: int
    path: str

    @staticmethod
    def of(path: str) -> Home:
        """Look where a file lives now."""
        status = os.stat(path)
        return Home(_machine(), status.st_dev, status.st_ino, path)


def _machine() -> str:
    for source in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
        found = (_text_of(source) or "").strip()
        if found:
            break
    else:
        import uuid

        node = uuid.getnode()
        found = "" if node >> 40 & 1 else str(node)  # that bit says that no network card was found and it is random
    return hashlib.sha256(b"crdtsql " + found.encode()).hexdigest()[:16]


def _text_of(place: str, *, locked: bool = False) -> str | None:
    """Read a file that proves something, `locked` against whoever writes it; None if it is not there, or not for us to read.

    Raises:
        DatabaseError: it can't be read just now, so that nobody can say what it proves.
    """
    try:
        with open(place, "rb") as file:
            if locked:
                with suppress(OSError):
                    _lock(file.fileno(), shared=True)
            return file.read().decode("ascii", errors="replace")
    except OSError as error:
        if error.errno in _FOR_NOW:
            raise DatabaseError(
                f"{place} can't be read just now ({error.strerror}), so nobody can tell whether the database was copied or restored: "
                "nothing was changed; run this again when it can be"
            ) from error
    return None


def reason_for_new_site(registry: Registry, path: str, word: str | None) -> str | None:
    """Tell why this file must not go on under its site id; None if it may.

    Args:
        word: which replica it is, as its operator says.
    """
    before = None if word is None else said.of_file(registry)
    remembered, note = _remembered_home(registry), _read_note(registry)
    if before is not None and word != before:
        return f"it was the replica {before!r}, and {said.VARIABLE} says that it is {word!r}"
    if before is not None:
        origin = _origin(remembered, note, path)
        moved = None if origin is None else f"it is a copy, and {origin}, which it was copied from, is still there"
    else:
        moved = _moved(registry, path, remembered, note)
    return moved or _overtaken(registry, note)


def may_go_on(registry: Registry, path: str, word: str | None) -> bool:
    """Tell whether this file may go on as it is: under its site id, and without a start, which its operator's word alone takes."""
    if reason_for_new_site(registry, path, word) is not None:
        return False
    if word is None:
        return True
    if said.of_file(registry) != word or _remembered_home(registry) != asdict(Home.of(path)):
        return False
    return os.path.exists(_note_path(registry)) or not _can_note()


def start(registry: Registry, path: str, word: str | None) -> None:
    """Let a file go on under its site id from here, because it is a new one, or because of its operator's word."""
    registry.set("home", json.dumps(asdict(Home.of(path))))
    if word is not None:
        said.remember(registry, word)
        starts.begin(registry)
    advance(registry)


def _origin(remembered: dict[str, Any] | None, note: dict[str, Any] | None, path: str) -> str | None:
    """Return the path of the file that this one was copied from, if it is still where it was."""
    if remembered is None:
        return None
    for found in (remembered.get("path"), note and note.get("path")):
        with suppress(OSError, ValueError):
            if (
                isinstance(found, str)
                and os.stat(found).st_ino == remembered.get("inode")
                and not os.path.samefile(found, path)
            ):
                return found
    return None


def _moved(registry: Registry, path: str, remembered: dict[str, Any] | None, note: dict[str, Any] | None) -> str | None:
    """Tell why the place of a file does not prove that it is the one that its site id was given to; None if it does."""
    if remembered is None:
        return "it does not say where it lives"
    here = Home.of(path)
    if (remembered.get("machine"), remembered.get("inode")) != (here.machine, here.inode):
        return "it is a copy" if remembered.get("machine") == here.machine else ELSEWHERE
    if remembered.get("device") != here.device and not (note and note.get("nonce") == registry.get("nonce")):
        return "it is a copy"
    return None


def _overtaken(registry: Registry, note: dict[str, Any] | None) -> str | None:
    """Tell why the note proves that this file, or another one, has gone on since; None if it does not."""
    if note:
        generation = registry.number("generation")
        if note["generation"] > generation:
            return RESTORED
        if note["generation"] == generation and note["nonce"] != registry.get("nonce"):
            return "another copy of it took its place"
    return None


def loss(reason: str) -> str:
    """Say what the file may lack, given why it goes on as a new site."""
    if reason.endswith(RESTORED):
        return "what was written in it after that state comes back from a replica that has it, and only from there"
    return NOTHING


def _remembered_home(registry: Registry) -> dict[str, Any] | None:
    try:
        found = json.loads(str(registry.get("home")))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def advance(registry: Registry) -> None:
    """Mark in the file that it has come further; part of every transaction that changes the replica."""
    registry.sites()  # what others may have added is noticed before the state is another one
    before = facts.drawn(registry.connection)
    registry.set("generation", registry.number("generation") + 1)
    registry.set("nonce", os.urandom(8).hex())
    memory.keep(registry.connection, before, facts.state(registry.connection))


@dataclass(frozen=True, slots=True)
class Note:
    """What is written down outside of a file: how far it has come."""

    place: str
    content: str

    @classmethod
    def since(cls, registry: Registry, generation: int) -> Note | None:
        """Take the note of what a transaction is about to commit, None if it did not bring a file further."""
        if not registry.connection.filename or registry.number("generation") == generation:
            return None
        content = {
            "generation": registry.number("generation"),
            "nonce": registry.get("nonce"),
            "path": registry.connection.filename,
        }
        return cls(_note_path(registry), json.dumps(content))

    def write(self) -> None:
        """Write it; after the commit, so that it is never ahead of the file."""
        content = self.content.encode()
        content = content.ljust(-(-len(content) // NOTE_BYTES) * NOTE_BYTES)
        with suppress(OSError):
            if not self._overwrite(content):
                self._replace(content)

    def _overwrite(self, content: bytes) -> bool:
        """Write it over the note that is there, in one step; return False if there is none of that size.

        A file that takes another one's place has some file systems write it to the disk at once, which takes milliseconds.
        """
        if sys.platform == "win32":
            return False
        with suppress(OSError):
            handle = os.open(self.place, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                _lock(handle)
                return os.fstat(handle).st_size == len(content) == os.pwrite(handle, content, 0)
            finally:
                os.close(handle)
        return False

    def _replace(self, content: bytes) -> None:
        name = f"{os.path.dirname(self.place)}/.note-{os.urandom(8).hex()}"
        try:
            handle = _create(name)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(name), mode=0o700, exist_ok=True)
            handle = _create(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            os.replace(name, self.place)
        except BaseException:
            os.unlink(name)
            raise


def _lock(handle: int, *, shared: bool = False) -> None:
    """Keep others from a note until it is closed: nobody reads one that is half written."""
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)


def _create(name: str) -> int:
    """Create a file that nobody else reads, and open it to be written."""
    return os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)


def _note_path(registry: Registry) -> str:
    return os.path.join(state_directory(), f"{registry.site_id(registry.self_ordinal).hex()}.json")


def _can_note() -> bool:
    """Tell whether a note can be written."""
    place = state_directory()
    while not place.exists() and place != place.parent:
        place = place.parent
    return os.access(place, os.W_OK)


def _read_note(registry: Registry) -> dict[str, Any] | None:
    """Read the note, None if there is none; one that is damaged, or that we may not read, proves nothing either."""
    text = _text_of(_note_path(registry), locked=True)
    try:
        note = json.loads(text or "")
        return {"generation": int(note["generation"]), "nonce": str(note["nonce"]), "path": note.get("path")}
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
