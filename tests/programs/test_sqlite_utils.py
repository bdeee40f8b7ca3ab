"""A database that sqlite-utils built, with a full-text index that triggers keep, on two machines."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from tests.programs import tools

PROGRAM = """
import gc, json, sys
from click.testing import CliRunner
from sqlite_utils.cli import cli
for line in sys.stdin:
    arguments, given = json.loads(line)
    done = CliRunner().invoke(cli, arguments, input=given)
    result = [done.exit_code, done.output + (repr(done.exception) if done.exception else "")]
    del done
    gc.collect()  # and with it whatever has the file open
    print(json.dumps(result), flush=True)
"""
"""Runs one command a line, for loading sqlite-utils takes many times as long as what a command does."""


@cache
def _program() -> subprocess.Popen[str]:
    """Start sqlite-utils; it ends with this process, which closes its input."""
    return subprocess.Popen([sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def utils(*arguments: str | Path, rows: list[dict[str, Any]] | None = None) -> str:
    """Run a command of sqlite-utils."""
    program = _program()
    assert program.stdin is not None
    assert program.stdout is not None
    given = json.dumps(rows) if rows is not None else ""
    program.stdin.write(json.dumps([[*map(str, arguments)], given]) + "\n")
    program.stdin.flush()
    code, words = json.loads(program.stdout.readline())
    assert code == 0, words
    return str(words)


def search(path: Path, words: str) -> list[str]:
    """Return the titles of the articles that have the words."""
    return sorted(row["title"] for row in json.loads(utils("search", path, "article", words)))


def build(path: Path) -> None:
    """Build the database."""
    people = [{"id": 1, "name": "Ada"}, {"id": 2, "name": "Bob"}]
    articles = [
        {"id": 1, "title": "On engines", "body": "The analytical engine weaves patterns", "author": 1},
        {"id": 2, "title": "On looms", "body": "The loom weaves flowers", "author": 2},
    ]
    utils("insert", path, "person", "-", "--pk", "id", rows=people)
    utils("insert", path, "article", "-", "--pk", "id", rows=articles)
    utils("add-foreign-key", path, "article", "author", "person", "id")
    utils("create-index", path, "person", "name", "--unique")
    utils("enable-fts", path, "article", "title", "body", "--create-triggers", "--tokenize", "porter")
    utils("insert", path, "tag", "-", "--pk", "article", "--pk", "label", rows=[{"article": 1, "label": "computing"}])


def test_full_text_search_on_two_machines(tmp_path: Path) -> None:
    """Articles that others wrote, changed or removed are found, or not found, by the index of each machine."""
    build(tmp_path / "a.db")
    a, b = tools.replicate(tmp_path / "a.db", "b")
    utils("insert", a, "article", "-", "--pk", "id", rows=[{"title": "On cards", "body": "Punched cards", "author": 1}])
    utils(
        "insert", b, "article", "-", "--pk", "id", rows=[{"title": "On valves", "body": "Glowing valves", "author": 2}]
    )
    utils("query", a, "UPDATE article SET body = 'The loom weaves carpets' WHERE id = 2")
    utils("upsert", b, "article", "-", "--pk", "id", rows=[{"id": 2, "title": "On old looms"}])
    utils("query", b, "DELETE FROM article WHERE id = 1")
    utils("insert", a, "tag", "-", "--pk", "article", "--pk", "label", rows=[{"article": 2, "label": "weaving"}])
    tools.sync(a, b)
    tools.check(a, b)
    for path in (a, b):
        assert search(path, "weave") == ["On old looms"]
        assert search(path, "carpets") == ["On old looms"]
        assert search(path, "flowers") == []
        assert search(path, "cards OR valves") == ["On cards", "On valves"]
        assert json.loads(utils("rows", path, "article", "-c", "id"))[0] == {"id": 2}


def test_bulk_writes_of_sqlite_utils(tmp_path: Path) -> None:
    """Rows that insert --replace and --ignore wrote on both machines converge, with the index and its UNIQUE name."""
    build(tmp_path / "a.db")
    a, b = tools.replicate(tmp_path / "a.db", "b")
    people = [{"id": number, "name": f"person {number % 7}"} for number in range(3, 8)]
    utils("insert", a, "person", "-", "--pk", "id", "--replace", rows=people)
    utils("insert", b, "person", "-", "--pk", "id", "--ignore", rows=people[::-1])
    more = [{"title": f"Title {n}", "body": f"words {n}", "author": 2} for n in range(20)]
    utils("insert", a, "article", "-", "--pk", "id", rows=more[:12])
    utils("insert", b, "article", "-", "--pk", "id", rows=more[12:])
    tools.sync(a, b)
    tools.check(a, b)
    for path in (a, b):
        assert len(search(path, "words")) == 20
