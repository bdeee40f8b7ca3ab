"""Power cuts: whatever was written and not synced is lost, all of it or some of it, in any order.

A command runs once, and all that SQLite does to the files is written down. Then the files are made that a cut leaves at chosen moments: what
was synced, and of what was written since then some writes, some of these half. `CRDTSQL_POWER_CUTS` says how many there are of each case.

After each cut the files are sound; the command, done again, comes to the same as without; and what another replica can have got of a
changeset that was finished before the cut is still there.
"""

from __future__ import annotations

import os
import random
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import pytest

from crdtsql import Replica
from crdtsql.replica import SyncOptions, SyncReport
from crdtsql.transports.interface import Peer, Store
from crdtsql.transports.syncing import _with_open as with_open
from crdtsql.transports.syncing import reached
from crdtsql.transports.watch.watching import Watcher
from crdtsql.wire.envelope import unpack
from tests.machines.faults import scenes
from tests.machines.faults.scenes import SCENES
from tests.machines.faults.test_faults import Trials, run

BASE = "unix"
CUTS = int(os.environ.get("CRDTSQL_POWER_CUTS", "4"))
JOURNALS = ("delete", "truncate", "persist", "wal")
DATABASES = [name for name, (_, _, output) in SCENES.items() if not output.endswith(".crdt")]
CASES = [
    (name, journal) for n, name in enumerate(DATABASES) for journal in (JOURNALS if CUTS > 20 else [JOURNALS[n % 4]])
]


class Event(NamedTuple):
    """What SQLite did to a file: "write", "truncate" (`at` is the length), "sync" or "delete" (`at` is 1 if the folder was synced then)."""

    what: str
    path: Path
    at: int = 0
    data: bytes = b""


class Recording(apsw.VFS):
    """SQLite's own VFS, which writes down what is done to the files of a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.events: list[Event] = []
        super().__init__("recording", BASE, makedefault=True)

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        if path and Path(path).is_relative_to(self.folder) and not path.endswith("-shm"):
            return RecordedFile(self, Path(path), name, flags)
        return apsw.VFSFile(BASE, name, flags)

    def excepthook(self, *_: object) -> None:
        """Say nothing of errors that SQLite does not want to know."""

    def xDelete(self, filename: str, syncdir: bool) -> None:
        super().xDelete(filename, syncdir)
        if Path(filename).is_relative_to(self.folder):
            self.events.append(Event("delete", Path(filename), int(syncdir)))


class RecordedFile(apsw.VFSFile):
    """A file of the folder."""

    def __init__(self, to: Recording, path: Path, name: Any, flags: list[int]) -> None:
        self.to, self.path = to, path
        super().__init__(BASE, name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        super().xWrite(data, offset)
        self.to.events.append(Event("write", self.path, offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:
        super().xTruncate(newsize)
        self.to.events.append(Event("truncate", self.path, newsize))

    def xSync(self, flags: int) -> None:
        super().xSync(flags)
        self.to.events.append(Event("sync", self.path))


@contextmanager
def recording(folder: Path) -> Iterator[list[Event]]:
    """Write down what is done in a block."""
    vfs = Recording(folder)
    try:
        yield vfs.events
    finally:
        vfs.unregister()


def _apply(content: bytearray, event: Event, choice: random.Random | None = None) -> None:
    if event.what == "truncate":
        content[:] = content[: event.at].ljust(event.at, b"\0")
        return
    data = event.data
    if choice is not None and choice.random() < 0.2:
        data = data[: len(data) // 2]
    content[len(content) :] = bytes(max(0, event.at - len(content)))
    content[event.at : event.at + len(data)] = data


class Disk:
    """What is certainly on the disk, and what was done to it since.

    Attributes:
        synced: path -> what it holds at least.
        later: path -> what was written, and not synced.
        deleted: path -> what it holds if its deletion is lost, because the folder was not synced since.
    """

    def __init__(self, before: dict[Path, bytes]) -> None:
        self.synced = {path: bytearray(data) for path, data in before.items() if not path.name.endswith("-shm")}
        self.later: dict[Path, list[Event]] = defaultdict(list)
        self.deleted: dict[Path, bytes] = {}

    def do(self, event: Event) -> None:
        """Take over what SQLite did."""
        if event.what == "delete":
            content = self.synced.pop(event.path, None)
            self.later.pop(event.path, None)
            if content is not None:
                self.deleted[event.path] = bytes(content)
            if event.at:
                self.deleted.clear()
        elif event.what == "sync":
            if event.path not in self.synced:
                self.deleted.clear()  # SQLite syncs the folder of a journal that it has just made
            content = self.synced.setdefault(event.path, bytearray())
            for one in self.later.pop(event.path, []):
                _apply(content, one)
        else:
            self.later[event.path].append(event)

    def left(self, keeps: float, choice: random.Random) -> dict[Path, bytes]:
        """Return the files after a cut, which keeps each thing that was not synced with a chance."""
        found = {path: bytearray(data) for path, data in self.synced.items()}
        for path, data in self.deleted.items():
            if path not in found and path not in self.later and choice.random() >= keeps:
                found[path] = bytearray(data)
        for path, lost in self.later.items():
            content = found.setdefault(path, bytearray())
            for one in lost:
                if choice.random() < keeps:
                    _apply(content, one, choice)
        return {path: bytes(data) for path, data in found.items()}


def cut(before: dict[Path, bytes], events: list[Event], keeps: float, choice: random.Random) -> dict[Path, bytes]:
    """Make the files that a cut after these events leaves: what was synced, and each later thing with the chance `keeps`."""
    disk = Disk(before)
    for event in events:
        disk.do(event)
    return disk.left(keeps, choice)


def put_back(scene: scenes.Scene, left: dict[Path, bytes]) -> None:
    """Have the files of a scene as a cut left them, in the same places on the disk; the state directory is as old as the command."""
    scene.bring_back()
    for path in scene.folder.iterdir():
        if path.is_file() and path not in left:
            path.unlink()
    for path, data in left.items():
        with open(path, "r+b" if path.exists() else "wb") as file:
            file.write(data)
            file.truncate()


@pytest.mark.parametrize(("name", "journal"), CASES)
def test_a_power_cut_spoils_nothing(name: str, journal: str, tmp_path: Path) -> None:
    """Whatever a power cut takes, the files are sound, and doing it again comes to the same as if there had been none."""
    trials = Trials(scenes.make(name, tmp_path / "scene", journal))
    scene = trials.scene
    scene.bring_back()
    with recording(scene.folder) as events:
        assert run(scene.words).exit_code == 0
    before = {path: data for path, data in scene.files.items() if path.is_relative_to(scene.folder)}
    changes = [number for number, event in enumerate(events) if event.what in ("sync", "delete")]
    assert changes, "nothing was recorded"
    choice = random.Random(f"{name} {journal} {CUTS}")
    for number in range(CUTS):
        at = choice.randrange(len(events) + 1) if number % 2 else choice.choice(changes) + choice.randrange(2)
        keeps = choice.choice((0.0, 0.5, 1.0))
        put_back(scene, cut(before, events[:at], keeps, choice))
        try:
            trials.check("cut", tidy=False)
        except AssertionError as error:
            raise AssertionError(f"cut after {at} of {len(events)} events, keeping {keeps}: {error}") from error
    with open(os.environ.get("CRDTSQL_FAULTS_LOG", os.devnull), "a", encoding="utf-8") as log:
        log.write(f"cut {name} {journal}: {CUTS} of {len(events)} events\n")


def _owns(app: Path) -> dict[bytes, int]:
    connection = apsw.Connection(str(app))
    assert connection.execute("PRAGMA integrity_check").get == "ok"
    own = dict(connection.execute("SELECT id, upto FROM _crdt_site").fetchall())
    connection.close()
    return own


@pytest.mark.parametrize("whose", ["own connection", "program's connection"])
@pytest.mark.parametrize("synchronous", ["NORMAL", "FULL"])
@pytest.mark.parametrize("journal", JOURNALS)
def test_what_was_exported_is_never_lost(journal: str, synchronous: str, whose: str, tmp_path: Path) -> None:
    """A replica whose power is cut after an export still has all that the changeset says of it, so no stamp is given twice."""
    scene = scenes.make("export", tmp_path / "scene", journal)
    app = scene.folder / "app.db"
    before = {path: data for path, data in scene.files.items() if path.is_relative_to(scene.folder)}
    with Replica.open(scene.folder / "peer.db") as peer:
        data = peer.export()
    with recording(scene.folder) as events:
        program = apsw.Connection(str(app))
        program.execute(f"PRAGMA journal_mode = {journal}; PRAGMA synchronous = {synchronous}")
        program.execute("UPDATE task SET votes = votes + 7")
        with Replica.open(app) if whose == "own connection" else nullcontext(Replica.on(program)) as replica:
            replica.merge(data)
            vector = unpack(replica.export()).header.vector
            at = len(events)
            replica.connection.execute("UPDATE task SET title = 'after the export'")
        program.close()
    choice = random.Random(f"{journal} {synchronous}")
    for end in (at, len(events)):
        for keeps in (0.0, 0.5):
            put_back(scene, cut(before, events[:end], keeps, choice))
            own = _owns(app)
            assert all(own.get(site, 0) >= upto for site, upto in vector.items()), (journal, synchronous, keeps)


@pytest.mark.parametrize("journal", JOURNALS)
def test_what_a_watcher_sent_is_never_lost(journal: str, tmp_path: Path) -> None:
    """A replica that is watched still has, after a cut at any moment, all of its own that had gone to the remote by then."""
    scene = scenes.make("store", tmp_path / "scene", journal)
    app, clock = scene.folder / "app.db", [100.0]
    before = {path: data for path, data in scene.files.items() if path.is_relative_to(scene.folder)}
    sent: list[tuple[int, int]] = []
    with recording(scene.folder) as events, Replica.open(app) as replica:
        program = apsw.Connection(str(app))
        program.execute(f"PRAGMA journal_mode = {journal}; PRAGMA synchronous = NORMAL")

        def sync(one: Replica, remote: Peer | Store, options: SyncOptions) -> SyncReport:
            report = with_open(one, remote, options)
            sent.append((len(events), int(one.vector()[one.site])))
            return report

        site = bytes.fromhex(replica.site)
        watcher = Watcher(replica, {"it": lambda: reached(replica, scene.words[2])}, sync, now=lambda: clock[0])
        for number in range(4):
            program.execute("UPDATE task SET votes = votes + 1")
            for _ in range(10):
                clock[0] += max(0.01, watcher.step())
            assert len(sent) > number
        watcher.close()
        program.close()
    choice = random.Random(journal)
    for _ in range(CUTS * 2):
        end, keeps = choice.randrange(len(events) + 1), choice.choice((0.0, 0.5, 1.0))
        put_back(scene, cut(before, events[:end], keeps, choice))
        own = _owns(app)
        for at, upto in sent:
            assert at > end or own.get(site, 0) >= upto, (at, end, keeps)
