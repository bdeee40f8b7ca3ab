"""A file whose place changes, as in containers, of which an operator says which replica it is."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest
from click.testing import CliRunner

from crdtsql import errors
from crdtsql.base import starts_rule
from crdtsql.replica.opening import now_ms
from crdtsql.store import copies, starts
from crdtsql.ui.cli import cli
from crdtsql.wire import parsing, unpack
from tests.support.hosts import SCHEMA, Host, keys, renew, write

FORMS: dict[str, Callable[[Path], Path]] = {
    "stays": lambda path: path,
    "is replaced by a copy": lambda path: (renew(path), path)[1],
    "moves": lambda path: path.rename(path.with_name("moved.db")),
    "is copied and goes": lambda path: Path(shutil.copy(path, path.with_name("copy.db"))).rename(path),
}


@pytest.mark.parametrize("machine", ["first", None])
@pytest.mark.parametrize("form", FORMS)
def test_the_id_keeps_the_site(host: Host, app: Path, form: str, machine: str | None) -> None:
    """Under the id that it was written under a file stays the site that it is, whatever becomes of its place."""
    before = host.site(app)
    path = FORMS[form](app)
    host.be("shop", name=machine)
    with host.open(path) as opened:
        assert (opened.site, opened.notices) == (before, [])


@pytest.mark.parametrize("form", FORMS)
def test_without_the_id_the_place_decides(host: Host, app: Path, form: str) -> None:
    """Without the id a file that was written under one is a new site on another machine, or as another inode, as any file."""
    before = host.site(app)
    path = FORMS[form](app)
    host.be(name="first")
    assert (host.site(path) == before) == (form in ("stays", "moves"))
    host.be()
    assert host.site(path) != before


def test_a_hundred_starts_are_one_site(host: Host, app: Path, hub: Path) -> None:
    """A hundred starts of a container, each with another machine, no notes and another inode, are one site, and everything arrives."""
    before = host.exchange(app, hub, "shop", name="first")
    with host.open(app) as opened:
        vector = len(opened.vector())
    for number in range(100):
        renew(app)
        write(app, f"of start {number}")
        assert host.exchange(app, hub, "shop") == before
    with host.open(app) as opened:
        assert len(opened.vector()) == vector
        site = bytes.fromhex(before)
        assert len(starts.told(opened.registry, {})[site].starts) == starts_rule.KEPT
        (last,) = starts.told(opened.registry, opened.registry.vector())[site].starts
        assert last.number == 101
    assert len(keys(hub)) == 101


def test_without_the_id_each_start_is_a_site(host: Host, app: Path, hub: Path) -> None:
    """Without the id each start of a container is a new site."""
    sites = set()
    for number in range(3):
        renew(app)
        write(app, f"of start {number}")
        sites.add(host.exchange(app, hub))
    assert len(sites) == 3 and len(keys(hub)) == 4


def test_starts_without_writes_leave_nothing(host: Host, app: Path) -> None:
    """A start after which nothing was written is replaced by the next one."""
    for _ in range(3):
        host.be("shop")
        with host.open(app) as opened:
            assert opened.status().starts == 2
    host.be("shop", name="last")
    with host.open(app) as opened:
        write(app, "one")
        opened.fold()
    host.be("shop")
    with host.open(app) as opened:
        assert opened.status().starts == 3


def test_a_machine_with_notes_starts_once(host: Host, app: Path) -> None:
    """Where the place stays and notes are kept, a file starts once; nothing is written by those who only look."""
    host.be("shop", name="other")
    host.site(app)
    before = app.read_bytes()
    write_counts = [app.stat().st_mtime_ns]
    host.site(app)
    assert [app.stat().st_mtime_ns] == write_counts and app.read_bytes() == before


def test_another_place_is_a_start(host: Host, app: Path) -> None:
    """At another place a file starts, also where its note is kept; so two files are told apart that the note takes for one."""
    write(app, "here")
    host.be("shop", name="first")
    with host.open(app) as opened:
        opened.fold()
        before = opened.status().starts
    path = app.rename(app.with_name("moved.db"))
    for _ in range(2):
        with host.open(path) as opened:
            assert opened.status().starts == before + 1


def test_another_id_is_another_site(host: Host, app: Path, hub: Path, tmp_path: Path) -> None:
    """Copies of one file under ids of their own are sites of their own, once; each stays so when its place changes."""
    before, sites = host.site(app), {}
    for word in ("shop 2", "shop 3"):
        copy = tmp_path / f"{word}.db"
        shutil.copy(app, copy)
        host.be(word)
        with host.open(copy) as opened:
            assert f"it was the replica 'shop', and CRDTSQL_REPLICA_ID says that it is {word!r}" in opened.notices[0]
        for number in range(2):
            renew(copy)
            write(copy, f"{word} {number}")
            sites.setdefault(word, set()).add(host.exchange(copy, hub, word))
    assert [len(found) for found in sites.values()] == [1, 1]
    assert len({before}.union(*sites.values())) == 3
    assert host.exchange(app, hub, "shop", name="first") == before


def test_a_copy_beside_its_original_is_a_new_site(host: Host, app: Path, tmp_path: Path) -> None:
    """While the file that it was copied from is where it was, a copy is a new site though its id is the same."""
    host.be("shop", name="first")
    before = host.site(app)
    copy = Path(shutil.copy(app, tmp_path / "copy.db"))
    for machine in ("first", None):
        other = Path(shutil.copy(copy, tmp_path / "again.db"))
        host.be("shop", name=machine)
        with host.open(other) as opened:
            assert opened.site != before and f"{app}, which it was copied from, is still there" in opened.notices[0]
            assert "nothing is lost" in opened.notices[0]
    host.be("shop", name="first")
    assert host.site(app) == before


def test_a_restored_state_is_a_new_site_where_it_is_noted(host: Host, app: Path, hub: Path) -> None:
    """An older state that was restored is a new site, though its id is the same, where the note is kept; what peers have comes back."""
    before = host.site(app)
    backup = app.read_bytes()
    write(app, "later")
    host.exchange(app, hub, "shop", name="first")
    for replace in (False, True):
        if replace:
            app.unlink()
        app.write_bytes(backup)
        write(app, f"after {replace}")
        host.be("shop", name="first")
        with host.open(app) as opened:
            assert opened.site != before and "an older state of it was restored" in opened.notices[0]
        host.exchange(app, hub, "shop", name="first")
        assert keys(app) == keys(hub) > {"later", f"after {replace}"}


def test_a_restored_state_whose_first_command_is_a_sync_is_a_new_site(host: Host, app: Path, hub: Path) -> None:
    """Where no note is kept, a sync with a peer that had later changes makes a new site before anything is stamped."""
    before = host.site(app)
    backup = app.read_bytes()
    write(app, "later")
    host.exchange(app, hub, "shop", name="first")
    app.write_bytes(backup)
    write(app, "after")
    assert host.exchange(app, hub, "shop") != before
    assert keys(app) == keys(hub) == {"first", "later", "after"}


def test_an_import_notices_a_restored_state_before_it_stamps(host: Host, app: Path, hub: Path) -> None:
    """The import of a changeset from a peer that had later changes makes a new site before what waits is stamped."""
    before = host.site(app)
    backup = app.read_bytes()
    write(app, "later")
    host.exchange(app, hub, "shop", name="first")
    app.write_bytes(backup)
    write(app, "after")
    host.be(name="hub")
    with host.open(hub) as opened:
        changeset = opened.export()
    host.be("shop")
    with host.open(app) as opened:
        opened.merge(changeset)
        assert opened.site != before and opened.vector()[opened.site] > opened.vector()[before]
    assert keys(app) == {"first", "later", "after"}


@pytest.mark.parametrize("noted", [True, False])
def test_copies_that_are_reconciled_heed_no_operator(
    host: Host, app: Path, hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, noted: bool
) -> None:
    """What an operator says is said of the file, not of the copies of it that it takes in."""
    host.be("shop", name="first")
    host.clock = now_ms
    before, copy = host.site(app), Path(shutil.copy(app, tmp_path / "conflict copy.db"))
    renew(app)
    write(app, "here")
    write(copy, "there")
    host.be("shop")
    if not noted:
        monkeypatch.setattr(copies.Note, "write", lambda _: None)
    with host.open(app) as opened:
        opened.reconcile(copy)
        assert opened.site == before
    write(app, "later")
    assert host.exchange(app, hub, "shop") == before
    assert keys(hub) == {"first", "here", "there", "later"}


def test_a_clone_is_a_site_of_its_own(host: Host, app: Path, hub: Path, tmp_path: Path) -> None:
    """A clone that is made under an id is another site, and the file stays the one that it is."""
    before, clone = host.exchange(app, hub, "shop"), tmp_path / "clone.db"
    with host.open(app) as opened, opened.clone(clone) as other:
        assert other.site != before == opened.site
        assert [line.last for line in starts.told(other.registry, {}).values()] == [
            line.last for line in starts.told(opened.registry, {}).values()
        ]
    write(clone, "of the clone")
    host.exchange(clone, hub, "shop")
    host.exchange(app, hub, "shop")


def test_a_file_is_given_an_id_where_it_is(host: Host, hub: Path) -> None:
    """A file that had no id keeps its site where it is, and its first start is told once it has written something."""
    host.be(name="hub")
    before = host.site(hub)
    host.be("office", name="hub")
    with host.open(hub) as opened:
        assert (opened.site, opened.status().replica_id, opened.status().starts) == (before, "office", 1)
        assert starts.told(opened.registry, {}) == {}
        write(hub, "a")
        opened.fold()
        (line,) = starts.told(opened.registry, {}).values()
        assert line.upto == opened.vector()[before] > line.starts[0].since


def test_a_new_file_has_its_id_from_the_beginning(host: Host, tmp_path: Path) -> None:
    """A file whose first table is enabled under an id has it, and keeps its site when its place changes."""
    path = tmp_path / "new.db"
    apsw.Connection(str(path)).execute(SCHEMA)
    host.be("office")
    with host.open(path) as opened:
        opened.enable("task")
        before = opened.site
        assert opened.status().replica_id == "office"
    renew(path)
    host.be("office")
    assert host.site(path) == before


def test_a_file_that_can_not_be_written_stays_as_it_is(host: Host, app: Path, tmp_path: Path) -> None:
    """A file that can't be written keeps its site, and does not start."""
    before = host.site(app)
    path = Path(shutil.copy(app, tmp_path / "read only.db"))
    path.chmod(0o444)
    host.be("shop")
    if not os.access(path, os.W_OK):
        assert host.site(path) == before
    assert path.read_bytes() == app.read_bytes()


def test_notes_that_can_not_be_written_cost_nothing(host: Host, app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where notes can't be written, and the place stays, a file does not start again with each command."""
    monkeypatch.setattr(copies, "_can_note", lambda: False)
    monkeypatch.setattr(copies.Note, "write", lambda _: None)
    host.be("shop")
    host.site(app)
    content = app.read_bytes()
    host.site(app)
    assert app.read_bytes() == content


@pytest.mark.parametrize("word", [" shop", "a\nb", "x" * 65])
def test_an_id_is_some_printable_characters(host: Host, app: Path, word: str) -> None:
    """What can't be the id of a replica is refused, and changes nothing."""
    content = app.read_bytes()
    host.be(word)
    with pytest.raises(errors.UsageError, match="CRDTSQL_REPLICA_ID"):
        host.open(app)
    assert app.read_bytes() == content


def test_status_tells_the_id(host: Host, app: Path) -> None:
    """`status` says which replica a file is, and how often it has started."""
    host.be("shop")
    done = CliRunner().invoke(cli, ["status", os.fspath(app)])
    assert "replica id shop, start 2 of this site" in done.stdout
    found = json.loads(CliRunner().invoke(cli, ["status", os.fspath(app), "--json"]).stdout)
    assert (found["replica_id"], found["starts"]) == ("shop", 2)


SITE = "0" * 32
FIT = [20, [[1, 0, "00000000"], [3, 10, "ffffffff"]]]


@pytest.mark.parametrize(
    "wrong",
    [
        [20],
        [20, []],
        [20, [[1, 0, "00000000"]], 1],
        [-1, [[1, 0, "00000000"]]],
        [2000, [[n, n, "00000000"] for n in range(1, 66)]],
        [20, [[1, 0, "00000000"], [1, 10, "ffffffff"]]],
        [20, [[2, 0, "00000000"], [1, 10, "ffffffff"]]],
        [20, [[1, 11, "00000000"], [2, 10, "ffffffff"]]],
        [20, [[1, 20, "00000000"]]],
        [20, [[1, 0, "0000000"]]],
        [20, [[1, 0, "0000000G"]]],
        [20, [[1, 0, 10000000]]],
        [20, [["1", 0, "00000000"]]],
        {},
        None,
        "20",
    ],
)
def test_starts_that_no_honest_sender_tells_are_refused(host: Host, app: Path, wrong: object) -> None:
    """A header whose starts are not valid is refused."""
    with host.open(app) as opened:
        header = unpack(opened.export()).header.to_json()
    assert parsing.read_header(json.dumps(header | {"starts": {SITE: FIT}}).encode()).to_json()["starts"] == {SITE: FIT}
    with pytest.raises(errors.InvalidChangesetError):
        parsing.read_header(json.dumps(header | {"starts": {SITE: wrong}}).encode())
