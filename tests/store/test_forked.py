"""Two files that write as one site, because an operator calls both by one id: what either wrote is never lost in silence."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import apsw
import pytest

from crdtsql import errors, sync
from tests.support.hosts import SCHEMA, Host, keys, renew, write


def forked(host: Host, path: Path, hub: Path, word: str, name: str, notes: str | None = None) -> errors.ForkedSiteError:
    """Sync a file with the hub, which must be refused and change nothing on either side."""
    before = keys(path), keys(hub)
    with pytest.raises(errors.ForkedSiteError) as caught:
        host.exchange(path, hub, word, name=name, notes=notes)
    assert (keys(path), keys(hub)) == before
    return caught.value


@pytest.mark.parametrize("name", ["first", "second"])
def test_a_restored_state_that_went_on_is_refused(host: Host, app: Path, hub: Path, name: str) -> None:
    """Where no note is kept and writes were stamped before any peer was asked, the next exchange is refused, at whatever place."""
    host.be("shop", name="first")
    before = host.site(app)
    backup = app.read_bytes()
    write(app, "later")
    host.exchange(app, hub, "shop", name="first")
    app.write_bytes(backup)
    write(app, "after")
    host.be("shop", name=name, notes="lost")
    with host.open(app) as opened:
        opened.fold()
        assert opened.site == before
    found = forked(host, app, hub, "shop", name, "lost")
    assert found.sites.keys() == {before}
    assert found.to_json()["details"]["sites"][before].isdigit()
    assert "CRDTSQL_REPLICA_ID" in str(found) and before in str(found)


@pytest.mark.parametrize("first", ["original", "copy"])
@pytest.mark.parametrize("earlier", ["original", "copy"])
@pytest.mark.parametrize("again", [None, "original", "copy", "both"])
def test_two_files_of_one_id_are_refused(
    host: Host, pair: dict[str, tuple[Path, str]], hub: Path, first: str, earlier: str, again: str | None
) -> None:
    """Of two files that write under one id as one site the second one that exchanges changes is refused, whichever that is.

    It makes no difference which one wrote earlier, and whether they start again, or write more. The other one goes on.
    """
    later = {"original": "copy", "copy": "original"}
    for one in (earlier, later[earlier]):
        path, name = pair[one]
        host.be("shop", name=name)
        write(path, f"of {one}")
        with host.open(path) as opened:
            opened.fold()
        if again in (one, "both"):
            pair[one] = (path, f"{name} again")
            host.be("shop", name=f"{name} again")
            write(path, f"again {one}")
            with host.open(path) as opened:
                opened.fold()
    (good, good_name), (bad, bad_name) = pair[first], pair[later[first]]
    host.exchange(good, hub, "shop", name=good_name)
    for _ in range(2):
        forked(host, bad, hub, "shop", bad_name)
        write(bad, f"more {len(keys(bad))}")
    write(good, "more of the good one")
    host.exchange(good, hub, "shop", name=good_name)


def test_a_file_that_parted_long_ago_is_told_apart(host: Host, pair: dict[str, tuple[Path, str]], hub: Path) -> None:
    """Who has heard of the starts of one file refuses another one that parted before them and has not written since."""
    (original, name), (copy, _) = pair.values()
    write(original, "of the original")
    host.be("shop", name=name)
    with host.open(original) as opened:
        opened.fold()
    for number in range(10):
        write(copy, f"of the copy {number}")
        host.exchange(copy, hub, "shop", name=f"machine of start {number}")
    forked(host, original, hub, "shop", name)


def test_who_hears_of_both_refuses_the_second(
    host: Host, pair: dict[str, tuple[Path, str]], hub: Path, tmp_path: Path
) -> None:
    """Replicas that have changes of one of two such files each refuse each other's."""
    host.be(name="hub")
    third = tmp_path / "third.db"
    with host.open(hub) as opened:
        opened.clone(third).close()
    for (path, name), other in zip(pair.values(), (hub, third), strict=True):
        host.be("shop", name=name)
        write(path, f"of {name}")
        host.exchange(path, other, "shop", name=name)
    host.be(name="hub")
    with host.open(hub) as one, host.open(third) as other, pytest.raises(errors.ForkedSiteError):
        sync(one, other)
    assert keys(hub) == {"first", "of first"} and keys(third) == {"first", "of second"}


def test_a_copy_that_wrote_nothing_is_told_apart(host: Host, pair: dict[str, tuple[Path, str]], hub: Path) -> None:
    """A second file of one id that has stamped nothing of its own yet is a new site as soon as a peer has changes of the first."""
    original, copy = pair["original"][0], pair["copy"][0]
    write(original, "of the original")
    before = host.exchange(original, hub, "shop", name="first")
    write(copy, "of the copy")
    assert host.exchange(copy, hub, "shop", name="second") != before
    assert host.exchange(original, hub, "shop", name="first") == before
    assert keys(hub) == {"first", "of the original", "of the copy"}


def test_a_changeset_from_before_the_start_is_taken(host: Host, app: Path, hub: Path, tmp_path: Path) -> None:
    """An old changeset of the same file, from before it started again, is merged, and does no harm where it has been."""
    host.be(name="hub")
    with host.open(hub) as opened:
        opened.clone(tmp_path / "third.db").close()
    host.be("shop", name="first")
    write(app, "early")
    with host.open(app) as opened:
        early = opened.export()
    for number in range(6):
        renew(app)
        write(app, f"later {number}")
        host.exchange(app, hub, "shop")
    host.be(name="hub")
    with host.open(hub) as opened, host.open(tmp_path / "third.db") as third:
        opened.merge(early)
        third.merge(early)
        assert keys(tmp_path / "third.db") == {"first", "early"}
        sync(opened, third)
    assert keys(tmp_path / "third.db") == keys(hub)


def test_a_store_leaves_out_what_a_second_file_put_there(
    host: Host, pair: dict[str, tuple[Path, str]], hub: Path, tmp_path: Path
) -> None:
    """Through a store each of two files of one id leaves out what the other put there, and says so; others leave out the second's."""
    address = f"dir:{tmp_path / 'team'}"
    (tmp_path / "team").mkdir()
    for path, name in pair.values():
        host.be("shop", name=name)
        write(path, f"of {name}")
        with host.open(path) as opened:
            opened.fold()
    left_out: dict[str, list[str]] = {"first": [], "second": [], "hub": []}
    for turn in range(2):
        for path, name in (*pair.values(), (hub, "hub")):
            host.be("shop" if name != "hub" else None, name=name)
            write(path, f"of {name} in turn {turn}")
            with host.open(path) as opened:
                left_out[name] += opened.sync(address).skipped
    assert all(found and "two files were written as one site" in found[0] for found in left_out.values())
    assert "of second" not in keys(pair["original"][0]) | keys(hub)
    assert keys(pair["copy"][0]).isdisjoint({"of first", "of first in turn 1"})


def test_the_way_out_of_two_files_of_one_id(
    host: Host, pair: dict[str, tuple[Path, str]], hub: Path, tmp_path: Path
) -> None:
    """What only the second file has comes in as the message says, and the second one is made anew."""
    for path, name in pair.values():
        host.be("shop", name=name)
        write(path, f"of {name}")
        with host.open(path) as opened:
            opened.fold()
    (original, _), (copy, _) = pair.values()
    host.exchange(original, hub, "shop", name="first")
    assert "disable COPY --all" in str(forked(host, copy, hub, "shop", "second"))
    plain = Path(shutil.copy(copy, tmp_path / "plain.db"))
    with host.open(plain) as opened:
        opened.disable(all=True)
    host.be("shop", name="first")
    with host.open(original) as opened:
        opened.combine(plain)
        copy.unlink()
        opened.clone(copy).close()
    host.exchange(original, hub, "shop", name="first")
    host.exchange(copy, hub, "shop 2", name="second")
    assert keys(hub) == {"first", "of first", "of second"}


@pytest.mark.parametrize("seed", range(1000, 1012))
def test_no_history_of_one_id_loses_in_silence(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Whatever is copied, moved, restored and started anew under one id: replicas that sync without an error show the same."""
    assert run(seed, tmp_path_factory.mktemp("history"), monkeypatch) > 0


def run(seed: int, folder: Path, patch: pytest.MonkeyPatch) -> int:
    """Run a random history of files of one id, and of others that hear of them; return how many syncs succeeded."""
    chance, host, done = random.Random(seed), Host(folder, patch), 0
    hubs = [folder / "hub.db", folder / "third.db"]
    host.be(name="hub")
    apsw.Connection(str(hubs[0])).execute(SCHEMA)
    with host.open(hubs[0]) as opened:
        opened.enable("task")
        opened.clone(hubs[1]).close()
        opened.clone(folder / "0.db").close()
    files, machines, backups = [folder / "0.db"], {0: "machine of 0"}, list[bytes]()
    for step in range(chance.randint(10, 40)):
        number = chance.randrange(len(files))
        path, name = files[number], machines[number]
        deed = chance.choice(["write", "write", "fold", "sync", "sync", "start", "copy", "back up", "restore", "hubs"])
        if deed == "write":
            write(path, f"{step}")
        elif deed == "fold":
            host.be("shop", name=name, notes=chance.choice([None, f"notes of {step}"]))
            with host.open(path) as opened:
                opened.fold()
        elif deed == "start":
            renew(path)
            machines[number] = f"machine of {step}"
        elif deed == "copy" and len(files) < 4:
            (folder / f"{step}").mkdir()
            machines[len(files)] = chance.choice([name, f"machine of {step}"])
            files.append(Path(shutil.copy(path, folder / f"{step}" / "app.db")))
            if chance.random() < 0.8:  # nothing shows that it is a copy
                renew(path)
        elif deed == "back up":
            backups.append(path.read_bytes())
        elif deed == "restore" and backups:
            path.write_bytes(chance.choice(backups))
        elif deed in ("sync", "hubs"):
            try:
                if deed == "sync":
                    host.exchange(path, chance.choice(hubs), "shop", name=name)
                else:
                    host.exchange(*hubs, name="hub")
                done += 1
            except errors.ForkedSiteError:
                pass
    return done
