"""The commands that say whom a file believes, and who may write what."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from tests.support.command import execute, make, ok, query, refused

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY, title); CREATE TABLE note (id TEXT PRIMARY KEY, body)"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with two replicas that have met, and be in it."""
    monkeypatch.chdir(tmp_path)
    make(Path("app.db"), SCHEMA, [("a", "x")])
    ok("enable", "app.db", "task", "note")
    ok("clone", "app.db", "laptop.db")
    return tmp_path


def test_from_nobody_to_trusted(folder: Path) -> None:
    """What a refusal tells to run, and what `sign` prints for others, can be pasted, and lets the changeset in."""
    assert "--no-require-signed" in ok("trust", "--help")
    assert "are not signed are taken too" in ok("trust", "app.db")
    assert "from trusted sites alone" in ok("trust", "app.db", "--require-signed")
    execute(folder / "laptop.db", "INSERT INTO task VALUES ('b', 'of laptop')")
    assert "takes signed ones alone" in refused("sync", "laptop.db", "app.db")
    told = ok("sign", "laptop.db")
    (command,) = re.findall(r"for other files: crdtsql (trust FILE .*)", told)
    error = refused("sync", "laptop.db", "app.db")
    (pasted,) = re.findall(r"`crdtsql (trust app\.db [^`]*)`", error)
    assert pasted == command.replace("FILE", "app.db")
    listed = ok(*shlex.split(pasted))
    assert "trusted" in listed
    ok("sync", "laptop.db", "app.db")
    assert len(query(folder / "app.db", "SELECT id FROM task")) == 2
    assert "own" in ok("trust", "laptop.db")
    ok("sign", "laptop.db", "--rotate")
    execute(folder / "laptop.db", "INSERT INTO task VALUES ('c', 'of laptop')")
    ok("sync", "laptop.db", "app.db")
    site = json.loads(ok("sign", "laptop.db", "--json"))["site"]
    assert "revoked after" in ok("trust", "app.db", site, "--revoke")
    execute(folder / "laptop.db", "INSERT INTO task VALUES ('d', 'of laptop')")
    assert f"crdtsql trust app.db {site}" in refused("sync", "laptop.db", "app.db")


def test_proofs_and_signatures_end_together(folder: Path) -> None:
    """One call ends both; it does not say to end the one first that it was told to end."""
    ok("sign", "app.db")
    ok("trust", "app.db", "--require-proofs")
    assert "--no-require-proofs` first" in refused("trust", "app.db", "--no-require-signed", code=2)
    assert "are not signed are taken too" in ok("trust", "app.db", "--no-require-signed", "--no-require-proofs")


def test_required_for_once(folder: Path) -> None:
    """`sync` and `import` take changesets from trusted sites alone for once, whatever the file says."""
    execute(folder / "laptop.db", "INSERT INTO task VALUES ('b', 'of laptop')")
    ok("export", "laptop.db", "-o", "all.crdt")
    assert "takes signed ones alone" in refused("import", "app.db", "all.crdt", "--require-signed")
    assert "takes signed ones alone" in refused("sync", "app.db", "laptop.db", "--require-signed")
    ok("import", "app.db", "all.crdt")
    assert len(query(folder / "app.db", "SELECT id FROM task")) == 2


def test_permissions_and_what_is_set_aside(folder: Path) -> None:
    """A permission is said, shown and ended; what it refuses is set aside, told by `status`, and taken or dropped."""
    site = json.loads(ok("members", "laptop.db", "--json"))[0]["site"]
    assert ok("allow", "app.db") == "every site may write anything\n"
    said = ok("allow", "app.db", site, "--tables", "note", "--no-delete")
    assert said.strip().endswith("note, no deletes; its own changes alone")
    assert ok("aside", "app.db") == "nothing is set aside\n"
    execute(folder / "laptop.db", "INSERT INTO task VALUES ('b', 'of laptop')")
    assert "set aside as 1: `crdtsql aside app.db`" in refused("sync", "app.db", "laptop.db")
    assert "set aside: 1 changesets" in ok("status", "app.db") and "writes table 'task'" in ok("aside", "app.db")
    assert "aside" in ok("doctor", "app.db")
    refused("aside", "app.db", "1", "--take")
    ok("allow", "app.db", site, "--only-own")
    assert "1 rows inserted" in ok("aside", "app.db", "1", "--take")
    ok("allow", "app.db", site, "--tables", "")
    execute(folder / "laptop.db", "INSERT INTO task VALUES ('c', 'of laptop')")
    refused("sync", "app.db", "laptop.db")
    assert f"`crdtsql allow app.db {site}`" in ok("aside", "app.db").splitlines()[1]  # on one line, however long
    ok("aside", "app.db", "2", "--drop")
    assert ok("allow", "app.db", site, "--all") == f"site {site} may write anything\n"
    ok("sync", "app.db", "laptop.db")


@pytest.mark.parametrize(
    "words",
    [
        "trust app.db --revoke",
        "trust app.db --key 00",
        "trust app.db --require-proofs --no-require-signed",
        "trust app.db laptop --key 00",
        "allow app.db --no-delete",
        "allow app.db SITE --no-delete --all",
        "aside app.db 1",
        "aside app.db --take",
        "aside app.db 1 --take --drop",
        "aside app.db 7 --drop",
    ],
)
def test_what_makes_no_sense(folder: Path, words: str) -> None:
    """Calls that say too little or too much change nothing, and end as wrong usage."""
    refused(*words.split(), code=2)
    assert folder.is_dir() and json.loads(ok("allow", "app.db", "--json")) == {"permissions": []}
