"""Secret files: what is said, and left, where they can't be read or written."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from crdtsql import errors
from crdtsql.store.identity import secretfiles
from tests.support.command import make, ok, open_folder, run_unprivileged


def test_what_can_not_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk the file stays as it was, no part of a new one is left, and it is said which one and what to do."""
    path = tmp_path / "state" / "signing.json"
    with secretfiles.changing(path, "key") as kept:
        kept["site"] = ["secret"]

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with (
        pytest.raises(
            errors.CrdtsqlError,
            match=r"signing.json can't be written \(No space left.*make room there; nothing was changed",
        ),
        secretfiles.changing(path, "key") as kept,
    ):
        kept["site"] = ["another"]
    assert secretfiles.read(path, "key") == {"site": ["secret"]}
    assert {one.name for one in path.parent.iterdir()} == {"signing.json", ".signing.json.lock"}


def test_the_folder_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that a database names after a power cut is there: the folder is synced after the file has its name."""
    path, synced = tmp_path / "device.json", []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append((os.fstat(handle).st_mode & 0o170000, path.exists())))
    with secretfiles.changing(path):
        pass
    assert synced == [(0o100000, False), (0o040000, True)]


def test_no_permission_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may not read the file with the private keys is not told to delete it; nor one who may not write the folder, which is named."""
    with open_folder() as folder:
        state = folder / "state"
        monkeypatch.setenv("CRDTSQL_STATE_DIR", str(state))
        path = make(folder / "app.db", "CREATE TABLE task (id TEXT PRIMARY KEY)")
        ok("enable", path, "task")
        ok("sign", path)
        for one in (folder, state, path):
            one.chmod(0o777)
        for words in (("sign", path), ("export", path, "-o", folder / "x.crdt")):
            done = run_unprivileged(*words)
            said = done.stderr.decode()
            assert done.returncode == 1 and "signing.json can't be read (Permission denied)" in said
            assert "delete" not in said and "nothing was changed" in said
        monkeypatch.setenv("CRDTSQL_STATE_DIR", str(folder / "closed" / "state"))
        (folder / "closed").mkdir(mode=0o755)
        done = run_unprivileged("token", "add", path, "laptop")
        assert done.returncode == 1 and b"can't be written (Permission denied)" in done.stderr
        assert b"CRDTSQL_STATE_DIR" in done.stderr
