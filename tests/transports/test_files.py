"""Folders that fsspec reaches, as stores: in memory, and on this machine's disk; what is said where something is missing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem

from crdtsql import errors
from crdtsql.transports.addresses import opener, parse
from crdtsql.transports.interface import Context, Entry
from crdtsql.transports.services import files
from crdtsql.transports.services.files import Files
from tests.support import peers

NAME = "a1" * 16 + "/file.crdt"


def opened(address: str) -> Any:
    """Open an address as a sync does."""
    found = parse(address)
    return opener(found)(found, Context(1.0))


@pytest.fixture(params=["memory", "disk"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    """Give a folder in which nothing is."""
    if request.param == "memory":
        return opened(f"memory://{tmp_path.name}/team")
    return Files("disk:team", LocalFileSystem(skip_instance_cache=True), str(tmp_path / "team"))


def test_two_replicas_meet(tmp_path: Path, store: Files) -> None:
    """What one puts there another one takes, and an empty folder becomes a store by that."""
    one, other = peers.two(tmp_path, "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title)")
    one.connection.execute("INSERT INTO task VALUES ('a', 'x')")
    assert not store.exists()
    assert (one.sync(store).sent, other.sync(store).received, one.sync(store).received) == (1, 1, 0)
    assert other.connection.execute("SELECT id FROM task").fetchall() == [("a",)]
    assert store.exists()


def test_files_come_and_go(store: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is listed with its size, read, replaced and deleted; one that is missing or too large is None."""
    assert store.probe() == "lists what was just put, deletes"
    store.put(NAME, b"123")
    store.put(NAME, b"1234")
    (name, found), *others = store.entries().items()
    assert (name, found.size, others) == (NAME, 4, []) and isinstance(found, Entry) and found.mark
    assert list(store.get_many([NAME, NAME + "x"])) == [b"1234", None]
    monkeypatch.setattr(files, "PIECE_BYTES", 3)
    assert store.get(NAME) is None
    store.delete(NAME)
    store.delete(NAME)
    assert store.get(NAME) is None and not store.exists()


def test_only_an_empty_folder_becomes_a_store(store: Files) -> None:
    """A folder with other files is refused, and so is a store of another version."""
    store.put("letter.txt", b"Dear Ada")
    with pytest.raises(
        errors.TransportError, match="other files are there, such as 'letter.txt': give a folder of its own"
    ):
        store.exists()
    store.put("crdtsql-store.txt", b"crdtsql store 2\n")
    with pytest.raises(errors.TransportError, match="a store of another version"):
        store.exists()


def test_what_fails_is_said_in_one_line(store: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a protocol raises becomes one line with the address; a listing that fails is not taken for an empty folder."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the line is dead\nand more")

    for verb in ("find", "cat_file", "pipe_file", "rm_file"):
        monkeypatch.setattr(store._files, verb, fail, raising=False)
    for deed in (store.entries, lambda: store.get(NAME), lambda: store.put(NAME, b""), lambda: store.delete(NAME)):
        with pytest.raises(
            errors.TransportError, match=rf"{store.address} can't be reached.* \(the line is dead\): check"
        ):
            deed()


def test_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A protocol's package, and fsspec itself, are named where they are missing; an unknown protocol is none."""
    monkeypatch.setitem(sys.modules, "paramiko", None)
    monkeypatch.delitem(sys.modules, "fsspec.implementations.sftp", raising=False)
    with pytest.raises(
        errors.TransportError, match="^sftp://host/team: .*paramiko.*: install that .*, then sync again$"
    ):
        opened("sftp://host/team")
    with pytest.raises(errors.UsageError, match="there is no transport zork:"):
        opened("zork://host/team")
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(errors.TransportError, match=r"pip install 'crdtsql\[fsspec\]'"):
        opened("memory://team")


@pytest.mark.parametrize("address", ["sftp://me:secret@host/team", "memory://", "sftp:team"])
def test_addresses_that_are_none(address: str) -> None:
    """A password in an address is refused, and so is an address without a folder."""
    with pytest.raises(errors.UsageError):
        opened(address)
