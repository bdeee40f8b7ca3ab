"""Names that are typed wrongly, in every command: what there is, and what was probably meant."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import execute, make, ok, refused, run

SCHEMA = """
CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title TEXT UNIQUE, votes INTEGER);
CREATE TABLE "my notes" (id INTEGER PRIMARY KEY, body TEXT, task TEXT REFERENCES task(id));
CREATE TABLE plain (id TEXT PRIMARY KEY NOT NULL);
CREATE VIEW titles AS SELECT title FROM task;
"""
FOLDERS = ["plain", "my files", "it's", 'say "hi"', "$HOME", "-x", "a;b", "naïve"]


@pytest.fixture(params=["plain", "it's my $HOME"])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Give a file with two replicated tables and one that is not, in a folder with an ordinary and with an odd name."""
    folder = tmp_path / str(request.param)
    folder.mkdir()
    path = make(folder / "app.db", SCHEMA)
    ok("enable", path, "task", "my notes")
    return path


def calls(path: Path, table: str) -> Iterator[tuple[str, ...]]:
    """Yield every command that takes the name of a table, with that name."""
    file = str(path)
    yield "blame", file, table, "t1"
    yield "undelete", file, table, "t1"
    yield "purge", file, table, "t1"
    yield "disable", file, table
    yield "enable", file, table
    yield "doctor", file, table
    yield "rows", file, table, "add-wins"
    yield "type", file, f"{table}.title", "register"
    yield "unique", file, table, "title", "null"
    yield "reference", file, "my notes.task", f"{table}.id"
    yield "conflicts", file, "--table", table
    yield "held", file, "--table", table
    yield "renumbered", file, "--table", table
    yield "repair", file, "--restamp", table
    yield "resolve", file, "--with", "true", "--table", table
    yield "alter", file, f"ALTER TABLE {table} ADD COLUMN x"


def test_a_mistyped_table_is_answered_with_the_one_that_was_meant(app: Path) -> None:
    """Every command that takes a table says which one was meant, which ones there are, and not to enable what is not there."""
    for words in calls(app, "tsk"):
        line = refused(*words)
        assert "did you mean 'task'?" in line, line
        assert "my notes" in line and "`crdtsql enable" not in line, line


def test_a_table_that_is_not_replicated_is_to_be_enabled(app: Path) -> None:
    """A table that is in the file, however its name's letters are, is answered with the command that enables it, and that works."""
    assert "nothing of crdtsql is on it" in refused("disable", app, "plain")
    for words in [*calls(app, "PLAIN")][:2]:
        (command,) = re.findall(r"`(crdtsql [^`]*)`", refused(*words))
        assert command.endswith(" plain")
    assert "is a view" in refused("blame", app, "titles", "x")
    assert paste(command) == 0
    ok("rows", app, "plain", "add-wins")


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["type", "task.vots", "counter"], "'votes'"),
        (["enable", "plain", "-c", "idd=counter"], None),
        (["unique", "task", "titel", "null"], "'title'"),
        (["reference", "task.titel", "task.id"], "'title'"),
        (["alter", "ALTER TABLE task DROP COLUMN vots"], "'votes'"),
        (["alter", "ALTER TABLE task RENAME COLUMN vots TO x"], "'votes'"),
        (["alter", "DROP INDEX task_titl"], None),
    ],
)
def test_a_mistyped_column_is_answered_with_the_one_that_was_meant(
    app: Path, words: list[str], meant: str | None
) -> None:
    """Every command that takes a column says which one was meant."""
    done = run(words[0], app, *words[1:])
    line = done.stderr.decode().strip().splitlines()[-1]
    assert done.returncode and "Traceback" not in line
    assert meant is None or f"did you mean {meant}?" in line, line


def test_a_mistyped_path_is_answered_with_the_file_that_was_meant(app: Path) -> None:
    """A file that is not there is named as it was typed, with the one beside it that was probably meant."""
    wrong = app.with_name("ap.db")
    for words in (
        ["status", wrong],
        ["sync", app, wrong],
        ["schema", "diff", app, wrong],
        ["import", app, app.with_name("app.dc")],
    ):
        line = refused(*map(str, words))
        assert "did you mean" in line and str(app) in line, line
    assert not wrong.exists()


def test_a_mistyped_command_or_choice_is_wrong_usage(app: Path) -> None:
    """A command, an option, a policy, a type that there is not is answered with what there is, exit 2."""
    assert "'export'" in refused("exprot", app, code=2)
    assert "'--json'" in refused("status", "--jsn", app, code=2)
    assert "'add-wins'" in refused("rows", app, "task", "add-win", code=2)
    assert "'counter'" in refused("type", app, "task.votes", "countr", code=2)


def test_an_output_that_cannot_be_written_is_named_as_it_was_typed(app: Path) -> None:
    """`export -o` into a folder that is not there, or over a folder, names that path and no temporary one."""
    for name in ("nodir/x.crdt", "app.db/x.crdt", "."):
        target = str(app.parent / name)
        line = refused("export", app, "-o", target)
        assert target in line and "tmp" not in line.replace(str(app.parent), ""), line
    assert sorted(path.name for path in app.parent.iterdir()) == ["app.db"]


def test_a_database_is_never_overwritten_by_an_output(app: Path) -> None:
    """`export -o` onto a database, its own or another one, is refused: most likely the order of arguments was mistaken."""
    before = app.read_bytes()
    for target in (app, make(app.with_name("other.db"), SCHEMA)):
        assert "is an SQLite database" in refused("export", app, "-o", target)
    assert app.read_bytes() == before
    assert "there is no folder" in refused("clone", app, app.parent / "nodir" / "b.db")


def test_odd_arguments_are_no_fault_of_ours(app: Path) -> None:
    """Names that are empty or ours, and numbers that no integer of SQLite holds, are answered in one line."""
    assert "64 bits" in refused("resolve", app, "9" * 30, "--take", "ours")
    assert "none of yours" in refused("blame", app, "_crdt_log", "x")
    assert "is empty" in refused("status", "")
    assert "columns: id, title, votes" in refused("unique", app, "task", "", "null", code=2)


def paste(command: str, cwd: Path | None = None) -> int:
    """Run a command with the words that a shell takes it for."""
    tell = "crdtsql() { printf '%s\\0' \"$@\"; }\n"
    words = subprocess.run(["sh", "-c", tell + command], capture_output=True, check=True, cwd=cwd).stdout
    return run(*words.split(b"\0")[:-1], cwd=cwd).returncode


def test_a_file_that_is_not_replicated_is_to_be_enabled(tmp_path: Path) -> None:
    """Every command on an ordinary file suggests to enable its tables, which works."""
    path = make(tmp_path / "my app.db", SCHEMA)
    for words in (["status"], ["vector"], ["export", "-o", "-"], ["conflicts"], ["held"], ["renumbered"], ["repair"]):
        (command,) = suggestions(refused(words[0], path, *words[1:]))
    assert paste(command) == 0
    ok("vector", path)


def suggestions(text: str) -> list[str]:
    """Return the commands that an output suggests."""
    return re.findall(r"`(crdtsql [^`]*)`", text) + re.findall(
        r"(?:see them|why|the first|->):? (crdtsql [^`\n]*?)(?: \(or.*)?$", text, re.MULTILINE
    )


@pytest.mark.parametrize("folder", FOLDERS)
def test_suggested_commands_can_be_pasted(tmp_path: Path, folder: str) -> None:
    """Whatever characters a path and a table's name have, a command that is suggested works when a shell gets it."""
    (tmp_path / folder).mkdir()
    app, peer, name = f"{folder}/app.db", f"{folder}/peer.db", "my 'odd' \"$x\" table"
    quoted = name.replace('"', '""')
    make(
        tmp_path / app,
        f'CREATE TABLE "{quoted}" (id INTEGER PRIMARY KEY, t TEXT UNIQUE); CREATE TABLE other (id TEXT PRIMARY KEY)',
    )
    seen = set()

    def say(*words: str) -> None:
        done = run(*words, cwd=tmp_path)
        for command in suggestions((done.stdout + done.stderr).decode()):
            seen.add(command.split()[1])
            assert paste(command, tmp_path) == 0, command

    ok("enable", "--", app, name, cwd=tmp_path)
    say("blame", "--", app, "other", "x")
    ok("clone", "--", app, peer, cwd=tmp_path)
    for number, file in enumerate((app, peer)):
        execute(
            tmp_path / file,
            f"""INSERT INTO "{quoted}" VALUES (1, 'of {number}'); INSERT INTO "{quoted}" VALUES ({7 + number}, 'same')""",
        )
    say("sync", "--", app, peer)
    say("held", "--", app)
    execute(tmp_path / app, f'DELETE FROM "{quoted}" WHERE id = 1')
    for words in (["held", "--deleted"], ["doctor"], ["conflicts"], ["resolve"]):
        say(*words, "--", app)
    say("status", "--", peer)
    assert seen >= {"enable", "held", "renumbered", "undelete"}, seen
