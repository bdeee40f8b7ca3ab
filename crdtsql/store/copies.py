"""Identity: notice that a file was copied or restored, so that no two writers share a site id.

Two things prove that a file is still the one that its site id was given to: the place that the file itself remembers (machine,
device, inode), which a copy doesn't have; and a note outside of the file (in the user's state directory) of how far
it had come, which a restored backup has not. A new site id is always safe, one more entry in the vector; keeping one
needs proof. (Active Directory's invocation id after USN rollback is the model.)
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crdtsql.store.registry import Registry

ELSEWHERE = "it is a copy from another machine"
NOTHING = "nothing is lost"


def state_directory() -> Path:
    """Return where the notes about this user's replicas are kept; `CRDTSQL_STATE_DIR` overrides it."""
    override = os.environ.get("CRDTSQL_STATE_DIR")
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

    @staticmethod
    def of(path: str) -> Home:
        """Look where a file lives now."""
        status = os.stat(path)
        return Home(_machine(), status.st_dev, status.st_ino)

    def to_json(self) -> str:
        """Return the text that the file keeps."""
        return json.dumps({"machine": self.machine, "device": self.device, "inode": self.inode})


def _machine() -> str:
    for source in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
        with suppress(OSError):
            found = Path(source).read_text(encoding="ascii", errors="replace").strip()
            if found:
                break
    else:
        import uuid

        node = uuid.getnode()
        found = "" if node >> 40 & 1 else str(node)  # that bit says that no network card was found and it is random
    return hashlib.sha256(b"crdtsql " + found.encode()).hexdigest()[:16]


def reason_for_new_site(registry: Registry, path: str) -> str | None:
    """Tell why this file must not go on under its site id; None if it may."""
    remembered = _remembered_home(registry)
    if remembered is None:
        return "it does not say where it lives"
    here = Home.of(path)
    note = _read_note(registry)
    if (remembered.get("machine"), remembered.get("inode")) != (here.machine, here.inode):
        return "it is a copy" if remembered.get("machine") == here.machine else ELSEWHERE
    if remembered.get("device") != here.device and not (note and note.get("nonce") == registry.get("nonce")):
        return "it is a copy"
    if note:
        generation = registry.number("generation")
        if note["generation"] > generation:
            return "an older state of it was restored"
        if note["generation"] == generation and note["nonce"] != registry.get("nonce"):
            return "another copy of it took its place"
    return None


def loss(reason: str) -> str:
    """Say what the file may lack, given why it goes on as a new site."""
    if "restored" in reason:
        return "what was written in it after that state comes back from a replica that has it, and only from there"
    return NOTHING


def _remembered_home(registry: Registry) -> dict[str, Any] | None:
    try:
        found = json.loads(str(registry.get("home")))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def remember_home(registry: Registry, path: str) -> None:
    """Remember in the file where it lives."""
    registry.set("home", Home.of(path).to_json())


def advance(registry: Registry) -> None:
    """Mark in the file that it has come further; part of every transaction that changes the replica."""
    registry.set("generation", registry.number("generation") + 1)
    registry.set("nonce", os.urandom(8).hex())


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
        return cls(os.fspath(_note_path(registry)), json.dumps(content))

    def write(self) -> None:
        """Write it; after the commit, so that it is never ahead of the file."""
        with suppress(OSError):
            name = f"{os.path.dirname(self.place)}/.note-{os.urandom(8).hex()}"
            try:
                handle = _create(name)
            except FileNotFoundError:
                os.makedirs(os.path.dirname(name), mode=0o700, exist_ok=True)
                handle = _create(name)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(self.content.encode())
                os.replace(name, self.place)
            except BaseException:
                os.unlink(name)
                raise


def _create(name: str) -> int:
    """Create a file that nobody else reads, and open it to be written."""
    return os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)


def _note_path(registry: Registry) -> Path:
    return state_directory() / f"{registry.site_id(registry.self_ordinal).hex()}.json"


def _read_note(registry: Registry) -> dict[str, Any] | None:
    """Read the note, None if there is none; one that is damaged or can't be read proves nothing either."""
    try:
        note = json.loads(_note_path(registry).read_text(encoding="utf-8"))
        return {"generation": int(note["generation"]), "nonce": str(note["nonce"])}
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
