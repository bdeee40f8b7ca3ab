"""Encrypted stores: what lies there can't be read, whoever was let in reads all of it, and nobody is led to put anything in clear."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Self

import apsw
import pytest
from click.testing import CliRunner

from crdtsql import Replica, sync
from crdtsql.base import TransportError, UsageError
from crdtsql.replica import SyncReport
from crdtsql.transports import secrecy
from crdtsql.transports.secrecy import device, readers, sealed
from crdtsql.transports.secrecy import ring as rings
from crdtsql.transports.stores import segments
from crdtsql.ui.cli import cli

SECRET = "words that nobody else may read"


class Machine:
    """A user on a machine of its own: a state directory, and a file."""

    def __init__(self, folder: Path, name: str) -> None:
        self.state, self.file = folder / f"state-{name}", folder / f"{name}.db"
        self._before: list[str] = []

    def __enter__(self) -> Self:
        self._before.append(os.environ["CRDTSQL_STATE_DIR"])
        os.environ["CRDTSQL_STATE_DIR"] = str(self.state)
        return self

    def __exit__(self, *_: object) -> None:
        os.environ["CRDTSQL_STATE_DIR"] = self._before.pop()

    @property
    def key(self) -> str:
        with self:
            return secrecy.own_key()

    def sync(self, address: str) -> SyncReport:
        with self:
            return sync(self.file, address)

    def write(self, statement: str) -> None:
        apsw.Connection(str(self.file)).execute(statement)

    def titles(self) -> list[str]:
        found = apsw.Connection(str(self.file)).execute("SELECT title FROM task ORDER BY id")
        return [title for (title,) in found]


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Machine, Machine, Machine]:
    """Give three machines with copies of one file, and the folder `team`; be beside it."""
    desk, laptop, phone = (Machine(tmp_path, name) for name in ("desk", "laptop", "phone"))
    monkeypatch.chdir(tmp_path)
    desk.write(f"CREATE TABLE task (id TEXT PRIMARY KEY, title TEXT); INSERT INTO task VALUES ('t1', '{SECRET}')")
    with Replica.open(desk.file) as replica:
        replica.enable("task")
        for other in (laptop, phone):
            replica.clone(other.file).close()
    (tmp_path / "team").mkdir()
    return desk, laptop, phone


@pytest.fixture
def team(machines: tuple[Machine, Machine, Machine]) -> str:
    """Give a store that the desk has encrypted, and has synced with."""
    desk, _, _ = machines
    with desk:
        secrecy.begin("dir:team", "desk")
    desk.sync("dir:team")
    return "dir:team"


def let_in(desk: Machine, other: Machine, name: str) -> None:
    key = other.key
    with desk:
        secrecy.add("dir:team", key, name)


def files(suffix: str) -> list[Path]:
    """List the files of the store with an ending, the oldest first."""
    return sorted(Path("team").rglob(f"*{suffix}"), key=lambda path: path.stat().st_mtime_ns)


def test_what_lies_there_is_not_readable(machines: tuple[Machine, Machine, Machine], team: str) -> None:
    """No file of the store has what was written, nor is one a changeset; a device that was not let in is refused, and changes nothing."""
    desk, laptop, _ = machines
    desk.write("INSERT INTO task VALUES ('t2', 'milk')")
    desk.sync(team)
    for path in files(""):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes() and b"milk" not in path.read_bytes()
    assert all(path.read_bytes().startswith(b"age-encryption.org/v1") for path in files(".crdt"))
    before = {path: path.stat().st_mtime_ns for path in files("")}
    with pytest.raises(TransportError, match="encryption add dir:team " + laptop.key):
        laptop.sync(team)
    assert {path: path.stat().st_mtime_ns for path in files("")} == before
    assert laptop.titles() == [SECRET]


def test_whoever_is_let_in_reads_all(machines: tuple[Machine, Machine, Machine], team: str) -> None:
    """A device that comes later reads what was put there before it came, and before the key was changed, and others read what it puts there."""
    desk, laptop, phone = machines
    desk.write("INSERT INTO task VALUES ('t2', 'first key')")
    desk.sync(team)
    with desk:
        secrecy.rotate(team)
    desk.write("INSERT INTO task VALUES ('t3', 'second key')")
    desk.sync(team)
    let_in(desk, laptop, "laptop")
    laptop.write("INSERT INTO task VALUES ('t4', 'of the laptop')")
    laptop.sync(team)
    desk.sync(team)
    assert desk.titles() == laptop.titles() == [SECRET, "first key", "second key", "of the laptop"]
    with laptop, pytest.raises(UsageError, match="only the device that began"):
        secrecy.add(team, phone.key, "phone")


def test_a_device_that_was_away_gets_in(machines: tuple[Machine, Machine, Machine], team: str) -> None:
    """A device that missed several changes of the key and of the members goes on as if it had been there."""
    desk, laptop, phone = machines
    let_in(desk, laptop, "laptop")
    laptop.sync(team)
    laptop.write("INSERT INTO task VALUES ('t9', 'written on the train')")
    for number in range(readers.KEPT_RINGS + 2):
        with desk:
            secrecy.rotate(team)
        desk.write(f"INSERT INTO task VALUES ('r{number}', 'round {number}')")
        desk.sync(team)
    let_in(desk, phone, "phone")
    assert len(files(".age")) == readers.KEPT_RINGS
    laptop.sync(team)
    desk.sync(team)
    phone.sync(team)
    assert desk.titles() == laptop.titles() == phone.titles() and "written on the train" in desk.titles()


def test_who_is_taken_out_reads_nothing_more(machines: tuple[Machine, Machine, Machine], team: str) -> None:
    """What is put there later can't be decrypted with what that device has, whatever it has kept; the device is told so."""
    desk, laptop, phone = machines
    let_in(desk, laptop, "laptop")
    let_in(desk, phone, "phone")
    laptop.sync(team)
    with laptop:
        kept, _ = secrecy.look(team)
    with desk:
        secrecy.remove(team, "laptop")
    desk.write("INSERT INTO task VALUES ('t2', 'not for the laptop')")
    desk.sync(team)
    assert kept.opened(files(".crdt")[-1].read_bytes()) is None
    with pytest.raises(TransportError, match="may not read it any more"):
        laptop.sync(team)
    phone.sync(team)
    assert phone.titles() == [SECRET, "not for the laptop"] and laptop.titles() == [SECRET]
    with desk, pytest.raises(UsageError, match="did you mean 'phone'"):
        secrecy.remove(team, "phon")
    with desk, pytest.raises(UsageError, match="can't take itself out"):
        secrecy.remove(team, "desk")


@pytest.mark.parametrize("what", ["rings", "all"])
def test_nothing_goes_there_in_clear_again(machines: tuple[Machine, Machine, Machine], team: str, what: str) -> None:
    """Whoever deletes the ring, or all of it, makes nobody put anything there in clear: who knew it puts it back, others wait for it."""
    desk, laptop, phone = machines
    let_in(desk, laptop, "laptop")
    laptop.sync(team)
    shutil.rmtree(Path("team", rings.FOLDER))
    if what == "all":
        for path in files(".crdt"):
            path.unlink()
    else:
        with pytest.raises(TransportError, match="encrypted"):
            phone.sync(team)
    laptop.write("INSERT INTO task VALUES ('t2', 'milk')")
    laptop.sync(team)
    assert all(path.read_bytes().startswith(b"age-encryption.org/v1") for path in files(".crdt"))
    desk.sync(team)
    assert "milk" in desk.titles() and len(files(".age")) == 1


def test_what_is_not_encrypted_is_not_taken(machines: tuple[Machine, Machine, Machine], team: str) -> None:
    """A changeset that lies there in clear, or encrypted to a key of somebody else, is left out, and said; the rest goes on."""
    desk, laptop, phone = machines
    let_in(desk, laptop, "laptop")
    with Replica.open(phone.file) as replica:
        replica.connection.execute("UPDATE task SET title = 'forged'")
        data = replica.export()
        stem = segments.stem_of(replica.site, data)
    folder = Path("team", stem[:32])
    folder.mkdir()
    (folder / f"{stem[33:]}.crdt").write_bytes(data)
    other = rings.Ring("", 1, (rings.new_key(),), ())
    beside = f"{stem[33:-1]}{'1' if stem.endswith('0') else '0'}"
    (folder / f"{beside}.crdt").write_bytes(other.sealed(data))
    laptop.write("INSERT INTO task VALUES ('t2', 'milk')")
    report = laptop.sync(team)
    assert any("not encrypted" in left for left in report.skipped)
    desk.sync(team)
    assert desk.titles() == laptop.titles() == [SECRET, "milk"]


def test_old_and_foreign_rings_do_not_count(machines: tuple[Machine, Machine, Machine], team: str) -> None:
    """An older ring that comes back, a ring of another group, and a damaged one change nothing; of two groups a newcomer takes neither."""
    desk, laptop, phone = machines
    let_in(desk, laptop, "laptop")
    let_in(desk, phone, "phone")
    old = {path: path.read_bytes() for path in files(".age")}
    laptop.sync(team)
    with desk:
        secrecy.remove(team, "phone")
    laptop.sync(team)
    for path in files(".age"):
        path.unlink()
    for path, data in old.items():
        path.write_bytes(data)
    keys = [rings.Reader(machine.key, name) for machine, name in ((laptop, "laptop"), (phone, "phone"))]
    name, forged = rings.write(rings.new_group(), 99, (rings.new_key(),), keys)
    Path("team", name).write_bytes(forged)
    damaged = next(iter(old.values()))
    Path("team", rings.name_of(98, damaged)).write_bytes(damaged[:-3])
    first = min(old)  # which the group signed before the laptop was let in
    Path("team", rings.name_of(97, old[first])).write_bytes(old[first])
    laptop.write("INSERT INTO task VALUES ('t2', 'milk')")
    report = laptop.sync(team)
    assert sum("ring-" in left for left in report.skipped) == 3
    with laptop:
        known = device.find(sealed_identity())
        ring, _ = secrecy.look(team)
    assert known is not None and known.version == ring.version == 4 and ring.group == known.group
    assert [one.name for one in ring.readers] == ["desk", "laptop"]
    with pytest.raises(TransportError, match="2 groups"):
        phone.sync(team)
    with phone:
        secrecy.join(team, ring.group)
    with pytest.raises(TransportError, match="encryption add"):
        phone.sync(team)  # the desk's newest ring, which is back, leaves it out
    with laptop, pytest.raises(UsageError, match="is known to be of the group"):
        secrecy.join(team, "0" * 64)


def test_a_group_that_was_misspelt(machines: tuple[Machine, Machine, Machine], team: str) -> None:
    """Whoever named a wrong group before the first sync is told so, takes nothing, and can name the right one; not after that."""
    desk, laptop, _ = machines
    let_in(desk, laptop, "laptop")
    with desk:
        ring, _ = secrecy.look(team)
    with laptop:
        secrecy.join(team, "0" * 64)
    with pytest.raises(TransportError, match="by another group than 0000.*crdtsql encryption join dir:team GROUP"):
        laptop.sync(team)
    with laptop:
        secrecy.join(team, ring.group)
    laptop.sync(team)
    with laptop, pytest.raises(UsageError, match="is known to be of the group"):
        secrecy.join(team, "0" * 64)


def sealed_identity() -> str:
    """Return how the store is kept in mind."""
    return f"dir:{os.path.realpath('team')}"


def test_large_changesets(machines: tuple[Machine, Machine, Machine], team: str) -> None:
    """A changeset of several pieces arrives, and no file is larger than a store takes; one that is cut off is put again."""
    desk, laptop, _ = machines
    let_in(desk, laptop, "laptop")
    desk.write(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30) "
        "INSERT INTO task SELECT 'b' || i, hex(randomblob(400000)) FROM n"
    )
    desk.sync(team)
    pieces = files(".part")
    assert len(pieces) > 1 and all(path.stat().st_size <= segments.PIECE_BYTES for path in pieces)
    for piece in pieces:  # of the changeset, and of the snapshot that was worth to be put
        piece.write_bytes(piece.read_bytes()[:-5])
    laptop.sync(team)
    assert len(laptop.titles()) == 1
    desk.write("INSERT INTO task VALUES ('t2', 'milk')")
    desk.sync(team)
    laptop.sync(team)
    assert laptop.titles() == desk.titles() and len(laptop.titles()) == 32


def test_only_empty_stores_are_begun(machines: tuple[Machine, Machine, Machine]) -> None:
    """A store with changesets in clear is not encrypted, nor one twice; of one in clear nobody changes members."""
    desk, laptop, _ = machines
    with desk, pytest.raises(TransportError, match="is not encrypted"):
        secrecy.rotate("dir:team")
    laptop.sync("dir:team")
    with desk, pytest.raises(UsageError, match="can read: encrypt an empty one"):
        secrecy.begin("dir:team")
    Path("other").mkdir()
    with desk:
        secrecy.begin("dir:other", "desk")
        with pytest.raises(UsageError, match="already"):
            secrecy.begin("dir:other", "desk")
        with pytest.raises(UsageError, match="no public key"):
            secrecy.add("dir:other", "age1", "x")
        with pytest.raises(UsageError, match="reads dir:other already"):
            secrecy.add("dir:other", laptop.key, "desk")
    with pytest.raises(UsageError, match="no store"):
        secrecy.look(str(desk.file))


def test_keys_are_for_their_user_alone(machines: tuple[Machine, Machine, Machine], team: str) -> None:
    """The private keys stand in one file that nobody else may read, and never in a database file."""
    desk, _, _ = machines
    path = desk.state / "device.json"
    assert path.stat().st_mode & 0o777 == 0o600
    with desk:
        private = device.private_key()
    assert private in path.read_text() and private.encode() not in desk.file.read_bytes()
    path.write_text("{")
    with pytest.raises(Exception, match=r"device.json can't be read .* no key in it counts"):
        desk.sync(team)


def test_commands(machines: tuple[Machine, Machine, Machine]) -> None:
    """The commands do what their functions do, and what an error says can be pasted."""
    desk, laptop, _ = machines
    call = CliRunner()
    with desk:
        assert (
            call.invoke(cli, ["encryption", "begin", "dir:team", "--name", "desk"]).output == "dir:team is encrypted\n"
        )
        assert call.invoke(cli, ["sync", "desk.db", "dir:team"]).exit_code == 0
    with laptop:
        refused = call.invoke(cli, ["sync", "laptop.db", "dir:team"])
    assert refused.exit_code == 1 and refused.output.count("\n") == 1
    command = refused.output.partition("`crdtsql ")[2].partition("`")[0].split()
    with desk:
        assert call.invoke(cli, command).exit_code == 0
        assert "this device says who reads it" in call.invoke(cli, ["encryption", "list", "dir:team"]).output
    with laptop:
        assert call.invoke(cli, ["sync", "laptop.db", "dir:team"]).exit_code == 0


def test_a_store_in_clear_needs_no_packages(
    machines: tuple[Machine, Machine, Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the packages stores in clear work; one that is encrypted says what to install."""
    desk, laptop, _ = machines
    with desk:
        secrecy.begin("dir:team", "desk")
    Path("clear").mkdir()
    monkeypatch.setitem(sys.modules, "pyrage", None)
    monkeypatch.delitem(sys.modules, rings.__name__)
    monkeypatch.delattr("crdtsql.transports.secrecy.ring", raising=False)
    laptop.sync("dir:clear")
    with pytest.raises(TransportError, match=r"pip install 'crdtsql\[encrypted\]'"):
        laptop.sync("dir:team")
    assert sealed.OVERHEAD_BYTES < segments.PIECE_BYTES
