"""A command that is called all the time imports what it uses, and no more."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest

from crdtsql.ui.cli.group import PLACES, cli
from tests.support.command import make, ok

WINGS = {"base", "replica", "sqlite", "store", "types", "ui"}
HEAVY = {
    "asyncio", "bz2", "difflib", "importlib.metadata", "importlib.resources", "lzma", "msgpack", "random", "rich", "secrets", "shutil",
    "sqlite3", "sqlite_utils", "subprocess", "tempfile", "zstandard",
}  # fmt: skip
SYNC = {"merge", "transports"}


@pytest.mark.parametrize(
    ("verb", "arguments", "more"),
    [("vector", [], set()), ("sync", ["{}/copy.db"], SYNC | {"compaction"}), ("sync", ["dir:{}/team"], SYNC)],
)
def test_what_is_imported(tmp_path: Path, verb: str, arguments: list[str], more: set[str]) -> None:
    """With nothing new, `vector` and `sync` import none of the wings that merge, and of packages those alone that they need."""
    arguments = [one.format(tmp_path) for one in arguments]
    app = make(tmp_path / "app.db", "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title)")
    ok("enable", app, "task")
    ok("clone", app, tmp_path / "copy.db")
    (tmp_path / "team").mkdir()
    ok(verb, app, *arguments)
    code = """
import sys
from crdtsql.ui.cli import main
try:
    main()
finally:
    print(*sys.modules, sep="\\n")
"""
    done = subprocess.run(
        [sys.executable, "-c", code, verb, app, *arguments], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split("\n"))
    wings = {name.split(".")[1] for name in loaded if name.startswith("crdtsql.")}
    assert wings == WINGS | more
    assert not loaded & HEAVY
    assert {name for name in loaded if name.startswith("crdtsql.merge.")} <= {"crdtsql.merge.report"}


@pytest.mark.parametrize("module", sorted({*PLACES.values()}))
def test_where_the_commands_stand(module: str) -> None:
    """The list of commands names each of a module's, and `--help` shows them though none was imported."""
    group = click.Group()
    import_module(f"crdtsql.ui.cli.{module}").register(group)
    assert set(group.commands) == {name for name, place in PLACES.items() if place == module}
    assert set(group.commands) <= set(cli.list_commands(click.Context(cli)))
