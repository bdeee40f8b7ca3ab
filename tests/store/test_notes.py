"""The note outside of the file: whatever became of it, commands go on."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from crdtsql.store import copies
from tests.support.command import execute, make, ok, refused

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY, n INTEGER)"


def note_of(app: Path) -> Path:
    """Return where the note about a file is."""
    return copies.state_directory() / f"{json.loads(ok('status', app, '--json'))['site']}.json"


def _folder(note: Path) -> None:
    note.unlink()
    note.mkdir()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty": lambda note: note.write_bytes(b""),
    "cut off": lambda note: note.write_bytes(note.read_bytes()[:-5]),
    "binary": lambda note: note.write_bytes(bytes(range(256))),
    "zeros": lambda note: note.write_bytes(b"\0" * 200),
    "a list": lambda note: note.write_text("[]"),
    "a number": lambda note: note.write_text("7"),
    "null": lambda note: note.write_text("null"),
    "infinite": lambda note: note.write_text('{"generation": 1e999, "nonce": ""}'),
    "not a number": lambda note: note.write_text('{"generation": NaN, "nonce": ""}'),
    "too long a number": lambda note: note.write_text('{"generation": ' + "9" * 5000 + ', "nonce": ""}'),
    "words": lambda note: note.write_text('{"generation": "x", "nonce": []}'),
    "deep": lambda note: note.write_text("[" * 200_000),
    "a folder": _folder,
    "gone": lambda note: note.unlink(),
    "a link to nowhere": lambda note: (note.unlink(), note.symlink_to("/nowhere/at all")),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_note_proves_nothing(tmp_path: Path, damage: str) -> None:
    """A note that is damaged, empty, or no file is as none: the next commands work, and the file keeps its site."""
    app = make(tmp_path / "app.db", SCHEMA, [("a", 1)])
    ok("enable", app, "task")
    site, note = json.loads(ok("status", app, "--json"))["site"], note_of(app)
    DAMAGES[damage](note)
    execute(app, "UPDATE task SET n = n + 1")
    ok("export", app, "-o", tmp_path / "x.crdt")
    assert json.loads(ok("status", app, "--json"))["site"] == site
    assert not [path for path in note.parent.iterdir() if path.name.startswith(".note-")]


@pytest.mark.parametrize("kind", ["a file", "a link to nowhere", "read only"])
def test_a_state_folder_that_cannot_be_used_stops_nothing(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the notes' folder is none, or can't be written, commands work as ever."""
    folder = tmp_path / "notes"
    monkeypatch.setenv("CRDTSQL_STATE_DIR", str(folder / "below" if kind == "a file" else folder))
    if kind == "a file":
        folder.write_text("")
    elif kind == "a link to nowhere":
        folder.symlink_to("/proc/nowhere")
    else:
        folder.mkdir(mode=0o500)
    app = make(tmp_path / "app.db", SCHEMA, [("a", 1)])
    ok("enable", app, "task")
    execute(app, "UPDATE task SET n = 2")
    ok("export", app, "-o", tmp_path / "x.crdt")
    assert "are the same replica" in refused("sync", app, app)


def test_a_note_of_a_later_state_says_what_may_be_missing(tmp_path: Path) -> None:
    """A file that was restored goes on as a new site, and says that what came after is not in it; of a copy nothing is lost."""
    app = make(tmp_path / "app.db", SCHEMA, [("a", 1)])
    ok("enable", app, "task")
    saved = app.read_bytes()
    execute(app, "UPDATE task SET n = 2")
    ok("vector", app)
    with open(app, "r+b") as file:
        file.write(saved)
        file.truncate(len(saved))
        os.fsync(file.fileno())
    from tests.support.command import run

    said = run("vector", app).stderr.decode()
    assert "an older state of it was restored" in said and "comes back from a replica that has it" in said
    assert "nothing is lost" not in said
    (tmp_path / "copy.db").write_bytes(app.read_bytes())
    said = run("vector", tmp_path / "copy.db").stderr.decode()
    assert "it is a copy" in said and "nothing is lost" in said


def test_a_note_stays_one_file(tmp_path: Path) -> None:
    """A note is overwritten where it is, with as many bytes as before, and says how far the file has come; a link is replaced."""
    app = make(tmp_path / "app.db", SCHEMA, [("a", 1)])
    ok("enable", app, "task")
    note, said = note_of(app), []
    for _ in range(3):
        before = note.stat()
        execute(app, "UPDATE task SET n = n + 1")
        ok("vector", app)
        after = note.stat()
        assert (after.st_ino, after.st_size) == (
            before.st_ino,
            before.st_size,
        ) and after.st_size % copies.NOTE_BYTES == 0
        said.append(json.loads(note.read_text())["generation"])
    assert said == sorted({*said})
    elsewhere = note.rename(tmp_path / "elsewhere")
    note.symlink_to(elsewhere)
    execute(app, "UPDATE task SET n = n + 1")
    ok("vector", app)
    assert not note.is_symlink() and json.loads(note.read_text())["generation"] > said[-1]
    assert json.loads(elsewhere.read_text())["generation"] == said[-1]
