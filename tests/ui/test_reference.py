"""The command `reference` as users type it."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from crdtsql.ui.cli import cli
from tests.support.command import make

SCHEMA = "CREATE TABLE session (id INTEGER PRIMARY KEY); CREATE TABLE line (id TEXT PRIMARY KEY NOT NULL, at INTEGER)"


def call(*words: object) -> str:
    """Run a command in this process."""
    done = CliRunner().invoke(cli, list(map(str, words)))
    return done.output


def test_declare_list_and_drop(tmp_path: Path) -> None:
    """It says what is followed from now on, lists it, takes it back, and says what is still to be done elsewhere."""
    path = make(tmp_path / "app.db", SCHEMA)
    call("enable", path, "--all")
    assert call("reference", path) == "0 references declared to crdtsql\n"
    declare = ("reference", path, "line.at", "session.id")
    assert call(*declare) == "line.at refers to session.id; run the same on every other replica\n"
    assert call(*declare) == "line.at refers to session.id already; run the same on every other replica\n"
    assert call("reference", path) == "line.at refers to session.id\n1 reference declared to crdtsql\n"
    (found,) = json.loads(call("reference", path, "--json"))
    assert (found["table"], found["columns"], found["parent"], found["missing"]) == ("line", ["at"], "session", "")
    assert "-- at refers to" not in call("schema", "show", path)
    assert "-- line.at refers to session.id\n" in call("schema", "show", path)
    assert "say what 'line.at' refers to" in call("reference", path, "line.at")
    assert (
        call("reference", path, "line.at", "--drop")
        == "line.at is not followed any more; run the same on every other replica\n"
    )
    assert (
        call("reference", path, "line.at", "--drop")
        == "of line.at nothing was declared; run the same on every other replica\n"
    )
