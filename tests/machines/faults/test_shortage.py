"""Commands that get too little memory, too few descriptors, or no permission: they say so, and spoil nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.machines.faults import scenes
from tests.machines.faults.scenes import SCENES
from tests.machines.faults.test_faults import ALL, CASES, Trials
from tests.support.command import open_folder, run_unprivileged
from tests.support.shortage import descriptors, room

CHOSEN = CASES if ALL else CASES[::4]
STEPS = 40 if ALL else 5
MOST_DESCRIPTORS = 40


def test_too_little_memory(tmp_path: Path) -> None:
    """Wherever SQLite gets no more memory, a command says so in one line, and doing it again comes to the same as if it had had enough.

    In a process of its own: nobody counts memory in this one.
    """
    cases = [" ".join(case) for case in CHOSEN]
    command = [sys.executable, "-m", "tests.machines.faults.memory", str(tmp_path / "scene"), str(STEPS), *cases]
    subprocess.run(command, check=True)


@pytest.mark.parametrize(("name", "journal"), CHOSEN)
def test_too_few_descriptors(name: str, journal: str, tmp_path: Path) -> None:
    """However few files a command may have open, it does its work or says in one line that it can't."""
    trials = Trials(scenes.make(name, tmp_path / "scene", journal))
    for count in range(MOST_DESCRIPTORS):
        if not trials.try_with(descriptors(count)) and count > 0:
            return
    pytest.fail("it never had enough")


@pytest.mark.parametrize(("name", "journal"), CHOSEN + ([] if ALL else [("export", "wal")]))
def test_too_little_room(name: str, journal: str, tmp_path: Path) -> None:
    """Whatever size it is at which a file can't grow any more, a database, a journal or a changeset, a command says so in one line."""
    trials = Trials(scenes.make(name, tmp_path / "scene", journal))
    sizes = range(0, 1 << 18, 1 << 12) if ALL else [0, 512, *(1 << power for power in range(12, 18))]
    refused = [trials.try_with(room(size)) for size in sizes]
    assert any(refused)
    assert not trials.try_with(room(1 << 24))


def _file(folder: Path) -> None:
    for path in folder.iterdir():
        path.chmod(0o444)


def _folder(folder: Path) -> None:
    folder.chmod(0o555)


@pytest.mark.parametrize("what", [_file, _folder], ids=["file", "folder"])
@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_no_permission(what: Callable[[Path], None], journal: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files and folders that can't be written are left as they are; a command says so in one line, or needs to write nothing."""
    for name in SCENES if ALL else list(SCENES)[len(journal) % 2 :: 6]:
        with open_folder() as place:
            monkeypatch.setenv("CRDTSQL_STATE_DIR", str(place / "state"))
            trials = Trials(scenes.make(name, place / "scene", journal))
            trials.scene.bring_back()
            for path in (place, *place.rglob("*")):
                path.chmod(0o777 if path.is_dir() else 0o666)
            what(trials.scene.folder)
            done = run_unprivileged(*trials.scene.words)
            trials.scene.folder.chmod(0o777)
            told = done.stderr.decode()
            assert done.returncode in (0, 1), told
            assert "Traceback" not in told and "fault in crdtsql itself" not in told, told
            lines = [line for line in told.splitlines() if not line.startswith("crdtsql: ")]
            assert len(lines) == done.returncode, told
            trials.check("" if done.returncode == 0 else lines[0])
