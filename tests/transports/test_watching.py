"""Watching: what makes a watcher sync, when it tries again, and how it ends. Time is the tests' own."""

from __future__ import annotations

import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import apsw
import pytest

from crdtsql import CrdtsqlError, Replica, SyncReport, errors
from crdtsql.look import LogEntry
from crdtsql.replica import SyncOptions
from crdtsql.transports.file import FilePeer
from crdtsql.transports.folder import Folder
from crdtsql.transports.interface import Peer, Store
from crdtsql.transports.syncing import _with_open
from crdtsql.transports.watch import pace, watching
from crdtsql.transports.watch.watching import Watcher
from tests.support import peers
from tests.support.command import COMMAND, execute

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title)"


class World:
    """A replica, its remote, a watcher between them, and the time."""

    def __init__(self, folder: Path) -> None:
        self.now, self.told, self.syncs = 100.0, [], 0
        self.one, self.other = peers.two(folder, SCHEMA, now=peers.Clock(step=1))
        (folder / "team").mkdir()
        self.folder = folder / "team"
        self.broken: CrdtsqlError | None = None

    def watcher(self, reach: watching.Reach) -> Watcher:
        """Watch what `reach` opens."""
        self.told = []
        return Watcher(
            self.one, {"it": reach}, self._sync, told=self._hear, now=lambda: self.now, chance=random.Random(1)
        )

    def _sync(self, replica: Replica, remote: Peer | Store, options: object) -> SyncReport:
        self.syncs += 1
        if self.broken:
            raise self.broken
        return _with_open(replica, remote, options)  # type: ignore[arg-type]

    def _hear(self, name: str, what: SyncReport | CrdtsqlError) -> None:
        self.told.append(what)

    def go(self, watcher: Watcher, seconds: float) -> int:
        """Let time pass in steps as the watcher asks for them; return how many syncs there were."""
        before, end = self.syncs, self.now + seconds
        while self.now < end:
            self.now += watcher.step()
        return self.syncs - before


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Give a replica and what it may watch."""
    return World(tmp_path)


def write(path: str, key: str) -> None:
    """Insert a row as another program does."""
    connection = apsw.Connection(path)
    connection.execute("INSERT INTO task VALUES (?, 'x')", (key,))
    connection.close()


def keys(replica: Replica) -> list[str]:
    """Return the keys of the rows that are shown."""
    return [key for (key,) in replica.connection.execute("SELECT id FROM task ORDER BY id")]


def test_local_writes_leave_at_once(world: World) -> None:
    """A write of any program is sent within a moment, and then nothing happens until the next one, or for long."""
    watcher = world.watcher(lambda: FilePeer(world.other))
    world.go(watcher, 1)
    assert world.go(watcher, 5) == 0
    write(world.one.path, "a")
    assert 1 <= world.go(watcher, 0.5) <= 2
    assert keys(world.other) == ["a"] and len(world.told) == 1
    assert world.go(watcher, 5) == 0
    assert world.go(watcher, 20) >= 1
    watcher.close()


def test_a_quiet_file_is_looked_at_seldom(world: World) -> None:
    """A watcher looks often at a file in which somebody just wrote, more and more seldom at one that is quiet, and never rarely."""
    watcher = world.watcher(lambda: FilePeer(world.other))
    world.go(watcher, 60)
    quiet = watcher.step()
    write(world.one.path, "a")
    world.go(watcher, 0.05)
    assert watcher.step() == pace.SHORTEST_S
    world.go(watcher, 4)
    middle = watcher.step()
    assert pace.SHORTEST_S < middle < quiet == pace.LONGEST_S
    watcher.close()


def test_many_writes_are_one_sync(world: World) -> None:
    """Writes that come in quick succession are sent together, but not later than after a moment, however long they go on."""
    watcher = world.watcher(lambda: FilePeer(world.other))
    world.go(watcher, 1)
    for number in range(10):
        write(world.one.path, f"a{number}")
        assert watcher.step() == watching.DEBOUNCE_S
        world.now += watching.DEBOUNCE_S / 2
    assert keys(world.other) == []
    world.go(watcher, 0.1)
    assert len(keys(world.other)) == 10 and len(world.told) == 1
    since = world.now
    while world.now < since + watching.LONGEST_DEBOUNCE_S + watching.DEBOUNCE_S:
        write(world.one.path, f"b{world.now}")
        watcher.step()
        world.now += watching.DEBOUNCE_S / 2
    assert len(keys(world.other)) > 10
    watcher.close()


def test_news_of_a_remote_arrive(world: World) -> None:
    """What another program writes to a file that is watched arrives, and what somebody puts into a folder."""
    watcher = world.watcher(lambda: FilePeer(world.other))
    world.go(watcher, 1)
    write(world.other.path, "b")
    world.go(watcher, 0.5)
    assert keys(world.one) == ["b"]
    watcher.close()
    watcher = world.watcher(lambda: Folder("dir:team", str(world.folder)))
    world.go(watcher, 1)
    write(world.other.path, "c")
    world.other.sync(f"dir:{world.folder}")
    world.go(watcher, 6)
    assert keys(world.one) == ["b", "c"]
    watcher.close()


def test_what_comes_from_one_remote_is_in_the_next_within_a_moment(world: World) -> None:
    """What a peer wrote that does not visit a folder itself is put there by who got it, as soon as nobody else did."""
    remotes = {"peer": lambda: FilePeer(world.other), "team": lambda: Folder("dir:team", str(world.folder))}
    watcher = Watcher(world.one, remotes, world._sync, told=world._hear, now=lambda: world.now, chance=random.Random(1))
    write(world.one.path, "a")
    world.go(watcher, 2)
    before = len(list(world.folder.rglob("*.crdt")))
    write(world.other.path, "b")
    world.go(watcher, 1.5)
    assert keys(world.one) == ["a", "b"]
    assert len(list(world.folder.rglob("*.crdt"))) == before + 1
    watcher.close()


def test_glances_that_take_long_are_rare(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A remote is looked at as often as that is cheap: seldom where it takes long each time, and as before where it did once."""
    costs, looks = iter([0.05] + [0.0] * 20 + [0.05] * 1_000), []

    def glance(_: FilePeer) -> str:
        looks.append(world.now)
        world.now += next(costs)
        return "same"

    monkeypatch.setattr(FilePeer, "glance", glance)
    watcher = world.watcher(lambda: FilePeer(world.other))
    while len(looks) < 30:
        world.go(watcher, 0.1)
    distances = [after - before for before, after in pairwise(looks[2:])]
    assert max(distances[:18]) < 0.1 and sum(distances[-5:]) > 10
    watcher.close()


class Costly(FilePeer):
    """A remote whose glances cost money, and which says itself when there is news."""

    pause_s = 5.0

    def __init__(self, replica: Replica) -> None:
        super().__init__(replica)
        self.looks, self.wake = 0, lambda: None

    def listen(self, wake: Callable[[], None]) -> None:
        """Keep whom to wake."""
        self.wake = wake

    def glance(self) -> str | None:
        """Count."""
        self.looks += 1
        return super().glance()


def test_only_who_has_news_is_looked_at(world: World, tmp_path: Path) -> None:
    """A remote that says that there is news is looked at once, and at once; another one, whose glances cost money, is not."""
    woken, other = Costly(world.other), Costly(peers.replica(tmp_path / "3.db", SCHEMA, site=3))
    watcher = Watcher(
        world.one,
        {"woken": lambda: woken, "other": lambda: other},
        _with_open,
        now=lambda: world.now,
        chance=random.Random(1),
    )
    world.go(watcher, 11)
    before, world.now = (woken.looks, other.looks), world.now + 0.001
    for line in watcher.lines:
        line.glance_at = line.due_at = world.now + 5
    woken.wake()
    watcher.step()
    watcher.step()
    assert (woken.looks, other.looks) == (before[0] + 1, before[1])
    watcher.close()


def test_two_watchers_of_one_file_do_not_fight(world: World) -> None:
    """Two watchers of one file come to rest after each write."""
    watchers = [world.watcher(lambda: Folder("dir:team", str(world.folder))) for _ in range(2)]
    write(world.one.path, "a")
    for watcher in watchers * 3:
        world.go(watcher, 1)
    before = len(list(world.folder.rglob("*.crdt")))
    assert sum(world.go(watcher, 2) for watcher in watchers) == 0
    assert len(list(world.folder.rglob("*.crdt"))) == before == 1
    for watcher in watchers:
        watcher.close()


def test_what_fails_is_tried_again_later_and_later(world: World) -> None:
    """A remote that fails is tried again, at growing and uneven distances up to a minute, also where nothing is written; then all goes on."""
    watcher = world.watcher(lambda: FilePeer(world.other))
    world.broken = errors.TransportError("no way")
    write(world.one.path, "a")
    tried = [world.go(watcher, 60) for _ in range(4)]
    assert tried[0] >= 4 and tried[-1] <= 2 and sum(tried) < 20
    assert {str(error) for error in world.told} == {"no way"}
    write(world.one.path, "b")
    assert world.go(watcher, 0.1) == 0
    world.broken = None
    world.go(watcher, 61)
    assert keys(world.other) == ["a", "b"]
    watcher.close()


def test_a_remote_that_goes_and_comes_back(world: World, tmp_path: Path) -> None:
    """A folder that is not there for a while is opened anew when it is back."""
    watcher = world.watcher(lambda: Folder("dir:team", str(world.folder)))
    write(world.one.path, "a")
    world.go(watcher, 1)
    world.folder.rename(tmp_path / "away")
    write(world.one.path, "b")
    world.go(watcher, 3)
    assert any(isinstance(what, errors.TransportError) for what in world.told)
    (tmp_path / "away").rename(world.folder)
    world.go(watcher, 10)
    assert len(list(world.folder.rglob("*.crdt"))) == 2
    watcher.close()


def test_what_came_is_told_to_who_asks(world: World) -> None:
    """`on_change` gets each row that came from others once, with what was done to it and by whom, and no row that was written here."""
    stop, came, times = threading.Event(), [], []
    write(world.other.path, "before")
    world.one.sync(world.other)

    def hear(entries: list[LogEntry]) -> None:
        came.extend((entry.table, entry.key, entry.did, entry.site) for entry in entries)
        times.append(len(came))
        if len(times) == 3:
            stop.set()
        else:
            write(world.one.path, f"mine{len(times)}")
            write(world.other.path, f"more{len(times)}")

    write(world.other.path, "a")
    write(world.other.path, "b")
    world.one.watch(world.other, on_change=hear, stop=stop)
    site = world.other.site
    assert sorted(came) == [("task", (key,), "inserted", site) for key in ("a", "b", "more1", "more2")]
    assert times == [2, 3, 4]


def test_watching_ends(world: World, tmp_path: Path) -> None:
    """`watch` returns when the event is set, and refuses at once what it could never watch."""
    stop = threading.Event()
    write(world.one.path, "a")
    world.one.watch(world.other, stop=stop, told=lambda name, what: stop.set())
    assert keys(world.other) == ["a"]
    with pytest.raises(errors.UsageError, match="there is no transport gopher:"):
        world.one.watch("gopher://x", stop=stop)
    with pytest.raises(errors.UsageError, match="has no remotes"):
        world.one.watch(stop=stop)


@pytest.mark.parametrize("address", ["", "dir:", "file:", "ssh://host", "http://", "nats://", "s3://"])
def test_what_can_never_work_is_not_watched(world: World, address: str) -> None:
    """An address that can never work ends `watch` before any other remote is synced with, as it does `sync`."""
    write(world.one.path, "a")
    for call in (world.one.sync, lambda remote: world.one.watch(world.other, remote, told=lambda *_: None)):
        with pytest.raises(errors.UsageError):
            call(address)
    assert keys(world.other) == []


@pytest.mark.parametrize("remote", [None, 5])
def test_what_is_no_remote_is_not_watched(world: World, remote: object) -> None:
    """What is no remote at all is refused by `watch` as by `sync`."""
    for call in (world.one.sync, world.one.watch):
        with pytest.raises(errors.UsageError, match="is nothing to sync with"):
            call(remote)


def test_a_remote_that_is_missing_at_first(world: World) -> None:
    """A file that can't be opened yet is told of, and tried again, when the others are watched already."""
    stop, told = threading.Event(), []

    def hear(name: str, what: SyncReport | CrdtsqlError) -> None:
        told.append((name, type(what)))
        if len(told) == 2:
            stop.set()

    write(world.one.path, "a")
    gone = str(world.folder / "gone.db")
    world.one.watch(gone, world.other, told=hear, stop=stop)
    assert told == [(gone, errors.DatabaseError), (world.other.path, SyncReport)]


def test_a_signal_that_comes_as_a_wait_ends(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A watcher ends that is told to by a signal whose handler goes on for longer than the watcher would have waited."""
    monkeypatch.setattr(watching, "pause_s", lambda _: 0.2)
    stop, watcher = threading.Event(), world.watcher(lambda: FilePeer(world.other))
    waked = threading.Timer(20, lambda: watcher._wake(watcher.lines[0]))

    def end(*_: object) -> None:
        time.sleep(0.3)
        stop.set()

    before = signal.signal(signal.SIGALRM, end)
    waked.start()
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        watcher.run(stop)
        assert waked.is_alive(), "it waited until somebody woke it"
    finally:
        waked.cancel()
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_watches_until_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    """`sync --watch` carries what the sqlite3 shell writes, and ends with 0 when it is told to."""
    with peers.replica(tmp_path / "1.db", SCHEMA) as one:
        one.clone(tmp_path / "2.db").close()
    command = [*COMMAND, "sync", str(tmp_path / "1.db"), str(tmp_path / "2.db"), "--watch", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout and process.stderr
        execute(tmp_path / "1.db", "INSERT INTO task VALUES ('a', 'x')")
        assert b'"inserted": 1' in process.stdout.readline()
        process.send_signal(number)
        assert (process.wait(timeout=60), process.stderr.read()) == (0, b"")
    with Replica.open(tmp_path / "2.db") as other:
        assert keys(other) == ["a"]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_was_filled_separately_waits(world: World, tmp_path: Path, kind: str) -> None:
    """A watcher that may refuse leaves a remote alone whose rows were filled separately, and goes on with others; once they have met it takes it up."""
    third = peers.replica(tmp_path / "3.db", SCHEMA, site=3)
    for replica in (world.one, world.other):
        replica.connection.execute("INSERT INTO task VALUES ('a', ?)", (replica.path,))
    world.other.sync(f"dir:{world.folder}")
    before = sorted(world.folder.rglob("*"))
    told: list[tuple[str, SyncReport | CrdtsqlError]] = []
    reach = {"file": lambda: FilePeer(world.other), "folder": lambda: Folder("dir:team", str(world.folder))}[kind]
    watcher = Watcher(
        world.one,
        {"strange": reach, "other": lambda: FilePeer(third)},
        _with_open,
        options=SyncOptions(refuse_unrelated=True),
        told=lambda name, what: told.append((name, what)),
        now=lambda: world.now,
        chance=random.Random(1),
    )
    world.go(watcher, 60)
    write(world.one.path, "b")
    world.go(watcher, 1)
    refused = [what for name, what in told if name == "strange"]
    assert 3 < len(refused) < 20 and {type(what) for what in refused} == {errors.FilledSeparatelyError}
    assert keys(third) == ["a", "b"] and keys(world.other) == ["a"] and sorted(world.folder.rglob("*")) == before
    world.one.sync(reach())
    del told[:]
    world.go(watcher, 61)
    write(world.one.path, "c")
    world.go(watcher, 61)
    assert not any(isinstance(what, CrdtsqlError) for _, what in told)
    if kind == "folder":
        world.other.sync(f"dir:{world.folder}")
    assert keys(world.other) == ["a", "b", "c"]
    watcher.close()


def test_the_command_asks_nobody_while_it_watches(tmp_path: Path) -> None:
    """`sync --watch` says what to run where it would have to ask, and merges it with `--yes`."""
    one, other = (tmp_path / f"{number}.db" for number in (1, 2))
    for number, path in enumerate((one, other), 1):
        with peers.replica(path, SCHEMA, site=number) as replica:
            replica.connection.execute("INSERT INTO task VALUES ('a', ?)", (str(path),))
            if path == one:
                replica.add_remote("it", f"file:{other}")
    for words in ([str(other)], []):
        with subprocess.Popen(
            [*COMMAND, "sync", str(one), *words, "--watch"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout and process.stderr
            told = process.stderr.readline().decode()
            process.send_signal(signal.SIGTERM)
            assert (process.wait(timeout=60), process.stdout.read()) == (0, b"")
        again = " ".join(["crdtsql", "sync", str(one), *(words or ["it"]), "--yes"])
        assert "filled separately" in told and f"`{again}`" in told and f"`crdtsql combine {one} {other}`" in told
    command = [*COMMAND, "sync", str(one), str(other), "--watch", "--yes", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert b'"concurrent": 1' in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0


def test_the_command_names_a_remote_once(tmp_path: Path) -> None:
    """`sync --watch` says which remote failed once in a line, by the name that the user gave."""
    with peers.replica(tmp_path / "1.db", SCHEMA) as one:
        one.add_remote("team", f"dir:{tmp_path / 'gone'}")
    for given, said in ((f"dir:{tmp_path / 'gone'}", ""), ("team", "team: ")):
        command = [*COMMAND, "sync", str(tmp_path / "1.db"), given, "--watch"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr
            line = process.stderr.readline()
            process.send_signal(signal.SIGTERM)
        assert line.startswith(f"crdtsql: {said}dir:{tmp_path / 'gone'}: there is no such folder"), line
